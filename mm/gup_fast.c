// SPDX-License-Identifier: GPL-2.0-only
/*
 * GUP-fast: take references to the pages that user addresses map to, by
 * walking the page tables without a lock.
 *
 * A page is handed out only if, at some time while our reference on it was
 * visible to all CPUs, the page tables mapped it at that address with the
 * requested access. Where the walk cannot prove that, it stops, and the caller
 * falls back to faulting under a lock.
 *
 * The walk, for each batch of entries:
 *
 *  (1) read pgd, p4d, pud, pmd; remember pointer and value of each, for all
 *      batches below them
 *  (2) read the entries; for a large folio, the first and the last may suffice
 *  (3) take the references                   atomic RMW, a full barrier
 *  (4) read pgd, p4d, pud, pmd and then the entries again, top down
 *                                            smp_rmb() between the levels
 *  (5) drop the references from the first difference on, and stop
 *
 * From (3) to (5) the walk is not preempted, see gup_fast_speculate_begin().
 *
 * An updater that must not miss a reference to a page
 *
 *  (A) clears an entry: the one that maps the page, or any above it
 *  (B) has a full barrier, such as lockless_walk_barrier()
 *  (C) reads the reference count
 *
 * Either (C) sees the reference of (3), or (4) sees the cleared entry of (A).
 * An updater that does not read the count puts its reference. If that is the
 * last one, the put is (B): both the reuse of the page, and any reference to
 * the reused page, come after it.
 *
 * An updater that detaches a table, edits its entries and attaches the same
 * table again orders the edits before the attaching store. So (4) goes top
 * down. A walk that finds the table attached after the edit then finds the
 * edited entries. A walk that finds it attached from before the detach took its
 * reference early enough for (C) to see it. Bottom up, (4) could accept an
 * entry from before the edit, and then find the table attached again.
 *
 * Every level is read again, because moving a PMD table, or unsharing a hugetlb
 * one, changes only the pud.
 */
#include "gup_fast_folio.h"
#include "gup_fast_internal.h"

/* 1 in mm/gup_fast_ranges.c, for a walk that hands out ranges of pages. */
#ifndef GUP_FAST_RANGES
#define GUP_FAST_RANGES	0
#endif

/*
 * Functions with several callers that run for each page or batch are
 * __always_inline here and in gup_fast_folio.h. Otherwise a call for one page
 * takes 10 % more instructions, and 512 small folios take 25 % more (gup_test,
 * x86-64). Without unrolling the two loops over GUP_FAST_UNROLL entries, a THP
 * takes twice as many, and folios of 64 KiB take a third more. __uninitialized
 * avoids INIT_STACK_ALL_ZERO, which costs 3 % of a call for one page.
 */

/* Small folios whose references are taken together; see gup_fast_small(). */
#define GUP_FAST_GROUP	16

/* Entries compared, and pages stored, in one loop iteration. */
#define GUP_FAST_UNROLL	8

/* A walk: the request, the path to the current entry, and the results. */
struct gup_fast {
	struct mm_struct *mm;
	unsigned int flags;
	struct page **pages;		/* the next slot to fill */
	struct gup_ranges *ranges;	/* or these, with GUP_FAST_RANGES */
	unsigned long end;		/* of the request, if GUP_FAST_RANGES */

	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;

	int nid;			/* the node of nr_acquired */
	unsigned long nr_acquired;	/* pins not in the statistics yet */
};

/* An entry that maps a small folio. */
struct gup_fast_entry {
	pte_t pte;
	struct page *page;
};

static void gup_fast_account_flush(struct gup_fast *g)
{
	if (g->nr_acquired)
		mod_node_page_state(NODE_DATA(g->nid), NR_FOLL_PIN_ACQUIRED,
				    g->nr_acquired);
	g->nr_acquired = 0;
}

/*
 * Count @nr pins of @folio, which the caller is about to hand out. Call this
 * before marking the folio accessed: that is a locked write to the word that
 * holds the node, and a read of the node would have to wait for it.
 */
