// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap_lock: how often it is taken, and its cost for the threads of one process.
 *
 *	mmap_lock count
 *		the number of times that mmap_lock is taken while 1 GiB of untouched
 *		memory is pinned, 512 pages a call, as counted by a tracepoint
 *	mmap_lock threads RUNS
 *		time per page while 4 threads pin untouched memory, 512 pages a call:
 *		alone, and while a fifth thread maps and unmaps 1 MiB all the
 *		time
 *
 * Prints "KEY UNIT VALUE", a line for each run.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include "gup_util.h"

#define EVENT		"mmap_lock_acquire_returned"
#define A_CALL		512	/* pages */
#define COUNTED		(1024 * MB)
#define A_THREAD	(64 * MB)
#define THREADS		4

static volatile bool stop;
static unsigned long mapped;

static unsigned long events(void)
{
	FILE *f = fopen(TRACING "trace", "r");
	unsigned long count = 0;
	char line[512];

	if (!f)
		err(1, TRACING "trace");
	while (fgets(line, sizeof(line), f))
		count += !!strstr(line, " " EVENT ": ");
	fclose(f);
	return count;
}

static void count(void)
{
	char *p = map_at(NULL, COUNTED), pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	write_to(TRACING "set_event_pid", pid);
	write_to(TRACING "trace", "");
	write_to(TRACING "events/mmap_lock/" EVENT "/enable", "1");
	/* Check that the event works: munmap() takes the lock. */
	munmap(map_at(NULL, MB), MB);
	if (!events())
		errx(1, "no event");
	write_to(TRACING "trace", "");
	pin(p, COUNTED, A_CALL);
	write_to(TRACING "events/mmap_lock/" EVENT "/enable", "0");
	printf("mmap_lock/pin-1G times %lu\n", events());
}

static void *pinner(void *p)
{
	pin(p, A_THREAD, A_CALL);
	return NULL;
}

static void *mapper(void *arg)
{
	while (!stop) {
		munmap(map_at(NULL, MB), MB);
		mapped++;
	}
	return arg;
}

static uint64_t pin_by_threads(void)
{
	char *p = map_at(NULL, THREADS * A_THREAD);
	pthread_t thread[THREADS];
	uint64_t ns;

	ns = now_ns();
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, pinner, p + i * A_THREAD))
			errx(1, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ns = now_ns() - ns;
	munmap(p, THREADS * A_THREAD);
	return ns;
}

static void threads(void)
{
	double pages = THREADS * A_THREAD / getpagesize();
	pthread_t other;
	uint64_t ns;

	printf("threads/pin-alone ns/page %.0f\n", pin_by_threads() / pages);
	stop = false;
	mapped = 0;
	if (pthread_create(&other, NULL, mapper, NULL))
		errx(1, "no thread");
	ns = pin_by_threads();
	stop = true;
	pthread_join(other, NULL);
	printf("threads/pin ns/page %.0f\n", ns / pages);
	printf("threads/map ns %.0f\n", (double)ns / (mapped ?: 1));
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "count")) {
		count();
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "threads"))
		errx(1, "usage: mmap_lock count, or threads RUNS");
	for (int i = 0; i < atoi(argv[2]); i++)
		threads();
	return 0;
}
