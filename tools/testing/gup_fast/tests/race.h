/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walkers against an updater that follows the protocol described at the top of
 * mm/gup_fast.c, or leaves out one step of it.
 */
#ifndef _GUP_FAST_RACE_H
#define _GUP_FAST_RACE_H

#include "harness.h"

#define RACE_PAGES	8		/* mapped at a time, at each address */
#define RACE_ADDR	(PGDIR_SIZE + P4D_SIZE + PUD_SIZE + PMD_SIZE)

/* Steps that can be left out or be done in the wrong order. */
enum race_switch {
	RACE_SOUND,
	WALK_NO_READER,		/* outside of a reader section */
	UPDATE_NO_BARRIER,	/* between clearing and counting */
	UPDATE_COUNT_FIRST,	/* count, then clear */
	UPDATE_NO_COUNT,
	UPDATE_EDIT_LATE,	/* after attaching */
	UPDATE_FREE_EARLY,	/* without a grace period */
	UPDATE_MOVE_EARLY,	/* mapped there before it is cleared here */
	NR_RACE_SWITCHES,
};

struct race_case {
	const char *name;
	void (*setup)(const struct race_case *c);
	/* One update. Returns false if it gave up because of another reference. */
	bool (*update)(const struct race_case *c);
	enum pgtable_level level;
	bool leaf;
	unsigned int order;
	bool moves;		/* pages with their references, see check_home() */
	bool tight;		/* no delays, one walker */
	bool read_only;		/* read-only pins */
};

/* Where a page is mapped, and the value of race_clock when it was mapped there. */
struct race_home {
	unsigned int where;	/* number of the page in its range, and RACE_B */
	unsigned int since;
};

#define RACE_B		16
#define RACE_OUT	255

/* A step that is left out, and the names of the cases that must notice it. */
struct race_mutant {
	const char *what, *cases;
	enum race_switch which;
	int walker;
};

/* 0, or selects a walker in a program that has more than one. */
extern int race_walker;
/* Mutants of such a program; the last one has no @what. */
extern const struct race_mutant race_more_mutants[] __attribute__((weak));

extern const struct race_case race_cases[];
extern const unsigned int nr_race_cases;
extern enum race_switch race_switch;
extern struct mm_struct race_mm;
extern unsigned int race_clock;
extern u64 race_seed;

#define RACE_PFNS	(1UL << 20)
extern struct race_home race_home[RACE_PFNS];
/* Content of a page. It is written only by an owner without other references. */
extern unsigned long race_content[RACE_PFNS];

void race_spin(unsigned int loops);

/* Test the sound protocol, or each step left out in turn. False if a test failed. */
bool race_sound(double seconds, const char *only);
bool race_mutants(const char *only);
/* Returns the number of tests. */
unsigned int race_plan(void);

#endif /* _GUP_FAST_RACE_H */
