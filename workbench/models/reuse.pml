/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page is freed and allocated again during a walk. No updater checks its count,
 * the last reference is just dropped. The walk finds a count above zero, because
 * the next owner has a reference, but must then see that the entry is cleared.
 *
 *   CLEAR_PMD     the pmd is cleared in place of the entry
 * Mutants:
 *   RELAXED_PUT   dropping the last reference is not a full barrier
 */
#include "walk.pml"

#define FREE	VAR(0)		/* the page is on a free list */

#ifdef CLEAR_PMD
#define CLEARED	PMD(1)
#else
#define CLEARED	PTE(1)
#endif

proctype unmap()
{
	CPU;
	byte left;

	store(CLEARED, 0);
#ifndef RELAXED_PUT
	smp_mb();
#endif
	atomic {
		mem[REF(1)]--;
		left = mem[REF(1)]
	}
	if
	:: left == 0 -> atomic { mem[FREE] = 1 }
	:: else
	fi;
	smp_mb();
	done++
}

/* The next owner of the page may write to it, but has not mapped it. */
proctype allocate()
{
	CPU;

	load(0, FREE);
	await(0);
	if
	:: r[0] == 1 ->
		decided = true;
		store(REF(1), 1)
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
		run walker();
		run unmap();
		run allocate()
	}
	verdict(3, !(accepted && decided))
}
