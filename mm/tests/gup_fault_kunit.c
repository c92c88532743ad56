// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for faults in GUP. The lock that GUP works under, and the number of faults
 * that drop it, must not change which pages are taken and which are refused.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>

#include "../../kernel/futex/futex.h"
#include "../gup_fault.h"
#include "../internal.h"

#define ADDR	(PUD_SIZE + 8 * PMD_SIZE - 20 * PAGE_SIZE)	/* in two page tables */
#define NR	48ul
#define AT(n)	(ADDR + (n) * PAGE_SIZE)

/* State of mmap_lock when GUP is called */
enum lock_mode {
	HELD,			/* by the caller, must not be dropped */
	HELD_UNLOCKABLE,
	NOT_HELD,
	WRITER,			/* another task holds it for write: only VMA locks work */
	NR_LOCK_MODES,
};

struct fault_test {
	struct mm_struct *mm;
	struct page *pages[NR];
	struct file *file;
	const struct vm_operations_struct *shmem;
	unsigned int drop;		/* number of faults that drop the lock */
	bool io;			/* as for I/O, not only to get another lock */
	unsigned int signal;		/* the last of them makes this one pending */
	unsigned int delay_ms;
	unsigned int faults, tried, vma_lock;	/* counted until the page is served */
	DECLARE_BITMAP(served, NR);
	unsigned int from, until;	/* faults that a writer counted */
	unsigned long offset;		/* in the first page */
	unsigned long nr;		/* of requested pages */
	long pinned;			/* by another task */
	char buf[2 * PAGE_SIZE];
	struct completion go, locked, done;
};

/* KUnit runs one test at a time. A page fault cannot pass a pointer. */
static struct fault_test *ft;

/* VMAs may still refer to these after a test has ended. */
static struct vm_operations_struct file_ops, driver_ops, tracked_ops;

static int gup_fault_init(struct kunit *test)
{
	ft = test->priv = kunit_kzalloc(test, sizeof(*ft), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ft);
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	ft->mm = current->mm;
	init_completion(&ft->go);
	init_completion(&ft->locked);
	init_completion(&ft->done);
	return 0;
}

static void map_anon(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, ksys_mmap_pgoff(ADDR, NR * PAGE_SIZE, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS |
					      MAP_FIXED_NOREPLACE, -1, 0), ADDR);
	do_madvise(current->mm, ADDR, NR * PAGE_SIZE, MADV_NOHUGEPAGE);
	/* The first anon_vma needs mmap_lock. */
	KUNIT_ASSERT_EQ(test, put_user(1, (u32 __user *)ADDR), 0);
}

static void map_unaligned(struct kunit *test)
{
	map_anon(test);
	ft->offset = PAGE_SIZE - 8;
}

/* Ask for more pages than the address space has. The VMA ends after NR pages. */
static void map_too_few(struct kunit *test)
{
	map_anon(test);
	KUNIT_ASSERT_EQ(test, put_user(1, (u32 __user *)AT(1)), 0);
	ft->nr = ULONG_MAX / PAGE_SIZE;
}

static void change_flags(vm_flags_t set, vm_flags_t clear)
{
	struct vm_area_struct *vma;

	mmap_write_lock(current->mm);
	vma = vma_lookup(current->mm, ADDR);
	vm_flags_mod(vma, set, clear);
	vma_set_page_prot(vma);
	mmap_write_unlock(current->mm);
}

static void map_read_only(struct kunit *test)
{
	map_anon(test);
	change_flags(0, VM_WRITE);
	do_madvise(current->mm, ADDR, NR * PAGE_SIZE, MADV_DONTNEED);
}

static void map_no_access(struct kunit *test)
{
	map_anon(test);
	change_flags(0, VM_READ | VM_WRITE | VM_EXEC);
	do_madvise(current->mm, ADDR, NR * PAGE_SIZE, MADV_DONTNEED);
}

static void map_io(struct kunit *test)
{
	map_anon(test);
	change_flags(VM_IO, 0);
}

/* Only userfaultfd may provide these pages. There is none, so a fault gives SIGBUS. */
static void map_missing(struct kunit *test)
{
	map_anon(test);
	change_flags(VM_UFFD_MISSING, 0);
}

static void map_hole_at_3(struct kunit *test)
{
	map_anon(test);
	vm_munmap(AT(3), PAGE_SIZE);
}

static void map_hole_at_0(struct kunit *test)
{
	map_anon(test);
	vm_munmap(AT(0), PAGE_SIZE);
}

