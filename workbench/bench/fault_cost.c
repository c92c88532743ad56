// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_cost: what faults inside the kernel cost, and who waits for them.
 *
 *	fault_cost pin|populate [FILE]
 *		instructions per small page to fault in memory that was never
 *		touched: by pin_user_pages_fast(), 512 pages a call, or by
 *		MADV_POPULATE_WRITE; anonymous, or shared pages of FILE
 *	fault_cost writer pin|populate|map|mlock
 *		the longest mmap() and munmap() of another thread, in us, while 512 MiB
 *		are faulted in by one call. That thread has a real-time priority and
 *		wakes up each ms, so that it waits for locks only.
 *
 * Under -icount one nanosecond is one instruction. On x86 clearing a page is not
 * counted: it is one instruction a byte.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <mm/gup_test.h>
#include "pt_util.h"

#define RUNS		5
#define A_CALL		512	/* pages */
#define MEASURED	(64 * MB)
#define STALLED		(512 * MB)

#ifdef __x86_64__
#define CLEARING	4096
#else
#define CLEARING	0
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

static size_t page_size;
static volatile bool stop;
static uint64_t longest;

/* Pins are released before it returns. Returns how long pinning took. */
static uint64_t pin(char *p, size_t size, size_t pages_a_call)
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

static uint64_t populate(char *p, size_t size)
{
	uint64_t start = now_ns();

	if (madvise(p, size, MADV_POPULATE_WRITE))
		err(1, "MADV_POPULATE_WRITE");
	return now_ns() - start;
}

static void *new_memory(size_t size, const char *file, int flags)
{
	int fd = -1;
	void *p;

	if (file) {
		fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || ftruncate(fd, size))
			err(1, "%s", file);
	}
	flags |= file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	close(fd);
	return p;
}

static double cost(const char *what, const char *file)
{
	uint64_t best = -1, ns;

	for (int i = 0; i < RUNS; i++) {
		char *p = new_memory(MEASURED, file, 0);

		ns = !strcmp(what, "pin") ? pin(p, MEASURED, A_CALL) : populate(p, MEASURED);
		best = ns < best ? ns : best;
		munmap(p, MEASURED);
	}
	if (file)
		unlink(file);
	return (double)best / (MEASURED / page_size) - CLEARING;
}

static void *writer(void *arg)
{
	struct sched_param param = { .sched_priority = 1 };
	struct timespec pause = { .tv_nsec = 1000 * 1000 };
	uint64_t start, ns;

	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param))
		errx(1, "no real-time priority");
	while (!stop) {
		nanosleep(&pause, NULL);
		start = now_ns();
		munmap(new_memory(page_size, NULL, 0), page_size);
		ns = now_ns() - start;
		longest = ns > longest ? ns : longest;
	}
	return arg;
}

static double stall(const char *what)
{
	pthread_t thread;
	char *p = NULL;

	if (strcmp(what, "map"))
		p = new_memory(STALLED, NULL, 0);
	if (pthread_create(&thread, NULL, writer, NULL))
		errx(1, "no thread");
	if (!strcmp(what, "pin"))
		pin(p, STALLED, STALLED / page_size);
	else if (!strcmp(what, "populate"))
		populate(p, STALLED);
	else if (!strcmp(what, "map"))
		new_memory(STALLED, NULL, MAP_POPULATE);
	else if (mlock(p, STALLED))
		err(1, "mlock");
	stop = true;
	pthread_join(thread, NULL);
	return longest / 1000.0;
}

int main(int argc, char **argv)
{
	static const char * const words[] = { "pin", "populate", "map", "mlock" };
	bool is_writer = argc == 3 && !strcmp(argv[1], "writer");
	const char *what = is_writer ? argv[2] : argc > 1 ? argv[1] : "";
	int i, known = is_writer ? 4 : 2;

	for (i = 0; i < known && strcmp(what, words[i]); i++)
		;
	if (i == known || argc > 3)
		errx(1, "usage: fault_cost pin|populate [FILE], or writer pin|populate|map|mlock");
	page_size = sysconf(_SC_PAGESIZE);
	printf("%.1f\n", is_writer ? stall(what) : cost(what, argc == 3 ? argv[2] : NULL));
	return 0;
}
