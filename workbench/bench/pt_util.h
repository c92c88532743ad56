/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the programs that measure page-table walks.
 */
#ifndef _PT_UTIL_H
#define _PT_UTIL_H

#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRACING		"/sys/kernel/tracing/"
#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"
#define CSD_QUEUE	TRACING "events/csd/csd_queue_cpu/"
#define MB		((size_t)1 << 20)

/* Flags of a trace event: it happened in an interrupt, or in a softirq. */
#define IN_IRQ		(0x08 | 0x10)

static inline void write_to(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err(1, "writing %s", file);
	close(fd);
}

static inline unsigned long read_number(const char *file)
{
	FILE *f = fopen(file, "r");
	unsigned long n;

	if (!f || fscanf(f, "%lu", &n) != 1)
		err(1, "reading %s", file);
	fclose(f);
	return n;
}

/* The size of a huge page, in bytes. */
static inline size_t read_pmd_size(void)
{
	return read_number("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
}

enum call { CALL_TLB, CALL_OTHER, CALL_WALKS };

/*
 * What is a function call for, of which @line of a trace says "func=..."? CALL_OTHER
 * is the scheduler or the clock. The rest is for walks.
 */
static inline enum call kind_of_call(const char *line)
{
	static const char * const others[] = {
		"func=sched_ttwu_pending", "func=__hrtick_start", "func=nohz_csd_func",
		"func=watchdog_",
	};

	if (strstr(line, "func=flush_tlb"))
		return CALL_TLB;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strstr(line, others[i]))
			return CALL_OTHER;
	return CALL_WALKS;
}

/* Trace function calls that are sent to other CPUs while tracing is on. */
static inline void watch_sent(const char *filter)
{
	write_to(TRACING "tracing_on", "0");
	write_to(TRACING "buffer_size_kb", "8192");
	write_to(TRACING "trace", "");
	write_to(CSD_QUEUE "filter", filter);
	write_to(CSD_QUEUE "enable", "1");
}

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static inline char *map_at(char *addr, size_t size)
{
	char *p = mmap(addr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		       MAP_ANONYMOUS | MAP_NORESERVE | (addr ? MAP_FIXED : 0), -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static inline char *reserve(size_t size, size_t align)
{
	char *p = map_at(NULL, size + align);

	return (char *)(((uintptr_t)p + align - 1) & -align);
}

/* With -icount QEMU runs CPUs in turn, and this passes the turn on. */
static inline void pause_cpu(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	asm volatile("yield");
#elif defined(__powerpc64__)
	asm volatile("or 31,31,31; or 2,2,2");
#endif
}

static inline void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "running on CPU %d", cpu);
}

static inline void fill_small(char *p, size_t size)
{
	map_at(p, size);
	if (madvise(p, size, MADV_NOHUGEPAGE))
		err(1, "MADV_NOHUGEPAGE");
	for (size_t i = 0; i < size; i += getpagesize())
		p[i] = 1;
}

/* Fork a child that calls @begin, if it is set, and then runs until it is killed. */
static inline pid_t start_child(void (*begin)(void *arg), void *arg)
{
	int ready[2];
	pid_t child;
	char c = 0;

	if (pipe(ready))
		err(1, "pipe");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (begin)
			begin(arg);
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		errx(1, "no child");
	close(ready[0]);
	return child;
}

static inline void end_child(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

#endif /* _PT_UTIL_H */
