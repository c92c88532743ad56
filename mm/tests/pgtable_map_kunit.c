// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for mapping PTE tables. They check each result of pt_map() and related
 * functions, what stays unchanged if there is no table, and that a table which is
 * removed before it is locked is never returned.
 */
#define PGTABLE_MAP_NO_SITES	/* no fault injection in the tests themselves */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/kthread.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmu_notifier.h>
#include <linux/pgalloc.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/sizes.h>
#include <linux/swapops.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <linux/userfaultfd_k.h>

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

static void advise(struct kunit *test, unsigned long addr, int advice)
{
	KUNIT_ASSERT_EQ(test, do_madvise(current->mm, addr, PMD_SIZE, advice), 0);
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
	advise(test, LEAF_ADDR, MADV_HUGEPAGE);
	populate(test, LEAF_ADDR);
	if (do_madvise(current->mm, LEAF_ADDR, PMD_SIZE, MADV_COLLAPSE))
		kunit_skip(test, "no huge page to be had");
	KUNIT_ASSERT_TRUE(test, pmd_trans_huge(pmdp_get(pmd_at(LEAF_ADDR))));
}

/* Each result */

static void pgtable_map_table(struct kunit *test)
{
	struct mm_struct *mm = current->mm;
	pmd_t *pmdp = pmd_at(TABLE_ADDR);
	struct pt_map map;

	mmap_read_lock(mm);
	KUNIT_ASSERT_EQ(test, pt_map(&map, mm, pmdp, TABLE_ADDR), PT_MAP_TABLE);
	KUNIT_EXPECT_TRUE(test, pmd_same(map.pmd, pmdp_get(pmdp)));
	KUNIT_EXPECT_TRUE(test, pte_present(ptep_get(map.pte)));
	KUNIT_EXPECT_TRUE(test, pte_none(ptep_get(map.pte + 1)));
	pt_unmap(&map);

	KUNIT_ASSERT_EQ(test, pt_map_lock(&map, mm, pmdp, TABLE_ADDR),
			PT_MAP_TABLE);
	KUNIT_EXPECT_TRUE(test, pte_present(ptep_get(map.pte)));
	KUNIT_EXPECT_PTR_EQ(test, map.ptl, pte_lockptr(mm, pmdp));
	assert_spin_locked(map.ptl);
	pt_unmap_unlock(&map);
	mmap_read_unlock(mm);
}

static void expect_no_table(struct kunit *test, unsigned long addr,
			    enum pt_map_state state)
{
	struct mm_struct *mm = current->mm;
	pmd_t *pmdp = pmd_at(addr), pmdval = __pmd(~0UL);
	spinlock_t unused, *ptl = &unused;
	struct pt_map map;

	mmap_read_lock(mm);
	KUNIT_EXPECT_EQ(test, pt_map(&map, mm, pmdp, addr), state);
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
	spinlock_t *pml;

	if (!thp_migration_supported())
		kunit_skip(test, "no migration entries in pmds");
	pml = pmd_lock(current->mm, pmdp);
	set_pmd_at(current->mm, NONE_ADDR, pmdp,
		   swp_entry_to_pmd(make_readable_migration_entry(1)));
	spin_unlock(pml);
	expect_no_table(test, NONE_ADDR, PT_MAP_LEAF);
	pmd_clear(pmdp);
}

