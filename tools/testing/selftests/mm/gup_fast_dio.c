// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct I/O into memory whose page tables change: the data of a read must be in
 * the pages that are mapped.
 *
 * Half of the CPUs read blocks of a disk with O_DIRECT, which pins the target by
 * GUP-fast. Each reader has a partner on another CPU, which meanwhile collapses,
 * splits, moves, migrates, pages out or replaces that memory. Each block of the
 * disk holds its number and a generation in every word. The reader scribbles over
 * the target before each read, and checks it afterwards.
 *
 * If only operations that preserve content ran meanwhile, the read must be complete
 * and correct. Other operations allow more results:
 *
 *   moved (mremap), or not writable for a while (mprotect): the read may be
 *	short or fail with EFAULT. The part that it reports as read must be in the
 *	memory that was the target, wherever that is now. Each sector beyond that
 *	has either the data of the block or the scribble.
 *   replaced page (munmap, mmap): a sector in it may also be zero.
 *
 * Moves, mprotect and replacement take a lock, which the reader holds while it
 * scribbles and checks, but not while it reads. All others may run at any time.
 *
 *	-s seed		repeat the choices of another run (not its timing)
 *	-t seconds	how long, 10 by default
 *	-d device	a block device, whose content is lost; by default a loop device
 *			on a memfd, which exists only during the test
 *	-w us		with CONFIG_DEBUG_LOCKLESS_WALK: delay each walk by this time
 *			between reading entries and taking references
 *	-m		count a sector that is right a moment later, but do not treat it
 *			as wrong: a lost pin lasts, but an emulated CPU may use a
 *			translation shortly after its invalidation
 *	-a		aim: one reader that reads a single page at a time, and a
 *			partner that pages it out while the walk is in the window of
 *			-w (100 ms by default)
 */
#define _GNU_SOURCE
#include <asm-generic/mman.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
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
#include <time.h>
#include <unistd.h>
#include "kselftest.h"
#include "vm_util.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define HOOK		DEBUGFS "lockless_walk/"
#define MPOL_MOVE	2

#define BIT(n)		(1U << (n))

#define MAX_PAIRS	8
#define SECTOR		512
#define SECTOR_WORDS	(SECTOR / sizeof(uint64_t))
#define SPARE_PAGES	64
#define BLOCKS		1024	/* of the disk, for each pair; at least 256 */
#define PLACES		3	/* between which memory is moved */
#define REPORTED	4	/* wrong sectors shown for each phase */
#define SCRIBBLE	(1ull << 63)

enum op { COLLAPSE, SPLIT, PROTECT, REPLACE, MOVE, MIGRATE, PAGEOUT, NR_OPS };

/* The operations on the memory in one part of the test. */
struct phase {
	const char *name;
	unsigned int ops;
};

static const struct phase phases[] = {
	{ "collapse and split", BIT(COLLAPSE) | BIT(SPLIT) | BIT(PROTECT) },
	{ "mremap", BIT(MOVE) | BIT(COLLAPSE) },
	{ "munmap and mmap", BIT(REPLACE) | BIT(COLLAPSE) },
	{ "migrate", BIT(MIGRATE) },
	{ "page out", BIT(PAGEOUT) },
	{ "all of it", BIT(NR_OPS) - 1 },
};

static const char * const op_name[] = {
	"collapse", "split", "mprotect", "replace", "mremap", "migrate", "page out",
};

/* A reader and its partner. The target has size bytes, starting at base. */
struct pair {
	int index, disk, place;
	pthread_t thread[2];
	unsigned int seed[2];
	char *area, *base, *buf, *spare;
	uint64_t first;		/* block on the disk */
	uint32_t *generation;	/* of each block */

	atomic_flag lock;
	unsigned int barred;	/* moves and mprotects so far */
	unsigned int replacement, *replaced;	/* the last one, also per page */

	atomic_size_t aim;	/* the page that is being read */
	unsigned int round;
	unsigned long reads, failed_reads, changed_reads, wrong, momentary;
	atomic_ulong done[NR_OPS];
};

/* One read. */
struct target {
	size_t page, pages;
	uint64_t block;
	ssize_t ret;
	unsigned int barred, replacement;
	unsigned long changes;
};

