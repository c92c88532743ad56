// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench [ROUNDS [MEMORY [ROW]]]: nanoseconds per page (and cycles, if they can be
 * counted) of the unpatched walker, of ours, and of two lower bounds. One of them
 * is a loop that reads each entry and stores the page, the other one also takes
 * references. MEMORY "all" selects every kind of memory. ROW is a part of the key.
 *
 * All run in one process on the same tables and the same pages. In each round each
 * of the four runs once, in turn. A figure is the median over the rounds. The spread
 * is the distance of the quartiles, in percent of the median. A measurement is
 * repeated if a thread had to leave its CPU to another program.
 *
 * Rows "track/..." measure our walker alone, with 8 pages a call: as it is, with its
 * walks tracked, and with walks counted per process. Rows "bvec/walk/..." measure a walk
 * whose pages become bvecs, as in block I/O: the unpatched walker and ours by an array,
 * and ours by ranges. Rows "bvec/fill/..." measure the bvecs alone: array, ranges.
 */
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "walkers.h"

#define COLD_SPAN	(1UL << 22)	/* pages: 256 MiB of struct page */
#define THREADS		2
#define MAX_ROUNDS	1001
#define MAX_TRIES	50

#define MAX_FNS		4

static gup_fast_fn *const walkers[MAX_FNS] = {
	base_gup_fast, gup_fast, bound_gup_fast, bound_locked_gup_fast,
};
static gup_fast_fn *const trackers[MAX_FNS] = { gup_fast, tracked_gup_fast, counted_gup_fast };
static gup_fast_fn *const to_bvecs[MAX_FNS] = { base_to_bvecs, pages_to_bvecs, ranges_to_bvecs };
static gup_fast_fn *const of_bvecs[MAX_FNS] = { bvecs_of_pages, bvecs_of_ranges };

__thread struct mm_struct *lockless_walk_mm;
int harness_walkers;

static struct mm_struct mm;
static unsigned int nr_disturbed;
static const char *only = "";	/* measure rows whose key contains this */

/* The memory that a row is measured on. */
struct memory {
	const char *name;
	unsigned int order;
	enum pgtable_level leaf;
	unsigned int pages;	/* mapped for each thread */
	unsigned int passes;	/* over these pages, in a measurement of full calls */
	bool cold;		/* struct pages far apart, and not in the cache */
	bool unreferenced;	/* clear PG_referenced before each measurement */
};

static const struct memory memories[] = {
	{ "4K", 0, PGTABLE_LEVEL_PTE, 512, 16 },
	{ "4K/first", 0, PGTABLE_LEVEL_PTE, 512, 1, false, true },
	{ "4K/cold", 0, PGTABLE_LEVEL_PTE, 8192, 1, true },
	{ "16K", 2, PGTABLE_LEVEL_PTE, 2048, 8 },
	{ "64K", 4, PGTABLE_LEVEL_PTE, 2048, 8 },
	{ "512K", 7, PGTABLE_LEVEL_PTE, 2048, 8 },
	{ "1M", 8, PGTABLE_LEVEL_PTE, 2048, 8 },
	{ "2M", 9, PGTABLE_LEVEL_PTE, 2048, 8 },
	{ "THP", 9, PGTABLE_LEVEL_PMD, 2048, 64 },
};

struct sample {
	double ns, cycles, retries;	/* per page */
};

struct worker {
	unsigned long addr;
	unsigned long first_pfn;
	int cycles_fd;
	bool preempted;		/* in the last measurement */
	struct sample sample;
};

static struct worker workers[THREADS];
static unsigned long cold_pfn[THREADS][8192];

/* The next job of the workers. They read it after they saw `turn` change. */
static struct {
	const struct memory *memory;
	unsigned int flags, call, threads;
	gup_fast_fn *fn;
	bool same;
} job;
static unsigned int turn, arrived, measured, finished;

static unsigned long page_number(struct worker *w, unsigned int i)
{
	return job.memory->cold ? cold_pfn[w - workers][i] : w->first_pfn + i;
}

