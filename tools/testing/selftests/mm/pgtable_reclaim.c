// SPDX-License-Identifier: GPL-2.0-only
/*
 * Empty page tables are freed, and no data is lost meanwhile.
 *
 * The first tests check VmPTE. In most of the others, a thread keeps punching holes in
 * a file, and so removes page tables under the i_mmap lock alone.
 * Meanwhile the test works on its private copies of other pages, whose content it knows.
 * If a page is mapped in a table that was removed, the page is lost: the test reads
 * zeroes from the file, and the kernel reports "Bad rss-counter" when the process ends.
 *
 * The files are in the directory that TEST_DIR names, or in memory if it is not set.
 * TEST_MS sets the duration of each race.
 */
#define _GNU_SOURCE
#include <asm-generic/mman.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "vm_util.h"

#define TABLES		64
#define SPARSE		256	/* tables in the tests of VmPTE */
#define MS		2000	/* duration of each race by default */
#define HOLE		(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define HOOK		"/sys/kernel/debug/lockless_walk/"
#ifndef PM_UFFD_WP
#define PM_UFFD_WP	(1ull << 57)
#endif

FIXTURE(pgtable_reclaim) {
	size_t table;		/* the range of a PTE table */
	size_t page;
	int fd;
	char *mem;		/* private, TABLES tables, and as much after it */
	pthread_t puncher;
	atomic_bool stop;
	atomic_ulong holes;
	uint64_t end;
	atomic_ulong zaps, zapped;
	atomic_int next;	/* the table that punch_next() makes a hole in */
};

/* Each table has a page that the test writes, and one that is punched out. */
static char *kept(FIXTURE_DATA(pgtable_reclaim) *self, int i)
{
	return self->mem + i * self->table + (i % 7) * self->page;
}

