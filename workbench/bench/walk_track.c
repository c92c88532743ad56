// SPDX-License-Identifier: GPL-2.0-only
/*
 * walk_track: which CPUs are interrupted to change page tables while others walk them.
 *
 *	walk_track collapse nobody|one|all|others
 *			MADV_COLLAPSE turns 1 GiB of small pages into huge pages, while
 *			nobody, one other CPU, or all other CPUs walk the page tables
 *			of this process, or all walk those of another one
 *	walk_track munmap	1 GiB of huge pages is unmapped
 *	walk_track pin		256 MiB of small pages are pinned, 8 pages a call
 *	walk_track pin60	60 threads on as many CPUs pin and unpin the same 16 MiB,
 *				8 pages a call
 *
 * Prints "key<tab>unit<tab>figure" lines. CPUs that do not walk are busy.
 *
 * A walk is a pin of 512 pages by gup_test, and the next one follows at once. On
 * POWER it is a fault, because hash_page_mm() is tracked there: pages are read, given
 * back, and read again.
 *
 * The tracepoint csd_queue_cpu gives the interrupts that this thread sent, by the
 * function that runs on the other CPU: TLB flushes, those of the scheduler, and
 * the rest, which is for walks.
 */
#define _GNU_SOURCE
#include <asm-generic/mman.h>
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <mm/gup_test.h>
#include "pt_util.h"

#define ALL		(1024 * MB)
#define A_MAP		(128 * MB)
#define PINNED		(256 * MB)
#define PAGES_A_CALL	8
#define THREADS		60
#define PINNED_A_THREAD	(16 * MB)
#define REPEATS		5
#define WALKED		512	/* pages */

#ifdef __powerpc64__
#define BY_FAULTS	true
#else
#define BY_FAULTS	false
#endif

static volatile bool stop;
static atomic_int started;

/* ---- Threads on other CPUs ---- */

static void walk_by_pins(char *p, size_t size)
{
	int gup = open("/sys/kernel/debug/gup_test", O_RDWR);

	if (gup < 0)
		err(1, "/sys/kernel/debug/gup_test");
	for (started++; !stop; ) {
		struct gup_test args = {
			.addr = (uintptr_t)p, .size = size,
			.nr_pages_per_call = WALKED,
		};

		if (ioctl(gup, PIN_FAST_BENCHMARK, &args) || args.size != size)
			err(1, "pinning");
	}
	close(gup);
}

/* Walk by reads of memory. They allocate no pages, so faults take most of the time. */
static void walk_by_faults(volatile char *p, size_t size)
{
	for (started++; !stop; ) {
		for (size_t i = 0; i < size; i += getpagesize())
			p[i];
		if (madvise((void *)p, size, MADV_DONTNEED))
			err(1, "MADV_DONTNEED");
	}
}

static void *walk(void *cpu)
{
	size_t size = WALKED * getpagesize();
	char *p;

	run_on((intptr_t)cpu);
	p = reserve(size, size);
	fill_small(p, size);
	if (BY_FAULTS)
		walk_by_faults(p, size);
	else
		walk_by_pins(p, size);
	return NULL;
}

static void *busy(void *cpu)
{
	run_on((intptr_t)cpu);
	for (started++; !stop; )
		pause_cpu();
	return NULL;
}

/* Start threads on CPUs from 1 on, @walkers of which walk. This thread has CPU 0. */
static void start_others(long walkers)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t thread;

	run_on(0);
	for (intptr_t cpu = 1; cpu < cpus; cpu++)
		if (pthread_create(&thread, NULL, cpu <= walkers ? walk : busy, (void *)cpu))
			errx(1, "no thread");
	while (started < cpus - 1)
		pause_cpu();
}

static void start_walkers(void *nr)
{
	start_others((intptr_t)nr);
}

/* ---- Counting ---- */

struct count {
	unsigned long walks, tlb, sched;
	uint64_t ns;
};

static void prepare_to_count(void)
{
	char filter[64];

	snprintf(filter, sizeof(filter), "common_pid == %d && !(common_flags & %d)",
		 gettid(), IN_IRQ);
	watch_sent(filter);
}

static uint64_t start_counting(void)
{
	write_to(TRACING "tracing_on", "1");
	return now_ns();
}

static void stop_counting(struct count *c, uint64_t from)
{
	c->ns += now_ns() - from;
	write_to(TRACING "tracing_on", "0");
}

static void sort_out(struct count *c, const char *line)
{
	switch (kind_of_call(line)) {
	case CALL_TLB:
		c->tlb++;
		break;
	case CALL_OTHER:
		c->sched++;
		break;
	case CALL_WALKS:
		c->walks++;
		break;
	}
}

static void count_sent(struct count *c)
{
	FILE *f = fopen(TRACING "trace", "r");
	char line[512], last[64] = "", *func;

	write_to(CSD_QUEUE "enable", "0");
	if (!f)
		err(1, TRACING "trace");
	while (fgets(line, sizeof(line), f)) {
		func = strstr(line, " csd_queue_cpu: ");
		func = func ? strstr(func, "func=") : NULL;
		if (!func)
			continue;
		sort_out(c, func);
		func[strcspn(func, " ")] = 0;
		if (strncmp(func, last, sizeof(last) - 1))
			fprintf(stderr, "%s\n", line);
		snprintf(last, sizeof(last), "%s", func);
	}
	fclose(f);
	fprintf(stderr, "%lu for walks, %lu TLB flushes, %lu of the scheduler\n",
		c->walks, c->tlb, c->sched);
}