static void poison(unsigned long addr)
{
	spinlock_t *ptl;
	pte_t *pte = get_locked_pte(current->mm, addr, &ptl);

	set_pte_at(current->mm, addr, pte, make_pte_marker(PTE_MARKER_POISONED));
	pte_unmap_unlock(pte, ptl);
}

static void map_poison_at_3(struct kunit *test)
{
	map_anon(test);
	poison(AT(3));
}

static void map_poison_at_0(struct kunit *test)
{
	map_anon(test);
	do_madvise(current->mm, ADDR, PAGE_SIZE, MADV_DONTNEED);
	poison(AT(0));
}

static void put_file(void *file)
{
	fput(file);
}

/* Set a signal pending without sending it. */
static void make_pending(int sig)
{
	sigaddset(&current->pending.signal, sig);
	set_tsk_thread_flag(current, TIF_SIGPENDING);
}

/*
 * Like the handler of shmem, but it drops locks. With fail_pte_map, a page that was served
 * may still be unmapped.
 */
static vm_fault_t fault_ops_fault(struct vm_fault *vmf)
{
	if (test_bit(vmf->pgoff, ft->served))
		return ft->shmem->fault(vmf);
	ft->tried += !!(vmf->flags & FAULT_FLAG_TRIED);
	ft->vma_lock += !!(vmf->flags & FAULT_FLAG_VMA_LOCK);
	WRITE_ONCE(ft->faults, ft->faults + 1);
	if (ft->delay_ms)
		msleep(ft->delay_ms);
	if (!ft->drop || !(vmf->flags & FAULT_FLAG_ALLOW_RETRY)) {
		set_bit(vmf->pgoff, ft->served);
		return ft->shmem->fault(vmf);
	}
	if (!--ft->drop && ft->signal)
		make_pending(ft->signal);
	if (!(vmf->flags & FAULT_FLAG_RETRY_NOWAIT))
		release_fault_lock(vmf);
	return ft->io ? VM_FAULT_RETRY | VM_FAULT_MAJOR : VM_FAULT_RETRY;
}

static vm_fault_t tracked_mkwrite(struct vm_fault *vmf)
{
	folio_lock(page_folio(vmf->page));
	return VM_FAULT_LOCKED;
}

static void map_file_of(struct kunit *test, unsigned long pages,
			struct vm_operations_struct *ops)
{
	struct vm_area_struct *vma;

	ft->file = shmem_kernel_file_setup("gup_fault", pages * PAGE_SIZE, EMPTY_VMA_FLAGS);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ft->file));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_file, ft->file), 0);
	KUNIT_ASSERT_EQ(test, vm_mmap(ft->file, ADDR, NR * PAGE_SIZE, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_FIXED, 0), ADDR);
	mmap_write_lock(current->mm);
	vma = vma_lookup(current->mm, ADDR);
	ft->shmem = vma->vm_ops;
	*ops = *vma->vm_ops;
	ops->fault = fault_ops_fault;
	if (ops == &tracked_ops)
		ops->page_mkwrite = tracked_mkwrite;
	/* Without map_pages, a handler counts as not audited for the VMA lock. */
	if (ops == &driver_ops)
		ops->map_pages = NULL;
	vma->vm_ops = ops;
	mmap_write_unlock(current->mm);
}

static void map_file(struct kunit *test)
{
	map_file_of(test, NR, &file_ops);
}

/* A file on a file system that tracks dirty pages */
static void map_tracked(struct kunit *test)
{
	map_file_of(test, NR, &tracked_ops);
}

static void map_eof_at_3(struct kunit *test)
{
	map_file_of(test, 3, &file_ops);
}

static void map_eof_at_0(struct kunit *test)
{
	map_file_of(test, 0, &file_ops);
}

static void map_driver(struct kunit *test)
{
	map_file_of(test, NR, &driver_ops);
}

/* The first page needs a fault that sleeps. */
static void map_sleeps_at_0(struct kunit *test)
{
	map_file(test);
	ft->drop = 1;
}

#ifdef CONFIG_ARCH_HAS_PTE_SPECIAL
static void put_test_page(void *page)
{
	put_page(page);
}

/* A special PTE: GUP must not use the struct page. */
static void map_special_at_0(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	spinlock_t *ptl;
	pte_t *pte;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_test_page, page), 0);
	map_anon(test);
	do_madvise(current->mm, ADDR, PAGE_SIZE, MADV_DONTNEED);
	change_flags(VM_MIXEDMAP, 0);
	pte = get_locked_pte(current->mm, ADDR, &ptl);
	set_pte_at(current->mm, ADDR, pte,
		   pte_mkspecial(mk_pte(page, vm_get_page_prot(VM_READ))));
	pte_unmap_unlock(pte, ptl);
}
#endif

