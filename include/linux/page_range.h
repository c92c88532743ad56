/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinned user memory as ranges of pages, for callers that would otherwise merge
 * an array of pages into ranges.
 */
#ifndef _LINUX_PAGE_RANGE_H
#define _LINUX_PAGE_RANGE_H

struct mm_struct;
struct page;

/**
 * struct page_range - pages that are contiguous, in memory and in user addresses
 * @page: the first page
 * @nr: the number of pages, at least 1
 *
 * All pages belong to one folio. Memory without folios, which vm_insert_page()
 * may map, has ranges of one compound page, or of a single page.
 *
 * A pinned range has @nr pins, one for each page. It may be trimmed and split,
 * and released in parts.
 */
struct page_range {
	struct page *page;
	unsigned int nr;
};

long pin_user_page_ranges_fast(unsigned long start, unsigned long nr_pages,
			       unsigned int gup_flags, struct page_range *ranges,
			       unsigned int max_ranges, unsigned int *nr_ranges);
long pin_user_page_ranges_remote(struct mm_struct *mm, unsigned long start,
				 unsigned long nr_pages, unsigned int gup_flags,
				 struct page_range *ranges, unsigned int max_ranges,
				 unsigned int *nr_ranges);
void unpin_user_page_ranges(const struct page_range *ranges, unsigned int nr_ranges);

#endif /* _LINUX_PAGE_RANGE_H */
