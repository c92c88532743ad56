// SPDX-License-Identifier: GPL-2.0-only
/*
 * pt_reclaim WHAT: how many page tables a process keeps after their pages were given
 * back, and the cost of freeing them.
 *
 * all, dontneed-4K, dontneed-64K, punch, truncate, remove, free, shared: touches one
 * page (dontneed-64K: all pages) in each 2 MiB of a large range, gives the pages back
 * in the named way, and prints VmPTE after that in percent of VmPTE before. free means
 * MADV_FREE, then MADV_PAGEOUT, then one pass of khugepaged. shared is a file that 64
 * processes map.
 *
 * cost-punch, cost-refill, cost-dontneed-64K, cost-munmap: prints instructions per
 * small page (under -icount one nanosecond is one). cost-refill punches 2 MiB and
 * touches all of it again. On x86 the clearing of pages is not counted.
 */
#define _GNU_SOURCE
#include "pt_util.h"

#define STRIDE		(2 * MB)
/* PTE tables must dominate VmPTE. 32-bit address spaces limit the range. */
#define RANGE		(sizeof(long) == 8 ? 4096 * MB : 1024 * MB)
#define ALL		(sizeof(long) == 8 ? 16384 * MB : 1024 * MB)
#define SHARED		(RANGE / 4)
#define PROCESSES	64
#define RUNS		7

static size_t page_size;

static unsigned long vm_pte(pid_t pid)
{
	unsigned long kib = 0;
	char line[256];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/status", pid);
	f = fopen(line, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPTE: %lu kB", &kib) == 1)
			break;
	if (!kib)
		errx(1, "no VmPTE of process %d", pid);
	fclose(f);
	return kib;
}

static void advise(char *p, size_t size, int advice)
{
	if (madvise(p, size, advice))
		err(1, "madvise(%d)", advice);
}

static void touch(char *p, size_t size, size_t stride)
{
	for (size_t i = 0; i < size; i += stride)
		p[i] = 1;
}

static int new_file(size_t size)
{
	int fd = memfd_create("pt_reclaim", 0);

	if (fd < 0 || ftruncate(fd, size))
		err(1, "memfd");
	return fd;
}

static char *map_file(int fd, size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap of a file");
	return p;
}

static char *map_small(size_t size)
{
	char *p = reserve(size, STRIDE);

	advise(p, size, MADV_NOHUGEPAGE);
	return p;
}

static void punch(int fd, size_t size)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, size))
		err(1, "fallocate");
}

static void khugepaged_pass(void)
{
	uint64_t end = now_ns() + 60000000000ull;
	unsigned long until = read_number(KHUGEPAGED "full_scans") + 2;

	write_to(KHUGEPAGED "pages_to_scan", "1000000");
	write_to(KHUGEPAGED "scan_sleep_millisecs", "1");
	while (read_number(KHUGEPAGED "full_scans") < until) {
		usleep(10000);
		if (now_ns() > end)
			errx(1, "khugepaged does not run");
	}
	write_to(KHUGEPAGED "scan_sleep_millisecs", "4294967295");
}

static void report(unsigned long before, unsigned long after)
{
	fprintf(stderr, "%lu kB before, %lu kB after\n", before, after);
	printf("%.2f\n", 100.0 * after / before);
}

static void left_of_anon(const char *what)
{
	size_t range = strcmp(what, "all") ? RANGE : ALL;
	size_t step = !strcmp(what, "dontneed-4K") ? page_size : 64 << 10;
	unsigned long before;
	char *p;

	/* All of it is touched, so it must fit in a small guest. */
	if (!strcmp(what, "dontneed-64K"))
		range = 1280 * MB;
	p = map_small(range);
	touch(p, range, strcmp(what, "dontneed-64K") ? STRIDE : page_size);
	before = vm_pte(getpid());

	if (!strcmp(what, "all")) {
		advise(p, range, MADV_DONTNEED);
	} else if (!strcmp(what, "free")) {
		advise(p, range, MADV_FREE);
		advise(p, range, MADV_PAGEOUT);
		advise(p, range, MADV_HUGEPAGE);
		khugepaged_pass();
	} else if (!strcmp(what, "dontneed-64K")) {
		for (size_t i = 0; i < range; i += step)
			advise(p + i, step, MADV_DONTNEED);
	} else {
		for (size_t i = 0; i < range; i += STRIDE)
			advise(p + i, step, MADV_DONTNEED);
	}
	report(before, vm_pte(getpid()));
}

