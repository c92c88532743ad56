// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on memory while lookups of PTE tables fail (CONFIG_FAIL_PTE_MAP).
 *
 * A lookup that fails means that the table may have moved. It does not mean that
 * nothing is mapped, and it is not an error. So each operation must have the same
 * result as without failures. Each test does one operation with the injection on,
 * and checks the whole result with the injection off. With probability 100 it also
 * checks that the tested function saw a failure.
 *
 * task-filter confines the failures to the tests. Each test restores all settings
 * that it changes, of the injection and of others.
 */
#define _GNU_SOURCE
#include "fail_pte_map.h"

/* ---- The injection ---- */

CASE(values)
{
	char value[16];
	long before;

	EXPECT_EQ(EINVAL, write_word(FAULT "probability", "x"));
	ASSERT_LT(0, read_file(FAULT "probability", value, sizeof(value)));
	EXPECT_EQ(variant->probability, atoi(value));

	ASSERT_EQ(self->other, map_at(self->other, self->size));
	INJECT(fill(self->other, self->size));
	before = injected(NULL);
	EXPECT_LT(0, before);
	EXPECT_EQ(EINVAL, write_word(FAULT "sites", "1"));
	EXPECT_EQ(EINVAL, write_word(FAULT "sites", "x"));
	EXPECT_EQ(before, injected(NULL));
	EXPECT_EQ(0, write_word(FAULT "sites", "0"));
	EXPECT_EQ(0, injected(NULL));
}

/* A caller that retries succeeds, even if every lookup that may fail does so. */
CASE(once)
{
	long calls, failures, tables = self->size / table_size();

	ASSERT_EQ(self->other, map_at(self->other, self->size));
	INJECT(fill(self->other, self->size));
	count_site("do_anonymous_page", &calls, &failures);
	EXPECT_LE(PAGES, calls);
	EXPECT_LE(failures, calls / 2 + tables + 2);
	if (variant->probability == 100)
		EXPECT_LT(tables, failures);
	EXPECT_EQ(0, wrong_pages(self->other, self->size, false));
}

/*
 * With no probability set, lookups do not count for fail-nth. The mprotect() looks
 * up TABLES tables, and few other faults can be injected in it.
 */
CASE(fail_nth)
{
	const int nth = 1000000;
	char *mem = map_tables(1);
	char word[16];

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, set(self, FAULT "probability", "0"));
	ASSERT_EQ(0, write_word(FAULT "sites", "0"));
	ASSERT_EQ(0, write_word(FAIL_NTH, "1000000"));
	EXPECT_EQ(0, mprotect(mem, TABLES * table_size(), PROT_READ));
	ASSERT_LT(0, read_file(FAIL_NTH, word, sizeof(word)));
	ASSERT_EQ(0, write_word(FAIL_NTH, "0"));
	EXPECT_LT(nth - TABLES, atoi(word));
	EXPECT_EQ(0, injected(NULL));
}

/* ---- Processes ---- */

CASE(fork)
{
	EXPECT_EQ(0, fork_and_check(self->mem, self->size));
	EXPECT_INJECTED("copy_pte_range");
}

/* A PMD with two protections cannot map a huge page. */
CASE(fork_thp)
{
	size_t huge = read_pmd_pagesize();
	char *mem = self->mem;

	if (!huge || huge > self->size)
		SKIP(return, "no huge page fits in %zu KiB", self->size >> 10);
	if (allow_collapse(self, mem, huge) || madvise(mem, huge, MADV_COLLAPSE) ||
	    !check_huge_anon(mem, huge, 1, huge))
		SKIP(return, "no huge page to be had");
	ASSERT_EQ(0, mprotect(mem, psize(), PROT_READ));
	ASSERT_TRUE(check_huge_anon(mem + psize(), huge, 0, huge));
	ASSERT_LT(0, flagged_pages(mem, huge, KPF_COMPOUND_TAIL));

	EXPECT_EQ(0, fork_and_check(mem, self->size));
	EXPECT_INJECTED("copy_pte_range");
}

/*
 * Start a program and wait for its end. It writes to private mappings of files, and
 * each of these page faults is done twice: with the VMA lock and with mmap_lock.
 */
CASE(exec)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		alarm(SECONDS / 4);
		close(STDERR_FILENO);
		inject(true);
		execl("/proc/self/exe", "fail_pte_map", "-l", NULL);
		_exit(KSFT_FAIL);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(KSFT_SKIP, WEXITSTATUS(status));
	EXPECT_INJECTED("handle_pte_fault");
}

