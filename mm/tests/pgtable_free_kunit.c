// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for the freeing of page tables. A table must not be freed during an
 * RCU read-side critical section that began before it was unhooked. After that
 * all tables must be freed. Unmapping must not wait for it.
 *
 * The tests hold a reference to each table that they look at, so that its page
 * is not reused when the table is freed. If tables share a page, the page is
 * freed with the last of its tables.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/fault-inject.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pgalloc.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>
#include <asm/tlb.h>

#include "../internal.h"

#define ADDR	(PUD_SIZE + 8 * PMD_SIZE)

struct pgtable_free_test {
	struct task_struct *reader;
	bool inside;
	bool leave;

	unsigned int nr;
	struct page **table;	/* the page of each table */
	unsigned long bytes;	/* of page tables in the mm before the test */
};

/* A thread in an RCU read-side critical section */

static int reader_fn(void *data)
{
	struct pgtable_free_test *t = data;

	rcu_read_lock();
	smp_store_release(&t->inside, true);
	while (!smp_load_acquire(&t->leave))
		cpu_relax();
	rcu_read_unlock();

	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void reader_leave(void *data)
{
	struct pgtable_free_test *t = data;

	if (!t->reader)
		return;
	smp_store_release(&t->leave, true);
	kthread_stop(t->reader);
	t->reader = NULL;
}

static void reader_enter(struct kunit *test, struct pgtable_free_test *t)
{
	struct task_struct *reader;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs a second CPU for the reader");
	reader = kthread_run(reader_fn, t, "pgtable_free_reader");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reader);
	t->reader = reader;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, reader_leave, t), 0);
	while (!smp_load_acquire(&t->inside))
		schedule_timeout_interruptible(1);
}

/* Tables to free. One page is mapped in each. */

#ifndef PTE_FRAG_NR
#define PTE_FRAG_NR	1
#endif

static unsigned int tables_per_page(void)
{
	return PTE_FRAG_NR;
}

static void skip_if_shared(struct kunit *test)
{
	if (tables_per_page() > 1)
		kunit_skip(test, "a single table is no page of its own");
}

static void put_tables(void *data)
{
	struct pgtable_free_test *t = data;

	while (t->nr)
		put_page(t->table[--t->nr]);
}

static void hold_table(struct pgtable_free_test *t, unsigned long addr)
{
	struct mm_struct *mm = current->mm;
	struct page *table;

	mmap_read_lock(mm);
	table = pmd_page(pmdp_get(pmd_off(mm, addr)));
	get_page(table);
	mmap_read_unlock(mm);
	t->table[t->nr++] = table;
}

static void map_tables(struct kunit *test, unsigned int nr)
{
	KUNIT_ASSERT_EQ(test, ksys_mmap_pgoff(ADDR, nr * PMD_SIZE, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS |
					      MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0),
			ADDR);
	KUNIT_ASSERT_EQ(test, do_madvise(current->mm, ADDR, nr * PMD_SIZE, MADV_NOHUGEPAGE), 0);
	for (unsigned int i = 0; i < nr; i++)
		KUNIT_ASSERT_EQ(test, put_user(1, (u32 __user *)(ADDR + i * PMD_SIZE)), 0);
}

static struct pgtable_free_test *map(struct kunit *test, unsigned int nr)
{
	struct pgtable_free_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (nr > (TASK_SIZE - ADDR) / PMD_SIZE)
		kunit_skip(test, "the address space is too small");

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->table = kunit_kcalloc(test, nr, sizeof(*t->table), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->table);
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);

	/* With PAE, a new mm may come with tables that the first unmap frees. */
	map_tables(test, nr);
	KUNIT_ASSERT_EQ(test, vm_munmap(ADDR, nr * PMD_SIZE), 0);
	rcu_barrier();
	t->bytes = mm_pgtables_bytes(current->mm);

	KUNIT_ASSERT_EQ(test, kunit_add_action(test, put_tables, t), 0);
	map_tables(test, nr);
	for (unsigned int i = 0; i < nr; i++)
		hold_table(t, ADDR + i * PMD_SIZE);
	return t;
}

static unsigned int nr_live(struct pgtable_free_test *t)
{
	unsigned int i, nr = 0;

	for (i = 0; i < t->nr; i++)
		nr += PageTable(t->table[i]);
	return nr;
}

/* At either end of the range, a page may be shared with tables outside of it. */
static void expect_freed(struct kunit *test, struct pgtable_free_test *t)
{
	KUNIT_EXPECT_LE(test, nr_live(t), 2 * (tables_per_page() - 1));
}

