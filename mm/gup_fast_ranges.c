// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk of mm/gup_fast.c, compiled a second time to hand out ranges.
 *
 * A choice at run time would cost 2.5 % more instructions for a call for one
 * page, and 1.2 % more for 512 small pages (gup_test, x86-64).
 */
#define GUP_FAST_RANGES	1
#include "gup_fast.c"

/*
 * Unpin the pages that were added since @r was @before and its last range had
 * @last_nr pages. fork() may have made them shared, so they are not checked.
 */
static void gup_ranges_undo(struct gup_ranges *r, const struct gup_ranges *before,
			    unsigned int last_nr)
{
	struct page_range *range = r->ranges + before->nr;
	struct page_range *end = r->ranges + r->nr;

	if (before->nr && range[-1].nr > last_nr) {
		gup_put_folio(page_folio(range[-1].page), range[-1].nr - last_nr, FOLL_PIN);
		range[-1].nr = last_nr;
	}
	for (; range < end; range++)
		gup_put_folio(page_folio(range->page), range->nr, FOLL_PIN);
	r->nr = before->nr;
	r->nr_pages = before->nr_pages;
}

/**
 * gup_fast_ranges() - pin user pages of current without a lock, as ranges
 * @start: first address, page aligned
 * @end: end of the range, page aligned, at most TASK_SIZE_MAX
 * @flags: FOLL_PIN, and other FOLL_* flags
 * @ranges: receives the pages, in order of address. If @start continues its
 *	last range, pages may be added to that.
 *
 * Like gup_fast(), but also stops when there is no room for another range.
 *
 * Context: Process context.
 * Return: The number of pages taken, from @start on without a gap; possibly 0.
 */
unsigned long gup_fast_ranges(unsigned long start, unsigned long end,
			      unsigned int flags, struct gup_ranges *ranges)
{
	unsigned int last_nr = ranges->nr ? ranges->ranges[ranges->nr - 1].nr : 0;
	seqcount_t *fork_seq = &current->mm->write_protect_seq;
	const struct gup_ranges before = *ranges;
	unsigned int seq = 0;

	VM_WARN_ON_ONCE(!(flags & FOLL_PIN) || (flags & FOLL_GET));

	if (start >= end || !gup_fast_permitted(start, end) ||
	    !raw_seqcount_try_begin(fork_seq, seq))
		return 0;

	gup_fast_range(start, end, flags, NULL, ranges);
	/* Pairs with smp_mb() in copy_page_range(), as in gup_fast(). */
	if (read_seqcount_retry(fork_seq, seq))
		gup_ranges_undo(ranges, &before, last_nr);
	return ranges->nr_pages - before.nr_pages;
}
