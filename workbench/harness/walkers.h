/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walkers that are measured next to the one that is tested.
 */
#ifndef _WORKBENCH_WALKERS_H
#define _WORKBENCH_WALKERS_H

#include "harness.h"

gup_fast_fn base_gup_fast, bound_gup_fast, bound_locked_gup_fast, tracked_gup_fast, counted_gup_fast;

#endif /* _WORKBENCH_WALKERS_H */