static void gup_fast_account(struct gup_fast *g, struct folio *folio, int nr)
{
	if (!(g->flags & FOLL_PIN))
		return;

	if (unlikely(folio_nid(folio) != g->nid)) {
		gup_fast_account_flush(g);
		g->nid = folio_nid(folio);
	}
	g->nr_acquired += nr;
}

/*
 * Step (4) down to @leaf: is the path still that of step (1)? If @leaf is a PTE
 * table, its entries are read after this. Each smp_rmb() orders the level above
 * it before the one below. It pairs with the barrier of an updater between
 * editing a table and attaching it again. Currently only a collapse to less
 * than a PMD edits tables, PTE tables. Its barrier is in __folio_mark_uptodate(),
 * and pairs with the last smp_rmb(). The others keep the contract of
 * linux/lockless_walk.h. A folded level has no entry of its own.
 */
static __always_inline bool gup_fast_path_same(const struct gup_fast *g,
					       enum pgtable_level leaf)
{
	if (pgd_val(g->pgd) != pgd_val(pgdp_get(g->pgdp)))
		return false;
	if (!mm_p4d_folded(g->mm)) {
		smp_rmb(); /* pgd before p4d */
		if (p4d_val(g->p4d) != p4d_val(p4dp_get(g->p4dp)))
			return false;
	}
	if (!mm_pud_folded(g->mm)) {
		smp_rmb(); /* p4d before pud */
		if (pud_val(g->pud) != pud_val(pudp_get(g->pudp)))
			return false;
	}
	if (leaf == PGTABLE_LEVEL_PUD)
		return true;
	smp_rmb(); /* pud before pmd */
	if (pmd_val(g->pmd) != pmd_val(pmdp_get_lockless(g->pmdp)))
		return false;
	smp_rmb(); /* pmd before the entries */
	return true;
}

/*
 * Is the path still the same after the folio and PageAnonExclusive were looked
 * at? Pairs with what updaters have between (A) and what was seen: unlocking the
 * page table, or the barrier in hugetlb_remove_rmap().
 */
static bool gup_fast_path_same_again(const struct gup_fast *g, enum pgtable_level leaf)
{
	smp_rmb(); /* folio and flag before the path */
	return gup_fast_path_same(g, leaf);
}

static inline bool gup_fast_room(const struct gup_fast *g, struct page *page)
{
	return !GUP_FAST_RANGES || gup_ranges_room(g->ranges, page);
}

/* Store @nr consecutive pages of a folio. */
static __always_inline void gup_fast_fill(struct gup_fast *g, struct page *page,
					  unsigned long nr)
{
	struct page **pages = g->pages;

	if (GUP_FAST_RANGES) {
		gup_ranges_add(g->ranges, page, nr);
		return;
	}
	g->pages += nr;
	for (; nr >= GUP_FAST_UNROLL; nr -= GUP_FAST_UNROLL) {
		unrolled_full
		for (int i = 0; i < GUP_FAST_UNROLL; i++)
			pages[i] = page + i;
		pages += GUP_FAST_UNROLL;
		page += GUP_FAST_UNROLL;
	}
	while (nr--)
		*pages++ = page++;
}

static __always_inline void gup_fast_store(struct gup_fast *g, struct page *page)
{
	if (GUP_FAST_RANGES)
		gup_ranges_add(g->ranges, page, 1);
	else
		*g->pages++ = page;
}

/*
 * PMD and PUD leaves
 */

