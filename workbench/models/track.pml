/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The updater waits for walks: lockless_walk_barrier() in IRQ mode, or with
 * CONFIG_LOCKLESS_WALK_TRACKING. A walker records that it walks before it reads a
 * table. An updater detaches the table, checks if there is a walk, and waits until
 * it is over. Then a walk without any re-read is correct, as in 7.3. So in this
 * mode no test can detect that the re-read of a level is missing.
 *
 * Between its first read and its reference, the walk is interrupted by an NMI with
 * a walk of another mm. Meanwhile the record says "any", and then it is restored.
 *
 * Mutants:
 *   NO_TRACK_MB    no full barrier between "I walk" and the first table
 *   NO_SYNC_MB     no full barrier between the detach and the check
 *   NO_WAIT        the updater sees a walk but does not wait for it
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