/* Nothing is freed while the reader is inside. Then everything is freed. */
static void expect_freed_after_reader(struct kunit *test, struct pgtable_free_test *t)
{
	msleep(20);
	KUNIT_EXPECT_EQ(test, nr_live(t), t->nr);

	reader_leave(t);
	rcu_barrier();
	/* A page may be queued when the last of its tables is freed. */
	if (tables_per_page() > 1)
		rcu_barrier();
	expect_freed(test, t);
	KUNIT_EXPECT_EQ(test, mm_pgtables_bytes(current->mm), t->bytes);
}

static void unmap(struct kunit *test, unsigned int nr)
{
	struct pgtable_free_test *t = map(test, nr);

	KUNIT_ASSERT_EQ(test, nr_live(t), nr);
	reader_enter(test, t);
	KUNIT_ASSERT_EQ(test, vm_munmap(ADDR, nr * PMD_SIZE), 0);
	expect_freed_after_reader(test, t);
}

static void batch(struct kunit *test)
{
	unmap(test, 8 * tables_per_page());
}

/* More tables than fit in a batch, including tables above the PTE level. */
static void full_batches(struct kunit *test)
{
	unmap(test, 2 * MAX_TABLE_BATCH + 1);
}

/* More failures than any test needs. */
#define FAILURES	1000000

static void no_more_failures(void *unused)
{
	fail_pt_batch.probability = 0;
}

/* From now on every @interval-th allocation of a batch fails. */
static void fail_batches(struct kunit *test, unsigned long interval)
{
	if (IS_ENABLED(CONFIG_HAVE_ARCH_TLB_REMOVE_TABLE) &&
	    !IS_ENABLED(CONFIG_HAVE_ARCH_TLB_REMOVE_TABLE_RCU))
		kunit_skip(test, "a table without an rcu_head of its own waits");
	fail_pt_batch.verbose = 0;
	fail_pt_batch.interval = interval;
	atomic_set(&fail_pt_batch.times, FAILURES);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, no_more_failures, NULL), 0);
	fail_pt_batch.probability = 100;
}

static void expect_failures(struct kunit *test)
{
	KUNIT_EXPECT_LT(test, atomic_read(&fail_pt_batch.times), FAILURES);
}

static void unmap_failing(struct kunit *test, unsigned int nr, unsigned long interval)
{
	fail_batches(test, interval);
	unmap(test, nr);
	expect_failures(test);
}

/* Each table is freed on its own, and unmapping does not wait for the reader. */
static void no_memory_for_batch(struct kunit *test)
{
	unmap_failing(test, 8 * tables_per_page(), 1);
}

static void little_memory_for_batches(struct kunit *test)
{
	unmap_failing(test, 4 * MAX_TABLE_BATCH, 2);
}

/*
 * PUD tables that are objects of a slab cache, as on powerpc. A test can see that
 * such a table is free only if an allocation returns it.
 */
#define PUD_TABLES	4
#define PUD_TRIES	256

static unsigned long pud_table_addr(unsigned int i)
{
	return (i + 1) * P4D_SIZE + ADDR;
}

static pud_t *pud_table_at(unsigned long addr)
{
	return pud_offset(p4d_offset(pgd_offset(current->mm, addr), addr), addr & P4D_MASK);
}

/* One page below each of PUD_TABLES tables, which are stored in @puds. */
static void map_pud_tables(struct kunit *test, pud_t **puds)
{
	for (unsigned int i = 0; i < PUD_TABLES; i++) {
		unsigned long addr = pud_table_addr(i);

		KUNIT_ASSERT_EQ(test, ksys_mmap_pgoff(addr, PAGE_SIZE, PROT_READ | PROT_WRITE,
						      MAP_PRIVATE | MAP_ANONYMOUS |
						      MAP_FIXED_NOREPLACE, -1, 0), addr);
		KUNIT_ASSERT_EQ(test, put_user(1, (u32 __user *)addr), 0);
		puds[i] = pud_table_at(addr);
	}
}

static void unmap_pud_tables(struct kunit *test)
{
	for (unsigned int i = 0; i < PUD_TABLES; i++)
		KUNIT_ASSERT_EQ(test, vm_munmap(pud_table_addr(i), PAGE_SIZE), 0);
}

static void map_slab_pud_tables(struct kunit *test, pud_t **puds)
{
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	if (mm_pud_folded(current->mm))
		kunit_skip(test, "there are no PUD tables");
	map_pud_tables(test, puds);
	if (!folio_test_slab(virt_to_folio(puds[0])))
		kunit_skip(test, "PUD tables are pages");
}

