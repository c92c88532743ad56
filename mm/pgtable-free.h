/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault injection for mm/pgtable-free.c: no memory for a batch of page tables.
 */
#ifndef _MM_PGTABLE_FREE_H
#define _MM_PGTABLE_FREE_H

#include <linux/fault-inject.h>

#ifdef CONFIG_FAIL_PT_BATCH
extern struct fault_attr fail_pt_batch;

static inline bool pgtable_free_batch_fails(void)
{
	return should_fail(&fail_pt_batch, 1);
}
#else
static inline bool pgtable_free_batch_fails(void)
{
	return false;
}
#endif /* CONFIG_FAIL_PT_BATCH */

#endif /* _MM_PGTABLE_FREE_H */