static __always_inline bool gup_fast_leaf(struct gup_fast *g, struct page *page,
					  unsigned long nr,
					  enum pgtable_level level,
					  bool writable)
{
	struct folio *folio = page_folio(page);

	lockless_walk_debug_delay(LOCKLESS_WALK_WINDOW_READ);
	if (!gup_fast_room(g, page) ||
	    !gup_fast_grab_large(folio, page, nr, g->flags))
		return false;
	lockless_walk_debug_delay(LOCKLESS_WALK_WINDOW_REF);

	/* For a huge mapping only the head page carries PageAnonExclusive. */
	if (!gup_fast_path_same(g, level) ||
	    !gup_fast_folio_allowed(folio, g->flags) ||
	    gup_fast_must_unshare(folio_page(folio, 0), g->flags, writable) ||
	    (gup_fast_exclusive_may_move(folio, g->flags, writable) &&
	     !gup_fast_path_same_again(g, level))) {
		gup_fast_drop_large(folio, nr, g->flags);
		return false;
	}
	gup_fast_speculate_end();

	gup_fast_account(g, folio, nr);
	gup_fast_mark_accessed(folio);
	gup_fast_fill(g, page, nr);
	return true;
}

static bool gup_fast_pud_leaf(struct gup_fast *g, unsigned long addr,
			      unsigned long nr)
{
	pud_t pud = g->pud;

	if (!pud_access_permitted(pud, g->flags & FOLL_WRITE) ||
	    pud_special(pud))
		return false;

	return gup_fast_leaf(g, pud_page(pud) + ((addr & ~PUD_MASK) >> PAGE_SHIFT),
			     nr, PGTABLE_LEVEL_PUD, pud_write(pud));
}

static bool gup_fast_pmd_leaf(struct gup_fast *g, unsigned long addr,
			      unsigned long nr)
{
	pmd_t pmd = g->pmd;

	if (pmd_protnone(pmd) ||
	    !pmd_access_permitted(pmd, g->flags & FOLL_WRITE) ||
	    pmd_special(pmd))
		return false;

	return gup_fast_leaf(g, pmd_page(pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT),
			     nr, PGTABLE_LEVEL_PMD, pmd_write(pmd));
}

/*
 * PTE tables
 */

/*
 * PROT_NONE entries, NUMA hinting among them, are left to the fault handler,
 * even where the architecture would permit the access. Special entries have no
 * struct page to count in. Data that an architecture writes to a deposited
 * table never look like an entry that permits access.
 */
static __always_inline bool gup_fast_pte_permitted(pte_t pte,
						   unsigned int flags)
{
	return !pte_protnone(pte) &&
	       pte_access_permitted(pte, flags & FOLL_WRITE) &&
	       !pte_special(pte);
}

/* The same, but cheaper if @pte has the access of @known, a permitted entry. */
static bool gup_fast_pte_permitted_like(pte_t pte, pte_t known,
					unsigned int flags)
{
	return lockless_walk_pte_same_access(pte, known) ||
	       gup_fast_pte_permitted(pte, flags);
}

/* The same page with the same permissions? Hardware owns the other bits. */
static bool gup_fast_pte_similar(pte_t a, pte_t b)
{
	if (!pte_present(a) || pte_write(a) != pte_write(b))
		return false;
	a = pte_mkold(pte_mkclean(pte_clear_soft_dirty(a)));
	b = pte_mkold(pte_mkclean(pte_clear_soft_dirty(b)));
	return pte_same(a, b);
}

static __always_inline bool gup_fast_pte_matches(pte_t *ptep, pte_t want)
{
	pte_t pte = lockless_walk_ptep_get(ptep);

	return likely(pte_val(pte) == pte_val(want)) ||
	       gup_fast_pte_similar(pte, want);
}

/* Does entry @nr after @ptep equal the continuation of @pte in all bits? */
static bool gup_fast_pte_continues(pte_t *ptep, pte_t pte, unsigned int nr)
{
	return lockless_walk_ptep_equals(ptep + nr,
					 lockless_walk_pte_advance(pte, nr));
}

static bool gup_fast_pte_run(pte_t *ptep, pte_t pte)
{
	unrolled_full
	for (int i = 0; i < GUP_FAST_UNROLL; i++)
		if (!gup_fast_pte_continues(ptep, pte, i))
			return false;

	return true;
}

/*
 * How many of the @max entries from @ptep on continue @pte: consecutive pages
 * with the same permissions?
 */
