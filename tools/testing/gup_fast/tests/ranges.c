// SPDX-License-Identifier: GPL-2.0-only
/*
 * Expand ranges, so that they can be compared with pages.
 */
#include "gup_fast_internal.h"
#include "harness.h"
#include "ranges.h"

#define ROOM	4096

static struct page_range room[ROOM];
struct gup_ranges ranges_walk;
unsigned int ranges_max;

static unsigned long expand(unsigned long taken, struct page **pages)
{
	unsigned long nr = 0;
	unsigned int i, n;

	for (i = 0; i < ranges_walk.nr; i++)
		for (n = 0; n < room[i].nr && nr < taken; n++)
			pages[nr++] = room[i].page + n;
	return nr == ranges_walk.nr_pages ? taken : -1UL;
}

unsigned long ranges_gup_fast(unsigned long start, unsigned long end,
			      unsigned int flags, struct page **pages)
{
	ranges_walk = (struct gup_ranges){ .ranges = room, .max = ranges_max ?: ROOM };
	return expand(gup_fast_ranges(start, end, flags, &ranges_walk), pages);
}

static void fork_now(int window)
{
	current->mm->write_protect_seq.sequence += 2;
}

/*
 * The second half is pinned during fork(), and must be given back completely, including the
 * pages that extended the last range of the first half. Returns the pages that are left.
 */
unsigned long ranges_forked(unsigned long start, unsigned long end,
			    unsigned int flags, struct page **pages)
{
	unsigned long mid = start + (end - start) / 2 / PAGE_SIZE * PAGE_SIZE, taken, more;

	ranges_walk = (struct gup_ranges){ .ranges = room, .max = ROOM };
	taken = gup_fast_ranges(start, mid, flags, &ranges_walk);
	harness_hooks.delay = fork_now;
	more = gup_fast_ranges(start + taken * PAGE_SIZE, end, flags, &ranges_walk);
	harness_hooks.delay = NULL;
	return more ? -1UL : expand(taken, pages);
}

/* Is each range within one folio, and as long as possible? */
bool ranges_are_whole(void)
{
	unsigned int i;

	for (i = 0; i < ranges_walk.nr; i++) {
		struct folio *folio = page_folio(room[i].page);

		if (!room[i].nr || folio_page_idx(folio, room[i].page) + room[i].nr >
				   folio_nr_pages(folio))
			return false;
		if (i && page_folio(room[i - 1].page) == folio &&
		    room[i - 1].page + room[i - 1].nr == room[i].page)
			return false;
	}
	return true;
}
