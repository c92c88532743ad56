// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs files, under pt_walk/, that widen the windows in which a lockless
 * walk can race, and that leave out validations. For tests only.
 *
 *   pid            the process (thread group) whose walks are meddled with;
 *                  0, the default, is nobody
 *   delay_read_us  microseconds to wait between reading the entries and
 *                  taking the references
 *   delay_ref_us   the same between taking the references and validating
 *   skip           levels that are not validated, bit 0 the PTE, bit 1 the
 *                  PMD, and so on
 *   hits           windows that were held open so far; write 0 to reset
 *
 * The wait is a busy one, in the context of the walk.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/sched.h>
#include "pt_walk_debug.h"

static u32 pt_walk_debug_pid;
static u32 pt_walk_debug_skip_levels;
static u32 pt_walk_debug_delay_us[NR_PT_WALK_WINDOWS];
static atomic_t pt_walk_debug_hits;

static bool pt_walk_debug_current(void)
{
	u32 pid = READ_ONCE(pt_walk_debug_pid);

	return unlikely(pid) && pid == current->tgid;
}

void pt_walk_debug_delay(enum pt_walk_debug_window window)
{
	u32 us;

	if (!pt_walk_debug_current())
		return;

	us = READ_ONCE(pt_walk_debug_delay_us[window]);
	if (!us)
		return;

	atomic_inc(&pt_walk_debug_hits);
	for (; us > USEC_PER_MSEC; us -= USEC_PER_MSEC)
		udelay(USEC_PER_MSEC);
	udelay(us);
}

bool pt_walk_debug_skip(enum pgtable_level level)
{
	return pt_walk_debug_current() &&
	       (READ_ONCE(pt_walk_debug_skip_levels) & BIT(level));
}

static int __init pt_walk_debug_init(void)
{
	struct dentry *dir = debugfs_create_dir("pt_walk", NULL);

	debugfs_create_u32("pid", 0600, dir, &pt_walk_debug_pid);
	debugfs_create_u32("skip", 0600, dir, &pt_walk_debug_skip_levels);
	debugfs_create_u32("delay_read_us", 0600, dir,
			   &pt_walk_debug_delay_us[PT_WALK_WINDOW_READ]);
	debugfs_create_u32("delay_ref_us", 0600, dir,
			   &pt_walk_debug_delay_us[PT_WALK_WINDOW_REF]);
	debugfs_create_atomic_t("hits", 0600, dir, &pt_walk_debug_hits);
	return 0;
}
late_initcall(pt_walk_debug_init);
