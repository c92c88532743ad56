// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hold a GUP-fast walk while the struct page that it found goes away. The page
 * becomes a tail page of an optimized hugetlb folio, which is read-only. Or its
 * memory is offlined, and maybe onlined again or removed. Or its device goes away.
 * If the kernel does not wait for the walk, it oopses or warns, or the test finds
 * that the system call returned too early.
 *
 * debugfs lockless_walk/ (CONFIG_DEBUG_LOCKLESS_WALK) holds the walk. Tests that
 * offline memory put it back online in its old zone. Tests that remove memory
 * need /dev/dax0.0 with at least two memory blocks. They destroy its content.
 */
#define _GNU_SOURCE
#include <asm-generic/mman.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../../../../mm/gup_test.h"
#include "kselftest_harness.h"
#include "vm_util.h"

#define HOOK		"/sys/kernel/debug/lockless_walk/"
#define HUGETLB		"/proc/sys/vm/"
#define MEMORY		"/sys/devices/system/memory/"
#define DAX		"dax0.0"
#define DAX_DRIVERS	"/sys/bus/dax/drivers/"

#define ATTEMPTS	10
#define ATTEMPTS_MS	60000	/* half the time limit */
#define HOLD_MS		1500
#define OFFLINE_HOLD_MS	4000
#define KPF_HUGE	BIT_ULL(17)

/* Blocks of huge page size. They are freed under the walk and allocated again. */
#define BLOCKS		24

#define MAX_BLOCKS	1024

/* Pages that must be migrated before the page that the walk found. */
#define FILL_PAGES	8192

struct memmap {
	int gup, pagemap, kpageflags;
	size_t pmd_size;
	char *area;		/* freed under the walk */
	size_t area_size;
	char *page;		/* the page in the area that is pinned */
	uint64_t pfn;
	int block;		/* the memory block that was offlined */
	int (*update)(struct memmap *m);

