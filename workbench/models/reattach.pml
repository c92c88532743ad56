/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Detach, edit and attach the same table: collapse_huge_page() to an order below
 * the PMD's takes PTE table 1 off its pmd, finds page 1 unreferenced, clears the
 * entry and attaches table 1 again. The new page is mapped after that, as in 7.3,
 * or before that with MAP_FIRST.
 *
 *   DETACH_PUD        the same one level up: a pmd in a PMD table is edited. No
 *                     code of 7.3 does this, but the contract allows it
 *   AGAIN             page 1 is then freed, allocated again, and mapped by the
 *                     same entry. The table is detached and attached for that
 * Mutants:
 *   NO_DETACH_MB      no barrier between detach and count
 *   NO_RELEASE        the attaching store may pass the edit
 */
#include "walk.pml"

#ifdef DETACH_PUD
#define TABLE	PUD
#define ENTRY	PMD(1)
#else
#define TABLE	PMD(1)
#define ENTRY	PTE(1)
#endif

inline attach()
{
#ifdef NO_RELEASE
	store(TABLE, 1)
#else
	store_release(TABLE, 1)
#endif
}

/* Drop a reference to page 1. If it was the last one, page 1 may be allocated again. */
inline reuse()
{
	smp_mb();
	atomic {
		mem[REF(1)]--;
		if
		:: mem[REF(1)] == 0 -> mem[REF(1)] = 1; decided = false
		:: else
		fi
	}
	if
	:: !decided ->
		store(TABLE, 0);
		smp_mb();
		store(ENTRY, 1);
		attach()
	:: else
	fi
}

proctype khugepaged()
{
	CPU;

	store(TABLE, 0);
#ifndef NO_DETACH_MB
	smp_mb();
#endif
	load(0, REF(1));
	await(0);
	if
	:: r[0] != 1 -> attach()
	:: else ->
		decided = true;
#ifdef MAP_FIRST
		store(ENTRY, 2);
		attach();
#else
		store(ENTRY, 0);
		attach();
		store(ENTRY, 2);
#endif
#ifdef AGAIN
		reuse();
#endif
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
		run walker();
		run khugepaged()
	}
	verdict(2, !(accepted == 1 && decided))
}
