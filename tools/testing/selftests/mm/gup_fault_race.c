// SPDX-License-Identifier: GPL-2.0-only
/*
 * GUP faults memory in while another thread changes the address space.
 *
 * gup_test pins memory that was never touched, and keeps the pins. Then the test writes
 * to all of it through the mapping, and reads through the pins: both must use the same
 * pages. Meanwhile the other thread splits and merges the VMA, moves it, forks, and so
 * on. Or a page comes from userfaultfd, late or never. In the end no pin may be left.
 *
 * The case writeback needs a file, in the directory that TEST_DIR names.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <asm-generic/mman.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "pins_held.h"
#include "vm_util.h"
#include "../../../../mm/gup_test.h"

#ifndef PR_FUTEX_HASH
#define PR_FUTEX_HASH	78
#define PR_FUTEX_HASH_SET_SLOTS	1
#define PR_FUTEX_HASH_GET_SLOTS	2
#endif

#define FOLL_WRITE	0x01
#define PAGES	64
#define MS	1500		/* duration of each race */

FIXTURE(gup_fault_race) {
	size_t page, size;
	char *area;		/* 4 * size of PROT_NONE, with the memory in it */
	char *mem;		/* current address of the memory */
	char *copy;
	int gup;
	long pins;		/* in the system, before the test */
	pthread_t thread;
	pthread_mutex_t lock;	/* protects mem */
	void (*change)(void *race, unsigned int n);
	atomic_bool stop;
	atomic_ulong changes;
	uint64_t end;
	int uffd;
	int futex_slots;	/* set while a fault waits, if not 0 */
};

