// SPDX-License-Identifier: GPL-2.0-only
/*
 * A second copy of the walker, with a counter of walkers in the process, under
 * another name.
 */
#define HARNESS_COUNT
#define gup_fast	counted_gup_fast
#include <gup_fast.c>
