/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks for tests of lockless walks: widen the windows in which a walk can
 * race, leave out a validation. Nothing without CONFIG_DEBUG_PT_WALK.
 */
#ifndef _MM_PT_WALK_DEBUG_H
#define _MM_PT_WALK_DEBUG_H

#include <linux/pgtable.h>

enum pt_walk_debug_window {
	PT_WALK_WINDOW_READ,	/* entries read, no reference taken yet */
	PT_WALK_WINDOW_REF,	/* references taken, not validated yet */
	NR_PT_WALK_WINDOWS,
};

#ifdef CONFIG_DEBUG_PT_WALK
void pt_walk_debug_delay(enum pt_walk_debug_window window);
bool pt_walk_debug_skip(enum pgtable_level level);
#else
static inline void pt_walk_debug_delay(enum pt_walk_debug_window window)
{
}

static inline bool pt_walk_debug_skip(enum pgtable_level level)
{
	return false;
}
#endif /* CONFIG_DEBUG_PT_WALK */

#endif /* _MM_PT_WALK_DEBUG_H */
