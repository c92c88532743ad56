// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for the reclaim of empty PTE tables: which tables are freed and by which
 * operation, and which are kept. Code that has mapped a table must notice that it was
 * removed before it takes the lock.
 */
#define PGTABLE_MAP_NO_SITES	/* no fault injection in the tests themselves */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/lockless_walk.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>
#include <linux/shmem_fs.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include <asm/lockless_walk.h>
#include <asm/tlb.h>

#include "../internal.h"
#include "../pgtable-reclaim.h"

#define ADDR		(PUD_SIZE + 8 * PMD_SIZE)
#define AT(n)		(ADDR + (n) * PAGE_SIZE)	/* page n of the table */
#define MIDDLE		(PTRS_PER_PTE / 2)		/* at least 16 */
#define LAST		(PTRS_PER_PTE - 1)
#define LEN		(2 * PMD_SIZE)

struct reclaim_test {
	unsigned long bytes;			/* page tables before */
	unsigned long before[NR_VM_EVENT_ITEMS];
	unsigned long after[NR_VM_EVENT_ITEMS];
	struct file *file;
};

static int pgtable_reclaim_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct reclaim_test), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	return 0;
}

static void map_anon(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, ksys_mmap_pgoff(ADDR, LEN, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS |
					      MAP_FIXED_NOREPLACE, -1, 0), ADDR);
	do_madvise(current->mm, ADDR, LEN, MADV_NOHUGEPAGE);
}

static void put_file(void *file)
{
	fput(file);
}

static void map_file(struct kunit *test, unsigned long flags)
{
	struct reclaim_test *t = test->priv;

	t->file = shmem_kernel_file_setup("pgtable_reclaim", LEN, EMPTY_VMA_FLAGS);
	KUNIT_ASSERT_FALSE(test, IS_ERR(t->file));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_file, t->file), 0);
	KUNIT_ASSERT_EQ(test, vm_mmap(t->file, ADDR, LEN, PROT_READ | PROT_WRITE,
				      flags | MAP_FIXED, 0), ADDR);
	do_madvise(current->mm, ADDR, LEN, MADV_NOHUGEPAGE);
}

static void write_page(struct kunit *test, unsigned long addr)
{
	KUNIT_ASSERT_EQ(test, put_user(1, (u32 __user *)addr), 0);
}

static u32 read_page(struct kunit *test, unsigned long addr)
{
	u32 value = 0;

	KUNIT_ASSERT_EQ(test, get_user(value, (u32 __user *)addr), 0);
	return value;
}

static void advise(struct kunit *test, unsigned long addr, unsigned long pages,
		   int advice)
{
	KUNIT_ASSERT_EQ(test, do_madvise(current->mm, addr, pages * PAGE_SIZE, advice), 0);
}

static int punch(struct reclaim_test *t, unsigned long addr, unsigned long pages)
{
	return vfs_fallocate(t->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			     addr - ADDR, pages * PAGE_SIZE);
}

static void count_from_here(struct kunit *test)
{
	struct reclaim_test *t = test->priv;

	t->bytes = mm_pgtables_bytes(current->mm);
	all_vm_events(t->before);
}

/* @tables tables were freed since count_from_here(), all of them for @event. */
static void expect_freed(struct kunit *test, int event, unsigned long tables)
{
	struct reclaim_test *t = test->priv;
	int e;

	if (event == PGTABLE_RECLAIMED_TRUNCATE && !arch_truncate_may_reclaim())
		tables = 0;
	KUNIT_EXPECT_EQ(test, t->bytes - mm_pgtables_bytes(current->mm),
			tables * PTRS_PER_PTE * sizeof(pte_t));
	if (!IS_ENABLED(CONFIG_VM_EVENT_COUNTERS))
		return;
	all_vm_events(t->after);
	for (e = PGTABLE_RECLAIMED_MADVISE; e <= PGTABLE_RECLAIMED_KHUGEPAGED; e++)
		KUNIT_EXPECT_EQ(test, t->after[e] - t->before[e], e == event ? tables : 0);
}

static bool has_table(unsigned long addr)
{
	return !pmd_none(pmdp_get(pmd_off(current->mm, addr)));
}

