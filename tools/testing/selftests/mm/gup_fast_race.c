// SPDX-License-Identifier: GPL-2.0-only
/*
 * Race GUP-fast pins against everything that changes page tables.
 *
 * One thread pins PAGES pages, and another one changes their page tables. When
 * both are done, the test writes new content through the mapping to all mapped
 * pages, and reads the pins. They must show a result of some legal order of the
 * two. Then everything is released, and no reference may be left.
 *
 * debugfs lockless_walk/ (CONFIG_DEBUG_LOCKLESS_WALK) holds the walk at three
 * points: between the upper levels and the entries ("path"), between that and
 * taking references ("read"), and between that and the validation ("ref"). A walk
 * with interrupts off also delays code that waits for a TLB flush. Then only
 * updaters that flush late run inside the window. If walks are preemptible, the
 * updater also runs on the walker's CPU. It must be able to preempt the walk in
 * "read", but not in "ref", where the walk may drop references again.
 *
 * Options, before those of the harness:
 *	--attempts=N	attempts for each race with a window held open, 4 by default
 *	--seed=N	use the jitter of another run
 *	--unwidened	run the tests that do not need the hook
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "pins_held.h"
#include <asm-generic/mman.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "../../../../mm/gup_test.h"
#include "gup_fast_race.h"

#define HOOK		DEBUGFS "lockless_walk/"

#define DELAY_US	30000
#define MAX_DELAY_US	(8 * DELAY_US)
#define JITTER_US	60
#define WIDENED		4
#define UNWIDENED	24

/* Bits of /proc/kpageflags that vm_util.h does not have. */
#define KPF_LRU		BIT_ULL(5)
#define KPF_MMAP	BIT_ULL(11)
#define KPF_ANON	BIT_ULL(12)
#define KPF_SWAPCACHE	BIT_ULL(13)

static const char * const content_name[] = {
	"nothing", "old", "new", "foreign", "src", "dst",
};

static struct {
	int attempts;
	unsigned int seed;
	bool unwidened;
} option = { .attempts = WIDENED };

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* ---- One attempt. ---- */

static bool walker_in_window(struct race *r)
{
	return r->window != NONE && read_num(HOOK "hits");
}

/*
 * Is the walker in its first window? Whatever it hands out is validated after that:
 * if an update has returned, the pin must show what is mapped now.
 */
static bool walker_in_first_window(struct race *r)
{
	return r->window != NONE && read_num(HOOK "inside") && read_num(HOOK "hits") == 1;
}

static void set_pid(struct race *r, pid_t pid)
{
	if (r->hook)
		write_num(HOOK "pid", pid);
}

static void wait_us(unsigned int us)
{
	uint64_t until = now_us() + us;

	while (now_us() < until)
		;
}

/* Poll, but let the walker run if both threads share a CPU. */
static void poll_again(struct race *r)
{
	if (r->same_cpu)
		usleep(200);
}

static int outrank_walker(void)
{
	const struct sched_param param = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

/* The updater starts when a walk is in the window, or at about that time. */
static void *updater(void *arg)
{
	struct race *r = arg;
	int ret = 0;

	if (r->same_cpu)
		ret = outrank_walker();
	else
		run_on(r->cpu[1]);
	__atomic_store_n(&r->ready, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&r->go, __ATOMIC_ACQUIRE))
		poll_again(r);
	if (r->window == NONE)
		wait_us(r->jitter_us[1]);
	else
		while (!walker_in_window(r) &&
		       !__atomic_load_n(&r->pinned, __ATOMIC_ACQUIRE))
			poll_again(r);
	r->started_inside = walker_in_first_window(r);
	r->update_error = ret ?: r->c->update(r);
	r->ended_inside = walker_in_first_window(r);
	return NULL;
}

/*
 * Enable the hook for this walk only. pthread_join() and the end of a thread wake
 * a futex, and the kernel looks that up by GUP-fast, too.
 */
