// SPDX-License-Identifier: GPL-2.0-only
/*
 * pt_cost: the cost of pins, THP collapses and hugetlb unshares for everybody else.
 *
 *	pt_cost irqsoff MIB...	the longest time with interrupts off while this much
 *				memory is pinned in one call; 0: no pins
 *	pt_cost collapse [idle]	512 times MADV_COLLAPSE of 2 MiB: function-call
 *				interrupts, TLB shootdowns, time
 *	pt_cost unshare [idle|quiet]
 *				64 times the last sharer of a hugetlb PMD table
 *				unmaps it: the same figures
 *	pt_cost khugepaged	wait until khugepaged has collapsed 512 huge pages
 *	pt_cost thp munmap|exit|dontneed
 *				1 GiB of THP is unmapped by one munmap(), by the
 *				end of the process, or by 512 calls of madvise():
 *				instructions, RCU callbacks that this queues, and
 *				instructions of all callbacks that run afterwards
 *
 * Prints "key<tab>unit<tab>figure" lines. Threads of this process keep all other
 * CPUs busy meanwhile, so that their TLBs have to be flushed, too. With "idle" there
 * are no other threads, and the keys end in the number of CPUs. With "quiet" there is
 * no tracing either, and no key that ends in "-other". Only the system calls that the
 * key names are counted and timed, without their preparation.
 *
 * "-other" counts interrupts that the system calls did not send: those of the
 * scheduler and of the clock, on all CPUs. With "idle", "-walks" counts those that
 * neither these nor TLB flushes explain. Times are those of a guest in which one
 * nanosecond is one instruction.
 */
#define _GNU_SOURCE
#include <asm-generic/mman.h>
#include <err.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <mm/gup_test.h>
#include "pt_util.h"

#define GB		(1UL << 30)
#define FOLL_WRITE	0x01
#define REPEATS		5
/*
 * Longer than any pin, so that every timer of the kernel runs. Do not sleep: QEMU
 * under -icount may not wake up from that on a busy machine.
 */
#define IDLE_NS		300000000
#define PM_PFN		((1ULL << 55) - 1)

#define COLLAPSES	512
#define COLLAPSES_A_MAP	64
#define UNSHARES	64

/* Counters of all CPUs, since boot. */
struct count {
	unsigned long cal, tlb;
	uint64_t ns;
};

static volatile bool stop;
static bool idle;	/* no threads on the other CPUs */
static bool quiet;	/* no tracing, which interrupts all CPUs each time it stops */

static void spin_ns(uint64_t ns)
{
	uint64_t until = now_ns() + ns;

	while (now_ns() < until)
		;
}

/* ---- Busy CPUs. ---- */

static void *busy(void *cpu)
{
	run_on((intptr_t)cpu);
	while (!stop)
		pause_cpu();
	return NULL;
}

/* This thread runs on CPU 0. Returns the number of CPUs in use. */
static int start_busy(pthread_t *thread)
{
	int cpus = idle ? 1 : sysconf(_SC_NPROCESSORS_ONLN);

	run_on(0);
	for (intptr_t cpu = 1; cpu < cpus; cpu++)
		if (pthread_create(&thread[cpu], NULL, busy, (void *)cpu))
			errx(1, "no thread");
	return cpus;
}

static void stop_busy(pthread_t *thread, int cpus)
{
	stop = true;
	for (int cpu = 1; cpu < cpus; cpu++)
		pthread_join(thread[cpu], NULL);
}

/* ---- Counting. ---- */

static unsigned long sum_of(const char *line)
{
	unsigned long sum = 0;
	char *end;

	for (;; line = end) {
		unsigned long n = strtoul(line, &end, 10);

		if (end == line)
			return sum;
		sum += n;
	}
}