	bool go;
	uint64_t pin_end, update_end;
	int update_error;
	bool early;		/* the update was over before the walk */
	unsigned long hits;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static void read_word(const char *path, char *word, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t len = fd < 0 ? 0 : read(fd, word, size - 1);

	word[len > 0 ? len : 0] = 0;
	if (fd >= 0)
		close(fd);
}

static void set_hook(const char *window, unsigned int ms)
{
	write_num(HOOK "pid", 0);
	write_num(HOOK "delay_read_us", 0);
	write_num(HOOK "delay_count_us", 0);
	write_num(HOOK "hits", 0);
	if (!ms)
		return;
	write_num(window, ms * 1000);
	write_num(HOOK "pid", getpid());
}

/* An update that does not wait returns while the walk is still inside. */
static void run_update(struct memmap *m)
{
	m->update_error = m->update(m);
	m->early = read_num(HOOK "inside") && read_num(HOOK "hits") == 1;
	m->update_end = now_ms();
}

/* The update starts when the walk is inside, and may end before or after it. */
static void *updater(void *arg)
{
	struct memmap *m = arg;

	while (!__atomic_load_n(&m->go, __ATOMIC_ACQUIRE) ||
	       !read_num(HOOK "hits"))
		usleep(500);
	run_update(m);
	return NULL;
}

/* Returns whether the walk took a reference. */
static bool pin(struct memmap *m)
{
	struct pin_longterm_test args = {
		.addr = (uintptr_t)m->page,
		.size = psize(),
		.flags = PIN_LONGTERM_TEST_FLAG_USE_FAST |
			 PIN_LONGTERM_TEST_FLAG_USE_WRITE,
	};
	int ret;

	__atomic_store_n(&m->go, true, __ATOMIC_RELEASE);
	ret = ioctl(m->gup, PIN_LONGTERM_TEST_START, &args);
	m->pin_end = now_ms();
	m->hits = read_num(HOOK "hits");
	write_num(HOOK "pid", 0);
	ioctl(m->gup, PIN_LONGTERM_TEST_STOP);
	return !ret;
}

/* Restore the device: bind it to the driver that allows to map it. */
static void give_dax_back(void)
{
	if (!access(DAX_DRIVERS "kmem/" DAX, F_OK)) {
		write_word(DAX_DRIVERS "kmem/unbind", DAX);
		write_word(DAX_DRIVERS "kmem/remove_id", DAX);
	}
	if (!access(DAX_DRIVERS "device_dax", F_OK) &&
	    access(DAX_DRIVERS "device_dax/" DAX, F_OK))
		write_word(DAX_DRIVERS "device_dax/bind", DAX);
}

FIXTURE(gup_fast_memmap)
{
	struct memmap m;
	unsigned long nr_hugepages, overcommit, optimize;
	char auto_online[32];
};

FIXTURE_SETUP(gup_fast_memmap)
{
	struct memmap *m = &self->m;

	memset(self, 0, sizeof(*self));
	m->block = -1;
	m->gup = open("/sys/kernel/debug/gup_test", O_RDWR);
	if (m->gup < 0 || access(HOOK "delay_count_us", W_OK))
		SKIP(return, "needs root, CONFIG_GUP_TEST, CONFIG_DEBUG_LOCKLESS_WALK");
	m->pagemap = open("/proc/self/pagemap", O_RDONLY);
	m->kpageflags = open("/proc/kpageflags", O_RDONLY);
	ASSERT_GE(m->pagemap, 0);
	ASSERT_GE(m->kpageflags, 0);
	m->pmd_size = read_pmd_pagesize();
	if (!m->pmd_size)
		SKIP(return, "needs THP");
	if (!access(HUGETLB "nr_hugepages", R_OK)) {
		self->nr_hugepages = read_num(HUGETLB "nr_hugepages");
		self->overcommit = read_num(HUGETLB "nr_overcommit_hugepages");
	}
	if (!access(HUGETLB "hugetlb_optimize_vmemmap", R_OK))
		self->optimize = read_num(HUGETLB "hugetlb_optimize_vmemmap");
	read_word(MEMORY "auto_online_blocks", self->auto_online, sizeof(self->auto_online));
}

FIXTURE_TEARDOWN(gup_fast_memmap)
{
	struct memmap *m = &self->m;

	if (m->gup < 0 || !m->pmd_size)
		return;
	set_hook(NULL, 0);
	if (m->area)
		munmap(m->area, m->area_size);
	give_dax_back();
	if (self->auto_online[0])
		write_word(MEMORY "auto_online_blocks", self->auto_online);
	if (!access(HUGETLB "hugetlb_optimize_vmemmap", R_OK)) {
		write_num(HUGETLB "nr_hugepages", self->nr_hugepages);
		write_num(HUGETLB "nr_overcommit_hugepages", self->overcommit);
		write_num(HUGETLB "hugetlb_optimize_vmemmap", self->optimize);
	}
}

/* ---- The page becomes a tail page of an optimized hugetlb folio. ---- */

static void *map_aligned(size_t size, size_t align)
{
	char *p = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *q = (char *)(((uintptr_t)p + align - 1) & -align);

	if (p == MAP_FAILED)
		return NULL;
	munmap(p, q - p);
	munmap(q + size, p + align - q);
	return q;
}

/* Small pages that fill blocks of huge page size: collapse to THPs, then split. */
static const char *map_blocks(struct memmap *m)
{
	char cmd[96];

	m->area_size = BLOCKS * m->pmd_size;
	m->area = map_aligned(m->area_size, m->pmd_size);
	if (!m->area)
		return "needs memory";
	madvise(m->area, m->area_size, MADV_HUGEPAGE);
	/* Fill them, because a split may replace zero-filled pages by the zero page. */
	memset(m->area, 1, m->area_size);
	if (madvise(m->area, m->area_size, MADV_COLLAPSE))
		return "needs THPs";
	snprintf(cmd, sizeof(cmd), "%d,%p,%p", getpid(), m->area, m->area + m->area_size);
	if (write_word("/sys/kernel/debug/split_huge_pages", cmd))
		return "needs split_huge_pages in debugfs";

	/* Use the last page of the first block: its struct page becomes read-only. */
	m->page = m->area + m->pmd_size - psize();
	m->pfn = pagemap_get_pfn(m->pagemap, m->page);
	if (pagemap_get_pfn(m->pagemap, m->area) + m->pmd_size / psize() - 1 != m->pfn ||
	    (m->pfn + 1) % (m->pmd_size / psize()))
		return "needs physically contiguous pages";
	return NULL;
}

static bool in_hugetlb(struct memmap *m)
{
	uint64_t flags = 0;

	if (pread(m->kpageflags, &flags, sizeof(flags), m->pfn * sizeof(flags)) !=
	    sizeof(flags))
		return false;
	return flags & KPF_HUGE;
}

/* Many folios at once: hugetlb_vmemmap_optimize_folios(). */
static int take_by_list(struct memmap *m)
{
	write_num(HUGETLB "nr_hugepages", read_num(HUGETLB "nr_hugepages") + 2 * BLOCKS);
	return 0;
}

/* One by one, as surplus: hugetlb_vmemmap_optimize_folio(). */
static int take_singly(struct memmap *m)
{
	size_t size = 2 * BLOCKS * m->pmd_size;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int free_and_take(struct memmap *m, int (*take)(struct memmap *m))
{
	if (munmap(m->area, m->area_size))
		return errno;
	m->area = NULL;
	return take(m);
}

static int update_list(struct memmap *m)
{
	return free_and_take(m, take_by_list);
}

static int update_single(struct memmap *m)
{
	return free_and_take(m, take_singly);
}

/*
 * CPU 0: pin			CPU 1: munmap, allocate huge pages
 * read the count of P: 1
 *				free P; it is a tail page of a hugetlb folio
 *				make its struct page read-only
 * compare and exchange the count: oops
 */
static void hugetlb_takes_page(struct __test_metadata *_metadata,
			       struct memmap *m, int (*update)(struct memmap *m))
{
	const uint64_t end = now_ms() + ATTEMPTS_MS;
	const char *why;
	pthread_t thread;
	int taken = 0;
	bool late;

	if (access(HUGETLB "hugetlb_optimize_vmemmap", W_OK))
		SKIP(return, "needs CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP");
	write_num(HUGETLB "nr_hugepages", 0);
	write_num(HUGETLB "hugetlb_optimize_vmemmap", 1);
	write_num(HUGETLB "nr_overcommit_hugepages", update == update_single ? 4096 : 0);

	for (int i = 0; i < ATTEMPTS && !taken && now_ms() < end; i++) {
		m->go = false;
		m->update = update;
		why = map_blocks(m);
		if (why)
			SKIP(return, "%s", why);
		ASSERT_EQ(0, pthread_create(&thread, NULL, updater, m));
		set_hook(HOOK "delay_count_us", HOLD_MS);
		late = pin(m);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		ASSERT_EQ(0, m->update_error);
		/* On a busy machine the page may not be freed in time. */
		if (late || !in_hugetlb(m))
			continue;
		taken++;
		EXPECT_GE(m->hits, 1);
		EXPECT_FALSE(m->early);
	}
	if (!taken)
		SKIP(return, "the page never was in a hugetlb folio");
}

TEST_F_TIMEOUT(gup_fast_memmap, hugetlb_list, 120)
{
	hugetlb_takes_page(_metadata, &self->m, update_list);
}

TEST_F_TIMEOUT(gup_fast_memmap, hugetlb_single, 120)
{
	hugetlb_takes_page(_metadata, &self->m, update_single);
}

/* ---- The page's memory goes offline. ---- */

static int set_state(int block, const char *state)
{
	char path[64];

	snprintf(path, sizeof(path), MEMORY "memory%d/state", block);
	return write_word(path, state);
}

static uint64_t pages_in_block(void)
{
	FILE *f = fopen(MEMORY "block_size_bytes", "r");
	unsigned long size = 0;

	if (!f || fscanf(f, "%lx", &size) != 1)
		size = 0;
	if (f)
		fclose(f);
	return size / psize();
}

static bool block_exists(int block)
{
	char path[64];

	snprintf(path, sizeof(path), MEMORY "memory%d", block);
	return !access(path, F_OK);
}

static void note_blocks(bool *there)
{
	for (int block = 0; block < MAX_BLOCKS; block++)
		there[block] = block_exists(block);
}

/* The node of a memory block, or -1. */
static int node_of(int block)
{
	char path[64];

	for (int node = 0; node < 64; node++) {
		snprintf(path, sizeof(path), MEMORY "memory%d/node%d", block, node);
		if (!access(path, F_OK))
			return node;
	}
	return -1;
}

/* Find the highest block that can be offlined, and online it as movable again. */
static int movable_block(void)
{
	DIR *dir = opendir(MEMORY);
	struct dirent *d;
	int block, max = -1;

	while (dir && (d = readdir(dir)))
		if (sscanf(d->d_name, "memory%d", &block) == 1 && block > max)
			max = block;
	if (dir)
		closedir(dir);
	for (block = max; block > 0; block--) {
		if (set_state(block, "offline"))
			continue;
		if (!set_state(block, "online_movable"))
			return block;
		set_state(block, "online");
	}
	return -1;
}

/* A page of this test in the block that goes offline. */
struct victim {
	char *page;
	uint64_t pfn;
};

/* Fill part of the block, and find the first and last page of the test in it. */
static bool fill_block(struct memmap *m, struct victim *first, struct victim *last)
{
	uint64_t size = pages_in_block(), pfn;
	unsigned long mask = 1UL << node_of(m->block);
	int ours = 0;

	m->area_size = size * psize();
	m->area = mmap(NULL, m->area_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->area == MAP_FAILED) {
		m->area = NULL;
		return false;
	}
	madvise(m->area, m->area_size, MADV_NOHUGEPAGE);
	/* Use MPOL_BIND here. MPOL_DEFAULT below lets pages migrate to any node. */
	syscall(SYS_mbind, m->area, m->area_size, 2, &mask, 65, 0);
	first->pfn = -1;
	last->pfn = 0;
	for (char *p = m->area; p < m->area + m->area_size && ours < FILL_PAGES; p += psize()) {
		*p = 1;
		pfn = pagemap_get_pfn(m->pagemap, p);
		if (pfn / size != (uint64_t)m->block)
			continue;
		ours++;
		if (pfn < first->pfn)
			*first = (struct victim) { p, pfn };
		if (pfn > last->pfn)
			*last = (struct victim) { p, pfn };
	}
	syscall(SYS_mbind, m->area, m->area_size, 0, NULL, 0, 0);
	return ours > FILL_PAGES / 2;
}

static bool moved(struct memmap *m, const struct victim *v)
{
	return pagemap_get_pfn(m->pagemap, v->page) != v->pfn;
}

static void *offliner(void *arg)
{
	struct memmap *m = arg;

	run_update(m);
	return NULL;
}

static int update_offline(struct memmap *m)
{
	return set_state(m->block, "offline");
}

/* Online again at once, while the walk may still access the struct page. */
static int update_offline_online(struct memmap *m)
{
	return set_state(m->block, "offline") ?: set_state(m->block, "online_movable");
}

/*
 * CPU 0: pin			CPU 1: offline memory
 * read pte: P
 *				migrate P, take it off the free lists
 *				poison its struct page, initialise it again
 * take a reference on P
 *
 * Offlining also happens to wait for walks before it begins. So the walk must
 * start later: when pages at one end of the block have been migrated, but P at
 * the other end has not.
 */
static void memory_goes_offline(struct __test_metadata *_metadata,
				struct memmap *m, int (*update)(struct memmap *m))
{
	struct victim first, last, *rest;
	pthread_t thread;

	if (!fill_block(m, &first, &last))
		SKIP(return, "needs pages in the block");

	m->update = update;
	set_hook(HOOK "delay_read_us", OFFLINE_HOLD_MS);
	ASSERT_EQ(0, pthread_create(&thread, NULL, offliner, m));
	while (!moved(m, &first) && !moved(m, &last) && !m->update_end)
		;
	rest = moved(m, &first) ? &last : &first;
	m->page = rest->page;
	EXPECT_FALSE(moved(m, rest));
	pin(m);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, m->update_error);
	EXPECT_GE(m->hits, 1);
	EXPECT_FALSE(m->early);
	TH_LOG("memory block %d; the update was over %lld ms %s the walk", m->block,
	       llabs((long long)(m->update_end - m->pin_end)),
	       m->update_end < m->pin_end ? "before" : "after");
}

/* The same test with memory that was present at boot. */
static void block_goes_offline(struct __test_metadata *_metadata,
			       struct memmap *m, int (*update)(struct memmap *m))
{
	if (access(MEMORY "block_size_bytes", R_OK))
		SKIP(return, "needs CONFIG_MEMORY_HOTREMOVE");
	m->block = movable_block();
	if (m->block < 0)
		SKIP(return, "needs a block of memory that can be offlined");
	memory_goes_offline(_metadata, m, update);
	set_state(m->block, "offline");
	EXPECT_EQ(0, set_state(m->block, "online_kernel"));
}

TEST_F_TIMEOUT(gup_fast_memmap, offline, 120)
{
	block_goes_offline(_metadata, &self->m, update_offline);
}

TEST_F_TIMEOUT(gup_fast_memmap, offline_online, 120)
{
	block_goes_offline(_metadata, &self->m, update_offline_online);
}

/* ---- The memory of the page goes away, and its struct page with it. ---- */

static int update_remove(struct memmap *m)
{
	return set_state(m->block, "offline") ?:
	       write_word(DAX_DRIVERS "kmem/unbind", DAX);
}

/* Hand device memory to the kernel as system RAM, and online one block of it. */
static int dax_block(void)
{
	bool old[MAX_BLOCKS];

	note_blocks(old);
	if (write_word(MEMORY "auto_online_blocks", "offline") ||
	    write_word(DAX_DRIVERS "device_dax/unbind", DAX) ||
	    write_word(DAX_DRIVERS "kmem/new_id", DAX))
		return -1;
	for (int block = 0; block < MAX_BLOCKS; block++)
		if (!old[block] && !set_state(block, "online_movable"))
			return block;
	return -1;
}

TEST_F_TIMEOUT(gup_fast_memmap, remove, 120)
{
	if (access("/dev/" DAX, R_OK) || access(DAX_DRIVERS "kmem", F_OK))
		SKIP(return, "needs /dev/" DAX ", CONFIG_DEV_DAX_KMEM");
	self->m.block = dax_block();
	if (self->m.block < 0)
		SKIP(return, "needs a whole memory block in " DAX);
	memory_goes_offline(_metadata, &self->m, update_remove);
	EXPECT_FALSE(block_exists(self->m.block));
}

static int update_unbind(struct memmap *m)
{
	return write_word(DAX_DRIVERS "device_dax/unbind", DAX);
}

/*
 * CPU 0: pin			CPU 1: unbind the driver of a device
 * read pmd: P
 *				unmap P, remove its struct page
 * take a reference on P
 */
TEST_F_TIMEOUT(gup_fast_memmap, device_unbind, 120)
{
	struct memmap *m = &self->m;
	pthread_t thread;
	int fd = open("/dev/" DAX, O_RDWR);

	if (fd < 0)
		SKIP(return, "needs /dev/" DAX);
	m->area_size = m->pmd_size;
	m->area = mmap(NULL, m->area_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	ASSERT_NE(MAP_FAILED, m->area);
	*m->area = 1;
	m->page = m->area;
	m->update = update_unbind;
	ASSERT_EQ(0, pthread_create(&thread, NULL, updater, m));
	set_hook(HOOK "delay_read_us", HOLD_MS);
	pin(m);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, m->update_error);
	EXPECT_GE(m->hits, 1);
	EXPECT_FALSE(m->early);
}

TEST_HARNESS_MAIN
