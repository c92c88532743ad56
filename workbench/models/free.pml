/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free against a reader: a table is unhooked, and given back to the page
 * allocator by call_rcu().
 *
 *   FREE_PMD              the PMD table, unhooked from the pud
 * Mutants:
 *   NO_RCU_READER         the walk is no RCU reader
 *   NO_GRACE_PERIOD       freed at once
 *   GRACE_PERIOD_FIRST    queued for RCU before it is unhooked
 */
#include "walk.pml"

#ifdef FREE_PMD
#define HOOK	PUD
#define TABLE	PMD(1)
#else
#define HOOK	PMD(1)
#define TABLE	PTE(1)
#endif

proctype unmap()
{
	CPU;

#ifdef GRACE_PERIOD_FIRST
	grace_period();
#endif
	store(HOOK, 0);
#if !defined(NO_GRACE_PERIOD) && !defined(GRACE_PERIOD_FIRST)
	grace_period();
#endif
	smp_mb();
	freed[TABLE] = true;
	decided = true;
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
		run unmap()
	}
	/* What is claimed is asserted with each access, in perform(). */
	verdict(2, true)
}
