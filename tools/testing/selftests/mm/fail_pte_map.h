/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of fail_pte_map. It restores settings, fills memory with known content,
 * and controls the injection.
 */
#ifndef _MM_FAIL_PTE_MAP_H
#define _MM_FAIL_PTE_MAP_H

#include <asm-generic/mman.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/loop.h>
#include <linux/userfaultfd.h>
#include <link.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "vm_util.h"
#if defined(__i386__) || defined(__x86_64__)
#include <asm/ldt.h>
#endif

#define FAULT		"/sys/kernel/debug/fail_pte_map/"
#define FEATURES	"/sys/kernel/debug/sched/features"
#define KSM		"/sys/kernel/mm/ksm/"
#define SYSCTL		"/proc/sys/kernel/"
#define THP_ENABLED	"/sys/kernel/mm/transparent_hugepage/enabled"
#define FAIL_NTH	"/proc/thread-self/fail-nth"

/* x86 never has RAM at this address. */
#define BIOS		0xf0000

#define KPF_KSM		BIT_ULL(21)
#define KPF_MLOCKED	BIT_ULL(33)

#define PAGES		1024
#define TABLES		64
#define SECONDS		120

#define CASE(name)	TEST_F_TIMEOUT(fail_pte_map, name, SECONDS)
#define MAX_SETTINGS	16

struct setting {
	char path[64];
	char value[128];
};

/* There is unmapped space around @mem and @other, which are not congruent. */
FIXTURE(fail_pte_map) {
	struct setting saved[MAX_SETTINGS];
	int nr_saved;
	size_t size;
	char *mem;
	char *other;
	char core[64];
	char swap[32];
	char cgroup[64];
};

FIXTURE_VARIANT(fail_pte_map) {
	int probability;
};

FIXTURE_VARIANT_ADD(fail_pte_map, sometimes) { .probability = 10 };
FIXTURE_VARIANT_ADD(fail_pte_map, always) { .probability = 100 };

/* ---- Settings ---- */

/* Returns 0 or an errno. Teardown restores the old value. */
static int set(FIXTURE_DATA(fail_pte_map) *self, const char *path, const char *word)
{
	struct setting *s = &self->saved[self->nr_saved];
	char *choice;

	if (self->nr_saved == MAX_SETTINGS)
		return E2BIG;
	if (!read_file(path, s->value, sizeof(s->value)))
		return ENOENT;
	/* If the file lists several words, the selected one is in brackets. */
	choice = strchr(s->value, '[');
	if (choice) {
		choice[strcspn(choice, "]")] = 0;
		memmove(s->value, choice + 1, strlen(choice));
	}
	snprintf(s->path, sizeof(s->path), "%s", path);
	self->nr_saved++;
	return write_word(path, word);
}

/* Allow MADV_COLLAPSE, which ignores this setting, but keep khugepaged off. */
static int allow_collapse(FIXTURE_DATA(fail_pte_map) *self, char *mem, size_t size)
{
	return set(self, THP_ENABLED, "never") ?: madvise(mem, size, MADV_HUGEPAGE);
}

/* Preserves errno. */
static int inject(bool on)
{
	int before = errno, error;

	error = write_word("/proc/self/make-it-fail", on ? "1" : "0");
	errno = before;
	return error;
}

/* Evaluates an expression with the injection on, and returns its value. */
#define INJECT(expression) ({						\
	inject(true);							\
	__typeof__(expression) __value = (expression);			\
	inject(false);							\
	__value;							\
})

/* Adds up the lines of a function, or of all functions if it is NULL. */
static void count_site(const char *function, long *calls, long *failures)
{
	FILE *sites = fopen(FAULT "sites", "r");
	char line[256], name[64];
	long c, f;

	*calls = *failures = 0;
	while (sites && fgets(line, sizeof(line), sites)) {
		if (sscanf(line, "%63s %*u %*s %ld %ld", name, &c, &f) != 3)
			continue;
		if (function && strcmp(name, function))
			continue;
		*calls += c;
		*failures += f;
	}
	if (sites)
		fclose(sites);
}

static long injected(const char *function)
{
	long calls, failures;

	count_site(function, &calls, &failures);
	return failures;
}

/* With other probabilities, a function that is called rarely may see no failure. */
#define EXPECT_INJECTED(function) do {					\
	if (variant->probability == 100)				\
		EXPECT_LT(0, injected(function))			\
			TH_LOG("no lookup of %s() failed", function);	\
} while (0)

/* ---- Memory ---- */

