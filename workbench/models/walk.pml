/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walker of mm/gup_fast.c, steps (1) to (5), and the tables it walks: one pud,
 * PMD tables and PTE tables of one entry each, and pages with a reference count.
 * The pud also stands for pgd and p4d, which are read and re-read in the same way.
 * Zero is an empty entry.
 *
 * Mutants, each of which leaves out one thing:
 *   NO_REF_MB                  the reference is not a full barrier; the second read
 *                              of the pud may then come before the first entry
 *   NO_PUD_REREAD and so on    one level is not read again
 *   NO_RMB_PUD, NO_RMB_PMD     no smp_rmb() after the pud, after the pmd
 *   ENTRY_FIRST                bottom up: the entry, then the pmd, then the pud
 *   NO_PERMITTED               permissions in entries are not checked
 *   NO_RCU_READER              no RCU section around the walk
 * If a model defines BEFORE_REF, this CPU runs it between steps (2) and (3). Such a
 * model has a walker of its own.
 */
#include "weak.pml"

#define PUD	0
#define PMD(t)	(0 + (t))	/* tables 1, 2 */
#define PTE(t)	(2 + (t))	/* tables 1, 2 */
#define REF(p)	(4 + (p))	/* pages 1 to 3 */
#define VAR(v)	(8 + (v))	/* 0 to 5, for other variables of a model */

#define HUGE	9		/* a pmd that is a leaf: these walks stop there */
#define LINK	9		/* data in a deposited table that is not an entry */

/* Registers of a walk: a level, and the same level again. */
#define R_PUD	0
#define R_PMD	1
#define R_PTE	2
#define R_GOT	3
#define R_PUD2	4
#define R_PMD2	5

inline walk_reread_up()
{
	load(5, PTE(r[R_PMD]));
	smp_rmb();
	await(5);
	same = same && r[5] == r[R_PTE];
	load(5, PMD(r[R_PUD]));
	smp_rmb();
	await(5);
	same = same && r[5] == r[R_PMD];
	load(5, PUD);
	await(5);
	same = same && r[5] == r[R_PUD]
}

/* Three loads that are pending at once. Only the barriers keep them in order. */
inline walk_reread_down()
{
	old = r[R_PTE];
#if !defined(NO_PUD_REREAD) && !defined(NO_REF_MB)
	load(R_PUD2, PUD);
#endif
#ifndef NO_RMB_PUD
	smp_rmb();
#endif
#ifndef NO_PMD_REREAD
	load(R_PMD2, PMD(r[R_PUD]));
#endif
#ifndef NO_RMB_PMD
	smp_rmb();
#endif
#ifndef NO_PTE_REREAD
	load(R_PTE, PTE(r[R_PMD]));
#endif
	smp_mb();
#ifndef NO_PUD_REREAD
	same = same && r[R_PUD2] == r[R_PUD];
#endif
#ifndef NO_PMD_REREAD
	same = same && r[R_PMD2] == r[R_PMD];
#endif
	same = same && r[R_PTE] == old
}

/* Steps (1) to (5). The caller has declared "bool same; byte old". */
inline walk()
{
#ifndef NO_RCU_READER
	rcu_read_lock();
#endif
	load(R_PUD, PUD);
#if defined(NO_REF_MB) && !defined(NO_PUD_REREAD)
	load(R_PUD2, PUD);
#endif
	await(R_PUD);
	if
	:: r[R_PUD] == 0 -> goto end_walk
	:: else
	fi;
	load(R_PMD, PMD(r[R_PUD]));
	await(R_PMD);
	if
	:: r[R_PMD] == 0 || r[R_PMD] == HUGE -> goto end_walk
	:: else
	fi;
	load(R_PTE, PTE(r[R_PMD]));
	await(R_PTE);
	if
	:: r[R_PTE] == 0 -> goto end_walk
#ifndef NO_PERMITTED
	:: r[R_PTE] == LINK -> goto end_walk
#endif
	:: else
	fi;
	assert(r[R_PTE] != LINK);
#ifdef BEFORE_REF
	BEFORE_REF;
#endif

	get(R_GOT, REF(r[R_PTE]));
#ifndef NO_REF_MB
	smp_mb();
#endif
	same = true;
#ifdef ENTRY_FIRST
	old = r[R_PTE];
	walk_reread_up();
#else
	walk_reread_down();
#endif
	smp_mb();
	if
	:: !r[R_GOT]
	:: r[R_GOT] && same -> accepted = old
	:: r[R_GOT] && !same ->
		add(REF(old), 255);
		smp_mb()
	fi;
end_walk:
#ifndef NO_RCU_READER
	rcu_read_unlock();
#endif
	done++
}

#ifndef BEFORE_REF
proctype walker()
{
	bool same;
	byte old;
	CPU;

	walk()
}
#endif
