/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table moves: mremap() takes PTE table 1 off the walker's pmd and attaches it
 * at another address. There another CPU takes the page-table lock. It either maps
 * page 2, which was never mapped at the walker's address, or detaches the table
 * again and counts page 1.
 *
 *   MOVE_PUD      move_normal_pud(): PMD table 1 moves, with all tables below it
 * Mutants:
 *   NO_UNLOCK     the lock is released without release ordering
 * The barrier between the second detach and its count is kept, but no mutant
 * without it fails here. It is needed if the walker may see the first detach later
 * than the counting CPU does. See the litmus test move+count+lock in
 * Documentation/litmus-tests/lockless-walk.
 */
#include "walk.pml"

#define LOCK	VAR(0)
#define MOVED	VAR(1)		/* the pmd, or pud, at the new address */

#ifdef MOVE_PUD
#define OLD	PUD
#else
#define OLD	PMD(1)
#endif

inline spin_unlock()
{
#ifdef NO_UNLOCK
	store(LOCK, 0)
#else
	store_release(LOCK, 0)
#endif
}

proctype mover()
{
	CPU;

	/* The lock is held at the start. */
	store(OLD, 0);
	store(MOVED, 1);
	spin_unlock();
	smp_mb();
	done++
}

proctype user()
{
	CPU;

	spin_lock(LOCK);
	load(0, MOVED);
	await(0);
	if
	:: r[0] == 0
	:: r[0] == 1 -> store(PTE(1), 2)
	:: r[0] == 1 ->
		store(MOVED, 0);
		smp_mb();
		load(0, REF(1));
		await(0);
		if
		:: r[0] == 1 -> decided = true
		:: else
		fi
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
		mem[LOCK] = 1;
		run walker();
		run mover();
		run user()
	}
	verdict(3, accepted != 2 && !(accepted == 1 && decided))
}
