/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A record for each CPU of the mm whose page tables it walks without a lock and
 * with interrupts disabled. See mm/lockless_walk_track.c.
 */
#ifndef _LINUX_LOCKLESS_WALK_TRACK_H
#define _LINUX_LOCKLESS_WALK_TRACK_H

#include <linux/percpu.h>
#include <linux/smp.h>
#include <asm/barrier.h>

struct mm_struct;

/* NULL if this CPU is in no such walk. Only its own CPU writes it. */
DECLARE_PER_CPU(struct mm_struct *, lockless_walk_mm);

/* A walk was interrupted by a walk of another mm: this CPU walks both. */
#define LOCKLESS_WALK_ANY_MM	((struct mm_struct *)-1L)

/**
 * struct lockless_walk_waits - statistics of lockless_walk_wait() since boot
 * @waits: number of calls
 * @nobody: number of calls that found no walk to wait for
 * @interrupted: number of CPUs that were interrupted because they walked
 */
struct lockless_walk_waits {
	unsigned long waits;
	unsigned long nobody;
	unsigned long interrupted;
};

struct lockless_walk_waits lockless_walk_waits_read(void);
void lockless_walk_track_wait(struct mm_struct *mm, smp_call_func_t interrupted);

#ifdef CONFIG_LOCKLESS_WALK_TRACKING
/**
 * struct lockless_walk_track - tracking state in struct lockless_walk
 * @outer: the record of the walk that this one interrupted, or NULL
 */
struct lockless_walk_track {
	struct mm_struct *outer;
};

/*
 * An NMI may walk between any two of these statements. It restores the record
 * to the value that it found.
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