/* A table is freed with its last entry, whichever part of it is zapped. */
static void pgtable_reclaim_partial(struct kunit *test)
{
	map_anon(test);
	write_page(test, AT(3));
	write_page(test, AT(LAST - 1));
	count_from_here(test);
	advise(test, AT(3), 1, MADV_DONTNEED);
	expect_freed(test, PGTABLE_RECLAIMED_MADVISE, 0);
	advise(test, AT(LAST - 1), 1, MADV_DONTNEED);
	expect_freed(test, PGTABLE_RECLAIMED_MADVISE, 1);
	KUNIT_EXPECT_FALSE(test, has_table(ADDR));
	KUNIT_EXPECT_EQ(test, read_page(test, AT(3)), 0);
}

/* A hole that spans two tables */
static void pgtable_reclaim_two(struct kunit *test)
{
	map_anon(test);
	write_page(test, AT(LAST));
	write_page(test, AT(LAST + 1));
	count_from_here(test);
	advise(test, AT(LAST), 2, MADV_DONTNEED);
	expect_freed(test, PGTABLE_RECLAIMED_MADVISE, 2);
}

/* One remaining entry keeps the table, whether it is near the hole or far. */
static void pgtable_reclaim_neighbours(struct kunit *test)
{
	const struct { unsigned int hole, kept; } cases[] = {
		{ 0, 1 }, { 0, 8 }, { 0, 9 }, { 0, LAST },
		{ LAST, 0 }, { LAST, LAST - 1 }, { LAST, LAST - 8 }, { LAST, LAST - 9 },
		{ MIDDLE, 0 }, { MIDDLE, MIDDLE - 9 }, { MIDDLE, MIDDLE - 8 },
		{ MIDDLE, MIDDLE - 1 }, { MIDDLE, MIDDLE + 1 }, { MIDDLE, MIDDLE + 8 },
		{ MIDDLE, MIDDLE + 9 }, { MIDDLE, LAST },
	};
	int i;

	map_anon(test);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		write_page(test, AT(cases[i].hole));
		write_page(test, AT(cases[i].kept));
		advise(test, AT(cases[i].hole), 1, MADV_DONTNEED);
		KUNIT_EXPECT_TRUE_MSG(test, has_table(ADDR), "case %d", i);
		KUNIT_EXPECT_EQ(test, read_page(test, AT(cases[i].kept)), 1);
		advise(test, AT(cases[i].kept), 1, MADV_DONTNEED);
		KUNIT_EXPECT_FALSE_MSG(test, has_table(ADDR), "case %d", i);
	}
}

/* A marker counts as an entry. */
static void pgtable_reclaim_guard(struct kunit *test)
{
	u32 value;

	map_anon(test);
	write_page(test, AT(3));
	advise(test, AT(5), 1, MADV_GUARD_INSTALL);
	count_from_here(test);
	advise(test, ADDR, PTRS_PER_PTE, MADV_DONTNEED);
	expect_freed(test, PGTABLE_RECLAIMED_MADVISE, 0);
	KUNIT_EXPECT_EQ(test, get_user(value, (u32 __user *)AT(5)), -EFAULT);
}

/*
 * Where a page fault does not invalidate the page-walk caches, the TLB is flushed before
 * a new table, or a huge page, can take the place of a table that was removed.
 */
struct flush_watch {
	struct mmu_notifier notifier;
	pmd_t *pmd;
	unsigned int locked, not_locked;	/* since the pmd was cleared */
	bool called;
};

static void flush_watched(struct mmu_notifier *notifier, struct mm_struct *mm,
			  unsigned long start, unsigned long end)
{
	struct flush_watch *w = container_of(notifier, struct flush_watch, notifier);

	w->called = true;
	if (start > ADDR || end <= ADDR || !pmd_none(pmdp_get(w->pmd)))
		return;
	if (spin_is_locked(pmd_lockptr(mm, w->pmd)))
		w->locked++;
	else
		w->not_locked++;
}

static const struct mmu_notifier_ops flush_watch_ops = {
	.arch_invalidate_secondary_tlbs = flush_watched,
};

/* After a skip, KUnit calls this in a task that does not have the mm. */
static void flush_watch_unregister(void *data)
{
	struct mmu_notifier *notifier = data;

	mmu_notifier_unregister(notifier, notifier->mm);
}

static struct flush_watch *flush_watch_start(struct kunit *test)
{
	struct flush_watch *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	struct mm_struct *mm = current->mm;