/* The gate area: it has no VMA, and all processes share the page. */
static void map_gate(struct kunit *test)
{
	struct vm_area_struct *vma;

#ifdef CONFIG_X86_VSYSCALL_EMULATION
	set_bit(MM_CONTEXT_HAS_VSYSCALL, &current->mm->context.flags);
#endif
	vma = get_gate_vma(current->mm);
	if (!vma)
		kunit_skip(test, "no gate area");
	ft->offset = vma->vm_start - ADDR;
}

/* Holds mmap_lock for write while the test works. */
static int writer(void *arg)
{
	wait_for_completion(&ft->go);
	mmap_write_lock(ft->mm);
	complete(&ft->locked);
	wait_for_completion_timeout(&ft->done, 20 * HZ);
	mmap_write_unlock(ft->mm);
	return 0;
}

static struct task_struct *start_writer(struct kunit *test)
{
	struct task_struct *task = kthread_run(writer, NULL, "writer");

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	complete(&ft->go);
	wait_for_completion(&ft->locked);
	return task;
}

static void stop_writer(struct kunit *test, struct task_struct *task)
{
	/* If GUP had waited for mmap_lock, the writer would have timed out by now. */
	KUNIT_EXPECT_TRUE(test, rwsem_is_locked(&current->mm->mmap_lock));
	complete(&ft->done);
	kthread_stop_put(task);
}

static long take(struct kunit *test, enum lock_mode mode, unsigned int flags)
{
	bool held = mode == HELD || mode == HELD_UNLOCKABLE;
	struct page **pages = flags & (FOLL_GET | FOLL_PIN) ? ft->pages : NULL;
	struct task_struct *task = NULL;
	int locked = held;
	long ret;

	if (mode == WRITER)
		task = start_writer(test);
	if (held)
		mmap_read_lock(current->mm);
	flags |= FOLL_TOUCH | (mode == HELD ? 0 : FOLL_UNLOCKABLE);
	ret = __get_user_pages_locked(current->mm, ADDR + ft->offset, ft->nr ?: NR, pages,
				      &locked, flags);
	KUNIT_EXPECT_TRUE(test, held || !locked);
	KUNIT_EXPECT_TRUE(test, mode != HELD || locked);
	if (locked)
		mmap_read_unlock(current->mm);
	if (task)
		stop_writer(test, task);
	return ret;
}

/* Check the pages, and that each has one more reference or pin until it is released. */
static void release(struct kunit *test, long nr, unsigned int flags)
{
	u32 value;
	long i;

	/* LRU batches hold references, too, and may be drained at any time. */
	if (nr > 0)
		lru_add_drain_all();
	for (i = 0; i < nr; i++) {
		struct page *page = ft->pages[i];
		bool zero = is_zero_folio(page_folio(page));
		int refs = page_ref_count(page);

		if ((flags & FOLL_WRITE) && !(flags & FOLL_FORCE)) {
			KUNIT_ASSERT_EQ(test, put_user(100 + i, (u32 __user *)AT(i)), 0);
			memcpy_from_page((char *)&value, page, 0, sizeof(value));
			KUNIT_EXPECT_EQ(test, value, 100 + i);
		}
		if (flags & FOLL_PIN)
			unpin_user_page(page);
		else
			put_page(page);
		if (!zero)
			KUNIT_EXPECT_EQ(test, refs - page_ref_count(page),
					flags & FOLL_PIN ? GUP_PIN_COUNTING_BIAS : 1);
	}
}

