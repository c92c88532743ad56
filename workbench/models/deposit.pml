/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deposit, withdraw elsewhere: a collapse takes PTE table 1 off the walker's
 * pmd, finds page 1 unreferenced, empties the table and deposits it under the
 * huge pmd. Later it is withdrawn: by a split at another address or, moved
 * there before, in another mm, where page 2 is mapped in it; or by a zap, which
 * frees it. A walker must neither hand out page 2 nor touch a freed table. The
 * barrier between detach and count orders the detach before the refill as well;
 * the lock under which the table is deposited orders only its being emptied.
 *
 *   LINKED          a deposited table holds something else, as on POWER, whose
 *                   radix MMU keeps a list head in it, and hash MMU its slots
 * Mutants:
 *   NO_COLLAPSE_MB  no barrier between detach and count
 *   NO_LOCK         deposited without release: emptied when it is freed already
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