static char *map_at(char *addr, size_t size)
{
	char *p = mmap(addr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
		       MAP_NORESERVE | (addr ? MAP_FIXED : 0), -1, 0);

	if (p != MAP_FAILED)
		madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

static size_t table_size(void)
{
	return psize() / sizeof(uint64_t) * psize();
}

/* Map memory of TABLES tables. Fill one page in every @step-th table. */
static char *map_tables(int step)
{
	char *p = map_at(NULL, TABLES * table_size());

	for (int i = 0; p != MAP_FAILED && i < TABLES; i += step)
		p[i * table_size()] = 1;
	return p;
}

/* Each page has unique content at both ends. */
static uint64_t content(size_t pos)
{
	return 0xc0de000000000000 | pos;
}

static size_t fill(char *mem, size_t size)
{
	for (size_t pos = 0; pos < size; pos += psize()) {
		*(uint64_t *)(mem + pos) = content(pos);
		*(uint64_t *)(mem + pos + psize() - sizeof(uint64_t)) = content(pos);
	}
	return size;
}

/* The number of pages that do not have the content of fill(), or are not zero. */
static int wrong_pages(const char *mem, size_t size, bool zero)
{
	int wrong = 0;

	for (size_t pos = 0; pos < size; pos += psize()) {
		uint64_t want = zero ? 0 : content(pos);

		wrong += *(uint64_t *)(mem + pos) != want ||
			 *(uint64_t *)(mem + pos + psize() - sizeof(want)) != want;
	}
	return wrong;
}

/* The number of pages that have a bit set in pagemap. Reads it once. */
static int pagemap_pages(const char *mem, size_t size, uint64_t bit)
{
	ssize_t nr = size / psize(), len = nr * sizeof(uint64_t);
	int fd = open("/proc/self/pagemap", O_RDONLY), found = 0;
	uint64_t *entry = malloc(len);

	if (pread(fd, entry, len, (uintptr_t)mem / psize() * sizeof(*entry)) != len)
		nr = 0;
	for (ssize_t i = 0; i < nr; i++)
		found += !!(entry[i] & bit);
	free(entry);
	close(fd);
	return found;
}

/* The number of pages that have a flag set in kpageflags, or -1. */
static int flagged_pages(char *mem, size_t size, uint64_t flag)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	int kpageflags = open("/proc/kpageflags", O_RDONLY);
	int found = pagemap < 0 || kpageflags < 0 ? -1 : 0;
	uint64_t flags;

	for (size_t pos = 0; found >= 0 && pos < size; pos += psize())
		if (!pageflags_get(pagemap_get_pfn(pagemap, mem + pos), kpageflags, &flags))
			found += !!(flags & flag);
	close(pagemap);
	close(kpageflags);
	return found;
}

/* The number of pages that the kernel can write without a page fault. */
static int writable_pages(char *mem, size_t size)
{
	int zero = open("/dev/zero", O_RDONLY), writable = 0;

	for (size_t pos = 0; pos < size; pos += psize())
		writable += read(zero, mem + pos, 1) == 1;
	close(zero);
	return writable;
}

/* Returns 0, or the exit status of a child that misses what fill() wrote. */
static int fork_and_check(char *mem, size_t size)
{
	pid_t pid = INJECT(fork());
	int status = -1;

	if (!pid)
		_exit(wrong_pages(mem, size, false) ? 1 : 0);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* A process that has ended may stay in the cgroup for a moment. */
static void remove_cgroup(const char *dir)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/oom", dir);
	for (int i = 0; i < 100 && rmdir(path) && errno == EBUSY; i++)
		usleep(10000);
	umount(dir);
	rmdir(dir);
}

/* ---- Fixture ---- */

FIXTURE_SETUP(fail_pte_map)
{
	char word[16];
	char *area;

	if (geteuid())
		SKIP(return, "needs root");
	if (access(FAULT "sites", W_OK))
		SKIP(return, "needs CONFIG_FAIL_PTE_MAP, and debugfs at /sys/kernel/debug");

	snprintf(word, sizeof(word), "%d", variant->probability);
	ASSERT_EQ(0, inject(false));
	ASSERT_EQ(0, set(self, FAULT "task-filter", "Y"));
	ASSERT_EQ(0, set(self, FAULT "verbose", "0"));
	ASSERT_EQ(0, set(self, FAULT "interval", "1"));
	ASSERT_EQ(0, set(self, FAULT "space", "0"));
	ASSERT_EQ(0, set(self, FAULT "times", "-1"));
	ASSERT_EQ(0, set(self, FAULT "probability", word));
	ASSERT_EQ(0, write_word(FAULT "sites", "0"));

	self->size = PAGES * psize();
	area = mmap(NULL, 4 * self->size, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	area = (char *)(((uintptr_t)area + self->size) & -self->size);
	self->mem = map_at(area, self->size);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->other = self->mem + self->size + 3 * psize();
	fill(self->mem, self->size);
}

/* Runs in a process without injection, even if the test crashed. */
FIXTURE_TEARDOWN_PARENT(fail_pte_map)
{
	if (self->swap[0])
		swapoff(self->swap);
	if (self->core[0])
		unlink(self->core);
	if (self->cgroup[0])
		remove_cgroup(self->cgroup);
	while (self->nr_saved--) {
		const struct setting *s = &self->saved[self->nr_saved];

		if (write_word(s->path, s->value))
			TH_LOG("could not restore %s", s->path);
	}
}

#endif /* _MM_FAIL_PTE_MAP_H */
