// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lockless walks of page tables: what updaters call to be ordered against them
 * or to wait for them, and a walk that reports the size of a mapping.
 *
 * include/linux/lockless_walk.h has the contract.
 */
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/irqflags.h>
#include <linux/kvm_types.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/lockless_walk.h>
#include <linux/smp.h>
#include <asm/barrier.h>
#include <asm/lockless_walk.h>

static void lockless_walk_interrupted(void *unused)
{
	/* Taking the interrupt is what the caller waits for. */
}

/**
 * lockless_walk_wait_all() - wait for everything that has interrupts disabled
 *
 * When this returns, each other CPU has taken an interrupt since the call. Code
 * that ran there with interrupts disabled at the time of the call has left that
 * section. Code that runs under rcu_read_lock() alone is not waited for.
 *
 * Use lockless_walk_wait() to wait for walks of one mm. This one is for readers
 * that do not use lockless_walk_begin_irqsave(), see pmdp_get_lockless_sync().
 *
 * Context: Interrupts enabled. The caller may hold spinlocks that are not taken
 * with interrupts disabled.
 */
void lockless_walk_wait_all(void)
{
	smp_call_function(lockless_walk_interrupted, NULL, true);
}

/**
 * lockless_walk_wait() - wait for walks of an mm that have interrupts disabled
 * @mm: the mm in which an entry was cleared, or NULL to wait for walks of any mm
 *
 * When this returns, each walk of @mm that has interrupts disabled and that may
 * have read the entry before it was cleared has ended. That includes all walks
 * in IRQ mode, and those of lockless_walk_begin_irqsave() in both modes.
 *
 * Interrupts all other CPUs. With CONFIG_LOCKLESS_WALK_TRACKING it interrupts
 * only CPUs that are in such a walk of @mm.
 *
 * Context: Interrupts enabled. The caller may hold spinlocks that are not taken
 * with interrupts disabled.
 */
void lockless_walk_wait(struct mm_struct *mm)
{
	if (IS_ENABLED(CONFIG_LOCKLESS_WALK_TRACKING))
		lockless_walk_track_wait(mm, lockless_walk_interrupted);
	else
		lockless_walk_wait_all();
}

/**
 * lockless_walk_barrier() - order clearing an entry before reading a count
 * @mm: the mm in which the entry was cleared, or NULL if entries of several mms
 *	were
 *
 * This is step (B) of an updater: (A) clears an entry, (C) reads the reference
 * count of the page. For each walk that takes a reference, either (C) sees the
 * reference, or the walk sees the cleared entry when it validates.
 *
 * In RCU mode this is a full barrier. Walks may still be in the tables that the
 * entry pointed to when it returns. In IRQ mode it waits for them like
 * lockless_walk_wait(), unless the architecture frees page tables after a TLB
 * flush: that flush has interrupted the CPUs already.
 *
 * Context: Process context, interrupts enabled. The caller may hold spinlocks
 * that are not taken with interrupts disabled.
 */
void lockless_walk_barrier(struct mm_struct *mm)
{
	if (IS_ENABLED(CONFIG_LOCKLESS_WALK_RCU))
		smp_mb(); /* (B); pairs with the atomic of gup_fast_grab_*(), step (3) */
	else if (IS_ENABLED(CONFIG_MMU_GATHER_RCU_TABLE_FREE))
		lockless_walk_wait(mm);
}

#ifdef CONFIG_HAVE_GUP_FAST
static unsigned long walk_pte_size(pmd_t pmd, unsigned long addr)
{
	pte_t *ptep = lockless_walk_pte_map(pmd, addr);
	unsigned long size = 0;
	pte_t pte;

	if (!ptep)
		return 0;

	pte = ptep_get_lockless(ptep);
	if (pte_present(pte))
		size = __pte_leaf_size(pmd, pte);
	lockless_walk_pte_unmap(ptep);
	return size;
}

static unsigned long walk_pmd_size(pud_t *pudp, pud_t pud, unsigned long addr)
{
	pmd_t pmd = pmdp_get_lockless(pmd_offset_lockless(pudp, pud, addr));

	if (!pmd_present(pmd))
		return 0;
	if (pmd_leaf(pmd))
		return pmd_leaf_size(pmd);
	return walk_pte_size(pmd, addr);
}

static unsigned long walk_pud_size(p4d_t *p4dp, p4d_t p4d, unsigned long addr)
{
	pud_t *pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud_t pud = pudp_get(pudp);

	if (!pud_present(pud))
		return 0;
	if (pud_leaf(pud))
		return pud_leaf_size(pud);
	return walk_pmd_size(pudp, pud, addr);
}

static unsigned long walk_p4d_size(pgd_t *pgdp, pgd_t pgd, unsigned long addr)
{
	p4d_t *p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d_t p4d = p4dp_get(p4dp);

	if (!p4d_present(p4d))
		return 0;
	if (p4d_leaf(p4d))
		return p4d_leaf_size(p4d);
	return walk_pud_size(p4dp, p4d, addr);
}

static unsigned long walk_pgd_size(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgdp = pgd_offset(mm, addr);
	pgd_t pgd = pgdp_get(pgdp);

	if (pgd_none(pgd))
		return 0;
	if (pgd_leaf(pgd))
		return pgd_leaf_size(pgd);
	return walk_p4d_size(pgdp, pgd, addr);
}

/**
 * lockless_walk_leaf_size() - size of the mapping that translates an address
 * @mm: the mm of the address. The caller holds mm_count, or mm_users, see
 *	include/linux/lockless_walk.h. From TASK_SIZE_MAX on it is init_mm.
 * @addr: the address
 *
 * The mapping may have changed when this returns. A caller that acts on the
 * answer must have another way to learn of changes, such as an MMU notifier.
 *
 * Context: Any, including NMI.
 * Return: How many bytes the page-table entry for @addr maps, or the block of
 * entries that the hardware may combine. 0 if nothing is mapped at @addr, if the
 * pmd is bad, or without CONFIG_HAVE_GUP_FAST.
 */
unsigned long lockless_walk_leaf_size(struct mm_struct *mm, unsigned long addr)
{
	struct lockless_walk walk;
	unsigned long size;

	/* The page tables of a process need not map the kernel. */
	if (untagged_addr(addr) >= TASK_SIZE_MAX)
		mm = &init_mm;
	/*
	 * Kernel tables are not freed by RCU, but after a flush of all TLBs. That
	 * waits for this walk only if it sends IPIs.
	 */
	if (mm == &init_mm) {
		guard(irqsave)();
		return walk_pgd_size(mm, addr);
	}

	lockless_walk_begin(&walk, mm);
	size = walk_pgd_size(mm, addr);
	lockless_walk_end(&walk);
	return size;
}
EXPORT_SYMBOL_FOR_KVM(lockless_walk_leaf_size);
#endif /* CONFIG_HAVE_GUP_FAST */
