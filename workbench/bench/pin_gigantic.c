// SPDX-License-Identifier: GPL-2.0-only
/*
 * pin_gigantic FILE: instructions to pin a page of 1 GiB in one call. FILE is on hugetlbfs.
 * The page is pinned as a range, or as an array of pages if the kernel has no ranges.
 *
 * The page is mapped many times, because the clock has a resolution of microseconds. Under
 * -icount a microsecond is 1000 instructions.
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>
#include "pin_util.h"
#include "mm/gup_test.h"

#define SIZE	(1ul << 30)
#define TIMES	32

int main(int argc, char **argv)
{
	unsigned long best = -1, us;
	char *p = reserve(TIMES * SIZE, SIZE);
	struct gup_test gup = {
		.addr = (uintptr_t)p, .size = TIMES * SIZE,
		.nr_pages_per_call = SIZE / getpagesize(), .gup_flags = 1 /* FOLL_WRITE */,
	};
	int fd = argc == 2 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
	int test = open("/sys/kernel/debug/gup_test", O_RDWR);

	if (fd < 0 || test < 0 || ftruncate(fd, SIZE))
		err(1, "FILE, or gup_test");
	for (int i = 0; i < TIMES; i++) {
		if (mmap(p + i * SIZE, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 fd, 0) == MAP_FAILED)
			err(1, "mmap");
		p[i * SIZE] = 1;
	}
	for (int i = 0; i < RUNS; i++) {
		if (ioctl(test, PIN_RANGES_BENCHMARK, &gup) &&
		    ioctl(test, PIN_FAST_BENCHMARK, &gup))
			err(1, "gup_test");
		us = gup.get_delta_usec;
		best = us < best ? us : best;
	}
	printf("gigantic/pin/1G insn %lu\n", best * 1000 / TIMES);
	return 0;
}
