// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for GUP-fast, with a real mm and real mappings.
 *
 * get_user_pages_fast() and its family must keep these rules, however the page
 * tables are walked. The returned pages are those that are mapped, from the start
 * on and without a gap. Each of them is counted exactly once, and no other page
 * is. The walk alone takes all pages that it may take, and stops where it must.
 */
#include <linux/scatterlist.h>

#include "gup_fast_area.h"

/* Every kind of mapping: check pages and counts between any two boundaries */

static const struct layout layouts[] = {
	{ "small folios over a PTE table", .before = 12, .count = 12, .size = SMALL },
	{ "small folios over a PMD table", .before = 5, .count = 5, .size = SMALL,
	  .border = PUD_BORDER },
	{ "small folios over a PUD table", .before = 5, .count = 5, .size = SMALL,
	  .border = P4D_BORDER },
	{ "small folios over a P4D table", .before = 5, .count = 5, .size = SMALL,
	  .border = PGD_BORDER },
	{ "folios of 16 pages", .count = 4, .size = MID },
	{ "folios of 1, 16 and 1 pages", .before = 5, .count = 2, .size = MID, .after = 5 },
	{ "PMD leaf between PTE tables", .before = 5, .count = 1, .size = LEAF, .after = 5 },
	{ "PMD leaf after PMD leaf", .count = 2, .size = LEAF },
	{ "split PMDs", .before = 5, .count = 2, .size = LEAF, .split = true, .after = 5 },
	{ "shmem, small folios", .before = 12, .count = 12, .size = SMALL, .backing = SHMEM },
	{ "shmem, PMD leaf", .count = 1, .size = LEAF, .after = 5, .backing = SHMEM },
	{ "shmem, split PMD", .count = 1, .size = LEAF, .after = 5, .split = true,
	  .backing = SHMEM },
	{ "hugetlb, PMD leaves", .before = 12, .count = 12, .backing = HUGETLB },
	{ "hugetlb, PUD leaf", .before = 12, .count = 12, .backing = GIGANTIC },
};

KUNIT_ARRAY_PARAM_DESC(layout, layouts, name);

static bool walk_from_to(struct kunit *test, struct area *a,
			 unsigned int first, unsigned int end)
{
	unsigned int nr = end - first;

	return walk_takes(test, a, first, nr, 0, GET, nr) &&
	       walk_takes(test, a, first, nr, 0, PIN, nr) &&
	       walk_takes(test, a, first, nr, FOLL_WRITE, GET, nr) &&
	       walk_takes(test, a, first, nr, FOLL_WRITE, PIN, nr);
}

static void borders(struct kunit *test)
{
	struct area *a = area_new(test, test->param_value);
	unsigned int first, end;

	for (first = 0; first < a->nr; first++) {
		if (!a->spot[first].edge)
			continue;
		for (end = first + 1; end <= a->nr; end++) {
			if (a->spot[end].edge && !walk_from_to(test, a, first, end))
				return;
		}
	}
}

struct pin_stats {
	int ret;
	long acquired, released, released_after;
};

static struct pin_stats stats_of(struct area *a, enum gup_how how, unsigned int flags)
{
	long acquired, released;
	struct pin_stats s;

	preempt_disable();
	acquired = pin_stat(NR_FOLL_PIN_ACQUIRED);
	released = pin_stat(NR_FOLL_PIN_RELEASED);
	s.ret = take(how, a->addr, a->nr, flags, a->pages);
	s.acquired = pin_stat(NR_FOLL_PIN_ACQUIRED) - acquired;
	s.released = pin_stat(NR_FOLL_PIN_RELEASED) - released;
	give_back(how, a->pages, s.ret);
	s.released_after = pin_stat(NR_FOLL_PIN_RELEASED) - released;
	preempt_enable();
	return s;
}

static void statistics(struct kunit *test)
{
	struct area *a = area_new(test, test->param_value);
	struct pin_stats pin = stats_of(a, PIN, FOLL_WRITE);
	struct pin_stats ranges = stats_of(a, PIN_RANGES, FOLL_WRITE);
	struct pin_stats get = stats_of(a, GET, FOLL_WRITE);

	KUNIT_EXPECT_EQ(test, pin.ret, a->nr);
	KUNIT_EXPECT_EQ(test, pin.acquired, a->nr);
	KUNIT_EXPECT_EQ(test, pin.released, 0);
	KUNIT_EXPECT_EQ(test, pin.released_after, a->nr);
	KUNIT_EXPECT_EQ(test, ranges.ret, a->nr);
	KUNIT_EXPECT_EQ(test, ranges.acquired, a->nr);
	KUNIT_EXPECT_EQ(test, ranges.released, 0);
	KUNIT_EXPECT_EQ(test, ranges.released_after, a->nr);
	KUNIT_EXPECT_EQ(test, get.ret, a->nr);
	KUNIT_EXPECT_EQ(test, get.acquired, 0);
	KUNIT_EXPECT_EQ(test, get.released_after, 0);
}

/* One entry that differs, in the middle of a batch */

/* @get, @pin: does the walk go past the entry? */
struct edit {
	const char *name;
	enum op op;
	bool shared;
	unsigned int flags;
	bool get;
	bool pin;
};

static const struct edit edits[] = {
	{ "none", NONE },
	{ "marker", MARKER },
	{ "PROT_NONE", PROTNONE },
	{ "PROT_NONE, write", PROTNONE, .flags = FOLL_WRITE },
	{ "read-only, exclusive", WRPROTECT, .get = true, .pin = true },
	{ "read-only, exclusive, write", WRPROTECT, .flags = FOLL_WRITE },
	{ "read-only, shared", WRPROTECT, .shared = true, .get = true },
	{ "read-only, shared, write", WRPROTECT, .shared = true, .flags = FOLL_WRITE },
	{ "not accessed", OLD, .get = true, .pin = true },
	{ "clean, write", CLEAN, .flags = FOLL_WRITE, .get = true, .pin = true },
	{ "uffd-wp", UFFD, .get = true, .pin = true },
	{ "uffd-wp, write", UFFD, .flags = FOLL_WRITE },
	{ "special", SPECIAL },
};

