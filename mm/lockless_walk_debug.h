/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks for tests of lockless walks: they widen the windows in which a walk
 * can race. Without CONFIG_DEBUG_LOCKLESS_WALK they compile to nothing.
 */
#ifndef _MM_LOCKLESS_WALK_DEBUG_H
#define _MM_LOCKLESS_WALK_DEBUG_H

struct page;

enum lockless_walk_debug_window {
	LOCKLESS_WALK_WINDOW_PATH,	/* walk: path read, no entry read yet */
	LOCKLESS_WALK_WINDOW_READ,	/* walk: entries read, no reference taken yet */
	LOCKLESS_WALK_WINDOW_COUNT,	/* walk: a reference count read, not added to yet */
	LOCKLESS_WALK_WINDOW_REF,	/* walk: references taken, not validated yet */
	LOCKLESS_WALK_WINDOW_EDIT,	/* collapse: counted, table not edited yet */
	NR_LOCKLESS_WALK_WINDOWS,
};

#ifdef CONFIG_DEBUG_LOCKLESS_WALK
void lockless_walk_debug_delay(enum lockless_walk_debug_window window);
void lockless_walk_debug_table(struct page *table);
#else
static inline void lockless_walk_debug_delay(enum lockless_walk_debug_window window)
{
}

static inline void lockless_walk_debug_table(struct page *table)
{
}
#endif /* CONFIG_DEBUG_LOCKLESS_WALK */

#endif /* _MM_LOCKLESS_WALK_DEBUG_H */