/* Reset all counts, as if all was released. Flush them from the cache if requested. */
static void release(struct worker *w)
{
	const struct memory *m = job.memory;
	unsigned int i;

	for (i = 0; i < m->pages; i += 1 << m->order) {
		struct folio *folio = (struct folio *)pfn_to_page(page_number(w, i));

		folio->_refcount.counter = 1;
		if (m->order)
			folio->_pincount.counter = 0;
		if (m->unreferenced)
			folio->flags &= ~BIT(PG_referenced);
#ifdef __x86_64__
		if (m->cold)
			__builtin_ia32_clflush(folio);
#endif
	}
	smp_mb();
}

static u64 cycles(struct worker *w)
{
	u64 count;

	if (w->cycles_fd < 0 || read(w->cycles_fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

/* How often this thread lost its CPU to another one. */
static long preemptions(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) ? 0 : usage.ru_nivcsw;
}

/* Fewer passes for small calls, which are slow. More for threads that must overlap. */
static unsigned int number_of_passes(void)
{
	unsigned int passes = job.memory->passes;

	if (passes > 1)
		passes = max(2 + passes * job.call / MAX_CALL, min(passes, 4U));
	return passes * (job.threads > 1 ? 4 : 1);
}

static unsigned long pass(struct worker *w)
{
	unsigned long start = job.same ? workers[0].addr : w->addr;
	unsigned long end = start + job.memory->pages * PAGE_SIZE;
	unsigned long step = job.call * PAGE_SIZE, taken = 0;
	struct page *pages[MAX_CALL];

	for (; start < end; start += step)
		taken += job.fn(start, start + step, job.flags, pages);
	return taken;
}

/* After this, both threads run on their CPUs. */
static void meet(void)
{
	if (job.threads == 1)
		return;
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) % job.threads)
		;
}

/* The thread that finishes first goes on, so that the other one has a competitor. */
static void keep_busy(struct worker *w)
{
	if (job.threads == 1)
		return;
	__atomic_fetch_add(&measured, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&measured, __ATOMIC_ACQUIRE) % job.threads)
		pass(w);
}

static void measure(struct worker *w)
{
	unsigned int i, passes = number_of_passes();
	unsigned long taken = 0, retries;
	long preempted = preemptions();
	u64 ns, count;

	meet();
	count = cycles(w);
	retries = harness_retries;
	ns = harness_ns();
	for (i = 0; i < passes; i++)
		taken += pass(w);
	ns = harness_ns() - ns;
	count = cycles(w) - count;
	retries = harness_retries - retries;
	keep_busy(w);

	if (taken != (unsigned long)job.memory->pages * passes)
		die("%s: %lu pages taken", job.memory->name, taken);
	w->preempted = preemptions() != preempted;
	w->sample.ns = (double)ns / taken;
	w->sample.cycles = (double)count / taken;
	w->sample.retries = (double)retries / taken;
}

/* A worker spins until its turn, but yields to other programs. */
static void await(unsigned int *word, unsigned int value)
{
	unsigned int spins = 0;

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
		if (!(++spins % 4096))
			sched_yield();
}

