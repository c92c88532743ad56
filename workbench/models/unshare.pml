/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unshare a table, which its new owner then edits. huge_pmd_unshare() takes PMD
 * table 1 off the walker's pud and drops the count of sharers. The other mm sees
 * that it is the only user of the table, and maps page 2 in it. Page 2 was never
 * mapped in the walker's mm.
 *
 *   WMB_CHAIN      smp_wmb() is enough between clearing the pud and the count
 *   ACQUIRE        the owner reads the count with acquire. This is not needed: its
 *                  edits are stores that depend on the count
 * Mutants:
 *   NO_CHAIN       the count may drop before the pud is seen cleared
 *   NO_DEPENDENCY  the owner's edit does not depend on the count
 */
#include "walk.pml"

#define SHARERS	VAR(0)

proctype unsharer()
{
	CPU;

	store(PUD, 0);
#if defined(WMB_CHAIN)
	smp_wmb();
#elif !defined(NO_CHAIN)
	smp_mb();
#endif
	add(SHARERS, 255);
	smp_mb();
	done++
}

proctype owner()
{
	CPU;

	load(0, SHARERS);
#ifdef NO_DEPENDENCY
	store(PMD(1), 2);
#endif
	await(0);
#ifdef ACQUIRE
	smp_rmb();
#endif
	if
	:: r[0] != 0
	:: else ->
		store(PMD(1), 2);
		smp_mb();
		decided = true
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
		mem[PTE(2)] = 2;
		mem[REF(1)] = 1;
		mem[REF(2)] = 1;
		mem[SHARERS] = 1;
		run walker();
		run unsharer();
		run owner()
	}
	verdict(3, accepted != 2)
}
