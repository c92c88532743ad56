// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_cost: the cost of faults inside the kernel, and how long they block others.
 *
 *	fault_cost pin|populate [FILE]
 *		instructions per small page to fault in untouched memory: by
 *		pin_user_pages_fast(), 512 pages a call, or by MADV_POPULATE_WRITE;
 *		anonymous memory, or shared pages of FILE
 *	fault_cost writer pin|populate|map|mlock
 *		the longest mmap() and munmap() of another thread, in us, while one call
 *		faults in 512 MiB. That thread has a real-time priority and wakes up
 *		each ms, so it waits for locks only.
 *	fault_cost reader readv|mem
 *		the longest process_vm_readv() of a page, or read() of it from
 *		/proc/self/mem, by such a thread, in us, while mremap() moves 512 MiB,
 *		entry by entry, with mmap_lock held for write
 *
 * Under -icount one nanosecond is one instruction. On x86 the clearing of pages is not
 * counted, because it is one instruction per byte.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <sys/uio.h>
#include "gup_util.h"

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
static char *target;		/* a page that the thread reads */
static int mem = -1;		/* /proc/self/mem, or -1 for process_vm_readv() */

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

static void map_and_unmap(void)
{
	munmap(new_memory(page_size, NULL, 0), page_size);
}

static void read_target(void)
{
	char copy[page_size];
	struct iovec to = { copy, page_size }, from = { target, page_size };
	ssize_t ret = mem < 0 ? process_vm_readv(getpid(), &to, 1, &from, 1, 0) :
				pread(mem, copy, page_size, (uintptr_t)target);

	if (ret != (ssize_t)page_size || copy[0] != target[0])
		err(1, "read %zd bytes", ret);
}

static void *measure(void *what)
{
	void (*action)(void) = what;
	struct sched_param param = { .sched_priority = 1 };
	struct timespec pause = { .tv_nsec = 1000 * 1000 };
	uint64_t start, ns;

	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param))
		errx(1, "no real-time priority");
	while (!stop) {
		nanosleep(&pause, NULL);
		start = now_ns();
		action();
		ns = now_ns() - start;
		longest = ns > longest ? ns : longest;
	}
	return NULL;
}

/* In a separate mapping. The distance is not a multiple of the range of a page table. */
static double move(const char *what)
{
	char *place = reserve(3 * STALLED, read_pmd_size()), *from, *to;
	pthread_t thread;

	if (!strcmp(what, "mem"))
		mem = open("/proc/self/mem", O_RDONLY);
	target = new_memory(page_size, NULL, MAP_POPULATE);
	target[0] = 42;
	from = new_memory(STALLED, NULL, MAP_POPULATE);
	if (pthread_create(&thread, NULL, measure, read_target))
		errx(1, "no thread");
	for (int i = 1; i <= RUNS; i++) {
		to = place + (i % 2) * (STALLED + MB) + page_size;
		if (mremap(from, STALLED, STALLED, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
			err(1, "mremap");
		from = to;
	}
	stop = true;
	pthread_join(thread, NULL);
	return longest / 1000.0;
}

static double stall(const char *what)
{
	pthread_t thread;
	char *p = NULL;

	if (strcmp(what, "map"))
		p = new_memory(STALLED, NULL, 0);
	if (pthread_create(&thread, NULL, measure, map_and_unmap))
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

static bool among(const char *word, const char * const *words)
{
	while (*words && strcmp(word, *words))
		words++;
	return *words;
}

int main(int argc, char **argv)
{
	static const char * const costs[] = { "pin", "populate", NULL };
	static const char * const writers[] = { "pin", "populate", "map", "mlock", NULL };
	static const char * const readers[] = { "readv", "mem", NULL };
	const char *what = argc > 1 ? argv[1] : "";
	double value;

	page_size = sysconf(_SC_PAGESIZE);
	if (argc == 3 && !strcmp(what, "writer") && among(argv[2], writers))
		value = stall(argv[2]);
	else if (argc == 3 && !strcmp(what, "reader") && among(argv[2], readers))
		value = move(argv[2]);
	else if (argc <= 3 && among(what, costs))
		value = cost(what, argc == 3 ? argv[2] : NULL);
	else
		errx(1, "usage: fault_cost pin|populate [FILE], writer pin|populate|map|mlock, or reader readv|mem");
	printf("%.1f\n", value);
	return 0;
}
