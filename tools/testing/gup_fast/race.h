/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walkers against an updater that keeps to the protocol at the top of
 * mm/gup_fast.c, or leaves out one step of it.
 */
#ifndef _GUP_FAST_RACE_H
#define _GUP_FAST_RACE_H

#include "harness.h"

#define RACE_PAGES	8		/* mapped at a time, at each address */
#define RACE_ADDR	(PGDIR_SIZE + P4D_SIZE + PUD_SIZE + PMD_SIZE)

/* Steps that can be left out, or be done in the wrong order. */
enum race_switch {
	RACE_SOUND,
	WALK_SKIP_PTE, WALK_SKIP_PMD, WALK_SKIP_PUD, WALK_SKIP_P4D, WALK_SKIP_PGD,
	WALK_PMD_LAST,		/* read the PMD again after the entries, not before */
	WALK_NO_READER,		/* outside of a reader section */
	UPDATE_NO_BARRIER,	/* between clearing and counting */
	UPDATE_COUNT_FIRST,	/* then clear */
	UPDATE_NO_COUNT,
	UPDATE_EDIT_LATE,	/* after attaching */
	UPDATE_FREE_EARLY,	/* without a grace period */
	UPDATE_MOVE_EARLY,	/* there before it is gone here */
	NR_RACE_SWITCHES,
};

struct race_case {
	const char *name;
	void (*setup)(const struct race_case *c);
	/* One update; false if it was given up because somebody had a page. */
	bool (*update)(const struct race_case *c);
	enum pgtable_level level;
	bool leaf;
	unsigned int order;
	bool moves;		/* pages with their references, see race_check() */
	bool tight;		/* no delays, one walker */
	bool read_only;		/* what is asked for */
};

/* Where a page is mapped, and since when by race_clock. */
struct race_home {
	unsigned int where;	/* number of the page in its range, and RACE_B */
	unsigned int since;
};

#define RACE_B		16
#define RACE_OUT	255

extern const struct race_case race_cases[];
extern const unsigned int nr_race_cases;
extern enum race_switch race_switch;
extern struct mm_struct race_mm;
extern unsigned int race_clock;
extern u64 race_seed;

#define RACE_PFNS	(1UL << 20)
extern struct race_home race_home[RACE_PFNS];
/* What is in a page. Written only by an owner that knows to be alone. */
extern unsigned long race_content[RACE_PFNS];

void race_spin(unsigned int loops);

#endif /* _GUP_FAST_RACE_H */
