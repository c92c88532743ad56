/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands in for linux/pt_walk.h: a walk is a reader section of an epoch scheme
 * of our own, and has interrupts on, whatever the kernel's mode. At full speed
 * it is nothing, as the base's local_irq_save() is.
 */
#ifndef _GUP_FAST_WALK_H
#define _GUP_FAST_WALK_H

#include "folio.h"

struct pt_walk {
	struct mm_struct *mm;
};

#ifdef HARNESS_DEBUG
#define CONFIG_DEBUG_PT_WALK	1

void pt_walk_begin(struct pt_walk *walk, struct mm_struct *mm);
void pt_walk_end(struct pt_walk *walk);
void pt_walk_relax(struct pt_walk *walk, struct mm_struct *mm);
void pt_walk_assert(void);
#else
static inline void pt_walk_begin(struct pt_walk *walk, struct mm_struct *mm)
{
}

static inline void pt_walk_end(struct pt_walk *walk)
{
}

static inline void pt_walk_relax(struct pt_walk *walk, struct mm_struct *mm)
{
	asm volatile("" ::: "memory");
}

static inline void pt_walk_assert(void)
{
}
#endif /* HARNESS_DEBUG */

/* Nobody waits for this thread to let another one run. */
static inline bool need_resched(void)
{
	return false;
}

static inline void cond_resched(void)
{
}

#endif /* _GUP_FAST_WALK_H */