typedef FIXTURE_DATA(gup_fault_race) Race;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static void *map_fresh(Race *r, char *at)
{
	void *p = mmap(at, r->size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (p != MAP_FAILED)
		madvise(p, r->size, MADV_NOHUGEPAGE);
	return p;
}

/* Reserve the range, so that nothing else is mapped there. */
static void reserve(Race *r, char *at)
{
	mmap(at, r->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
	     -1, 0);
}

FIXTURE_SETUP(gup_fault_race)
{
	self->page = psize();
	self->size = PAGES * self->page;
	self->uffd = -1;
	pthread_mutex_init(&self->lock, NULL);
	self->gup = open("/sys/kernel/debug/gup_test", O_RDWR);
	if (self->gup < 0)
		SKIP(return, "no gup_test: needs CONFIG_GUP_TEST, debugfs and root");
	self->pins = pins_held();
	self->area = mmap(NULL, 4 * self->size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	self->copy = malloc(self->size);
	ASSERT_NE(MAP_FAILED, self->area);
	ASSERT_NE(NULL, self->copy);
	self->mem = self->area + self->size;
	ASSERT_EQ(self->mem, map_fresh(self, self->mem));
}

static void stop(Race *r)
{
	r->stop = true;
	if (r->thread)
		pthread_join(r->thread, NULL);
	r->thread = 0;
}

FIXTURE_TEARDOWN(gup_fault_race)
{
	stop(self);
	munmap(self->area, 4 * self->size);
	if (self->gup >= 0) {
		close(self->gup);
		EXPECT_EQ(self->pins, pins_held());
	}
}

static int pin(Race *r)
{
	struct pin_longterm_test test = {
		.addr = (uintptr_t)r->mem,
		.size = r->size,
		.flags = PIN_LONGTERM_TEST_FLAG_USE_WRITE | PIN_LONGTERM_TEST_FLAG_USE_FAST,
	};

	return ioctl(r->gup, PIN_LONGTERM_TEST_START, &test) ? -errno : 0;
}

static int unpin(Race *r)
{
	return ioctl(r->gup, PIN_LONGTERM_TEST_STOP);
}

static uint32_t *word(Race *r, char *mem, int i)
{
	return (uint32_t *)(mem + i * r->page);
}

/* Write through the mapping, read through the pins. Returns the first page that differs. */
static int differs(Race *r, uint32_t n)
{
	uint64_t to = (uintptr_t)r->copy;

	for (int i = 0; i < PAGES; i++)
		*word(r, r->mem, i) = n + i;
	if (ioctl(r->gup, PIN_LONGTERM_TEST_READ, &to))
		return -2;
	for (int i = 0; i < PAGES; i++)
		if (*word(r, r->copy, i) != n + i)
			return i;
	return -1;
}

static void *change_all_the_time(void *arg)
{
	Race *r = arg;

	for (unsigned int n = 0; !r->stop; n++) {
		r->change(r, n);
		r->changes++;
	}
	return NULL;
}

static int start(Race *r, void (*change)(void *race, unsigned int n))
{
	r->change = change;
	r->end = now_ms() + MS;
	return pthread_create(&r->thread, NULL, change_all_the_time, r);
}

/* Pin memory repeatedly while @change runs. Pins may fail if @may_fail. */
static void race(struct __test_metadata *_metadata, Race *self,
		 void (*change)(void *race, unsigned int n), bool may_fail)
{
	unsigned int pinned = 0;
	int ret;

	ASSERT_EQ(0, start(self, change));
	for (uint32_t n = 1; now_ms() < self->end; n += PAGES) {
		ret = pin(self);
		if (ret && may_fail) {
			ASSERT_EQ(-EFAULT, ret);
		} else {
			ASSERT_EQ(0, ret);
			pinned++;
			pthread_mutex_lock(&self->lock);
			EXPECT_EQ(-1, differs(self, n));
			pthread_mutex_unlock(&self->lock);
			ASSERT_EQ(0, unpin(self));
		}
		/* Make the memory untouched again. */
		pthread_mutex_lock(&self->lock);
		ASSERT_EQ(0, madvise(self->mem, self->size, MADV_DONTNEED));
		pthread_mutex_unlock(&self->lock);
	}
	stop(self);
	EXPECT_LT(0, pinned);
	EXPECT_LT(0, self->changes);
}

static void split_and_merge(void *race, unsigned int n)
{
	Race *r = race;
	char *from = r->mem + n % (PAGES - 1) * r->page;

	madvise(from, r->page, MADV_DONTFORK);
	madvise(from, r->page, MADV_DOFORK);
}

TEST_F(gup_fault_race, split_and_merge)
{
	race(_metadata, self, split_and_merge, false);
}

/* Map memory that merges with the VMA, and unmap it again. */
static void map_behind(void *race, unsigned int n)
{
	Race *r = race;

	map_fresh(r, r->mem + r->size);
	reserve(r, r->mem + r->size);
}

TEST_F(gup_fault_race, neighbour)
{
	race(_metadata, self, map_behind, false);
}

static void protect(void *race, unsigned int n)
{
	Race *r = race;
	char *from = r->mem + n % PAGES * r->page;

	pthread_mutex_lock(&r->lock);
	mprotect(from, r->page, PROT_READ);
	mprotect(from, r->page, PROT_READ | PROT_WRITE);
	pthread_mutex_unlock(&r->lock);
}

TEST_F(gup_fault_race, mprotect)
{
	race(_metadata, self, protect, true);
}

static void move(void *race, unsigned int n)
{
	Race *r = race;
	char *from = r->mem, *to = r->area + (n % 2 ? 1 : 3) * r->size;

	pthread_mutex_lock(&r->lock);
	if (mremap(r->mem, r->size, r->size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to) {
		r->mem = to;
		reserve(r, from);
	}
	pthread_mutex_unlock(&r->lock);
	usleep(200);
}

TEST_F(gup_fault_race, mremap)
{
	race(_metadata, self, move, true);
}

/* Pinned pages must stay with the parent. */
static void fork_and_wait(void *race, unsigned int n)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	if (child > 0)
		waitpid(child, NULL, 0);
}

TEST_F(gup_fault_race, fork)
{
	race(_metadata, self, fork_and_wait, false);
}

/* Map new memory. The pins are of pages that are no longer mapped. */
static void replace(void *race, unsigned int n)
{
	Race *r = race;

	munmap(r->mem, r->size);
	map_fresh(r, r->mem);
}

static void give_back(void *race, unsigned int n)
{
	Race *r = race;

	madvise(r->mem + n % PAGES * r->page, r->page, MADV_DONTNEED);
}

/*
 * Writeback write-protects pages of a file whose dirty pages are tracked, and a write
 * fault makes them dirty again. GUP must not fault without an end.
 */
static void write_back(void *race, unsigned int n)
{
	Race *r = race;

	msync(r->mem, r->size, MS_SYNC);
}

static long thread_faults(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) ? -1 : usage.ru_minflt;
}

TEST_F(gup_fault_race, writeback)
{
	const char *dir = getenv("TEST_DIR");
	struct gup_test args;
	int fd, calls = 0;
	long faults;

	if (!dir)
		SKIP(return, "needs TEST_DIR, on a file system that tracks dirty pages");
	fd = open(dir, O_TMPFILE | O_RDWR, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, self->size));
	ASSERT_EQ(self->mem, mmap(self->mem, self->size, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED, fd, 0));
	close(fd);
	ASSERT_EQ(0, start(self, write_back));
	faults = thread_faults();
	for (; now_ms() < self->end; calls++) {
		args = (struct gup_test){
			.addr = (uintptr_t)self->mem, .size = self->size,
			.nr_pages_per_call = PAGES, .gup_flags = FOLL_WRITE,
		};
		ASSERT_EQ(0, ioctl(self->gup, PIN_FAST_BENCHMARK, &args));
		ASSERT_EQ(self->size, args.size);
	}
	stop(self);
	EXPECT_LT(0, self->changes);
	EXPECT_LT(PAGES, thread_faults() - faults);
	EXPECT_LT(1, calls);
}

