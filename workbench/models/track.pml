/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks that are waited for: lockless_walk_barrier() in IRQ mode, or with
 * CONFIG_LOCKLESS_WALK_TRACKING. A walker says that it walks before it reads a
 * table; an updater detaches the table, then looks whether somebody walks, and
 * waits until that walk is over. Then a walk that reads nothing again is
 * correct, which is how 7.3 works, and why in this mode no test can notice that
 * the re-read of a level is missing.
 *
 * The walk is interrupted, by an NMI, somewhere between its first read and its
 * reference, by a walk of another mm: the record says "any" meanwhile, and then
 * again what it said before.
 *
 * Mutants:
 *   NO_TRACK_MB    no full barrier between "I walk" and the first table
 *   NO_SYNC_MB     no full barrier between the detach and the look
 *   NO_WAIT        the updater sees a walk, and does not wait for it
 *   NESTED_OTHER   the inner walk records its own mm, as if it were the only one
 *   NESTED_NONE    the end of the inner walk records that nobody walks
 */
#define NO_PUD_REREAD
#define NO_PMD_REREAD
#define NO_PTE_REREAD
#define NO_RCU_READER
#define BEFORE_REF nested()
#include "walk.pml"

#define WALKING	VAR(0)

#define MM	1
#define OTHER	2
#define ANY	3

inline nested()
{
	if
	:: true ->
#ifdef NESTED_OTHER
		store(WALKING, OTHER);
#else
		store(WALKING, ANY);
#endif
		smp_mb();
#ifdef NESTED_NONE
		store_release(WALKING, 0)
#else
		store_release(WALKING, MM)
#endif
	:: true
	fi
}

proctype tracked()
{
	bool same;
	byte old;
	CPU;

	store(WALKING, MM);
#ifndef NO_TRACK_MB
	smp_mb();
#endif
	walk();
	store_release(WALKING, 0);
	smp_mb()
}

proctype updater()
{
	CPU;

	store(PMD(1), 0);
#ifndef NO_SYNC_MB
	smp_mb();
#endif
	load(0, WALKING);
	await(0);
#ifndef NO_WAIT
	if
	:: r[0] == MM || r[0] == ANY -> (mem[WALKING] == 0)
	:: else
	fi;
#endif
	load(0, REF(1));
	await(0);
	store(PTE(1), 2);
	if
	:: r[0] == 1 -> decided = true
	:: else
	fi;
	smp_mb();
	done++
}

init
{
	atomic {
		mem[PUD] = 1;
		mem[PMD(1)] = 1;
		mem[PTE(1)] = 1;
		mem[REF(1)] = 1;
		mem[REF(2)] = 1;
		run tracked();
		run updater()
	}
	verdict(2, accepted != 2 && !(accepted == 1 && decided))
}
