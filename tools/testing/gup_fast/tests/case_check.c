// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run a case through the walker and the reference. The following must hold:
 *
 *  1. Each walker holds exactly the references, pins and statistics of the pages
 *     that it returned.
 *  2. Both return the same pages, and mark the same folios referenced.
 *  3. When struck in a window, ours returns a first part of its normal result. It
 *     does not return a page that was no longer mapped when the window closed,
 *     unless the page had been handed out before.
 *
 * Where ours may differ from the reference:
 *
 *  a. If no pages are requested, ours returns 0.
 *  b. If a reference count is about to overflow, ours stops a batch later than a
 *     walk of one page at a time. The count is negative then, but far from the
 *     end of its range. So only a part of rule 2 is checked: one result is a part of
 *     the other, and no count was negative before. The walk by ranges takes a
 *     whole PUD leaf at once, so it is not compared in this case.
 *  c. The zero page need not be marked referenced when it is pinned.
 */
#include <stdio.h>
#include <string.h>

#include "case.h"
#include "ranges.h"
#include "../../../../mm/lockless_walk_debug.h"

struct case_totals case_totals;

struct result {
	unsigned long nr;
	struct page *pages[CASE_PAGES + 1];
	unsigned long referenced;	/* how many folios, and which: a hash */
};

static struct result want, ours, struck;
static char why[200];

#define FAIL(...) (snprintf(why, sizeof(why), __VA_ARGS__), why)

/* The strike. case_check() prepares it, and the hook below runs it. */
static struct {
	const struct case_spec *spec;
	unsigned int windows;
	bool done, forked;
	unsigned long handed;		/* pages that had been handed out */
	unsigned long first, last;	/* pages that are no longer mapped */
	gup_fast_fn *fn;	/* the walker that runs */
} strike;

static unsigned long position(const struct case_spec *c)
{
	return world.nr ? (c->strike_how >> 3) * (world.nr - 1) / 31 : 0;
}

static unsigned long *mapped_by(unsigned long addr, enum pgtable_level *level)
{
	enum pgtable_level l = CONFIG_PGTABLE_LEVELS - 1;
	unsigned long *entry = (unsigned long *)world.mm.pgd;

	for (;; l--) {
		entry += (addr >> level_shift(l)) & 511;
		*level = l;
		if (l == PGTABLE_LEVEL_PTE || !(*entry & _PAGE_PRESENT) ||
		    (l < PGTABLE_LEVEL_P4D && *entry & _PAGE_PSE))
			return entry;
		entry = (unsigned long *)(*entry & PTE_PFN_MASK);
	}
}

/* Record the pages that the entry for @addr at @level maps. */
static void strike_unmapped(unsigned long addr, enum pgtable_level level)
{
	unsigned long size = 1UL << level_shift(level), from = addr & ~(size - 1);

	strike.first = from < world.start ? 0 : (from - world.start) >> PAGE_SHIFT;
	strike.last = (from + size - 1 - world.start) >> PAGE_SHIFT;
}

static unsigned long *struck_entry, struck_old;

static void strike_entry(unsigned long addr, enum case_strike how)
{
	enum pgtable_level level, want = (enum pgtable_level)how;
	unsigned long *entry = mapped_by(addr, &level);

	if (how < STRIKE_HARDWARE && want > level) {
		entry = table_entry(&world.mm, addr, want);
		level = want;
	}
	struck_entry = entry;
	struck_old = *entry;
	if (how == STRIKE_HARDWARE) {
		/* For a PMD, the walk compares these bits, too. */
		if (level == PGTABLE_LEVEL_PTE && *entry & _PAGE_PRESENT)
			*entry ^= _PAGE_ACCESSED | _PAGE_DIRTY;
		return;
	}
	if (how == STRIKE_WRPROTECT) {
		*entry &= ~_PAGE_RW;
		if (world.flags & FOLL_WRITE)
			strike_unmapped(addr, level);
		return;
	}
	*entry = 0;
	strike_unmapped(addr, level);
}