KUNIT_ARRAY_PARAM_DESC(edit, edits, name);

/* Test the page in a range and alone. A walker may handle a single page separately. */
static bool walk_passes(struct kunit *test, struct area *a,
			const struct edit *e, unsigned int k)
{
	return walk_takes(test, a, 0, a->nr, e->flags, GET, e->get ? a->nr : k) &&
	       walk_takes(test, a, 0, a->nr, e->flags, PIN, e->pin ? a->nr : k) &&
	       walk_takes(test, a, k, 1, e->flags, GET, e->get) &&
	       walk_takes(test, a, k, 1, e->flags, PIN, e->pin);
}

static bool edit_one(struct kunit *test, struct area *a,
		     const struct edit *e, unsigned int k)
{
	pte_t pte = edit_pte(current_pte(page_addr(a, k)), e->op);
	struct page *page = a->spot[k].page;
	bool good;

	if (e->shared)
		ClearPageAnonExclusive(page);
	exchange_pte(page_addr(a, k), &pte);
	good = walk_passes(test, a, e, k);
	exchange_pte(page_addr(a, k), &pte);
	if (e->shared)
		SetPageAnonExclusive(page);
	return good;
}

static void edit_each(struct kunit *test, const struct layout *l)
{
	struct area *a = area_new(test, l);
	unsigned int k;

	for (k = 0; k < a->nr; k++) {
		if (!edit_one(test, a, test->param_value, k))
			return;
	}
}

static void entry_among_small(struct kunit *test)
{
	edit_each(test, &small_layout);
}

static void entry_in_folio(struct kunit *test)
{
	edit_each(test, &mid_layout);
}

static void entry_is_leaf(struct kunit *test)
{
	static const struct layout leaf = { .before = 5, .count = 1, .size = LEAF, .after = 5 };
	const struct edit *e = test->param_value;
	struct page *head;
	struct area *a;
	pmd_t pmd;

	if (e->op == SPECIAL && !IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "the architecture has no special PMD");

	a = area_new(test, &leaf);
	head = a->spot[leaf.before].page;
	pmd = edit_pmd(pmdp_get(pmd_off(current->mm, page_addr(a, leaf.before))), e->op);
	if (e->shared)
		ClearPageAnonExclusive(head);
	exchange_pmd(page_addr(a, leaf.before), &pmd);
	walk_passes(test, a, e, leaf.before);
	exchange_pmd(page_addr(a, leaf.before), &pmd);
	if (e->shared)
		SetPageAnonExclusive(head);
}

/* Consecutive entries need not map consecutive pages, as after mremap(). */
static void permute(struct kunit *test, struct area *a, unsigned int mask)
{
	unsigned int i;
	pte_t pte;

	for (i = 0; i < a->nr; i++) {
		if (i < (i ^ mask)) {
			pte = __pte(0);
			exchange_pte(page_addr(a, i ^ mask), &pte);
			exchange_pte(page_addr(a, i), &pte);
			exchange_pte(page_addr(a, i ^ mask), &pte);
		}
	}
	populate(test, a->addr, a->nr);
	area_record(test, a);
}

static void folio_out_of_order(struct kunit *test)
{
	static const unsigned int masks[] = { 1, 2, MID_NR / 2, MID_NR - 1 };
	struct area *a = area_new(test, &mid_layout);
	unsigned int i, first;

	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		permute(test, a, masks[i]);
		for (first = 0; first < a->nr; first++) {
			if (!walk_from_to(test, a, first, a->nr))
				break;
		}
		permute(test, a, masks[i]);
	}
}

/* The second half of a folio is read-only: it is mapped, but not for writing. */
static void vma_border(struct kunit *test)
{
	struct area *a = area_new(test, &mid_layout);
	unsigned int k = MID_NR / 2 + 1;

	protect(test, page_addr(a, k), (a->nr - k) * PAGE_SIZE, VM_READ);
	walk_takes_both(test, a, 0, a->nr);
	walk_takes_both(test, a, FOLL_WRITE, k);
}

/* All entries are equal and read-only. A pin has to check every page. */
static void folio_partly_shared(struct kunit *test)
{
	struct area *a = area_new(test, &mid_layout);
	bool good = true;
	unsigned int k;

	protect(test, a->addr, a->nr * PAGE_SIZE, VM_READ);
	for (k = 0; good && k < a->nr; k++) {
		ClearPageAnonExclusive(a->spot[k].page);
		good = walk_takes(test, a, 0, a->nr, 0, GET, a->nr) &&
		       walk_takes(test, a, 0, a->nr, 0, PIN, k);
		SetPageAnonExclusive(a->spot[k].page);
	}
	walk_takes(test, a, 0, a->nr, 0, PIN, a->nr);
}

/* Pages that the walk leaves to the slow path: counts must be exact, too */

enum obstacle { UNMAPPED, UNFAULTED, NO_ACCESS, READ_ONLY, WRPROTECTED, SHARED, HINTING };

struct fallback {
	const char *name;
	enum obstacle obstacle;
	unsigned int flags;
	bool goes_on;
};

