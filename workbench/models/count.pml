/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reference against clear and count. An updater clears an entry, or any entry
 * above it. If it then finds no reference on the page but its own, it owns the
 * page. If it clears the pmd, the barrier is lockless_walk_barrier() of RCU mode,
 * which is only a full barrier.
 *
 *   CLEAR_PMD, CLEAR_PUD   clear this level in place of the entry
 *   FREEZE                 page_ref_freeze() and unfreeze in place of a read; a
 *                          compare-and-exchange without ordering is enough
 * Mutants:
 *   NO_CLEAR_MB            no barrier between clear and count
 *   WMB                    smp_wmb() in place of the full barrier
 *   COUNT_FIRST            the updater counts before it clears
 *   LATE_MB                the barrier is that of folio_remove_rmap_pte(), after
 *                          the count, as in __uprobe_write() of 7.3
 *   RELAXED_UNFREEZE       the page is unfrozen without release ordering
 */
#include "walk.pml"

#if defined(CLEAR_PUD)
#define CLEARED	PUD
#elif defined(CLEAR_PMD)
#define CLEARED	PMD(1)
#else
#define CLEARED	PTE(1)
#endif

inline count()
{
	load(0, REF(1));
	await(0);
	if
	:: r[0] == 1 -> decided = true
	:: else
	fi
}

inline freeze()
{
	atomic {
		if
		:: mem[REF(1)] == 1 -> mem[REF(1)] = 0; decided = true
		:: else
		fi
	}
	if
#ifdef RELAXED_UNFREEZE
	:: decided -> store(REF(1), 1)
#else
	:: decided -> store_release(REF(1), 1)
#endif
	:: else
	fi
}

proctype updater()
{
	CPU;

#ifdef COUNT_FIRST
	count();
#endif
	store(CLEARED, 0);
#if defined(FREEZE)
	freeze();
#else
#if defined(WMB)
	smp_wmb();
#elif !defined(NO_CLEAR_MB) && !defined(LATE_MB)
	smp_mb();
#endif
#ifndef COUNT_FIRST
	count();
#endif
#endif
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
		run updater()
	}
	verdict(2, !(accepted && decided))
}
