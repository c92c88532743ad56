// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lockless walk of page tables that reports the size of a mapping.
 *
 * include/linux/lockless_walk.h says what such a walk may rely on.
 */
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/irqflags.h>
#include <linux/kvm_types.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/lockless_walk.h>
#include <asm/lockless_walk.h>

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
