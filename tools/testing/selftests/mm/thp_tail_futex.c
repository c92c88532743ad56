// SPDX-License-Identifier: GPL-2.0-only
/*
 * Futexes in tail pages of large folios. futex(2) looks them up by
 * get_user_pages_fast(). Each wake must find its waiter, whether the folio is
 * mapped by a PMD or by PTEs, and while it is split and collapsed again.
 *
 * The kernel does not look up a page for a private futex. The test includes
 * private futexes to show that they do not depend on it.
 *
 * With a wrong key a waiter keeps sleeping, or a wake finds no waiter. Then the
 * test runs into its time limit, as it does if a lookup never ends.
 */
#define _GNU_SOURCE
#include <asm-generic/mman.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "vm_util.h"

#define SPLIT_HUGE_PAGES	"/sys/kernel/debug/split_huge_pages"
#define ROUNDS			200	/* at least, and */
#define SPLITS			3	/* at least, in the tests that split */
#define SECONDS			120

FIXTURE(thp_tail_futex) {
	size_t size;		/* of the folio and of a PMD range */
	int memfd;
	char *mem;		/* aligned to size */
	uint32_t *wait;		/* in a tail page */
	uint32_t *wake;		/* the same word, perhaps in another mapping */
	int op;			/* FUTEX_PRIVATE_FLAG or 0 */
	atomic_bool stop, stopped;
	atomic_ulong splits;
};

FIXTURE_VARIANT(thp_tail_futex) {
	bool private_futex;
	bool shared_memory;	/* a file, woken through another mapping of it */
	bool by_ptes;
	bool split;		/* while futexes wait and are woken */
};

FIXTURE_VARIANT_ADD(thp_tail_futex, private_anon_pmd) { .private_futex = true };
FIXTURE_VARIANT_ADD(thp_tail_futex, private_anon_pte) {
	.private_futex = true, .by_ptes = true,
};

FIXTURE_VARIANT_ADD(thp_tail_futex, private_anon_split) {
	.private_futex = true, .split = true,
};

FIXTURE_VARIANT_ADD(thp_tail_futex, shared_anon_pmd) { };
FIXTURE_VARIANT_ADD(thp_tail_futex, shared_anon_pte) { .by_ptes = true };
FIXTURE_VARIANT_ADD(thp_tail_futex, shared_anon_pmd_split) { .split = true };
FIXTURE_VARIANT_ADD(thp_tail_futex, shared_anon_pte_split) { .by_ptes = true, .split = true };
FIXTURE_VARIANT_ADD(thp_tail_futex, shared_file_pmd) { .shared_memory = true };
FIXTURE_VARIANT_ADD(thp_tail_futex, shared_file_pte) { .shared_memory = true, .by_ptes = true };
FIXTURE_VARIANT_ADD(thp_tail_futex, shared_file_pmd_split) {
	.shared_memory = true, .split = true,
};

FIXTURE_VARIANT_ADD(thp_tail_futex, shared_file_pte_split) {
	.shared_memory = true, .by_ptes = true, .split = true,
};

static void *map_aligned(size_t size, int memfd)
{
	int flags = memfd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	char *p = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return p;
	p = (char *)(((uintptr_t)p + size - 1) & -size);
	return mmap(p, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, memfd, 0);
}

static bool has_huge_page(const char *mem, size_t size, bool file)
{
	return file ? check_huge_shmem((void *)mem, size, 1, size)
		    : check_huge_anon((void *)mem, size, 1, size);
}

/*
 * A huge page that is mapped as the variant requires. With two protections, a PMD
 * range has two VMAs, and PTEs must map it.
 */
static bool make_huge(char *mem, size_t size, bool file, bool by_ptes)
{
	size_t page = getpagesize();

	if (mprotect(mem, page, PROT_READ | PROT_WRITE) ||
	    madvise(mem, size, MADV_COLLAPSE) || !has_huge_page(mem, size, file))
		return false;
	return !by_ptes || !mprotect(mem, page, PROT_READ);
}

static bool split_huge(char *mem, size_t size)
{
	int fd = open(SPLIT_HUGE_PAGES, O_WRONLY), len;
	char text[64];
	bool done;

	len = snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(),
		       (unsigned long)mem, (unsigned long)(mem + size));
	done = fd >= 0 && write(fd, text, len) == len;
	if (fd >= 0)
		close(fd);
	return done;
}