static void race_unread(struct __test_metadata *_metadata, Race *self,
			void (*change)(void *race, unsigned int n))
{
	unsigned int pinned = 0;
	int ret;

	ASSERT_EQ(0, start(self, change));
	while (now_ms() < self->end) {
		ret = pin(self);
		if (ret) {
			ASSERT_EQ(-EFAULT, ret);
			continue;
		}
		pinned++;
		ASSERT_EQ(0, unpin(self));
	}
	EXPECT_LT(0, pinned);
}

TEST_F(gup_fault_race, munmap)
{
	race_unread(_metadata, self, replace);
}

TEST_F(gup_fault_race, dontneed)
{
	race_unread(_metadata, self, give_back);
}

/* ---- Without pins: all pages are there afterwards. ---- */

static bool all_there(Race *r)
{
	unsigned char in_core[PAGES];

	if (mincore(r->mem, r->size, in_core))
		return false;
	for (int i = 0; i < PAGES; i++)
		if (!(in_core[i] & 1))
			return false;
	return true;
}

TEST_F(gup_fault_race, populate)
{
	ASSERT_EQ(0, start(self, split_and_merge));
	for (unsigned int n = 0; now_ms() < self->end; n++) {
		if (n % 2) {
			ASSERT_EQ(0, madvise(self->mem, self->size, MADV_POPULATE_WRITE));
		} else {
			ASSERT_EQ(0, mlock(self->mem, self->size));
			ASSERT_EQ(0, munlock(self->mem, self->size));
		}
		ASSERT_TRUE(all_there(self));
		ASSERT_EQ(0, madvise(self->mem, self->size, MADV_DONTNEED));
	}
}

/* ---- Another process ---- */

/* Copy the pages of @r in process @pid to or from @r->copy in this process. */
static ssize_t copy_vm(Race *r, pid_t pid, bool to)
{
	struct iovec here = { r->copy, r->size }, there = { r->mem, r->size };

	return to ? process_vm_writev(pid, &here, 1, &there, 1, 0) :
		    process_vm_readv(pid, &here, 1, &there, 1, 0);
}

static ssize_t copy_mem(Race *r, pid_t pid, bool to)
{
	char name[32];
	ssize_t ret;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	fd = open(name, O_RDWR);
	ret = to ? pwrite(fd, r->copy, r->size, (uintptr_t)r->mem) :
		   pread(fd, r->copy, r->size, (uintptr_t)r->mem);
	close(fd);
	return ret;
}

static void remote(struct __test_metadata *_metadata, Race *self,
		   ssize_t (*copy)(Race *r, pid_t pid, bool to))
{
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (start(self, split_and_merge))
			_exit(1);
		for (;;) {
			usleep(1000);
			madvise(self->mem, self->size / 2, MADV_DONTNEED);
		}
	}
	self->end = now_ms() + MS;
	for (uint32_t n = 1; now_ms() < self->end; n += PAGES) {
		for (int i = 0; i < PAGES; i++)
			*word(self, self->copy, i) = n + i;
		ASSERT_EQ(self->size, copy(self, child, true));
		memset(self->copy, 0, self->size);
		ASSERT_EQ(self->size, copy(self, child, false));
		/* The child keeps giving back the first half. */
		for (int i = PAGES / 2; i < PAGES; i++)
			ASSERT_EQ(n + i, *word(self, self->copy, i));
	}
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, NULL, 0));
}

