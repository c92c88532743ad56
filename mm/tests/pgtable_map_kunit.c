// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for mapping PTE tables: each answer of pt_map() and its relatives,
 * what they leave alone when there is no table, and that a table which is removed
 * before it is locked is never returned.
 */
#define PGTABLE_MAP_NO_SITES	/* no fault injection in the tests themselves */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pgtable.h>
#include <linux/swapops.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <asm/pgalloc.h>

#include "../internal.h"

#define ADDR		(PUD_SIZE + 8 * PMD_SIZE)
#define TABLE_ADDR	(ADDR + 3 * PAGE_SIZE)	/* a page in a table */
#define OTHER_ADDR	(ADDR + PMD_SIZE + 3 * PAGE_SIZE)
#define NONE_ADDR	(ADDR + 2 * PMD_SIZE)	/* nothing, not even a table */
#define LEAF_ADDR	(ADDR + 3 * PMD_SIZE)

static pmd_t *pmd_at(unsigned long addr)
{
	return pmd_off(current->mm, addr);
}

static void populate(struct kunit *test, unsigned long addr)
{
	KUNIT_ASSERT_EQ(test, put_user(1, (u32 __user *)addr), 0);
}

static int pgtable_map_init(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	KUNIT_ASSERT_EQ(test, ksys_mmap_pgoff(ADDR, 4 * PMD_SIZE,
					      PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS |
					      MAP_FIXED_NOREPLACE, -1, 0), ADDR);
	KUNIT_ASSERT_EQ(test, do_madvise(current->mm, ADDR, 4 * PMD_SIZE,
					 MADV_NOHUGEPAGE), 0);
	populate(test, TABLE_ADDR);
	populate(test, OTHER_ADDR);
	return 0;
}

static void populate_leaf(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, do_madvise(current->mm, LEAF_ADDR, PMD_SIZE,
					 MADV_HUGEPAGE), 0);
	populate(test, LEAF_ADDR);
	if (do_madvise(current->mm, LEAF_ADDR, PMD_SIZE, MADV_COLLAPSE))
		kunit_skip(test, "no huge page to be had");
	KUNIT_ASSERT_TRUE(test, pmd_trans_huge(pmdp_get(pmd_at(LEAF_ADDR))));
}

/* Each answer */

static void pgtable_map_table(struct kunit *test)
{
	pmd_t *pmdp = pmd_at(TABLE_ADDR);
	struct pt_map map;

	mmap_read_lock(current->mm);
	KUNIT_ASSERT_EQ(test, pt_map(&map, pmdp, TABLE_ADDR), PT_MAP_TABLE);
	KUNIT_EXPECT_TRUE(test, pmd_same(map.pmd, pmdp_get(pmdp)));
	KUNIT_EXPECT_TRUE(test, pte_present(ptep_get(map.pte)));
	KUNIT_EXPECT_TRUE(test, pte_none(ptep_get(map.pte + 1)));
	pt_unmap(&map);

	KUNIT_ASSERT_EQ(test, pt_map_lock(&map, current->mm, pmdp, TABLE_ADDR),
			PT_MAP_TABLE);
	KUNIT_EXPECT_TRUE(test, pte_present(ptep_get(map.pte)));
	KUNIT_EXPECT_PTR_EQ(test, map.ptl, pte_lockptr(current->mm, pmdp));
	assert_spin_locked(map.ptl);
	pt_unmap_unlock(&map);
	mmap_read_unlock(current->mm);
}

static void expect_no_table(struct kunit *test, unsigned long addr,
			    enum pt_map_state state)
{
	struct mm_struct *mm = current->mm;
	pmd_t *pmdp = pmd_at(addr), pmdval = __pmd(~0UL);
	spinlock_t unused, *ptl = &unused;
	struct pt_map map;

	mmap_read_lock(mm);
	KUNIT_EXPECT_EQ(test, pt_map(&map, pmdp, addr), state);
	KUNIT_EXPECT_TRUE(test, pmd_same(map.pmd, pmdp_get(pmdp)));
	KUNIT_EXPECT_EQ(test, pt_map_lock(&map, mm, pmdp, addr), state);
	KUNIT_EXPECT_TRUE(test, pmd_same(map.pmd, pmdp_get(pmdp)));

