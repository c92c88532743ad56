// SPDX-License-Identifier: GPL-2.0-only
/*
 * The work of block I/O on pinned pages: it makes a bvec for each run of pages in a
 * folio. With an array, as in 7.3, it has to look at each page again. With ranges it
 * copies each range.
 */
#include "gup_fast_internal.h"
#include "gup_ranges.h"
#include "walkers.h"

struct bio_vec {
	struct page *page;
	unsigned int len, offset;
};

static struct bio_vec bvecs[MAX_CALL];

static unsigned long fill_from_pages(struct page **pages, unsigned long nr)
{
	struct bio_vec *bv = bvecs;
	unsigned long i, n, most;

	for (i = 0; i < nr; i += n) {
		struct folio *folio = page_folio(pages[i]);

		most = min(folio_nr_pages(folio) - folio_page_idx(folio, pages[i]), nr - i);
		for (n = 1; n < most; n++)
			if (pages[i + n] != pages[i] + n || page_folio(pages[i + n]) != folio)
				break;
		*bv++ = (struct bio_vec){ pages[i], n * PAGE_SIZE, 0 };
	}
	/* Keep the compiler from removing bvecs that are not read. */
	asm volatile("" : : "r" (bvecs) : "memory");
	return nr;
}

static unsigned long fill_from_ranges(const struct page_range *ranges, unsigned int nr)
{
	struct bio_vec *bv = bvecs;
	unsigned long nr_pages = 0;

	for (unsigned int i = 0; i < nr; i++) {
		*bv++ = (struct bio_vec){ ranges[i].page, ranges[i].nr * PAGE_SIZE, 0 };
		nr_pages += ranges[i].nr;
	}
	asm volatile("" : : "r" (bvecs) : "memory");
	return nr_pages;
}

/* ---- A walk, and the bvecs of its pages ---- */

unsigned long base_to_bvecs(unsigned long start, unsigned long end,
			    unsigned int flags, struct page **pages)
{
	return fill_from_pages(pages, base_gup_fast(start, end, flags, pages));
}

unsigned long pages_to_bvecs(unsigned long start, unsigned long end,
			     unsigned int flags, struct page **pages)
{
	return fill_from_pages(pages, gup_fast(start, end, flags, pages));
}

unsigned long ranges_to_bvecs(unsigned long start, unsigned long end,
			      unsigned int flags, struct page **pages)
{
	struct page_range room[MAX_CALL];
	struct gup_ranges ranges = { .ranges = room, .max = MAX_CALL };

	gup_fast_ranges(start, end, flags, &ranges);
	return fill_from_ranges(room, ranges.nr);
}

/* ---- The bvecs alone, of pages that a walk took before ---- */

static struct page *taken_pages[MAX_CALL];
static struct page_range taken_ranges[MAX_CALL];
static unsigned int nr_taken, nr_taken_ranges;

void take_for_bvecs(unsigned long start, unsigned int nr, unsigned int flags)
{
	unsigned long end = start + nr * PAGE_SIZE;
	struct gup_ranges ranges = { .ranges = taken_ranges, .max = MAX_CALL };

	nr_taken = gup_fast(start, end, flags, taken_pages);
	gup_fast_ranges(start, end, flags, &ranges);
	nr_taken_ranges = ranges.nr;
	if (nr_taken != nr || ranges.nr_pages != nr)
		die("%u pages taken, and %lu in ranges", nr_taken, ranges.nr_pages);
}

unsigned long bvecs_of_pages(unsigned long start, unsigned long end,
			     unsigned int flags, struct page **pages)
{
	return fill_from_pages(taken_pages, nr_taken);
}

unsigned long bvecs_of_ranges(unsigned long start, unsigned long end,
			      unsigned int flags, struct page **pages)
{
	return fill_from_ranges(taken_ranges, nr_taken_ranges);
}