static int pin(struct race *r, bool write)
{
	struct pin_longterm_test args = {
		.addr = (uintptr_t)r->src,
		.size = pages(r) * psize(),
		.flags = PIN_LONGTERM_TEST_FLAG_USE_FAST |
			 (write ? PIN_LONGTERM_TEST_FLAG_USE_WRITE : 0),
	};
	int ret;

	while (!__atomic_load_n(&r->ready, __ATOMIC_ACQUIRE))
		sched_yield();
	__atomic_store_n(&r->go, true, __ATOMIC_RELEASE);
	if (r->window == NONE)
		wait_us(r->jitter_us[0]);
	ret = ioctl(r->gup, PIN_LONGTERM_TEST_START, &args);
	r->hit = walker_in_window(r);
	set_pid(r, 0);
	__atomic_store_n(&r->pinned, true, __ATOMIC_RELEASE);
	return ret;
}

/* Is the content of a pinned page legal for some order of pin and update? */
static bool legal(struct race *r, uint64_t seen, int page)
{
	if (seen == word(r, AT_SRC, page))
		return true;
	if (r->ended_inside)
		return false;
	return (r->moved && seen == word(r, AT_DST, page)) ||
	       (r->gone && seen == word(r, OLD, page));
}

static void check_pin(struct __test_metadata *_metadata, struct race *r)
{
	uint64_t to = (uintptr_t)r->buf;
	pid_t child;

	/* A pinned page must stay with this process after a fork(). */
	child = fork();
	if (!child)
		_exit(0);
	ASSERT_EQ(child, waitpid(child, NULL, 0));

	put(r, r->src, AT_SRC, 0, PAGES);
	if (r->moved)
		put(r, r->dst, AT_DST, 0, PAGES);
	ASSERT_EQ(0, ioctl(r->gup, PIN_LONGTERM_TEST_READ, &to));

	for (int i = 0; i < pages(r); i++) {
		uint64_t seen = *(uint64_t *)(r->buf + i * psize());
		unsigned int who = seen >> 56;

		if (legal(r, seen, i))
			continue;
		r->nr_illegal++;
		TH_LOG("round %u page %d: pinned %#llx (%s), update %s the window",
		       r->round, i, (unsigned long long)seen,
		       who <= AT_DST ? content_name[who] : "?",
		       r->ended_inside ? "inside" : "not known inside");
	}
}

static void note_pfns(struct race *r, uint64_t *pfn, char *addr)
{
	for (int i = 0; i < PAGES; i++)
		pfn[i] = pagemap_get_pfn(r->pagemap, addr + i * psize());
}

/* An anonymous page that is not mapped but still allocated has a leaked reference. */
static bool leaked(struct race *r, uint64_t pfn)
{
	const uint64_t mask = KPF_LRU | KPF_ANON | KPF_MMAP | KPF_SWAPCACHE;
	uint64_t flags;

	if (pread(r->kpageflags, &flags, sizeof(flags), pfn * sizeof(flags)) !=
	    sizeof(flags))
		return false;
	return (flags & mask) == (KPF_LRU | KPF_ANON);
}

static int nr_leaked(struct race *r)
{
	int n = 0;

	for (int try = 0; try < 20; try++) {
		n = 0;
		for (int i = 0; i < 3 * PAGES; i++)
			n += leaked(r, r->pfn[i]);
		if (!n)
			break;
		/* Pages freed recently may be in an LRU batch of either CPU. */
		run_on(r->cpu[try & 1]);
		madvise(r->buf, psize(), MADV_COLD);
		usleep(1000);
	}
	run_on(r->cpu[0]);
	return n;
}

