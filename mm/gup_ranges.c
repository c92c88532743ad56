// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pin user memory as ranges: contiguous pages of one folio. A huge page, or a
 * run of entries, that a walk finds in one piece is handed out in one piece.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/page_range.h>
#include <linux/slab.h>

#include "gup_fast.h"
#include "gup_fault.h"
#include "gup_ranges.h"
#include "internal.h"

/* Pages that the slow path pins before the fast walk is tried again. */
#define GUP_RANGES_SLOW		(PAGE_SIZE / sizeof(struct page *))

/* Pages that may have to be released again for want of a range. */
#define GUP_RANGES_STEP		64UL

#define GUP_RANGES_FLAGS	(FOLL_WRITE | FOLL_LONGTERM | FOLL_FORCE | FOLL_PIN | \
				 FOLL_NOFAULT | FOLL_PCI_P2PDMA | FOLL_HONOR_NUMA_FAULT)

/*
 * How many pages to pin next. With small folios each page needs a range, and
 * pages without one would have to be released again. With large folios, a few
 * pages at a time would be slow, so it is at least 64, and more if the ranges so
 * far are long. If all ranges are in use, only the last one can grow, up to the
 * end of its folio.
 */
static unsigned long gup_ranges_left(const struct gup_ranges *r)
{
	const struct page_range *last;
	struct folio *folio;
	unsigned long left = r->max - r->nr;

	if (r->nr)
		left *= r->nr_pages / r->nr;
	if (left)
		return max(left, GUP_RANGES_STEP);
	if (!r->nr)
		return 0;
	last = &r->ranges[r->nr - 1];
	folio = page_folio(last->page);
	left = folio_nr_pages(folio) - folio_page_idx(folio, last->page) - last->nr;
	return min(left, GUP_RANGES_STEP);
}

/* Pin some pages at @addr by page faults. Returns their number, or an error. */
static long gup_ranges_slow(struct mm_struct *mm, struct gup_ranges *r,
			    unsigned long addr, unsigned long nr, unsigned int flags)
{
	struct page **pages;
	int locked = 0;
	long ret, i;

	nr = min3(nr, GUP_RANGES_SLOW, gup_ranges_left(r));
	if (!nr)
		return 0;
	pages = kmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	ret = __gup_longterm_locked(mm, addr, nr, pages, &locked,
				    flags | FOLL_TOUCH | FOLL_UNLOCKABLE);
	for (i = 0; i < ret && gup_ranges_room(r, pages[i]); i++)
		gup_ranges_add(r, pages[i], 1);
	if (i < ret) {
		unpin_user_pages(pages + i, ret - i);
		ret = i;
	}
	kfree(pages);
	return ret;
}

static void gup_ranges_check(const struct gup_ranges *r)
{
	struct folio *folio;
	struct page *page;
	unsigned int i, n;

	for (i = 0; i < r->nr; i++) {
		/* A range may have 2^18 pages. One page of a hugetlb page is enough. */
		folio = page_folio(r->ranges[i].page);
		if (!folio_test_anon(folio))
			continue;
		for (n = 0; n < (folio_test_hugetlb(folio) ? 1 : r->ranges[i].nr); n++) {
			page = r->ranges[i].page + n;
			sanity_check_pinned_pages(&page, 1);
		}
	}
}

static __always_inline bool gup_ranges_valid(const struct gup_ranges *r, unsigned int *flags)
{
	return !WARN_ON_ONCE(!r->ranges) && gup_ranges_flags_valid(flags) &&
	       !WARN_ON_ONCE(*flags & ~GUP_RANGES_FLAGS);
}

static __always_inline long gup_ranges_done(const struct gup_ranges *r,
					    unsigned int *nr_ranges, long ret)
{
	if (IS_ENABLED(CONFIG_DEBUG_VM))
		gup_ranges_check(r);
	*nr_ranges = r->nr;
	return r->nr_pages ?: ret;
}