	KUNIT_EXPECT_NULL(test, pte_offset_map(pmdp, addr));
	KUNIT_EXPECT_NULL(test, pte_offset_map_lock(mm, pmdp, addr, &ptl));
	KUNIT_EXPECT_NULL(test, pte_offset_map_ro_nolock(mm, pmdp, addr, &ptl));
	KUNIT_EXPECT_NULL(test, pte_offset_map_rw_nolock(mm, pmdp, addr, &pmdval,
							 &ptl));
	KUNIT_EXPECT_PTR_EQ(test, ptl, &unused);
	KUNIT_EXPECT_TRUE(test, pmd_same(pmdval, __pmd(~0UL)));
	mmap_read_unlock(mm);
}

static void pgtable_map_none(struct kunit *test)
{
	expect_no_table(test, NONE_ADDR, PT_MAP_NONE);
}

static void pgtable_map_leaf(struct kunit *test)
{
	populate_leaf(test);
	expect_no_table(test, LEAF_ADDR, PT_MAP_LEAF);
}

static void pgtable_map_migration_entry(struct kunit *test)
{
	pmd_t *pmdp = pmd_at(NONE_ADDR);

	if (!thp_migration_supported())
		kunit_skip(test, "no migration entries in pmds");
	set_pmd_at(current->mm, NONE_ADDR, pmdp,
		   swp_entry_to_pmd(make_readable_migration_entry(1)));
	expect_no_table(test, NONE_ADDR, PT_MAP_LEAF);
	pmd_clear(pmdp);
}

static void pgtable_map_wrappers(struct kunit *test)
{
	struct mm_struct *mm = current->mm;
	pmd_t *pmdp = pmd_at(TABLE_ADDR), pmdval;
	spinlock_t *ptl;
	pte_t *pte;

	mmap_read_lock(mm);
	pte = pte_offset_map(pmdp, TABLE_ADDR);
	KUNIT_ASSERT_NOT_NULL(test, pte);
	KUNIT_EXPECT_TRUE(test, pte_present(ptep_get(pte)));
	pte_unmap(pte);

	pte = pte_offset_map_ro_nolock(mm, pmdp, TABLE_ADDR, &ptl);
	KUNIT_ASSERT_NOT_NULL(test, pte);
	KUNIT_EXPECT_PTR_EQ(test, ptl, pte_lockptr(mm, pmdp));
	pte_unmap(pte);

	pte = pte_offset_map_rw_nolock(mm, pmdp, TABLE_ADDR, &pmdval, &ptl);
	KUNIT_ASSERT_NOT_NULL(test, pte);
	KUNIT_EXPECT_PTR_EQ(test, ptl, pte_lockptr(mm, pmdp));
	KUNIT_EXPECT_TRUE(test, pmd_same(pmdval, pmdp_get(pmdp)));
	pte_unmap(pte);

	pte = pte_offset_map_lock(mm, pmdp, TABLE_ADDR, &ptl);
	KUNIT_ASSERT_NOT_NULL(test, pte);
	KUNIT_EXPECT_PTR_EQ(test, ptl, pte_lockptr(mm, pmdp));
	assert_spin_locked(ptl);
	pte_unmap_unlock(pte, ptl);
	mmap_read_unlock(mm);
}

static void pgtable_map_nested(struct kunit *test)
{
	struct mm_struct *mm = current->mm;
	pmd_t *pmdp = pmd_at(TABLE_ADDR);
	struct pt_map map;
	spinlock_t *pml;

	mmap_read_lock(mm);
	pml = pmd_lock(mm, pmdp);
	KUNIT_EXPECT_EQ(test, pt_map_lock_nested(&map, mm, pmdp, TABLE_ADDR, pml),
			PT_MAP_TABLE);
	assert_spin_locked(map.ptl);
	pt_unmap_unlock_nested(&map, pml);
	assert_spin_locked(pml);
	KUNIT_EXPECT_EQ(test, pt_map_lock_nested(&map, mm, pmd_at(NONE_ADDR),
						 NONE_ADDR, pml), PT_MAP_NONE);
	assert_spin_locked(pml);
	spin_unlock(pml);
	mmap_read_unlock(mm);
}

