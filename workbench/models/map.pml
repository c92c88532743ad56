/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PTE table is mapped while it may be removed: pt_map_lock(), and the loop in
 * pte_offset_map_lock(). There is one pmd, and PTE tables 1 and 2 have one entry
 * and one lock each. At first the pmd points to table 1, which is empty, or it
 * maps a huge page and table 1 is deposited.
 *
 *   mapper()     maps the table, locks it and changes the entry
 *   reclaimer()  removes a table if it is empty: pgtable_reclaim()
 *   zapper()     does the same but takes the locks in the other order, the second one
 *                by trylock: pgtable_try_unhook(). It replaces the mapper if ZAP is
 *                defined. Then the faulter leaves its table empty.
 *   faulter()    splits the huge page, or installs a table where there is none.
 *                That is table 2, or table 1 again once it has been freed.
 *
 * The model makes three claims. Every write to an entry is found at the end, in
 * the table that the pmd points to. If the caller concludes that nothing is
 * mapped, then that was true at one instant during the call. No process unmaps a
 * page, so it was also true when the call began. No table is accessed while it is
 * free, which perform() asserts.
 *
 * Mutants:
 *   NO_COMPARE     the pmd is not compared after the lock has been taken
 *   COMPARE_FIRST  the pmd is compared before the lock is taken
 *   UNLOCK_FIRST   the table is removed after its lock has been released
 *   NO_RELEASE     the lock of the removed table is released without release ordering
 *   NO_WMB         no smp_wmb() between clearing a table and installing it
 *   NO_RCU_READER  the mapper is not an RCU reader
 *   FREE_AT_ONCE   the table is freed without a grace period
 *   ZAP NO_TRYLOCK  the zapper removes the table under its lock alone
 *   READ_AGAIN     the map fails; the caller reads the pmd a second time, and
 *                  takes everything but a huge page for "nothing is mapped"
 */
#include "weak.pml"

#define PMD		0
#define ENTRY(t)	(0 + (t))
#define PTL(t)		(2 + (t))
#define PML		5	/* pmd_lock() */

#define HUGE	9
#define JUNK	16	/* what is in a table before it is cleared */

byte sum;		/* what has been written to the entry */
bool mapped;		/* something is mapped for good */

inline spin_unlock(where)
{
	store_release(where, 0)
}

proctype mapper()
{
	bool before;
	CPU;

	before = mapped;
again:
#ifndef NO_RCU_READER
	rcu_read_lock();
#endif
	load(0, PMD);
	await(0);
	if
	:: r[0] == 0 || r[0] == HUGE ->
#ifdef READ_AGAIN
		load(0, PMD);
		await(0);
#endif
		assert(r[0] == HUGE || !before);
		goto end
	:: else
	fi;
	r[1] = r[0];
#ifdef COMPARE_FIRST
	load(1, PMD);
	await(1);
#endif
	spin_lock(PTL(r[0]));
#if !defined(NO_COMPARE) && !defined(COMPARE_FIRST)
	load(1, PMD);
#endif
	load(2, ENTRY(r[0]));
	await(1);
	if
	:: r[1] == r[0] ->
		await(2);
		store(ENTRY(r[0]), r[2] + 2);
		sum = sum + 2;
		accepted = r[0];
		spin_unlock(PTL(r[0]))
	:: else ->
		spin_unlock(PTL(r[0]));
#ifndef NO_RCU_READER
		rcu_read_unlock();
#endif
		goto again
	fi;
end:
#ifndef NO_RCU_READER
	rcu_read_unlock();
#endif
	smp_mb();
	done++
}

/* A table that has been removed is freed. */
inline free_table(t)
{
#ifndef FREE_AT_ONCE
	grace_period();
#endif
	d_step {
		assert(!freed[ENTRY(t)]);
		freed[ENTRY(t)] = true;
		freed[PTL(t)] = true;
		mem[ENTRY(t)] = JUNK
	}
}

proctype reclaimer()
{
	CPU;

	spin_lock(PML);
	load(0, PMD);
	await(0);
	if
	:: r[0] != 0 && r[0] != HUGE ->
		spin_lock(PTL(r[0]));
		load(1, ENTRY(r[0]));
		await(1);
#ifdef UNLOCK_FIRST
		spin_unlock(PTL(r[0]));
#endif
		if
		:: r[1] == 0 ->
			store(PMD, 0);
			decided = true
		:: else
		fi;
#if defined(NO_RELEASE)
		store(PTL(r[0]), 0)
#elif !defined(UNLOCK_FIRST)
		spin_unlock(PTL(r[0]))
#endif
	:: else
	fi;
	spin_unlock(PML);
	smp_mb();
	if
	:: decided -> free_table(r[0])
	:: else
	fi;
	done++
}

proctype zapper()
{
	bool removed;
	CPU;

	rcu_read_lock();
	load(0, PMD);
	await(0);
	if
	:: r[0] != 0 && r[0] != HUGE ->
		spin_lock(PTL(r[0]));
		load(1, PMD);
		load(2, ENTRY(r[0]));
		await(1);
		await(2);
		if
		:: r[1] == r[0] && r[2] == 0 ->
#ifdef NO_TRYLOCK
			removed = true;
#else
			atomic {
				removed = (mem[PML] == 0);
				mem[PML] = 1
			}
#endif
			if
			:: removed ->
				accepted = r[0];
				store(PMD, 0);
#ifndef NO_TRYLOCK
				spin_unlock(PML)
#endif
			:: else
			fi
		:: else
		fi;
		spin_unlock(PTL(r[0]))
	:: else
	fi;
	rcu_read_unlock();
	if
	:: removed -> free_table(r[0])
	:: else
	fi;
	done++
}

/* pmd_install(), with the PMD lock held. */
inline install(t, entry)
{
	store(ENTRY(t), entry);
#ifndef NO_WMB
	smp_wmb();
#endif
	store(PMD, t);
	spin_unlock(PML)
}

/* No table is removed that this process has installed. */
proctype faulter()
{
	byte new;
	CPU;

	spin_lock(PML);
	load(0, PMD);
	await(0);
	if
	:: r[0] == HUGE ->
		install(1, 1);
		sum = sum + 1
	:: r[0] == 0 ->
		if
		:: new = 2
		:: d_step {
			freed[ENTRY(1)] ->
			freed[ENTRY(1)] = false;
			freed[PTL(1)] = false
		   };
		   new = 1
		fi;
		install(new, 0);
#ifndef ZAP
		spin_lock(PTL(new));
		load(1, ENTRY(new));
		await(1);
		store(ENTRY(new), r[1] + 1);
		sum = sum + 1;
		spin_unlock(PTL(new));
		smp_mb();
		mapped = true
#endif
	:: else -> spin_unlock(PML)
	fi;
	smp_mb();
	done++
}

init
{
	atomic {
		if
		:: mem[PMD] = 1
		:: mem[PMD] = HUGE; mem[ENTRY(1)] = JUNK; mapped = true
		fi;
		mem[ENTRY(2)] = JUNK;
#ifdef ZAP
		run zapper();
#else
		run mapper();
#endif
		run reclaimer();
		run faulter()
	}
	/* With no table, ENTRY(0) is the pmd itself, which is 0 then. */
	verdict(3, sum == 0 || sum == mem[ENTRY(mem[PMD])])
}
