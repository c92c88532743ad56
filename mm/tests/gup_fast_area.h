/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Areas for the tests of GUP-fast. An area is a range of pages. The test knows
 * what is mapped at each page, and its reference count before any call.
 *
 * Functions create an area, change an entry, call GUP on a part, and compare.
 */
#ifndef _MM_TESTS_GUP_FAST_AREA_H
#define _MM_TESTS_GUP_FAST_AREA_H

#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/page_range.h>
#include <linux/pagemap.h>
#include <linux/pagewalk.h>
#include <linux/sched/signal.h>
#include <linux/secretmem.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include <asm/tlb.h>

#include "../internal.h"

#ifndef CONFIG_SECRETMEM
#define secretmem_aops	empty_aops
#endif

#define MID_ORDER	4
#define MID_NR		(1U << MID_ORDER)
#define NR_SMALL	24U
#define POISON		((struct page *)0x1)

enum gup_how { GET, PIN, PIN_RANGES, NR_HOW };
enum size { SMALL, MID, LEAF };
enum backing { ANON, SHMEM, HUGETLB, GIGANTIC };
enum border { PMD_BORDER, PUD_BORDER, P4D_BORDER, PGD_BORDER };

/*
 * @before small pages end at a boundary of page tables. @count folios of @size
 * follow, and then @after small pages. @split: map LEAF folios by PTEs.
 */
struct layout {
	const char *name;
	enum backing backing;
	enum border border;
	enum size size;
	bool split;
	unsigned int before;
	unsigned int count;
	unsigned int after;
};

/* A page of an area. Its folio covers the pages [lo, hi) of the area. */
struct spot {
	struct page *page;
	enum folio_walk_level level;
	int refs;
	int pins;
	unsigned int lo;
	unsigned int hi;
	bool edge;
};

struct area {
	unsigned long addr;
	unsigned int nr;
	struct spot *spot;
	struct page **pages;
};

/* For PIN_RANGES: one range per page of an area, plus one. KUnit runs one test at a time. */
static struct page_range *area_ranges;

static const struct layout small_layout = {
	.before = NR_SMALL / 2, .count = NR_SMALL / 2, .size = SMALL,
};

static const struct layout mid_layout = { .count = 2, .size = MID };

static unsigned long page_addr(struct area *a, unsigned int i)
{
	return a->addr + i * PAGE_SIZE;
}

/* Setting up */

static unsigned int size_order(enum size size)
{
	return size == SMALL ? 0 : size == MID ? MID_ORDER : HPAGE_PMD_ORDER;
}

static unsigned long border_addr(enum border border)
{
	switch (border) {
	case PUD_BORDER:
		return PUD_SIZE;
	case P4D_BORDER:
		return P4D_SIZE;
	case PGD_BORDER:
		return PGDIR_SIZE;
	default:
		return PUD_SIZE + 8 * PMD_SIZE;
	}
}

static void restore_madvise(void *orders)
{
	WRITE_ONCE(huge_anon_orders_madvise, (unsigned long)orders);
}

static void restore_inherit(void *orders)
{
	WRITE_ONCE(huge_anon_orders_inherit, (unsigned long)orders);
}

/* Allow folios of this order only. */
static void advise_order(struct kunit *test, unsigned long addr,
			 unsigned long len, unsigned int order)
{
	void *madvise = (void *)READ_ONCE(huge_anon_orders_madvise);
	void *inherit = (void *)READ_ONCE(huge_anon_orders_inherit);

	KUNIT_ASSERT_EQ(test, kunit_add_action(test, restore_madvise, madvise), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, restore_inherit, inherit), 0);
	WRITE_ONCE(huge_anon_orders_madvise, BIT(order));
	WRITE_ONCE(huge_anon_orders_inherit, 0);
	KUNIT_ASSERT_EQ(test, do_madvise(current->mm, addr, len, MADV_HUGEPAGE), 0);
}

/* Write a different value to each page, through the user mapping. */
static void populate(struct kunit *test, unsigned long addr, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		u32 __user *p = (u32 __user *)(addr + i * PAGE_SIZE);

		KUNIT_ASSERT_EQ(test, put_user(i + 1, p), 0);
	}
}