/* Is the page at @p part of a large folio? -1 if the kernel does not tell. */
static int in_large_folio(char *p)
{
	const uint64_t compound = 3ull << 15; /* KPF_COMPOUND_HEAD, _TAIL */
	int map = open("/proc/self/pagemap", O_RDONLY);
	int kpf = open("/proc/kpageflags", O_RDONLY);
	uint64_t flags;
	int ret = -1;

	if (map >= 0 && kpf >= 0 && !pageflags_get(pagemap_get_pfn(map, p), kpf, &flags))
		ret = !!(flags & compound);
	if (map >= 0)
		close(map);
	if (kpf >= 0)
		close(kpf);
	return ret;
}

static long futex(uint32_t *word, int op, uint32_t val)
{
	return syscall(SYS_futex, word, op, val, NULL, NULL, 0);
}

FIXTURE_SETUP(thp_tail_futex)
{
	bool file = variant->shared_memory;
	size_t offset;
	char *other;

	self->size = read_pmd_pagesize();
	if (!self->size)
		SKIP(return, "no huge pages on this machine");

	self->memfd = -1;
	if (file) {
		self->memfd = memfd_create("thp_tail_futex", 0);
		ASSERT_GE(self->memfd, 0);
		ASSERT_EQ(ftruncate(self->memfd, self->size), 0);
	}
	self->mem = map_aligned(self->size, self->memfd);
	ASSERT_NE(self->mem, MAP_FAILED);
	memset(self->mem, 0, self->size);
	ASSERT_TRUE(make_huge(self->mem, self->size, file, variant->by_ptes))
		TH_LOG("no huge page to be had");

	other = self->mem;
	if (file) {
		other = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     self->memfd, 0);
		ASSERT_NE(other, MAP_FAILED);
	}
	/* Use neither the head page nor the start of another part in the middle. */
	offset = self->size / 2 + 3 * getpagesize() + 64;
	self->wait = (void *)(self->mem + offset);
	self->wake = (void *)(other + offset);
	self->op = variant->private_futex ? FUTEX_PRIVATE_FLAG : 0;
	*self->wait = 1;
	ASSERT_NE(in_large_folio(self->mem + offset), 0);
}

FIXTURE_TEARDOWN(thp_tail_futex)
{
	if (self->memfd >= 0)
		close(self->memfd);
}

static void *wait_for_wakes(void *arg)
{
	FIXTURE_DATA(thp_tail_futex) *self = arg;

	while (!self->stop)
		futex(self->wait, FUTEX_WAIT | self->op, 1);
	self->stopped = true;
	return NULL;
}

struct splitting {
	FIXTURE_DATA(thp_tail_futex) *self;
	bool file, by_ptes;
};

static void *split_and_collapse(void *arg)
{
	struct splitting *s = arg;
	FIXTURE_DATA(thp_tail_futex) *self = s->self;

	while (!self->stop) {
		if (split_huge(self->mem, self->size) && !in_large_folio((char *)self->wait))
			self->splits++;
		/* This may fail, because a futex lookup holds the page for a moment. */
		make_huge(self->mem, self->size, s->file, s->by_ptes);
	}
	return NULL;
}

TEST_F_TIMEOUT(thp_tail_futex, every_wake_finds_its_waiter, SECONDS)
{
	struct splitting splitting = { self, variant->shared_memory, variant->by_ptes };
	pthread_t waiter, splitter;
	long woken;

	if (variant->split) {
		if (access(SPLIT_HUGE_PAGES, W_OK))
			SKIP(return, "no " SPLIT_HUGE_PAGES);
		if (in_large_folio((char *)self->wait) < 0)
			SKIP(return, "no /proc/kpageflags to see splits by");
		ASSERT_EQ(pthread_create(&splitter, NULL, split_and_collapse, &splitting), 0);
	}
	ASSERT_EQ(pthread_create(&waiter, NULL, wait_for_wakes, self), 0);

	for (int i = 0; i < ROUNDS || (variant->split && self->splits < SPLITS); i++) {
		/* The waiter may not sleep yet. */
		do {
			woken = futex(self->wake, FUTEX_WAKE | self->op, 1);
		} while (!woken);
		ASSERT_EQ(woken, 1);
	}

	self->stop = true;
	while (!self->stopped)
		futex(self->wake, FUTEX_WAKE | self->op, 1);
	ASSERT_EQ(pthread_join(waiter, NULL), 0);
	if (variant->split)
		ASSERT_EQ(pthread_join(splitter, NULL), 0);
}

/* A wait that must not sleep, and a wake that finds no waiter. */
TEST_F_TIMEOUT(thp_tail_futex, nobody_waits, SECONDS)
{
	ASSERT_EQ(futex(self->wait, FUTEX_WAIT | self->op, 2), -1);
	ASSERT_EQ(errno, EAGAIN);
	ASSERT_EQ(futex(self->wake, FUTEX_WAKE | self->op, 1), 0);
}

TEST_HARNESS_MAIN