static void attempt(struct __test_metadata *_metadata, struct race *r, bool write)
{
	pthread_t thread;
	int ret;

	r->gone = false;
	r->moved = false;
	r->ready = false;
	r->go = false;
	r->pinned = false;
	for (int i = 0; i < 2; i++)
		r->jitter_us[i] = rand_r(&r->seed) % JITTER_US;
	note_pfns(r, r->pfn, r->src);
	/* Drain LRU batches of this CPU: pages in them cannot be isolated. */
	madvise(r->buf, psize(), MADV_COLD);
	if (r->hook) {
		write_num(HOOK "hits", 0);
		write_num(HOOK "stale", 0);
	}
	set_pid(r, getpid());

	ASSERT_EQ(0, pthread_create(&thread, NULL, updater, r));
	ret = pin(r, write);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, r->update_error);

	r->nr_hit += r->hit;
	r->nr_inside += r->ended_inside;
	r->nr_preempted += r->same_cpu && r->started_inside;
	if (!ret) {
		r->nr_pinned++;
		check_pin(_metadata, r);
	} else {
		/*
		 * In other cases the pages stay mapped. They stay writable, too,
		 * except while mprotect() unshares the page table.
		 */
		EXPECT_TRUE(r->gone || r->moved || r->c == &case_hugetlb_unshare);
	}
	if (r->hook)
		r->stale += read_num(HOOK "stale");
	note_pfns(r, r->pfn + PAGES, r->src);
	note_pfns(r, r->pfn + 2 * PAGES, r->dst);
	ioctl(r->gup, PIN_LONGTERM_TEST_STOP);
	madvise(r->spare, SPARE_PAGES * psize(), MADV_DONTNEED);
	unmap(r);
	EXPECT_EQ(0, nr_leaked(r));
}

static void set_hook(struct race *r, enum window where)
{
	r->window = where;
	set_pid(r, 0);
	if (!r->hook)
		return;
	/* A collapse takes long. */
	write_num(HOOK "delay_path_us", r->window == PATH ? 4 * r->delay_us : 0);
	write_num(HOOK "delay_read_us", r->window == READ ? r->delay_us : 0);
	write_num(HOOK "delay_ref_us", r->window == REF ? r->delay_us : 0);
}

/* Can an update end in the window? */
static bool may_end_inside(struct race *r)
{
	return r->window != NONE && r->window != REF && !r->c->brief &&
	       read_num(HOOK "preemptible");
}

/* Hold the window open longer if no update has ended in it that could. */
static void open_longer(struct race *r)
{
	if (r->nr_inside || r->delay_us == MAX_DELAY_US || !may_end_inside(r))
		return;
	r->delay_us *= 2;
	set_hook(r, r->window);
}

static bool caught(struct race *r)
{
	return r->nr_illegal || r->stale;
}

/* The test was not skipped, and no ASSERT ended it early. */
static bool raced(struct race *r)
{
	return r->round >= option.attempts || caught(r);
}

/* Enough attempts, or too many without an update that ended in the window? */
static bool enough(struct race *r, int attempts)
{
	if (r->round < attempts)
		return false;
	return r->nr_inside || r->round == 8 * attempts || !may_end_inside(r);
}

static void race(struct __test_metadata *_metadata, struct race *r, int attempts,
		 bool write)
{
	for (r->round = 0; !enough(r, attempts); r->round++) {
		const char *why;

		if (caught(r))
			break;
		why = r->c->map(r);

		if (why) {
			unmap(r);
			SKIP(return, "%s", why);
		}
		attempt(_metadata, r, write);
		open_longer(r);
	}
}

/* ---- Set-up. ---- */

static bool choose_cpus(struct race *r)
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		return false;
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			r->cpu[n++] = cpu;
	return n == 2;
}

static bool have_two_nodes(void)
{
	int fd = open("/sys/devices/system/node/has_memory", O_RDONLY);
	char nodes[2] = "";

	if (fd < 0)
		return false;
	if (read(fd, nodes, 2) != 2)
		nodes[0] = 0;
	close(fd);
	return nodes[0] == '0' && nodes[1] == '-';
}