static void map_fixed(struct kunit *test, unsigned long addr,
		      unsigned long len, unsigned long flags)
{
	unsigned long ret;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	flags |= MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	ret = ksys_mmap_pgoff(addr, len, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (ret != addr && flags & MAP_HUGETLB)
		kunit_skip(test, "no hugetlb page of %lu KiB in the pool", len >> 10);
	KUNIT_ASSERT_EQ(test, ret, addr);
}

static void area_map(struct kunit *test, struct area *a, const struct layout *l)
{
	unsigned long len = a->nr * PAGE_SIZE, addr = a->addr, size;

	if (l->backing < HUGETLB) {
		map_fixed(test, addr, len, l->backing == SHMEM ? MAP_SHARED : MAP_PRIVATE);
		return;
	}

	if (l->backing == GIGANTIC && PUD_SIZE == PMD_SIZE)
		kunit_skip(test, "the PMD is folded");
	size = l->backing == HUGETLB ? PMD_SIZE : PUD_SIZE;
	len = ALIGN(addr + len, size) - ALIGN_DOWN(addr, size);
	map_fixed(test, ALIGN_DOWN(addr, size), len, MAP_PRIVATE | MAP_HUGETLB |
		  ilog2(size) << MAP_HUGE_SHIFT);
}

/* The PTEs of a file mapping are filled by page faults only. */
static void split_leaves(unsigned long addr, unsigned int nr)
{
	struct mm_struct *mm = current->mm;
	unsigned int i;

	mmap_read_lock(mm);
	for (i = 0; i < nr; i++) {
		unsigned long leaf = addr + i * HPAGE_PMD_SIZE;

		split_huge_pmd_address(vma_lookup(mm, leaf), leaf, false);
	}
	mmap_read_unlock(mm);
}

static void area_fault(struct kunit *test, struct area *a, const struct layout *l)
{
	unsigned long addr = page_addr(a, l->before);
	unsigned long len = (l->count * PAGE_SIZE) << size_order(l->size);
	struct mm_struct *mm = current->mm;

	if (l->backing == ANON && l->size != SMALL)
		advise_order(test, addr, len, size_order(l->size));
	populate(test, a->addr, a->nr);
	if (l->backing == SHMEM && l->size == LEAF)
		KUNIT_ASSERT_EQ(test, do_madvise(mm, addr, len, MADV_COLLAPSE), 0);
	/* Keep khugepaged from changing the mapping. */
	if (l->backing < HUGETLB)
		KUNIT_ASSERT_EQ(test, do_madvise(mm, a->addr, a->nr * PAGE_SIZE,
						 MADV_NOHUGEPAGE), 0);
	if (l->split) {
		split_leaves(addr, l->count);
		populate(test, a->addr, a->nr);
	}
}

static struct page *mapped_page(unsigned long addr, enum folio_walk_level *level)
{
	struct page *page = NULL;
	struct folio_walk fw;
	struct vm_area_struct *vma;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	if (vma && folio_walk_start(&fw, vma, addr, 0)) {
		page = fw.page;
		*level = fw.level;
		folio_walk_end(&fw, vma);
	}
	mmap_read_unlock(current->mm);
	return page;
}

static int folio_pins(struct folio *folio)
{
	return folio_has_pincount(folio) ? atomic_read(&folio->_pincount) : 0;
}

static bool spot_is_border(struct area *a, unsigned int i)
{
	return i == 0 || i == a->nr || i == a->spot[i].lo ||
	       IS_ALIGNED(page_addr(a, i), PMD_SIZE);
}

/*
 * Record what is mapped, and the reference counts. LRU batches of this CPU hold
 * references, so drain them first. All tests run on one CPU.
 */
static void area_record(struct kunit *test, struct area *a)
{
	struct folio *folio, *last = NULL;
	unsigned int i, lo = 0;
	struct spot *s;

	lru_add_drain();
	for (i = 0; i < a->nr; i++) {
		s = &a->spot[i];
		s->page = mapped_page(page_addr(a, i), &s->level);
		KUNIT_ASSERT_NOT_NULL(test, s->page);
		folio = page_folio(s->page);
		if (folio != last)
			lo = i;
		last = folio;
		s->lo = lo;
		a->spot[lo].hi = i + 1;
		s->refs = folio_ref_count(folio);
		s->pins = folio_pins(folio);
	}
	for (i = 0; i < a->nr; i++)
		a->spot[i].hi = a->spot[a->spot[i].lo].hi;
	for (i = 0; i <= a->nr; i++)
		a->spot[i].edge = spot_is_border(a, i) ||
				  (i > 0 && spot_is_border(a, i - 1)) ||
				  (i < a->nr && spot_is_border(a, i + 1));
}

static void area_verify(struct kunit *test, struct area *a, const struct layout *l)
{
	struct spot *s = &a->spot[l->before];

	switch (l->backing) {
	case GIGANTIC:
		KUNIT_ASSERT_EQ(test, s->level, FW_LEVEL_PUD);
		break;
	case HUGETLB:
		KUNIT_ASSERT_EQ(test, s->level, FW_LEVEL_PMD);
		break;
	default:
		if (folio_order(page_folio(s->page)) != size_order(l->size))
			kunit_skip(test, "no folio of order %u", size_order(l->size));
		KUNIT_ASSERT_EQ(test, s->level, l->size == LEAF && !l->split ?
				FW_LEVEL_PMD : FW_LEVEL_PTE);
	}
}

static struct area *area_at(struct kunit *test, unsigned long addr, unsigned int nr)
{
	struct area *a = kunit_kzalloc(test, sizeof(*a), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, a);
	a->addr = addr;
	a->nr = nr;
	a->spot = kunit_kcalloc(test, nr + 1, sizeof(*a->spot), GFP_KERNEL);
	a->pages = kunit_kcalloc(test, nr + 1, sizeof(*a->pages), GFP_KERNEL);
	area_ranges = kunit_kcalloc(test, nr + 1, sizeof(*area_ranges), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, area_ranges);
	KUNIT_ASSERT_NOT_NULL(test, a->spot);
	KUNIT_ASSERT_NOT_NULL(test, a->pages);
	return a;
}

static struct area *area_new(struct kunit *test, const struct layout *l)
{
	unsigned int nr = l->before + (l->count << size_order(l->size)) + l->after;
	unsigned long border = border_addr(l->border);
	struct area *a;

	if (border > TASK_SIZE - nr * PAGE_SIZE)
		kunit_skip(test, "user space ends before this border");
	/* With 64 KiB pages, a PMD of arm64 maps more than that. */
	if (l->backing == SHMEM && size_order(l->size) > MAX_PAGECACHE_ORDER)
		kunit_skip(test, "no file has folios of order %u", size_order(l->size));

	a = area_at(test, border - l->before * PAGE_SIZE, nr);
	area_map(test, a, l);
	area_fault(test, a, l);
	area_record(test, a);
	area_verify(test, a, l);
	return a;
}

static void protect(struct kunit *test, unsigned long addr, unsigned long len,
		    vm_flags_t access)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma, *prev;
	struct mmu_gather tlb;
	struct vma_iterator vmi;
	vm_flags_t flags;
	int ret;

	mmap_write_lock(mm);
	vma_iter_init(&vmi, mm, addr);
	prev = vma_prev(&vmi);
	vma = vma_next(&vmi);
	if (vma->vm_start < addr)
		prev = vma;
	flags = (vma->vm_flags & ~VM_ACCESS_FLAGS) | access;
	tlb_gather_mmu(&tlb, mm);
	ret = mprotect_fixup(&vmi, &tlb, vma, &prev, addr, addr + len, flags);
	tlb_finish_mmu(&tlb);
	mmap_write_unlock(mm);
	KUNIT_ASSERT_EQ(test, ret, 0);
}