static off_t punched(FIXTURE_DATA(pgtable_reclaim) *self, int i)
{
	return i * self->table + (9 + i % 5) * self->page;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static uint64_t race_ms(void)
{
	const char *ms = getenv("TEST_MS");

	return ms ? strtoul(ms, NULL, 0) : MS;
}

static bool go_on(FIXTURE_DATA(pgtable_reclaim) *self)
{
	return now_ms() < self->end;
}

static void *punch(void *arg)
{
	FIXTURE_DATA(pgtable_reclaim) *self = arg;

	while (!self->stop) {
		for (int i = 0; i < TABLES; i++)
			fallocate(self->fd, HOLE, punched(self, i), self->page);
		if (!fallocate(self->fd, HOLE, 0, TABLES * self->table))
			self->holes++;
	}
	return NULL;
}

static int new_file(size_t size)
{
	const char *dir = getenv("TEST_DIR");
	int fd = dir ? open(dir, O_TMPFILE | O_RDWR, 0600) : memfd_create("sparse", 0);

	return fd < 0 || ftruncate(fd, size) ? -1 : fd;
}

FIXTURE_SETUP(pgtable_reclaim)
{
	size_t size;

	self->page = psize();
	self->table = self->page / sizeof(uint64_t) * self->page;
	if (read_pmd_pagesize())
		self->table = read_pmd_pagesize();
	size = TABLES * self->table;
	self->fd = new_file(size);
	ASSERT_LE(0, self->fd);
	self->mem = mmap(NULL, 3 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
			 MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->mem += self->table - (uintptr_t)self->mem % self->table;
	ASSERT_EQ(self->mem, mmap(self->mem, size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_FIXED, self->fd, 0));
	madvise(self->mem, size, MADV_NOHUGEPAGE);
}

FIXTURE_TEARDOWN(pgtable_reclaim)
{
	self->stop = true;
	if (self->puncher)
		pthread_join(self->puncher, NULL);
}

static int start(FIXTURE_DATA(pgtable_reclaim) *self, void *(*puncher)(void *))
{
	self->end = now_ms() + race_ms();
	return pthread_create(&self->puncher, NULL, puncher, self);
}

/* ---- VmPTE ---- */

static long vm_pte(void)
{
	char line[256];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPTE: %ld kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

/*
 * The increase of VmPTE when one page of each table is touched. Files are only read,
 * because a write would need space for a whole large folio.
 */
static long touch(char *mem, size_t table, bool shared)
{
	long before = vm_pte();

	for (size_t i = 0; i < SPARSE; i++) {
		volatile char *p = mem + i * table;

		if (shared)
			(void)*p;
		else
			*p = 1;
	}
	return vm_pte() - before;
}

/*
 * Touches one page of each table and gives the pages back, twice. The first time also
 * allocates upper tables, which stay. Returns how many of SPARSE PTE tables are left.
 */
#define TABLES_LEFT(shared, give_back) ({					\
	size_t __size = SPARSE * self->table;					\
	int fd = new_file(__size);						\
	char *mem;								\
	long before, used, left;						\
										\
	ASSERT_LE(0, fd);							\
	mem = mmap(NULL, __size, PROT_READ | PROT_WRITE, MAP_NORESERVE |	\
		   ((shared) ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS),	\
		   (shared) ? fd : -1, 0);					\
	ASSERT_NE(MAP_FAILED, mem);						\
	madvise(mem, __size, MADV_NOHUGEPAGE);					\
	touch(mem, self->table, shared);					\
	give_back;								\
	before = vm_pte();							\
	used = touch(mem, self->table, shared);					\
	ASSERT_LT(0, used);							\
	give_back;								\
	left = SPARSE * (vm_pte() - before) / used;				\
	munmap(mem, __size);							\
	close(fd);								\
	left;									\
})

TEST_F(pgtable_reclaim, punch_frees)
{
	EXPECT_GE(SPARSE / 32, TABLES_LEFT(true, fallocate(fd, HOLE, 0, __size)));
}

TEST_F(pgtable_reclaim, truncate_frees)
{
	EXPECT_GE(SPARSE / 32, TABLES_LEFT(true, ({
		ASSERT_EQ(0, ftruncate(fd, 0));
		ASSERT_EQ(0, ftruncate(fd, __size));
	})));
}

TEST_F(pgtable_reclaim, remove_frees)
{
	EXPECT_GE(SPARSE / 32, TABLES_LEFT(true, madvise(mem, __size, MADV_REMOVE)));
}

TEST_F(pgtable_reclaim, partial_dontneed_frees)
{
	EXPECT_GE(SPARSE / 32, TABLES_LEFT(false, ({
		for (int i = 0; i < SPARSE; i++)
			madvise(mem + i * self->table, self->page, MADV_DONTNEED);
	})));
}

/* ---- Races ---- */

#define WORD(p)		(*(volatile uint32_t *)(p))

/*
 * Code that finds no entry for a page relies on the page being unmapped, also if it
 * finds no page table. So when pagemap shows no page, kpagecount must be 0.
 *
 * A reader that looks all the time mostly waits for the lock of the table, and so finds
 * both done. One that looks now and then also comes in between, if that takes long.
 */
static void *zap(void *arg)
{
	FIXTURE_DATA(pgtable_reclaim) *self = arg;

	while (!self->stop) {
		if (self->zapped != self->zaps) {
			madvise(self->mem, self->table, MADV_DONTNEED);
			self->zapped++;
		}
		sched_yield();
	}
	return NULL;
}

TEST_F(pgtable_reclaim, unmapped_first)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	int kpagecount = open("/proc/kpagecount", O_RDONLY);
	unsigned long pfn;
	uint64_t mappings;

	ASSERT_LE(0, pagemap);
	if (kpagecount < 0)
		SKIP(return, "no /proc/kpagecount");
	ASSERT_EQ(self->mem, mmap(self->mem, self->table, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED, self->fd, 0));
	madvise(self->mem, self->table, MADV_NOHUGEPAGE);
	ASSERT_EQ(0, pthread_create(&self->puncher, NULL, zap, self));
	for (uint32_t n = 1; n <= 100; n++) {
		WORD(self->mem) = n;
		pfn = pagemap_get_pfn(pagemap, self->mem);
		ASSERT_NE(-1ul, pfn);
		self->zaps = n;
		while (pagemap_get_entry(pagemap, self->mem) & PM_PRESENT)
			if (n % 2)
				usleep(1000);
		ASSERT_EQ(sizeof(mappings), pread(kpagecount, &mappings, sizeof(mappings),
						  pfn * sizeof(mappings)));
		ASSERT_EQ(0, mappings);
		while (self->zapped != n)
			sched_yield();
	}
}

TEST_F(pgtable_reclaim, fault)
{
	uint32_t n = 1;

	ASSERT_EQ(0, start(self, punch));
	for (; go_on(self); n++) {
		int i = n % TABLES;

		WORD(kept(self, i)) = n;
		(void)WORD(self->mem + punched(self, i));
		ASSERT_EQ(n, WORD(kept(self, i)));
		ASSERT_EQ(0, madvise(kept(self, i), self->page, MADV_DONTNEED));
	}
	EXPECT_LT(0, self->holes);
}

