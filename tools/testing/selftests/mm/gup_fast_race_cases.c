// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases of the gup_fast_race selftest: what is mapped, and how its page tables
 * change while it is pinned. The diagrams show each race as a walk with interrupts
 * enabled may see it, and the re-read that must detect it.
 */
#define _GNU_SOURCE
#include <asm-generic/mman.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_fast_race.h"

#define GIB		(1UL << 30)

#ifndef MPOL_MF_MOVE
#define MPOL_MF_MOVE	2
#endif

/* Every other round changes only the last page, in the middle of a batch. */
static int victim(struct race *r)
{
	return r->round & 1 ? PAGES - 1 : 0;
}

/*
 * Allocate pages on this CPU. The page allocator returns the pages first that were
 * freed last, so a pin of a freed page shows FOREIGN content.
 */
static void reuse_freed_pages(struct race *r)
{
	madvise(r->spare, SPARE_PAGES * psize(), MADV_DONTNEED);
	put(r, r->spare, FOREIGN, 0, SPARE_PAGES);
}

void *map_anon(char *addr, size_t size, int advice)
{
	void *p = mmap(addr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		       MAP_ANONYMOUS | MAP_NORESERVE | (addr ? MAP_FIXED : 0), -1, 0);

	if (p != MAP_FAILED)
		madvise(p, size, advice);
	return p;
}

/* ---- Mappings. Return NULL, or the reason for a skip. ---- */

/* Address space for src and dst, both aligned to align. */
static const char *reserve(struct race *r, size_t size, size_t align)
{
	size_t slot = size > align ? size : align;

	r->size = size;
	r->area_size = 2 * slot + align;
	r->area = mmap(NULL, r->area_size, PROT_NONE, MAP_PRIVATE |
		       MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->area == MAP_FAILED) {
		r->area = NULL;
		return "needs more address space";
	}
	r->src = (char *)(((uintptr_t)r->area + align - 1) & -align);
	r->dst = r->src + slot;
	return NULL;
}

static const char *map_small(struct race *r, size_t size, size_t align)
{
	const char *why = reserve(r, size, align);

	if (why)
		return why;
	if (map_anon(r->src, size, MADV_NOHUGEPAGE) == MAP_FAILED)
		return "needs more memory";
	put(r, r->src, OLD, 0, PAGES);
	return NULL;
}

static const char *map_pages(struct race *r)
{
	return map_small(r, PAGES * psize(), r->pmd_size);
}

static const char *map_pmd(struct race *r)
{
	return map_small(r, r->pmd_size, r->pmd_size);
}

static const char *map_pud(struct race *r)
{
	return map_small(r, GIB, GIB);
}

static const char *map_thp(struct race *r)
{
	const char *why = map_pmd(r);

	if (why)
		return why;
	madvise(r->src, r->size, MADV_HUGEPAGE);
	/* Another task may have isolated a page for a moment. */
	for (int i = 0; i < 10; i++)
		if (!madvise(r->src, r->size, MADV_COLLAPSE))
			return NULL;
	return "needs THP";
}

/* A large folio that is mapped by PTEs. */
static const char *map_folio(struct race *r)
{
	const char *why = map_thp(r);

	if (!why)
		munmap(r->src + r->size - psize(), psize());
	return why;
}

static const char *map_collapsible(struct race *r)
{
	const char *why = map_thp(r);

	/* The collapse works here. Map small pages again for the test. */
	if (why)
		return why;
	map_anon(r->src, r->size, MADV_NOHUGEPAGE);
	put(r, r->src, OLD, 0, PAGES);
	madvise(r->src, r->size, MADV_HUGEPAGE);
	return NULL;
}

/* khugepaged collapses folios of PART_PAGES pages when the test wakes it. */
#define PART_PAGES	16