/* Tables must be in low memory, or a pmd read in two halves could mix two tables. */
static void pgtable_map_halves(struct kunit *test)
{
	struct page *table = pmd_page(pmdp_get(pmd_at(TABLE_ADDR)));

	if (!IS_ENABLED(CONFIG_GUP_GET_PXX_LOW_HIGH))
		kunit_skip(test, "pmds are read at once");
	KUNIT_EXPECT_LT(test, (u64)page_to_phys(table), SZ_4G);
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

/* Exchange two tables. mmap_lock keeps other users out of both. */
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
	KUNIT_ASSERT_EQ(test, pt_map(&map, mm, pmdp, TABLE_ADDR), PT_MAP_TABLE);
	exchange_pmds(TABLE_ADDR, OTHER_ADDR);
	KUNIT_EXPECT_FALSE(test, pt_lock_mapped(&map, pmdp));
	KUNIT_EXPECT_TRUE(test, spin_trylock(ptl));
	spin_unlock(ptl);

	KUNIT_ASSERT_EQ(test, pt_map(&map, mm, pmdp, TABLE_ADDR), PT_MAP_TABLE);
	KUNIT_EXPECT_TRUE(test, pt_lock_mapped(&map, pmdp));
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
 * Change the pmd while a lookup waits for the lock of its table: clear it, or
 * exchange two tables. Returns with mmap_lock held. The test cannot see that the
 * lookup waits for the spinlock, so give it some time to get there.
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
	/* Use another CPU, because the lock disables preemption on this one. */
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

	/* A late lookup finds the other table, or none. */
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

	/* A late lookup may find no table. */
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

/*
 * MADV_DONTNEED in another task removes tables while the caller holds mmap_lock for
 * read, but no page table lock. It runs in the first MMU_NOTIFY_CLEAR of the caller.
 */

struct zapper {
	struct mmu_notifier mn;
	struct task_struct *tester;
	struct task_struct *task;
	struct completion zapped;
	struct mm_struct *mm;
	unsigned long addr;
	int err;
	bool started;
};

static int zapper_fn(void *data)
{
	struct zapper *z = data;

	kthread_use_mm(z->mm);
	z->err = do_madvise(z->mm, z->addr, PMD_SIZE, MADV_DONTNEED);
	kthread_unuse_mm(z->mm);
	complete(&z->zapped);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static int zap_in_notifier(struct mmu_notifier *mn,
			   const struct mmu_notifier_range *range)
{
	struct zapper *z = container_of(mn, struct zapper, mn);

	if (current != z->tester || range->event != MMU_NOTIFY_CLEAR || z->started)
		return 0;
	z->started = true;
	wake_up_process(z->task);
	wait_for_completion(&z->zapped);
	return 0;
}

static const struct mmu_notifier_ops zapper_ops = {
	.invalidate_range_start = zap_in_notifier,
};

static void zapper_start(struct kunit *test, struct zapper *z, unsigned long addr)
{
	*z = (struct zapper){
		.mn.ops = &zapper_ops,
		.tester = current,
		.mm = current->mm,
		.addr = addr,
	};
	init_completion(&z->zapped);
	z->task = kthread_create(zapper_fn, z, "pgtable_map_zapper");
	KUNIT_ASSERT_FALSE(test, IS_ERR(z->task));
	KUNIT_ASSERT_EQ(test, mmu_notifier_register(&z->mn, z->mm), 0);
}

static void zapper_stop(struct kunit *test, struct zapper *z)
{
	mmu_notifier_unregister(&z->mn, z->mm);
	kthread_stop(z->task);
	KUNIT_EXPECT_TRUE(test, z->started);
	KUNIT_EXPECT_EQ(test, z->err, 0);
}

/* Small pages and a large folio: the first page is stored before the folio is split. */
static void pgtable_map_migrate_vma(struct kunit *test)
{
	unsigned long nr = PTRS_PER_PTE, stored = 0, i;
	struct migrate_vma args = {
		.start = LEAF_ADDR,
		.end = LEAF_ADDR + PMD_SIZE,
		.flags = MIGRATE_VMA_SELECT_SYSTEM,
	};
	struct zapper z;

	if (!IS_ENABLED(CONFIG_DEVICE_MIGRATION))
		kunit_skip(test, "needs CONFIG_DEVICE_MIGRATION");
	if (!IS_ENABLED(CONFIG_PT_RECLAIM))
		kunit_skip(test, "needs CONFIG_PT_RECLAIM");
	/* Leave room for entries that must not be stored. */
	args.src = kunit_kcalloc(test, 2 * nr, sizeof(*args.src), GFP_KERNEL);
	args.dst = kunit_kcalloc(test, 2 * nr, sizeof(*args.dst), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, args.src);
	KUNIT_ASSERT_NOT_NULL(test, args.dst);
	populate_leaf(test);
	advise(test, LEAF_ADDR, MADV_NOHUGEPAGE);
	KUNIT_ASSERT_EQ(test, do_madvise(current->mm, LEAF_ADDR, PAGE_SIZE,
					 MADV_DONTNEED), 0);
	populate(test, LEAF_ADDR);

	zapper_start(test, &z, LEAF_ADDR);
	mmap_read_lock(current->mm);
	args.vma = vma_lookup(current->mm, LEAF_ADDR);
	KUNIT_EXPECT_EQ(test, migrate_vma_setup(&args), 0);
	KUNIT_EXPECT_EQ(test, args.npages, nr);
	KUNIT_EXPECT_TRUE(test, pmd_none(pmdp_get(pmd_at(LEAF_ADDR))));
	migrate_vma_pages(&args);
	migrate_vma_finalize(&args);
	mmap_read_unlock(current->mm);
	zapper_stop(test, &z);

	for (i = nr; i < 2 * nr; i++)
		stored += args.src[i] != 0;
	KUNIT_EXPECT_EQ(test, stored, 0);
}

static void put_file(void *file)
{
	fput(file);
}

/* A private mapping of a file with a huge page that is mapped by PTEs */
static void populate_file(struct kunit *test)
{
	struct file *file;
	u32 value;

	file = shmem_kernel_file_setup("pgtable_map", PMD_SIZE, EMPTY_VMA_FLAGS);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_file, file), 0);
	KUNIT_ASSERT_EQ(test, vm_mmap(file, ADDR, PMD_SIZE, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_FIXED, 0), ADDR);
	KUNIT_ASSERT_EQ(test, get_user(value, (u32 __user *)ADDR), 0);
	if (do_madvise(current->mm, ADDR, PMD_SIZE, MADV_COLLAPSE))
		kunit_skip(test, "no huge page to be had");
	advise(test, ADDR, MADV_DONTNEED);
	advise(test, ADDR, MADV_NOHUGEPAGE);
	KUNIT_ASSERT_EQ(test, get_user(value, (u32 __user *)ADDR), 0);
	advise(test, ADDR, MADV_HUGEPAGE);
	KUNIT_ASSERT_TRUE(test, pmd_present(pmdp_get(pmd_at(ADDR))));
	KUNIT_ASSERT_FALSE(test, pmd_leaf(pmdp_get(pmd_at(ADDR))));
}