static __always_inline unsigned int gup_fast_pte_batch(pte_t *ptep, pte_t pte,
						       unsigned int max)
{
	unsigned int nr = 0;

	for (; max - nr >= GUP_FAST_UNROLL; nr += GUP_FAST_UNROLL) {
		if (!gup_fast_pte_run(ptep + nr, lockless_walk_pte_advance(pte, nr)))
			break;
	}
	for (; nr < max; nr++) {
		if (!gup_fast_pte_continues(ptep, pte, nr) &&
		    !gup_fast_pte_matches(ptep + nr, lockless_walk_pte_advance(pte, nr)))
			break;
	}
	return nr;
}

/*
 * Step (2): how many entries seem to continue @pte? If the last one does, those
 * in between are assumed to. Step (4) finds any that does not.
 */
static unsigned int gup_fast_pte_guess(pte_t *ptep, pte_t pte, unsigned int max)
{
	unsigned int last = max - 1;

	if (gup_fast_pte_matches(ptep + last, lockless_walk_pte_advance(pte, last)))
		return max;
	return gup_fast_pte_batch(ptep, pte, max);
}

/* How many of @nr pages from @page on can be pinned without unsharing? */
static unsigned int gup_fast_exclusive(struct page *page, unsigned int nr,
				       unsigned int flags, bool writable)
{
	unsigned int i;

	if (writable || (flags & (FOLL_PIN | FOLL_WRITE)) != FOLL_PIN)
		return nr;

	for (i = 0; i < nr; i++) {
		if (gup_must_unshare(NULL, flags, page + i))
			break;
	}
	return i;
}

/* How many of @nr entries that map @folio from @page on pass step (4)? */
static unsigned int gup_fast_large_valid(struct gup_fast *g, pte_t *ptep,
					 pte_t pte, struct folio *folio,
					 struct page *page, unsigned int nr)
{
	if (!gup_fast_path_same(g, PGTABLE_LEVEL_PTE))
		return 0;
	nr = gup_fast_pte_batch(ptep, pte, nr);
	if (!nr || !gup_fast_folio_allowed(folio, g->flags))
		return 0;
	nr = gup_fast_exclusive(page, nr, g->flags, pte_write(pte));
	if (gup_fast_exclusive_may_move(folio, g->flags, pte_write(pte))) {
		smp_rmb(); /* as in gup_fast_path_same_again() */
		nr = gup_fast_pte_batch(ptep, pte, nr);
	}
	return nr && gup_fast_make_accessible(folio, g->flags) ? nr : 0;
}

/*
 * Take consecutive pages of a large folio, with one operation on its counts.
 * Returns the number of pages taken; 0 means stop.
 *
 * The references are speculative while at most @max entries are compared, and
 * PageAnonExclusive is read for as many pages. @max is limited to one table,
 * and to LOCKLESS_WALK_CHUNK pages. The pages are stored afterwards.
 */
static unsigned int gup_fast_large(struct gup_fast *g, pte_t *ptep, pte_t pte,
				   struct page *page, unsigned int max)
{
	struct folio *folio = page_folio(page);
	unsigned int nr, valid;

	/* Unreliable without a reference; gup_fast_grab_large() checks it. */
	nr = (1U << gup_fast_order(folio)) - folio_page_idx(folio, page);
	nr = gup_fast_pte_guess(ptep, pte, clamp(nr, 1U, max));
	if (!nr)
		return 0;

	lockless_walk_debug_delay(LOCKLESS_WALK_WINDOW_READ);
	if (!gup_fast_grab_large(folio, page, nr, g->flags))
		return 0;
	lockless_walk_debug_delay(LOCKLESS_WALK_WINDOW_REF);

	valid = gup_fast_large_valid(g, ptep, pte, folio, page, nr);
	if (unlikely(valid < nr))
		gup_fast_drop_large(folio, nr - valid, g->flags);
	else
		gup_fast_speculate_end();
	if (valid) {
		gup_fast_account(g, folio, valid);
		gup_fast_mark_accessed(folio);
		gup_fast_fill(g, page, valid);
	}
	return valid;
}