static const char *set_thp_part(struct race *r)
{
	int order = sz2ord(PART_PAGES * psize(), psize());
	struct thp_settings thp;

	if (r->thp_changed)
		return NULL;
	if (!thp_available() || !(thp_supported_orders() & BIT_ULL(order)))
		return "needs folios of 16 pages";
	thp_read_settings(&r->thp);
	r->thp_changed = true;
	thp = r->thp;
	thp.thp_enabled = THP_MADVISE;
	thp.hugepages[order].enabled = THP_MADVISE;
	thp.khugepaged.max_ptes_none = 0;
	thp.khugepaged.alloc_sleep_millisecs = 1;
	thp.khugepaged.scan_sleep_millisecs = 100000;
	thp_write_settings(&thp);
	return NULL;
}

static const char *map_part(struct race *r)
{
	const char *why = set_thp_part(r) ?: map_pmd(r);

	if (why)
		return why;
	for (size_t i = 0; i < PART_PAGES; i++)
		*(uint64_t *)(r->src + i * psize()) = 0;
	put(r, r->src, OLD, 0, PAGES);
	madvise(r->src, r->size, MADV_HUGEPAGE);
	return NULL;
}

static bool have_swap(void)
{
	FILE *f = fopen("/proc/swaps", "r");
	char line[256];
	int lines = 0;

	while (f && fgets(line, sizeof(line), f))
		lines++;
	if (f)
		fclose(f);
	return lines > 1;
}

static const char *map_swappable(struct race *r)
{
	return have_swap() ? map_pages(r) : "needs swap";
}

static const char *map_swappable_thp(struct race *r)
{
	return have_swap() ? map_thp(r) : "needs swap";
}

static bool can_compact(void)
{
	return !access("/proc/sys/vm/compact_memory", W_OK);
}

static const char *map_movable(struct race *r)
{
	if (!r->numa && !can_compact())
		return "needs two NUMA nodes or CONFIG_COMPACTION";
	return map_pages(r);
}

static const char *map_movable_thp(struct race *r)
{
	return r->numa ? map_thp(r) : "needs two NUMA nodes";
}

static const char *map_memfd(struct race *r, size_t file_size, int flags)
{
	r->memfd = memfd_create("gup_fast_race", flags);
	if (r->memfd < 0 || ftruncate(r->memfd, file_size))
		return "needs memfd_create()";
	if (mmap(r->src, r->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED |
		 MAP_NORESERVE, r->memfd, 0) == MAP_FAILED)
		return "needs a shared file mapping";
	return NULL;
}

static const char *map_shmem(struct race *r)
{
	const char *why = reserve(r, PAGES * psize(), r->pmd_size);

	why = why ?: map_memfd(r, r->size, 0);
	if (!why)
		put(r, r->src, OLD, 0, PAGES);
	return why;
}

long hugetlb_free(void)
{
	static const char key[] = "HugePages_Free:";
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long n = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, sizeof(key) - 1))
			n = strtol(line + sizeof(key) - 1, NULL, 10);
	if (f)
		fclose(f);
	return n;
}

/* A page that two processes map through one table has a mapcount of one. */
static bool table_is_shared(struct race *r)
{
	uint64_t pfn = pagemap_get_pfn(r->pagemap, r->src), mapcount = 0;
	int fd = open("/proc/kpagecount", O_RDONLY);

	if (fd < 0)
		return false;
	if (pread(fd, &mapcount, sizeof(mapcount), pfn * sizeof(pfn)) < 0)
		mapcount = 0;
	close(fd);
	return mapcount == 1;
}

