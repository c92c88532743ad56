/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A read-only pin against "no longer exclusive". KSM, migration or swap clears the
 * entry, finds the page not pinned, clears PageAnonExclusive and restores the same
 * entry: folio_try_share_anon_rmap_pte(). The walk reads the entry again and then
 * the flag: gup_must_unshare(). The levels above do not matter here.
 *
 * Mutants:
 *   NO_SHARE_MB    no barrier between the entry and the count
 *   NO_SHARE_WMB   the entry may be restored before the flag is seen cleared
 *   NO_RMB_FLAG    no smp_rmb() between the entry and the flag
 *   FLAG_FIRST     the flag is read before the entry
 *   NO_FLAG        the flag is not read
 */
#include "walk.pml"

#define EXCLUSIVE	VAR(0)

proctype pinner()
{
	CPU;

	load(0, PTE(1));
	await(0);
	if
	:: r[0] == 0 -> goto end
	:: else
	fi;
	get(1, REF(1));
#ifndef NO_REF_MB
	smp_mb();
#endif
#ifdef FLAG_FIRST
	load(3, EXCLUSIVE);
	smp_rmb();
#endif
	load(2, PTE(1));
#ifndef NO_RMB_FLAG
	smp_rmb();
#endif
#if !defined(FLAG_FIRST) && !defined(NO_FLAG)
	load(3, EXCLUSIVE);
#endif
	smp_mb();
#ifdef NO_FLAG
	r[3] = 1;
#endif
	if
	:: r[2] == r[0] && r[3] == 1 -> accepted = 1
	:: else -> add(REF(1), 255)
	fi;
end:
	smp_mb();
	done++
}

proctype sharer()
{
	CPU;

	store(PTE(1), 0);
#ifndef NO_SHARE_MB
	smp_mb();
#endif
	load(0, REF(1));
	await(0);
	if
	:: r[0] == 1 ->
		decided = true;
		store(EXCLUSIVE, 0);
#ifndef NO_SHARE_WMB
		smp_wmb();
#endif
	:: else
	fi;
	store(PTE(1), 1);
	smp_mb();
	done++
}

init
{
	atomic {
		mem[PTE(1)] = 1;
		mem[REF(1)] = 1;
		mem[EXCLUSIVE] = 1;
		run pinner();
		run sharer()
	}
	verdict(2, !(accepted && decided))
}
