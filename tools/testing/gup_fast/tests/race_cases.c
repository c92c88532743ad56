// SPDX-License-Identifier: GPL-2.0-only
/*
 * The updates: one function for each way in which the kernel removes pages while
 * a walk looks at them.
 */
#include <string.h>

#include "race.h"

/* Two sets of pages that are mapped in turn. They start at frame_offset in a folio. */
#define SET_PFN(set)	(((1UL + (set)) << 18) + frame_offset)

static unsigned long frame_offset, *slot, values[2], saved[2][RACE_PAGES];
static unsigned int current_set;

static struct page *set_page(unsigned int set, unsigned int i)
{
	return pfn_to_page(SET_PFN(set) + i);
}

static void go_home(unsigned long pfn, unsigned int where)
{
	struct race_home home = { where, race_clock };

	__atomic_store(&race_home[pfn], &home, __ATOMIC_SEQ_CST);
}

static void set_home(unsigned int set, unsigned int where)
{
	unsigned int i;

	for (i = 0; i < RACE_PAGES; i++)
		go_home(SET_PFN(set) + i, where == RACE_OUT ? RACE_OUT : where + i);
}

/* (C): does anyone else have a reference on the page? */
static bool busy(struct page *page)
{
	if (race_switch == UPDATE_NO_COUNT)
		return false;
	return folio_ref_count(page_folio(page)) != 1;
}

static bool set_busy(unsigned int set)
{
	unsigned int i;

	for (i = 0; i < RACE_PAGES; i++)
		if (busy(set_page(set, i)))
			return true;
	return false;
}

/* Count before clearing, with enough time in between for a walk. */
static bool count_first(struct page *page)
{
	bool refused;

	if (race_switch != UPDATE_COUNT_FIRST)
		return false;
	refused = page ? busy(page) : set_busy(current_set);
	race_spin(harness_random(&race_seed) % 512);
	return refused;
}

/* Nobody else has the page: use it for something else. */
static void reuse(unsigned long pfn)
{
	go_home(pfn, RACE_OUT);
	race_content[pfn]++;
}

/* Steps (A) and (B) */
static void clear(unsigned long *entry)
{
	WRITE_ONCE(*entry, 0);
	if (race_switch != UPDATE_NO_BARRIER)
		smp_mb(); /* pairs with the references of the walk */
}

/* Publishes all earlier writes to the table and its pages. */
static void attach(unsigned long *entry, unsigned long value)
{
	smp_store_release(entry, value); /* pairs with the read of the entry */
}

static void make_set(unsigned int set, unsigned int order)
{
	unsigned int i, step = 1U << order;

	for (i = 0; i < RACE_PAGES; i += step) {
		struct folio *folio = folio_make(SET_PFN(set) - frame_offset + i, order);

		folio->mapping = (void *)FOLIO_MAPPING_ANON;
	}
	for (i = 0; i < RACE_PAGES; i++)
		set_page(set, i)->flags |= BIT(PG_anon_exclusive);
}

static void map_set(unsigned int set, unsigned long addr, const struct race_case *c)
{
	unsigned int i;

	if (c->leaf)
		*table_entry(&race_mm, addr, c->level) =
			(SET_PFN(set) - frame_offset) << PAGE_SHIFT | LEAF_FLAGS;
	for (i = 0; !c->leaf && i < RACE_PAGES; i++)
		*table_entry(&race_mm, addr + i * PAGE_SIZE, PGTABLE_LEVEL_PTE) =
			(SET_PFN(set) + i) << PAGE_SHIFT | ENTRY_FLAGS;
}

/* Make two subtrees for the same entry. The first one is attached. */
static void swap_setup(const struct race_case *c)
{
	unsigned int set;

	slot = table_entry(&race_mm, RACE_ADDR, c->level);
	if (c->leaf)
		frame_offset = (RACE_ADDR & ((1UL << level_shift(c->level)) - 1)) >> PAGE_SHIFT;
	for (set = 2; set--; ) {
		*slot = 0;
		make_set(set, c->order);
		map_set(set, RACE_ADDR, c);
		values[set] = *slot;
	}
	current_set = 0;
	set_home(0, 0);
	set_home(1, RACE_OUT);
}