/* Print the kernel's statistics of waits, for readers of the console. */
static void show_waits(void)
{
	FILE *f = fopen("/sys/kernel/debug/lockless_walk_wait", "r");
	char line[64];

	while (f && fgets(line, sizeof(line), f))
		fputs(line, stderr);
	if (f)
		fclose(f);
}

static void print_count(const char *what, const char *who, struct count *c)
{
	count_sent(c);
	printf("track/%s%s\tinterrupts\t%lu\n", what, who, c->walks);
	if (!strcmp(who, "") || !strcmp(who, "-nobody"))
		printf("track/%s%s-time\tMinsn\t%.3f\n", what, who, c->ns / 1e6);
}

/* ---- Measurements ---- */

static void collapse(const char *who)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t huge = read_pmd_size();
	char *p = reserve(A_MAP, huge), name[16];
	struct count count = {};
	pid_t child = 0;
	uint64_t from;

	if (!strcmp(who, "others"))
		child = start_child(start_walkers, (void *)(intptr_t)(cpus - 1));
	start_others(!strcmp(who, "one") ? 1 : !strcmp(who, "all") ? cpus - 1 : 0);
	stop = child;	/* this mm has run on all CPUs; only the child uses them now */
	prepare_to_count();
	for (size_t done = 0; done < ALL; done += A_MAP) {
		fill_small(p, A_MAP);
		if (madvise(p, A_MAP, MADV_HUGEPAGE))
			err(1, "MADV_HUGEPAGE");
		from = start_counting();
		for (size_t i = 0; i < A_MAP; i += huge)
			if (madvise(p + i, huge, MADV_COLLAPSE))
				err(1, "MADV_COLLAPSE");
		stop_counting(&count, from);
	}
	snprintf(name, sizeof(name), "-%s", who);
	print_count("collapse", name, &count);
	show_waits();
	if (child)
		end_child(child);
}

static void unmap(void)
{
	size_t huge = read_pmd_size();
	char *p = reserve(ALL, huge);
	struct count count = {};
	uint64_t from;

	start_others(0);
	if (madvise(p, ALL, MADV_HUGEPAGE))
		err(1, "MADV_HUGEPAGE");
	for (size_t i = 0; i < ALL; i += huge)
		p[i] = 1;
	prepare_to_count();
	from = start_counting();
	if (munmap(p, ALL))
		err(1, "munmap");
	stop_counting(&count, from);
	print_count("munmap-thp", "", &count);
}

/* Pin @size bytes, PAGES_A_CALL pages at a time. Returns the time in us. */
static uint64_t pin_all(char *p, size_t size)
{
	int gup = open("/sys/kernel/debug/gup_test", O_RDWR);
	struct gup_test args = {
		.addr = (uintptr_t)p, .size = size, .gup_flags = 1,
		.nr_pages_per_call = PAGES_A_CALL,
	};

	if (gup < 0)
		err(1, "/sys/kernel/debug/gup_test");
	if (ioctl(gup, PIN_FAST_BENCHMARK, &args) || args.size != size)
		err(1, "pinning");
	close(gup);
	return args.get_delta_usec;
}

static void pin(void)
{
	char *p = reserve(PINNED, 2 * MB);
	uint64_t least = UINT64_MAX;

	fill_small(p, PINNED);
	for (int i = 0; i < REPEATS; i++) {
		uint64_t us = pin_all(p, PINNED);

		if (us < least)
			least = us;
	}
	printf("track/pin-8\tinsn/page\t%.2f\n", least * 1000. / (PINNED / getpagesize()));
}

struct pinner {
	pthread_t thread;
	int cpu;
	char *p;
	pthread_barrier_t *barrier;
};

static void *pin_some(void *arg)
{
	struct pinner *pinner = arg;

	run_on(pinner->cpu);
	for (int i = 0; i < REPEATS; i++) {
		started++;
		pthread_barrier_wait(pinner->barrier);
		pin_all(pinner->p, PINNED_A_THREAD);
		pthread_barrier_wait(pinner->barrier);
	}
	return NULL;
}

/* The time is that of all CPUs together, because they run in turns. */
static void pin_by_threads(void)
{
	char *p = reserve(PINNED_A_THREAD, 2 * MB);
	uint64_t from, least = UINT64_MAX;
	struct pinner pinner[THREADS];
	pthread_barrier_t barrier;

	run_on(0);
	fill_small(p, PINNED_A_THREAD);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++) {
		pinner[i] = (struct pinner){ .cpu = i + 1, .p = p, .barrier = &barrier };
		if (pthread_create(&pinner[i].thread, NULL, pin_some, &pinner[i]))
			errx(1, "no thread");
	}
	for (int i = 0; i < REPEATS; i++) {
		while (started < THREADS * (i + 1))
			usleep(1000);
		usleep(1000);
		from = now_ns();
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		if (now_ns() - from < least)
			least = now_ns() - from;
	}
	printf("track/pin-8-60\tinsn/page\t%.2f\n",
	       (double)least / THREADS / (PINNED_A_THREAD / getpagesize()));
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "collapse"))
		collapse(argv[2]);
	else if (argc == 2 && !strcmp(argv[1], "munmap"))
		unmap();
	else if (argc == 2 && !strcmp(argv[1], "pin"))
		pin();
	else if (argc == 2 && !strcmp(argv[1], "pin60"))
		pin_by_threads();
	else
		errx(1, "usage: walk_track collapse nobody|one|all|others, munmap, pin or pin60");
	return 0;
}