static struct pair pairs[MAX_PAIRS];
static int nr_pairs, nr_cpus, cpu[CPU_SETSIZE], pagemap, kpageflags;
static size_t page_size, pmd_size, size, blocks;
static unsigned int seed, seconds = 10, delay_us;
static const char *device;
static bool aimed, look_again, numa, swap, debug_split;
static unsigned int ops, all_ops;
static unsigned long all_done[NR_OPS];
static atomic_bool stop;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void run_on(int n)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu[n % nr_cpus], &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void lock(struct pair *p)
{
	while (atomic_flag_test_and_set_explicit(&p->lock, memory_order_acquire))
		sched_yield();
}

static void unlock(struct pair *p)
{
	atomic_flag_clear_explicit(&p->lock, memory_order_release);
}

static unsigned long changes(struct pair *p)
{
	unsigned long n = 0;

	for (int i = 0; i < NR_OPS; i++)
		n += atomic_load_explicit(&p->done[i], memory_order_relaxed);
	return n;
}

static char *map(char *addr, size_t len, int prot)
{
	return mmap(addr, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		    (addr ? MAP_FIXED : 0), -1, 0);
}

/* ---- Content. ---- */

static uint64_t data_word(struct pair *p, uint64_t block, size_t i)
{
	return (uint64_t)(p->generation[block] & 0x7fff) << 48 |
	       (p->first + block) << 16 | i;
}

static uint64_t scribble_word(struct pair *p, size_t i)
{
	return SCRIBBLE | (uint64_t)p->round << 16 | i;
}

static void scribble(struct pair *p, const struct target *t)
{
	uint64_t *word = (void *)(p->base + t->page * page_size);

	for (size_t i = 0; i < t->pages * page_size / sizeof(*word); i++)
		word[i] = scribble_word(p, i & 0xffff);
}

/* Write new content to some blocks of the disk, from memory that does not change. */
static bool write_blocks(struct pair *p, uint64_t block, size_t n)
{
	uint64_t *word = (void *)p->buf;
	size_t words = page_size / sizeof(*word);

	for (size_t b = 0; b < n; b++) {
		p->generation[block + b] = p->generation[block + b] % 0x7fff + 1;
		for (size_t i = 0; i < words; i++)
			word[b * words + i] = data_word(p, block + b, i);
	}
	return pwrite(p->disk, p->buf, n * page_size,
		      (p->first + block) * page_size) == (ssize_t)(n * page_size);
}

static bool sector_is(struct pair *p, const struct target *t, size_t pos, char what)
{
	const uint64_t *word = (void *)(p->base + t->page * page_size + pos);
	uint64_t block = t->block + pos / page_size, want = 0;

	for (size_t i = 0; i < SECTOR_WORDS; i++) {
		if (what == 'd')
			want = data_word(p, block, pos % page_size / sizeof(*word) + i);
		else if (what == 's')
			want = scribble_word(p, (pos / sizeof(*word) + i) & 0xffff);
		if (word[i] != want)
			return false;
	}
	return true;
}

static bool legal(struct pair *p, const struct target *t, size_t pos)
{
	bool replaced = p->replaced[t->page + pos / page_size] > t->replacement;

	if (sector_is(p, t, pos, 'd'))
		return true;
	if (replaced && sector_is(p, t, pos, 0))
		return true;
	return t->ret < (ssize_t)(pos + SECTOR) && sector_is(p, t, pos, 's');
}

static const char *origin(struct pair *p, uint64_t word)
{
	if (word & SCRIBBLE)
		return (uint32_t)(word >> 16) == p->round ? "the scribble" : "an older scribble";
	return word ? "a block" : "nobody";
}

static void report(struct pair *p, const struct target *t, size_t pos)
{
	const uint64_t *word = (void *)(p->base + t->page * page_size + pos);
	const char *first = origin(p, word[0]);
	size_t i = 0;

	if (p->wrong++ >= REPORTED)
		return;
	while (i < SECTOR_WORDS - 1 && origin(p, word[i]) == first)
		i++;
	ksft_print_msg("reader %d round %u: %zd of %zu bytes read from block %llu to page %zu: at byte %zu is %#llx of %s, at word %zu %#llx of %s\n",
		       p->index, p->round, t->ret, t->pages * page_size,
		       (unsigned long long)(p->first + t->block), t->page, pos,
		       (unsigned long long)word[0], first,
		       i, (unsigned long long)word[i], origin(p, word[i]));
}