/* Clear and count. The entry is above those that map pages, or is a leaf. */
static bool swap_update(const struct race_case *c)
{
	unsigned int set = current_set, i;
	bool refused = count_first(NULL);

	clear(slot);
	if (race_switch != UPDATE_COUNT_FIRST)
		refused = set_busy(set);
	if (refused) {
		WRITE_ONCE(*slot, values[set]);
		return false;
	}
	for (i = 0; i < RACE_PAGES; i++)
		reuse(SET_PFN(set) + i);
	set_home(!set, 0);
	attach(slot, values[!set]);
	current_set = !set;
	return true;
}

static void pte_setup(const struct race_case *c)
{
	unsigned int i, set;

	for (set = 0; set < 2; set++) {
		make_set(set, c->order);
		for (i = 0; i < RACE_PAGES; i++)
			saved[set][i] = (SET_PFN(set) + i) << PAGE_SHIFT | ENTRY_FLAGS;
	}
	map_set(0, RACE_ADDR, c);
	slot = table_entry(&race_mm, RACE_ADDR, PGTABLE_LEVEL_PTE);
	set_home(0, 0);
	set_home(1, RACE_OUT);
}

static unsigned int entry_set(unsigned int i)
{
	return slot[i] == saved[1][i];
}

/* Clear and count, one entry at a time. */
static bool pte_update(const struct race_case *c)
{
	unsigned int i = c->tight ? 0 : harness_random(&race_seed) % RACE_PAGES;
	unsigned int set = entry_set(i);
	unsigned long pfn = SET_PFN(set) + i;
	bool refused = count_first(pfn_to_page(pfn));

	clear(&slot[i]);
	if (refused || (race_switch != UPDATE_COUNT_FIRST && busy(pfn_to_page(pfn)))) {
		WRITE_ONCE(slot[i], saved[set][i]);
		return false;
	}
	reuse(pfn);
	go_home(SET_PFN(!set) + i, i);
	attach(&slot[i], saved[!set][i]);
	return true;
}

/* Clear all entries of a large folio at once. c->order covers the set. */
static bool folio_update(const struct race_case *c)
{
	unsigned int i, set = entry_set(0);

	for (i = 0; i < RACE_PAGES; i++)
		clear(&slot[i]);
	if (set_busy(set)) {
		for (i = 0; i < RACE_PAGES; i++)
			WRITE_ONCE(slot[i], saved[set][i]);
		return false;
	}
	for (i = 0; i < RACE_PAGES; i++)
		reuse(SET_PFN(set) + i);
	set_home(!set, 0);
	for (i = 0; i < RACE_PAGES; i++)
		attach(&slot[i], saved[!set][i]);
	return true;
}

static void share_setup(const struct race_case *c)
{
	unsigned int i;

	pte_setup(c);
	for (i = 0; i < RACE_PAGES; i++)
		slot[i] = saved[0][i] & ~_PAGE_RW;
}

/*
 * An exclusive page is shared, as by KSM, or becomes exclusive again. The entry is
 * the same before and after, only PageAnonExclusive changes. Shared pages must not
 * be pinned for reading, so they count as unmapped (RACE_OUT).
 */
static bool share_update(const struct race_case *c)
{
	unsigned int i = harness_random(&race_seed) % RACE_PAGES;
	unsigned long pfn = SET_PFN(0) + i, pte = slot[i];
	struct page *page = pfn_to_page(pfn);
	bool refused = count_first(page);

	clear(&slot[i]);
	if (refused || (race_switch != UPDATE_COUNT_FIRST && busy(page))) {
		attach(&slot[i], pte);
		return false;
	}
	if (PageAnonExclusive(page)) {
		__atomic_fetch_and(&page->flags, ~BIT(PG_anon_exclusive), __ATOMIC_SEQ_CST);
		reuse(pfn);
	} else {
		go_home(pfn, i);
		set_bit(PG_anon_exclusive, &page->flags);
	}
	attach(&slot[i], pte);
	return true;
}