static const char *race_begin(struct race *r)
{
	r->memfd = -1;
	r->gup = open(DEBUGFS "gup_test", O_RDWR);
	if (r->gup < 0)
		return "needs root, debugfs and CONFIG_GUP_TEST";
	r->hook = !access(HOOK "hits", R_OK | W_OK);
	if (!r->hook && !option.unwidened)
		return "needs CONFIG_DEBUG_LOCKLESS_WALK";
	r->pagemap = open("/proc/self/pagemap", O_RDONLY);
	r->kpageflags = open("/proc/kpageflags", O_RDONLY);
	if (r->pagemap < 0 || r->kpageflags < 0)
		return "needs CONFIG_PROC_PAGE_MONITOR";
	if (!choose_cpus(r))
		return "needs 2 CPUs";
	run_on(r->cpu[0]);

	r->numa = have_two_nodes();
	r->pmd_size = read_pmd_pagesize() ?: psize() * psize() / sizeof(uint64_t);
	r->seed = option.seed ?: now_us();
	r->buf = map_anon(NULL, PAGES * psize(), MADV_NOHUGEPAGE);
	r->spare = map_anon(NULL, SPARE_PAGES * psize(), MADV_NOHUGEPAGE);
	if (r->buf == MAP_FAILED || r->spare == MAP_FAILED)
		return "needs more memory";
	put(r, r->buf, NOTHING, 0, PAGES);
	r->hugetlb_free = hugetlb_free();
	r->pins = pins_held();
	return NULL;
}

static void race_end(struct __test_metadata *_metadata, struct race *r)
{
	set_hook(r, NONE);
	if (r->gup < 0)
		return;
	close(r->gup);
	unmap(r);
	if (r->thp_changed)
		thp_write_settings(&r->thp);
	if (!r->buf)
		return;
	for (int try = 0; try < 20 && pins_held() != r->pins; try++)
		usleep(10000);
	EXPECT_EQ(r->pins, pins_held());
	if (r->c == &case_hugetlb_unshare)
		EXPECT_EQ(r->hugetlb_free, hugetlb_free());
}

FIXTURE(gup_fast_race)
{
	struct race r;
};

FIXTURE_VARIANT(gup_fast_race)
{
	const struct race_case *c;
};

FIXTURE_VARIANT_ADD(gup_fast_race, munmap) { &case_munmap };
FIXTURE_VARIANT_ADD(gup_fast_race, munmap_folio) { &case_munmap_folio };
FIXTURE_VARIANT_ADD(gup_fast_race, munmap_thp) { &case_munmap_thp };
FIXTURE_VARIANT_ADD(gup_fast_race, dontneed) { &case_dontneed };
FIXTURE_VARIANT_ADD(gup_fast_race, fork) { &case_fork };
FIXTURE_VARIANT_ADD(gup_fast_race, fork_folio) { &case_fork_folio };
FIXTURE_VARIANT_ADD(gup_fast_race, fork_thp) { &case_fork_thp };
FIXTURE_VARIANT_ADD(gup_fast_race, collapse) { &case_collapse };
FIXTURE_VARIANT_ADD(gup_fast_race, collapse_free) { &case_collapse_free };
FIXTURE_VARIANT_ADD(gup_fast_race, collapse_part) { &case_collapse_part };
FIXTURE_VARIANT_ADD(gup_fast_race, split_thp) { &case_split_thp };
FIXTURE_VARIANT_ADD(gup_fast_race, mremap_page) { &case_mremap_page };
FIXTURE_VARIANT_ADD(gup_fast_race, mremap_pmd) { &case_mremap_pmd };
FIXTURE_VARIANT_ADD(gup_fast_race, mremap_thp) { &case_mremap_thp };
FIXTURE_VARIANT_ADD(gup_fast_race, mremap_pud) { &case_mremap_pud };
FIXTURE_VARIANT_ADD(gup_fast_race, hugetlb_unshare) { &case_hugetlb_unshare };
FIXTURE_VARIANT_ADD(gup_fast_race, migrate) { &case_migrate };
FIXTURE_VARIANT_ADD(gup_fast_race, migrate_thp) { &case_migrate_thp };
FIXTURE_VARIANT_ADD(gup_fast_race, truncate) { &case_truncate };
FIXTURE_VARIANT_ADD(gup_fast_race, punch) { &case_punch };
FIXTURE_VARIANT_ADD(gup_fast_race, pageout) { &case_pageout };
FIXTURE_VARIANT_ADD(gup_fast_race, pageout_thp) { &case_pageout_thp };

