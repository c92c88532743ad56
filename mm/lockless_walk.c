// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lockless walks of page tables: what updaters call to be ordered against them,
 * or to wait for them.
 *
 * include/linux/lockless_walk.h has the contract.
 */
#include <linux/lockless_walk.h>
#include <linux/smp.h>
#include <asm/barrier.h>

static void lockless_walk_interrupted(void *unused)
{
	/* Taking the interrupt is what the caller waits for. */
}

/**
 * lockless_walk_wait_all() - wait for everything that has interrupts disabled
 *
 * When this returns, each other CPU has taken an interrupt since the call. Code
 * that ran there with interrupts disabled at the time of the call has left that
 * section. Code that runs under rcu_read_lock() alone is not waited for.
 *
 * Use lockless_walk_wait() to wait for walks of one mm. This one is for readers
 * that do not use lockless_walk_begin_irqsave(), see pmdp_get_lockless_sync().
 *
 * Context: Interrupts enabled. The caller may hold spinlocks that are not taken
 * with interrupts disabled.
 */
void lockless_walk_wait_all(void)
{
	smp_call_function(lockless_walk_interrupted, NULL, true);
}

/**
 * lockless_walk_wait() - wait for walks of an mm that have interrupts disabled
 * @mm: the mm in which an entry was cleared, or NULL to wait for walks of any mm
 *
 * When this returns, each walk of @mm that has interrupts disabled and that may
 * have read the entry before it was cleared has ended. That includes all walks
 * in IRQ mode, and those of lockless_walk_begin_irqsave() in both modes.
 *
 * Interrupts all other CPUs. With CONFIG_LOCKLESS_WALK_TRACKING it interrupts
 * only CPUs that are in such a walk of @mm.
 *
 * Context: Interrupts enabled. The caller may hold spinlocks that are not taken
 * with interrupts disabled.
 */
void lockless_walk_wait(struct mm_struct *mm)
{
	if (IS_ENABLED(CONFIG_LOCKLESS_WALK_TRACKING))
		lockless_walk_track_wait(mm, lockless_walk_interrupted);
	else
		lockless_walk_wait_all();
}

/**
 * lockless_walk_barrier() - order clearing an entry before reading a count
 * @mm: the mm in which the entry was cleared, or NULL if entries were cleared
 *	in several
 *
 * This is step (B) of an updater: (A) clears an entry, (C) reads the reference
 * count of the page. For each walk that takes a reference, either (C) sees the
 * reference, or the walk sees the cleared entry when it validates.
 *
 * In RCU mode this is a full barrier. Walks may still be in the tables that the
 * entry pointed to when it returns. In IRQ mode it waits for them like
 * lockless_walk_wait(), unless the architecture frees page tables after a TLB
 * flush: that flush has interrupted the CPUs already.
 *
 * Context: Process context, interrupts enabled. The caller may hold spinlocks
 * that are not taken with interrupts disabled.
 */
void lockless_walk_barrier(struct mm_struct *mm)
{
	if (IS_ENABLED(CONFIG_LOCKLESS_WALK_RCU))
		smp_mb(); /* (B); pairs with the atomic of gup_fast_grab_*(), step (3) */
	else if (IS_ENABLED(CONFIG_MMU_GATHER_RCU_TABLE_FREE))
		lockless_walk_wait(mm);
}
