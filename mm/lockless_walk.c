// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lockless walks of page tables: waiting for them, and those that take no
 * references, but say what is mapped at an address at some time during the
 * walk.
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

/* A CPU that takes the interrupt does not walk any more. */
static void lockless_walk_interrupted(void *unused)
{
}

/**
 * lockless_walk_wait() - wait for walks that have interrupts disabled
 * @mm: whose entry was cleared
 *
 * Returns when each walk of @mm that began with lockless_walk_begin_irqsave()
 * before, and may have seen the entry, is over. Interrupts all other CPUs; with
 * CONFIG_LOCKLESS_WALK_TRACKING only those that are walking @mm.
 *
 * Context: Interrupts enabled. May hold spinlocks that no walk takes.
 */
void lockless_walk_wait(struct mm_struct *mm)
{
	if (IS_ENABLED(CONFIG_LOCKLESS_WALK_TRACKING))
		lockless_walk_track_wait(mm, lockless_walk_interrupted);
	else
		smp_call_function(lockless_walk_interrupted, NULL, true);
}

/**
 * lockless_walk_barrier() - updater: order (A) before (C)
 * @mm: whose entry was cleared
 *
 * Whatever a walk read before it took a reference: either the caller sees that
 * reference now, or the walk sees the entry cleared when it validates. Walks
 * may still be running when this returns, in tables that the entry led to.
 * Without CONFIG_LOCKLESS_WALK_RCU it waits for them, as lockless_walk_wait()
 * does, if tables are freed by RCU; where they are freed after a TLB flush,
 * that flush interrupts every CPU.
 *
 * Context: Process context, interrupts enabled. May hold spinlocks.
 */
void lockless_walk_barrier(struct mm_struct *mm)
{
	if (IS_ENABLED(CONFIG_LOCKLESS_WALK_RCU))
		smp_mb(); /* (B); pairs with the atomic of gup_fast_grab_*(), step (3) */
	else if (IS_ENABLED(CONFIG_MMU_GATHER_RCU_TABLE_FREE))
		lockless_walk_wait(mm);
}

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
 * lockless_walk_leaf_size() - how large a mapping translates an address
 * @mm: whose address space; the caller keeps it alive. &init_mm for a kernel
 *	address.
 * @addr: the address
 *
 * The answer may be out of date when it arrives. A caller that acts on it
 * needs a way to be told of changes, such as an MMU notifier.
 *
 * Context: Any, NMI included.
 * Return: The size in bytes of the page-table entry, or of the block of
 * entries that the hardware may treat as one, that maps @addr; 0 if nothing
 * is mapped there, or if this machine has no lockless walks.
 */
unsigned long lockless_walk_leaf_size(struct mm_struct *mm, unsigned long addr)
{
	struct lockless_walk walk;
	unsigned long size;

	/* Kernel tables are not freed by RCU, but after a flush of all TLBs. */
	if (mm == &init_mm || addr >= TASK_SIZE_MAX) {
		guard(irqsave)();
		return walk_pgd_size(mm, addr);
	}

	lockless_walk_begin(&walk, mm);
	size = walk_pgd_size(mm, addr);
	lockless_walk_end(&walk);
	return size;
}
EXPORT_SYMBOL_FOR_KVM(lockless_walk_leaf_size);