static const struct row {
	const char *name;
	void (*map)(struct kunit *test);
	unsigned int flags;
	long want;
	bool mmap_lock;			/* needs mmap_lock */
} rows[] = {
	{ "write", map_anon, FOLL_PIN | FOLL_WRITE, NR },
	{ "unaligned", map_unaligned, FOLL_PIN | FOLL_WRITE, NR },
	{ "more than there are", map_too_few, FOLL_PIN | FOLL_WRITE, NR, true },
	{ "longterm", map_anon, FOLL_PIN | FOLL_WRITE | FOLL_LONGTERM, NR },
	{ "remote", map_anon, FOLL_PIN | FOLL_WRITE | FOLL_REMOTE, NR },
	{ "zero pages", map_anon, FOLL_GET, NR },
	{ "zero pages, pinned", map_anon, FOLL_PIN, NR },
	{ "nobody wants them", map_anon, FOLL_WRITE, NR },
	{ "no fault", map_anon, FOLL_PIN | FOLL_WRITE | FOLL_NOFAULT, 1 },
	{ "no wait", map_anon, FOLL_GET | FOLL_WRITE | FOLL_NOWAIT, NR, true },
	{ "no wait, but it sleeps", map_sleeps_at_0, FOLL_GET | FOLL_WRITE | FOLL_NOWAIT,
	  0, true },
	{ "gate area", map_gate, FOLL_GET, 1, true },
	{ "gate area, written", map_gate, FOLL_GET | FOLL_WRITE, -EFAULT, true },
#ifdef CONFIG_ARCH_HAS_PTE_SPECIAL
	{ "no struct page", map_special_at_0, FOLL_GET, -EEXIST },
	{ "no struct page, nobody wants it", map_special_at_0, 0, NR },
#endif
	{ "hole", map_hole_at_3, FOLL_PIN | FOLL_WRITE, 3, true },
	{ "hole first", map_hole_at_0, FOLL_PIN | FOLL_WRITE, -EFAULT, true },
	{ "madvise, hole", map_hole_at_0, FOLL_MADV_POPULATE, -ENOMEM, true },
	{ "madvise, read-only", map_read_only, FOLL_MADV_POPULATE | FOLL_WRITE, -EINVAL },
	{ "read-only", map_read_only, FOLL_PIN | FOLL_WRITE, -EFAULT },
	{ "read-only, read", map_read_only, FOLL_PIN, NR },
	{ "read-only, forced", map_read_only, FOLL_PIN | FOLL_WRITE | FOLL_FORCE, NR },
	{ "no access", map_no_access, FOLL_GET, -EFAULT },
	{ "no access, forced", map_no_access, FOLL_GET | FOLL_FORCE, NR },
	{ "VM_IO", map_io, FOLL_GET, -EFAULT },
	{ "userfaultfd", map_missing, FOLL_GET | FOLL_WRITE,
	  IS_ENABLED(CONFIG_USERFAULTFD) ? 1 : NR },
	{ "poison", map_poison_at_3, FOLL_GET | FOLL_HWPOISON, 3 },
	{ "poison first", map_poison_at_0, FOLL_GET | FOLL_HWPOISON, -EHWPOISON },
	{ "poison, not asked for", map_poison_at_0, FOLL_GET, -EFAULT },
	{ "file", map_file, FOLL_PIN | FOLL_WRITE, NR },
	{ "file, anonymous wanted", map_file, FOLL_PIN | FOLL_ANON, -EFAULT },
	{ "file, dirty pages tracked", map_tracked, FOLL_PIN | FOLL_WRITE, NR },
	{ "file, dirty pages tracked, longterm", map_tracked,
	  FOLL_PIN | FOLL_WRITE | FOLL_LONGTERM, -EFAULT },
	{ "file, dirty pages tracked, longterm read", map_tracked, FOLL_PIN | FOLL_LONGTERM, NR },
	{ "end of file", map_eof_at_3, FOLL_PIN | FOLL_WRITE, 3 },
	{ "end of file first", map_eof_at_0, FOLL_PIN | FOLL_WRITE, -EFAULT },
	{ "driver", map_driver, FOLL_PIN | FOLL_WRITE, NR, true },
};

KUNIT_ARRAY_PARAM_DESC(row, rows, name);

static void start_over(void)
{
	vm_munmap(ADDR, NR * PAGE_SIZE);
	ft->faults = ft->tried = ft->vma_lock = 0;
	ft->offset = ft->nr = 0;
	bitmap_zero(ft->served, NR);
	reinit_completion(&ft->go);
	reinit_completion(&ft->locked);
	reinit_completion(&ft->done);
}

/* The result must not depend on the lock. */
static void result(struct kunit *test)
{
	const struct row *row = test->param_value;
	enum lock_mode mode;
	long ret;

	for (mode = 0; mode < NR_LOCK_MODES; mode++) {
		if (mode == WRITER && (row->mmap_lock || !IS_ENABLED(CONFIG_PER_VMA_LOCK)))
			continue;
		row->map(test);
		ret = take(test, mode, row->flags);
		if (mode == HELD && row->map == map_gate && row->want == 1 && ret == -EFAULT)
			kunit_skip(test, "the gate area has no page; vsyscall=emulate brings it");
		KUNIT_EXPECT_EQ_MSG(test, ret, row->want, "lock mode %d", mode);
		if (row->map == map_anon && (row->flags & FOLL_WRITE))
			KUNIT_EXPECT_EQ(test, get_mm_counter_sum(current->mm, MM_ANONPAGES),
					row->want);
		if (row->flags & (FOLL_GET | FOLL_PIN))
			release(test, ret, row->flags);
		if (row->map == map_driver)
			KUNIT_EXPECT_EQ(test, ft->vma_lock, 0);
		start_over();
	}
}

