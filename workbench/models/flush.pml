/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PTE table is removed, and replaced, while a CPU has it in its page-walk cache, or
 * an entry of it in its TLB: mm/pgtable-reclaim.c. Locks order the memory accesses, so
 * they take effect at once here. A walk by the CPU is one step, as a flush waits for it.
 *
 *   zapper()     clears the entry of table 1, and flushes later: another mmu_gather
 *   reclaimer()  removes table 1 if it is empty: pgtable_reclaim()
 *   cpu()        accesses the page, and handles faults: it sets the entry, installs
 *                table 2 if there is no table, or maps a huge page
 *   other()      handles a fault, too
 *   prefetch()   the first CPU loads its TLB, and evicts the table, when it likes
 *
 * The model makes two claims. While the page is mapped, an access that faulted does not
 * fault again. The TLB never has a small and a huge page for one address.
 *
 *   X86          a fault drops the page-walk cache, and the flush comes after the locks
 *                have been released; before a huge page is mapped, the TLB is flushed
 *                if a flush is pending: flush_tlb_pending_pmd()
 * Mutants:
 *   LATE            the flush comes after the locks have been released
 *   OWN             only what this mmu_gather has zapped is flushed
 *   X86 NO_DROP     a fault does not drop the page-walk cache
 *   X86 NO_PENDING  a huge page is mapped without that flush
 */
#define HUGE	9

byte pmd = 1;
bool entry[3];
bool mapped = true;	/* by the pmd and the entry that it leads to */
byte pending;		/* mm->tlb_flush_pending */
bool pml, ptl;

/* The CPU */
byte cache = 1;		/* the page-walk cache: a table, or 0 */
bool tlb_small = true, tlb_huge;	/* the TLB */
bool faulted;
bool repeated;		/* the last access faulted, too, with the page mapped */

#define lock(l)		atomic { !l -> l = true }
#define unlock(l)	l = false

/* A walk of the page tables */
inline fill()
{
	if
	:: cache == 0 && pmd != HUGE -> cache = pmd
	:: else
	fi;
	if
	:: cache == 0 && pmd == HUGE -> tlb_huge = true
	:: cache != 0 && entry[cache] -> tlb_small = true
	:: else
	fi;
	assert(!tlb_small || !tlb_huge)
}

inline flush_table()
{
	d_step {
		cache = 0;
#ifndef OWN
		if
		:: pending > 1 -> tlb_small = false
		:: else
		fi
#endif
	}
}

proctype zapper()
{
	pending++;
	lock(ptl);
	if
	:: pmd == 1 && entry[1] -> d_step { entry[1] = false; mapped = false }
	:: else
	fi;
	unlock(ptl);
	tlb_small = false;
	pending--
}

proctype reclaimer()
{
	bool none;

	pending++;
	lock(pml);
	lock(ptl);
	if
	:: pmd == 1 && !entry[1] ->
		none = true;
		pmd = 0;
		printf("the page is taken");
#if !defined(LATE) && !defined(X86)
		flush_table();
#endif
	:: else
	fi;
	unlock(ptl);
	unlock(pml);
#if defined(LATE) || defined(X86)
	if
	:: none -> flush_table()
	:: else
	fi;
#endif
	pending--
}

/* Both locks are held, which stands for pmd_lock() followed by pt_map_lock(). */
inline handle_fault()
{
	lock(pml);
	lock(ptl);
	if
	:: pmd == 0 -> d_step { entry[2] = true; pmd = 2; mapped = true }
	:: pmd == 0 -> d_step {
#if defined(X86) && !defined(NO_PENDING)
		if
		:: pending > 0 -> tlb_small = false; cache = 0
		:: else
		fi;
#endif
		pmd = HUGE;
		mapped = true
	}
	:: pmd == 1 || pmd == 2 -> d_step { entry[pmd] = true; mapped = true }
	:: pmd == HUGE
	fi;
	unlock(ptl);
	unlock(pml)
}

proctype cpu()
{
	byte n;

	do
	:: n < 5 ->
		n++;
		atomic {
			if
			:: !tlb_small && !tlb_huge -> fill()
			:: else
			fi;
			faulted = !tlb_small && !tlb_huge;
			if
			:: faulted && mapped -> assert(!repeated); repeated = true
			:: faulted && !mapped -> repeated = false
			:: else -> repeated = false; printf("a walk is accepted")
			fi;
#if defined(X86) && !defined(NO_DROP)
			if
			:: faulted -> cache = 0
			:: else
			fi
#endif
		};
		if
		:: faulted -> handle_fault()
		:: else
		fi
	:: else -> break
	od
}

/* A fault elsewhere in the same range, on another CPU */
proctype other()
{
	handle_fault()
}

proctype prefetch()
{
	byte n;

	do
	:: n < 3 -> atomic { n++; fill() }
	:: n < 3 -> n++; cache = 0
	:: break
	od
}

init
{
	atomic {
		entry[1] = true;
		run zapper();
		run reclaimer();
		run cpu();
		run other();
		run prefetch()
	}
}
