// SPDX-License-Identifier: GPL-2.0-only
/*
 * ref_hold: operations that fail because a walk holds a reference.
 *
 *	ref_hold migrate|split|ksm|cma idle|walked
 *
 * Memory is migrated between two nodes by move_pages(), split from huge pages into
 * small ones, merged by KSM, or occupies a range that is allocated from CMA. Idle:
 * nobody else uses it. Walked: four threads per CPU try to pin it all the time, and
 * never succeed. It is shared with a child, so a read-only pin would have to unshare
 * it first, which FOLL_NOFAULT forbids. GUP-fast takes the references, detects that,
 * and drops them. No other references are taken.
 *
 * Prints "key<tab>unit<tab>figure": how many of 1000 tries failed.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <mm/gup_test.h>
#include "pt_util.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define KSM		"/sys/kernel/mm/ksm/"
#define CMA		DEBUGFS "cma/reserved/"
#define FOLL_NOFAULT	(1 << 5)
#define MPOL_MF_MOVE_ALL 4
#define PAGES		64
#define A_CALL		16	/* pages */
#define HUGE_PAGES	4
#define CMA_PIECE	1024	/* pages */
#define THREADS_A_CPU	4

static char *area, *elsewhere;
static size_t area_size;
static volatile bool walked;

/* ---- Threads that try to pin ---- */

static void *try_to_pin(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	int gup = open(DEBUGFS "gup_test", O_RDWR);
	size_t call = A_CALL * getpagesize();

	if (gup < 0)
		err(1, "gup_test");
	for (;;) {
		size_t at = rand_r(&seed) % (area_size / call);
		struct gup_test args = {
			.addr = (uintptr_t)area + at * call, .size = call,
			.nr_pages_per_call = A_CALL, .gup_flags = FOLL_NOFAULT,
		};

		ioctl(gup, PIN_FAST_BENCHMARK, &args);
		if (args.size)
			errx(1, "pinned what must not be");
	}
	return NULL;
}

static void start_walkers(void)
{
	long i, nr = THREADS_A_CPU * sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t thread;

	for (i = 0; walked && i < nr; i++)
		if (pthread_create(&thread, NULL, try_to_pin, (void *)(i + 1)))
			errx(1, "no thread");
}

/* ---- Memory that is shared with a child ---- */

/* Map and fill it elsewhere, because it must not be pinned before it is shared. */
static pid_t fill(int advice)
{
	pid_t child;

	map_at(elsewhere, area_size);
	if (madvise(elsewhere, area_size, advice))
		err(1, "madvise");
	memset(elsewhere, 1, area_size);
	child = start_child(NULL, NULL);
	if (mremap(elsewhere, area_size, area_size,
		   MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, area) != area)
		err(1, "mremap");
	return child;
}

static void clear(pid_t child)
{
	map_at(area, area_size);
	end_child(child);
}

/* ---- Counting ---- */

static unsigned long vmstat(const char *name)
{
	FILE *f = fopen("/proc/vmstat", "r");
	unsigned long n, found = 0;
	char key[64];

	while (f && fscanf(f, "%63s %lu", key, &n) == 2)
		if (!strcmp(key, name))
			found = n;
	if (f)
		fclose(f);
	return found;
}

static void watch(const char *event)
{
	char name[128];

	write_to(TRACING "buffer_size_kb", "8192");
	write_to(TRACING "trace", "");
	snprintf(name, sizeof(name), TRACING "events/%s/enable", event);
	write_to(name, "1");
	write_to(TRACING "tracing_on", "1");
}

static unsigned long traced(const char *text)
{
	FILE *f = fopen(TRACING "trace", "r");
	unsigned long n = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		n += line[0] != '#' && strstr(line, text);
	if (f)
		fclose(f);
	return n;
}

static void print_failed(const char *what, unsigned long failed, unsigned long tries)
{
	if (!tries)
		errx(1, "%s: nothing was tried", what);
	fprintf(stderr, "%s: %lu of %lu failed\n", what, failed, tries);
	printf("refs/%s-%s\tper-mille\t%.1f\n", what, walked ? "walked" : "idle",
	       failed * 1000. / tries);
}