/*
 * Faults that drop the lock, all for the first page. The page is retried, and taken once.
 * The first two tries use the VMA lock, and so do the pages after this one. A fault that
 * only refused the VMA lock has not been tried.
 */
static void retry(struct kunit *test)
{
	unsigned int i, drops, tried, under_mmap;
	enum lock_mode mode;
	long ret;

	for (mode = HELD; mode <= NOT_HELD; mode++) {
		for (i = 0; i < 10; i++) {
			map_file(test);
			drops = tried = i / 2;
			ft->drop = drops;
			ft->io = i % 2;
			ret = take(test, mode, FOLL_PIN | FOLL_WRITE);
			KUNIT_EXPECT_EQ(test, ret, NR);
			release(test, ret, FOLL_PIN | FOLL_WRITE);
			if (mode == HELD || (!drops && mode == HELD_UNLOCKABLE)) {
				KUNIT_EXPECT_EQ(test, ft->faults, NR);
				KUNIT_EXPECT_EQ(test, ft->vma_lock, 0);
			} else {
				under_mmap = drops > 1 ? drops - 1 : 0;
				under_mmap += mode == HELD_UNLOCKABLE;
				if (mode == NOT_HELD && !ft->io)
					tried = drops > 2 ? drops - 2 : 0;
				if (!IS_ENABLED(CONFIG_PER_VMA_LOCK)) {
					under_mmap = NR + drops;
					tried = drops;
				}
				KUNIT_EXPECT_EQ(test, ft->faults, NR + drops);
				KUNIT_EXPECT_EQ(test, ft->tried, tried);
				KUNIT_EXPECT_EQ(test, ft->vma_lock, NR + drops - under_mmap);
			}
			ft->drop = 0;
			start_over();
		}
	}
}

/* A signal comes while the fault sleeps. */
static void signal_in_fault(struct kunit *test)
{
	static const struct { int sig; unsigned int flags; long want; } cases[] = {
		{ SIGUSR1, 0, NR },
		{ SIGUSR1, FOLL_INTERRUPTIBLE, -EINTR },
		{ SIGKILL, 0, -EINTR },
		{ SIGKILL, FOLL_INTERRUPTIBLE, -EINTR },
	};
	enum lock_mode mode;
	long ret;
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (mode = HELD_UNLOCKABLE; mode <= NOT_HELD; mode++) {
			map_file(test);
			ft->drop = 1;
			ft->signal = cases[i].sig;
			ret = take(test, mode, FOLL_PIN | FOLL_WRITE | cases[i].flags);
			flush_signals(current);
			ft->signal = 0;
			KUNIT_EXPECT_EQ(test, ret, cases[i].want);
			release(test, ret, FOLL_PIN);
			start_over();
		}
	}
}

/* A task that is being killed gets no memory, whatever the lock is. */
static void killed(struct kunit *test)
{
	enum lock_mode mode;
	long ret;

	for (mode = HELD; mode <= NOT_HELD; mode++) {
		map_file(test);
		make_pending(SIGKILL);
		ret = take(test, mode, FOLL_PIN | FOLL_WRITE);
		flush_signals(current);
		KUNIT_EXPECT_EQ(test, ret, -EINTR);
		KUNIT_EXPECT_EQ(test, ft->faults, 0);
		start_over();
	}
}

/* Lock for write when some pages are there. Count the faults while it waits. */
static int late_writer(void *arg)
{
	struct vm_area_struct *vma;

	while (READ_ONCE(ft->faults) < 4 && !kthread_should_stop())
		usleep_range(100, 200);
	ft->from = READ_ONCE(ft->faults);
	mmap_write_lock(ft->mm);
	vma = vma_lookup(ft->mm, ADDR);
	vma_start_write(vma);
	ft->until = READ_ONCE(ft->faults);
	mmap_write_unlock(ft->mm);
	complete(&ft->done);
	return 0;
}

/* How many pages GUP faults in while a writer waits, or NR if the writer came late. */
static unsigned int faults_before_writer(struct kunit *test, enum lock_mode mode)
{
	struct task_struct *task;
	unsigned int faults;
	long ret;

	map_file(test);
	ft->delay_ms = 20;
	task = kthread_run(late_writer, NULL, "late_writer");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	ret = take(test, mode, FOLL_PIN | FOLL_WRITE);
	wait_for_completion(&ft->done);
	kthread_stop_put(task);
	KUNIT_EXPECT_EQ(test, ret, NR);
	release(test, ret, FOLL_PIN | FOLL_WRITE);
	faults = ft->from > NR / 2 ? NR : ft->until - ft->from;
	start_over();
	return faults;
}