/* Step (2): read up to @max entries, and prefetch their struct pages. */
static unsigned int gup_fast_small_read(struct gup_fast_entry *e, pte_t *ptep,
					pte_t first, unsigned int max,
					unsigned int flags)
{
	unsigned int nr = 0;
	pte_t pte = first;

	do {
		e[nr].pte = pte;
		e[nr].page = lockless_walk_pte_page(pte);
		prefetchw(e[nr].page);
		if (++nr == max)
			break;
		pte = lockless_walk_ptep_get(ptep + nr);
	} while (gup_fast_pte_permitted_like(pte, first, flags));

	return nr;
}

/* Step (3), up to the first page that cannot be taken. */
static unsigned int gup_fast_small_grab(struct gup_fast_entry *e,
					unsigned int nr, unsigned int flags,
					bool *contended)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if ((flags & FOLL_PIN) && is_zero_page(e[i].page))
			break;
		if (!gup_fast_grab_small(e[i].page, flags, contended))
			break;
	}
	return i;
}

/* The rest of step (4) for one page, after the path has been validated. */
static __always_inline bool gup_fast_entry_valid(pte_t *ptep, pte_t pte,
						 struct folio *folio,
						 struct page *page,
						 unsigned int flags)
{
	enum gup_fast_verdict verdict;

	if (!gup_fast_pte_matches(ptep, pte))
		return false;

	verdict = gup_fast_folio_allowed(folio, flags);
	if (verdict == GUP_FAST_REFUSE ||
	    gup_fast_must_unshare(page, flags, pte_write(pte)))
		return false;

	if (unlikely(verdict == GUP_FAST_LOOK_AGAIN ||
		     gup_fast_exclusive_may_move(folio, flags, pte_write(pte)))) {
		smp_rmb(); /* as in gup_fast_path_same_again() */
		if (!gup_fast_pte_matches(ptep, pte))
			return false;
	}
	return gup_fast_make_accessible(folio, flags);
}

static unsigned int gup_fast_small_take(struct gup_fast *g,
					struct gup_fast_entry *e, pte_t *ptep,
					unsigned int nr)
{
	const unsigned int flags = g->flags;
	struct page **pages = g->pages;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct page *page = e[i].page;
		struct folio *folio = gup_fast_small_folio(page);

		if (!gup_fast_small_matches(folio, flags) ||
		    !gup_fast_entry_valid(ptep + i, e[i].pte, folio, page, flags))
			break;
		gup_fast_account(g, folio, 1);
		gup_fast_mark_accessed(folio);
		if (GUP_FAST_RANGES)
			gup_ranges_new(g->ranges, page, 1);
		else
			pages[i] = page;
	}
	if (!GUP_FAST_RANGES)
		g->pages = pages + i;
	return i;
}

/* Drop the references. Folios are freed after the end of the speculation. */
static void gup_fast_small_drop(struct gup_fast_entry *e, unsigned int nr,
				unsigned int flags)
{
	unsigned int i, nr_free = 0;

	for (i = 0; i < nr; i++) {
		if (folio_ref_sub_and_test(gup_fast_small_folio(e[i].page),
					   gup_fast_small_bias(flags)))
			e[nr_free++] = e[i];
	}
	gup_fast_speculate_end();
	for (i = 0; i < nr_free; i++)
		__folio_put(gup_fast_small_folio(e[i].page));
}

/*
 * Another CPU changed a count at the same time as this one. Both are likely to
 * walk the same pages at the same pace, so the cache lines of the struct pages
 * of a group bounce between them. Pause, so that the other CPU gets a group
 * ahead.
 */
static void gup_fast_stand_back(void)
{
	for (int i = 0; i < GUP_FAST_GROUP; i++)
		cpu_relax();
}

/*
 * Take small folios: one reference each, but the path is validated only once
 * for all of them, and their struct pages are fetched in parallel. Returns the
 * number of pages taken; 0 means stop.
 */