static void look(struct count *c)
{
	FILE *f = fopen("/proc/interrupts", "r");
	bool cal = false, tlb = false;
	char line[4096], *p;

	if (!f)
		err(1, "/proc/interrupts");
	while (fgets(line, sizeof(line), f)) {
		p = line + strspn(line, " ");
		if (!strncmp(p, "CAL:", 4))
			c->cal = sum_of(p + 4), cal = true;
		if (!strncmp(p, "TLB:", 4))
			c->tlb = sum_of(p + 4), tlb = true;
	}
	fclose(f);
	if (!cal || !tlb)
		errx(1, "/proc/interrupts has no line CAL, or none TLB");
	c->ns = now_ns();
}

/* Trace function calls that others send while tracing is on; if idle, all of them. */
static void watch_others(void)
{
	char filter[64];

	if (quiet)
		return;
	snprintf(filter, sizeof(filter), "common_pid != %d || common_flags & %d",
		 getpid(), IN_IRQ);
	watch_sent(idle ? "0" : filter);
}

/* How many were traced; if idle, without those for walks, which are in *walks. */
static unsigned long count_others(unsigned long *walks)
{
	FILE *f = fopen(TRACING "trace", "r");
	unsigned long count = 0;
	char line[512];

	write_to(CSD_QUEUE "enable", "0");
	if (!f)
		err(1, TRACING "trace");
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, " csd_queue_cpu: "))
			continue;
		if (idle && kind_of_call(line) == CALL_WALKS) {
			if (!(*walks)++)
				fputs(line, stderr);
			continue;
		}
		fputs(line, stderr);
		count++;
	}
	fclose(f);
	return count;
}

static void start_counting(struct count *from)
{
	if (!quiet)
		write_to(TRACING "tracing_on", "1");
	look(from);
}

/* Add what happened since *from. */
static void stop_counting(struct count *sum, const struct count *from)
{
	struct count now;

	now.ns = now_ns();
	sum->ns += now.ns - from->ns;
	look(&now);
	if (!quiet)
		write_to(TRACING "tracing_on", "0");
	sum->cal += now.cal - from->cal;
	sum->tlb += now.tlb - from->tlb;
}

static void print_counts(const char *what, const struct count *c)
{
	unsigned long walks = 0;
	char name[64];

	snprintf(name, sizeof(name), idle ? "%s-idle-%ld" : "%s", what,
		 sysconf(_SC_NPROCESSORS_ONLN));
	printf("ipi/%s\tinterrupts\t%lu\n", name, c->cal);
	printf("ipi/%s-tlb\tinterrupts\t%lu\n", name, c->tlb);
	if (!quiet)
		printf("ipi/%s-other\tinterrupts\t%lu\n", name, count_others(&walks));
	if (idle && !quiet)
		printf("ipi/%s-walks\tinterrupts\t%lu\n", name, walks);
	printf("time/%s\tMinsn\t%.3f\n", name, c->ns / 1e6);
}

/* ---- THP collapse. ---- */

static void collapse(void)
{
	size_t size = COLLAPSES_A_MAP * 2 * MB;
	char *p = reserve(size, 2 * MB);
	struct count from, sum = {};
	pthread_t thread[CPU_SETSIZE];
	int cpus = start_busy(thread);

	watch_others();
	for (int done = 0; done < COLLAPSES; done += COLLAPSES_A_MAP) {
		fill_small(p, size);
		if (madvise(p, size, MADV_HUGEPAGE))
			err(1, "MADV_HUGEPAGE");
		start_counting(&from);
		for (size_t i = 0; i < size; i += 2 * MB)
			if (madvise(p + i, 2 * MB, MADV_COLLAPSE))
				err(1, "MADV_COLLAPSE");
		stop_counting(&sum, &from);
	}
	print_counts("collapse-512", &sum);
	stop_busy(thread, cpus);
}