static bool untouched(struct page *page)
{
	return page->_refcount.counter == (int)page->index && page->index == 1 &&
	       page->page_type == HARNESS_TYPE_NONE;
}

/* Split a folio into folios of a lower order. */
static void split(struct folio *folio, unsigned int order)
{
	unsigned long pfn = page_to_pfn(&folio->page), end = pfn + folio->_nr_pages, i;
	struct address_space *mapping = folio->mapping;
	unsigned long flags = folio->flags & ~(BIT(PG_anon_exclusive) | BIT(PG_head));
	unsigned long exclusive[512];

	for (i = pfn; i < end; i++)
		exclusive[i - pfn] = pfn_to_page(i)->flags & BIT(PG_anon_exclusive);
	for (i = pfn; i < end; i += 1UL << order) {
		folio = folio_make(i, order);
		folio->flags |= flags;
		folio->mapping = mapping;
		folio->index = 1;
	}
	for (i = pfn; i < end; i++)
		pfn_to_page(i)->flags |= exclusive[i - pfn];
}

/*
 * Merge eight small folios, if all exist and have no other references. Only memory
 * that may be pinned both as small and as large folios is merged.
 */
static void merge(unsigned long pfn)
{
	struct page *head = pfn_to_page(pfn & ~7UL);
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (PageCompound(&head[i]) || !untouched(&head[i]) ||
		    head[i].mapping != head->mapping ||
		    (unsigned long)head->mapping != FOLIO_MAPPING_ANON)
			return;
	for (i = 1; i < 8; i++) {
		head[i]._refcount.counter = 0;
		head[i].index = 0;
		head[i].compound_info = (unsigned long)head | 1;
	}
	((struct folio *)head)->_flags_1 = 3;
	((struct folio *)head)->_nr_pages = 8;
	((struct folio *)head)->_pincount.counter = 0;
	head->flags |= BIT(PG_head);
}

static void strike_folio(unsigned long addr, enum case_folio_strike how)
{
	enum pgtable_level level;
	unsigned long *entry = mapped_by(addr, &level), pfn;
	struct folio *folio;

	if (how == FOLIO_FORK) {
		world.mm.write_protect_seq.sequence += 2;
		strike.forked = world.flags & FOLL_PIN;
		return;
	}
	pfn = (*entry & PTE_PFN_MASK) >> PAGE_SHIFT;
	if (!(*entry & _PAGE_PRESENT) || level != PGTABLE_LEVEL_PTE || pfn < CASE_WINDOW ||
	    pfn >= CASE_PUD_PFN || strike.windows % 2 == 0)
		return;
	folio = page_folio(pfn_to_page(pfn));
	if (!untouched(&folio->page))
		return;
	if (how == FOLIO_FREEZE)
		folio->_refcount.counter = folio->index = 0;
	else if (how == FOLIO_SPLIT && folio_test_large(folio))
		split(folio, pfn & 1 ? 0 : compound_order(&folio->page) - 1);
	else if (how == FOLIO_MERGE)
		merge(pfn);
}

static void strike_hook(int window)
{
	const struct case_spec *c = strike.spec;
	unsigned long addr = world.start + position(c) * PAGE_SIZE;

	/* This window occurs once per reference, while it is being taken. */
	if (window == LOCKLESS_WALK_WINDOW_COUNT)
		return;
	/* Odd windows are before the references. */
	if (++strike.windows != c->strike || strike.done)
		return;
	strike.done = true;
	if (strike.fn == ranges_gup_fast)
		strike.handed = ranges_walk.nr_pages;
	while (strike.handed < world.nr && struck.pages[strike.handed])
		strike.handed++;
	if ((c->strike_how & 7) == STRIKE_FOLIO)
		strike_folio(addr, c->strike_how >> 6);
	else
		strike_entry(addr, c->strike_how & 7);
}