/**
 * pin_user_page_ranges_fast() - pin user pages of current, as ranges
 * @start: an address in the first page
 * @nr_pages: the number of pages
 * @gup_flags: FOLL_*, as for pin_user_pages_fast()
 * @ranges: where to put them, in order of address
 * @max_ranges: how many there is room for. @nr_pages is always enough.
 * @nr_ranges: receives how many are in use; 0 with an error
 *
 * Like pin_user_pages_fast(), for callers that would otherwise merge the
 * pages into ranges. Successive ranges belong to different folios, or are not contiguous.
 * Release them by unpin_user_page_ranges(), or in parts, one pin for each page,
 * by unpin_user_folio() or unpin_user_page_range_dirty_lock().
 *
 * Context: Process context. No lock of the mm is held. Sleeps, for pages that GUP-fast
 * does not take.
 *
 * Return: the number of pages pinned, from the first on. It may be less than @nr_pages,
 * if a page could not be pinned, or if there is no room for another range: then *@nr_ranges
 * is @max_ranges. 0 if @nr_pages or @max_ranges is 0. If no page was pinned:
 *  -EINVAL	flags that are not allowed, or no @ranges;
 *  -EOVERFLOW	the range wraps around;
 *  -EFAULT	it ends above the user address space;
 *  -ENOMEM	no memory for an array of pages;
 * or an error of pin_user_pages_fast(). With FOLL_LONGTERM, the page that cannot be pinned need
 * not be the first one, because several pages are migrated together.
 */
long pin_user_page_ranges_fast(unsigned long start, unsigned long nr_pages,
			       unsigned int gup_flags, struct page_range *ranges,
			       unsigned int max_ranges, unsigned int *nr_ranges)
{
	struct gup_ranges r = { .ranges = ranges, .max = max_ranges };
	unsigned long addr, len, end;
	long ret = 0;

	*nr_ranges = 0;
	if (!gup_ranges_valid(&r, &gup_flags))
		return -EINVAL;
	mm_set_has_pinned_flag(current->mm);
	might_lock_read(&current->mm->mmap_lock);

	addr = untagged_addr(start) & PAGE_MASK;
	if (check_mul_overflow(nr_pages, PAGE_SIZE, &len) ||
	    check_add_overflow(addr, len, &end))
		return -EOVERFLOW;
	if (end > TASK_SIZE_MAX)
		return -EFAULT;

	for (;;) {
		addr += gup_fast_ranges(addr, end, gup_flags, &r) * PAGE_SIZE;
		if (addr == end)
			break;
		ret = gup_ranges_slow(current->mm, &r, addr, (end - addr) >> PAGE_SHIFT,
				      gup_flags);
		if (ret <= 0)
			break;
		addr += ret * PAGE_SIZE;
	}
	return gup_ranges_done(&r, nr_ranges, ret);
}
EXPORT_SYMBOL_GPL(pin_user_page_ranges_fast);

/**
 * pin_user_page_ranges_remote() - pin pages of another process, as ranges
 * @mm: its mm. The caller holds mm_users.
 * @start: an address in the first page
 * @nr_pages: the number of pages
 * @gup_flags: FOLL_*, as for pin_user_page_ranges_fast()
 * @ranges: where to put them, in order of address
 * @max_ranges: how many there is room for. @nr_pages is always enough.
 * @nr_ranges: receives how many are in use; 0 with an error
 *
 * Like pin_user_page_ranges_fast(), but without the fast walk and without a
 * check of protection keys.
 *
 * Context: Process context. No lock of @mm is held. Sleeps.
 *
 * Return: the number of pages pinned, from the first on, as
 * pin_user_page_ranges_fast() does. If the first page could not be pinned, -EINVAL for
 * flags that are not allowed, -ENOMEM without memory for an array of pages, or an error
 * of pin_user_pages_remote_unlocked().
 */
long pin_user_page_ranges_remote(struct mm_struct *mm, unsigned long start,
				 unsigned long nr_pages, unsigned int gup_flags,
				 struct page_range *ranges, unsigned int max_ranges,
				 unsigned int *nr_ranges)
{
	struct gup_ranges r = { .ranges = ranges, .max = max_ranges };
	long ret = 0;

	*nr_ranges = 0;
	if (!gup_ranges_valid(&r, &gup_flags))
		return -EINVAL;

	while (r.nr_pages < nr_pages) {
		ret = gup_ranges_slow(mm, &r, start + r.nr_pages * PAGE_SIZE,
				      nr_pages - r.nr_pages, gup_flags | FOLL_REMOTE);
		if (ret <= 0)
			break;
	}
	return gup_ranges_done(&r, nr_ranges, ret);
}
EXPORT_SYMBOL_GPL(pin_user_page_ranges_remote);

/**
 * unpin_user_page_ranges() - release pages that were pinned as ranges
 * @ranges: the ranges
 * @nr_ranges: the number of ranges
 *
 * Context: Any, except NMI.
 */
void unpin_user_page_ranges(const struct page_range *ranges, unsigned int nr_ranges)
{
	const struct page_range *range;

	for (range = ranges; range < ranges + nr_ranges; range++)
		unpin_user_folio(page_folio(range->page), range->nr);
}
EXPORT_SYMBOL_GPL(unpin_user_page_ranges);