static void wait_for_khugepaged(void)
{
	unsigned long until = read_number(KHUGEPAGED "pages_collapsed") + COLLAPSES;
	uint64_t end = now_ns() + 100000000000;
	size_t size = COLLAPSES * 2 * MB;
	char *p = reserve(size, 2 * MB);

	fill_small(p, size);
	if (madvise(p, size, MADV_HUGEPAGE))
		err(1, "MADV_HUGEPAGE");
	write_to(KHUGEPAGED "pages_to_scan", "1000000");
	write_to(KHUGEPAGED "scan_sleep_millisecs", "0");
	while (read_number(KHUGEPAGED "pages_collapsed") < until) {
		usleep(10000);
		if (now_ns() > end)
			errx(1, "khugepaged makes no huge pages");
	}
	write_to(KHUGEPAGED "scan_sleep_millisecs", "4294967295");
}

/* ---- hugetlb unshare. ---- */

static void read_at(const char *file, void *buf, size_t len, off_t pos)
{
	int fd = open(file, O_RDONLY);

	if (fd < 0 || pread(fd, buf, len, pos) != (ssize_t)len)
		err(1, "reading %s", file);
	close(fd);
}

/* A page that two processes map through one table has a mapcount of one. */
static void check_shared(const char *p)
{
	uint64_t map, mapcount;

	read_at("/proc/self/pagemap", &map, sizeof(map),
		(uintptr_t)p / getpagesize() * sizeof(map));
	read_at("/proc/kpagecount", &mapcount, sizeof(mapcount),
		(map & PM_PFN) * sizeof(mapcount));
	if (mapcount != 1)
		errx(1, "the hugetlb table is not shared: %ju mappings", (uintmax_t)mapcount);
}

/* Fork a process that touches the memory and keeps it mapped. */
static pid_t fork_sharer(volatile char *p)
{
	int ready[2];
	pid_t child;
	char c;

	if (pipe(ready))
		err(1, "pipe");
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		c = *p;
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1)
		err(1, "the other process");
	return child;
}

static char *map_hugetlb(void)
{
	int fd = memfd_create("pt_cost", MFD_HUGETLB);
	char *p = reserve(GB, GB);

	if (fd < 0 || ftruncate(fd, GB))
		err(1, "memfd of 1 GiB hugetlb");
	if (mmap(p, GB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
		 fd, 0) == MAP_FAILED)
		err(1, "mapping 1 GiB hugetlb");
	*p = 1;
	return p;
}

static void unshare_tables(void)
{
	char *p = map_hugetlb();
	pid_t child = fork_sharer(p);
	struct count from, sum = {};
	pthread_t thread[CPU_SETSIZE];
	int cpus = start_busy(thread);

	watch_others();
	for (int done = 0; done < UNSHARES; done++) {
		*(volatile char *)p = 2;
		check_shared(p);
		start_counting(&from);
		if (mprotect(p, GB, PROT_READ))
			err(1, "mprotect");
		stop_counting(&sum, &from);
		if (mprotect(p, GB, PROT_READ | PROT_WRITE))
			err(1, "mprotect");
	}
	print_counts("unshare-64", &sum);
	stop_busy(thread, cpus);
	kill(child, SIGKILL);
}

/* ---- Interrupts off. ---- */

static unsigned long longest_us(void)
{
	char text[32] = "";
	int fd = open(TRACING "tracing_max_latency", O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		err(1, TRACING "tracing_max_latency");
	close(fd);
	return strtoul(text, NULL, 10);
}

/* Print where the longest section began and ended, for readers of the console. */
static void show_where(void)
{
	FILE *f = fopen(TRACING "trace", "r");
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, " => ") && !strstr(line, "=>  "))
			fputs(line, stderr);
	if (f)
		fclose(f);
}

static void pin_once(int gup, char *p, size_t size)
{
	struct gup_test args = {
		.addr = (uintptr_t)p, .size = size, .gup_flags = FOLL_WRITE,
		.nr_pages_per_call = size / getpagesize(),
	};

	if (ioctl(gup, PIN_FAST_BENCHMARK, &args) || args.size != size)
		err(1, "pinning %zu MiB", size / MB);
}