/* Check rule 1, and restore the counts of all folios. */
static const char *account(const char *who, struct result *r, const long *stat)
{
	unsigned long pinned[HARNESS_NODES] = {}, i, n;
	const char *wrong = NULL;
	bool pin = world.flags & FOLL_PIN;

	for (i = 0; i < r->nr; i++) {
		struct folio *folio = page_folio(r->pages[i]);

		if (pin && is_zero_page(r->pages[i]))
			continue;
		pinned[folio_nid(folio)] += pin;
		if (pin && folio_test_large(folio))
			folio->_pincount.counter--;
		atomic_sub(pin && !folio_test_large(folio) ? GUP_PIN_COUNTING_BIAS : 1,
			   &folio->_refcount);
	}
	for (n = 0; n < world.nr_ranges; n++)
		for (i = world.first_pfn[n]; i < world.first_pfn[n] + world.nr_pfns[n]; i++) {
			struct folio *folio = (struct folio *)pfn_to_page(i);

			if (folio->compound_info & 1)
				continue;
			if (folio->_refcount.counter != (int)folio->index)
				wrong = FAIL("%s: page %lu has %d references more than it returned",
					     who, i, folio->_refcount.counter - (int)folio->index);
			folio->_refcount.counter = folio->index;
			if (folio_test_large(folio) && folio->_pincount.counter) {
				wrong = FAIL("%s: page %lu has %d pins more than it returned",
					     who, i, folio->_pincount.counter);
				folio->_pincount.counter = 0;
			}
			if (folio_test_referenced(folio) && i != harness_zero_pfn)
				r->referenced += i * i + 1;
			folio->flags &= ~BIT(PG_referenced);
		}
	for (i = 0; i < HARNESS_NODES; i++)
		if (harness_stat_pinned(i) - stat[i] != (long)pinned[i])
			wrong = FAIL("%s: node %lu counts %ld pins, not %lu", who, i,
				     harness_stat_pinned(i) - stat[i], pinned[i]);
	return wrong;
}

static const char *run(const char *who, gup_fast_fn *fn, struct result *r)
{
	long stat[HARNESS_NODES] = { harness_stat_pinned(0), harness_stat_pinned(1) };

	memset(r->pages, 0, (world.nr + 1) * sizeof(r->pages[0]));
	r->referenced = 0;
	r->nr = fn(world.start, world.start + world.nr * PAGE_SIZE, world.flags, r->pages);
	if (r->nr > world.nr)
		return FAIL("%s: returned %lu of %lu pages", who, r->nr, world.nr);
	return account(who, r, stat);
}

/* Is the result @part the first part of @all? */
static const char *beginning(const char *who, struct result *part, struct result *all)
{
	unsigned long i;

	for (i = 0; i < part->nr; i++) {
		if (i >= all->nr)
			return FAIL("%s: returned %lu pages, not %lu", who, part->nr, all->nr);
		if (part->pages[i] != all->pages[i])
			return FAIL("%s: page %lu is %lu, not %lu", who, i,
				    page_to_pfn(part->pages[i]), page_to_pfn(all->pages[i]));
	}
	return NULL;
}

/* The remaining part of rule 2 if counts overflow. */
static const char *check_negative(void)
{
	unsigned long i;

	for (i = 0; i < ours.nr; i++)
		if ((int)page_folio(ours.pages[i])->index < 0)
			return FAIL("ours: page %lu had a negative reference count", i);
	return NULL;
}

static const char *check_same(void)
{
	const char *wrong = want.nr <= ours.nr ? beginning(reference_name, &want, &ours) :
						 beginning("ours", &ours, &want);

	if (wrong)
		return wrong;
	if (world.overflow)
		return check_negative();
	if (ours.nr != want.nr)
		return FAIL("ours returned %lu pages, %s %lu", ours.nr, reference_name, want.nr);
	if (ours.referenced != want.referenced)
		return FAIL("not the same folios are marked referenced");
	return NULL;
}