TEST_F(gup_fault_race, process_vm)
{
	remote(_metadata, self, copy_vm);
}

TEST_F(gup_fault_race, proc_mem)
{
	remote(_metadata, self, copy_mem);
}

/* ---- userfaultfd ---- */

static int uffd_open(Race *r)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)r->mem, r->size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	r->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (r->uffd < 0 || ioctl(r->uffd, UFFDIO_API, &api) ||
	    ioctl(r->uffd, UFFDIO_REGISTER, &reg))
		return -1;
	return 0;
}

/* Serve each page late. The address space can change while a fault waits for it. */
static void answer(void *race, unsigned int n)
{
	Race *r = race;
	struct pollfd poll_fd = { .fd = r->uffd, .events = POLLIN };
	struct uffdio_zeropage zero = {};
	struct uffd_msg msg;

	if (poll(&poll_fd, 1, 10) != 1 || read(r->uffd, &msg, sizeof(msg)) != sizeof(msg))
		return;
	split_and_merge(r, n);
	usleep(n % 300);
	if (r->futex_slots && prctl(PR_FUTEX_HASH, PR_FUTEX_HASH_SET_SLOTS, r->futex_slots, 0))
		r->futex_slots = -errno;
	zero.range.start = msg.arg.pagefault.address & -r->page;
	zero.range.len = r->page;
	ioctl(r->uffd, UFFDIO_ZEROPAGE, &zero);
}

TEST_F(gup_fault_race, uffd_late)
{
	if (uffd_open(self))
		SKIP(return, "no userfaultfd");
	race(_metadata, self, answer, false);
}

