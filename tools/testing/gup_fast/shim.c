// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shims that are not inline: node statistics, warnings, walks, grace periods,
 * and the functions of mm/gup.c that the walker calls.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "harness.h"
#include "../../../mm/gup_fast.h"
#ifdef HARNESS_DEBUG
#include "../../../mm/lockless_walk_debug.h"
#endif

__thread struct task_struct harness_task;
__thread struct harness_hooks harness_hooks;
__thread int harness_thread;
__thread int harness_preempt_count;
__thread unsigned long harness_retries;

unsigned long page_offset_base;
unsigned long harness_zero_pfn;
unsigned long harness_warnings;
struct page *vmemmap;

void harness_warn(void)
{
	__atomic_fetch_add(&harness_warnings, 1, __ATOMIC_RELAXED);
}

void harness_die(const char *where, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", where);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

/* xorshift64*, with any seed but 0. */
u64 harness_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

u64 harness_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* As on a CPU of the kernel: small changes stay per thread, large ones are shared. */
#define STAT_THRESHOLD	125
static __thread signed char stat_diff[HARNESS_NODES][NR_HARNESS_ITEMS];
struct pglist_data harness_nodes[HARNESS_NODES];

noinline void mod_node_page_state(struct pglist_data *node,
				  enum node_stat_item item, long delta)
{
	signed char *diff = &stat_diff[node - harness_nodes][item];
	long sum = *diff + delta;

	if (sum > STAT_THRESHOLD || sum < -STAT_THRESHOLD) {
		__atomic_fetch_add(&node->stat[item], sum, __ATOMIC_SEQ_CST);
		sum = 0;
	}
	*diff = sum;
}

/* Pins that this thread holds, according to the statistics. */
long harness_stat_pinned(int nid)
{
	return harness_nodes[nid].stat[NR_FOLL_PIN_ACQUIRED] +
	       stat_diff[nid][NR_FOLL_PIN_ACQUIRED] -
	       harness_nodes[nid].stat[NR_FOLL_PIN_RELEASED] -
	       stat_diff[nid][NR_FOLL_PIN_RELEASED];
}

void gup_fast_unpin_user_pages(struct page **pages, unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++)
		gup_put_folio(page_folio(pages[i]), 1, FOLL_PIN);
}

void gup_put_folio(struct folio *folio, int refs, unsigned int flags)
{
	if (is_zero_folio(folio))
		return;
	node_stat_mod_folio(folio, NR_FOLL_PIN_RELEASED, refs);
	if (folio_has_pincount(folio))
		atomic_sub(refs, &folio->_pincount);
	else
		refs *= GUP_PIN_COUNTING_BIAS;
	folio_put_refs(folio, refs);
}

void sanity_check_pinned_pages(struct page **pages, unsigned long npages)
{
}

#ifdef HARNESS_DEBUG
/*
 * Walks are readers. A reader notes the epoch in which it began. A grace period
 * ends when no reader remains from an earlier epoch.
 */
static unsigned long epoch = 1;
static struct {
	unsigned long epoch;	/* 0: not in a walk */
} __attribute__((aligned(64))) readers[HARNESS_THREADS];

void lockless_walk_begin(struct lockless_walk *walk, struct mm_struct *mm)
{
	unsigned long now = __atomic_load_n(&epoch, __ATOMIC_ACQUIRE);

	walk->mm = mm;
	if (harness_hooks.unprotected)
		return;
	__atomic_exchange_n(&readers[harness_thread].epoch, now, __ATOMIC_SEQ_CST);
}

void lockless_walk_end(struct lockless_walk *walk)
{
	if (harness_preempt_count)
		harness_warn();
	__atomic_store_n(&readers[harness_thread].epoch, 0, __ATOMIC_RELEASE);
}

void lockless_walk_restart(struct lockless_walk *walk, struct mm_struct *mm)
{
	lockless_walk_end(walk);
	lockless_walk_begin(walk, mm);
}

void lockdep_assert_lockless_walk(void)
{
	if (!readers[harness_thread].epoch && !harness_hooks.unprotected)
		harness_warn();
}

unsigned long harness_gp_start(void)
{
	return __atomic_add_fetch(&epoch, 1, __ATOMIC_SEQ_CST);
}

bool harness_gp_done(unsigned long gp)
{
	unsigned int i;

	for (i = 0; i < HARNESS_THREADS; i++) {
		unsigned long began = __atomic_load_n(&readers[i].epoch, __ATOMIC_SEQ_CST);

		if (began && began < gp)
			return false;
	}
	return true;
}

void harness_step(void)
{
	if (harness_hooks.step)
		harness_hooks.step();
}

/* The walk must disable preemption while it holds speculative references. */
void lockless_walk_debug_delay(enum lockless_walk_debug_window window)
{
	bool speculative = window == LOCKLESS_WALK_WINDOW_COUNT ||
			   window == LOCKLESS_WALK_WINDOW_REF;

	if (speculative != !!harness_preempt_count)
		harness_warn();
	if (harness_hooks.delay)
		harness_hooks.delay(window);
}

/* Nothing to do: a freed table is poisoned, so the walk itself crashes. */
void lockless_walk_debug_table(struct page *table)
{
}
#endif /* HARNESS_DEBUG */