/* The current page, and one more if GUP already held the lock. */
#define MAY_FAULT	2

/* The writer may be scheduled late, so try more than once. */
static void writer_waits(struct kunit *test)
{
	enum lock_mode mode;
	unsigned int faults;
	int tries;

	for (mode = HELD_UNLOCKABLE; mode <= NOT_HELD; mode++) {
		tries = 5;
		do
			faults = faults_before_writer(test, mode);
		while (faults > MAY_FAULT && --tries);
		KUNIT_EXPECT_LE(test, faults, MAY_FAULT);
	}
}

/* mlock() and MAP_POPULATE: fault for read or write as each VMA permits. */
static void populate(struct kunit *test)
{
	struct vm_area_struct *vma;

	map_anon(test);
	vm_munmap(AT(3), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, __mm_populate(ADDR, NR * PAGE_SIZE, 0), 0);
	KUNIT_EXPECT_EQ(test, get_mm_counter_sum(current->mm, MM_ANONPAGES), NR - 1);
	start_over();

	map_no_access(test);
	KUNIT_EXPECT_EQ(test, __mm_populate(ADDR, NR * PAGE_SIZE, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, __mm_populate(ADDR, NR * PAGE_SIZE, 1), 0);
	start_over();

	map_io(test);
	KUNIT_EXPECT_EQ(test, __mm_populate(ADDR, NR * PAGE_SIZE, 0), 0);
	start_over();

	map_eof_at_3(test);
	KUNIT_EXPECT_EQ(test, __mm_populate(ADDR, NR * PAGE_SIZE, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, get_mm_counter_sum(current->mm, MM_SHMEMPAGES), 3);
	start_over();

	map_anon(test);
	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, ADDR);
	populate_vma_page_range(vma, AT(2), AT(5));
	KUNIT_EXPECT_EQ(test, get_mm_counter_sum(current->mm, MM_ANONPAGES), 4);
	mmap_read_unlock(current->mm);
}

/* With fail_pte_map a fault may map nothing, so try up to four times. */
static int fixup(unsigned long page, unsigned int flags)
{
	int i, ret = 0;

	for (i = 0; i < 4 && !ret; i++)
		ret = fixup_user_fault_unlocked(current->mm, AT(page), flags);
	return ret;
}

/* One fault for a caller that cannot take it itself: fixup_user_fault_unlocked() */
static void fixup_fault(struct kunit *test)
{
	unsigned int drops;

	map_hole_at_3(test);
	KUNIT_EXPECT_EQ(test, fixup(2, FAULT_FLAG_WRITE), 0);
	KUNIT_EXPECT_EQ(test, fixup(2, FAULT_FLAG_WRITE), 0);
	KUNIT_EXPECT_EQ(test, fixup(4, 0), 0);
	KUNIT_EXPECT_EQ(test, fixup(3, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, get_mm_counter_sum(current->mm, MM_ANONPAGES), 2);
	start_over();

	map_read_only(test);
	KUNIT_EXPECT_EQ(test, fixup(2, FAULT_FLAG_WRITE), -EFAULT);
	KUNIT_EXPECT_EQ(test, fixup(2, 0), 0);
	start_over();

	map_eof_at_3(test);
	for (drops = 0; drops < 3; drops++) {
		ft->drop = drops;
		KUNIT_EXPECT_EQ(test, fixup(drops, FAULT_FLAG_WRITE), 0);
	}
	KUNIT_EXPECT_EQ(test, get_mm_counter_sum(current->mm, MM_SHMEMPAGES), 3);
	KUNIT_EXPECT_EQ(test, fixup(3, FAULT_FLAG_WRITE), -EFAULT);
	start_over();

	map_driver(test);
	KUNIT_EXPECT_EQ(test, fixup(0, FAULT_FLAG_WRITE), 0);
	KUNIT_EXPECT_EQ(test, ft->vma_lock, 0);
	ft->drop = 1;
	ft->signal = SIGKILL;
	KUNIT_EXPECT_EQ(test, fixup(1, FAULT_FLAG_WRITE), -EINTR);
	flush_signals(current);
}

/* Access as ptrace() and /proc/PID/mem do, starting in the middle of a page */
static int access(unsigned long page, int len, unsigned int flags)
{
	return access_remote_vm(current->mm, AT(page) + 100, ft->buf, len, flags);
}

static void remote_content(struct kunit *test)
{
	int i, len = sizeof(ft->buf) - 8;

	for (i = 0; i < sizeof(ft->buf); i++)
		ft->buf[i] = i % 251;
	KUNIT_EXPECT_EQ(test, access(1, len, FOLL_WRITE), len);
	memset(ft->buf, 0, sizeof(ft->buf));
	KUNIT_EXPECT_EQ(test, access(1, len, 0), len);
	for (i = 0; i < sizeof(ft->buf); i++)
		if (ft->buf[i] != (i < len ? i % 251 : 0))
			break;
	KUNIT_EXPECT_EQ(test, i, sizeof(ft->buf));
}

static const struct remote_row {
	const char *name;
	void (*map)(struct kunit *test);
	unsigned long page;
	unsigned int flags;
	int want;
} remote_rows[] = {
	{ "zero pages", map_anon, 2, 0, 2 * PAGE_SIZE },
	{ "hole", map_hole_at_3, 2, 0, PAGE_SIZE - 100 },
	{ "hole first", map_hole_at_3, 3, 0, 0 },
	{ "read-only", map_read_only, 2, FOLL_WRITE, 0 },
	{ "read-only, forced", map_read_only, 2, FOLL_WRITE | FOLL_FORCE, 2 * PAGE_SIZE },
	{ "no access", map_no_access, 2, 0, 0 },
	{ "no access, forced", map_no_access, 2, FOLL_FORCE, 2 * PAGE_SIZE },
	{ "VM_IO", map_io, 0, 0, 0 },
	{ "userfaultfd", map_missing, 0, 0,
	  IS_ENABLED(CONFIG_USERFAULTFD) ? PAGE_SIZE - 100 : 2 * PAGE_SIZE },
	{ "poison", map_poison_at_3, 2, 0, PAGE_SIZE - 100 },
	{ "end of file", map_eof_at_3, 2, FOLL_WRITE, PAGE_SIZE - 100 },
	{ "driver", map_driver, 2, FOLL_WRITE, 2 * PAGE_SIZE },
};

/* ptrace() and /proc/PID/mem: how many bytes can be read or written */
static void remote(struct kunit *test)
{
	struct task_struct *task;
	int i;

	map_anon(test);
	remote_content(test);
	start_over();
	if (IS_ENABLED(CONFIG_PER_VMA_LOCK)) {
		map_anon(test);
		task = start_writer(test);
		remote_content(test);
		stop_writer(test, task);
		start_over();
	}

	for (i = 0; i < ARRAY_SIZE(remote_rows); i++) {
		const struct remote_row *row = &remote_rows[i];

		row->map(test);
		KUNIT_EXPECT_EQ_MSG(test, access(row->page, 2 * PAGE_SIZE, row->flags),
				    row->want, "%s", row->name);
		if (row->map == map_driver)
			KUNIT_EXPECT_EQ(test, ft->vma_lock, 0);
		start_over();
	}
}

static void pin_remote(struct work_struct *work)
{
	ft->pinned = pin_user_pages_remote_unlocked(ft->mm, ADDR, NR, FOLL_WRITE, ft->pages);
}

static long pin_by_other_task(void)
{
	struct work_struct work;

	INIT_WORK_ONSTACK(&work, pin_remote);
	schedule_work(&work);
	flush_work(&work);
	destroy_work_on_stack(&work);
	return ft->pinned;
}

/*
 * Another task takes page faults in a file under mmap_lock. It pins pages that are
 * present under the VMA lock, so a writer that holds mmap_lock does not stop it.
 */
static void remote_file(struct kunit *test)
{
	struct task_struct *task;
	long ret;

	map_file(test);
	ret = pin_by_other_task();
	KUNIT_EXPECT_EQ(test, ret, NR);
	KUNIT_EXPECT_EQ(test, ft->faults, NR);
	KUNIT_EXPECT_EQ(test, ft->vma_lock, 0);
	release(test, ret, FOLL_PIN | FOLL_WRITE);
	if (IS_ENABLED(CONFIG_PER_VMA_LOCK)) {
		task = start_writer(test);
		ret = pin_by_other_task();
		stop_writer(test, task);
		KUNIT_EXPECT_EQ(test, ret, NR);
		release(test, ret, FOLL_PIN | FOLL_WRITE);
	}
}

#ifdef CONFIG_FUTEX
/*
 * A page fault for a futex. It succeeds even in a task that is being killed, which may
 * have robust futexes to mark.
 */
static void futex(struct kunit *test)
{
	struct task_struct *task;

	map_hole_at_3(test);
	KUNIT_EXPECT_EQ(test, fault_in_user_writeable((u32 __user *)AT(2)), 0);
	KUNIT_EXPECT_EQ(test, fault_in_user_writeable((u32 __user *)AT(3)), -EFAULT);
	make_pending(SIGKILL);
	KUNIT_EXPECT_EQ(test, fault_in_user_writeable((u32 __user *)AT(4)), 0);
	flush_signals(current);
	if (IS_ENABLED(CONFIG_PER_VMA_LOCK)) {
		task = start_writer(test);
		KUNIT_EXPECT_EQ(test, fault_in_user_writeable((u32 __user *)AT(1)), 0);
		stop_writer(test, task);
	}
	start_over();

	map_file(test);
	ft->drop = 1;
	ft->signal = SIGKILL;
	KUNIT_EXPECT_EQ(test, fault_in_user_writeable((u32 __user *)AT(0)), 0);
	flush_signals(current);
	KUNIT_EXPECT_EQ(test, ft->drop, 0);
	ft->signal = 0;
}
#endif

/* Pages that are already there stay and keep their content. */
static void some_are_there(struct kunit *test)
{
	static const unsigned int there[] = { 0, 5, 7, 19, 20, 40, NR - 1 };
	u32 value;
	int i;

	map_anon(test);
	for (i = 0; i < ARRAY_SIZE(there); i++)
		KUNIT_ASSERT_EQ(test, put_user(200 + i, (u32 __user *)AT(there[i])), 0);
	KUNIT_EXPECT_EQ(test, __mm_populate(ADDR, NR * PAGE_SIZE, 0), 0);
	KUNIT_EXPECT_EQ(test, get_mm_counter_sum(current->mm, MM_ANONPAGES), NR);
	for (i = 0; i < ARRAY_SIZE(there); i++) {
		KUNIT_ASSERT_EQ(test, get_user(value, (u32 __user *)AT(there[i])), 0);
		KUNIT_EXPECT_EQ(test, value, 200 + i);
	}
	KUNIT_ASSERT_EQ(test, get_user(value, (u32 __user *)AT(6)), 0);
	KUNIT_EXPECT_EQ(test, value, 0);
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
#define LARGE	6	/* order */

/* A range that begins inside a large folio */
static void large_folios(struct kunit *test)
{
	unsigned long orders = READ_ONCE(huge_anon_orders_always);
	unsigned long addr = ALIGN_DOWN(ADDR, PMD_SIZE), large = PAGE_SIZE << LARGE;
	unsigned long first;
	int written, populated;

	if (PMD_ORDER < LARGE + 3)
		kunit_skip(test, "page tables are small");
	KUNIT_ASSERT_EQ(test, ksys_mmap_pgoff(addr, PMD_SIZE, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS |
					      MAP_FIXED_NOREPLACE, -1, 0), addr);
	WRITE_ONCE(huge_anon_orders_always, BIT(LARGE));
	/* Allocate a page table and an anon_vma. */
	written = put_user(1, (u32 __user *)(addr + 7 * large));
	first = get_mm_counter_sum(current->mm, MM_ANONPAGES);
	populated = __mm_populate(addr + PAGE_SIZE, 4 * large - PAGE_SIZE, 0);
	WRITE_ONCE(huge_anon_orders_always, orders);

	if (!written && first != BIT(LARGE))
		kunit_skip(test, "no large folio");
	KUNIT_EXPECT_EQ(test, written, 0);
	KUNIT_EXPECT_EQ(test, populated, 0);
	KUNIT_EXPECT_EQ(test, get_mm_counter_sum(current->mm, MM_ANONPAGES), 5 << LARGE);
	vm_munmap(addr, PMD_SIZE);
}
#endif

static struct kunit_case gup_fault_cases[] = {
	KUNIT_CASE_PARAM(result, row_gen_params),
	KUNIT_CASE(retry),
	KUNIT_CASE(signal_in_fault),
	KUNIT_CASE(killed),
	KUNIT_CASE(writer_waits),
	KUNIT_CASE(populate),
	KUNIT_CASE(fixup_fault),
	KUNIT_CASE(remote),
	KUNIT_CASE(remote_file),
#ifdef CONFIG_FUTEX
	KUNIT_CASE(futex),
#endif
	KUNIT_CASE(some_are_there),
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	KUNIT_CASE(large_folios),
#endif
	{}
};

static struct kunit_suite gup_fault_suite = {
	.name = "gup_fault",
	.init = gup_fault_init,
	.test_cases = gup_fault_cases,
};

kunit_test_suite(gup_fault_suite);

MODULE_DESCRIPTION("KUnit tests for faults in GUP");
MODULE_LICENSE("GPL");