static void pgtable_map_alloc(struct kunit *test)
{
	struct mm_struct *mm = current->mm;
	pmd_t *pmdp = pmd_at(NONE_ADDR);
	struct pt_map map;
	long bytes;

	populate_leaf(test);
	mmap_read_lock(mm);
	bytes = mm_pgtables_bytes(mm);
	KUNIT_ASSERT_EQ(test, pt_map_alloc_lock(&map, mm, pmdp, NONE_ADDR), 0);
	KUNIT_EXPECT_TRUE(test, pte_none(ptep_get(map.pte)));
	KUNIT_EXPECT_PTR_EQ(test, map.ptl, pte_lockptr(mm, pmdp));
	pt_unmap_unlock(&map);
	KUNIT_EXPECT_EQ(test, mm_pgtables_bytes(mm) - bytes,
			(long)(PTRS_PER_PTE * sizeof(pte_t)));

	KUNIT_ASSERT_EQ(test, pt_map_alloc_lock(&map, mm, pmdp, NONE_ADDR), 0);
	pt_unmap_unlock(&map);
	KUNIT_EXPECT_EQ(test, pt_map_alloc_lock(&map, mm, pmd_at(LEAF_ADDR),
						LEAF_ADDR), -EBUSY);
	mmap_read_unlock(mm);
}

/* Tables that are removed before they are locked */

/* Let two tables change places. mmap_lock keeps others out of both. */
static void exchange_pmds(unsigned long a, unsigned long b)
{
	pgtable_t at_a = pmd_pgtable(pmdp_get(pmd_at(a)));
	pgtable_t at_b = pmd_pgtable(pmdp_get(pmd_at(b)));

	pmd_clear(pmd_at(a));
	pmd_clear(pmd_at(b));
	flush_tlb_mm(current->mm);
	pmd_populate(current->mm, pmd_at(a), at_b);
	pmd_populate(current->mm, pmd_at(b), at_a);
}

static void pgtable_map_removed(struct kunit *test)
{
	struct mm_struct *mm = current->mm;
	pmd_t *pmdp = pmd_at(TABLE_ADDR);
	struct pt_map map;
	spinlock_t *ptl = pte_lockptr(mm, pmdp);

	mmap_write_lock(mm);
	KUNIT_ASSERT_EQ(test, pt_map(&map, pmdp, TABLE_ADDR), PT_MAP_TABLE);
	exchange_pmds(TABLE_ADDR, OTHER_ADDR);
	KUNIT_EXPECT_FALSE(test, pt_lock_mapped(&map, mm, pmdp));
	KUNIT_EXPECT_TRUE(test, spin_trylock(ptl));
	spin_unlock(ptl);

	KUNIT_ASSERT_EQ(test, pt_map(&map, pmdp, TABLE_ADDR), PT_MAP_TABLE);
	KUNIT_EXPECT_TRUE(test, pt_lock_mapped(&map, mm, pmdp));
	pt_unmap_unlock(&map);
	exchange_pmds(TABLE_ADDR, OTHER_ADDR);
	mmap_write_unlock(mm);
}

enum lookup { PT_MAP_LOCK, PTE_OFFSET_MAP_LOCK, PT_MAP_ALLOC_LOCK };

struct waiter {
	enum lookup lookup;
	bool started;
	struct mm_struct *mm;
	pmd_t *pmdp;
	enum pt_map_state state;
	int err;
	spinlock_t *ptl;
};

