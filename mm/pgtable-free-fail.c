// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection for mm/pgtable-free.c.
 */
#include <linux/fault-inject.h>
#include <linux/init.h>
#include "pgtable-free.h"

DECLARE_FAULT_ATTR(fail_pt_batch);

static int __init fail_pt_batch_init(void)
{
	fault_create_debugfs_attr("fail_pt_batch", NULL, &fail_pt_batch);
	return 0;
}
late_initcall(fail_pt_batch_init);
