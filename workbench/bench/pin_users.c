// SPDX-License-Identifier: GPL-2.0-only
/*
 * pin_users: what it costs callers of GUP to have memory pinned.
 *
 *	pin_users register 4K|64K|THP|hugetlb
 *		instructions to register a buffer of 64 MiB with io_uring
 *	pin_users read KIB 4K|64K|THP|hugetlb FILE
 *		instructions of a direct read of so much of FILE, in one call
 *
 * All of the memory is there. Which folios madvise() brings is set in sysfs.
 * Under -icount one nanosecond is one instruction. The least of several runs.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "pin_util.h"

/* Of linux/io_uring.h, which does not go with the headers of the base's tools. */
#define IORING_REGISTER_BUFFERS		0
#define IORING_UNREGISTER_BUFFERS	1
#define IORING_PARAMS_SIZE		120
#define REGISTERED	(64 * MB)

static uint64_t time_register(int ring, char *p, size_t size)
{
	struct iovec iov = { p, size };
	uint64_t start = now_ns(), ns;

	if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS, &iov, 1))
		err(1, "IORING_REGISTER_BUFFERS");
	ns = now_ns() - start;
	if (syscall(__NR_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0))
		err(1, "IORING_UNREGISTER_BUFFERS");
	return ns;
}

static uint64_t time_read(int fd, char *p, size_t size)
{
	uint64_t start = now_ns();

	if (pread(fd, p, size, 0) != (ssize_t)size)
		err(1, "pread");
	return now_ns() - start;
}

static int open_direct(const char *file)
{
	int fd = open(file, O_RDONLY | O_DIRECT);

	if (fd < 0)
		err(1, "%s", file);
	return fd;
}

int main(int argc, char **argv)
{
	uint32_t params[IORING_PARAMS_SIZE / sizeof(uint32_t)] = {};
	uint64_t best = -1, ns;
	size_t size;
	char *p;
	int fd;

	if (argc == 3 && !strcmp(argv[1], "register")) {
		p = memory(argv[2], REGISTERED);
		fd = syscall(__NR_io_uring_setup, 1, params);
		if (fd < 0)
			err(1, "io_uring_setup");
		for (int i = 0; i < RUNS; i++) {
			ns = time_register(fd, p, REGISTERED);
			best = ns < best ? ns : best;
		}
	} else if (argc == 5 && !strcmp(argv[1], "read")) {
		size = strtoul(argv[2], NULL, 0) * 1024;
		p = memory(argv[3], size);
		fd = open_direct(argv[4]);
		for (int i = 0; i < RUNS; i++) {
			ns = time_read(fd, p, size);
			best = ns < best ? ns : best;
		}
	} else {
		errx(1, "usage: pin_users register MEMORY, or read KIB MEMORY FILE");
	}
	printf("%llu\n", (unsigned long long)best);
	return 0;
}
