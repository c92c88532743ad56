/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between mm/gup.c and the lockless walker in mm/gup_fast.c.
 */
#ifndef _MM_GUP_FAST_H
#define _MM_GUP_FAST_H

struct folio;
struct gup_ranges;
struct page;

#ifdef CONFIG_HAVE_GUP_FAST
unsigned long gup_fast(unsigned long start, unsigned long end,
		       unsigned int flags, struct page **pages);
unsigned long gup_fast_ranges(unsigned long start, unsigned long end,
			      unsigned int flags, struct gup_ranges *ranges);
#else
static inline unsigned long gup_fast(unsigned long start, unsigned long end,
				     unsigned int flags, struct page **pages)
{
	return 0;
}

static inline unsigned long gup_fast_ranges(unsigned long start, unsigned long end,
					    unsigned int flags, struct gup_ranges *ranges)
{
	return 0;
}
#endif /* CONFIG_HAVE_GUP_FAST */

void gup_put_folio(struct folio *folio, int refs, unsigned int flags);
void gup_fast_unpin_user_pages(struct page **pages, unsigned long npages);
void sanity_check_pinned_pages(struct page **pages, unsigned long npages);

#endif /* _MM_GUP_FAST_H */
