// SPDX-License-Identifier: GPL-2.0-only
/*
 * gup_split: time GUP-fast on folios of a PMD's size that are mapped by
 * page-table entries, through the ioctls of CONFIG_GUP_TEST. gup_test itself
 * can only map such a folio by its PMD.
 *
 * Takes the options that it shares with gup_test (-u -a -R -m -r -n) and prints the
 * same "Time:" lines. Before and after the timing it checks that the memory consists
 * of whole folios of this size, and that none of them is mapped by a PMD. It fails
 * if this is not the case.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <mm/gup_test.h>
#include "pt_util.h"

#define FOLL_WRITE	0x01
#ifndef PIN_RANGES_BENCHMARK	/* the base's header */
#define PIN_RANGES_BENCHMARK	_IOWR('g', 10, struct gup_test)
#endif
#define PM_PRESENT	(1ULL << 63)
#define PM_PFN		((1ULL << 55) - 1)
#define KPF_HEAD	(1ULL << 15)
#define KPF_TAIL	(1ULL << 16)

static size_t page_size, folio_size;

static void read_at(const char *file, void *buf, size_t len, off_t pos)
{
	int fd = open(file, O_RDONLY);

	if (fd < 0 || pread(fd, buf, len, pos) != (ssize_t)len)
		err(1, "reading %s", file);
	close(fd);
}

/* KiB of PMD-mapped anonymous memory in the whole process. */
static long pmd_mapped_kib(void)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	long kib, sum = 0;
	char line[256];

	if (!f)
		err(1, "/proc/self/smaps");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "AnonHugePages: %ld kB", &kib) == 1)
			sum += kib;
	fclose(f);
	return sum;
}

/* Is it one folio: a head page followed by tails, physically contiguous? */
static void check_folio(const char *p)
{
	size_t n = folio_size / page_size, i;
	uint64_t map[n], flags[n];

	read_at("/proc/self/pagemap", map, sizeof(map),
		(uintptr_t)p / page_size * sizeof(*map));
	for (i = 0; i < n; i++)
		if (!(map[i] & PM_PRESENT) ||
		    (map[i] & PM_PFN) != (map[0] & PM_PFN) + i)
			errx(1, "page %zu at %p is not the next of its folio", i, p);
	read_at("/proc/kpageflags", flags, sizeof(flags),
		(map[0] & PM_PFN) * sizeof(*flags));
	for (i = 0; i < n; i++)
		if (!(flags[i] & (i ? KPF_TAIL : KPF_HEAD)))
			errx(1, "the folio at %p was split", p);
}

static void check_all(const char *p, size_t size)
{
	long kib = pmd_mapped_kib();
	size_t i;

	if (kib)
		errx(1, "%ld KiB are mapped by PMDs", kib);
	for (i = 0; i < size; i += folio_size)
		check_folio(p + i);
}

/*
 * A change of the protection of one page splits the PMD, but not the folio. After the
 * change is undone and the page is written to, all entries are equal again.
 */
static void split_pmds(char *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += folio_size)
		if (mprotect(p + i, page_size, PROT_READ) ||
		    mprotect(p + i, page_size, PROT_READ | PROT_WRITE))
			err(1, "mprotect");
	for (i = 0; i < size; i += page_size)
		p[i] = 0;
}

int main(int argc, char **argv)
{
	unsigned long cmd = GUP_FAST_BENCHMARK;
	struct gup_test gup = { .nr_pages_per_call = 1, .gup_flags = FOLL_WRITE };
	size_t size = 128 * MB;
	int fd, opt, repeats = 1;
	char *p;

	page_size = sysconf(_SC_PAGESIZE);
	folio_size = read_pmd_size();
	while ((opt = getopt(argc, argv, "uaRm:r:n:")) != -1) {
		switch (opt) {
		case 'u': cmd = GUP_FAST_BENCHMARK; break;
		case 'a': cmd = PIN_FAST_BENCHMARK; break;
		case 'R': cmd = PIN_RANGES_BENCHMARK; break;
		case 'm': size = atol(optarg) * MB; break;
		case 'r': repeats = atoi(optarg); break;
		case 'n': gup.nr_pages_per_call = atoi(optarg); break;
		default: errx(1, "usage: gup_split [-u|-a|-R] [-m MiB] [-r repeats] [-n pages a call]");
		}
	}
	if (!size || size % folio_size)
		errx(1, "size must be a multiple of %zu MiB", folio_size / MB);
	fd = open("/sys/kernel/debug/gup_test", O_RDWR);
	if (fd < 0)
		err(1, "/sys/kernel/debug/gup_test");

	p = mmap(NULL, size + folio_size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	p = (char *)(((uintptr_t)p + folio_size - 1) & ~(folio_size - 1));
	if (madvise(p, size, MADV_HUGEPAGE))
		err(1, "MADV_HUGEPAGE");
	memset(p, 0, size);
	if (pmd_mapped_kib() < (long)(size >> 10))
		errx(1, "not all memory came as huge pages");
	split_pmds(p, size);
	check_all(p, size);

	while (repeats--) {
		gup.addr = (uintptr_t)p;
		gup.size = size;
		if (ioctl(fd, cmd, &gup))
			err(1, "ioctl");
		printf("Time: get:%llu put:%llu us", (unsigned long long)gup.get_delta_usec,
		       (unsigned long long)gup.put_delta_usec);
		if (gup.size != size)
			printf(", truncated (size: %llu)", (unsigned long long)gup.size);
		printf("\n");
	}
	check_all(p, size);
	return 0;
}
