// SPDX-License-Identifier: GPL-2.0-only
/*
 * munmap_storm: how much memory of page tables waits for RCU to free it.
 *
 *	munmap_storm small|thp SECONDS
 *
 * On each CPU except the first, a process maps and unmaps memory in a loop, with one
 * page table for each page (small), or one deposited table for each THP (thp). On
 * the first CPU one process pins 64 MiB a call all the time, and this process reads
 * nr_page_table_pages every few milliseconds.
 *
 * Unfreed is the increase of that counter since the start, minus the tables that are
 * surely mapped. Tables in the middle of an munmap() count as unfreed. The counter
 * of the kernel lags by up to a few hundred KiB.
 *
 * An unhooked table waits for the current grace period and for the next one. So at
 * most as much can wait as is unmapped in twice the longest grace period, which is
 * printed as the bound. Prints "key<tab>unit<tab>figure" lines.
 */
#define _GNU_SOURCE
#include <asm-generic/mman.h>
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <mm/gup_test.h>
#include "pt_util.h"

#define TABLES		64	/* that a process maps at a time */
#define MAX_CPUS	64
#define MAX_SAMPLES	100000
#define SAMPLE_US	3000
#define PINNED		(64 * MB)
#define STALL_SECONDS	"3"	/* the minimum that the kernel accepts */

/* Counters of one process, in a separate cache line. */
struct worker {
	unsigned long mapped, unmapped;
} __attribute__((aligned(64)));

struct sample {
	double t;
	unsigned long unmapped;
};

static struct worker *worker;
static int nr_workers;
static struct sample *sample;
static int nr_samples;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void *map(size_t size, int flags)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* ---- The processes of the storm. ---- */

/* Start a child on this CPU that ends with its parent. Returns 0 in the child. */
static pid_t start(int cpu)
{
	pid_t pid = fork();
	cpu_set_t set;

	if (pid < 0)
		err(1, "fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "running on CPU %d", cpu);
	return 0;
}

static void unmap_all(struct worker *w, bool thp)
{
	size_t size = (TABLES + 1) * 2 * MB;

	for (;;) {
		char *p = map(size, MAP_PRIVATE);
		char *q = (char *)(((uintptr_t)p + 2 * MB - 1) & -(2 * MB));

		madvise(p, size, thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
		for (int i = 0; i < TABLES; i++) {
			q[i * 2 * MB] = 1;
			__atomic_store_n(&w->mapped, i + 1, __ATOMIC_RELAXED);
		}
		__atomic_store_n(&w->mapped, 0, __ATOMIC_RELAXED);
		__atomic_add_fetch(&w->unmapped, TABLES, __ATOMIC_RELAXED);
		if (munmap(p, size))
			err(1, "munmap");
	}
}

static void pin_all(void)
{
	int gup = open("/sys/kernel/debug/gup_test", O_RDWR);
	char *p = map(PINNED, MAP_PRIVATE);

	madvise(p, PINNED, MADV_NOHUGEPAGE);
	memset(p, 1, PINNED);
	for (;;) {
		struct gup_test args = {
			.addr = (uintptr_t)p, .size = PINNED,
			.nr_pages_per_call = PINNED / getpagesize(),
		};

		if (ioctl(gup, PIN_FAST_BENCHMARK, &args))
			err(1, "pinning");
	}
}

/* ---- Samples. ---- */

static unsigned long table_pages(void)
{
	static const char key[] = "nr_page_table_pages ";
	FILE *f = fopen("/proc/vmstat", "r");
	char line[128];
	unsigned long n = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, sizeof(key) - 1))
			n = strtoul(line + sizeof(key) - 1, NULL, 10);
	if (!n)
		errx(1, "/proc/vmstat has no nr_page_table_pages");
	fclose(f);
	return n;
}

/* Tables that are unhooked and not yet freed. Tables mapped during the read count, too. */
static long unfreed(long before)
{
	struct sample *s = &sample[nr_samples++];
	long mapped = 0;

	s->t = now();
	s->unmapped = 0;
	for (int i = 0; i < nr_workers; i++) {
		mapped += __atomic_load_n(&worker[i].mapped, __ATOMIC_RELAXED);
		s->unmapped += __atomic_load_n(&worker[i].unmapped, __ATOMIC_RELAXED);
	}
	return (long)table_pages() - before - mapped;
}

/* The maximum of unfreed tables during the storm. */
static long watch(long before, double seconds)
{
	double end = now() + seconds;
	long peak = 0;

	while (now() < end && nr_samples < MAX_SAMPLES) {
		long n = unfreed(before);

		if (n > peak)
			peak = n;
		usleep(SAMPLE_US);
	}
	return peak;
}

/* The most tables that were unmapped within any interval of this length. */
static unsigned long most_unmapped(double seconds)
{
	unsigned long most = 0;

	for (int from = 0, to = 0; to < nr_samples; to++) {
		while (from + 1 < to && sample[to].t - sample[from + 1].t >= seconds)
			from++;
		if (sample[to].unmapped - sample[from].unmapped > most)
			most = sample[to].unmapped - sample[from].unmapped;
	}
	return most;
}