static int open_cycles(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE, .size = sizeof(attr),
		.config = PERF_COUNT_HW_CPU_CYCLES, .exclude_kernel = 1,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

/* Bind each thread to a CPU, or they may share one. */
static void settle(struct worker *w)
{
	cpu_set_t all, one;
	int cpu, nth = w - workers;

	CPU_ZERO(&one);
	if (!sched_getaffinity(0, sizeof(all), &all) && CPU_COUNT(&all) >= THREADS) {
		for (cpu = 0; !CPU_ISSET(cpu, &all) || nth--; cpu++)
			;
		CPU_SET(cpu, &one);
		pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	}
	harness_task.mm = &mm;
	w->cycles_fd = open_cycles();
}

static void *second(void *arg)
{
	struct worker *w = arg;
	unsigned int next = 1;

	settle(w);
	for (;; next++) {
		await(&turn, next);
		if (!job.fn)
			return NULL;
		measure(w);
		__atomic_store_n(&finished, next, __ATOMIC_RELEASE);
	}
}

/* One measurement. With two threads, the mean of both. */
static struct sample measure_once(gup_fast_fn *fn)
{
	struct sample s;

	job.fn = fn;
	release(&workers[0]);
	if (job.threads == 1) {
		measure(&workers[0]);
		return workers[0].sample;
	}
	release(&workers[1]);
	__atomic_store_n(&turn, turn + 1, __ATOMIC_RELEASE);
	measure(&workers[0]);
	await(&finished, turn);
	s.ns = (workers[0].sample.ns + workers[1].sample.ns) / 2;
	s.cycles = (workers[0].sample.cycles + workers[1].sample.cycles) / 2;
	s.retries = (workers[0].sample.retries + workers[1].sample.retries) / 2;
	return s;
}

/*
 * Other programs may have disturbed a measurement, and a thread that runs alone for a
 * while has no competitor. Measure again in these cases, within limits.
 */
static struct sample once(gup_fast_fn *fn)
{
	unsigned int tries = MAX_TRIES;
	struct sample s;

	do {
		s = measure_once(fn);
	} while ((workers[0].preempted || (job.threads > 1 && workers[1].preempted)) && --tries);
	nr_disturbed += !tries;
	return s;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned int nr, double *spread)
{
	qsort(values, nr, sizeof(*values), compare);
	*spread = values[nr / 2] ?
		100 * (values[nr * 3 / 4] - values[nr / 4]) / values[nr / 2] : 0;
	return values[nr / 2];
}

/*
 * Print KEY, then for each walker: ns, spread, cycles (0: not counted), and how
 * often the other thread changed a count meanwhile, per 1000 pages.
 */
static void row(gup_fast_fn *const fn[MAX_FNS], const char *prefix, const char *suffix,
		unsigned int rounds)
{
	static double ns[MAX_FNS][MAX_ROUNDS], count[MAX_FNS][MAX_ROUNDS];
	static double retries[MAX_FNS][MAX_ROUNDS];
	unsigned int round, i, nr = 0;
	char key[64];

	while (nr < MAX_FNS && fn[nr])
		nr++;
	snprintf(key, sizeof(key), "%s%s/%u/%s%s", prefix, job.flags & FOLL_PIN ? "pin" : "get",
		 job.call, job.memory->name, suffix);
	if (!strstr(key, only))
		return;
	for (i = 0; i < nr; i++)
		once(fn[i]);
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < nr; i++) {
			unsigned int which = (round + i) % nr;
			struct sample s = once(fn[which]);

			ns[which][round] = s.ns;
			count[which][round] = s.cycles;
			retries[which][round] = s.retries;
		}
	}
	printf("%s", key);
	for (i = 0; i < nr; i++) {
		double spread, unused;

		printf("\t%.3f", median(ns[i], rounds, &spread));
		printf("\t%.1f\t%.2f", spread, median(count[i], rounds, &unused));
		printf("\t%.1f", 1000 * median(retries[i], rounds, &unused));
	}
	printf("\n");
}

static void map_worker(struct worker *w)
{
	const struct memory *m = job.memory;
	unsigned int i;

	for (i = 0; i < m->pages; i++) {
		unsigned long pfn = page_number(w, i), addr = w->addr + i * PAGE_SIZE;

		if (!(i & ((1U << m->order) - 1)))
			folio_make(pfn, m->order)->mapping = (void *)FOLIO_MAPPING_ANON;
		set_bit(PG_anon_exclusive, &pfn_to_page(pfn)->flags);
		if (m->leaf == PGTABLE_LEVEL_PTE)
			*table_entry(&mm, addr, m->leaf) = pfn << PAGE_SHIFT | ENTRY_FLAGS;
		else if (!(addr & ~PMD_MASK))
			*table_entry(&mm, addr, m->leaf) = pfn << PAGE_SHIFT | LEAF_FLAGS;
	}
}