static const struct fallback fallbacks[] = {
	{ "not mapped", UNMAPPED },
	{ "no access", NO_ACCESS },
	{ "not faulted in", UNFAULTED, FOLL_WRITE, true },
	{ "not faulted in, no fault wanted", UNFAULTED, FOLL_WRITE | FOLL_NOFAULT },
	{ "read-only VMA", READ_ONLY, 0, true },
	{ "read-only VMA, write", READ_ONLY, FOLL_WRITE },
	{ "read-only VMA, forced write", READ_ONLY, FOLL_WRITE | FOLL_FORCE, true },
	{ "read-only entry, write", WRPROTECTED, FOLL_WRITE, true },
	{ "shared page", SHARED, 0, true },
	{ "NUMA hinting", HINTING, 0, true },
	{ "NUMA hinting, honored", HINTING, FOLL_HONOR_NUMA_FAULT, true },
};

KUNIT_ARRAY_PARAM_DESC(fallback, fallbacks, name);

static void obstruct(struct kunit *test, struct area *a, unsigned int k,
		     enum obstacle obstacle)
{
	unsigned long addr = page_addr(a, k);
	pte_t pte;

	switch (obstacle) {
	case UNMAPPED:
		KUNIT_ASSERT_EQ(test, vm_munmap(addr, PAGE_SIZE), 0);
		break;
	case UNFAULTED:
		KUNIT_ASSERT_EQ(test, do_madvise(current->mm, addr, PAGE_SIZE,
						 MADV_DONTNEED), 0);
		break;
	case NO_ACCESS:
		protect(test, addr, PAGE_SIZE, 0);
		break;
	case READ_ONLY:
		protect(test, addr, PAGE_SIZE, VM_READ);
		break;
	case SHARED:
		ClearPageAnonExclusive(a->spot[k].page);
		fallthrough;
	case WRPROTECTED:
		pte = pte_wrprotect(current_pte(addr));
		exchange_pte(addr, &pte);
		break;
	case HINTING:
		pte = pte_modify(current_pte(addr), vm_get_page_prot(0));
		exchange_pte(addr, &pte);
		break;
	}
}

static void fall_back(struct kunit *test, enum gup_how how, unsigned int k)
{
	const struct fallback *f = test->param_value;
	struct area *a = area_new(test, &small_layout);
	unsigned int i, want = f->goes_on ? a->nr : k;
	int ret;

	obstruct(test, a, k, f->obstacle);
	ret = take(how, a->addr, a->nr, f->flags, a->pages);
	KUNIT_EXPECT_EQ(test, ret, want ?: -EFAULT);

	/* Check counts while pages are held, and again after they are released. */
	a->nr = max(ret, 0);
	area_record(test, a);
	for (i = 0; i < a->nr; i++)
		KUNIT_EXPECT_PTR_EQ(test, a->pages[i], a->spot[i].page);
	give_back(how, a->pages, ret);
	lru_add_drain();
	counts_are(test, a, 0, a->nr, how, -1);
	KUNIT_ASSERT_EQ(test, vm_munmap(a->addr, small_layout.before * 2 * PAGE_SIZE), 0);
}

static void fallback(struct kunit *test)
{
	const struct fallback *f = test->param_value;
	unsigned int how;

	if (f->obstacle == HINTING && !IS_ENABLED(CONFIG_NUMA_BALANCING))
		kunit_skip(test, "needs NUMA_BALANCING");
	for (how = 0; how < NR_HOW; how++) {
		fall_back(test, how, 0);
		fall_back(test, how, 5);
	}
}

/* Zero pages: handed out by the slow path, never counted as pinned */

static void zero_page(struct kunit *test)
{
	struct area *a = area_at(test, border_addr(PMD_BORDER), 1);
	struct page *zero = ZERO_PAGE(a->addr);
	long acquired, released;
	u32 value;
	int refs;

	map_fixed(test, a->addr, PAGE_SIZE, MAP_PRIVATE);
	KUNIT_ASSERT_EQ(test, get_user(value, (u32 __user *)a->addr), 0);
	acquired = pin_stat(NR_FOLL_PIN_ACQUIRED);
	released = pin_stat(NR_FOLL_PIN_RELEASED);
	refs = page_ref_count(zero);

	KUNIT_EXPECT_EQ(test, take_walked(GET, a->addr, 1, 0, a->pages), 0);
	KUNIT_EXPECT_EQ(test, take_walked(PIN, a->addr, 1, 0, a->pages), 0);
	KUNIT_EXPECT_EQ(test, take(PIN, a->addr, 1, 0, a->pages), 1);
	KUNIT_EXPECT_PTR_EQ(test, a->pages[0], zero);
	KUNIT_EXPECT_EQ(test, page_ref_count(zero), refs);
	unpin_user_page(zero);
	KUNIT_EXPECT_EQ(test, page_ref_count(zero), refs);
	KUNIT_EXPECT_EQ(test, pin_stat(NR_FOLL_PIN_ACQUIRED), acquired);
	KUNIT_EXPECT_EQ(test, pin_stat(NR_FOLL_PIN_RELEASED), released);
}

/*
 * The huge zero page is counted like any other folio. But if its entry is special,
 * the walk does not take it, and GUP needs a page fault.
 */