static void set_uffd_missing(bool set)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;

	mmap_write_lock(mm);
	vma = vma_lookup(mm, ADDR);
	vma_start_write(vma);
	if (set)
		vm_flags_set(vma, VM_UFFD_MISSING);
	else
		vm_flags_clear(vma, VM_UFFD_MISSING);
	mmap_write_unlock(mm);
}

static void pgtable_map_collapse_file(struct kunit *test)
{
	spinlock_t *unsplit = &current->mm->page_table_lock;
	struct zapper z;
	u32 value;

	if (!IS_ENABLED(CONFIG_PT_RECLAIM))
		kunit_skip(test, "needs CONFIG_PT_RECLAIM");
	if (!IS_ENABLED(CONFIG_USERFAULTFD))
		kunit_skip(test, "needs CONFIG_USERFAULTFD");
	populate_file(test);
	set_uffd_missing(true);
	zapper_start(test, &z, ADDR);
	KUNIT_EXPECT_NE(test, do_madvise(current->mm, ADDR, PMD_SIZE, MADV_COLLAPSE), 0);
	zapper_stop(test, &z);
	KUNIT_EXPECT_FALSE(test, spin_is_locked(unsplit));
	if (spin_is_locked(unsplit))
		spin_unlock(unsplit);

	set_uffd_missing(false);
	KUNIT_EXPECT_EQ(test, get_user(value, (u32 __user *)ADDR), 0);
}

/*
 * A write to the huge zero page clears its pmd, flushes the TLB, and sets the pmd, with
 * the lock of the pmd held. In the notifier of that flush, another task write-protects
 * the range as UFFDIO_WRITEPROTECT does. It must not take the empty pmd for a hole.
 */

struct protector {
	struct mmu_notifier mn;
	struct task_struct *tester;
	struct task_struct *task;
	struct mm_struct *mm;
	struct completion running;
	struct completion done;
	long err;
	bool started;
	bool early;
};