	KUNIT_ASSERT_NOT_NULL(test, w);
	if (arch_fault_drops_walk_cache())
		kunit_skip(test, "a page fault invalidates the page-walk caches");
	if (!IS_ENABLED(CONFIG_SMP))
		kunit_skip(test, "needs SMP: spin_is_locked() is always false");
	w->pmd = pmd_off(mm, ADDR);
	w->notifier.ops = &flush_watch_ops;
	KUNIT_ASSERT_EQ(test, mmu_notifier_register(&w->notifier, mm), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, flush_watch_unregister,
							&w->notifier), 0);
	if (!arch_pgtable_may_reclaim(mm))
		kunit_skip(test, "tables of an mm with notifiers are kept");
	flush_tlb_mm(mm);
	if (!w->called)
		kunit_skip(test, "a flush of the TLB calls no MMU notifier here");
	return w;
}

/* All flushes since the pmd was cleared: one, with the lock held. */
static void flush_watch_stop(struct kunit *test, struct flush_watch *w)
{
	kunit_release_action(test, flush_watch_unregister, &w->notifier);
	KUNIT_EXPECT_EQ(test, w->locked, 1);
	KUNIT_EXPECT_EQ(test, w->not_locked, 0);
}

static void pgtable_reclaim_flush(struct kunit *test)
{
	struct flush_watch *w;

	map_anon(test);
	write_page(test, AT(3));
	w = flush_watch_start(test);
	count_from_here(test);
	advise(test, AT(3), 1, MADV_DONTNEED);
	flush_watch_stop(test, w);
	expect_freed(test, PGTABLE_RECLAIMED_MADVISE, 1);
}

static void pgtable_reclaim_punch(struct kunit *test)
{
	struct reclaim_test *t = test->priv;

	map_file(test, MAP_SHARED);
	write_page(test, AT(3));
	write_page(test, AT(LAST - 1));
	count_from_here(test);
	KUNIT_EXPECT_EQ(test, punch(t, AT(3), 1), 0);
	expect_freed(test, PGTABLE_RECLAIMED_TRUNCATE, 0);
	KUNIT_EXPECT_EQ(test, read_page(test, AT(LAST - 1)), 1);
	KUNIT_EXPECT_EQ(test, punch(t, AT(MIDDLE), LAST - MIDDLE), 0);
	expect_freed(test, PGTABLE_RECLAIMED_TRUNCATE, 1);
	KUNIT_EXPECT_EQ(test, read_page(test, AT(LAST - 1)), 0);
}

static void pgtable_reclaim_remove(struct kunit *test)
{
	map_file(test, MAP_SHARED);
	write_page(test, AT(3));
	count_from_here(test);
	advise(test, ADDR, PTRS_PER_PTE, MADV_REMOVE);
	expect_freed(test, PGTABLE_RECLAIMED_TRUNCATE, 1);
	KUNIT_EXPECT_EQ(test, read_page(test, AT(3)), 0);
}

/* Punching a hole keeps private copies, truncation removes them. */
static void pgtable_reclaim_private(struct kunit *test)
{
	struct reclaim_test *t = test->priv;

	map_file(test, MAP_PRIVATE);
	write_page(test, AT(3));
	read_page(test, AT(4));
	count_from_here(test);
	KUNIT_EXPECT_EQ(test, punch(t, ADDR, PTRS_PER_PTE), 0);
	expect_freed(test, PGTABLE_RECLAIMED_TRUNCATE, 0);
	KUNIT_EXPECT_EQ(test, read_page(test, AT(3)), 1);
	KUNIT_EXPECT_EQ(test, vfs_truncate(&t->file->f_path, 0), 0);
	expect_freed(test, PGTABLE_RECLAIMED_TRUNCATE, 1);
}

/* A table that is shared by VMAs is kept. */
static void pgtable_reclaim_other_vma(struct kunit *test)
{
	struct reclaim_test *t = test->priv;

	map_file(test, MAP_SHARED);
	KUNIT_ASSERT_EQ(test, ksys_mmap_pgoff(AT(MIDDLE), PAGE_SIZE, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
					      -1, 0), AT(MIDDLE));
	write_page(test, AT(3));
	write_page(test, AT(MIDDLE));
	count_from_here(test);
	KUNIT_EXPECT_EQ(test, punch(t, ADDR, PTRS_PER_PTE), 0);
	KUNIT_EXPECT_EQ(test, read_page(test, AT(MIDDLE)), 1);
	advise(test, AT(MIDDLE), 1, MADV_DONTNEED);
	expect_freed(test, PGTABLE_RECLAIMED_TRUNCATE, 0);
	KUNIT_EXPECT_TRUE(test, has_table(ADDR));
}