/* Changing an entry */

enum op { NONE, MARKER, PROTNONE, WRPROTECT, OLD, CLEAN, UFFD, SPECIAL };

static pte_t edit_pte(pte_t pte, enum op op)
{
	switch (op) {
	case NONE:
		return __pte(0);
	case MARKER:
		return make_pte_marker(PTE_MARKER_GUARD);
	case PROTNONE:
		return pte_modify(pte, vm_get_page_prot(0));
	case WRPROTECT:
		return pte_wrprotect(pte);
	case OLD:
		return pte_mkold(pte);
	case CLEAN:
		return pte_mkclean(pte);
	case UFFD:
		return pte_mkuffd(pte_wrprotect(pte));
	case SPECIAL:
		return pte_mkspecial(pte);
	}
	return pte;
}

static pmd_t edit_pmd(pmd_t pmd, enum op op)
{
	switch (op) {
	case NONE:
	case MARKER:
		return __pmd(0);
	case PROTNONE:
		return pmd_modify(pmd, vm_get_page_prot(0));
	case WRPROTECT:
		return pmd_wrprotect(pmd);
	case OLD:
		return pmd_mkold(pmd);
	case CLEAN:
		return pmd_mkclean(pmd);
	case UFFD:
		return pmd_mkuffd(pmd_wrprotect(pmd));
	case SPECIAL:
		return pmd_mkspecial(pmd);
	}
	return pmd;
}