static unsigned long look(struct pair *p, const struct target *t, bool last)
{
	unsigned long illegal = 0;

	for (size_t pos = 0; pos < t->pages * page_size; pos += SECTOR) {
		if (legal(p, t, pos))
			continue;
		illegal++;
		if (last)
			report(p, t, pos);
	}
	return illegal;
}

static void check(struct pair *p, const struct target *t)
{
	ssize_t len = t->pages * page_size;
	bool barred = p->barred != t->barred;
	unsigned long illegal, again;

	p->reads++;
	p->failed_reads += t->ret < len;
	p->changed_reads += changes(p) != t->changes;
	if (t->ret < len && !barred && p->wrong++ < REPORTED)
		ksft_print_msg("reader %d round %u: %zd of %zd bytes were read, %s\n",
			       p->index, p->round, t->ret, len, strerror(errno));

	illegal = look(p, t, !look_again);
	if (illegal && look_again) {
		usleep(10000);
		again = look(p, t, true);
		p->momentary += illegal > again ? illegal - again : 0;
	}
}

/* ---- The reader. ---- */

static size_t below(unsigned int *s, size_t n)
{
	return rand_r(s) % n;
}

/* Most reads are short. Some are as long as one bio can be. */
static void choose(struct pair *p, struct target *t)
{
	size_t most = size / page_size < 256 ? size / page_size : 256;
	unsigned int *s = &p->seed[0];

	t->pages = 1 + below(s, aimed ? 1 : below(s, 8) ? 8 : most);
	t->page = below(s, size / page_size - t->pages + 1);
	t->block = below(s, blocks - t->pages + 1);
}

static void *reader(void *arg)
{
	struct pair *p = arg;

	run_on(2 * p->index);
	while (!stop) {
		struct target t;
		char *addr;

		choose(p, &t);
		p->round++;
		if (!aimed && !below(&p->seed[0], 4) && !write_blocks(p, t.block, t.pages))
			ksft_exit_fail_perror("writing the disk");

		lock(p);
		scribble(p, &t);
		t.barred = p->barred;
		t.replacement = p->replacement;
		t.changes = changes(p);
		addr = p->base + t.page * page_size;
		p->aim = t.page;
		unlock(p);
		/* Drain LRU batches of this CPU: pages in them cannot be isolated. */
		if (aimed || p->round & 1)
			madvise(p->buf, page_size, MADV_COLD);

		t.ret = pread(p->disk, addr, t.pages * page_size,
			      (p->first + t.block) * page_size);

		lock(p);
		check(p, &t);
		unlock(p);
	}
	return NULL;
}

/* ---- The partner. Operations return true if they had an effect. ---- */

static bool collapse(struct pair *p, char *addr, size_t len)
{
	return !madvise(p->base, size, MADV_COLLAPSE);
}

static bool is_large(char *addr)
{
	const uint64_t compound = 3ull << 15; /* KPF_COMPOUND_HEAD, _TAIL */
	uint64_t flags;

	return !pageflags_get(pagemap_get_pfn(pagemap, addr), kpageflags, &flags) &&
	       flags & compound;
}

static bool split(struct pair *p, char *addr, size_t len)
{
	bool was_large = is_large(addr);
	int fd = open(DEBUGFS "split_huge_pages", O_WRONLY);
	char cmd[64];
	ssize_t n;

	if (fd < 0)
		return false;
	n = snprintf(cmd, sizeof(cmd), "%d,%p,%p", getpid(), addr, addr + len);
	n = write(fd, cmd, n);
	close(fd);
	return n > 0 && was_large && !is_large(addr);
}

static bool protect(struct pair *p, char *addr, size_t len)
{
	bool ok;

	p->barred++;
	ok = !mprotect(addr, page_size, PROT_READ);
	return ok & !mprotect(addr, page_size, PROT_READ | PROT_WRITE);
}

static bool replace(struct pair *p, char *addr, size_t len)
{
	p->replaced[(addr - p->base) / page_size] = ++p->replacement;
	if (map(addr, page_size, PROT_READ | PROT_WRITE) != addr)
		ksft_exit_fail_perror("mmap");
	return !madvise(addr, page_size, MADV_HUGEPAGE);
}

/*
 * Move to another place. The last place is not aligned to a PMD. Each address
 * always maps the same page, or none, because two moves may happen before the
 * walk of a read.
 */
