/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deposit a table, withdraw it elsewhere. A collapse takes PTE table 1 off the
 * walker's pmd, finds page 1 unreferenced, empties the table and deposits it under
 * the huge pmd. Later a split withdraws it and maps page 2 in it, at another
 * address, or in another mm if it was moved there. Or a zap withdraws and frees it.
 * A walker must neither hand out page 2 nor access a freed table. The barrier
 * between detach and count also orders the detach before the refill. The lock under
 * which the table is deposited only orders the emptying of the table.
 *
 *   LINKED          a deposited table holds other data, as on POWER: a list head
 *                   with the radix MMU, hash slots with the hash MMU
 * Mutants:
 *   NO_COLLAPSE_MB  no barrier between detach and count
 *   NO_LOCK         deposited without release ordering: emptied after it is freed
 *   FREE_AT_ONCE    the zap frees the table without a grace period, as
 *                   zap_deposited_table() of 7.3 does, which relies on the
 *                   collapse's IPI
 */
#include "walk.pml"

#define DEPOSIT	VAR(0)		/* the table under the huge pmd */

proctype collapse()
{
	CPU;

	store(PMD(1), 0);
#ifndef NO_COLLAPSE_MB
	smp_mb();
#endif
	load(0, REF(1));
	await(0);
	if
	:: r[0] != 1 -> store_release(PMD(1), 1)
	:: else ->
		decided = true;
#ifdef LINKED
		store(PTE(1), LINK);
#else
		store(PTE(1), 0);
#endif
		store(PMD(1), HUGE);
#ifdef NO_LOCK
		store(DEPOSIT, 1)
#else
		store_release(DEPOSIT, 1)
#endif
	fi;
	smp_mb();
	done++
}

proctype withdraw()
{
	CPU;

	load(0, DEPOSIT);
	await(0);
	if
	:: r[0] == 0
	:: r[0] == 1 -> store(PTE(1), 2)
	:: r[0] == 1 ->
#ifndef FREE_AT_ONCE
		grace_period();
#endif
		freed[PTE(1)] = true
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
		run walker();
		run collapse();
		run withdraw()
	}
	verdict(3, accepted != 2 && !(accepted == 1 && decided))
}