static const char *check_struck(const struct case_spec *c, gup_fast_fn *fn)
{
	const char *wrong;
	unsigned long i;

	memset(&strike, 0, sizeof(strike));
	strike.spec = c;
	strike.first = 1;
	strike.fn = fn;
	struck_entry = NULL;
	harness_hooks.delay = strike_hook;
	wrong = run("ours, struck", fn, &struck);
	harness_hooks.delay = NULL;
	if (struck_entry)
		*struck_entry = struck_old;
	if (wrong)
		return wrong;
	wrong = beginning("ours, struck", &struck, &ours);
	if (wrong)
		return wrong;
	case_totals.struck += strike.done;
	if (strike.done && strike.forked && struck.nr)
		return FAIL("ours, struck: %lu pages pinned while fork() protects them", struck.nr);
	for (i = max(strike.first, strike.handed); i <= strike.last && i < struck.nr; i++)
		return FAIL("ours, struck: page %lu was returned, and was not mapped", i);
	if ((c->strike_how & 7) == STRIKE_HARDWARE && struck.nr != ours.nr)
		return FAIL("ours, struck: accessed and dirty made it return %lu pages, not %lu",
			    struck.nr, ours.nr);
	return NULL;
}

/* The same with ranges, and with room for only some of them. */
static const char *check_ranges(const struct case_spec *c)
{
	const char *wrong = run("ranges", ranges_gup_fast, &want);

	if (!wrong)
		wrong = beginning("ranges", &want, &ours);
	if (!wrong && (want.nr != ours.nr || want.referenced != ours.referenced))
		wrong = FAIL("ranges: %lu pages, not %lu", want.nr, ours.nr);
	if (!wrong && !ranges_are_whole())
		wrong = FAIL("ranges: one is of two folios, or too short");
	if (!wrong)
		wrong = run("ranges and fork()", ranges_forked, &want);
	if (!wrong)
		wrong = beginning("ranges and fork()", &want, &ours);
	if (!wrong)
		wrong = run("ranges", ranges_gup_fast, &want);
	if (wrong || ranges_walk.nr < 2)
		return wrong;

	ranges_max = 1 + ranges_walk.nr / 3;
	wrong = run("some ranges", ranges_gup_fast, &want);
	if (!wrong)
		wrong = beginning("some ranges", &want, &ours);
	if (!wrong && (want.nr == ours.nr || ranges_walk.nr != ranges_max))
		wrong = FAIL("some ranges: %u, not %u", ranges_walk.nr, ranges_max);
	ranges_max = 0;
	return wrong;
}

static const char *check_world(const struct case_spec *c)
{
	unsigned long warnings = harness_warnings;
	const char *wrong;

	wrong = run("ours", gup_fast, &ours);
	if (wrong)
		return wrong;
	if (!world.nr)
		return ours.nr ? FAIL("ours returned %lu pages of none", ours.nr) : NULL;
	wrong = run(reference_name, reference_gup_fast, &want);
	if (!wrong)
		wrong = check_same();
	if (!wrong && (world.flags & FOLL_PIN) && !world.overflow)
		wrong = check_ranges(c);
	if (!wrong && c->strike)
		wrong = check_struck(c, gup_fast);
	if (!wrong && c->strike && (world.flags & FOLL_PIN) && !world.overflow)
		wrong = check_struck(c, ranges_gup_fast);
	if (!wrong && !world.may_warn && harness_warnings != warnings)
		wrong = FAIL("warnings");
	return wrong;
}

const char *case_check(const struct case_spec *c)
{
	const char *wrong;

	case_build(c);
	wrong = check_world(c);
	case_restore();
	case_totals.cases++;
	case_totals.pages += ours.nr;
	case_totals.refused += !ours.nr;
	case_totals.full += ours.nr && ours.nr == world.nr;
	return wrong;
}