/* ---- Operations ---- */

static void migrate(void)
{
	unsigned long failed, done;
	int node[PAGES], status[PAGES], i, round;
	void *page[PAGES];
	pid_t child = fill(MADV_NOHUGEPAGE);

	for (i = 0; i < PAGES; i++)
		page[i] = area + i * getpagesize();
	failed = vmstat("pgmigrate_fail");
	done = vmstat("pgmigrate_success");
	for (round = 0; round < 400; round++) {
		for (i = 0; i < PAGES; i++)
			node[i] = !(round & 1);
		if (syscall(SYS_move_pages, 0, PAGES, page, node, status, MPOL_MF_MOVE_ALL) < 0)
			err(1, "move_pages");
	}
	failed = vmstat("pgmigrate_fail") - failed;
	done = vmstat("pgmigrate_success") - done;
	print_failed("migrate", failed, failed + done);
	clear(child);
}

static void split(void)
{
	unsigned long failed = vmstat("thp_split_page_failed"), done = vmstat("thp_split_page");
	char cmd[64];

	for (int round = 0; round < 30; round++) {
		pid_t child = fill(MADV_HUGEPAGE);

		snprintf(cmd, sizeof(cmd), "%d,%p,%p", getpid(), area, area + area_size);
		write_to(DEBUGFS "split_huge_pages", cmd);
		clear(child);
	}
	failed = vmstat("thp_split_page_failed") - failed;
	done = vmstat("thp_split_page") - done;
	print_failed("split", failed, failed + done);
}

static void ksm(void)
{
	unsigned long failed, all;

	write_to(KSM "pages_to_scan", "10000");
	write_to(KSM "sleep_millisecs", "1");
	watch("ksm");
	for (int round = 0; round < 20; round++) {
		pid_t child = fill(MADV_MERGEABLE);
		unsigned long until = read_number(KSM "full_scans") + 6;

		write_to(KSM "run", "1");
		for (int i = 0; i < 1000 && read_number(KSM "full_scans") < until; i++)
			usleep(10000);
		write_to(KSM "run", "0");
		clear(child);
	}
	write_to(TRACING "tracing_on", "0");
	all = traced(" error ");
	failed = all - traced(" error 0");
	print_failed("ksm", failed, all);
}

static unsigned long cma_number(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), CMA "%s", name);
	return read_number(path);
}

/* Allocate all of the area in pieces. The trace tells which of them fail. */
static void cma(void)
{
	unsigned long i, pieces = cma_number("count") / CMA_PIECE, failed, done = 0;
	char number[32];

	snprintf(number, sizeof(number), "%d", CMA_PIECE);
	watch("cma");
	for (int round = 0; round < 10; round++) {
		pid_t child = fill(MADV_NOHUGEPAGE);
		unsigned long got = 0;
		int alloc = open(CMA "alloc", O_WRONLY);

		for (i = 0; i < pieces; i++)
			got += write(alloc, number, strlen(number)) > 0;
		close(alloc);
		for (i = 0; i < got; i++)
			write_to(CMA "free", number);
		done += got;
		clear(child);
	}
	write_to(TRACING "tracing_on", "0");
	failed = traced("cma_alloc_busy_retry:");
	print_failed("cma", failed, failed + done);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} kinds[] = { { "migrate", migrate }, { "split", split }, { "ksm", ksm }, { "cma", cma } };
	size_t i;

	if (argc != 3)
		errx(1, "usage: ref_hold migrate|split|ksm|cma idle|walked");
	walked = !strcmp(argv[2], "walked");
	area_size = strcmp(argv[1], "split") ? PAGES * (size_t)getpagesize() : HUGE_PAGES * 2 * MB;
	area = reserve(area_size, 2 * MB);
	elsewhere = reserve(area_size, 2 * MB);
	start_walkers();
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(argv[1], kinds[i].name))
			kinds[i].run();
	return 0;
}