static bool is_one_of(pud_t *pud, pud_t **puds)
{
	for (unsigned int i = 0; i < PUD_TABLES; i++)
		if (pud == puds[i])
			return true;
	return false;
}

/* How many of @puds do PUD_TRIES allocations return? */
static unsigned int nr_allocated_again(struct kunit *test, pud_t **puds)
{
	pud_t **again = kunit_kcalloc(test, PUD_TRIES, sizeof(*again), GFP_KERNEL);
	unsigned int i, nr = 0;

	KUNIT_ASSERT_NOT_NULL(test, again);
	for (i = 0; i < PUD_TRIES; i++) {
		again[i] = pud_alloc_one(current->mm, 0);
		if (!again[i])
			break;
		nr += is_one_of(again[i], puds);
	}
	while (i--)
		pud_free(current->mm, again[i]);
	return nr;
}

static void pud_tables(struct kunit *test)
{
	struct pgtable_free_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	pud_t *puds[PUD_TABLES];

	KUNIT_ASSERT_NOT_NULL(test, t);
	map_slab_pud_tables(test, puds);
	fail_batches(test, 1);
	reader_enter(test, t);
	unmap_pud_tables(test);
	expect_failures(test);
	KUNIT_EXPECT_EQ(test, nr_allocated_again(test, puds), 0);
}

/* The tables are freed in the end, or slab usage would grow with each round. */
static void pud_tables_come_back(struct kunit *test)
{
	const unsigned int rounds = 256;
	unsigned long before, limit;
	pud_t *puds[PUD_TABLES];

	map_slab_pud_tables(test, puds);
	limit = rounds * PUD_TABLES * PTRS_PER_PUD * sizeof(pud_t) / PAGE_SIZE;
	fail_batches(test, 1);
	before = global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);
	for (unsigned int i = 0; i < rounds; i++) {
		unmap_pud_tables(test);
		map_pud_tables(test, puds);
	}
	expect_failures(test);
	rcu_barrier();
	KUNIT_EXPECT_LT(test, global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B),
			before + limit);
}

/* Empty tables that MADV_DONTNEED reclaims, one at a time. */
static void reclaimed(struct kunit *test)
{
	const unsigned int nr = 4 * tables_per_page();
	struct pgtable_free_test *t;
	unsigned long bytes;

	if (!IS_ENABLED(CONFIG_PT_RECLAIM))
		kunit_skip(test, "needs CONFIG_PT_RECLAIM");
	t = map(test, nr);
	bytes = mm_pgtables_bytes(current->mm);
	reader_enter(test, t);
	for (unsigned int i = 0; i < nr; i++)
		KUNIT_ASSERT_EQ(test, do_madvise(current->mm, ADDR + i * PMD_SIZE, PMD_SIZE,
						 MADV_DONTNEED), 0);
	KUNIT_EXPECT_EQ(test, mm_pgtables_bytes(current->mm),
			bytes - nr * PTRS_PER_PTE * sizeof(pte_t));
	t->bytes = mm_pgtables_bytes(current->mm);
	expect_freed_after_reader(test, t);
	KUNIT_ASSERT_EQ(test, vm_munmap(ADDR, nr * PMD_SIZE), 0);
}

static void single(struct kunit *test)
{
	struct pgtable_free_test *t;
	pgtable_t table;
	pmd_t pmd;

	skip_if_shared(test);
	t = map(test, 1);
	table = pte_alloc_one(current->mm);
	KUNIT_ASSERT_NOT_NULL(test, table);
	put_tables(t);
	KUNIT_ASSERT_EQ(test, vm_munmap(ADDR, PMD_SIZE), 0);
	pmd_populate(current->mm, &pmd, table);
	get_page(pmd_page(pmd));
	t->table[t->nr++] = pmd_page(pmd);
	reader_enter(test, t);
	pte_free_defer(current->mm, table);
	expect_freed_after_reader(test, t);
}

/* Is @table deposited in the PMD table that maps @addr? */
static bool is_deposited(unsigned long addr, struct page *table)
{
	struct mm_struct *mm = current->mm;
	struct page *first, *other;
	pmd_t pmd;

	pmd_populate(mm, &pmd, pmd_huge_pte(mm, pmd_off(mm, addr)));
	first = pmd_page(pmd);
	if (first == table)
		return true;
	list_for_each_entry(other, &first->lru, lru)
		if (other == table)
			return true;
	return false;
}

/*
 * Huge pages with deposited tables, which were live before. The reader starts
 * after the collapse, because a collapse drains the LRU batches of all CPUs and
 * waits until each of them has scheduled.
 */
static struct pgtable_free_test *map_collapsed(struct kunit *test, unsigned int nr)
{
	struct mm_struct *mm;
	struct pgtable_free_test *t;