static unsigned int gup_fast_small(struct gup_fast *g, pte_t *ptep, pte_t pte,
				   unsigned int max)
{
	struct gup_fast_entry e[GUP_FAST_GROUP] __uninitialized;
	unsigned int nr, valid = 0;
	bool contended = false;

	if (GUP_FAST_RANGES)
		max = min(max, g->ranges->max - g->ranges->nr);
	nr = gup_fast_small_read(e, ptep, pte, min(max, GUP_FAST_GROUP), g->flags);
	lockless_walk_debug_delay(LOCKLESS_WALK_WINDOW_READ);
	gup_fast_speculate_begin();
	nr = gup_fast_small_grab(e, nr, g->flags, &contended);
	lockless_walk_debug_delay(LOCKLESS_WALK_WINDOW_REF);

	if (likely(nr && gup_fast_path_same(g, PGTABLE_LEVEL_PTE)))
		valid = gup_fast_small_take(g, e, ptep, nr);
	if (unlikely(valid < nr))
		gup_fast_small_drop(e + valid, nr - valid, g->flags);
	else
		gup_fast_speculate_end();
	if (unlikely(contended))
		gup_fast_stand_back();
	return valid;
}

static bool gup_fast_is_small(struct folio *folio, struct page *page)
{
	return folio == gup_fast_small_folio(page) && !PageCompound(page);
}

/* Step (3) for one page. */
static bool gup_fast_one_grab(struct gup_fast *g, struct folio *folio,
			      struct page *page)
{
	bool contended;

	if (!gup_fast_is_small(folio, page))
		return gup_fast_grab_large(folio, page, 1, g->flags);

	gup_fast_speculate_begin();
	if (!gup_fast_grab_small(page, g->flags, &contended)) {
		gup_fast_speculate_end();
		return false;
	}
	if (gup_fast_small_matches(folio, g->flags))
		return true;
	gup_fast_speculate_end_put(folio, gup_fast_small_bias(g->flags));
	return false;
}

static void gup_fast_one_drop(struct folio *folio, struct page *page,
			      unsigned int flags)
{
	if (!gup_fast_is_small(folio, page))
		gup_fast_drop_large(folio, 1, flags);
	else
		gup_fast_speculate_end_put(folio, gup_fast_small_bias(flags));
}

/* Step (4) for one page. */
static __always_inline bool gup_fast_one_valid(struct gup_fast *g, pte_t *ptep,
					       pte_t pte, struct folio *folio,
					       struct page *page)
{
	return gup_fast_path_same(g, PGTABLE_LEVEL_PTE) &&
	       gup_fast_entry_valid(ptep, pte, folio, page, g->flags);
}

/* A batch of one page, without the cost of looking for more. */
static unsigned int gup_fast_one(struct gup_fast *g, pte_t *ptep, pte_t pte,
				 struct page *page)
{
	struct folio *folio = page_folio(page);

	lockless_walk_debug_delay(LOCKLESS_WALK_WINDOW_READ);
	if (!gup_fast_one_grab(g, folio, page))
		return 0;
	lockless_walk_debug_delay(LOCKLESS_WALK_WINDOW_REF);

	if (!gup_fast_one_valid(g, ptep, pte, folio, page)) {
		gup_fast_one_drop(folio, page, g->flags);
		return 0;
	}
	gup_fast_speculate_end();
	gup_fast_account(g, folio, 1);
	gup_fast_mark_accessed(folio);
	gup_fast_store(g, page);
	return 1;
}

/* Pins of zero pages are not counted, because zero pages are never freed. */
static unsigned int gup_fast_zero(struct gup_fast *g, pte_t *ptep, pte_t pte,
				  struct page *page)
{
	if (!gup_fast_one_valid(g, ptep, pte, page_folio(page), page))
		return 0;
	gup_fast_store(g, page);
	return 1;
}

