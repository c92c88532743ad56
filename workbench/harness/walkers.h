/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walkers that are measured for comparison with the walker under test.
 */
#ifndef _WORKBENCH_WALKERS_H
#define _WORKBENCH_WALKERS_H

#include "harness.h"

#define MAX_CALL	512	/* pages */

gup_fast_fn base_gup_fast, bound_gup_fast, bound_locked_gup_fast, tracked_gup_fast, counted_gup_fast;

/* With the interface of a walker. The first three include a walk. */
gup_fast_fn base_to_bvecs, pages_to_bvecs, ranges_to_bvecs;
gup_fast_fn bvecs_of_pages, bvecs_of_ranges;
void take_for_bvecs(unsigned long start, unsigned int nr, unsigned int flags);

#endif /* _WORKBENCH_WALKERS_H */