	skip_if_shared(test);
	t = map(test, nr);
	mm = current->mm;
	KUNIT_ASSERT_EQ(test, do_madvise(mm, ADDR, nr * PMD_SIZE, MADV_HUGEPAGE), 0);
	if (do_madvise(mm, ADDR, nr * PMD_SIZE, MADV_COLLAPSE))
		kunit_skip(test, "no huge page to be had");
	for (unsigned int i = 0; i < nr; i++)
		KUNIT_ASSERT_TRUE(test, is_deposited(ADDR + i * PMD_SIZE, t->table[i]));
	reader_enter(test, t);
	return t;
}

/* In IRQ mode a collapse waits for walks, so deposited tables are freed at once. */
static void skip_in_irq_mode(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_LOCKLESS_WALK_RCU))
		kunit_skip(test, "needs CONFIG_LOCKLESS_WALK_RCU");
}

/* From now on count allocations of batches. None of them fails. */
static void count_batches(struct kunit *test)
{
	fail_pt_batch.interval = ULONG_MAX;
	fail_pt_batch.count = 0;
	atomic_set(&fail_pt_batch.times, 1);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, no_more_failures, NULL), 0);
	fail_pt_batch.probability = 100;
}

/* Huge pages are zapped, and their tables are freed by a single callback. */
static void deposited(struct kunit *test)
{
	const unsigned int nr = 4;
	struct pgtable_free_test *t;

	skip_in_irq_mode(test);
	t = map_collapsed(test, nr);
	count_batches(test);
	KUNIT_ASSERT_EQ(test, vm_munmap(ADDR, nr * PMD_SIZE), 0);
	KUNIT_EXPECT_EQ(test, fail_pt_batch.count, 1);
	expect_freed_after_reader(test, t);
}

/* Without memory for a batch, each table is freed by a callback of its own. */
static void deposited_no_memory(struct kunit *test)
{
	const unsigned int nr = 4;
	struct pgtable_free_test *t;

	skip_in_irq_mode(test);
	t = map_collapsed(test, nr);
	fail_batches(test, 1);
	KUNIT_ASSERT_EQ(test, vm_munmap(ADDR, nr * PMD_SIZE), 0);
	expect_freed_after_reader(test, t);
}

/* After a split the deposited table is live again, and then it is freed. */
static void deposited_and_withdrawn(struct kunit *test)
{
	struct pgtable_free_test *t = map_collapsed(test, 1);

	KUNIT_ASSERT_EQ(test, vm_munmap(ADDR + PMD_SIZE / 2, PMD_SIZE / 2), 0);
	KUNIT_ASSERT_PTR_EQ(test, pmd_page(pmdp_get(pmd_off(current->mm, ADDR))),
			    t->table[0]);

	KUNIT_ASSERT_EQ(test, vm_munmap(ADDR, PMD_SIZE / 2), 0);
	expect_freed_after_reader(test, t);
}

/* The global counter drops, too. Other tasks may allocate tables meanwhile. */
static void statistics(struct kunit *test)
{
	/* Each CPU may hold a difference that is not in the sum yet. */
	const unsigned int nr = 512, others = 256;
	struct pgtable_free_test *t;
	unsigned long during;

	skip_if_shared(test);
	t = map(test, nr);
	during = global_node_page_state(NR_PAGETABLE);
	KUNIT_ASSERT_EQ(test, vm_munmap(ADDR, nr * PMD_SIZE), 0);
	rcu_barrier();
	expect_freed(test, t);
	KUNIT_EXPECT_GT(test, during, global_node_page_state(NR_PAGETABLE) + nr - others);
}

static struct kunit_case pgtable_free_cases[] = {
	KUNIT_CASE(batch),
	KUNIT_CASE(full_batches),
	KUNIT_CASE(no_memory_for_batch),
	KUNIT_CASE(little_memory_for_batches),
	KUNIT_CASE(pud_tables),
	KUNIT_CASE(pud_tables_come_back),
	KUNIT_CASE(reclaimed),
	KUNIT_CASE(single),
	KUNIT_CASE(deposited),
	KUNIT_CASE(deposited_no_memory),
	KUNIT_CASE(deposited_and_withdrawn),
	KUNIT_CASE(statistics),
	{}
};

static struct kunit_suite pgtable_free_suite = {
	.name = "pgtable_free",
	.test_cases = pgtable_free_cases,
};

kunit_test_suite(pgtable_free_suite);

MODULE_DESCRIPTION("KUnit tests for freeing page tables");
MODULE_LICENSE("GPL");