static void huge_zero_page(struct kunit *test)
{
	struct area *a = area_at(test, border_addr(PMD_BORDER), HPAGE_PMD_NR);
	struct folio *zero;
	int pins, walked;
	u32 value;
	pmd_t pmd;

	map_fixed(test, a->addr, HPAGE_PMD_SIZE, MAP_PRIVATE);
	advise_order(test, a->addr, HPAGE_PMD_SIZE, HPAGE_PMD_ORDER);
	KUNIT_ASSERT_EQ(test, get_user(value, (u32 __user *)a->addr), 0);
	pmd = pmdp_get(pmd_off(current->mm, a->addr));
	if (!is_huge_zero_pmd(pmd))
		kunit_skip(test, "no huge zero folio");

	zero = page_folio(pmd_page(pmd));
	pins = folio_pins(zero);
	walked = pmd_special(pmd) ? 0 : a->nr;
	KUNIT_ASSERT_EQ(test, take_walked(GET, a->addr, a->nr, 0, a->pages), walked);
	give_back(GET, a->pages, walked);
	KUNIT_ASSERT_EQ(test, take_walked(PIN, a->addr, a->nr, 0, a->pages), walked);
	give_back(PIN, a->pages, walked);
	KUNIT_EXPECT_EQ(test, folio_pins(zero), pins);
	KUNIT_ASSERT_EQ(test, take(PIN, a->addr, a->nr, 0, a->pages), a->nr);
	KUNIT_EXPECT_PTR_EQ(test, page_folio(a->pages[0]), zero);
	KUNIT_EXPECT_EQ(test, folio_pins(zero), pins + a->nr);
	give_back(PIN, a->pages, a->nr);
	KUNIT_EXPECT_EQ(test, folio_pins(zero), pins);
}

/* Pages that must be refused */

static void special_mapping(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL), *got;
	unsigned long addr = border_addr(PMD_BORDER);
	struct vm_area_struct *vma;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, page);
	map_fixed(test, addr, PAGE_SIZE, MAP_SHARED);
	mmap_write_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	ret = remap_pfn_range(vma, addr, page_to_pfn(page), PAGE_SIZE, vma->vm_page_prot);
	mmap_write_unlock(current->mm);

	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, take_walked(GET, addr, 1, 0, &got), 0);
	KUNIT_EXPECT_EQ(test, take_walked(PIN, addr, 1, 0, &got), 0);
	KUNIT_EXPECT_EQ(test, take(GET, addr, 1, 0, &got), -EFAULT);
	KUNIT_EXPECT_EQ(test, page_ref_count(page), 1);
	vm_munmap(addr, PAGE_SIZE);
	__free_page(page);
}

/*
 * The walk determines the kind of file from the mapping of the folio alone. So
 * shmem can stand in for other file systems during a walk.
 */
struct owner {
	const char *name;
	const struct address_space_operations *ops;
	bool truncated;
	bool secret;
	unsigned int flags;
	enum gup_how how;
	bool taken;
};

static const struct owner owners[] = {
	{ "shmem, long-term write", .flags = FOLL_LONGTERM | FOLL_WRITE, .how = PIN,
	  .taken = true },
	{ "another file system, write", &empty_aops, .flags = FOLL_WRITE, .how = PIN,
	  .taken = true },
	{ "another file system, long-term read", &empty_aops, .flags = FOLL_LONGTERM,
	  .how = PIN, .taken = true },
	{ "another file system, long-term write", &empty_aops,
	  .flags = FOLL_LONGTERM | FOLL_WRITE, .how = PIN },
	{ "truncated, write", .truncated = true, .flags = FOLL_WRITE, .how = PIN,
	  .taken = true },
	{ "truncated, long-term write", .truncated = true,
	  .flags = FOLL_LONGTERM | FOLL_WRITE, .how = PIN },
	{ "secretmem, get", &secretmem_aops, .secret = true, .how = GET },
	{ "secretmem, pin", &secretmem_aops, .secret = true, .how = PIN },
};

KUNIT_ARRAY_PARAM_DESC(owner, owners, name);

static void skip_if_movable(struct kunit *test, struct area *a)
{
	if (!folio_is_longterm_pinnable(page_folio(a->spot[0].page)))
		kunit_skip(test, "memory is in ZONE_MOVABLE or CMA");
}

static void file_mapping(struct kunit *test)
{
	static const struct layout file = { .count = 3, .backing = SHMEM };
	const struct owner *o = test->param_value;
	const struct address_space_operations *ops;
	struct address_space *mapping;
	struct folio *folio;
	struct area *a;

	if (o->secret && !IS_ENABLED(CONFIG_SECRETMEM))
		kunit_skip(test, "needs SECRETMEM");
	a = area_new(test, &file);
	if (o->flags & FOLL_LONGTERM)
		skip_if_movable(test, a);

	folio = page_folio(a->spot[0].page);
	mapping = folio->mapping;
	ops = mapping->a_ops;
	if (o->ops)
		mapping->a_ops = o->ops;
	if (o->truncated)
		folio->mapping = NULL;
	walk_takes(test, a, 0, 1, o->flags, o->how, o->taken);
	walk_takes(test, a, 0, a->nr, o->flags, o->how, o->taken ? a->nr : 0);
	folio->mapping = mapping;
	mapping->a_ops = ops;
}

/* For a private mapping, a long-term pin would first have to break COW. */
static void longterm_read_only_file(struct kunit *test)
{
	static const struct layout file = { .count = 3, .backing = SHMEM };
	struct area *a = area_new(test, &file);

	skip_if_movable(test, a);
	protect(test, a->addr, a->nr * PAGE_SIZE, VM_READ);
	walk_takes(test, a, 0, a->nr, 0, PIN, a->nr);
	walk_takes(test, a, 0, a->nr, FOLL_LONGTERM, PIN, 0);
	walk_takes(test, a, 0, 1, FOLL_LONGTERM, PIN, 0);
}

static void longterm_anon(struct kunit *test)
{
	struct area *a = area_new(test, &small_layout);

	skip_if_movable(test, a);
	walk_takes(test, a, 0, a->nr, FOLL_LONGTERM, PIN, a->nr);
	walk_takes(test, a, 0, a->nr, FOLL_LONGTERM | FOLL_WRITE, PIN, a->nr);
}