/* ---- Core dumps ---- */

/* Find the memory at @addr in a core file. NULL if some of it is missing. */
static const char *find_in_core(const char *core, size_t core_size, char *addr, size_t size)
{
	const ElfW(Ehdr) *header = (const void *)core;
	const ElfW(Phdr) *segment = (const void *)(core + header->e_phoff);

	for (int i = 0; i < header->e_phnum; i++, segment++) {
		size_t pos = (uintptr_t)addr - segment->p_vaddr;

		if (segment->p_type != PT_LOAD || pos >= segment->p_memsz)
			continue;
		if (pos + size > segment->p_filesz ||
		    segment->p_offset + pos + size > core_size)
			return NULL;
		return core + segment->p_offset + pos;
	}
	return NULL;
}

/* A hole in the core file reads as zeroes. */
CASE(core)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	const char *core, *dumped;
	int fd, status;
	size_t core_size;
	pid_t pid;

	snprintf(self->core, sizeof(self->core), "/tmp/fail_pte_map.core.%d", getpid());
	if (set(self, SYSCTL "core_pattern", self->core))
		SKIP(return, "needs CONFIG_COREDUMP");
	ASSERT_EQ(0, set(self, SYSCTL "core_uses_pid", "0"));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		setrlimit(RLIMIT_CORE, &unlimited);
		inject(true);
		abort();
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WCOREDUMP(status));

	fd = open(self->core, O_RDONLY);
	ASSERT_LE(0, fd);
	core_size = lseek(fd, 0, SEEK_END);
	core = mmap(NULL, core_size, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, core);
	dumped = find_in_core(core, core_size, self->mem, self->size);
	ASSERT_NE(NULL, dumped);
	EXPECT_EQ(0, wrong_pages(dumped, self->size, false));
	EXPECT_INJECTED("follow_pmd_mask");
}

/* ---- Out of memory ---- */

/* A memory cgroup without swap, with a limit below what the test needs. */
static int make_cgroup(FIXTURE_DATA(fail_pte_map) *self, const char *max)
{
	char path[96], *dir = self->cgroup;

	snprintf(dir, sizeof(self->cgroup), "/tmp/fail_pte_map.cgroup.%d", getpid());
	if (mkdir(dir, 0700) || mount("cgroup", dir, "cgroup2", 0, NULL))
		return errno;
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", dir);
	write_word(path, "+memory");
	snprintf(path, sizeof(path), "%s/oom", dir);
	if (mkdir(path, 0700))
		return errno;
	snprintf(path, sizeof(path), "%s/oom/memory.swap.max", dir);
	write_word(path, "0");
	snprintf(path, sizeof(path), "%s/oom/memory.max", dir);
	return write_word(path, max);
}

/* Injection slows down page faults and the exit. The OOM killer must still succeed. */
CASE(oom)
{
	const size_t size = 64 << 20;
	char path[96], events[256] = "";
	int status;
	pid_t pid;

	if (make_cgroup(self, "16M"))
		SKIP(return, "no memory controller of cgroup 2");
	snprintf(path, sizeof(path), "%s/oom/cgroup.procs", self->cgroup);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		char *mem = map_at(NULL, size);

		if (write_word(path, "0") || mem == MAP_FAILED)
			_exit(KSFT_FAIL);
		inject(true);
		fill(mem, size);
		_exit(KSFT_FAIL);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	snprintf(path, sizeof(path), "%s/oom/memory.events", self->cgroup);
	read_file(path, events, sizeof(events));
	EXPECT_NE(NULL, strstr(events, "oom_kill 1\n"));
	EXPECT_INJECTED("do_anonymous_page");
}

/* ---- System calls that walk page tables ---- */

CASE(ksm)
{
	memset(self->mem, 1, self->size);
	if (madvise(self->mem, self->size, MADV_MERGEABLE))
		SKIP(return, "needs CONFIG_KSM");
	ASSERT_EQ(0, set(self, KSM "pages_to_scan", "10000"));
	ASSERT_EQ(0, set(self, KSM "sleep_millisecs", "10"));
	ASSERT_EQ(0, set(self, KSM "run", "1"));
	for (int i = 0; i < 600 && ksm_get_self_merging_pages() < PAGES / 2; i++)
		usleep(100000);
	ASSERT_LE(PAGES / 2, flagged_pages(self->mem, self->size, KPF_KSM));

	EXPECT_EQ(0, INJECT(madvise(self->mem, self->size, MADV_UNMERGEABLE)));
	EXPECT_EQ(0, flagged_pages(self->mem, self->size, KPF_KSM));
	EXPECT_INJECTED("break_ksm_pmd_entry");
}

