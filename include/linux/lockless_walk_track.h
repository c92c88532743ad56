/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which mm is this CPU walking the page tables of, without a lock and with
 * interrupts disabled? See mm/lockless_walk_track.c.
 */
#ifndef _LINUX_LOCKLESS_WALK_TRACK_H
#define _LINUX_LOCKLESS_WALK_TRACK_H

#include <linux/percpu.h>
#include <linux/smp.h>
#include <asm/barrier.h>

struct mm_struct;

/* NULL: none. Written by its own CPU alone. */
DECLARE_PER_CPU(struct mm_struct *, lockless_walk_mm);

/* Of more than one mm: a walk of another one interrupted a walk. */
#define LOCKLESS_WALK_ANY_MM	((struct mm_struct *)-1L)

/* What lockless_walk_wait() did since boot; see lockless_walk_waits_read(). */
struct lockless_walk_waits {
	unsigned long waits;		/* calls */
	unsigned long nobody;		/* that found no walk */
	unsigned long interrupted;	/* CPUs that were found to walk */
};

struct lockless_walk_waits lockless_walk_waits_read(void);
void lockless_walk_track_wait(struct mm_struct *mm, smp_call_func_t interrupted);

#ifdef CONFIG_LOCKLESS_WALK_TRACKING
/**
 * struct lockless_walk_track - part of struct lockless_walk
 * @outer: what the CPU was walking before
 */
struct lockless_walk_track {
	struct mm_struct *outer;
};

/*
 * A walk that comes in between any two of these lines, in an NMI, leaves the
 * record as it finds it.
 */
static inline void lockless_walk_track_begin(struct lockless_walk_track *track,
					     struct mm_struct *mm)
{
	track->outer = __this_cpu_read(lockless_walk_mm);
	if (unlikely(track->outer) && track->outer != mm)
		mm = LOCKLESS_WALK_ANY_MM;
	WRITE_ONCE(*this_cpu_ptr(&lockless_walk_mm), mm);
	smp_mb(); /* (W2); pairs with (U2) in lockless_walk_track_wait() */
}

static inline void lockless_walk_track_end(struct lockless_walk_track *track)
{
	/* (W4); pairs with the acquire of (U3) in lockless_walk_cpu_walks() */
	smp_store_release(this_cpu_ptr(&lockless_walk_mm), track->outer);
}
#else
struct lockless_walk_track {
};

static inline void lockless_walk_track_begin(struct lockless_walk_track *track,
					     struct mm_struct *mm)
{
}

static inline void lockless_walk_track_end(struct lockless_walk_track *track)
{
}
#endif /* CONFIG_LOCKLESS_WALK_TRACKING */

#endif /* _LINUX_LOCKLESS_WALK_TRACK_H */
