/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks for tests of lockless walks: widen the windows in which a walk can
 * race, leave out a validation. Nothing without CONFIG_DEBUG_LOCKLESS_WALK.
 */
#ifndef _MM_LOCKLESS_WALK_DEBUG_H
#define _MM_LOCKLESS_WALK_DEBUG_H

#include <linux/pgtable.h>

struct page;

enum lockless_walk_debug_window {
	LOCKLESS_WALK_WINDOW_PATH,	/* walk: path read, no entry read yet */
	LOCKLESS_WALK_WINDOW_READ,	/* walk: entries read, no reference taken yet */
	LOCKLESS_WALK_WINDOW_REF,	/* walk: references taken, not validated yet */
	LOCKLESS_WALK_WINDOW_ORDER,	/* walk: entry validated, path not: see below */
	LOCKLESS_WALK_WINDOW_EDIT,	/* collapse: counted, table not edited yet */
	NR_LOCKLESS_WALK_WINDOWS,
};

/* What can be left out, or done wrong: a page-table level, or one of these. */
enum lockless_walk_debug_skip {
	LOCKLESS_WALK_SKIP_ORDER = PGTABLE_LEVEL_PGD + 1, /* the entry first, then its path */
	LOCKLESS_WALK_SKIP_GRACE,	/* deposited tables do not wait for RCU */
};

#ifdef CONFIG_DEBUG_LOCKLESS_WALK
void lockless_walk_debug_delay(enum lockless_walk_debug_window window);
bool lockless_walk_debug_skip(unsigned int what);
void lockless_walk_debug_table(struct page *table);
#else
static inline void lockless_walk_debug_delay(enum lockless_walk_debug_window window)
{
}

static inline bool lockless_walk_debug_skip(unsigned int what)
{
	return false;
}

static inline void lockless_walk_debug_table(struct page *table)
{
}
#endif /* CONFIG_DEBUG_LOCKLESS_WALK */

#endif /* _MM_LOCKLESS_WALK_DEBUG_H */
