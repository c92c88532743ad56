// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freeing of PTE tables that have become empty while the process keeps running.
 *
 * Locks: the PMD table's lock, and nested in it the PTE table's. The caller
 * holds mmap_lock, the VMA lock or the i_mmap lock for read, as for any lookup
 * of a PTE table (see include/linux/pgtable_map.h). The VMA covers the whole
 * table. Otherwise the table might map pages of another VMA, whose lock is not
 * held. If that VMA is of hugetlb, its code would not notice either: it does not
 * read the pmd again after it has locked a PTE table (arm64 has such).
 *
 * Against code that fills tables (page faults, fork(), mremap(), userfaultfd):
 *
 *  reclaim                            | page fault
 *                                     | (1) map the table
 *  (2) lock the PMD table and the PTE |
 *      table                          |
 *  (3) each entry is none: clear the  |
 *      pmd                            |
 *  (4) unlock both                    |
 *                                     | (5) lock the PTE table, read the pmd again:
 *                                     |     it has changed, so look it up again
 *  (6) free the table after a grace   |
 *      period, so not before (5)      |
 *
 * If (5) comes before (2), (3) finds the entry that the page fault has set.
 *
 * Against CPUs that have the table in their page-walk caches, or entries of it in
 * their TLBs:
 *
 *  reclaim                            | page fault
 *  (1) lock the PMD table, clear the  |
 *      pmd                            |
 *  (2) flush the TLB                  |
 *  (3) unlock the PMD table           |
 *                                     | (4) lock the PMD table, see that the pmd is
 *                                     |     none: set it to a new table or a huge page
 *                                     | (5) the CPU tries again, and finds (4)
 *
 * With (2) after (3), the CPU could read the old table in (5) and fault again, until
 * (2). That takes long if reclaim is preempted. On x86, (2) comes later, because a
 * page fault invalidates the page-walk caches for its address. The small pages, which
 * may still be in the TLB there, are flushed by (4) before it maps a huge page: see
 * flush_tlb_pending_pmd().
 *
 * Against lockless walks:
 *
 *  reclaim                            | GUP-fast
 *                                     | (1) read the pmd: the table
 *  (2) clear the pmd, see above       |
 *                                     | (3) read an entry: it is none, and stays so,
 *                                     |     as nobody can lock the table any more
 *  (4) flush the TLB, see above       |
 *  (5) free the table after a grace   |
 *      period                         |
 *                                     | (6) the walk ends
 *
 * (5) waits for (6): walks are RCU readers, or disable interrupts.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pgalloc.h>
#include <linux/pgtable_map.h>
#include <asm/tlb.h>
#include "internal.h"
#include "pgtable-reclaim.h"

#define CREATE_TRACE_POINTS
#include <trace/events/pgtable.h>

#define PGTABLE_RECLAIM_PEEK	8u	/* entries on either side of a hole */

static bool ptes_are_none(pte_t *pte, unsigned int nr)
{
	while (nr--)
		if (!pte_none(ptep_get(pte++)))
			return false;
	return true;
}

static void pgtable_gather(struct mmu_gather *tlb, pmd_t pmdval, unsigned long addr)
{
	/* The TLB may be flushed in steps of PMD_SIZE, from the lowest address on. */
	pte_free_tlb(tlb, pmd_pgtable(pmdval), addr & PMD_MASK);
}

/* Clear @pmd, which points to an empty table. Both locks are held. */
static void pgtable_unhook(struct mmu_gather *tlb, pmd_t *pmd, pmd_t pmdval,
			   unsigned long addr)
{
	pmd_clear(pmd);
	if (arch_fault_drops_walk_cache())
		return;
	pgtable_gather(tlb, pmdval, addr);
	/* Others may have zapped entries of the table, and not flushed yet. */
	if (mm_tlb_flush_nested(tlb->mm))
		tlb_flush_pte_range(tlb, addr & PMD_MASK, PMD_SIZE);
	tlb_flush_mmu_tlbonly(tlb);
}

/**
 * pgtable_is_empty() - is a PTE table empty after a hole was made in it?
 * @table: the first entry of the table
 * @start: where the hole begins
 * @end: where it ends, at most the end of the table's range
 *
 * Looks at a few entries on either side of the hole first. In a table that is
 * in use they are seldom none, so for most holes this is the whole cost.
 *
 * Context: The table is locked; if there is a hole, since before it was made.
 *
 * Return: true if all entries outside the hole are none.
 */
bool pgtable_is_empty(pte_t *table, unsigned long start, unsigned long end)
{
	unsigned int first = pte_index(start);
	unsigned int past = first + (end - start) / PAGE_SIZE;
	unsigned int before = min(first, PGTABLE_RECLAIM_PEEK);
	unsigned int after = min(PTRS_PER_PTE - past, PGTABLE_RECLAIM_PEEK);

	return ptes_are_none(table + first - before, before) &&
	       ptes_are_none(table + past, after) &&
	       ptes_are_none(table, first - before) &&
	       ptes_are_none(table + past + after, PTRS_PER_PTE - past - after);
}

