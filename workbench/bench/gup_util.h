/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinning of memory by the ioctls of CONFIG_GUP_TEST, for programs that measure it.
 */
#ifndef _GUP_UTIL_H
#define _GUP_UTIL_H

#include <sys/ioctl.h>
#include <mm/gup_test.h>
#include "pt_util.h"

/* Pins and unpins the memory. Returns the time of pinning, in ns. */
static inline uint64_t pin(char *p, size_t size, size_t pages_a_call)
{
	struct gup_test test = {
		.addr = (uintptr_t)p,
		.size = size,
		.nr_pages_per_call = pages_a_call,
		.gup_flags = 1,	/* FOLL_WRITE */
	};
	int fd = open("/sys/kernel/debug/gup_test", O_RDWR);

	if (fd < 0 || ioctl(fd, PIN_FAST_BENCHMARK, &test))
		err(1, "gup_test");
	if (test.size != size)
		errx(1, "pinned %llu bytes of %zu", (unsigned long long)test.size, size);
	close(fd);
	return test.get_delta_usec * 1000;
}

#endif /* _GUP_UTIL_H */
