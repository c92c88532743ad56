/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free a table under a reader: a table is unhooked, and returned to the page
 * allocator by call_rcu().
 *
 *   FREE_PMD              the PMD table, unhooked from the pud
 * Mutants:
 *   NO_RCU_READER         the walk is not an RCU reader
 *   NO_GRACE_PERIOD       the table is freed at once
 *   GRACE_PERIOD_FIRST    the table is queued for RCU before it is unhooked
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
	/* perform() asserts the claim at each access. */
	verdict(2, true)
}
