/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless walks of user page tables.
 *
 * Between lockless_walk_begin() and lockless_walk_end() no page table that the
 * walk can reach is given back to the page allocator. That is all a walk may
 * rely on:
 *
 *  - entries change underneath at any time, at every level;
 *  - a table may be detached, edited, and attached again, here or elsewhere,
 *    while the walk is in it;
 *  - the page that an entry maps may be freed at once.
 *
 * So read each entry once (ptep_get_lockless() and its kind), and descend
 * with the *_offset_lockless() helpers from the value that was read. A walk
 * that takes references has to validate the path it came by before it trusts
 * them, see mm/gup_fast.c. A walk that only reports what it saw needs no more
 * than that: its answer was true at some time during the walk.
 *
 * With CONFIG_LOCKLESS_WALK_RCU a walk is an RCU read-side critical section,
 * and interrupts stay as they are. All user page tables are freed by RCU, see
 * mm/pgtable-free.c. Otherwise a walk has interrupts disabled, and tables are
 * freed by RCU, or after a TLB flush that interrupts every CPU, as the
 * architecture has it.
 *
 * An updater that wants no new references to a page, or nobody in a table
 * before its entries are used for something else,
 *
 *  (A) clears an entry: the one that maps the page, or any above it
 *  (B) lockless_walk_barrier(), or another full barrier
 *  (C) looks at the reference count
 *
 * It edits the entries of a table that is detached before it attaches the table
 * again, with smp_wmb() or stronger between the two; and it gives back a table
 * only as mm/pgtable-free.c says. Nobody waits for walks to end, other than
 * RCU: a walk that validates finds out.
 *
 * A walk that cannot validate, because it writes to what it finds, disables
 * interrupts: lockless_walk_begin_irqsave(). An updater can wait for such walks
 * of its mm with lockless_walk_wait(). That interrupts all CPUs; with
 * CONFIG_LOCKLESS_WALK_TRACKING only those that are walking this mm, see
 * mm/lockless_walk_track.c.
 */
#ifndef _LINUX_LOCKLESS_WALK_H
#define _LINUX_LOCKLESS_WALK_H

#include <linux/irqflags.h>
#include <linux/lockdep.h>
#include <linux/lockless_walk_track.h>
#include <linux/rcupdate.h>

struct mm_struct;

/*
 * The most pages that a walk may visit between lockless_walk_begin() or
 * lockless_walk_restart() and the next lockless_walk_restart() or
 * lockless_walk_end(). This is what bounds the time that a walk can hold up a
 * grace period, or interrupts.
 */
#define LOCKLESS_WALK_CHUNK	512

/**
 * struct lockless_walk - a lockless page-table walk, on the stack of the walker
 * @irqflags: interrupt state to return to, if the walk disables them
 * @track: who waits for it is told by this
 */
struct lockless_walk {
	unsigned long irqflags;
	struct lockless_walk_track track;
};

/**
 * lockless_walk_begin_irqsave() - enter a lockless walk that can be waited for
 * @walk: the walk, uninitialised
 * @mm: whose tables will be walked; the caller keeps it alive
 *
 * Context: Any, NMI included. Walks nest. Interrupts are disabled until
 * lockless_walk_end_irqrestore().
 */
static inline void lockless_walk_begin_irqsave(struct lockless_walk *walk,
					       struct mm_struct *mm)
{
	local_irq_save(walk->irqflags);
	lockless_walk_track_begin(&walk->track, mm);
}

/**
 * lockless_walk_end_irqrestore() - leave a walk that can be waited for
 * @walk: the walk
 *
 * Context: The context of the matching lockless_walk_begin_irqsave().
 */
static inline void lockless_walk_end_irqrestore(struct lockless_walk *walk)
{
	lockless_walk_track_end(&walk->track);
	local_irq_restore(walk->irqflags);
}

/**
 * lockless_walk_begin() - enter a lockless walk
 * @walk: the walk, uninitialised
 * @mm: whose user tables will be walked; the caller keeps it alive
 *
 * Context: Any, NMI included. Walks nest. The walker must not sleep until
 * lockless_walk_end().
 */
static inline void lockless_walk_begin(struct lockless_walk *walk,
				       struct mm_struct *mm)
{
#ifdef CONFIG_LOCKLESS_WALK_RCU
	rcu_read_lock();
#else
	lockless_walk_begin_irqsave(walk, mm);
#endif
}

/**
 * lockless_walk_end() - leave a lockless walk
 * @walk: the walk
 *
 * Context: The context of the matching lockless_walk_begin().
 */
static inline void lockless_walk_end(struct lockless_walk *walk)
{
#ifdef CONFIG_LOCKLESS_WALK_RCU
	rcu_read_unlock();
#else
	lockless_walk_end_irqrestore(walk);
#endif
}

/**
 * lockless_walk_restart() - let updaters and interrupts in during a long walk
 * @walk: the walk
 * @mm: that of lockless_walk_begin()
 *
 * Whatever was read from the tables before is void: the walk has to start
 * again from the top. References that were validated stay good.
 *
 * Context: The context of the matching lockless_walk_begin(). Where that one
 * had interrupts or preemption disabled they stay disabled.
 */
static inline void lockless_walk_restart(struct lockless_walk *walk,
					 struct mm_struct *mm)
{
	lockless_walk_end(walk);
	lockless_walk_begin(walk, mm);
}

/**
 * lockdep_assert_lockless_walk() - complain when not inside a lockless walk
 *
 * Checked with CONFIG_PROVE_LOCKING, free without.
 */
static inline void lockdep_assert_lockless_walk(void)
{
#ifdef CONFIG_LOCKLESS_WALK_RCU
	lockdep_assert(rcu_read_lock_held());
#else
	lockdep_assert_irqs_disabled();
#endif
}

#ifdef CONFIG_HAVE_GUP_FAST
void lockless_walk_wait(struct mm_struct *mm);
void lockless_walk_barrier(struct mm_struct *mm);
unsigned long lockless_walk_leaf_size(struct mm_struct *mm, unsigned long addr);
#else
/* Nobody walks. */
static inline void lockless_walk_wait(struct mm_struct *mm)
{
}

static inline void lockless_walk_barrier(struct mm_struct *mm)
{
}

static inline unsigned long lockless_walk_leaf_size(struct mm_struct *mm,
						    unsigned long addr)
{
	return 0;
}
#endif /* CONFIG_HAVE_GUP_FAST */

#endif /* _LINUX_LOCKLESS_WALK_H */
