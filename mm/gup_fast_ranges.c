// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk of mm/gup_fast.c, to hand out ranges.
 *
 * It is compiled once more, as a choice at run time makes a call for one page 2.5 % more
 * instructions, and 512 small pages 1.2 % (gup_test, x86-64).
 */
#define GUP_FAST_RANGES	1
#include "gup_fast.c"
