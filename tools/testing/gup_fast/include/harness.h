/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the tests: the walkers, the page tables, and hooks into the walker
 * under test.
 */
#ifndef _GUP_FAST_HARNESS_H
#define _GUP_FAST_HARNESS_H

#include "walk.h"

typedef unsigned long gup_fast_fn(unsigned long start, unsigned long end,
				  unsigned int flags, struct page **pages);
/* The walker under test, and the one that gives the expected result. */
gup_fast_fn gup_fast, reference_gup_fast;
extern const char reference_name[];

/* Called in the windows of a walk. */
struct harness_hooks {
	void (*delay)(int window);
	void (*step)(void);
	bool unprotected;	/* walks are not reader sections */
};

extern __thread struct harness_hooks harness_hooks;

/* Reader sections of walks, and grace periods; see shim.c. */
#define HARNESS_THREADS	8
extern __thread int harness_thread;
unsigned long harness_gp_start(void);
bool harness_gp_done(unsigned long gp);

/* tables.c: page tables in an arena at @level above the PTE, zeroed. */
void tables_init(unsigned long nr_tables, unsigned long nr_pages);
unsigned long *table_alloc(void);
void table_free(unsigned long *table);
/* Returns the entry for @addr at @level. Allocates the tables above it. */
unsigned long *table_entry(struct mm_struct *mm, unsigned long addr,
			   enum pgtable_level level);
unsigned int level_shift(enum pgtable_level level);
void tables_reset(struct mm_struct *mm);

#define TABLE_FLAGS	(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY)
#define ENTRY_FLAGS	(TABLE_FLAGS | _PAGE_NX)
#define LEAF_FLAGS	(ENTRY_FLAGS | _PAGE_PSE)

/* Make a folio of the pages starting at @pfn, with one reference. */
struct folio *folio_make(unsigned long pfn, unsigned int order);

/* Die with a message. */
#define die(...) harness_die(__func__, __VA_ARGS__)
void __attribute__((format(printf, 2, 3), noreturn, cold))
harness_die(const char *where, const char *format, ...);

/* Pins on a node according to its statistics, as this thread sees them. */
long harness_stat_pinned(int nid);

u64 harness_random(u64 *state);
u64 harness_ns(void);

#endif /* _GUP_FAST_HARNESS_H */