/* Pages that drivers zap are soon faulted in again, so empty tables are only counted. */
static void pgtable_reclaim_driver(struct kunit *test)
{
	struct reclaim_test *t = test->priv;

	map_file(test, MAP_SHARED);
	write_page(test, AT(3));
	count_from_here(test);
	unmap_mapping_range(t->file->f_mapping, 0, LEN, 1);
	expect_freed(test, PGTABLE_RECLAIMED_TRUNCATE, 0);
	KUNIT_EXPECT_TRUE(test, has_table(ADDR));
	if (IS_ENABLED(CONFIG_VM_EVENT_COUNTERS))
		KUNIT_EXPECT_EQ(test, t->after[PGTABLE_LEFT_EMPTY] -
				t->before[PGTABLE_LEFT_EMPTY], 1);
	KUNIT_EXPECT_EQ(test, read_page(test, AT(3)), 1);
}

/* fail_pte_map may make the first lookup fail, but not the second one. */
static bool scan(pmd_t *pmd, unsigned long addr)
{
	struct mm_struct *mm = current->mm;

	return pgtable_reclaim_mm(mm, pmd, addr, PGTABLE_RECLAIM_KHUGEPAGED) ||
	       pgtable_reclaim_mm(mm, pmd, addr, PGTABLE_RECLAIM_KHUGEPAGED);
}

/* Like khugepaged: all entries are checked again under the locks. */
static void pgtable_reclaim_scan(struct kunit *test)
{
	struct mm_struct *mm = current->mm;
	pmd_t *pmd;

	map_file(test, MAP_SHARED);
	write_page(test, AT(3));
	pmd = pmd_off(mm, ADDR);
	count_from_here(test);
	mmap_read_lock(mm);
	KUNIT_EXPECT_FALSE(test, scan(pmd, ADDR));
	unmap_mapping_range(((struct reclaim_test *)test->priv)->file->f_mapping, 0, LEN, 1);
	KUNIT_EXPECT_TRUE(test, scan(pmd, AT(7)));
	KUNIT_EXPECT_FALSE(test, scan(pmd, ADDR));
	mmap_read_unlock(mm);
	expect_freed(test, PGTABLE_RECLAIMED_KHUGEPAGED, 1);
}

static void pgtable_reclaim_flush_scan(struct kunit *test)
{
	struct mm_struct *mm = current->mm;
	struct flush_watch *w;

	map_file(test, MAP_SHARED);
	write_page(test, AT(7));
	unmap_mapping_range(((struct reclaim_test *)test->priv)->file->f_mapping, 0, LEN, 1);
	w = flush_watch_start(test);
	count_from_here(test);
	mmap_read_lock(mm);
	KUNIT_EXPECT_TRUE(test, pgtable_reclaim_mm(mm, w->pmd, AT(7),
						   PGTABLE_RECLAIM_KHUGEPAGED));
	mmap_read_unlock(mm);
	flush_watch_stop(test, w);
	expect_freed(test, PGTABLE_RECLAIMED_KHUGEPAGED, 1);
}

/*
 * The races described in mm/pgtable-reclaim.c: a task on another CPU punches a hole under
 * the i_mmap lock alone, while the test uses the table of the hole.
 */
struct puncher {
	struct reclaim_test *t;
	struct task_struct *task;
	bool go, done;
	int ret;
};

static int puncher(void *arg)
{
	struct puncher *p = arg;

	while (!smp_load_acquire(&p->go))
		usleep_range(100, 200);
	p->ret = punch(p->t, AT(3), 1);
	smp_store_release(&p->done, true);
	while (!kthread_should_stop())
		usleep_range(1000, 2000);
	return 0;
}

/* A table with one page, and a task that punches the page out */
static void puncher_start(struct kunit *test, struct puncher *p)
{
	unsigned int cpu;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	if (!arch_truncate_may_reclaim())
		kunit_skip(test, "truncation keeps page tables here");
	map_file(test, MAP_SHARED);
	write_page(test, AT(3));
	p->t = test->priv;
	migrate_disable();
	cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
	p->task = kthread_run_on_cpu(puncher, p, cpu, "puncher");
	if (IS_ERR(p->task)) {
		migrate_enable();
		KUNIT_FAIL_AND_ABORT(test, "no puncher");
	}
	count_from_here(test);
}

