/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walk that hands out ranges, in the form of the one that hands out pages.
 */
#ifndef _GUP_FAST_RANGES_H
#define _GUP_FAST_RANGES_H

#include "gup_ranges.h"

extern struct gup_ranges ranges_walk;	/* of the walk that is at work, or was last */
extern unsigned int ranges_max;		/* that there is room for, or 0 */

unsigned long ranges_gup_fast(unsigned long start, unsigned long end,
			      unsigned int flags, struct page **pages);
unsigned long ranges_forked(unsigned long start, unsigned long end,
			    unsigned int flags, struct page **pages);
bool ranges_are_whole(void);

#endif /* _GUP_FAST_RANGES_H */