static int protector_fn(void *data)
{
	struct protector *p = data;

	complete(&p->running);
	mmap_read_lock(p->mm);
	p->err = uffd_wp_range(vma_lookup(p->mm, LEAF_ADDR), LEAF_ADDR, PMD_SIZE, true);
	mmap_read_unlock(p->mm);
	complete(&p->done);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void spin_for_completion(struct completion *done, int ms)
{
	while (!completion_done(done) && ms--)
		mdelay(1);
}

/* The other task cannot be done before the caller releases the lock of the pmd. */
static void protect_in_flush(struct mmu_notifier *mn, struct mm_struct *mm,
			     unsigned long start, unsigned long end)
{
	struct protector *p = container_of(mn, struct protector, mn);

	if (current != p->tester || p->started || !pmd_none(pmdp_get(pmd_at(LEAF_ADDR))))
		return;
	p->started = true;
	wake_up_process(p->task);
	spin_for_completion(&p->running, 1000);
	spin_for_completion(&p->done, 20);
	p->early = completion_done(&p->done);
}

static const struct mmu_notifier_ops protector_ops = {
	.arch_invalidate_secondary_tlbs = protect_in_flush,
};

static void write_under_protector(struct kunit *test, struct protector *p)
{
	*p = (struct protector){
		.mn.ops = &protector_ops,
		.tester = current,
		.mm = current->mm,
	};
	init_completion(&p->running);
	init_completion(&p->done);
	p->task = kthread_create(protector_fn, p, "pgtable_map_protector");
	KUNIT_ASSERT_FALSE(test, IS_ERR(p->task));
	KUNIT_ASSERT_EQ(test, mmu_notifier_register(&p->mn, p->mm), 0);
	migrate_disable();
	kthread_bind(p->task, cpumask_any_but(cpu_online_mask, smp_processor_id()));
	populate(test, LEAF_ADDR);
	migrate_enable();
	mmu_notifier_unregister(&p->mn, p->mm);
	if (p->started)
		wait_for_completion(&p->done);
	kthread_stop(p->task);
}

static void pgtable_map_huge_zero(struct kunit *test)
{
	pmd_t *pmdp = pmd_at(LEAF_ADDR);
	struct protector p;
	u32 value;

	if (!IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_WP))
		kunit_skip(test, "needs CONFIG_HAVE_ARCH_USERFAULTFD_WP");
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs a second CPU");
	advise(test, LEAF_ADDR, MADV_HUGEPAGE);
	KUNIT_ASSERT_EQ(test, get_user(value, (u32 __user *)LEAF_ADDR), 0);
	if (!is_huge_zero_pmd(pmdp_get(pmdp)))
		kunit_skip(test, "no huge zero page to be had");

	write_under_protector(test, &p);
	if (!pmd_trans_huge(pmdp_get(pmdp)))
		kunit_skip(test, "no huge page to be had");
	KUNIT_EXPECT_TRUE(test, p.started);
	KUNIT_EXPECT_TRUE(test, completion_done(&p.running));
	KUNIT_EXPECT_FALSE(test, p.early);
	KUNIT_EXPECT_GE(test, p.err, 0);
	KUNIT_EXPECT_TRUE(test, pmd_uffd(pmdp_get(pmdp)));
}

/*
 * A machine check for a page that another CPU has already handled. The process is told
 * at which address it maps the page.
 */
static void pgtable_map_memory_failure(struct kunit *test)
{
	struct page *page;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
	KUNIT_ASSERT_EQ(test, get_user_pages_fast(TABLE_ADDR, 1, 0, &page), 1);
	SetPageHWPoison(page);
	KUNIT_EXPECT_EQ(test, memory_failure(page_to_pfn(page), MF_ACTION_REQUIRED |
					     MF_SW_SIMULATED), -EHWPOISON);
	flush_signals(current);
	ClearPageHWPoison(page);
	put_page(page);
}

static struct kunit_case pgtable_map_cases[] = {
	KUNIT_CASE(pgtable_map_table),
	KUNIT_CASE(pgtable_map_none),
	KUNIT_CASE(pgtable_map_leaf),
	KUNIT_CASE(pgtable_map_migration_entry),
	KUNIT_CASE(pgtable_map_halves),
	KUNIT_CASE(pgtable_map_wrappers),
	KUNIT_CASE(pgtable_map_nested),
	KUNIT_CASE(pgtable_map_alloc),
	KUNIT_CASE(pgtable_map_removed),
	KUNIT_CASE(pgtable_map_moved),
	KUNIT_CASE(pgtable_map_moved_loops),
	KUNIT_CASE(pgtable_map_removed_loops),
	KUNIT_CASE(pgtable_map_migrate_vma),
	KUNIT_CASE(pgtable_map_collapse_file),
	KUNIT_CASE(pgtable_map_huge_zero),
	KUNIT_CASE(pgtable_map_memory_failure),
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
