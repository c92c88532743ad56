// SPDX-License-Identifier: GPL-2.0-only
/*
 * memmap_cost: the time of changes of the memmap, which wait for readers that may
 * still access it.
 *
 *	memmap_cost list N	allocate N huge pages by nr_hugepages, then free them
 *	memmap_cost single N	allocate N surplus huge pages, each on its own
 *	memmap_cost offline	offline a block of memory, then online it
 *
 * Each runs nine times, in an idle guest and with a thread on each CPU that maps,
 * touches and unmaps memory. Prints "key<tab>unit<tab>median (least to most)"
 * lines: milliseconds, and the number of RCU grace periods that began meanwhile, if
 * the kernel reports it (CONFIG_RCU_TRACE).
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define REPEATS		9
#define MAX_BUSY	64
#define BUSY_SIZE	(256 << 10)
#define TRACING		"/sys/kernel/tracing/"
#define GRACE_PERIOD	TRACING "events/rcu/rcu_grace_period/enable"
#define VM		"/proc/sys/vm/"
#define MEMORY		"/sys/devices/system/memory/"
#define HUGE_SIZE	(2UL << 20)

static bool stop;

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static bool try_write(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, word, strlen(word)) >= 0;

	if (fd >= 0)
		close(fd);
	return done;
}

static void must_write(const char *path, const char *word)
{
	if (!try_write(path, word))
		err(1, "%s: cannot write %s", path, word);
}

static unsigned long read_ulong(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned long n;

	if (!f || fscanf(f, "%lu", &n) != 1)
		err(1, "%s", path);
	fclose(f);
	return n;
}

/* ---- Grace periods, and background work. ---- */

static bool can_count(void)
{
	return !access(GRACE_PERIOD, W_OK);
}

static void trace_begin(void)
{
	if (!can_count())
		return;
	must_write(GRACE_PERIOD, "1");
	must_write(TRACING "trace", "");
	must_write(TRACING "tracing_on", "1");
}

static unsigned int trace_end(void)
{
	char line[512];
	unsigned int n = 0;
	FILE *f;

	if (!can_count())
		return 0;
	must_write(TRACING "tracing_on", "0");
	f = fopen(TRACING "trace", "r");
	if (!f)
		err(1, "trace");
	while (fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);

		/* Flavours rcu_preempt and rcu_sched only: the normal grace periods. */
		if (strstr(line, "rcu_grace_period: rcu_") && len > 7 &&
		    !strcmp(line + len - 7, " start\n"))
			n++;
	}
	fclose(f);
	return n;
}

static void *busy(void *unused)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		char *p = mmap(NULL, BUSY_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (p != MAP_FAILED)
			munmap(p, BUSY_SIZE);
	}
	return unused;
}

/* ---- Operations. before() and after() are not measured. ---- */

static unsigned long nr;
static char state[64];
static void *surplus;

static void write_nr(const char *path, unsigned long n)
{
	char word[32];

	snprintf(word, sizeof(word), "%lu", n);
	must_write(path, word);
}

static void list_take(void)
{
	write_nr(VM "nr_hugepages", nr);
}

static void list_free(void)
{
	if (read_ulong(VM "nr_hugepages") != nr)
		errx(1, "not enough memory");
	write_nr(VM "nr_hugepages", 0);
}

static void single_take(void)
{
	surplus = mmap(NULL, nr * HUGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (surplus == MAP_FAILED)
		err(1, "surplus huge pages");
}

static void single_free(void)
{
	munmap(surplus, nr * HUGE_SIZE);
}

static void offline(void)
{
	must_write(state, "offline");
}

static void online(void)
{
	must_write(state, "online_movable");
}

static void find_block(void)
{
	for (int block = 255; block > 0; block--) {
		snprintf(state, sizeof(state), MEMORY "memory%d/state", block);
		if (access(state, W_OK) || !try_write(state, "offline"))
			continue;
		online();
		return;
	}
	errx(1, "no memory can be offlined");
}

/* ---- Repetitions. ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const char *what, const char *guest, const char *unit, double *v)
{
	qsort(v, REPEATS, sizeof(*v), compare);
	printf("%s-%s\t%s\t%.1f (%.1f to %.1f)\n", what, guest, unit, v[REPEATS / 2],
	       v[0], v[REPEATS - 1]);
}

static void measure(const char *what, const char *guest, void (*change)(void),
		    void (*back)(void))
{
	double ms[REPEATS], gps[REPEATS];

	for (int i = 0; i < REPEATS; i++) {
		usleep(200000);
		trace_begin();
		ms[i] = now_ms();
		change();
		ms[i] = now_ms() - ms[i];
		gps[i] = trace_end();
		back();
	}
	print(what, guest, "ms", ms);
	if (can_count())
		print(what, guest, "grace-periods", gps);
}

static void idle_and_busy(const char *what, void (*change)(void), void (*back)(void))
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t thread[MAX_BUSY];

	measure(what, "idle", change, back);
	for (long i = 0; i < cpus; i++)
		if (pthread_create(&thread[i], NULL, busy, NULL))
			errx(1, "no thread");
	measure(what, "busy", change, back);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (long i = 0; i < cpus; i++)
		pthread_join(thread[i], NULL);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	nr = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	if (!strcmp(what, "offline")) {
		find_block();
		idle_and_busy(what, offline, online);
		return 0;
	}
	if (!nr)
		errx(1, "list N, single N, or offline");
	must_write(VM "hugetlb_optimize_vmemmap", "1");
	must_write(VM "nr_hugepages", "0");
	write_nr(VM "nr_overcommit_hugepages", nr);
	if (!strcmp(what, "list"))
		idle_and_busy(what, list_take, list_free);
	else if (!strcmp(what, "single"))
		idle_and_busy(what, single_take, single_free);
	else
		errx(1, "what is '%s'?", what);
	return 0;
}