static int waiter_fn(void *data)
{
	struct waiter *w = data;
	struct pt_map map;
	pte_t *pte;

	smp_store_release(&w->started, true);
	switch (w->lookup) {
	case PT_MAP_LOCK:
		w->state = pt_map_lock(&map, w->mm, w->pmdp, TABLE_ADDR);
		if (w->state == PT_MAP_TABLE)
			pt_unmap_unlock(&map);
		break;
	case PTE_OFFSET_MAP_LOCK:
		pte = pte_offset_map_lock(w->mm, w->pmdp, TABLE_ADDR, &w->ptl);
		if (pte)
			pte_unmap_unlock(pte, w->ptl);
		break;
	case PT_MAP_ALLOC_LOCK:
		w->err = pt_map_alloc_lock(&map, w->mm, w->pmdp, TABLE_ADDR);
		if (!w->err) {
			w->ptl = map.ptl;
			pt_unmap_unlock(&map);
		}
		break;
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/*
 * Change the pmd while a lookup waits for the lock of its table: clear it, or let
 * the two tables change places. Returns with mmap_lock. A guest cannot see that
 * somebody waits for a spinlock, so give the lookup some time to get there.
 */
static void change_under_waiter(struct kunit *test, struct waiter *w, bool clear)
{
	struct mm_struct *mm = current->mm;
	struct task_struct *task;
	struct pt_map map;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs a second CPU");
	w->mm = mm;
	w->pmdp = pmd_at(TABLE_ADDR);
	w->started = false;
	task = kthread_create(waiter_fn, w, "pgtable_map_waiter");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	/* On another CPU, because the lock disables preemption on this one. */
	migrate_disable();
	kthread_bind(task, cpumask_any_but(cpu_online_mask, smp_processor_id()));

	mmap_write_lock(mm);
	KUNIT_ASSERT_EQ(test, pt_map_lock(&map, mm, w->pmdp, TABLE_ADDR),
			PT_MAP_TABLE);
	wake_up_process(task);
	while (!smp_load_acquire(&w->started))
		cpu_relax();
	mdelay(5);
	if (clear)
		pmd_clear(w->pmdp);
	else
		exchange_pmds(TABLE_ADDR, OTHER_ADDR);
	pt_unmap_unlock(&map);
	migrate_enable();
	kthread_stop(task);
}

static void pgtable_map_moved(struct kunit *test)
{
	struct waiter w = { .lookup = PT_MAP_LOCK };
	int attempts = 20;

	/* A lookup that comes late finds the other table, or none. */
	do {
		change_under_waiter(test, &w, false);
		exchange_pmds(TABLE_ADDR, OTHER_ADDR);
		mmap_write_unlock(current->mm);
	} while (w.state != PT_MAP_MOVED && --attempts);
	KUNIT_EXPECT_EQ(test, w.state, PT_MAP_MOVED);
}

static void pgtable_map_moved_loops(struct kunit *test)
{
	struct waiter w = { .lookup = PTE_OFFSET_MAP_LOCK };
	int attempts = 20;
	spinlock_t *ptl;

	/* A lookup that comes late may find no table. */
	do {
		change_under_waiter(test, &w, false);
		ptl = pte_lockptr(current->mm, w.pmdp);
		exchange_pmds(TABLE_ADDR, OTHER_ADDR);
		mmap_write_unlock(current->mm);
	} while (!w.ptl && --attempts);
	KUNIT_EXPECT_PTR_EQ(test, w.ptl, ptl);
}

static void pgtable_map_removed_loops(struct kunit *test)
{
	pmd_t old = pmdp_get(pmd_at(TABLE_ADDR)), new;
	struct waiter w = { .lookup = PT_MAP_ALLOC_LOCK };

	change_under_waiter(test, &w, true);
	KUNIT_EXPECT_EQ(test, w.err, 0);
	KUNIT_EXPECT_PTR_EQ(test, w.ptl, pte_lockptr(current->mm, w.pmdp));
	KUNIT_EXPECT_FALSE(test, pmd_same(old, pmdp_get(w.pmdp)));
	new = pmdp_get(w.pmdp);
	pmd_clear(w.pmdp);
	flush_tlb_mm(current->mm);
	pmd_populate(current->mm, w.pmdp, pmd_pgtable(old));
	mmap_write_unlock(current->mm);
	if (!pmd_none(new) && !pmd_same(old, new)) {
		pte_free(current->mm, pmd_pgtable(new));
		mm_dec_nr_ptes(current->mm);
	}
}

static struct kunit_case pgtable_map_cases[] = {
	KUNIT_CASE(pgtable_map_table),
	KUNIT_CASE(pgtable_map_none),
	KUNIT_CASE(pgtable_map_leaf),
	KUNIT_CASE(pgtable_map_migration_entry),
	KUNIT_CASE(pgtable_map_wrappers),
	KUNIT_CASE(pgtable_map_nested),
	KUNIT_CASE(pgtable_map_alloc),
	KUNIT_CASE(pgtable_map_removed),
	KUNIT_CASE(pgtable_map_moved),
	KUNIT_CASE(pgtable_map_moved_loops),
	KUNIT_CASE(pgtable_map_removed_loops),
	{}
};

static struct kunit_suite pgtable_map_suite = {
	.name = "pgtable_map",
	.init = pgtable_map_init,
	.test_cases = pgtable_map_cases,
};
kunit_test_suite(pgtable_map_suite);

MODULE_DESCRIPTION("KUnit tests for mapping PTE tables");
MODULE_LICENSE("GPL");