/* Each page has these states in turn. Only in the first one may it be pinned. */
enum { LOOK_PINNABLE, LOOK_BARRED, LOOK_GONE, NR_LOOKS };

static unsigned int looks[RACE_PAGES];

static void look_setup(const struct race_case *c)
{
	unsigned int i;

	if (c->leaf)
		swap_setup(c);
	else
		pte_setup(c);
	slot = table_entry(&race_mm, RACE_ADDR, c->leaf ? c->level : PGTABLE_LEVEL_PTE);
	for (i = 0; i < (c->leaf ? 1 : RACE_PAGES); i++)
		slot[i] = saved[0][i] = slot[i] & ~(c->read_only ? _PAGE_RW : 0);
	if (c->order)
		set_page(0, 0)->page_type = HARNESS_TYPE_HUGETLB;
}

/* Barred are hugetlb pages that are shared, and small pages that are of secretmem. */
static void set_look(struct page *page, unsigned int look, bool hugetlb)
{
	static struct address_space secretmem = { HARNESS_SECRETMEM };

	if (!hugetlb)
		WRITE_ONCE(page->mapping, look == LOOK_PINNABLE ? (void *)FOLIO_MAPPING_ANON :
					  look == LOOK_BARRED ? &secretmem : NULL);
	else if (look == LOOK_BARRED)
		__atomic_fetch_and(&page->flags, ~BIT(PG_anon_exclusive), __ATOMIC_SEQ_CST);
	else
		set_bit(PG_anon_exclusive, &page->flags);
}

/*
 * After their entries are gone, barred pages look as if they could be pinned.
 * Truncation clears the mapping of secretmem. A hugetlb page becomes exclusive to
 * another process, even if there are more references: that update does not count them.
 */
static bool look_update(const struct race_case *c)
{
	unsigned int nr = c->order ? RACE_PAGES : 1, entries = c->leaf ? 1 : nr;
	unsigned int first = c->order ? 0 : harness_random(&race_seed) % RACE_PAGES;
	unsigned int i, look = (looks[first] + 1) % NR_LOOKS;
	bool refused;

	for (i = first; i < first + entries; i++)
		clear(&slot[i]);
	refused = look != LOOK_GONE && busy(set_page(0, first));
	for (i = first; !refused && i < first + nr; i++) {
		go_home(SET_PFN(0) + i, look == LOOK_PINNABLE ? i : RACE_OUT);
		set_look(set_page(0, i), look, c->order);
	}
	if (!refused)
		looks[first] = look;
	for (i = first; looks[first] != LOOK_GONE && i < first + entries; i++)
		attach(&slot[i], saved[0][i]);
	return !refused;
}

static unsigned long *pmd;

static void edit_setup(const struct race_case *c)
{
	pte_setup(c);
	pmd = table_entry(&race_mm, RACE_ADDR, PGTABLE_LEVEL_PMD);
}

/* Detach the table, edit it, attach the same table again. */
static bool edit_update(const struct race_case *c)
{
	unsigned int i = harness_random(&race_seed) % RACE_PAGES, set = entry_set(i);
	unsigned long pfn = SET_PFN(set) + i, table = *pmd;
	bool refused;

	clear(pmd);
	refused = busy(pfn_to_page(pfn));
	if (race_switch == UPDATE_EDIT_LATE)
		attach(pmd, table);
	if (!refused) {
		reuse(pfn);
		go_home(SET_PFN(!set) + i, i);
		race_spin(harness_random(&race_seed) % 256);
		WRITE_ONCE(slot[i], saved[!set][i]);
	}
	attach(pmd, table);
	return !refused;
}