CASE(move_pages)
{
	int status[PAGES], missing = 0;
	void *page[PAGES];

	for (size_t i = 0; i < PAGES; i++)
		page[i] = self->mem + i * psize();
	if (INJECT(syscall(SYS_move_pages, 0, PAGES, page, NULL, status, 0))) {
		ASSERT_EQ(ENOSYS, errno);
		SKIP(return, "needs CONFIG_NUMA");
	}
	for (size_t i = 0; i < PAGES; i++)
		missing += status[i] < 0;
	EXPECT_EQ(0, missing);
	EXPECT_INJECTED("folio_walk_start");
}

CASE(mincore)
{
	unsigned char vec[PAGES];
	int missing = 0;

	ASSERT_EQ(0, INJECT(mincore(self->mem, self->size, vec)));
	for (size_t i = 0; i < PAGES; i++)
		missing += !(vec[i] & 1);
	EXPECT_EQ(0, missing);
	EXPECT_INJECTED("mincore_pte_range");
}

/* Stay on one CPU: others may have batched pages that munlock() has seen. */
CASE(mlock)
{
	int cpu = sched_getcpu();
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpus), &cpus));

	EXPECT_EQ(0, INJECT(mlock(self->mem, self->size)));
	EXPECT_EQ(PAGES, flagged_pages(self->mem, self->size, KPF_MLOCKED));
	EXPECT_INJECTED("mlock_pte_range");

	ASSERT_EQ(0, write_word(FAULT "sites", "0"));
	EXPECT_EQ(0, INJECT(munlock(self->mem, self->size)));
	EXPECT_EQ(0, flagged_pages(self->mem, self->size, KPF_MLOCKED));
	EXPECT_INJECTED("mlock_pte_range");
}

CASE(mprotect)
{
	EXPECT_EQ(0, INJECT(mprotect(self->mem, self->size, PROT_READ)));
	EXPECT_EQ(0, writable_pages(self->mem, self->size));
	EXPECT_EQ(0, wrong_pages(self->mem, self->size, false));

	EXPECT_EQ(0, INJECT(mprotect(self->mem, self->size, PROT_READ | PROT_WRITE)));
	EXPECT_EQ(0, wrong_pages(self->mem, self->size, false));
	EXPECT_EQ(PAGES, writable_pages(self->mem, self->size));
	EXPECT_INJECTED("change_pte_range");
}

CASE(collapse)
{
	size_t huge = read_pmd_pagesize();
	int error, tries = 10;

	if (!huge || huge > self->size)
		SKIP(return, "no huge page fits in %zu KiB", self->size >> 10);
	ASSERT_EQ(0, allow_collapse(self, self->mem, huge));
	do {
		error = INJECT(madvise(self->mem, huge, MADV_COLLAPSE)) ? errno : 0;
	} while (error == EAGAIN && --tries);
	if (error == ENOMEM)
		SKIP(return, "no huge page to be had");
	EXPECT_EQ(0, error);
	EXPECT_TRUE(check_huge_anon(self->mem, huge, 1, huge));
	EXPECT_EQ(0, wrong_pages(self->mem, self->size, false));
	EXPECT_INJECTED("collapse_scan_pmd");
}

/* The addresses are not congruent, so mremap() moves entries and never a table. */
CASE(mremap)
{
	ASSERT_EQ(self->other, INJECT(mremap(self->mem, self->size, self->size,
					     MREMAP_MAYMOVE | MREMAP_FIXED, self->other)));
	EXPECT_EQ(0, pagemap_pages(self->mem, self->size, PM_PRESENT));
	EXPECT_EQ(0, wrong_pages(self->other, self->size, false));
	EXPECT_INJECTED("move_ptes");
}

CASE(dontneed)
{
	EXPECT_EQ(0, INJECT(madvise(self->mem, self->size, MADV_DONTNEED)));
	EXPECT_EQ(0, pagemap_pages(self->mem, self->size, PM_PRESENT));
	EXPECT_EQ(0, wrong_pages(self->mem, self->size, true));
	EXPECT_INJECTED("zap_pte_range");
}