/* Exchange the entry at @addr with *@pte. */
static void exchange_pte(unsigned long addr, pte_t *pte)
{
	struct mm_struct *mm = current->mm;
	pte_t *ptep, old;
	spinlock_t *ptl;

	mmap_read_lock(mm);
	ptep = get_locked_pte(mm, addr, &ptl);
	old = ptep_clear_flush(vma_lookup(mm, addr), addr, ptep);
	if (!pte_none(*pte))
		set_pte_at(mm, addr, ptep, *pte);
	pte_unmap_unlock(ptep, ptl);
	mmap_read_unlock(mm);
	*pte = old;
}

static void exchange_pmd(unsigned long addr, pmd_t *pmd)
{
	struct mm_struct *mm = current->mm;
	pmd_t *pmdp = pmd_off(mm, addr), old;
	spinlock_t *ptl;

	mmap_read_lock(mm);
	ptl = pmd_lock(mm, pmdp);
	old = pmdp_huge_clear_flush(vma_lookup(mm, addr), addr, pmdp);
	if (!pmd_none(*pmd))
		set_pmd_at(mm, addr, pmdp, *pmd);
	spin_unlock(ptl);
	mmap_read_unlock(mm);
	*pmd = old;
}

static pte_t current_pte(unsigned long addr)
{
	spinlock_t *ptl;
	pte_t *ptep, pte;

	ptep = get_locked_pte(current->mm, addr, &ptl);
	pte = ptep_get(ptep);
	pte_unmap_unlock(ptep, ptl);
	return pte;
}

/* Calling */

/*
 * Expand @nr_ranges ranges to @pages. Each range must be within one folio and as long as
 * possible. Returns the number of pages, or 0 if a range is wrong.
 */
static int expand_ranges(unsigned int nr_ranges, struct page **pages)
{
	const struct page_range *range, *last = NULL;
	unsigned int i, nr = 0;

	for (range = area_ranges; range < area_ranges + nr_ranges; last = range++) {
		struct folio *folio = page_folio(range->page);

		if (!range->nr || folio_page_idx(folio, range->page) + range->nr >
				  folio_nr_pages(folio))
			return 0;
		if (last && page_folio(last->page) == folio &&
		    last->page + last->nr == range->page)
			return 0;
		for (i = 0; i < range->nr; i++)
			pages[nr++] = range->page + i;
	}
	return nr;
}

/* Like pin_user_pages_fast(), but by ranges. Returns -EIO if they are wrong. */
static int pin_by_ranges(unsigned long start, int nr, unsigned int flags,
			 struct page **pages)
{
	unsigned int nr_ranges;
	long ret;

	ret = pin_user_page_ranges_fast(start, nr, flags, pages ? area_ranges : NULL, nr,
					&nr_ranges);
	if (ret <= 0)
		return nr_ranges ? -EIO : ret;
	return expand_ranges(nr_ranges, pages) == ret ? ret : -EIO;
}

static int take(enum gup_how how, unsigned long start, int nr,
		unsigned int flags, struct page **pages)
{
	if (how == PIN_RANGES)
		return pin_by_ranges(start, nr, flags, pages);
	if (how == PIN)
		return pin_user_pages_fast(start, nr, flags, pages);
	return get_user_pages_fast(start, nr, flags, pages);
}

/*
 * There is no pin_user_pages_fast_only(). But a killed task gets only the pages
 * that the walk found, and -EINTR or -EFAULT if it found none.
 */
static int pin_user_pages_walked(enum gup_how how, unsigned long start, int nr,
				 unsigned int flags, struct page **pages)
{
	int ret;

	spin_lock_irq(&current->sighand->siglock);
	sigaddset(&current->pending.signal, SIGKILL);
	set_tsk_thread_flag(current, TIF_SIGPENDING);
	spin_unlock_irq(&current->sighand->siglock);

	ret = take(how, start, nr, flags, pages);

	spin_lock_irq(&current->sighand->siglock);
	sigdelset(&current->pending.signal, SIGKILL);
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);

	return ret == -EINTR || ret == -EFAULT ? 0 : ret;
}

