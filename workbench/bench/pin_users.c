// SPDX-License-Identifier: GPL-2.0-only
/*
 * pin_users: the cost of pinned memory for callers of GUP.
 *
 *	pin_users register 4K|64K|THP|hugetlb
 *		instructions to register a buffer of 64 MiB with io_uring
 *	pin_users read KIB 4K|64K|THP|hugetlb FILE
 *		instructions of a direct read of KIB of FILE, in one call
 *	pin_users count KIB 4K|64K|THP|hugetlb FILE
 *		the number of GUP calls and bios of that read, as counted by kprobes.
 *		Prints "KEY UNIT VALUE" lines for workbench/bench/cost.sh.
 *
 * All of the memory is populated. sysfs selects the folio size that madvise() brings.
 * Under -icount one nanosecond is one instruction. Prints the least of several runs.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "pin_util.h"

/* From linux/io_uring.h, which is not among the headers of the base's tools. */
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

/* Set a probe on @function, if the kernel has this function. */
static int probe(const char *name, const char *function)
{
	int fd = open(TRACING "kprobe_events", O_WRONLY | O_APPEND);
	char text[128];
	int len, done;

	len = snprintf(text, sizeof(text), "p:%s %s", name, function);
	done = fd >= 0 && write(fd, text, len) == len;
	close(fd);
	return done;
}

static unsigned long hits(const char *name)
{
	FILE *f = fopen(TRACING "kprobe_profile", "r");
	unsigned long count, missed;
	char event[64];

	if (!f)
		err(1, "kprobe_profile");
	while (fscanf(f, "%63s %lu %lu", event, &count, &missed) == 3)
		if (!strcmp(event, name)) {
			fclose(f);
			if (missed)
				errx(1, "%lu calls of %s were missed", missed, name);
			return count;
		}
	errx(1, "no event %s", name);
}

static void count(int fd, char *p, size_t size, const char *what)
{
	unsigned long gup, bios;

	if (!probe("gup", "pin_user_page_ranges_fast") && !probe("gup", "pin_user_pages_fast"))
		err(1, "no probe of GUP");
	if (!probe("bio", "submit_bio"))
		err(1, "no probe of bios");
	write_to(TRACING "events/kprobes/enable", "1");
	gup = hits("gup");
	bios = hits("bio");
	time_read(fd, p, size);
	gup = hits("gup") - gup;
	bios = hits("bio") - bios;
	write_to(TRACING "events/kprobes/enable", "0");
	write_to(TRACING "kprobe_events", "\n");
	if (!gup || !bios)
		errx(1, "%lu calls of GUP, %lu bios", gup, bios);
	printf("bio/gup-%zuM/%s times %lu\n", size / MB, what, gup);
	printf("bio/bios-%zuM/%s times %lu\n", size / MB, what, bios);
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
	} else if (argc == 5 && !strcmp(argv[1], "count")) {
		size = strtoul(argv[2], NULL, 0) * 1024;
		p = memory(argv[3], size);
		count(open_direct(argv[4]), p, size, argv[3]);
		return 0;
	} else if (argc == 5 && !strcmp(argv[1], "read")) {
		size = strtoul(argv[2], NULL, 0) * 1024;
		p = memory(argv[3], size);
		fd = open_direct(argv[4]);
		for (int i = 0; i < RUNS; i++) {
			ns = time_read(fd, p, size);
			best = ns < best ? ns : best;
		}
	} else {
		errx(1, "usage: pin_users register MEMORY, or read|count KIB MEMORY FILE");
	}
	printf("%llu\n", (unsigned long long)best);
	return 0;
}