CASE(populate)
{
	size_t half = self->size / 2;
	char *mem = map_at(self->other, self->size);

	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, INJECT(madvise(mem, half, MADV_POPULATE_READ)));
	EXPECT_EQ(0, INJECT(madvise(mem + half, half, MADV_POPULATE_WRITE)));
	EXPECT_EQ(PAGES, pagemap_pages(mem, self->size, PM_PRESENT));
	EXPECT_EQ(0, wrong_pages(mem, self->size, true));
	EXPECT_INJECTED("follow_pmd_mask");
	EXPECT_INJECTED("do_anonymous_page");
}

CASE(munmap)
{
	inject(true);
	EXPECT_EQ(0, munmap(self->mem, self->size));
	ASSERT_EQ(self->mem, map_at(self->mem, self->size));
	EXPECT_EQ(0, wrong_pages(self->mem, self->size, true));
	fill(self->mem, self->size);
	inject(false);
	EXPECT_EQ(0, wrong_pages(self->mem, self->size, false));
	EXPECT_INJECTED("zap_pte_range");
	EXPECT_INJECTED("do_anonymous_page");
}

/* ---- /proc ---- */

/* The value in KiB of a line of smaps, or -1. */
static long smaps_kib(const char *mem, const char *name)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	bool here = false;
	unsigned long start, end;
	char line[256];
	long kib = -1;

	while (smaps && kib < 0 && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start == (uintptr_t)mem;
		else if (here && !strncmp(line, name, strlen(name)))
			kib = atol(line + strlen(name));
	}
	if (smaps)
		fclose(smaps);
	return kib;
}

CASE(smaps)
{
	long kib = self->size >> 10;

	EXPECT_EQ(kib, INJECT(smaps_kib(self->mem, "Rss:")));
	EXPECT_EQ(kib, INJECT(smaps_kib(self->mem, "Pss:")));
	EXPECT_INJECTED("smaps_pte_range");
}

CASE(pagemap)
{
	EXPECT_EQ(PAGES, INJECT(pagemap_pages(self->mem, self->size, PM_PRESENT)));
	EXPECT_INJECTED("pagemap_pmd_range");
}

/* ---- Pages that drivers map ---- */

CASE(io_uring)
{
	struct io_uring_params params = {};
	size_t size;
	char *ring;
	int fd;

	fd = INJECT(syscall(__NR_io_uring_setup, 2048, &params));
	if (fd < 0)
		SKIP(return, "no io_uring: %s", strerror(errno));
	size = params.sq_entries * sizeof(struct io_uring_sqe);
	ring = INJECT(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES));
	ASSERT_NE(MAP_FAILED, ring);
	EXPECT_EQ(size / psize(), pagemap_pages(ring, size, PM_PRESENT));
	fill(ring, size);
	EXPECT_EQ(0, wrong_pages(ring, size, false));
	EXPECT_INJECTED("pt_map_alloc_lock");
}

CASE(packet)
{
	struct tpacket_req req = {
		.tp_block_size = 4 * psize(), .tp_block_nr = 16,
		.tp_frame_size = psize(), .tp_frame_nr = 64,
	};
	size_t size = 64 * psize();
	char *ring;
	int fd;

	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0)
		SKIP(return, "no packet socket: %s", strerror(errno));
	ASSERT_EQ(0, setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)));
	ring = INJECT(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	ASSERT_NE(MAP_FAILED, ring);
	EXPECT_EQ(64, pagemap_pages(ring, size, PM_PRESENT));
	EXPECT_INJECTED("pt_map_alloc_lock");
}

/* ---- userfaultfd ---- */

static int uffd_open(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd < 0 || !ioctl(uffd, UFFDIO_API, &api))
		return uffd;
	close(uffd);
	return -1;
}

/*
 * Copies or moves a range, three pages at a time. EAGAIN means that less was done
 * than requested. The function then continues where the kernel stopped. Returns the
 * number of such retries, or -1 on another error.
 */