FIXTURE_SETUP(gup_fast_race)
{
	const char *why = race_begin(&self->r);

	if (why)
		SKIP(return, "%s", why);
	self->r.c = variant->c;
}

FIXTURE_TEARDOWN(gup_fast_race)
{
	race_end(_metadata, &self->r);
}

static void widened(struct __test_metadata *_metadata, struct race *r,
		    enum window where, bool write)
{
	if (!r->hook)
		SKIP(return, "needs CONFIG_DEBUG_LOCKLESS_WALK");
	r->delay_us = DELAY_US;
	set_hook(r, where);
	r->nr_hit = 0;
	r->nr_inside = 0;
	r->nr_preempted = 0;
	race(_metadata, r, option.attempts, write);
	if (!raced(r))
		return;
	TH_LOG("%d of %d hit the window, %d updates ended in it",
	       r->nr_hit, r->round, r->nr_inside);
	EXPECT_GT(r->nr_hit, 0);
	if (may_end_inside(r) && !caught(r))
		EXPECT_GT(r->nr_inside, 0);
	EXPECT_EQ(0, r->nr_illegal);
	EXPECT_EQ(0, r->stale);
}

TEST_F(gup_fast_race, path)
{
	if (variant->c->leaf)
		SKIP(return, "a PMD leaf has no entries below it");
	widened(_metadata, &self->r, PATH, true);
}

TEST_F(gup_fast_race, read_ro)
{
	widened(_metadata, &self->r, READ, false);
}

TEST_F(gup_fast_race, read_rw)
{
	widened(_metadata, &self->r, READ, true);
}

TEST_F(gup_fast_race, ref_ro)
{
	widened(_metadata, &self->r, REF, false);
}

TEST_F(gup_fast_race, ref_rw)
{
	widened(_metadata, &self->r, REF, true);
}

/*
 * The updater has a higher priority than the walker on the same CPU. If it starts
 * while the walk is in the window, it has preempted the walk.
 */
static bool outranked(struct __test_metadata *_metadata, struct race *r,
		      enum window where)
{
	if (!r->hook || !read_num(HOOK "preemptible"))
		SKIP(return false, "walks have interrupts or preemption disabled");
	r->same_cpu = true;
	widened(_metadata, r, where, true);
	if (!raced(r))
		return false;
	TH_LOG("%d of %d walks were preempted", r->nr_preempted, r->round);
	return true;
}

TEST_F(gup_fast_race, preempted_read)
{
	if (outranked(_metadata, &self->r, READ))
		EXPECT_GT(self->r.nr_preempted, 0);
}

/*
 * The walk holds references that it may drop again. The updater must not run
 * while they exist.
 */
TEST_F(gup_fast_race, not_preempted_ref)
{
	if (outranked(_metadata, &self->r, REF))
		EXPECT_EQ(0, self->r.nr_preempted);
}

TEST_F(gup_fast_race, unwidened)
{
	TH_LOG("--seed=%u", self->r.seed);
	set_hook(&self->r, NONE);
	self->r.nr_pinned = 0;
	race(_metadata, &self->r, UNWIDENED / 2, false);
	race(_metadata, &self->r, UNWIDENED / 2, true);
	if (self->r.round == UNWIDENED / 2)
		EXPECT_GT(self->r.nr_pinned, 0);
	EXPECT_EQ(0, self->r.nr_illegal);
}

/* Remove our options from @argv, because the harness does not know them. */
static int read_options(int argc, char **argv)
{
	int n = 1;

	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--attempts=", 11))
			option.attempts = atoi(argv[i] + 11);
		else if (!strncmp(argv[i], "--seed=", 7))
			option.seed = strtoul(argv[i] + 7, NULL, 0);
		else if (!strcmp(argv[i], "--unwidened"))
			option.unwidened = true;
		else
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	return n;
}

int main(int argc, char **argv)
{
	argc = read_options(argc, argv);
	return test_harness_run(argc, argv);
}