static void left_of_file(const char *what)
{
	int fd = new_file(RANGE);
	char *p = map_file(fd, RANGE);
	unsigned long before;

	touch(p, RANGE, STRIDE);
	before = vm_pte(getpid());
	if (!strcmp(what, "punch"))
		punch(fd, RANGE);
	else if (!strcmp(what, "remove"))
		advise(p, RANGE, MADV_REMOVE);
	else if (ftruncate(fd, 0))
		err(1, "ftruncate");
	report(before, vm_pte(getpid()));
}

static void touch_shared(void *fd)
{
	touch(map_file(*(int *)fd, SHARED), SHARED, STRIDE);
}

static void left_of_shared(void)
{
	unsigned long before = 0, after = 0;
	int fd = new_file(SHARED);
	pid_t child[PROCESSES];

	for (int i = 0; i < PROCESSES; i++)
		child[i] = start_child(touch_shared, &fd);
	for (int i = 0; i < PROCESSES; i++)
		before += vm_pte(child[i]);
	punch(fd, SHARED);
	for (int i = 0; i < PROCESSES; i++)
		after += vm_pte(child[i]);
	for (int i = 0; i < PROCESSES; i++)
		end_child(child[i]);
	report(before, after);
}

static uint64_t cost_punch(size_t *pages)
{
	size_t size = 64 * MB;
	int fd = new_file(size);
	char *p = map_file(fd, size);
	uint64_t start;

	touch(p, size, page_size);
	start = now_ns();
	punch(fd, size);
	start = now_ns() - start;
	munmap(p, size);
	close(fd);
	*pages = size / page_size;
	return start;
}

static uint64_t cost_refill(size_t *pages)
{
	int fd = new_file(4 * STRIDE);
	char *p = map_file(fd, 4 * STRIDE);
	uint64_t start;

	touch(p, 4 * STRIDE, page_size);
	start = now_ns();
	for (int i = 0; i < 16; i++) {
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      STRIDE, STRIDE))
			err(1, "fallocate");
		touch(p + STRIDE, STRIDE, page_size);
	}
	start = now_ns() - start;
	munmap(p, 4 * STRIDE);
	close(fd);
	*pages = 16 * STRIDE / page_size;
#if defined(__x86_64__)
	start -= *pages * page_size;
#endif
	return start;
}

static uint64_t cost_dontneed(size_t *pages)
{
	static char *p;
	uint64_t start;

	if (!p)
		p = map_small(STRIDE);
	touch(p, STRIDE, page_size);
	start = now_ns();
	advise(p + STRIDE / 2, 64 << 10, MADV_DONTNEED);
	start = now_ns() - start;
	*pages = (64 << 10) / page_size;
	return start;
}

static uint64_t cost_munmap(size_t *pages)
{
	size_t size = 16 * MB;
	char *p = map_small(size);
	uint64_t start;

	touch(p, size, page_size);
	start = now_ns();
	munmap(p, size);
	*pages = size / page_size;
	return now_ns() - start;
}

/* The smallest of several runs, because timer interrupts disturb the others. */
static void cost(uint64_t (*measure)(size_t *pages))
{
	uint64_t least = UINT64_MAX;
	size_t pages = 1;

	for (int i = 0; i < RUNS; i++) {
		uint64_t ns = measure(&pages);

		if (ns < least)
			least = ns;
	}
	printf("%.2f\n", (double)least / pages);
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	page_size = getpagesize();
	if (!strcmp(what, "punch") || !strcmp(what, "truncate") || !strcmp(what, "remove"))
		left_of_file(what);
	else if (!strcmp(what, "shared"))
		left_of_shared();
	else if (!strcmp(what, "all") || !strcmp(what, "free") || !strncmp(what, "dontneed-", 9))
		left_of_anon(what);
	else if (!strcmp(what, "cost-punch"))
		cost(cost_punch);
	else if (!strcmp(what, "cost-refill"))
		cost(cost_refill);
	else if (!strcmp(what, "cost-dontneed-64K"))
		cost(cost_dontneed);
	else if (!strcmp(what, "cost-munmap"))
		cost(cost_munmap);
	else
		errx(1, "usage: pt_reclaim WHAT");
	return 0;
}