static unsigned long *other_slot;

static void move_setup(const struct race_case *c)
{
	unsigned long there = RACE_ADDR + (1UL << level_shift(c->level));
	unsigned int set;

	for (set = 0; set < 2; set++) {
		make_set(set, c->order);
		map_set(set, set ? there : RACE_ADDR, c);
		set_home(set, set ? RACE_B : 0);
	}
	slot = table_entry(&race_mm, RACE_ADDR, c->level);
	other_slot = table_entry(&race_mm, there, c->level);
}

static void move_homes(void)
{
	unsigned int set;

	__atomic_add_fetch(&race_clock, 1, __ATOMIC_SEQ_CST);
	for (set = 0; set < 2; set++)
		set_home(set, race_home[SET_PFN(set)].where == RACE_B ? 0 : RACE_B);
}

/*
 * Exchange two tables, and with them their pages and pins, without counting. If a
 * table is unshared, one of its users sees the same.
 */
static bool move_update(const struct race_case *c)
{
	unsigned long here = *slot, there = *other_slot;

	if (race_switch == UPDATE_MOVE_EARLY) {
		move_homes();
		race_spin(256);
	}
	WRITE_ONCE(*slot, 0);
	clear(other_slot);
	if (race_switch != UPDATE_MOVE_EARLY)
		move_homes();
	attach(other_slot, here);
	attach(slot, there);
	return true;
}

/* Tables that wait for the end of a grace period, and then for reuse. */
#define POOL	16
#define USED	(2 * RACE_PAGES)	/* entries of a table that walks may read */
#define POISON	(BIT(51) | ENTRY_FLAGS)

static struct { unsigned long *table, gp; } pool[POOL];
static unsigned long *live;

static void free_setup(const struct race_case *c)
{
	unsigned int i;

	swap_setup(c);
	for (i = 0; i < POOL; i++)
		pool[i].table = table_alloc();
	live = table_alloc();
}

/* Poison tables that no walk can be in any more. Returns a free one, or -1. */
static int reclaim(void)
{
	unsigned int i, n;
	int found = -1;

	for (i = 0; i < POOL; i++) {
		if (pool[i].gp && race_switch != UPDATE_FREE_EARLY && !harness_gp_done(pool[i].gp))
			continue;
		for (n = 0; pool[i].gp && n < USED; n++)
			WRITE_ONCE(pool[i].table[n], POISON);
		pool[i].gp = 0;
		found = i;
	}
	return found;
}

/* Attach a copy of the table that @value points to. */
static void attach_copy(unsigned long value, unsigned long *to)
{
	unsigned long *from = (unsigned long *)(value & PTE_PFN_MASK);
	unsigned int i;

	for (i = 0; i < USED; i++)
		WRITE_ONCE(to[i], from[i]);
	attach(slot, (unsigned long)to | TABLE_FLAGS);
}

/* Like swap_update(), but the table is also freed: it is poisoned and reused. */
static bool free_update(const struct race_case *c)
{
	unsigned long old = *slot, *fresh;
	int i = reclaim();

	if (i < 0)
		return false;
	clear(slot);
	if (set_busy(current_set)) {
		attach(slot, old);
		return false;
	}
	set_home(current_set, RACE_OUT);
	current_set = !current_set;
	set_home(current_set, 0);
	fresh = pool[i].table;
	attach_copy(values[current_set], fresh);
	pool[i].table = live;
	pool[i].gp = harness_gp_start();
	live = fresh;
	reclaim();
	return true;
}

/* Freeze all @nr folios of the set, or none if any has another reference. */
static bool freeze(unsigned int nr)
{
	unsigned int i, step = RACE_PAGES / nr;

	for (i = 0; i < nr; i++) {
		int one = 1;

		if (!__atomic_compare_exchange_n(&set_page(0, i * step)->_refcount.counter,
						 &one, 0, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_RELAXED))
			break;
	}
	if (i == nr)
		return true;
	while (i--)
		__atomic_store_n(&set_page(0, i * step)->_refcount.counter, 1, __ATOMIC_RELEASE);
	return false;
}

