/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ranges of pages that GUP takes, and how they grow.
 */
#ifndef _MM_GUP_RANGES_H
#define _MM_GUP_RANGES_H

#include <linux/page_range.h>

struct gup_ranges {
	struct page_range *ranges;
	unsigned int nr;		/* in use */
	unsigned int max;
	unsigned long nr_pages;		/* in all of them */
};

/* Does @page continue the last range, and its folio? The range has references. */
static inline bool gup_ranges_continues(const struct gup_ranges *r, struct page *page)
{
	const struct page_range *last;
	struct folio *folio;

	if (!r->nr)
		return false;
	last = &r->ranges[r->nr - 1];
	if (page != last->page + last->nr)
		return false;
	folio = page_folio(last->page);
	return folio_page_idx(folio, last->page) + last->nr < folio_nr_pages(folio);
}

/* Is there room for @page, and for those that follow it in its folio? */
static inline bool gup_ranges_room(const struct gup_ranges *r, struct page *page)
{
	return r->nr < r->max || gup_ranges_continues(r, page);
}

/* Add @nr pages of another folio. There is room. */
static inline void gup_ranges_new(struct gup_ranges *r, struct page *page, unsigned int nr)
{
	r->ranges[r->nr++] = (struct page_range){ page, nr };
	r->nr_pages += nr;
}

/* Add @nr pages of a folio. There is room. */
static inline void gup_ranges_add(struct gup_ranges *r, struct page *page, unsigned int nr)
{
	if (!gup_ranges_continues(r, page)) {
		gup_ranges_new(r, page, nr);
		return;
	}
	r->ranges[r->nr - 1].nr += nr;
	r->nr_pages += nr;
}

#endif /* _MM_GUP_RANGES_H */
