// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs files, under lockless_walk/, that widen the windows in which a
 * lockless walk can race. A walk stays correct when delayed. For tests only.
 *
 *   pid             the process (thread group) whose walks are delayed; 0, the
 *                   default, delays no walk
 *   delay_path_us   microseconds to wait between reading the upper levels and
 *                   the first entry
 *   delay_read_us   the same between reading the entries and taking the
 *                   references
 *   delay_count_us  the same between reading a reference count and adding to it
 *   delay_ref_us    the same between taking the references and validating
 *   delay_edit_us   the same for a THP collapse by khugepaged or the process,
 *                   between its look at the counts and its edit of the table
 *   hits            delays so far; write 0 to reset
 *   inside          walks that are being delayed now
 *   stale           walks that read from a table after it was freed
 *   preemptible     1 where walks may be preempted, 0 where they are not
 *
 * A delay is a busy wait, in the context of the walk or the collapse.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include "lockless_walk_debug.h"

static u32 lockless_walk_debug_pid;
static u32 lockless_walk_debug_delay_us[NR_LOCKLESS_WALK_WINDOWS];
static atomic_t lockless_walk_debug_hits;
static atomic_t lockless_walk_debug_inside;
static atomic_t lockless_walk_debug_stale;
static u32 lockless_walk_debug_preemptible = IS_ENABLED(CONFIG_LOCKLESS_WALK_RCU) &&
				       IS_ENABLED(CONFIG_PREEMPT_RCU);

static bool lockless_walk_debug_current(void)
{
	u32 pid = READ_ONCE(lockless_walk_debug_pid);

	return unlikely(pid) && (pid == current->tgid || (current->flags & PF_KTHREAD));
}

void lockless_walk_debug_delay(enum lockless_walk_debug_window window)
{
	u32 us;

	if (!lockless_walk_debug_current())
		return;

	us = READ_ONCE(lockless_walk_debug_delay_us[window]);
	if (!us)
		return;

	atomic_inc(&lockless_walk_debug_hits);
	atomic_inc(&lockless_walk_debug_inside);
	for (; us > USEC_PER_MSEC; us -= USEC_PER_MSEC)
		udelay(USEC_PER_MSEC);
	udelay(us);
	/*
	 * A full barrier: an update that still finds this walk inside comes
	 * before the walk reads on. Pairs with those of the update's system call.
	 */
	atomic_dec_return(&lockless_walk_debug_inside);
}

/* A walk has read from @table: count it if that is no longer a page table. */
void lockless_walk_debug_table(struct page *table)
{
	if (lockless_walk_debug_current() && !PageTable(table))
		atomic_inc(&lockless_walk_debug_stale);
}

static int __init lockless_walk_debug_init(void)
{
	static const char * const delay[NR_LOCKLESS_WALK_WINDOWS] = {
		[LOCKLESS_WALK_WINDOW_PATH]	= "delay_path_us",
		[LOCKLESS_WALK_WINDOW_READ]	= "delay_read_us",
		[LOCKLESS_WALK_WINDOW_COUNT]	= "delay_count_us",
		[LOCKLESS_WALK_WINDOW_REF]	= "delay_ref_us",
		[LOCKLESS_WALK_WINDOW_EDIT]	= "delay_edit_us",
	};
	struct dentry *dir = debugfs_create_dir("lockless_walk", NULL);

	debugfs_create_u32("pid", 0600, dir, &lockless_walk_debug_pid);
	for (int i = 0; i < NR_LOCKLESS_WALK_WINDOWS; i++)
		debugfs_create_u32(delay[i], 0600, dir, &lockless_walk_debug_delay_us[i]);
	debugfs_create_atomic_t("hits", 0600, dir, &lockless_walk_debug_hits);
	debugfs_create_atomic_t("inside", 0400, dir, &lockless_walk_debug_inside);
	debugfs_create_atomic_t("stale", 0600, dir, &lockless_walk_debug_stale);
	debugfs_create_u32("preemptible", 0400, dir, &lockless_walk_debug_preemptible);
	return 0;
}
late_initcall(lockless_walk_debug_init);