/* Make @nr folios of the frozen set. Heads are set up last, as in the kernel. */
static void reshape(unsigned int nr)
{
	unsigned int i, step = RACE_PAGES / nr;

	for (i = 0; i < RACE_PAGES; i++) {
		struct page *page = set_page(0, i), *head = set_page(0, i - i % step);

		WRITE_ONCE(page->compound_info, page == head ? 0 : (unsigned long)head | 1);
		WRITE_ONCE(page->flags, BIT(PG_anon_exclusive));
		WRITE_ONCE(page->mapping, page == head ? (void *)FOLIO_MAPPING_ANON : NULL);
		race_content[SET_PFN(0) + i]++;
	}
	for (i = 0; i < RACE_PAGES; i += step) {
		struct folio *folio = (struct folio *)set_page(0, i);

		if (step > 1) {
			WRITE_ONCE(folio->_flags_1, BIT(PG_anon_exclusive) | __builtin_ctz(step));
			WRITE_ONCE(folio->_nr_pages, step);
			WRITE_ONCE(folio->flags, BIT(PG_head) | BIT(PG_anon_exclusive));
		}
		__atomic_store_n(&folio->_refcount.counter, 1, __ATOMIC_RELEASE);
	}
}

static unsigned int shape;

static void reshape_setup(const struct race_case *c)
{
	pte_setup(c);
	shape = RACE_PAGES;
}

/* Split and collapse: the same page frames become folios of other sizes. */
static bool reshape_update(const struct race_case *c)
{
	unsigned int i;
	bool frozen;

	for (i = 0; i < RACE_PAGES; i++)
		clear(&slot[i]);
	frozen = freeze(shape);
	if (frozen) {
		shape = 1U << (harness_random(&race_seed) % 4);
		reshape(shape);
	}
	for (i = 0; i < RACE_PAGES; i++)
		attach(&slot[i], saved[0][i]);
	return frozen;
}

const struct race_case race_cases[] = {
	{ "pte", pte_setup, pte_update },
	{ "pte-tight", pte_setup, pte_update, .tight = true },
	{ "folio", pte_setup, folio_update, .order = 3 },
	{ "pmd", swap_setup, swap_update, PGTABLE_LEVEL_PMD },
	{ "pmd-leaf", swap_setup, swap_update, PGTABLE_LEVEL_PMD, .leaf = true, .order = 9 },
	{ "pud", swap_setup, swap_update, PGTABLE_LEVEL_PUD },
	{ "pud-leaf", swap_setup, swap_update, PGTABLE_LEVEL_PUD, .leaf = true, .order = 18 },
	{ "p4d", swap_setup, swap_update, PGTABLE_LEVEL_P4D },
	{ "pgd", swap_setup, swap_update, PGTABLE_LEVEL_PGD },
	{ "share", share_setup, share_update, .read_only = true },
	{ "secretmem", look_setup, look_update },
	{ "hugetlb", look_setup, look_update, .order = 3, .read_only = true },
	{ "hugetlb-leaf", look_setup, look_update, PGTABLE_LEVEL_PMD, .leaf = true, .order = 9,
	  .read_only = true },
	{ "edit", edit_setup, edit_update },
	{ "move-pmd", move_setup, move_update, PGTABLE_LEVEL_PMD, .moves = true },
	{ "move-pud", move_setup, move_update, PGTABLE_LEVEL_PUD, .moves = true },
	{ "free-pte", free_setup, free_update, PGTABLE_LEVEL_PMD },
	{ "free-pmd", free_setup, free_update, PGTABLE_LEVEL_PUD },
	{ "reshape", reshape_setup, reshape_update },
};

const unsigned int nr_race_cases = ARRAY_SIZE(race_cases);
