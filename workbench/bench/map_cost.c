// SPDX-License-Identifier: GPL-2.0-only
/*
 * map_cost fault|mprotect|mremap|zap|fork: instructions of the kernel per small page
 * to fault it in, to change its protection, to move it, to zap it, or to copy its
 * entry for a child. Under -icount one nanosecond is one instruction.
 *
 * On x86 the clearing of a page is not counted with its fault: it takes one instruction
 * per byte, and tells nothing about page tables. The smallest of several runs counts,
 * because timer interrupts disturb the others.
 */
#define _GNU_SOURCE
#include "pt_util.h"

#define PAGES	4096
#define RUNS	15
#define ALIGN	(16 * MB)	/* a multiple of what a page table maps */

static size_t page_size, len;
static char *area;

static void touch(void)
{
	for (size_t i = 0; i < len; i += page_size)
		area[i] = 1;
}

static void zap(void)
{
	if (madvise(area, len, MADV_DONTNEED))
		err(1, "MADV_DONTNEED");
}

static void protect(int prot)
{
	if (mprotect(area, len, prot))
		err(1, "mprotect");
}

static uint64_t do_fault(void)
{
	uint64_t start;

	zap();
	start = now_ns();
	touch();
	return now_ns() - start;
}

static uint64_t do_mprotect(void)
{
	uint64_t start;

	touch();
	start = now_ns();
	protect(PROT_READ);
	protect(PROT_READ | PROT_WRITE);
	return (now_ns() - start) / 2;
}

/* Move to another offset in the page table, so that entries are moved, not tables. */
static uint64_t do_mremap(void)
{
	char *to = mmap(NULL, len + 2 * ALIGN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start;

	if (to == MAP_FAILED)
		err(1, "mmap");
	to += ((uintptr_t)area + page_size - (uintptr_t)to) % ALIGN;
	touch();
	start = now_ns();
	if (mremap(area, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
		err(1, "mremap");
	area = to;
	return now_ns() - start;
}

static uint64_t do_zap(void)
{
	uint64_t start;

	touch();
	start = now_ns();
	zap();
	return now_ns() - start;
}

static uint64_t do_fork(void)
{
	uint64_t start, end;
	pid_t child;

	touch();
	start = now_ns();
	child = fork();
	end = now_ns();
	if (child < 0)
		err(1, "fork");
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	/* Otherwise the next touch() would copy each page. */
	zap();
	return end - start;
}

static const struct {
	const char *name;
	uint64_t (*measure)(void);
	unsigned int less;
} costs[] = {
#ifdef __x86_64__
	{ "fault", do_fault, 4096 },
#else
	{ "fault", do_fault, 0 },
#endif
	{ "mprotect", do_mprotect, 0 },
	{ "mremap", do_mremap, 0 },
	{ "zap", do_zap, 0 },
	{ "fork", do_fork, 0 },
};

int main(int argc, char **argv)
{
	unsigned int which = 0;
	uint64_t best = -1, ns;

	while (which < 5 && (argc != 2 || strcmp(argv[1], costs[which].name)))
		which++;
	if (which == 5)
		errx(1, "usage: map_cost fault|mprotect|mremap|zap|fork");

	page_size = sysconf(_SC_PAGESIZE);
	len = PAGES * page_size;
	area = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		err(1, "mmap");
	if (madvise(area, len, MADV_NOHUGEPAGE))
		err(1, "MADV_NOHUGEPAGE");
	for (int i = 0; i < RUNS; i++) {
		ns = costs[which].measure();
		best = ns < best ? ns : best;
	}
	printf("%.2f\n", (double)best / PAGES - costs[which].less);
	return 0;
}