static void longterm_movable(struct kunit *test)
{
	struct area *a = area_new(test, &small_layout);
	int i, ret;

	for (i = 0; i < a->nr; i++) {
		if (!folio_is_zone_movable(page_folio(a->spot[i].page)))
			kunit_skip(test, "no ZONE_MOVABLE; boot with movablecore=");
	}
	walk_takes(test, a, 0, a->nr, FOLL_WRITE, PIN, a->nr);
	walk_takes(test, a, 0, a->nr, FOLL_WRITE | FOLL_LONGTERM, PIN, 0);
	walk_takes(test, a, 0, 1, FOLL_WRITE | FOLL_LONGTERM, PIN, 0);

	ret = take(PIN, a->addr, a->nr, FOLL_WRITE | FOLL_LONGTERM, a->pages);
	KUNIT_EXPECT_EQ(test, ret, a->nr);
	for (i = 0; i < ret; i++)
		KUNIT_EXPECT_FALSE(test, folio_is_zone_movable(page_folio(a->pages[i])));
	give_back(PIN, a->pages, ret);
}

/* While fork() runs, the walk must not pin. It may still take references. */
static void fork_at_work(struct kunit *test)
{
	struct area *a = area_new(test, &small_layout);

	raw_write_seqcount_begin(&current->mm->write_protect_seq);
	walk_takes(test, a, 0, a->nr, FOLL_WRITE, PIN, 0);
	walk_takes(test, a, 0, a->nr, FOLL_WRITE, GET, a->nr);
	raw_write_seqcount_end(&current->mm->write_protect_seq);
	walk_takes(test, a, 0, a->nr, FOLL_WRITE, PIN, a->nr);
}

static void irqs_off(struct kunit *test)
{
	static const struct layout mixed = { .before = 5, .count = 1, .size = LEAF, .after = 5 };
	struct area *a = area_new(test, &mixed);
	unsigned long flags;
	bool still_off;
	int ret;

	local_irq_save(flags);
	ret = get_user_pages_fast_only(a->addr, a->nr, FOLL_WRITE, a->pages);
	still_off = irqs_disabled();
	local_irq_restore(flags);

	KUNIT_EXPECT_EQ(test, ret, a->nr);
	KUNIT_EXPECT_TRUE(test, still_off);
	give_back(GET, a->pages, ret);
	counts_are(test, a, 0, 0, GET, 0);
}

static void pinned_mm_is_marked(struct kunit *test)
{
	struct area *a = area_new(test, &small_layout);

	walk_takes(test, a, 0, a->nr, 0, GET, a->nr);
	KUNIT_EXPECT_FALSE(test, mm_flags_test(MMF_HAS_PINNED, current->mm));
	walk_takes(test, a, 0, a->nr, 0, PIN, a->nr);
	KUNIT_EXPECT_TRUE(test, mm_flags_test(MMF_HAS_PINNED, current->mm));
}

/* Arguments of all entry points */

typedef int (*gup_fn)(unsigned long, int, unsigned int, struct page **);

static const struct entry_point {
	const char *name;
	gup_fn fn;
	enum gup_how how;
	bool fast_only;
} entry_points[] = {
	{ "get_user_pages_fast_only", get_user_pages_fast_only, GET, true },
	{ "get_user_pages_fast", get_user_pages_fast, GET },
	{ "pin_user_pages_fast", pin_user_pages_fast, PIN },
	{ "pin_user_page_ranges_fast", pin_by_ranges, PIN_RANGES },
};

KUNIT_ARRAY_PARAM_DESC(entry_point, entry_points, name);

static void range_of_nothing(struct kunit *test)
{
	const struct entry_point *e = test->param_value;
	struct area *a = area_new(test, &small_layout);
	int ret;

	/* Use the last page, so that a walk which runs too far stops soon. */
	a->pages[0] = POISON;
	ret = e->fn(page_addr(a, a->nr - 1), 0, 0, a->pages);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_PTR_EQ(test, a->pages[0], POISON);
	give_back(e->how, a->pages, ret);
	KUNIT_EXPECT_EQ(test, e->fn(page_addr(a, a->nr), 0, 0, a->pages), 0);
	counts_are(test, a, 0, 0, e->how, 0);
}

static void range_impossible(struct kunit *test)
{
	const struct entry_point *e = test->param_value;
	struct area *a = area_new(test, &small_layout);
	int unmapped = e->fast_only ? 0 : -EFAULT;

	KUNIT_EXPECT_EQ(test, e->fn(a->addr, -1, 0, a->pages), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, e->fn(ULONG_MAX & PAGE_MASK, 1, 0, a->pages), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, e->fn(TASK_SIZE_MAX, 1, 0, a->pages), -EFAULT);
	KUNIT_EXPECT_EQ(test, e->fn(TASK_SIZE_MAX - PAGE_SIZE, 2, 0, a->pages), -EFAULT);
	KUNIT_EXPECT_EQ(test, e->fn(TASK_SIZE_MAX - PAGE_SIZE, 1, 0, a->pages), unmapped);
	KUNIT_EXPECT_EQ(test, e->fn(page_addr(a, a->nr), 1, 0, a->pages), unmapped);
	counts_are(test, a, 0, 0, e->how, 0);
}

static void range_unaligned(struct kunit *test)
{
	const struct entry_point *e = test->param_value;
	struct area *a = area_new(test, &small_layout);
	int ret = e->fn(page_addr(a, 3) + PAGE_SIZE - 1, 2, FOLL_WRITE, a->pages);

	KUNIT_EXPECT_EQ(test, ret, 2);
	pages_are(test, a, 3, ret);
	counts_are(test, a, 3, ret, e->how, 1);
	give_back(e->how, a->pages, ret);
	counts_are(test, a, 3, 0, e->how, 0);
}