/* Fork a process that touches the memory and keeps it mapped. */
static bool fork_sharer(struct race *r)
{
	int ready[2];
	char c = 0;

	if (pipe(ready))
		return false;
	r->child = fork();
	if (!r->child) {
		alarm(20);
		c = *r->src;
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	c = read(ready[0], &c, 1) == 1;
	close(ready[0]);
	return c;
}

static const char *map_hugetlb_shared(struct race *r)
{
	const char *why;

	if (r->hugetlb_free < 2)
		return "needs 2 free hugetlb pages";
	why = reserve(r, GIB, GIB) ?: map_memfd(r, GIB, MFD_HUGETLB);
	if (why)
		return why;
	put(r, r->src, OLD, 0, PAGES);
	if (!fork_sharer(r) || !table_is_shared(r))
		return "needs CONFIG_HUGETLB_PMD_PAGE_TABLE_SHARING";
	return NULL;
}

void unmap(struct race *r)
{
	if (r->child > 0) {
		kill(r->child, SIGKILL);
		waitpid(r->child, NULL, 0);
		r->child = 0;
	}
	if (r->area)
		munmap(r->area, r->area_size);
	r->area = NULL;
	if (r->memfd >= 0)
		close(r->memfd);
	r->memfd = -1;
}

/* ---- Updaters. They run in the second thread. Return 0 or an errno. ---- */

/* Replace the memory, and write NEW to it. */
static int map_new(struct race *r)
{
	if (map_anon(r->src, r->size, MADV_NOHUGEPAGE) == MAP_FAILED)
		return errno;
	put(r, r->src, NEW, 0, PAGES);
	return 0;
}

/*
 * CPU 0: pin			CPU 1: munmap
 * read pte: P
 *				clear pte, flush, free P
 *				P comes back as the page of another mapping
 * take a reference on P
 * re-read pte: none, give up
 */
static int update_munmap(struct race *r)
{
	int from = victim(r);
	char *p = r->src + from * psize();
	size_t size = (PAGES - from) * psize();

	r->gone = true;
	if (munmap(p, size))
		return errno;
	reuse_freed_pages(r);
	if (map_anon(p, size, MADV_NOHUGEPAGE) == MAP_FAILED)
		return errno;
	put(r, r->src, NEW, from, PAGES);
	return 0;
}

/* Like munmap, but the mapping stays and may be filled again at any time. */
static int update_dontneed(struct race *r)
{
	int from = victim(r);

	r->gone = true;
	if (madvise(r->src + from * psize(), (PAGES - from) * psize(), MADV_DONTNEED))
		return errno;
	reuse_freed_pages(r);
	put(r, r->src, NEW, from, PAGES);
	return 0;
}

/*
 * CPU 0: pin			CPU 1: fork, then write
 * read pte: P, writable
 *				P not pinned: share it, write-protect both ptes
 * take a reference on P
 *				write: P is shared, map a copy
 * write_protect_seq or pte differs: give up
 */
static int update_fork(struct race *r)
{
	pid_t child = fork();

	if (child < 0)
		return errno;
	if (!child) {
		alarm(20);
		if (r->round & 1)
			pause();
		_exit(0);
	}
	if (r->round & 1)
		r->child = child;
	else
		waitpid(child, NULL, 0);
	put(r, r->src, NEW, 0, PAGES);
	return 0;
}

/*
 * CPU 0: pin			CPU 1: MADV_COLLAPSE
 * read pmd: table, pte: P
 *				clear pmd, count references: none but the ptes
 *				copy P to a huge page, map that, free P
 * take a reference on P
 * re-read pmd: a leaf, give up
 */
static int update_collapse(struct race *r)
{
	if (madvise(r->src, r->size, MADV_COLLAPSE) &&
	    errno != EAGAIN && errno != EBUSY && errno != ENOMEM)
		return errno;
	reuse_freed_pages(r);
	return 0;
}

/*
 * CPU 0: pin			CPU 1: MADV_COLLAPSE, MADV_DONTNEED
 * read pmd: table T
 *				clear pmd, copy; pmd: a leaf, T deposited
 *				clear pmd, withdraw T and free it
 *				T comes back as anything
 * read a pte in T
 *
 * T must not be freed before the walk ends.
 */
static int update_collapse_free(struct race *r)
{
	int error = update_collapse(r);

	/* Do not write here yet: that would allocate T as a page table again. */
	r->gone = true;
	return error || !madvise(r->src, r->size, MADV_DONTNEED) ? error : errno;
}

/*
 * CPU 0: pin			CPU 1: khugepaged, to less than a PMD
 * read pmd: T, pte: P
 *				clear pmd, count references: none but the ptes
 * take a reference on P
 * re-read pte: P (1)
 *				copy P to a folio; clear the ptes in T
 *				pmd: T again, then ptes: the folio; free P
 * re-read pmd: T (2)
 *
 * (1) before (2) accepts P. Reading the pmd first and then the pte rejects it.
 */
static int update_collapse_part(struct race *r)
{
	uint64_t pfn = pagemap_get_pfn(r->pagemap, r->src);

	thp_write_num("khugepaged/scan_sleep_millisecs", 1);
	for (int i = 0; i < 100; i++) {
		if (pagemap_get_pfn(r->pagemap, r->src) != pfn)
			break;
		usleep(1000);
	}
	thp_write_num("khugepaged/scan_sleep_millisecs", 100000);
	reuse_freed_pages(r);
	return 0;
}

static int split_folio(struct race *r)
{
	int fd = open(DEBUGFS "split_huge_pages", O_WRONLY);
	char cmd[64];
	ssize_t len;

	if (fd < 0)
		return errno;
	len = snprintf(cmd, sizeof(cmd), "%d,%p,%p", getpid(), r->src,
		       r->src + r->size);
	len = write(fd, cmd, len);
	close(fd);
	return len < 0 ? errno : 0;
}

/*
 * CPU 0: pin			CPU 1: split the PMD, or the folio
 * read pmd: leaf, folio F
 *				pmd: invalid, then a table; or F into pages
 * take references on F
 * re-read pmd: a table, give up
 */
static int update_split(struct race *r)
{
	char *upper = r->src + r->size / 2;
	int error = 0;

	switch (r->round % 4) {
	case 0:
		return split_folio(r);
	case 1:
		error = mprotect(upper, psize(), PROT_READ);
		break;
	case 2:
		error = munmap(upper, psize());
		break;
	case 3:
		error = madvise(upper, psize(), MADV_DONTNEED);
	}
	return error ? errno : 0;
}

/*
 * CPU 0: pin			CPU 1: mremap away, new memory here
 * read pud, pmd, pte: P
 *				move the pte; or the pmd, with the table below
 *				it; or the pud, with all tables below it
 *				map Q at the old address
 * take a reference on P
 * re-read pte: P has gone		(page)
 * re-read pmd: another table, the pte in the old one is still P	(PMD)
 * re-read pud: another table, pmd and pte below are as before	(PUD)
 */
static int update_mremap(struct race *r)
{
	r->moved = true;
	if (mremap(r->src, r->size, r->size, MREMAP_MAYMOVE | MREMAP_FIXED,
		   r->dst) != r->dst)
		return errno;
	return map_new(r);
}

/*
 * CPU 0: pin			CPU 1: unshare		another process
 * read pud: table S
 * read pmd in S: H
 *				clear pud		keeps using S
 *				map Q at this address
 * take a reference on H
 * re-read pud: another table; the pmd in S is as before
 */
static int update_unshare(struct race *r)
{
	if (r->round & 1) {
		r->gone = true;
		return munmap(r->src, r->size) ? errno : map_new(r);
	}
	if (mprotect(r->src, r->size, PROT_READ) ||
	    mprotect(r->src, r->size, PROT_READ | PROT_WRITE))
		return errno;
	return 0;
}

/*
 * CPU 0: pin			CPU 1: migrate P to Q
 * read pte: P
 *				pte: migration entry; count references
 *				copy P to Q, pte: Q, free P
 * take a reference on P
 * re-read pte: Q, give up
 *
 * move_pages() waits for a grace period first, in lru_cache_disable(). So with two nodes
 * this is only tested without the window. gup_fast_memmap migrates pages within a walk.
 */
static int update_migrate(struct race *r)
{
	int node[PAGES], status[PAGES];
	void *page[PAGES];

	if (!r->numa) {
		write_num("/proc/sys/vm/compact_memory", 1);
		return 0;
	}
	for (int i = 0; i < PAGES; i++)
		page[i] = r->src + i * psize();
	if (syscall(SYS_move_pages, 0, 1, page, NULL, status, 0) < 0)
		return errno;
	for (int i = 0; i < PAGES; i++)
		node[i] = !status[0];
	if (syscall(SYS_move_pages, 0, PAGES, page, node, status, MPOL_MF_MOVE) < 0)
		return errno;
	reuse_freed_pages(r);
	return 0;
}

/* Like munmap, but the page is also removed from the file. */
static int update_truncate(struct race *r)
{
	int from = victim(r);
	off_t start = from * psize();

	r->gone = true;
	if (ftruncate(r->memfd, start) || ftruncate(r->memfd, r->size))
		return errno;
	reuse_freed_pages(r);
	put(r, r->src, NEW, from, PAGES);
	return 0;
}

static int update_punch(struct race *r)
{
	int from = victim(r);

	r->gone = true;
	if (fallocate(r->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      from * psize(), (PAGES - from) * psize()))
		return errno;
	reuse_freed_pages(r);
	put(r, r->src, NEW, from, PAGES);
	return 0;
}

/*
 * CPU 0: pin			CPU 1: MADV_PAGEOUT
 * read pte: P, exclusive
 *				clear pte
 *				P not pinned: it may lose "exclusive"
 *				pte: swap entry; the flush comes later
 * take a reference on P
 * re-read pte: not present, give up
 *
 * A pin of P would not survive a later fork(): the child shares the entry, and the
 * next write of the parent goes to a copy. CPU 1 gets that far without a flush, so
 * the race exists with interrupts off, too. With interrupts on, P may even have
 * been freed and reused.
 */
static int update_pageout(struct race *r)
{
	int from = r->size > PAGES * psize() ? 0 : victim(r);

	if (madvise(r->src + from * psize(), r->size - from * psize(), MADV_PAGEOUT))
		return errno;
	reuse_freed_pages(r);
	return 0;
}

/* ---- Both together. ---- */

const struct race_case case_munmap = { map_pages, update_munmap };
const struct race_case case_munmap_folio = { map_folio, update_munmap };
const struct race_case case_munmap_thp = { map_thp, update_munmap, .leaf = true };
const struct race_case case_dontneed = { map_pages, update_dontneed };
const struct race_case case_fork = { map_pages, update_fork };
const struct race_case case_fork_folio = { map_folio, update_fork };
const struct race_case case_fork_thp = { map_thp, update_fork, .leaf = true };
const struct race_case case_collapse = { map_collapsible, update_collapse };
const struct race_case case_collapse_free = { map_collapsible, update_collapse_free };

const struct race_case case_collapse_part = {
	map_part, update_collapse_part, 1, .brief = true
};

const struct race_case case_split_thp = { map_thp, update_split, .leaf = true };
const struct race_case case_mremap_page = { map_pages, update_mremap };
const struct race_case case_mremap_pmd = { map_pmd, update_mremap };
const struct race_case case_mremap_thp = { map_thp, update_mremap, .leaf = true };
const struct race_case case_mremap_pud = { map_pud, update_mremap };
const struct race_case case_hugetlb_unshare = { map_hugetlb_shared, update_unshare, .leaf = true };
const struct race_case case_migrate = { map_movable, update_migrate, .brief = true };

const struct race_case case_migrate_thp = {
	map_movable_thp, update_migrate, .leaf = true, .brief = true
};

const struct race_case case_truncate = { map_shmem, update_truncate };
const struct race_case case_punch = { map_shmem, update_punch };
const struct race_case case_pageout = { map_swappable, update_pageout };
const struct race_case case_pageout_thp = { map_swappable_thp, update_pageout, .leaf = true };
