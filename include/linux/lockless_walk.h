/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless walks of user page tables.
 *
 * A lockless walk reads user page tables without mmap_lock and without the page
 * table locks, between lockless_walk_begin() and lockless_walk_end(). There are
 * two modes, chosen at build time: RCU mode with CONFIG_LOCKLESS_WALK_RCU, and
 * IRQ mode without it.
 *
 *                         | RCU mode                 | IRQ mode
 *  -----------------------+--------------------------+--------------------------
 *  A walk
 *    runs                 | under rcu_read_lock()    | with interrupts disabled
 *    may be preempted     | yes                      | no
 *    may rely on          | page tables that it can reach stay allocated
 *      because            | they are freed by RCU    | they are freed by RCU, or
 *                         |                          | after a TLB flush by IPI
 *                         | the struct pages of entries stay, and are writable
 *    must expect that     | - any entry changes at any time, at any level
 *                         | - a page table is detached, edited, and attached
 *                         |   again, here or elsewhere, while the walk is in it
 *                         | - the page that an entry maps is freed
 *  An updater
 *    that looks at        | (A) clears the entry, or one above it
 *    the reference count  | (B) calls lockless_walk_barrier(), or has another
 *    or reuses a table    |     full barrier
 *                         | (C) reads the count, or lets the table be reused
 *      where (B)          | is smp_mb()              | waits for walks of the mm,
 *                         |                          | unless the flush did
 *    that edits a         | edits it, then smp_wmb() or stronger, then attaches
 *    detached table       | the table again
 *    that frees a table   | follows the order in mm/pgtable-free.c
 *  lockless_walk_wait()
 *    waits for            | walks that began with    | all walks of the mm
 *                         | lockless_walk_begin_     |
 *                         | irqsave()                |
 *    by interrupting      | all CPUs; with CONFIG_LOCKLESS_WALK_TRACKING those
 *                         | CPUs that are in such a walk, see
 *                         | mm/lockless_walk_track.c
 *
 * A walk must therefore read each entry once, with ptep_get_lockless() or its
 * like, and descend from that value with the *_offset_lockless() helpers. What
 * it must do next depends on its purpose:
 *
 *  - A walk that takes references validates before it uses them: it reads every
 *    level of its path again, see mm/gup_fast.c.
 *  - A walk that only reports what it found need not validate. Its answer may be
 *    out of date, or belong to another address if a table was moved meanwhile.
 *  - A walk that writes to the entry it found cannot validate. It enters with
 *    lockless_walk_begin_irqsave(), and updaters call lockless_walk_wait().
 *
 * During a walk, hold a reference to mm_count (mmgrab()): __mmdrop() frees the
 * PGD at once, without RCU. mm_users is not needed. If that drops to zero,
 * exit_mmap() frees the lower tables as any other updater does, and the walk
 * finds cleared entries. The exception is an architecture without
 * CONFIG_MMU_GATHER_RCU_TABLE_FREE. There only current->mm may be walked, because
 * its TLB flush does not interrupt CPUs that do not use the mm.
 */
#ifndef _LINUX_LOCKLESS_WALK_H
#define _LINUX_LOCKLESS_WALK_H

#include <linux/irqflags.h>
#include <linux/lockdep.h>
#include <linux/lockless_walk_track.h>
#include <linux/rcupdate.h>

struct mm_struct;

/*
 * The most pages that a walk may visit before it calls lockless_walk_restart()
 * or lockless_walk_end(). This bounds the time for which a walk delays a grace
 * period in RCU mode, and interrupts in IRQ mode.
 */
#define LOCKLESS_WALK_CHUNK	512

/**
 * struct lockless_walk - a lockless page-table walk, on the stack of the walker
 * @irqflags: the interrupt state to restore, if the walk disables interrupts
 * @track: what to restore in the record that lockless_walk_wait() reads
 */
struct lockless_walk {
	unsigned long irqflags;
	struct lockless_walk_track track;
};

/**
 * lockless_walk_begin_irqsave() - enter a walk that updaters can wait for
 * @walk: the walk, uninitialised
 * @mm: the mm whose user page tables are walked. The caller holds mm_count, or
 *	mm_users, until lockless_walk_end_irqrestore().
 *
 * Context: Any, including NMI. Walks nest. Interrupts are disabled until
 * lockless_walk_end_irqrestore().
 */
static inline void lockless_walk_begin_irqsave(struct lockless_walk *walk,
					       struct mm_struct *mm)
{
	local_irq_save(walk->irqflags);
	lockless_walk_track_begin(&walk->track, mm);
}

/**
 * lockless_walk_end_irqrestore() - leave a walk that updaters can wait for
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
 * @mm: the mm whose user page tables are walked. The caller holds mm_count, or
 *	mm_users, until lockless_walk_end(). See the top of this file.
 *
 * Context: Any, including NMI. Walks nest. The walk must not sleep until
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
 * lockless_walk_restart() - leave a long walk and enter it again
 * @walk: the walk
 * @mm: the mm that was passed to lockless_walk_begin()
 *
 * Lets grace periods end, and interrupts and updaters that wait make progress.
 * Pointers to page tables and entries read before are invalid afterwards: the
 * walk must start again at the PGD. References that were validated stay valid.
 *
 * Context: The context of the matching lockless_walk_begin(). If interrupts or
 * preemption were disabled there, they stay disabled.
 */
static inline void lockless_walk_restart(struct lockless_walk *walk,
					 struct mm_struct *mm)
{
	lockless_walk_end(walk);
	lockless_walk_begin(walk, mm);
}

/**
 * lockdep_assert_lockless_walk() - warn if the caller is not in a lockless walk
 *
 * Checks with CONFIG_PROVE_LOCKING only. Costs nothing without it.
 */
static inline void lockdep_assert_lockless_walk(void)
{
#ifdef CONFIG_LOCKLESS_WALK_RCU
	lockdep_assert(rcu_read_lock_held());
#else
	lockdep_assert_irqs_disabled();
#endif
}

#ifdef CONFIG_LOCKLESS_WALK
void lockless_walk_wait_all(void);
void lockless_walk_wait(struct mm_struct *mm);
void lockless_walk_barrier(struct mm_struct *mm);
#else
static inline void lockless_walk_wait_all(void)
{
}

static inline void lockless_walk_wait(struct mm_struct *mm)
{
}

static inline void lockless_walk_barrier(struct mm_struct *mm)
{
}
#endif /* CONFIG_LOCKLESS_WALK */

#ifdef CONFIG_HAVE_GUP_FAST
unsigned long lockless_walk_leaf_size(struct mm_struct *mm, unsigned long addr);
#else
static inline unsigned long lockless_walk_leaf_size(struct mm_struct *mm,
						    unsigned long addr)
{
	return 0;
}
#endif /* CONFIG_HAVE_GUP_FAST */

#endif /* _LINUX_LOCKLESS_WALK_H */