static void range_at_task_size(struct kunit *test)
{
	const struct entry_point *e = test->param_value;
	struct area *a = area_at(test, TASK_SIZE - 2 * PAGE_SIZE, 2);
	int ret;

	map_fixed(test, a->addr, 2 * PAGE_SIZE, MAP_PRIVATE);
	populate(test, a->addr, 2);
	area_record(test, a);
	ret = e->fn(a->addr, 2, FOLL_WRITE, a->pages);
	KUNIT_EXPECT_EQ(test, ret, 2);
	pages_are(test, a, 0, ret);
	counts_are(test, a, 0, ret, e->how, 1);
	give_back(e->how, a->pages, ret);
}

static void invalid_flags(struct kunit *test)
{
	static const unsigned int always[] = {
		FOLL_PIN, FOLL_FAST_ONLY, FOLL_TOUCH, FOLL_SPLIT_PMD
	};
	const struct entry_point *e = test->param_value;
	struct area *a = area_new(test, &small_layout);
	unsigned int only = e->how == GET ? FOLL_LONGTERM : FOLL_GET;
	int i;

	kunit_warning_suppress(test) {
		for (i = 0; i < ARRAY_SIZE(always); i++)
			KUNIT_EXPECT_EQ(test, e->fn(a->addr, 1, always[i], a->pages), -EINVAL);
		KUNIT_EXPECT_EQ(test, e->fn(a->addr, 1, only, a->pages), -EINVAL);
		KUNIT_EXPECT_EQ(test, e->fn(a->addr, 1, FOLL_LONGTERM | FOLL_PCI_P2PDMA,
					    a->pages), -EINVAL);
		KUNIT_EXPECT_EQ(test, e->fn(a->addr, 1, 0, NULL), -EINVAL);
	}
	counts_are(test, a, 0, 0, e->how, 0);
}

/* Ranges */

static unsigned int pages_of(unsigned int nr_ranges)
{
	unsigned int i, nr = 0;

	for (i = 0; i < nr_ranges; i++)
		nr += area_ranges[i].nr;
	return nr;
}

/* With room for some ranges only, GUP returns the first ones of the full result. */
static void ranges_too_few(struct kunit *test)
{
	struct area *a = area_new(test, test->param_value);
	unsigned int max, nr, all, *sums;
	long ret;

	ret = pin_user_page_ranges_fast(a->addr, a->nr, 0, area_ranges, a->nr, &all);
	KUNIT_ASSERT_EQ(test, ret, a->nr);
	KUNIT_ASSERT_LE(test, all, a->nr);
	sums = kunit_kcalloc(test, all + 1, sizeof(*sums), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sums);
	for (max = 0; max <= all; max++)
		sums[max] = pages_of(max);
	unpin_user_page_ranges(area_ranges, all);
	counts_are(test, a, 0, 0, PIN_RANGES, 0);

	for (max = 0; max <= all; max++) {
		area_ranges[max].page = POISON;
		ret = pin_user_page_ranges_fast(a->addr, a->nr, 0, area_ranges, max, &nr);
		KUNIT_EXPECT_EQ(test, ret, sums[max]);
		KUNIT_EXPECT_EQ(test, nr, max);
		KUNIT_EXPECT_PTR_EQ(test, area_ranges[max].page, POISON);
		counts_are(test, a, 0, ret, PIN_RANGES, 1);
		unpin_user_page_ranges(area_ranges, nr);
	}
	counts_are(test, a, 0, 0, PIN_RANGES, 0);
}

/* A range covers all of a large folio, even if several page tables map it. */
static void ranges_are_long(struct kunit *test)
{
	static const struct layout split = { .before = 5, .count = 2, .size = LEAF,
					     .split = true, .after = 5 };
	struct area *a = area_new(test, &split);
	unsigned int nr;

	KUNIT_EXPECT_EQ(test, pin_user_page_ranges_fast(a->addr, a->nr, 0, area_ranges, a->nr,
							&nr), a->nr);
	KUNIT_EXPECT_EQ(test, nr, 5 + 2 + 5);
	KUNIT_EXPECT_EQ(test, area_ranges[5].nr, HPAGE_PMD_NR);
	KUNIT_EXPECT_EQ(test, area_ranges[6].nr, HPAGE_PMD_NR);
	unpin_user_page_ranges(area_ranges, nr);
	counts_are(test, a, 0, 0, PIN_RANGES, 0);
}

/* A range can be trimmed, split, and released by other functions. */
static void ranges_in_parts(struct kunit *test)
{
	struct area *a = area_new(test, &mid_layout);
	struct page_range half;
	unsigned int nr;

	KUNIT_ASSERT_EQ(test, pin_user_page_ranges_fast(a->addr, a->nr, FOLL_WRITE, area_ranges,
							a->nr, &nr), a->nr);
	KUNIT_ASSERT_EQ(test, nr, 2);
	KUNIT_EXPECT_EQ(test, area_ranges[1].nr, MID_NR);
	unpin_user_folio(page_folio(area_ranges[1].page), 3);
	area_ranges[1].nr -= 3;
	counts_are(test, a, 0, a->nr - 3, PIN_RANGES, 1);
	half = (struct page_range){ area_ranges[1].page + 5, area_ranges[1].nr - 5 };
	unpin_user_page_ranges(&half, 1);
	counts_are(test, a, 0, MID_NR + 5, PIN_RANGES, 1);
	unpin_user_page_range_dirty_lock(area_ranges[1].page, 5, true);
	counts_are(test, a, 0, MID_NR, PIN_RANGES, 1);
	unpin_user_page_ranges(area_ranges, 1);
	counts_are(test, a, 0, 0, PIN_RANGES, 0);
}