static int uffd_transfer(int uffd, int op, char *dst, char *src, size_t size)
{
	_Static_assert(sizeof(struct uffdio_copy) == sizeof(struct uffdio_move), "");
	struct uffdio_copy arg;
	int again = 0;

	for (size_t pos = 0; pos < size; pos += arg.copy > 0 ? arg.copy : 0) {
		arg = (struct uffdio_copy) {
			.dst = (uintptr_t)dst + pos,
			.src = (uintptr_t)src + pos,
			.len = size - pos < 3 * psize() ? size - pos : 3 * psize(),
		};
		if (!ioctl(uffd, op, &arg))
			continue;
		if (errno != EAGAIN || again++ == 8 * PAGES)
			return -1;
	}
	return again;
}

/* Returns how often the kernel asked for a retry, or -1. */
static int uffd_fill(FIXTURE_DATA(fail_pte_map) *self, int uffd, int op)
{
	if (map_at(self->other, self->size) != self->other ||
	    uffd_register(uffd, self->other, self->size, true, false, false))
		return -1;
	return INJECT(uffd_transfer(uffd, op, self->other, self->mem, self->size));
}

CASE(uffd_copy)
{
	int uffd = uffd_open(0), again;

	if (uffd < 0)
		SKIP(return, "no userfaultfd");
	again = uffd_fill(self, uffd, UFFDIO_COPY);
	ASSERT_LE(0, again);
	EXPECT_LE(again, PAGES);
	ASSERT_EQ(PAGES, pagemap_pages(self->other, self->size, PM_PRESENT));
	EXPECT_EQ(0, wrong_pages(self->other, self->size, false));
	EXPECT_INJECTED("pt_map_alloc_lock");
}

CASE(uffd_move)
{
	int uffd = uffd_open(UFFD_FEATURE_MOVE), again;

	if (uffd < 0)
		SKIP(return, "no userfaultfd with UFFDIO_MOVE");
	again = uffd_fill(self, uffd, UFFDIO_MOVE);
	ASSERT_LE(0, again);
	EXPECT_LE(again, 4 * PAGES);
	EXPECT_EQ(0, pagemap_pages(self->mem, self->size, PM_PRESENT));
	ASSERT_EQ(PAGES, pagemap_pages(self->other, self->size, PM_PRESENT));
	EXPECT_EQ(0, wrong_pages(self->other, self->size, false));
	EXPECT_INJECTED("move_pages_ptes");
}

/* ---- swapoff() ---- */

/* A loop device backed by @file. It is detached when its last user closes it. */
static int make_loop_device(char *path, size_t len, int file)
{
	struct loop_config config = { .fd = file, .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR), fd = -1;

	/* Another process may take the free device first. */
	for (int try = 0; control >= 0 && fd < 0 && try < 10; try++) {
		snprintf(path, len, "/dev/loop%d", ioctl(control, LOOP_CTL_GET_FREE));
		fd = open(path, O_RDWR);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config)) {
			close(fd);
			fd = -1;
		}
	}
	close(control);
	return fd;
}

static int make_swap_file(size_t size)
{
	const uint32_t header[] = { 1, size / psize() - 1, 0 };
	int fd = memfd_create("fail_pte_map", 0);

	if (fd >= 0 && !posix_fallocate(fd, 0, size) &&
	    pwrite(fd, header, sizeof(header), 1024) == sizeof(header) &&
	    pwrite(fd, "SWAPSPACE2", 10, psize() - 10) == 10)
		return fd;
	close(fd);
	return -1;
}

/*
 * In each pass, swapoff() looks up more tables than the injection remembers. So
 * code that leaves a page to the next pass may fail there again, without an end.
 * Some of these tables do not exist. The tick warns if that unbalances RCU.
 */
CASE(swapoff)
{
	int file = make_swap_file(4 * self->size), swapped;
	char path[sizeof(self->swap)];
	clock_t end;

	ASSERT_LE(0, file);
	ASSERT_NE(MAP_FAILED, map_tables(2));
	if (make_loop_device(path, sizeof(path), file) < 0)
		SKIP(return, "needs CONFIG_BLK_DEV_LOOP");
	if (swapon(path, SWAP_FLAG_PREFER | 0x7fff))
		SKIP(return, "no swap: %s", strerror(errno));
	strcpy(self->swap, path);
	ASSERT_EQ(0, madvise(self->mem, self->size, MADV_PAGEOUT));
	swapped = pagemap_pages(self->mem, self->size, PM_SWAP);
	ASSERT_LT(0, swapped);

	EXPECT_EQ(0, INJECT(swapoff(self->swap)));
	self->swap[0] = 0;
	for (end = clock() + CLOCKS_PER_SEC / 10; clock() < end; )
		;
	/* Some pages may be in another swap area and stay there. */
	EXPECT_EQ(0, wrong_pages(self->mem, self->size, false));
	EXPECT_INJECTED("unuse_pte_range");
	EXPECT_INJECTED("unuse_pte");
}

