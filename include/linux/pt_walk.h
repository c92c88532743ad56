/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless walks of user page tables.
 *
 * Between pt_walk_begin() and pt_walk_end() no page table that the walk can
 * reach is given back to the page allocator. That is all a walk may rely on:
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
 * This implementation disables interrupts. An updater waits for walks through
 * the IPI that its TLB flush sends, or through tlb_remove_table_sync_one().
 */
#ifndef _LINUX_PT_WALK_H
#define _LINUX_PT_WALK_H

#include <linux/irqflags.h>
#include <linux/lockdep.h>

struct mm_struct;

/*
 * The most pages that a walk may visit between pt_walk_begin() or
 * pt_walk_relax() and the next pt_walk_relax() or pt_walk_end().
 */
#define PT_WALK_CHUNK	512

/**
 * struct pt_walk - a lockless page-table walk, on the stack of the walker
 * @irqflags: interrupt state to return to
 */
struct pt_walk {
	unsigned long irqflags;
};

/**
 * pt_walk_begin() - enter a lockless walk
 * @walk: the walk, uninitialised
 * @mm: whose tables will be walked; the caller keeps it alive. &init_mm is
 *	fine too for a walk of kernel tables.
 *
 * Context: Any, NMI included. Walks nest. The walker must not sleep until
 * pt_walk_end().
 */
static inline void pt_walk_begin(struct pt_walk *walk, struct mm_struct *mm)
{
	local_irq_save(walk->irqflags);
}

/**
 * pt_walk_end() - leave a lockless walk
 * @walk: the walk
 *
 * Context: The context of the matching pt_walk_begin().
 */
static inline void pt_walk_end(struct pt_walk *walk)
{
	local_irq_restore(walk->irqflags);
}

/**
 * pt_walk_relax() - let updaters and interrupts in during a long walk
 * @walk: the walk
 *
 * Whatever was read from the tables before is void: the walk has to start
 * again from the top. References that were validated stay good.
 *
 * Context: The context of the matching pt_walk_begin(). Where that one had
 * interrupts disabled they stay disabled.
 */
static inline void pt_walk_relax(struct pt_walk *walk)
{
	local_irq_restore(walk->irqflags);
	local_irq_save(walk->irqflags);
}

/**
 * pt_walk_assert() - complain when not inside a lockless walk
 *
 * Checked with CONFIG_PROVE_LOCKING, free without.
 */
static inline void pt_walk_assert(void)
{
	lockdep_assert_irqs_disabled();
}

#ifdef CONFIG_HAVE_GUP_FAST
unsigned long pt_walk_leaf_size(struct mm_struct *mm, unsigned long addr);
#else
static inline unsigned long pt_walk_leaf_size(struct mm_struct *mm,
					      unsigned long addr)
{
	return 0;
}
#endif /* CONFIG_HAVE_GUP_FAST */

#endif /* _LINUX_PT_WALK_H */