/* Memory that was never touched: walk and slow path extend each other's ranges. */
static void ranges_faulted_in(struct kunit *test)
{
	struct area *a = area_at(test, border_addr(PMD_BORDER), 200);
	unsigned int nr;

	map_fixed(test, a->addr, a->nr * PAGE_SIZE, MAP_PRIVATE);
	KUNIT_EXPECT_EQ(test, take(PIN_RANGES, a->addr, a->nr, FOLL_WRITE, a->pages), a->nr);
	area_record(test, a);
	give_back(PIN_RANGES, a->pages, a->nr);
	counts_are(test, a, 0, a->nr, PIN_RANGES, -1);
	area_record(test, a);

	KUNIT_ASSERT_EQ(test, vm_munmap(page_addr(a, 150), PAGE_SIZE), 0);
	do_madvise(current->mm, page_addr(a, 100), 100 * PAGE_SIZE, MADV_DONTNEED);
	KUNIT_EXPECT_EQ(test, take(PIN_RANGES, a->addr, a->nr, FOLL_WRITE, a->pages), 150);
	KUNIT_EXPECT_PTR_EQ(test, a->pages[99], a->spot[99].page);
	give_back(PIN_RANGES, a->pages, 150);

	/* Each page that the slow path takes may need a range of its own. */
	KUNIT_EXPECT_EQ(test, pin_user_page_ranges_fast(a->addr, 150, FOLL_WRITE, area_ranges, 120,
							&nr), 120);
	KUNIT_EXPECT_EQ(test, nr, 120);
	unpin_user_page_ranges(area_ranges, nr);
}

/* The slow path alone gets the same, and stops at a hole. */
static void ranges_remote(struct kunit *test)
{
	struct area *a = area_new(test, test->param_value);
	struct page_range *fast = kunit_kcalloc(test, a->nr, sizeof(*fast), GFP_KERNEL);
	struct mm_struct *mm = current->mm;
	unsigned int nr, all, max, sum = 0;
	long ret;

	KUNIT_ASSERT_NOT_NULL(test, fast);
	KUNIT_ASSERT_EQ(test, pin_user_page_ranges_fast(a->addr, a->nr, 0, fast, a->nr, &all),
			a->nr);
	unpin_user_page_ranges(fast, all);
	ret = pin_user_page_ranges_remote(mm, a->addr + 1, a->nr, 0, area_ranges, a->nr, &nr);
	KUNIT_EXPECT_EQ(test, ret, a->nr);
	KUNIT_ASSERT_EQ(test, nr, all);
	lru_add_drain();
	counts_are(test, a, 0, a->nr, PIN_RANGES, 1);
	for (max = 0; max < all; max++) {
		KUNIT_EXPECT_PTR_EQ(test, area_ranges[max].page, fast[max].page);
		KUNIT_EXPECT_EQ(test, area_ranges[max].nr, fast[max].nr);
	}
	unpin_user_page_ranges(area_ranges, nr);

	for (max = 0; max < all; sum += fast[max++].nr) {
		area_ranges[max].page = POISON;
		ret = pin_user_page_ranges_remote(mm, a->addr, a->nr, 0, area_ranges, max, &nr);
		KUNIT_EXPECT_EQ(test, nr, max);
		KUNIT_EXPECT_EQ(test, ret, sum);
		KUNIT_EXPECT_PTR_EQ(test, area_ranges[max].page, POISON);
		/* The slow path marks pages as accessed, so LRU batches hold references. */
		lru_add_drain();
		counts_are(test, a, 0, ret, PIN_RANGES, 1);
		unpin_user_page_ranges(area_ranges, nr);
	}
	counts_are(test, a, 0, 0, PIN_RANGES, 0);
}

static void ranges_remote_hole(struct kunit *test)
{
	struct area *a = area_at(test, border_addr(PMD_BORDER), 200);
	struct mm_struct *mm;
	unsigned int nr;

	map_fixed(test, a->addr, a->nr * PAGE_SIZE, MAP_PRIVATE);
	mm = current->mm;
	KUNIT_ASSERT_EQ(test, vm_munmap(page_addr(a, 150), PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, pin_user_page_ranges_remote(mm, a->addr, 200, FOLL_WRITE,
							  area_ranges, 200, &nr), 150);
	KUNIT_EXPECT_EQ(test, pages_of(nr), 150);
	unpin_user_page_ranges(area_ranges, nr);
	KUNIT_EXPECT_EQ(test, pin_user_page_ranges_remote(mm, page_addr(a, 150), 1, 0,
							  area_ranges, 1, &nr), -EFAULT);
	KUNIT_EXPECT_EQ(test, nr, 0);
	KUNIT_EXPECT_EQ(test, pin_user_page_ranges_remote(mm, a->addr, 0, 0, area_ranges, 1,
							  &nr), 0);
}

static void same_sg(struct kunit *test, struct sg_append_table *a, struct sg_append_table *b)
{
	struct scatterlist *s = b->sgt.sgl, *t;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, a->sgt.orig_nents, b->sgt.orig_nents);
	for_each_sgtable_sg(&a->sgt, t, i) {
		KUNIT_ASSERT_PTR_EQ(test, sg_page(s), sg_page(t));
		KUNIT_ASSERT_EQ(test, s->length, t->length);
		KUNIT_ASSERT_EQ(test, s->offset, t->offset);
		KUNIT_ASSERT_EQ(test, sg_is_last(s), sg_is_last(t));
		s = sg_next(s);
	}
}