static void unmap_worker(struct worker *w)
{
	unsigned long end = w->addr + job.memory->pages * PAGE_SIZE;
	unsigned long addr, *pmdp;

	for (addr = w->addr; addr < end; addr += PMD_SIZE) {
		pmdp = table_entry(&mm, addr, PGTABLE_LEVEL_PMD);
		if (!(*pmdp & _PAGE_PSE)) {
			unsigned long *table = (unsigned long *)(*pmdp & PTE_PFN_MASK);

			memset(table, 0, PAGE_SIZE);
			table_free(table);
		}
		*pmdp = 0;
	}
}

static void measure_tracking(unsigned int rounds)
{
	job.flags = FOLL_WRITE | FOLL_PIN;
	job.call = 8;
	job.threads = 1;
	row(trackers, "track/", "", rounds);
	job.threads = 2;
	row(trackers, "track/", "/2-threads", rounds);
}

static void measure_bvecs(unsigned int rounds)
{
	job.flags = FOLL_WRITE | FOLL_PIN;
	job.call = MAX_CALL;
	job.threads = 1;
	row(to_bvecs, "bvec/walk/", "", rounds);
	take_for_bvecs(workers[0].addr, MAX_CALL, job.flags);
	row(of_bvecs, "bvec/fill/", "", rounds);
}

static void measure_memory(const struct memory *m, unsigned int rounds)
{
	static const unsigned int calls[] = { 1, 16, 512 };
	unsigned int i, pin;

	job.memory = m;
	for (i = 0; i < THREADS; i++)
		map_worker(&workers[i]);
	for (pin = 0; pin < 2; pin++) {
		job.flags = FOLL_WRITE | (pin ? FOLL_PIN : FOLL_GET);
		for (i = 0; i < ARRAY_SIZE(calls); i++) {
			job.call = calls[i];
			job.threads = 1;
			row(walkers, "", "", rounds);
			if (!pin || job.call == 16 || m->cold || m->unreferenced)
				continue;
			job.threads = 2;
			row(walkers, "", "/2-threads", rounds);
			job.same = true;
			row(walkers, "", "/2-threads-same", rounds);
			job.same = false;
		}
	}
	if (!strcmp(m->name, "4K"))
		measure_tracking(rounds);
	if (!m->unreferenced && !m->cold)
		measure_bvecs(rounds);
	for (i = 0; i < THREADS; i++)
		unmap_worker(&workers[i]);
}

/* Pages in random order, no two of them neighbours. */
static void choose_cold(void)
{
	u64 seed = 0x9e3779b97f4a7c15;
	unsigned int t, i;

	for (t = 0; t < THREADS; t++)
		for (i = 0; i < ARRAY_SIZE(cold_pfn[t]); i++)
			cold_pfn[t][i] = 65536 + ((i * THREADS + t) * 256UL) +
					 harness_random(&seed) % 255;
	for (t = 0; t < THREADS; t++)
		for (i = ARRAY_SIZE(cold_pfn[t]) - 1; i; i--) {
			unsigned int j = harness_random(&seed) % (i + 1);
			unsigned long other = cold_pfn[t][j];

			cold_pfn[t][j] = cold_pfn[t][i];
			cold_pfn[t][i] = other;
		}
}

int main(int argc, char **argv)
{
	unsigned int i, rounds = argc > 1 ? atoi(argv[1]) : 31;
	pthread_t thread;

	if (rounds < 1 || rounds > MAX_ROUNDS)
		die("1 to %d rounds", MAX_ROUNDS);
	tables_init(256, 65536 + COLD_SPAN + 512);
	choose_cold();
	for (i = 0; i < THREADS; i++) {
		workers[i].addr = (1 + i * 32) * PMD_SIZE;
		workers[i].first_pfn = 512 + i * 8192;
	}
	if (pthread_create(&thread, NULL, second, &workers[1]))
		die("no second thread");
	settle(&workers[0]);
	if (argc > 3)
		only = argv[3];
	for (i = 0; i < ARRAY_SIZE(memories); i++)
		if (argc < 3 || !strcmp(argv[2], "all") || !strcmp(argv[2], memories[i].name))
			measure_memory(&memories[i], rounds);
	job.fn = NULL;
	__atomic_store_n(&turn, turn + 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	if (nr_disturbed)
		fprintf(stderr, "%u measurements were disturbed each time\n", nr_disturbed);
	return 0;
}