/* ---- powerpc ---- */

#ifdef __powerpc64__
/* The hash table has entries for the pages with their old protection. */
CASE(subpage_prot)
{
	uint32_t read_only[PAGES];

	memset(read_only, 0x55, sizeof(read_only));
	ASSERT_EQ(PAGES, writable_pages(self->mem, self->size));
	if (INJECT(syscall(__NR_subpage_prot, self->mem, self->size, read_only)))
		SKIP(return, "needs CONFIG_PPC_SUBPAGE_PROT and the hash MMU");
	EXPECT_EQ(0, writable_pages(self->mem, self->size));
	EXPECT_EQ(0, wrong_pages(self->mem, self->size, false));
	EXPECT_INJECTED("hpte_flush_range");
}
#endif /* __powerpc64__ */

/* ---- x86 ---- */

#if defined(__i386__) || defined(__x86_64__)
/* A read of /proc/self/mem at a mapping of /dev/mem uses generic_access_phys(). */
CASE(pfnmap)
{
	int dev = open("/dev/mem", O_RDONLY), mem = open("/proc/self/mem", O_RDONLY);
	size_t size = 4 * psize(), failed = 0;
	char *p, page[psize()];

	p = INJECT(mmap(NULL, size, PROT_READ, MAP_SHARED, dev, BIOS));
	if (p == MAP_FAILED)
		SKIP(return, "/dev/mem cannot be mapped: %s", strerror(errno));
	for (size_t pos = 0; pos < size; pos += psize())
		failed += INJECT(pread(mem, page, psize(), (uintptr_t)p + pos)) != psize() ||
			  memcmp(page, p + pos, psize());
	EXPECT_EQ(0, failed);
	EXPECT_INJECTED("pt_map_alloc_lock");
	EXPECT_INJECTED("follow_pfnmap_start");
}

static int write_ldt(int entry)
{
	struct user_desc desc = {
		.entry_number = entry, .base_addr = entry, .limit = 1, .seg_32bit = 1,
	};

	return syscall(SYS_modify_ldt, 0x11, &desc, sizeof(desc));
}

/* The second entry enlarges the LDT, which is then mapped at another address. */
static int use_ldt(void)
{
	static uint64_t ldt[2048];

	if (write_ldt(1) || write_ldt(2047))
		return errno == ENOSYS ? KSFT_SKIP : KSFT_FAIL;
	if (syscall(SYS_modify_ldt, 0, ldt, sizeof(ldt)) != sizeof(ldt))
		return KSFT_FAIL;
	return (ldt[1] >> 16 & 0xffff) == 1 && (ldt[2047] >> 16 & 0xffff) == 2047 ?
	       KSFT_PASS : KSFT_FAIL;
}

/* The LDT is mapped in page tables of the process if they are isolated (PTI). */
CASE(ldt)
{
	char cpuinfo[4096] = "";
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		inject(true);
		_exit(use_ldt());
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	if (WEXITSTATUS(status) == KSFT_SKIP)
		SKIP(return, "needs CONFIG_MODIFY_LDT_SYSCALL");
	EXPECT_EQ(KSFT_PASS, WEXITSTATUS(status));
	read_file("/proc/cpuinfo", cpuinfo, sizeof(cpuinfo));
	if (strstr(cpuinfo, " pti "))
		EXPECT_INJECTED("pt_map_alloc_lock");
}

/* A scheduler feature is a static key: the kernel patches its text. */
CASE(text_poke)
{
	char features[1024], off[64], *on;

	if (!read_file(FEATURES, features, sizeof(features)))
		SKIP(return, "needs " FEATURES);
	on = strtok(features, " \n");
	if (!strncmp(on, "NO_", 3))
		on += 3;
	snprintf(off, sizeof(off), "NO_%s", on);

	EXPECT_EQ(0, INJECT(write_word(FEATURES, features == on ? off : on)));
	EXPECT_EQ(0, INJECT(write_word(FEATURES, features == on ? on : off)));
	EXPECT_INJECTED("pt_map_alloc_lock");
}
#endif /* __i386__ || __x86_64__ */

TEST_HARNESS_MAIN