/* ---- RCU events. ---- */

struct rcu {
	double longest_gp;
	long most_callbacks;
	int grace_periods;
};

static void trace_rcu(const char *on)
{
	write_to(TRACING "tracing_on", "0");
	if (*on == '1') {
		write_to(TRACING "buffer_size_kb", "8192");
		write_to(TRACING "trace", "");
	}
	write_to(TRACING "events/rcu/rcu_grace_period/enable", on);
	write_to(TRACING "events/rcu/rcu_batch_start/enable", on);
	write_to(TRACING "tracing_on", on);
}

/* "task-pid [cpu] flags time: event: words" */
static void read_event(struct rcu *r, const char *line, double *gp_start)
{
	const char *event, *p;
	double t;
	long n;

	for (p = strstr(line, ": "); p && p > line && p[-1] != ' '; p--)
		;
	if (!p)
		return;
	t = strtod(p, NULL);
	event = strstr(p, ": ");
	if (!event)
		return;
	if (sscanf(event, ": rcu_batch_start: rcu_preempt CBs=%ld", &n) == 1 &&
	    n > r->most_callbacks)
		r->most_callbacks = n;
	if (strncmp(event, ": rcu_grace_period: rcu_preempt ", 32))
		return;
	if (strstr(event, " start\n"))
		*gp_start = t;
	if (strstr(event, " end\n") && *gp_start) {
		r->grace_periods++;
		if (t - *gp_start > r->longest_gp)
			r->longest_gp = t - *gp_start;
		*gp_start = 0;
	}
}

static void read_rcu(struct rcu *r)
{
	FILE *f = fopen(TRACING "trace", "r");
	double gp_start = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (*line != '#')
			read_event(r, line, &gp_start);
	if (!f || !r->grace_periods)
		errx(1, "no grace period in " TRACING "trace");
	fclose(f);
}

static int stalls(void)
{
	int size = klogctl(10, NULL, 0), n = 0;
	char *text = calloc(1, size + 1);

	if (!text || klogctl(3, text, size) < 0)
		err(1, "the kernel's log");
	for (char *p = text; (p = strstr(p, "rcu: INFO: ")); p++)
		n++;
	free(text);
	return n;
}

/* ---- Start and report. ---- */

static void start_storm(pid_t *pid, int cpus, bool thp)
{
	nr_workers = cpus - 1;
	for (int cpu = 1; cpu < cpus; cpu++) {
		pid[cpu] = start(cpu);
		if (!pid[cpu])
			unmap_all(&worker[cpu - 1], thp);
	}
}

static void stop_all(pid_t *pid, int cpus)
{
	for (int cpu = 0; cpu < cpus; cpu++)
		kill(pid[cpu], SIGKILL);
	while (wait(NULL) > 0)
		;
}

static void check_all_freed(long before)
{
	long left;

	sleep(1);
	left = (long)table_pages() - before;
	if (left > 256)
		errx(1, "%ld tables are left when all is over", left);
}

static void print(const char *key, long peak, const struct rcu *rcu, int nr_stalls)
{
	const struct sample *first = sample, *last = sample + nr_samples - 1;
	unsigned long kib = getpagesize() / 1024;

	printf("rcu/%s-peak\tKiB\t%lu\n", key, peak * kib);
	printf("rcu/%s-bound\tKiB\t%lu\n", key, most_unmapped(2 * rcu->longest_gp) * kib);
	printf("rcu/%s-rate\ttables/s\t%.0f\n", key,
	       (last->unmapped - first->unmapped) / (last->t - first->t));
	printf("rcu/%s-gp\tms\t%.1f\n", key, rcu->longest_gp * 1e3);
	printf("rcu/%s-callbacks\tcallbacks\t%ld\n", key, rcu->most_callbacks);
	printf("rcu/%s-stalls\tstalls\t%d\n", key, nr_stalls);
}

int main(int argc, char **argv)
{
	bool thp = argc == 3 && !strcmp(argv[1], "thp");
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), old_stalls = stalls();
	pid_t pid[MAX_CPUS];
	struct rcu rcu = {};
	long before, peak;

	if (argc != 3 || (!thp && strcmp(argv[1], "small")) || cpus < 2 || cpus > MAX_CPUS)
		errx(1, "usage: munmap_storm small|thp SECONDS, on 2 to 64 CPUs");
	worker = map(MAX_CPUS * sizeof(*worker), MAP_SHARED);
	sample = map(MAX_SAMPLES * sizeof(*sample), MAP_PRIVATE);
	write_to("/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout", STALL_SECONDS);
	trace_rcu("1");

	pid[0] = start(0);
	if (!pid[0])
		pin_all();
	sleep(1);
	before = table_pages();
	start_storm(pid, cpus, thp);
	peak = watch(before, atof(argv[2]));
	stop_all(pid, cpus);
	trace_rcu("0");
	read_rcu(&rcu);
	check_all_freed(before);
	print(thp ? "thp-storm" : "munmap-storm", peak, &rcu, stalls() - old_stalls);
	return 0;
}