static void irqsoff(int gup, char *p, size_t mib)
{
	char key[32];

	write_to(TRACING "tracing_max_latency", "0");
	for (int i = 0; i < REPEATS; i++)
		if (mib)
			pin_once(gup, p, mib * MB);
		else
			spin_ns(IDLE_NS);
	snprintf(key, sizeof(key), mib < 1024 ? "pin-%zuM" : "pin-%zuG",
		 mib < 1024 ? mib : mib / 1024);
	printf("irqsoff/%s\tus\t%lu\n", mib ? key : "idle", longest_us());
	show_where();
}

static void irqsoff_all(char **sizes)
{
	int gup = open("/sys/kernel/debug/gup_test", O_RDWR);
	size_t most = 0;
	char *p;

	if (gup < 0)
		err(1, "/sys/kernel/debug/gup_test");
	for (char **s = sizes; *s; s++)
		if (atol(*s) * MB > most)
			most = atol(*s) * MB;
	p = reserve(most, 2 * MB);
	fill_small(p, most);
	write_to(TRACING "current_tracer", "irqsoff");
	for (; *sizes; sizes++)
		irqsoff(gup, p, atol(*sizes));
	write_to(TRACING "current_tracer", "nop");
}

/* ---- Unmapping of huge pages. ---- */

#define THPS		(GB / (2 * MB))
#define RCU_EVENTS	TRACING "events/rcu/"

struct thp_run {
	const char *how;
	int ready[2], go[2];
	uint64_t *ns;		/* shared: when the unmapping began, and ended */
};

static void unmap_thps(struct thp_run *run, char *p)
{
	run->ns[0] = now_ns();
	if (!strcmp(run->how, "exit"))
		_exit(0);
	if (!strcmp(run->how, "munmap") && munmap(p, GB))
		err(1, "munmap");
	if (!strcmp(run->how, "dontneed"))
		for (size_t i = 0; i < GB; i += 2 * MB)
			if (madvise(p + i, 2 * MB, MADV_DONTNEED))
				err(1, "MADV_DONTNEED");
	run->ns[1] = now_ns();
}

/* The process that maps the huge pages. */
static void thp_process(struct thp_run *run)
{
	char *p = reserve(GB, 2 * MB), c = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (madvise(p, GB, MADV_HUGEPAGE))
		err(1, "MADV_HUGEPAGE");
	for (size_t i = 0; i < GB; i += 2 * MB)
		p[i] = 1;
	if (write(run->ready[1], &c, 1) != 1 || read(run->go[0], &c, 1) != 1)
		err(1, "pipe");
	unmap_thps(run, p);
	if (write(run->ready[1], &c, 1) != 1 || read(run->go[0], &c, 1) != 1)
		err(1, "pipe");
	_exit(0);
}

static void next(int to, int from)
{
	char c = 0;

	if (to >= 0 && write(to, &c, 1) != 1)
		err(1, "pipe");
	if (from >= 0 && read(from, &c, 1) != 1)
		err(1, "the process with the huge pages");
}

/*
 * Unmap the huge pages of a process. With @event, trace that RCU event of the
 * process, or of all. Callbacks run in the pause at the end.
 */