/* Wait for the hole, and then some time in which a grace period could end. */
static void puncher_go(struct kunit *test, struct puncher *p)
{
	unsigned long end = jiffies + 10 * HZ;

	smp_store_release(&p->go, true);
	while (!smp_load_acquire(&p->done) && time_before(jiffies, end))
		cpu_relax();
	KUNIT_EXPECT_TRUE(test, READ_ONCE(p->done));
	mdelay(50);
}

static void puncher_stop(struct kunit *test, struct puncher *p)
{
	kthread_stop(p->task);
	migrate_enable();
	KUNIT_EXPECT_EQ(test, p->ret, 0);
	expect_freed(test, PGTABLE_RECLAIMED_TRUNCATE, 1);
	KUNIT_EXPECT_EQ(test, read_page(test, AT(3)), 0);
}

/* A race with code that fills tables */
static void pgtable_reclaim_mapped(struct kunit *test)
{
	struct puncher p = {};
	struct pt_map map;
	pmd_t *pmd;

	puncher_start(test, &p);
	pmd = pmd_off(current->mm, ADDR);
	KUNIT_EXPECT_EQ(test, pt_map(&map, current->mm, pmd, AT(3)), PT_MAP_TABLE);
	puncher_go(test, &p);
	/* The table was removed. It is freed after a grace period only. */
	KUNIT_EXPECT_TRUE(test, pmd_none(pmdp_get_lockless(pmd)));
	KUNIT_EXPECT_TRUE(test, pte_none(ptep_get_lockless(map.pte)));
	KUNIT_EXPECT_FALSE(test, pt_lock_mapped(&map, pmd));

	KUNIT_EXPECT_EQ(test, pt_map_lock(&map, current->mm, pmd, AT(3)), PT_MAP_NONE);
	puncher_stop(test, &p);
}

/* A race with lockless walks */
static void pgtable_reclaim_walked(struct kunit *test)
{
	struct lockless_walk walk;
	struct puncher p = {};
	pmd_t *pmdp, pmd;
	pte_t *pte;

	if (!IS_ENABLED(CONFIG_LOCKLESS_WALK_RCU))
		kunit_skip(test, "the flush of the TLB waits for a walk with interrupts off");
	puncher_start(test, &p);
	pmdp = pmd_off(current->mm, ADDR);
	lockless_walk_begin(&walk, current->mm);
	pmd = pmdp_get_lockless(pmdp);
	puncher_go(test, &p);
	KUNIT_EXPECT_TRUE(test, pmd_none(pmdp_get_lockless(pmdp)));
	KUNIT_EXPECT_TRUE(test, PageTable(pmd_page(pmd)));
	pte = lockless_walk_pte_map(pmd, AT(3));
	KUNIT_EXPECT_TRUE(test, pte && pte_none(lockless_walk_ptep_get(pte)));
	lockless_walk_pte_unmap(pte);
	lockless_walk_end(&walk);
	puncher_stop(test, &p);
}

static struct kunit_case pgtable_reclaim_cases[] = {
	KUNIT_CASE(pgtable_reclaim_partial),
	KUNIT_CASE(pgtable_reclaim_two),
	KUNIT_CASE(pgtable_reclaim_neighbours),
	KUNIT_CASE(pgtable_reclaim_guard),
	KUNIT_CASE(pgtable_reclaim_flush),
	KUNIT_CASE(pgtable_reclaim_punch),
	KUNIT_CASE(pgtable_reclaim_remove),
	KUNIT_CASE(pgtable_reclaim_private),
	KUNIT_CASE(pgtable_reclaim_other_vma),
	KUNIT_CASE(pgtable_reclaim_driver),
	KUNIT_CASE(pgtable_reclaim_scan),
	KUNIT_CASE(pgtable_reclaim_flush_scan),
	KUNIT_CASE(pgtable_reclaim_mapped),
	KUNIT_CASE(pgtable_reclaim_walked),
	{}
};

static struct kunit_suite pgtable_reclaim_suite = {
	.name = "pgtable_reclaim",
	.init = pgtable_reclaim_init,
	.test_cases = pgtable_reclaim_cases,
};

kunit_test_suite(pgtable_reclaim_suite);

MODULE_DESCRIPTION("KUnit tests for the reclaim of empty page tables");
MODULE_LICENSE("GPL");