static bool move(struct pair *p, char *addr, size_t len)
{
	int place = (p->place + 1 + below(&p->seed[1], PLACES - 1)) % PLACES;
	char *old = p->base, *to = p->area + place * (size + pmd_size);

	if (place == PLACES - 1)
		to += page_size;
	p->barred++;
	if (mremap(old, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
		return false;
	p->base = to;
	p->place = place;
	if (map(old, size, PROT_NONE) != old)
		ksft_exit_fail_perror("mmap");
	return true;
}

static bool migrate(struct pair *p, char *addr, size_t len)
{
	int n = len / page_size, node[n], status[n];
	void *page[n];

	for (int i = 0; i < n; i++)
		page[i] = addr + i * page_size;
	if (syscall(SYS_move_pages, 0, n, page, NULL, status, 0) < 0)
		return false;
	for (int i = 0; i < n; i++)
		node[i] = status[i] != 1;
	if (syscall(SYS_move_pages, 0, n, page, node, status, MPOL_MOVE) < 0)
		return false;
	for (int i = 0; i < n; i++)
		if (status[i] == node[i])
			return true;
	return false;
}

static bool page_out(struct pair *p, char *addr, size_t len)
{
	if (madvise(addr, len, MADV_PAGEOUT))
		return false;
	/* pagemap_is_swapped() reads twice, and fails the test if a page came back meanwhile. */
	for (size_t pos = 0; pos < len; pos += page_size)
		if (pagemap_get_entry(pagemap, addr + pos) & PM_SWAP)
			return true;
	return false;
}

static bool (* const do_op[])(struct pair *p, char *addr, size_t len) = {
	collapse, split, protect, replace, move, migrate, page_out,
};

/*
 * The page allocator returns pages first that this CPU freed last. So if a page was
 * freed too early, a write to it goes to the spare pages.
 */
static void reuse_freed_pages(struct pair *p)
{
	for (size_t i = 0; i < SPARE_PAGES; i++)
		p->spare[i * page_size] = 1;
}

static enum op choose_op(struct pair *p)
{
	for (;;) {
		enum op op = below(&p->seed[1], NR_OPS);

		if (ops & BIT(op))
			return op;
	}
}

/* Choose a range, mostly where the reader is now. */
static char *choose_range(struct pair *p, size_t *len)
{
	unsigned int *s = &p->seed[1];
	size_t pages = 1 + below(s, aimed ? 1 : below(s, 4) ? 8 : 64);
	size_t all = size / page_size, page = p->aim;

	if (!aimed && !below(s, 4))
		page = below(s, all);
	if (page + pages > all)
		page = all - pages;
	*len = pages * page_size;
	return p->base + page * page_size;
}

/* Wait until the walk is in its window. */
static void wait_for_walk(void)
{
	while (!stop && !read_num(HOOK "hits"))
		;
	write_num(HOOK "hits", 0);
}

static void *partner(void *arg)
{
	struct pair *p = arg;

	run_on(2 * p->index + 1);
	while (!stop) {
		enum op op = choose_op(p);
		bool locked = BIT(op) & (BIT(PROTECT) | BIT(REPLACE) | BIT(MOVE));
		size_t len;
		char *addr;

		if (aimed)
			wait_for_walk();
		if (locked)
			lock(p);
		madvise(p->spare, SPARE_PAGES * page_size, MADV_DONTNEED);
		addr = choose_range(p, &len);
		if (do_op[op](p, addr, len))
			atomic_fetch_add_explicit(&p->done[op], 1, memory_order_relaxed);
		if (locked)
			unlock(p);
		reuse_freed_pages(p);
		usleep(below(&p->seed[1], 100));
	}
	return NULL;
}

/* ---- Both together. ---- */

static unsigned int available(unsigned int wanted)
{
	if (!numa)
		wanted &= ~BIT(MIGRATE);
	if (!swap)
		wanted &= ~BIT(PAGEOUT);
	if (!debug_split)
		wanted &= ~BIT(SPLIT);
	return wanted;
}

static void run(double time)
{
	struct timespec ts = { time, (time - (long)time) * 1e9 };

	stop = false;
	for (int i = 0; i < nr_pairs; i++) {
		struct pair *p = &pairs[i];

		p->reads = p->failed_reads = p->changed_reads = 0;
		p->wrong = p->momentary = 0;
		for (int op = 0; op < NR_OPS; op++)
			p->done[op] = 0;
		if (pthread_create(&p->thread[0], NULL, reader, p) ||
		    pthread_create(&p->thread[1], NULL, partner, p))
			ksft_exit_fail_msg("no thread\n");
	}
	nanosleep(&ts, NULL);
	stop = true;
	for (int i = 0; i < nr_pairs; i++)
		for (int j = 0; j < 2; j++)
			pthread_join(pairs[i].thread[j], NULL);
}

/* Count and print how often each operation of this phase was done. */
static void count_done(void)
{
	for (int op = 0; op < NR_OPS; op++) {
		unsigned long n = 0;

		if (!(ops & BIT(op)))
			continue;
		for (int i = 0; i < nr_pairs; i++)
			n += pairs[i].done[op];
		ksft_print_msg("%s: %lu times\n", op_name[op], n);
		all_ops |= BIT(op);
		all_done[op] += n;
	}
}

/* On a busy machine, not each operation may run in each phase. */
static bool all_happened(void)
{
	for (int op = 0; op < NR_OPS; op++)
		if ((all_ops & BIT(op)) && !all_done[op])
			return false;
	return true;
}

static void one(const struct phase *phase, double time)
{
	unsigned long reads = 0, failed = 0, changed = 0, wrong = 0, momentary = 0;

	ops = available(phase->ops);
	if (!(ops & ~BIT(COLLAPSE))) {
		ksft_test_result_skip("%s: needs %s\n", phase->name,
				      phase->ops & BIT(MIGRATE) ? "two NUMA nodes" : "swap");
		return;
	}
	run(time);
	for (int i = 0; i < nr_pairs; i++) {
		reads += pairs[i].reads;
		failed += pairs[i].failed_reads;
		changed += pairs[i].changed_reads;
		wrong += pairs[i].wrong;
		momentary += pairs[i].momentary;
	}
	ksft_print_msg("%lu reads, %lu with a change meanwhile, %lu short or failed, %lu wrong\n",
		       reads, changed, failed, wrong);
	if (momentary)
		ksft_print_msg("%lu sectors wrong for a moment\n", momentary);
	count_done();
	ksft_test_result(changed && !wrong, "%s\n", phase->name);
}

/* Pages are paged out and allocated by others without a wait for the walk. */
static void run_aimed(void)
{
	static const struct phase phase = { "page out in the window", BIT(PAGEOUT) };

	ksft_set_plan(1);
	one(&phase, seconds);
}

static void run_all(void)
{
	ksft_set_plan(ARRAY_SIZE(phases) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
		one(&phases[i], (double)seconds / ARRAY_SIZE(phases));
	ksft_test_result(all_happened(), "every kind of change happened\n");
}

/* ---- Set-up. ---- */

static bool has_line(const char *file, int nr)
{
	FILE *f = fopen(file, "r");
	char line[256];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n++;
	if (f)
		fclose(f);
	return n >= nr;
}

static void find_cpus(void)
{
	cpu_set_t set;

	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			cpu[nr_cpus++] = i;
	nr_pairs = nr_cpus / 2 < MAX_PAIRS ? nr_cpus / 2 : MAX_PAIRS;
	if (aimed && nr_pairs)
		nr_pairs = 1;
	if (!nr_pairs)
		ksft_exit_skip("needs 2 CPUs\n");
}

/* A loop device backed by memory. The kernel detaches it after the last close. */
static void make_disk(void)
{
	static char path[32];
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int nr, disk = -1, ctl = open("/dev/loop-control", O_RDWR);

	config.fd = memfd_create("gup_fast_dio", 0);
	if (config.fd < 0 || ftruncate(config.fd, nr_pairs * BLOCKS * page_size))
		ksft_exit_fail_perror("memfd");
	/* Another process may take the free device first. */
	for (int try = 0; ctl >= 0 && try < 10; try++) {
		nr = ioctl(ctl, LOOP_CTL_GET_FREE);
		snprintf(path, sizeof(path), "/dev/loop%d", nr);
		disk = nr < 0 ? -1 : open(path, O_RDWR);
		if (disk >= 0 && !ioctl(disk, LOOP_CONFIGURE, &config))
			break;
		if (disk >= 0)
			close(disk);
		disk = -1;
	}
	if (disk < 0)
		ksft_exit_skip("needs root and a loop device (CONFIG_BLK_DEV_LOOP), or -d device\n");
	close(ctl);
	close(config.fd);
	/* @disk stays open until the test ends, so the device stays, too. */
	device = path;
}

static void find_disk(void)
{
	uint64_t bytes = 0;
	int fd;

	if (!device)
		make_disk();
	fd = open(device, O_RDONLY);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		ksft_exit_skip("needs root, and a block device at %s\n", device);
	close(fd);
	blocks = bytes / page_size / nr_pairs;
	if (blocks > BLOCKS)
		blocks = BLOCKS;
	if (blocks < 256)
		ksft_exit_skip("needs %zu KiB at %s\n", nr_pairs * 256 * page_size / 1024, device);
}

static void set_up(struct pair *p, int index)
{
	p->index = index;
	p->seed[0] = seed + 2 * index;
	p->seed[1] = seed + 2 * index + 1;
	p->first = index * blocks;
	p->disk = open(device, O_RDWR | O_DIRECT);
	p->generation = calloc(blocks, sizeof(*p->generation));
	p->replaced = calloc(size / page_size, sizeof(*p->replaced));
	p->buf = map(NULL, 256 * page_size, PROT_READ | PROT_WRITE);
	p->spare = map(NULL, SPARE_PAGES * page_size, PROT_READ | PROT_WRITE);
	p->area = map(NULL, PLACES * (size + pmd_size) + pmd_size, PROT_NONE);
	if (p->disk < 0 || !p->generation || !p->replaced || p->buf == MAP_FAILED ||
	    p->spare == MAP_FAILED || p->area == MAP_FAILED)
		ksft_exit_fail_perror("set-up");
	madvise(p->spare, SPARE_PAGES * page_size, MADV_NOHUGEPAGE);
	p->area = (char *)(((uintptr_t)p->area + pmd_size - 1) & -pmd_size);
	p->base = map(p->area, size, PROT_READ | PROT_WRITE);
	madvise(p->base, size, aimed ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	memset(p->base, 0, size);
	for (uint64_t block = 0; block < blocks; block += 256)
		if (!write_blocks(p, block, blocks - block < 256 ? blocks - block : 256))
			ksft_exit_fail_perror("writing the disk");
}

static void set_hook(pid_t pid, unsigned int us)
{
	if (!us)
		return;
	if (access(HOOK "pid", W_OK))
		ksft_exit_skip("needs CONFIG_DEBUG_LOCKLESS_WALK\n");
	write_num(HOOK "delay_read_us", us);
	write_num(HOOK "pid", pid);
}

static void read_options(int argc, char **argv)
{
	int opt;

	seed = now() * 1e6;
	while ((opt = getopt(argc, argv, "s:t:d:w:ma")) != -1) {
		if (opt == 's')
			seed = strtoul(optarg, NULL, 0);
		else if (opt == 't')
			seconds = strtoul(optarg, NULL, 0);
		else if (opt == 'd')
			device = optarg;
		else if (opt == 'w')
			delay_us = strtoul(optarg, NULL, 0);
		else if (opt == 'm')
			look_again = true;
		else if (opt == 'a')
			aimed = true;
		else
			ksft_exit_fail_msg("usage: [-s seed] [-t seconds] [-d device] [-w us] [-m] [-a]\n");
	}
	if (aimed && !delay_us)
		delay_us = 100000;
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	ksft_print_header();
	page_size = psize();
	pmd_size = read_pmd_pagesize() ?: page_size * page_size / sizeof(uint64_t);
	size = 2 * pmd_size;
	numa = !access("/sys/devices/system/node/node1", F_OK);
	swap = has_line("/proc/swaps", 2);
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	kpageflags = open("/proc/kpageflags", O_RDONLY);
	debug_split = kpageflags >= 0 && !access(DEBUGFS "split_huge_pages", W_OK);
	find_cpus();
	find_disk();
	for (int i = 0; i < nr_pairs; i++)
		set_up(&pairs[i], i);

	ksft_print_msg("%u s on %d CPUs, again: gup_fast_dio -s %u -t %u -w %u%s\n",
		       seconds, nr_cpus, seed, seconds, delay_us, aimed ? " -a" : "");
	set_hook(getpid(), delay_us);
	if (aimed)
		run_aimed();
	else
		run_all();
	set_hook(0, delay_us);
	ksft_finished();
}