static void *punch_next(void *arg)
{
	FIXTURE_DATA(pgtable_reclaim) *self = arg;

	while (!self->stop) {
		if (!fallocate(self->fd, HOLE, punched(self, self->next), self->page))
			self->holes++;
	}
	return NULL;
}

/*
 * Move four tables to an offset, so that they are spread over five. The last pages of an
 * old table go to a new table first. Then the puncher makes a hole in the next old table,
 * and finds the new table empty. In other tables it would wait for the lock of mremap().
 */
TEST_F(pgtable_reclaim, mremap)
{
	size_t len = 4 * self->table, shift = 32 * self->page;
	char *to = self->mem + (TABLES + 1) * self->table + shift;
	char *from = self->mem;

	self->next = 1;
	ASSERT_EQ(0, start(self, punch_next));
	for (uint32_t n = 1; go_on(self); n++) {
		size_t at = (1 + n % 3) * self->table - (1 + n % 16) * self->page;

		self->next = 1 + n % 3;
		WORD(from + at) = n;
		ASSERT_EQ(to, mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to));
		ASSERT_EQ(n, WORD(to + at));
		ASSERT_EQ(from, mremap(to, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, from));
		ASSERT_EQ(n, WORD(from + at));
	}
	EXPECT_LT(0, self->holes);
}

TEST_F(pgtable_reclaim, fork)
{
	ASSERT_EQ(0, start(self, punch));
	for (uint32_t n = 1; go_on(self); n++) {
		int status;
		pid_t pid;

		for (int i = 0; i < TABLES; i++)
			WORD(kept(self, i)) = n + i;
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			for (int i = 0; i < TABLES; i++)
				if (WORD(kept(self, i)) != n + i)
					_exit(1);
			_exit(0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);
	}
	EXPECT_LT(0, self->holes);
}

/* Read the word at p by vmsplice(), which takes the page by GUP-fast. */
static uint32_t spliced(int *fds, void *p)
{
	uint32_t got;
	struct iovec iov = { p, sizeof(got) };

	if (vmsplice(fds[1], &iov, 1, 0) != sizeof(got) ||
	    read(fds[0], &got, sizeof(got)) != sizeof(got))
		return -1;
	return got;
}

/*
 * With CONFIG_DEBUG_LOCKLESS_WALK each walk waits between the pmd and the first entry,
 * and the kernel counts the walks that are in a freed table.
 */
TEST_F(pgtable_reclaim, gup_fast)
{
	bool hook = !access(HOOK "stale", R_OK | W_OK);
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	if (hook) {
		write_num(HOOK "hits", 0);
		write_num(HOOK "stale", 0);
		write_num(HOOK "delay_path_us", 1000);
		write_num(HOOK "pid", getpid());
	}
	ASSERT_EQ(0, start(self, punch));
	for (uint32_t n = 1; go_on(self); n++) {
		char *p = kept(self, n % TABLES);
		char *hole = self->mem + punched(self, n % TABLES);

		WORD(p) = n;
		(void)WORD(hole);
		ASSERT_EQ(n, spliced(fds, p));
		ASSERT_EQ(0, madvise(p, self->page, MADV_DONTNEED));
		(void)WORD(hole);
		ASSERT_EQ(0, spliced(fds, hole));
	}
	EXPECT_LT(0, self->holes);
	if (hook) {
		write_num(HOOK "pid", 0);
		write_num(HOOK "delay_path_us", 0);
		EXPECT_LT(0, read_num(HOOK "hits"));
		EXPECT_EQ(0, read_num(HOOK "stale"));
	}
}

/* Compaction removes entries for a while. What it moves is up to the kernel. */
TEST_F(pgtable_reclaim, migration)
{
	ASSERT_EQ(0, start(self, punch));
	for (uint32_t n = 1; go_on(self); n++) {
		for (int i = 0; i < TABLES; i++)
			WORD(kept(self, i)) = n + i;
		write_word("/proc/sys/vm/compact_memory", "1");
		for (int i = 0; i < TABLES; i++)
			ASSERT_EQ(n + i, WORD(kept(self, i)));
	}
	EXPECT_LT(0, self->holes);
}

/* ---- Threads give back pages of the same tables, of anonymous memory. ---- */

static void *give_back(void *arg)
{
	FIXTURE_DATA(pgtable_reclaim) *self = arg;

	while (!self->stop) {
		for (int i = 0; i < TABLES; i++)
			madvise(self->mem + punched(self, i), self->page, MADV_DONTNEED);
		self->holes++;
	}
	return NULL;
}