static void thp_once(struct thp_run *run, const char *event, bool all)
{
	char filter[64], enable[64];
	pid_t pid;

	if (pipe(run->ready) || pipe(run->go))
		err(1, "pipe");
	pid = fork();
	if (!pid)
		thp_process(run);
	next(-1, run->ready[0]);
	if (event) {
		snprintf(filter, sizeof(filter), all ? "0" : "common_pid == %d", pid);
		snprintf(enable, sizeof(enable), RCU_EVENTS "%s/filter", event);
		write_to(enable, filter);
		snprintf(enable, sizeof(enable), RCU_EVENTS "%s/enable", event);
		write_to(TRACING "trace", "");
		write_to(enable, "1");
		write_to(TRACING "tracing_on", "1");
	}
	if (!strcmp(run->how, "exit")) {
		next(run->go[1], -1);
		if (waitpid(pid, NULL, 0) != pid)
			err(1, "waitpid");
		run->ns[1] = now_ns();
	} else {
		next(run->go[1], run->ready[0]);
	}
	if (event) {
		spin_ns(IDLE_NS);
		write_to(TRACING "tracing_on", "0");
		write_to(enable, "0");
	}
	if (strcmp(run->how, "exit")) {
		next(run->go[1], -1);
		waitpid(pid, NULL, 0);
	}
	for (int i = 0; i < 2; i++) {
		close(run->ready[i]);
		close(run->go[i]);
	}
}

static unsigned long thp_callbacks(struct thp_run *run)
{
	unsigned long n = 0;
	char line[512];
	FILE *f;

	thp_once(run, "rcu_callback", false);
	f = fopen(TRACING "trace", "r");
	while (f && fgets(line, sizeof(line), f))
		n += !!strstr(line, ": rcu_callback: ");
	if (!f)
		err(1, TRACING "trace");
	fclose(f);
	return n;
}

/* "task-pid [cpu] flags time: event: words": the time, in seconds */
static double event_time(const char *event)
{
	const char *p = event;

	while (p[-1] != ' ')
		p--;
	return strtod(p, NULL);
}

/* The time of all callbacks in ms: from the start of rcu_do_batch() to its end. */
static double thp_callback_ms(struct thp_run *run)
{
	double start = 0, sum = 0;
	char line[512], *p;
	FILE *f;

	write_to(RCU_EVENTS "rcu_batch_end/enable", "1");
	thp_once(run, "rcu_batch_start", true);
	write_to(RCU_EVENTS "rcu_batch_end/enable", "0");
	f = fopen(TRACING "trace", "r");
	while (f && fgets(line, sizeof(line), f)) {
		p = strstr(line, ": rcu_batch_start: ");
		if (p)
			start = event_time(p);
		p = strstr(line, ": rcu_batch_end: ");
		if (p && start)
			sum += event_time(p) - start, start = 0;
	}
	if (!f)
		err(1, TRACING "trace");
	fclose(f);
	return sum * 1e3;
}

static void thp(const char *how)
{
	struct thp_run run = { .how = how };

	run.ns = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run.ns == MAP_FAILED)
		err(1, "mmap");
	run_on(0);
	write_to(TRACING "tracing_on", "0");
	write_to(TRACING "buffer_size_kb", "8192");
	printf("thp/%s-1G-callbacks\tcallbacks\t%lu\n", how, thp_callbacks(&run));
	thp_once(&run, NULL, false);
	printf("thp/%s-1G\tMinsn\t%.3f\n", how, (run.ns[1] - run.ns[0]) / 1e6);
	printf("thp/%s-1G-rcu\tMinsn\t%.3f\n", how, thp_callback_ms(&run));
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[2], "quiet"))
		idle = quiet = argc--;
	else if (argc == 3 && !strcmp(argv[2], "idle"))
		idle = argc--;
	if (argc > 2 && !strcmp(argv[1], "irqsoff"))
		irqsoff_all(argv + 2);
	else if (argc == 2 && !strcmp(argv[1], "collapse"))
		collapse();
	else if (argc == 2 && !strcmp(argv[1], "unshare"))
		unshare_tables();
	else if (argc == 2 && !strcmp(argv[1], "khugepaged"))
		wait_for_khugepaged();
	else if (argc == 3 && !strcmp(argv[1], "thp"))
		thp(argv[2]);
	else
		errx(1, "usage: pt_cost irqsoff MiB...|collapse [idle]|unshare [idle|quiet]|khugepaged|thp munmap|exit|dontneed");
	return 0;
}