/* Take the batch that begins with @pte, of at most @max pages. */
static unsigned int gup_fast_batch(struct gup_fast *g, pte_t *ptep, pte_t pte,
				   unsigned int max)
{
	struct page *page = lockless_walk_pte_page(pte);

	if (!gup_fast_room(g, page))
		return 0;
	if ((g->flags & FOLL_PIN) && unlikely(is_zero_page(page)))
		return gup_fast_zero(g, ptep, pte, page);
	if (max == 1)
		return gup_fast_one(g, ptep, pte, page);
	if (PageCompound(page))
		return gup_fast_large(g, ptep, pte, page, max);
	return gup_fast_small(g, ptep, pte, max);
}

/*
 * Take @nr pages from @addr on, all in the table that g->pmd points to. A batch
 * may end early, at a border or by a failure. The first page that it did not
 * take begins the next batch. Stops when a batch takes no page at all.
 */
static bool gup_fast_pte_range(struct gup_fast *g, unsigned long addr,
			       unsigned long nr)
{
	pte_t *ptem, *ptep, pte, known;
	unsigned int taken;

	/* Not every architecture can tell which entries have a struct page. */
	if (!IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		return false;

	ptem = lockless_walk_pte_map(g->pmd, addr);
	if (!ptem)
		return false;

	ptep = ptem;
	lockless_walk_debug_delay(LOCKLESS_WALK_WINDOW_PATH);
	pte = lockless_walk_ptep_get(ptep);
	lockless_walk_debug_table(pmd_page(g->pmd));
	if (!gup_fast_pte_permitted(pte, g->flags))
		goto unmap;
	for (;;) {
		taken = gup_fast_batch(g, ptep, pte, nr);
		nr -= taken;
		if (!taken || !nr)
			break;

		ptep += taken;
		known = pte;
		pte = lockless_walk_ptep_get(ptep);
		if (!gup_fast_pte_permitted_like(pte, known, g->flags))
			break;
	}
unmap:
	lockless_walk_pte_unmap(ptem);
	return !nr;
}

/*
 * Step (1) down to the pud that maps @addr. The path is kept in @g, because the
 * pointer to an entry of a folded level points to the value in @g.
 */
static bool gup_fast_path_to_pud(struct gup_fast *g, unsigned long addr)
{
	g->pgdp = pgd_offset(g->mm, addr);
	g->pgd = pgdp_get(g->pgdp);
	BUILD_BUG_ON(pgd_leaf(g->pgd));
	if (pgd_none(g->pgd))
		return false;

	g->p4dp = p4d_offset_lockless(g->pgdp, g->pgd, addr);
	g->p4d = p4dp_get(g->p4dp);
	BUILD_BUG_ON(p4d_leaf(g->p4d));
	if (!p4d_present(g->p4d))
		return false;

	g->pudp = pud_offset_lockless(g->p4dp, g->p4d, addr);
	g->pud = pudp_get(g->pudp);
	return pud_present(g->pud);
}

/*
 * Take the pages from @addr to @next, all in one PMD range. If GUP_FAST_RANGES,
 * a PUD leaf is taken in one step, however long it is, and @next is moved to its
 * end. If @pud_known, @g has the path down to the pud, from the range before in
 * the same section. Returns whether all pages were taken.
 */
static bool gup_fast_walk(struct gup_fast *g, unsigned long addr,
			  unsigned long *next, bool pud_known)
{
	unsigned long nr = (*next - addr) >> PAGE_SHIFT;

	if (!pud_known && !gup_fast_path_to_pud(g, addr))
		return false;
	if (unlikely(pud_leaf(g->pud))) {
		if (GUP_FAST_RANGES) {
			*next = gup_fast_end(addr, g->end, PUD_SIZE);
			nr = (*next - addr) >> PAGE_SHIFT;
		}
		return gup_fast_pud_leaf(g, addr, nr);
	}

	g->pmdp = pmd_offset_lockless(g->pudp, g->pud, addr);
	g->pmd = pmdp_get_lockless(g->pmdp);
	if (!pmd_present(g->pmd))
		return false;
	if (pmd_leaf(g->pmd))
		return gup_fast_pmd_leaf(g, addr, nr);
	return gup_fast_pte_range(g, addr, nr);
}

#define GUP_FAST_CHUNK	(LOCKLESS_WALK_CHUNK * PAGE_SIZE)

/* The end of the next step from @addr: that of a PMD range, or of a chunk. */
static unsigned long gup_fast_next(unsigned long addr, unsigned long end)
{
	unsigned long next = gup_fast_end(addr, end, PMD_SIZE);

	if (GUP_FAST_CHUNK >= PMD_SIZE)
		return next;
	return addr + min(next - addr, GUP_FAST_CHUNK);
}

/* Returns the number of pages in @pages or, if GUP_FAST_RANGES, in @ranges. */
static unsigned long gup_fast_range(unsigned long addr, unsigned long end,
				    unsigned int flags, struct page **pages,
				    struct gup_ranges *ranges)
{
	struct gup_fast g __uninitialized;
	struct lockless_walk walk;
	bool pud_known = false;
	unsigned long next;

	g.mm = current->mm;
	g.flags = flags;
	g.pages = pages;
	if (GUP_FAST_RANGES) {
		g.ranges = ranges;
		g.end = end;
	}
	g.nid = NUMA_NO_NODE;
	g.nr_acquired = 0;

	lockless_walk_begin(&walk, g.mm);
	for (;;) {
		next = gup_fast_next(addr, end);
		if (!gup_fast_walk(&g, addr, &next, pud_known) ||
		    next == end)
			break;
		addr = next;
		/*
		 * A path is valid only in the section that read it. A new PUD
		 * range begins a new chunk, unless it is smaller than that.
		 */
		pud_known = PMD_SIZE < GUP_FAST_CHUNK && GUP_FAST_CHUNK <= PUD_SIZE &&
			    addr % GUP_FAST_CHUNK;
		if (!pud_known)
			lockless_walk_restart(&walk, g.mm);
	}
	gup_fast_account_flush(&g);
	lockless_walk_end(&walk);

	return GUP_FAST_RANGES ? ranges->nr_pages : g.pages - pages;
}

#if !GUP_FAST_RANGES
/**
 * gup_fast() - pin or get user pages of current without a lock
 * @start: first address, page aligned
 * @end: end of the range, page aligned, at most TASK_SIZE_MAX
 * @flags: FOLL_PIN or FOLL_GET, and other FOLL_* flags
 * @pages: receives the pages, in order of address
 *
 * Stops at the first page that a walk cannot take: a hole, an entry that needs
 * a fault or has changed, or a kind of page that @flags allow only after a look
 * at its VMA.
 *
 * If fork() write-protects the pages at the same time, their pins are useless:
 * then all of them are dropped.
 *
 * Context: Any for FOLL_GET, NMI included. Process context for FOLL_PIN.
 * Return: The number of pages taken, from @start on without a gap; possibly 0.
 */
unsigned long gup_fast(unsigned long start, unsigned long end,
		       unsigned int flags, struct page **pages)
{
	seqcount_t *fork_seq = &current->mm->write_protect_seq;
	unsigned long nr;
	unsigned int seq = 0;

	VM_WARN_ON_ONCE(!(flags & FOLL_PIN) == !(flags & FOLL_GET));

	if (start >= end || !gup_fast_permitted(start, end))
		return 0;
	if ((flags & FOLL_PIN) && !raw_seqcount_try_begin(fork_seq, seq))
		return 0;

	nr = gup_fast_range(start, end, flags, pages, NULL);
	if (!(flags & FOLL_PIN))
		return nr;

	/*
	 * The atomic of step (3) pairs with smp_mb() in copy_page_range():
	 * either fork() sees the pins, or this sees its sequence count.
	 */
	if (read_seqcount_retry(fork_seq, seq)) {
		gup_fast_unpin_user_pages(pages, nr);
		return 0;
	}
	if (IS_ENABLED(CONFIG_DEBUG_VM))
		sanity_check_pinned_pages(pages, nr);
	return nr;
}
#endif /* !GUP_FAST_RANGES */
