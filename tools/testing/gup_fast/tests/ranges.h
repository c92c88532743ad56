/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walk that returns ranges, with the interface of the walk that returns pages.
 */
#ifndef _GUP_FAST_RANGES_H
#define _GUP_FAST_RANGES_H

#include "gup_ranges.h"

extern struct gup_ranges ranges_walk;	/* of the current or last walk */
extern unsigned int ranges_max;		/* the number of ranges with room, or 0 */

unsigned long ranges_gup_fast(unsigned long start, unsigned long end,
			      unsigned int flags, struct page **pages);
unsigned long ranges_forked(unsigned long start, unsigned long end,
			    unsigned int flags, struct page **pages);
bool ranges_are_whole(void);

#endif /* _GUP_FAST_RANGES_H */
