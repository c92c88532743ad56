/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A case of the differential test: what is mapped, what is requested, and what
 * strikes our walk in one of its windows. Any bytes are a valid case, so that
 * a fuzzer can generate cases.
 */
#ifndef _GUP_FAST_CASE_H
#define _GUP_FAST_CASE_H

#include "harness.h"

#define CASE_ITEMS	12
#define CASE_PAGES	1200		/* the most that are requested */
#define CASE_WINDOW	2048UL		/* page frames for each item */
#define CASE_PUD_PFN	(1UL << 18)	/* of the one folio of 1 GiB */

enum case_flag {
	CASE_PIN	= BIT(0),
	CASE_WRITE	= BIT(1),
	CASE_LONGTERM	= BIT(2),
	CASE_P2PDMA	= BIT(3),
	CASE_FORCE	= BIT(4),
	CASE_FORKING	= BIT(5),	/* during the whole walk */
};

/* The lower bits of `kind`. */
enum case_leaf { LEAF_PTE, LEAF_PTE_TOO, LEAF_PMD, LEAF_PUD };

/* The bits above. */
enum case_type {
	TYPE_ANON, TYPE_ANON_TOO, TYPE_SHMEM, TYPE_FILE, TYPE_SECRETMEM,
	TYPE_HUGETLB, TYPE_NO_MAPPING, TYPE_KSM, TYPE_P2PDMA, TYPE_ZERO,
	TYPE_SLAB, TYPE_CMA, TYPE_FROZEN, TYPE_OVERFLOW, TYPE_HOLE, TYPE_SWAP,
	NR_TYPES,
};

enum case_strike {
	/* 0 to 4: clear the entry at this level */
	STRIKE_HARDWARE = 5,	/* sets or clears accessed and dirty */
	STRIKE_WRPROTECT,
	STRIKE_FOLIO,		/* see enum case_folio_strike */
};

enum case_folio_strike { FOLIO_FREEZE, FOLIO_SPLIT, FOLIO_MERGE, FOLIO_FORK };

/* Consecutive pages. */
struct case_item {
	u8 kind;	/* leaf | type << 2 | node << 6 | same frames as before << 7 */
	u8 perm;	/* bits that differ from those of ordinary memory */
	u8 order;	/* of the folios; << 4: first page, in 1/16 of a folio */
	u8 len;		/* pages, up to 64; 1024 with 0x40 in `how` */
	u8 how;		/* 0x80: up to the next PMD range */
	u8 change;	/* from this entry on, ... */
	u8 bit;		/* ... this bit of perm differs; 8: in this entry only; 16: it is a hole */
	u8 exclusive;	/* which pages are exclusive, see exclusive_page() */
};

struct case_spec {
	u8 flags, place, skip_hi, skip;	/* pages before the first requested one */
	u8 nr_hi, nr;
	u8 strike;	/* number of the window, from 1 on; 0: never */
	u8 strike_how;	/* enum case_strike | position << 3 */
	struct case_item item[CASE_ITEMS];
	unsigned int nr_items;
};

#define CASE_HEAD	offsetof(struct case_spec, item)

/* What was built for a case. */
struct case_world {
	struct mm_struct mm;
	unsigned long start, nr, mapped;
	unsigned int flags;
	unsigned long first_pfn[CASE_ITEMS + 1], nr_pfns[CASE_ITEMS + 1];
	unsigned int nr_ranges;
	bool overflow, may_warn;
};

extern struct case_world world;

void case_init(void);
void case_decode(struct case_spec *c, const u8 *data, size_t size);
size_t case_encode(const struct case_spec *c, u8 *data);
void case_random(struct case_spec *c, u64 *seed);
void case_build(const struct case_spec *c);
void case_restore(void);

/* Returns NULL, or a description of the failure. */
const char *case_check(const struct case_spec *c);

/* Sums over all cases so far. */
struct case_totals {
	unsigned long cases, pages, struck, refused, full;
};

extern struct case_totals case_totals;

void case_print(const struct case_spec *c);
void case_minimise(struct case_spec *c);

#endif /* _GUP_FAST_CASE_H */