/* A collapse takes the table away. Giving back a page brings another one. */
TEST_F(pgtable_reclaim, collapse)
{
	unsigned long collapsed = 0;

	if (!read_pmd_pagesize())
		SKIP(return, "needs huge pages");
	ASSERT_EQ(self->mem, mmap(self->mem, TABLES * self->table, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	ASSERT_EQ(0, start(self, give_back));
	for (uint32_t n = 1; go_on(self); n++) {
		int i = n % 4;

		WORD(kept(self, i)) = n;
		if (!madvise(self->mem + i * self->table, self->table, MADV_COLLAPSE))
			collapsed++;
		ASSERT_EQ(n, WORD(kept(self, i)));
		ASSERT_EQ(0, madvise(kept(self, i), self->page, MADV_DONTNEED));
		ASSERT_EQ(0, WORD(kept(self, i)));
	}
	TH_LOG("%lu collapses", collapsed);
	EXPECT_LT(0, collapsed);
	EXPECT_LT(0, self->holes);
}

/* Use anonymous memory in place of the file. */
static int uffd_open(FIXTURE_DATA(pgtable_reclaim) *self, uint64_t mode, uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	size_t size = TABLES * self->table;
	struct uffdio_register reg = {
		.range = { (uintptr_t)self->mem, size }, .mode = mode,
	};
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		return -1;
	if (mmap(self->mem, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -1;
	madvise(self->mem, size, MADV_NOHUGEPAGE);
	if (ioctl(uffd, UFFDIO_REGISTER, &reg))
		return -1;
	return start(self, give_back) ? -1 : uffd;
}

TEST_F(pgtable_reclaim, uffd_copy_and_move)
{
	int uffd = uffd_open(self, UFFDIO_REGISTER_MODE_MISSING, UFFD_FEATURE_MOVE);
	char *src = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (uffd < 0)
		SKIP(return, "no userfaultfd that moves pages");
	ASSERT_NE(MAP_FAILED, src);
	for (uint32_t n = 1; go_on(self); n++) {
		char *dst = kept(self, n % TABLES);
		struct uffdio_copy copy = {
			.dst = (uintptr_t)dst, .src = (uintptr_t)src, .len = self->page,
		};
		struct uffdio_move move = {
			.dst = (uintptr_t)dst, .src = (uintptr_t)src, .len = self->page,
		};

		WORD(src) = n;
		if (n % 2) {
			ASSERT_EQ(0, ioctl(uffd, UFFDIO_COPY, &copy)) {
				TH_LOG("errno %d", errno);
			}
		} else {
			ASSERT_EQ(0, ioctl(uffd, UFFDIO_MOVE, &move)) {
				TH_LOG("errno %d", errno);
			}
		}
		ASSERT_EQ(n, WORD(dst));
		ASSERT_EQ(0, madvise(dst, self->page, MADV_DONTNEED));
	}
	EXPECT_LT(0, self->holes);
}

static int write_protect(FIXTURE_DATA(pgtable_reclaim) *self, int uffd, char *page, bool wp)
{
	struct uffdio_writeprotect arg = {
		.range = { (uintptr_t)page, self->page },
		.mode = wp ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(uffd, UFFDIO_WRITEPROTECT, &arg);
}

/*
 * A write-protect marker is an entry, even if no page is mapped. The first half of the
 * tables keeps its markers. In the second half, each new table may be gone again before
 * the marker is in it.
 */
TEST_F(pgtable_reclaim, uffd_wp)
{
	int uffd = uffd_open(self, UFFDIO_REGISTER_MODE_WP, UFFD_FEATURE_WP_UNPOPULATED);
	int pagemap = open("/proc/self/pagemap", O_RDONLY);

	ASSERT_LE(0, pagemap);
	if (uffd < 0)
		SKIP(return, "no userfaultfd that write-protects what is not mapped");
	for (int i = 0; i < TABLES / 2; i++)
		ASSERT_EQ(0, write_protect(self, uffd, kept(self, i), true));
	for (uint32_t n = 1; go_on(self); n++) {
		char *page = kept(self, TABLES / 2 + n % (TABLES / 2));

		WORD(self->mem + punched(self, n % TABLES)) = n;
		ASSERT_EQ(0, write_protect(self, uffd, page, true));
		ASSERT_TRUE(pagemap_get_entry(pagemap, page) & PM_UFFD_WP);
		ASSERT_EQ(0, write_protect(self, uffd, page, false));
	}
	for (int i = 0; i < TABLES / 2; i++)
		EXPECT_TRUE(pagemap_get_entry(pagemap, kept(self, i)) & PM_UFFD_WP);
	EXPECT_LT(0, self->holes);
}

TEST_HARNESS_MAIN