/* The kernel faults a futex in, and waits for the page. */
TEST_F(gup_fault_race, uffd_futex)
{
	if (uffd_open(self))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, start(self, answer));
	for (int i = 0; i < PAGES; i++) {
		uint32_t *futex = word(self, self->mem, i);

		ASSERT_EQ(0, syscall(SYS_futex, futex, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
		EXPECT_EQ(gettid(), *futex & FUTEX_TID_MASK);
		ASSERT_EQ(0, syscall(SYS_futex, futex, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	}
}

/* A task that waits for a page holds nothing that a change of the futex hash waits for. */
TEST_F(gup_fault_race, uffd_futex_hash)
{
	uint32_t *futex = word(self, self->mem, 0);

	if (uffd_open(self))
		SKIP(return, "no userfaultfd");
	if (prctl(PR_FUTEX_HASH, PR_FUTEX_HASH_GET_SLOTS) < 0)
		SKIP(return, "needs CONFIG_FUTEX_PRIVATE_HASH");
	self->futex_slots = 16;
	ASSERT_EQ(0, start(self, answer));
	ASSERT_EQ(0, syscall(SYS_futex, futex, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	ASSERT_EQ(0, syscall(SYS_futex, futex, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	EXPECT_EQ(16, self->futex_slots);
	EXPECT_EQ(16, prctl(PR_FUTEX_HASH, PR_FUTEX_HASH_GET_SLOTS));
}

static void handle(int sig)
{
}

static void interrupt(void *race, unsigned int n)
{
	usleep(10000);
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
}

/* No thread serves the fault. Any signal ends it: a debugger must be able to attach. */
TEST_F(gup_fault_race, uffd_futex_signal)
{
	if (uffd_open(self))
		SKIP(return, "no userfaultfd");
	signal(SIGUSR1, handle);
	ASSERT_EQ(0, start(self, interrupt));
	EXPECT_EQ(-1, syscall(SYS_futex, self->mem, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	EXPECT_EQ(EFAULT, errno);
}

/* The thread that serves faults may be stopped by a debugger, so ptrace must not wait. */
TEST_F(gup_fault_race, uffd_debugged)
{
	if (uffd_open(self))
		SKIP(return, "no userfaultfd");
	alarm(10);
	EXPECT_EQ(-1, copy_mem(self, getpid(), false));
	EXPECT_EQ(EIO, errno);
	alarm(0);
}

/* No thread serves the fault. It ends when the process is killed. */
TEST_F(gup_fault_race, uffd_never)
{
	int status, ready[2];
	pid_t child;
	char c = 0;

	ASSERT_EQ(0, pipe(ready));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		if (uffd_open(self))
			_exit(4);
		if (write(ready[1], &c, 1) == 1)
			pin(self);
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) == 1) {
		usleep(300 * 1000);
		EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
		kill(child, SIGKILL);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
		SKIP(return, "no userfaultfd");
	EXPECT_TRUE(WIFSIGNALED(status));
}

/* GUP does not expand the stack. */
TEST_F(gup_fault_race, stack)
{
	char *top = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);

	ASSERT_NE(MAP_FAILED, top);
	self->mem = top - 256 * self->page;
	EXPECT_EQ(-EFAULT, pin(self));
	munmap(top, self->size);
}

/* ---- memory cgroup ---- */

#define LIMIT	4096	/* pages; cgroup.procs and memory.* are in the current directory */

/* The number after @key in a file of a memory cgroup, or on the first line */
static long read_number(const char *name, const char *key)
{
	FILE *f = fopen(name, "r");
	long value = -1;
	char word[64];

	if (!f)
		return -1;
	if (!*key && fscanf(f, "%ld", &value) != 1)
		value = -1;
	while (*key && fscanf(f, "%63s %ld", word, &value) == 2 && strcmp(word, key))
		value = -1;
	fclose(f);
	return value;
}

static int populate(Race *r, long pages)
{
	char *p = mmap(NULL, pages * r->page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : madvise(p, pages * r->page, MADV_POPULATE_WRITE);
}

/* The first half fits and is charged. The rest does not fit. */
static void populate_too_much(Race *r)
{
	if (write_word("cgroup.procs", "0"))
		_exit(1);
	if (populate(r, LIMIT / 2))
		_exit(2);
	if (read_number("memory.current", "") < LIMIT / 2 * (long)r->page)
		_exit(3);
	populate(r, 4 * LIMIT);
	_exit(4);
}

static int memcg_create(Race *r, const char *root)
{
	char limit[32];

	snprintf(limit, sizeof(limit), "%ld", LIMIT * (long)r->page);
	if (chdir(root) || write_word("cgroup.subtree_control", "+memory") ||
	    mkdir("gup_fault_race", 0700) || chdir("gup_fault_race"))
		return -1;
	write_word("memory.swap.max", "0");
	return write_word("memory.max", limit);
}

static void in_memcg(struct __test_metadata *_metadata, Race *self,
		     void (*test)(struct __test_metadata *_metadata, Race *self))
{
	char root[] = "/tmp/gup_fault_race.XXXXXX", here[256];
	int status;

	ASSERT_NE(NULL, getcwd(here, sizeof(here)));
	ASSERT_NE(NULL, mkdtemp(root));
	if (mount("none", root, "cgroup2", 0, NULL)) {
		rmdir(root);
		SKIP(return, "no cgroup2");
	}
	status = memcg_create(self, root);
	if (!status)
		test(_metadata, self);
	EXPECT_EQ(0, chdir(root));
	rmdir("gup_fault_race");
	EXPECT_EQ(0, chdir(here));
	umount(root);
	rmdir(root);
	if (status)
		SKIP(return, "no memory controller in cgroup2");
}

static void charge_up_to_limit(struct __test_metadata *_metadata, Race *self)
{
	pid_t child = fork();
	int status;

	if (!child)
		populate_too_much(self);
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	EXPECT_EQ(1, read_number("memory.events", "oom_kill"));
	EXPECT_LT(LIMIT * 9 / 10 * (long)self->page, read_number("memory.peak", ""));
	EXPECT_GE(LIMIT * (long)self->page, read_number("memory.peak", ""));
}

/* Batched faults are charged exactly, and end when the limit is reached. */
TEST_F(gup_fault_race, memcg_limit)
{
	in_memcg(_metadata, self, charge_up_to_limit);
}

#define FILL	256	/* pages */

/* Does a process with @pages of memory live to fill more of it, which is swapped out? */
static bool suffices(Race *r, long pages, bool by_writing)
{
	char bytes[32];
	int status;
	pid_t child;

	/* A new one: pages of the process before may still be charged for a while. */
	if (mkdir("run", 0700))
		return false;
	snprintf(bytes, sizeof(bytes), "%ld", pages * (long)r->page);
	child = fork();
	if (!child) {
		r->size = FILL * r->page;
		r->mem = mmap(NULL, r->size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (r->mem == MAP_FAILED || madvise(r->mem, r->size, MADV_NOHUGEPAGE) ||
		    write_word("run/memory.max", bytes) || write_word("run/cgroup.procs", "0"))
			_exit(1);
		if (by_writing)
			for (int i = 0; i < FILL; i++)
				*word(r, r->mem, i) = i;
		else if (madvise(r->mem, r->size, MADV_POPULATE_WRITE))
			_exit(2);
		_exit(0);
	}
	return waitpid(child, &status, 0) == child && !rmdir("run") && WIFEXITED(status) &&
	       !WEXITSTATUS(status);
}

static void populate_and_swap(struct __test_metadata *_metadata, Race *self)
{
	long enough = FILL / 2;
	struct sysinfo info;
	cpu_set_t cpu;
	int tries = 3;

	if (sysinfo(&info) || (uint64_t)info.freeswap * info.mem_unit < FILL * self->page ||
	    write_word("memory.swap.max", "max"))
		SKIP(return, "not enough swap");
	EXPECT_EQ(0, write_word("cgroup.subtree_control", "+memory"));
	/* Reclaim does not find pages in the LRU batches of other CPUs. */
	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	EXPECT_EQ(0, sched_setaffinity(0, sizeof(cpu), &cpu));

	EXPECT_TRUE(suffices(self, enough, true));
	while (enough > 4 && suffices(self, enough - 4, true))
		enough -= 4;
	/* A batch of 32 that cannot be reclaimed needs 12 more. Too little suffices at times. */
	while (tries-- && !suffices(self, enough + 6, false))
		;
	EXPECT_LE(0, tries)
		TH_LOG("%ld pages suffice to write", enough);
}

/* With swap, populating needs no more memory at a time than writing to each page. */
TEST_F_TIMEOUT(gup_fault_race, memcg_swap, 120)
{
	in_memcg(_metadata, self, populate_and_swap);
}

/* ---- no memory at all ---- */

#define MOST	(8ull << 30)	/* bytes that a test may fill */

/* The memory of node 0 in bytes, or that of the system if it has no nodes. */
static uint64_t node_memory(const struct sysinfo *info)
{
	FILE *f = fopen("/sys/devices/system/node/node0/meminfo", "r");
	uint64_t all = (uint64_t)info->totalram * info->mem_unit;
	unsigned long kib;

	if (f && fscanf(f, "Node 0 MemTotal: %lu", &kib) == 1)
		all = kib * 1024ull;
	if (f)
		fclose(f);
	return all;
}

/* Allocate all memory of node 0, and keep it from being swapped out. */
static void take_all(Race *r, bool by_pin)
{
	unsigned long node = 1;

	syscall(SYS_set_mempolicy, MPOL_BIND, &node, 8 * sizeof(node));
	if (write_word("/proc/self/oom_score_adj", "1000"))
		_exit(1);
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		_exit(2);
	r->mem = mmap(NULL, r->size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->mem == MAP_FAILED || madvise(r->mem, r->size, MADV_NOHUGEPAGE))
		_exit(3);
	/* Closing the last reference to this file releases the pins. */
	r->gup = open("/sys/kernel/debug/gup_test", O_RDWR);
	if (by_pin)
		pin(r);
	else
		madvise(r->mem, r->size, MADV_POPULATE_WRITE);
	_exit(4);
}

/* The OOM killer ends the process that took all memory. All of it must be freed. */
static void exhaust(struct __test_metadata *_metadata, Race *self, bool by_pin)
{
	size_t size = self->size;
	struct sysinfo before, after;
	uint64_t total, end;
	int status;
	pid_t child;

	ASSERT_EQ(0, sysinfo(&before));
	total = node_memory(&before);
	if (total > MOST || total > SIZE_MAX / 4)
		SKIP(return, "too much memory to fill it");
	self->size = (total + self->page - 1) & -self->page;
	child = fork();
	if (!child)
		take_all(self, by_pin);
	self->size = size;
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	/* The OOM reaper may need a little longer. */
	end = now_ms() + 10000;
	do {
		ASSERT_EQ(0, sysinfo(&after));
	} while (after.freeram < before.freeram - before.totalram / 20 && now_ms() < end);
	EXPECT_GE(after.freeram, before.freeram - before.totalram / 20);
}

TEST_F_TIMEOUT(gup_fault_race, oom_populate, 120)
{
	exhaust(_metadata, self, false);
}

TEST_F_TIMEOUT(gup_fault_race, oom_pin, 120)
{
	exhaust(_metadata, self, true);
}

TEST_HARNESS_MAIN