/**
 * pgtable_try_unhook() - take an empty PTE table, whose lock is held, from its pmd
 * @tlb: takes the table and is flushed, unless arch_fault_drops_walk_cache()
 * @pmd: the pmd
 * @addr: an address in its range
 * @map: the table, locked by pt_map_lock(); all of its entries are none
 *
 * The lock of the PMD table nests outside the one held, so it is only tried.
 *
 * Context: The table is locked.
 *
 * Return: true on success. Then the caller releases the lock, and then calls
 * pgtable_free_unhooked(). Otherwise false; then it may call pgtable_reclaim().
 */
bool pgtable_try_unhook(struct mmu_gather *tlb, pmd_t *pmd, unsigned long addr,
			struct pt_map *map)
{
	spinlock_t *pml = pmd_lockptr(tlb->mm, pmd);

	if (!arch_pgtable_may_reclaim(tlb->mm))
		return false;
	if (map->ptl != pml && !spin_trylock(pml))
		return false;
	/*
	 * Its pages are unmapped first. Pairs with smp_rmb() in
	 * unmap_mapping_folio(), try_to_unmap() and tlb_finish_mmu().
	 */
	smp_wmb();
	pgtable_unhook(tlb, pmd, map->pmd, addr);
	if (map->ptl != pml)
		spin_unlock(pml);
	return true;
}

/**
 * pgtable_free_unhooked() - free an empty PTE table that has been taken from its pmd
 * @tlb: takes the table if arch_fault_drops_walk_cache(), and frees it after a flush
 * @pmdval: the value of the pmd before it was cleared
 * @addr: an address in its range
 * @path: which path to count it for
 *
 * Context: Any in which the TLB may be flushed.
 */
void pgtable_free_unhooked(struct mmu_gather *tlb, pmd_t pmdval, unsigned long addr,
			   enum pgtable_reclaim path)
{
	/* Otherwise pgtable_unhook() has done this. */
	if (arch_fault_drops_walk_cache())
		pgtable_gather(tlb, pmdval, addr);
	mm_dec_nr_ptes(tlb->mm);
	count_vm_event(PGTABLE_RECLAIMED_MADVISE + path - PGTABLE_RECLAIM_MADVISE);
	trace_pgtable_reclaim(tlb->mm, addr & PMD_MASK, path);
}

/**
 * pgtable_reclaim() - free a PTE table if all of its entries are none
 * @tlb: takes the table, and frees it after the TLB has been flushed
 * @pmd: the pmd that points to the table
 * @addr: an address in its range
 * @path: which path to count it for
 *
 * Context: As pt_map(). The caller holds no page table lock.
 *
 * Return: true if the table is freed.
 */
bool pgtable_reclaim(struct mmu_gather *tlb, pmd_t *pmd, unsigned long addr,
		     enum pgtable_reclaim path)
{
	bool empty = false;
	struct pt_map map;
	spinlock_t *pml;

	if (!arch_pgtable_may_reclaim(tlb->mm))
		return false;

	pml = pmd_lock(tlb->mm, pmd);
	if (pt_map_lock_nested(&map, tlb->mm, pmd, addr & PMD_MASK, pml) == PT_MAP_TABLE) {
		empty = ptes_are_none(map.pte, PTRS_PER_PTE);
		if (empty) {
			/* munmap() and the like would do this if they found the table. */
			flush_tlb_batched_pending(tlb->mm);
			pgtable_unhook(tlb, pmd, map.pmd, addr);
		}
		pt_unmap_unlock_nested(&map, pml);
	}
	spin_unlock(pml);
	if (!empty)
		return false;

	pgtable_free_unhooked(tlb, map.pmd, addr, path);
	return true;
}

/**
 * pgtable_reclaim_mm() - pgtable_reclaim() for a caller that zaps nothing
 * @mm: the mm
 * @pmd: the pmd that points to the table
 * @addr: an address in its range
 * @path: which path to count it for
 *
 * Context: As pgtable_reclaim().
 *
 * Return: As pgtable_reclaim().
 */
bool pgtable_reclaim_mm(struct mm_struct *mm, pmd_t *pmd, unsigned long addr,
			enum pgtable_reclaim path)
{
	struct mmu_gather tlb;
	bool ret;

	tlb_gather_mmu(&tlb, mm);
	tlb_change_page_size(&tlb, PAGE_SIZE);
	ret = pgtable_reclaim(&tlb, pmd, addr, path);
	tlb_finish_mmu(&tlb);
	return ret;
}
