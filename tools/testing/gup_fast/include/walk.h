/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replaces linux/lockless_walk.h. A walk is a reader section of our own epoch
 * scheme, and has interrupts enabled in each mode of the kernel. In measurements
 * it costs nothing, like local_irq_save() of the base kernel.
 */
#ifndef _GUP_FAST_WALK_H
#define _GUP_FAST_WALK_H

#include "folio.h"

/* Per-CPU variables are per-thread variables here. */
#define DECLARE_PER_CPU(type, name)	extern __thread type name
#define __this_cpu_read(variable)	(variable)
#define this_cpu_ptr(pointer)		(pointer)
typedef void (*smp_call_func_t)(void *info);

#ifdef HARNESS_TRACK
#define CONFIG_LOCKLESS_WALK_TRACKING	1
#endif
#include "../../../../include/linux/lockless_walk_track.h"

struct lockless_walk {
	struct mm_struct *mm;
	struct lockless_walk_track track;
};

#ifdef HARNESS_DEBUG
#define CONFIG_DEBUG_LOCKLESS_WALK	1

void lockless_walk_begin(struct lockless_walk *walk, struct mm_struct *mm);
void lockless_walk_end(struct lockless_walk *walk);
void lockless_walk_restart(struct lockless_walk *walk, struct mm_struct *mm);
void lockdep_assert_lockless_walk(void);
#else
#ifdef HARNESS_COUNT
/* Counts the walkers of a process, as an alternative to tracking. */
extern int harness_walkers;

static inline void lockless_walk_begin(struct lockless_walk *walk, struct mm_struct *mm)
{
	__atomic_fetch_add(&harness_walkers, 1, __ATOMIC_SEQ_CST);
}

static inline void lockless_walk_end(struct lockless_walk *walk)
{
	__atomic_fetch_sub(&harness_walkers, 1, __ATOMIC_RELEASE);
}
#else
static inline void lockless_walk_begin(struct lockless_walk *walk, struct mm_struct *mm)
{
	lockless_walk_track_begin(&walk->track, mm);
}

static inline void lockless_walk_end(struct lockless_walk *walk)
{
	lockless_walk_track_end(&walk->track);
}
#endif /* HARNESS_COUNT */

static inline void lockless_walk_restart(struct lockless_walk *walk, struct mm_struct *mm)
{
	asm volatile("" ::: "memory");
}

static inline void lockdep_assert_lockless_walk(void)
{
}
#endif /* HARNESS_DEBUG */

#endif /* _GUP_FAST_WALK_H */