static int take_walked(enum gup_how how, unsigned long start, int nr,
		       unsigned int flags, struct page **pages)
{
	if (how != GET)
		return pin_user_pages_walked(how, start, nr, flags, pages);
	return get_user_pages_fast_only(start, nr, flags, pages);
}

static void give_back(enum gup_how how, struct page **pages, int nr)
{
	int i;

	if (nr <= 0)
		return;
	if (how != GET) {
		unpin_user_pages(pages, nr);
		return;
	}
	for (i = 0; i < nr; i++)
		put_page(pages[i]);
}

/* Comparing */

static const char * const names[] = { "get", "pin", "pin of ranges" };

/* All pins are counted on this CPU. The sum is exact with preemption disabled. */
static long pin_stat(enum node_stat_item item)
{
	struct pglist_data *pgdat;
	long sum;

	guard(preempt)();
	sum = global_node_page_state(item);
	for_each_online_pgdat(pgdat) {
		if (IS_ENABLED(CONFIG_SMP))
			sum += this_cpu_read(pgdat->per_cpu_nodestats->vm_node_stat_diff[item]);
	}
	return sum;
}

/* Is each count as recorded, plus @sign per page of [@first, @first + @nr)? */
static bool counts_are(struct kunit *test, struct area *a, unsigned int first,
		       unsigned int nr, enum gup_how how, int sign)
{
	unsigned int i, end = first + nr;

	for (i = 0; i < a->nr; i++) {
		struct spot *s = &a->spot[i];
		struct folio *folio = page_folio(s->page);
		int refs = folio_ref_count(folio), pins = folio_pins(folio);
		int d = sign * max_t(int, 0, (int)min(end, s->hi) - (int)max(first, s->lo));
		bool counted = folio_has_pincount(folio);

		if (refs == s->refs + d * (how != GET && !counted ? GUP_PIN_COUNTING_BIAS : 1) &&
		    pins == s->pins + (how != GET && counted ? d : 0))
			continue;
		KUNIT_FAIL(test, "page %u: %d refs, %d pins; was %d, %d; %s [%u, %u) x %d",
			   i, refs, pins, s->refs, s->pins,
			   names[how], first, end, sign);
		return false;
	}
	return true;
}

static bool pages_are(struct kunit *test, struct area *a, unsigned int first,
		      unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct page *want = a->spot[first + i].page;
		u32 *value, found;

		if (a->pages[i] != want) {
			KUNIT_FAIL(test, "page %u of [%u, %u) is not the one mapped",
				   i, first, first + nr);
			return false;
		}
		value = kmap_local_page(a->pages[i]);
		found = *value;
		kunmap_local(value);
		if (found != first + i + 1) {
			KUNIT_FAIL(test, "page %u: content is that of %u",
				   first + i, found - 1);
			return false;
		}
	}
	return true;
}

/* The walk takes @want pages of [@first, @first + @nr), and counts only these. */
static bool walk_takes_how(struct kunit *test, struct area *a, unsigned int first,
			   unsigned int nr, unsigned int flags, enum gup_how how,
			   unsigned int want)
{
	bool good = true;
	int ret;

	a->pages[nr] = POISON;
	ret = take_walked(how, page_addr(a, first), nr, flags, a->pages);
	if (ret != want || a->pages[nr] != POISON) {
		KUNIT_FAIL(test, "%s %#x [%u, %u): %d pages, not %u%s",
			   names[how], flags, first, first + nr,
			   ret, want, a->pages[nr] != POISON ? ", array overrun" : "");
		good = false;
	}
	if (ret > 0 && ret <= nr)
		good = good && pages_are(test, a, first, ret) &&
		       counts_are(test, a, first, ret, how, 1);
	give_back(how, a->pages, ret);
	return good && counts_are(test, a, first, 0, how, 0);
}

/* Pin as pages and as ranges. */
static bool walk_takes(struct kunit *test, struct area *a, unsigned int first,
		       unsigned int nr, unsigned int flags, enum gup_how how,
		       unsigned int want)
{
	return walk_takes_how(test, a, first, nr, flags, how, want) &&
	       (how != PIN || walk_takes_how(test, a, first, nr, flags, PIN_RANGES, want));
}

static bool walk_takes_both(struct kunit *test, struct area *a,
			    unsigned int flags, unsigned int want)
{
	return walk_takes(test, a, 0, a->nr, flags, GET, want) &&
	       walk_takes(test, a, 0, a->nr, flags, PIN, want);
}

#endif /* _MM_TESTS_GUP_FAST_AREA_H */
