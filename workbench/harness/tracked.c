// SPDX-License-Identifier: GPL-2.0-only
/*
 * A second copy of the walker, with CONFIG_LOCKLESS_WALK_TRACKING, under another name.
 */
#define HARNESS_TRACK
#define gup_fast	tracked_gup_fast
#include <gup_fast.c>