/* Ranges give the same scatterlist as their pages. */
static void ranges_to_sg(struct kunit *test)
{
	static const unsigned int segments[] = { PAGE_SIZE, 3 * PAGE_SIZE + 1, UINT_MAX };
	struct area *a = area_new(test, test->param_value);
	unsigned int nr, step, done, left, n, i;
	long ret;

	ret = pin_user_page_ranges_fast(a->addr, a->nr, 0, area_ranges, a->nr, &nr);
	KUNIT_ASSERT_EQ(test, ret, a->nr);
	for (i = 0; i < a->nr; i++)
		a->pages[i] = a->spot[i].page;

	for (i = 0; i < ARRAY_SIZE(segments); i++) {
		struct sg_append_table pages = {};

		KUNIT_ASSERT_EQ(test, sg_alloc_append_table_from_pages(&pages, a->pages, a->nr, 0,
					a->nr * PAGE_SIZE, segments[i], 0, GFP_KERNEL), 0);
		for (step = 1; step <= nr; step += 1 + nr / 3) {
			struct sg_append_table ranges = {};

			left = a->nr;
			for (done = 0; done < nr; done += n) {
				unsigned int k;

				n = min(step, nr - done);
				for (k = 0; k < n; k++)
					left -= area_ranges[done + k].nr;
				KUNIT_ASSERT_EQ(test, sg_alloc_append_table_from_ranges(&ranges,
							area_ranges + done, n, segments[i], left,
							GFP_KERNEL), 0);
			}
			KUNIT_EXPECT_EQ(test, left, 0);
			same_sg(test, &pages, &ranges);
			sg_free_append_table(&ranges);
		}
		sg_free_append_table(&pages);
	}
	unpin_user_page_ranges(area_ranges, nr);
	counts_are(test, a, 0, 0, PIN_RANGES, 0);
}

#ifdef CONFIG_FAILSLAB
/* If there is no memory for more entries, the scatterlist stays as it was. */
static void ranges_to_sg_no_memory(struct kunit *test)
{
	/* The second part needs more entries than were allocated for the first. */
	const unsigned int nr = SG_MAX_SINGLE_ALLOC + 3, first = 4;
	struct page_range *ranges = kunit_kcalloc(test, nr, sizeof(*ranges), GFP_KERNEL);
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	struct sg_append_table table = {};
	struct scatterlist *s;
	unsigned int i, left;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, ranges);
	KUNIT_ASSERT_NOT_NULL(test, page);
	/* No neighbours, but the first page of the second part extends the last entry. */
	for (i = 0; i < nr; i++)
		ranges[i] = (struct page_range) { .page = page + 2 * (i % 2), .nr = 1 };
	ranges[first].page = ranges[first - 1].page + 1;

	KUNIT_EXPECT_EQ(test, sg_alloc_append_table_from_ranges(&table, ranges, first, UINT_MAX,
								nr - first, GFP_KERNEL), 0);
	current->fail_nth = 1;
	ret = sg_alloc_append_table_from_ranges(&table, ranges + first, nr - first, UINT_MAX, 0,
						GFP_NOWAIT);
	left = current->fail_nth;
	current->fail_nth = 0;
	KUNIT_EXPECT_EQ(test, left, 0);
	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	KUNIT_EXPECT_EQ(test, table.sgt.orig_nents, first);
	for_each_sgtable_sg(&table.sgt, s, i) {
		KUNIT_EXPECT_PTR_EQ(test, sg_page(s), ranges[i].page);
		KUNIT_EXPECT_EQ(test, s->length, PAGE_SIZE);
	}
	sg_free_append_table(&table);
	__free_pages(page, 2);
}
#else
static void ranges_to_sg_no_memory(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_FAILSLAB");
}
#endif

/* Run on one CPU: the tests look at LRU batches and statistics of this CPU. */
static int gup_fast_init(struct kunit *test)
{
	return set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
}

static struct kunit_case gup_fast_cases[] = {
	KUNIT_CASE_PARAM(borders, layout_gen_params),
	KUNIT_CASE_PARAM(statistics, layout_gen_params),
	KUNIT_CASE_PARAM(entry_among_small, edit_gen_params),
	KUNIT_CASE_PARAM(entry_in_folio, edit_gen_params),
	KUNIT_CASE_PARAM(entry_is_leaf, edit_gen_params),
	KUNIT_CASE(folio_out_of_order),
	KUNIT_CASE(folio_partly_shared),
	KUNIT_CASE(vma_border),
	KUNIT_CASE_PARAM(fallback, fallback_gen_params),
	KUNIT_CASE(zero_page),
	KUNIT_CASE(huge_zero_page),
	KUNIT_CASE(special_mapping),
	KUNIT_CASE_PARAM(file_mapping, owner_gen_params),
	KUNIT_CASE(longterm_read_only_file),
	KUNIT_CASE(longterm_anon),
	KUNIT_CASE(longterm_movable),
	KUNIT_CASE(fork_at_work),
	KUNIT_CASE(irqs_off),
	KUNIT_CASE(pinned_mm_is_marked),
	KUNIT_CASE_PARAM(range_of_nothing, entry_point_gen_params),
	KUNIT_CASE_PARAM(range_impossible, entry_point_gen_params),
	KUNIT_CASE_PARAM(range_unaligned, entry_point_gen_params),
	KUNIT_CASE_PARAM(range_at_task_size, entry_point_gen_params),
	KUNIT_CASE_PARAM(invalid_flags, entry_point_gen_params),
	KUNIT_CASE_PARAM(ranges_too_few, layout_gen_params),
	KUNIT_CASE(ranges_are_long),
	KUNIT_CASE(ranges_in_parts),
	KUNIT_CASE(ranges_faulted_in),
	KUNIT_CASE_PARAM(ranges_remote, layout_gen_params),
	KUNIT_CASE(ranges_remote_hole),
	KUNIT_CASE_PARAM(ranges_to_sg, layout_gen_params),
	KUNIT_CASE(ranges_to_sg_no_memory),
	{}
};

static struct kunit_suite gup_fast_suite = {
	.name = "gup_fast",
	.init = gup_fast_init,
	.test_cases = gup_fast_cases,
};

kunit_test_suite(gup_fast_suite);
