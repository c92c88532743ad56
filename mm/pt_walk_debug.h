/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks for tests of lockless walks: widen the windows in which a walk can
 * race, leave out a validation. Nothing without CONFIG_DEBUG_PT_WALK.
 */
#ifndef _MM_PT_WALK_DEBUG_H
#define _MM_PT_WALK_DEBUG_H

#include <linux/pgtable.h>

struct page;

enum pt_walk_debug_window {
	PT_WALK_WINDOW_PATH,	/* walk: path read, no entry read yet */
	PT_WALK_WINDOW_READ,	/* walk: entries read, no reference taken yet */
	PT_WALK_WINDOW_REF,	/* walk: references taken, not validated yet */
	PT_WALK_WINDOW_ORDER,	/* walk: entry validated, path not: see below */
	PT_WALK_WINDOW_EDIT,	/* collapse: counted, table not edited yet */
	NR_PT_WALK_WINDOWS,
};

/* What can be left out, or done wrong: a page-table level, or one of these. */
enum pt_walk_debug_skip {
	PT_WALK_SKIP_ORDER = PGTABLE_LEVEL_PGD + 1, /* the entry first, then its path */
	PT_WALK_SKIP_GRACE,	/* deposited tables do not wait for RCU */
};

#ifdef CONFIG_DEBUG_PT_WALK
void pt_walk_debug_delay(enum pt_walk_debug_window window);
bool pt_walk_debug_skip(unsigned int what);
void pt_walk_debug_table(struct page *table);
#else
static inline void pt_walk_debug_delay(enum pt_walk_debug_window window)
{
}

static inline bool pt_walk_debug_skip(unsigned int what)
{
	return false;
}

static inline void pt_walk_debug_table(struct page *table)
{
}
#endif /* CONFIG_DEBUG_PT_WALK */

#endif /* _MM_PT_WALK_DEBUG_H */
