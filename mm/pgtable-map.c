// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping a PTE table, so that its entries can be read or changed.
 *
 * include/linux/pgtable_map.h has the contract.
 */
#define PGTABLE_MAP_NO_SITES
#include <linux/highmem.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/pgtable_map.h>

/*
 * pmdp_get_lockless() that never combines halves of two tables.
 *
 * A pmd that is read in two halves is read correctly unless, meanwhile, it
 * changes from one table to another whose address has the same low half:
 *
 *   CPU 0                                 CPU 1
 *   (1) read low: table A
 *                                         (2) clear the pmd
 *   (3) read high: 0
 *                                         (4) set the pmd: table B, whose low
 *                                             half is that of A
 *   (5) read low again: unchanged
 *
 * With interrupts disabled on CPU 0 from (1) to (5), the interrupt that
 * pmdp_get_lockless_sync() sends between (2) and (4) prevents that. Zapping
 * does not send it. There, and where pmds are compared with interrupts enabled,
 * only the addresses of tables prevent it: one of them would have to be above
 * 4 GiB, and no architecture that reads pmds in halves has page tables there.
 *
 * CONFIG_LOCKLESS_WALK_TRACKING does not record this section. It need not:
 * pmdp_get_lockless_sync() interrupts all CPUs, recorded or not.
 */
static pmd_t pmdp_get_whole(pmd_t *pmdp)
{
	unsigned long flags;
	pmd_t pmd;

	/* With one CPU and no preemption, the pmd does not change meanwhile. */
	if (!IS_ENABLED(CONFIG_GUP_GET_PXX_LOW_HIGH) ||
	    !(IS_ENABLED(CONFIG_SMP) || IS_ENABLED(CONFIG_PREEMPT_RCU)))
		return pmdp_get_lockless(pmdp);

	local_irq_save(flags);
	pmd = pmdp_get_lockless(pmdp);
	local_irq_restore(flags);
	return pmd;
}

/*
 * Without huge mappings, a pmd with the bit of a leaf is bad. Hugetlb has leaves that
 * are not pmd_trans_huge().
 */
static bool pt_map_is_leaf(pmd_t pmd)
{
	return pmd_trans_huge(pmd) ||
	       (IS_ENABLED(CONFIG_PGTABLE_HAS_HUGE_LEAVES) && pmd_leaf(pmd));
}

/* Says why @pmd, which was read from @pmdp, does not point to a table. */
static enum pt_map_state pt_map_none_or_leaf(pmd_t *pmdp, pmd_t pmd)
{
	if (pmd_none(pmd))
		return PT_MAP_NONE;
	if (!pmd_present(pmd) || pt_map_is_leaf(pmd))
		return PT_MAP_LEAF;
	pmd_clear_bad(pmdp);
	return PT_MAP_NONE;
}

/*
 * The lookup. It is inlined only for page faults, which are frequent. Inlining
 * it in other callers would make them larger, but not faster.
 */
static __always_inline enum pt_map_state
__pt_map(struct pt_map *map, struct mm_struct *mm, pmd_t *pmdp,
	 unsigned long addr)
{
	rcu_read_lock();
	map->pmd = pmdp_get_whole(pmdp);
	if (likely(pmd_present(map->pmd) && !pt_map_is_leaf(map->pmd) &&
		   !pmd_bad(map->pmd))) {
		map->ptl = mm ? pte_lockptr(mm, &map->pmd) : NULL;
		map->pte = __pte_map(&map->pmd, addr);
		return PT_MAP_TABLE;
	}
	rcu_read_unlock();
	return pt_map_none_or_leaf(pmdp, map->pmd);
}

/*
 * Does @pmdp still point to the table of @map, whose lock is held?
 *
 * A table is removed from its pmd under its lock, or by mremap() or the collapse
 * of anonymous memory, which exclude all callers of this function: they hold
 * mmap_lock, the VMA lock and those of rmap for write. So if the pmd has not
 * changed, it does not change before the lock is released.
 */
static bool pt_map_is_current(struct pt_map *map, pmd_t *pmdp)
{
	return likely(pmd_same(map->pmd, pmdp_get_lockless(pmdp)));
}

/**
 * pt_map() - map the PTE table of a pmd
 * @map: set on return: @map->pmd, and the rest with PT_MAP_TABLE
 * @mm: the mm that the pmd belongs to, or NULL if @map->ptl is not needed
 * @pmdp: the pmd
 * @addr: an address in its range. @map->pte is the entry for it.
 *
 * The table may be removed while it is mapped. It stays a page table, but its
 * entries may then be none, or belong to another range of the mm. Use this to
 * read entries that need not be stable, or to decide whether to call
 * pt_lock_mapped().
 *
 * Context: Any in which the tables above do not go away, see the top of
 * include/linux/pgtable_map.h. With PT_MAP_TABLE, the caller must not sleep
 * until pt_unmap().
 *
 * Return: PT_MAP_TABLE, PT_MAP_NONE or PT_MAP_LEAF; with fault injection also
 * PT_MAP_MOVED, then the caller must look again. Nothing is mapped unless it is
 * PT_MAP_TABLE.
 */
noinline enum pt_map_state pt_map(struct pt_map *map, struct mm_struct *mm,
				  pmd_t *pmdp, unsigned long addr)
{
	return __pt_map(map, mm, pmdp, addr);
}

/**
 * pt_lock_mapped() - lock a PTE table that is mapped
 * @map: the table, from pt_map() with an mm
 * @pmdp: the pmd that was given to pt_map()
 *
 * Context: Between pt_map() and pt_unmap(). The caller holds no page table lock.
 *
 * Return: true if the table is locked and still is the one of @pmdp. Release it
 * with pt_unmap_unlock(). Otherwise false: the table has been unmapped, too,
 * and the caller must look again.
 */
bool pt_lock_mapped(struct pt_map *map, pmd_t *pmdp)
{
	spin_lock(map->ptl);
	if (pt_map_is_current(map, pmdp))
		return true;
	pt_unmap_unlock(map);
	return false;
}

/**
 * pt_map_lock() - map the PTE table of a pmd, and lock it
 * @map: set on return: @map->pmd, and the rest with PT_MAP_TABLE
 * @mm: the mm that the pmd belongs to
 * @pmdp: the pmd
 * @addr: an address in its range. @map->pte is the entry for it.
 *
 * Context: As pt_map(). The caller holds no page table lock.
 *
 * Return: PT_MAP_TABLE, PT_MAP_NONE or PT_MAP_LEAF; PT_MAP_MOVED if the pmd
 * changed before the lock was taken, and the caller must look again. Nothing is
 * mapped or locked unless it is PT_MAP_TABLE.
 */
enum pt_map_state pt_map_lock(struct pt_map *map, struct mm_struct *mm,
			      pmd_t *pmdp, unsigned long addr)
{
	enum pt_map_state state = pt_map(map, mm, pmdp, addr);

	if (state == PT_MAP_TABLE && !pt_lock_mapped(map, pmdp))
		state = PT_MAP_MOVED;
	return state;
}

/**
 * pt_map_lock_nested() - map and lock a PTE table while another lock is held
 * @map: set on return: @map->pmd, and the rest with PT_MAP_TABLE
 * @mm: the mm that the pmd belongs to
 * @pmdp: the pmd
 * @addr: an address in its range. @map->pte is the entry for it.
 * @held: the lock that the caller holds, or NULL: that of the PMD table, or that
 *	of a PTE table with which no other task nests in the opposite order
 *
 * Without split page table locks @held may be the lock of the table. Then it is
 * not taken twice.
 *
 * Context: As pt_map(), with @held.
 *
 * Return: As pt_map_lock(). @held is held in any case. Release the table with
 * pt_unmap_unlock_nested().
 */
enum pt_map_state pt_map_lock_nested(struct pt_map *map, struct mm_struct *mm,
				     pmd_t *pmdp, unsigned long addr,
				     spinlock_t *held)
{
	enum pt_map_state state = pt_map(map, mm, pmdp, addr);

	if (state != PT_MAP_TABLE)
		return state;
	if (map->ptl != held)
		spin_lock_nested(map->ptl, SINGLE_DEPTH_NESTING);
	if (pt_map_is_current(map, pmdp))
		return PT_MAP_TABLE;
	pt_unmap_unlock_nested(map, held);
	return PT_MAP_MOVED;
}

/**
 * pte_offset_map() - map the PTE table of a pmd
 * @pmdp: the pmd
 * @addr: an address in its range
 *
 * Context: As pt_map().
 *
 * Return: the entry for @addr, to be released with pte_unmap(). NULL if no table
 * could be held, which does not mean that nothing is mapped.
 */
pte_t *pte_offset_map(pmd_t *pmdp, unsigned long addr)
{
	struct pt_map map;

	return pt_map(&map, NULL, pmdp, addr) == PT_MAP_TABLE ? map.pte : NULL;
}

/**
 * pte_offset_map_ro_nolock() - map a PTE table in order to read stable entries
 * @mm: the mm that the pmd belongs to
 * @pmdp: the pmd
 * @addr: an address in its range
 * @ptlp: set to the lock of the table, which is not taken. Unchanged with NULL.
 *
 * The caller may take the lock. The table may have been removed then, so the
 * caller must not change entries.
 *
 * Context: As pt_map().
 *
 * Return: As pte_offset_map().
 */
pte_t *pte_offset_map_ro_nolock(struct mm_struct *mm, pmd_t *pmdp,
				unsigned long addr, spinlock_t **ptlp)
{
	struct pt_map map;

	if (pt_map(&map, mm, pmdp, addr) != PT_MAP_TABLE)
		return NULL;
	*ptlp = map.ptl;
	return map.pte;
}

/**
 * pte_offset_map_rw_nolock() - map a PTE table that will be locked and changed
 * @mm: the mm that the pmd belongs to
 * @pmdp: the pmd
 * @addr: an address in its range
 * @pmdvalp: set to the value of the pmd. Unchanged with NULL.
 * @ptlp: set to the lock of the table, which is not taken. Unchanged with NULL.
 *
 * The caller takes the lock, and then checks that the table has not been
 * removed: that the pmd still has the value of @pmdvalp, or that an entry which
 * was not none has not changed.
 *
 * Context: As pt_map().
 *
 * Return: As pte_offset_map().
 */
pte_t *pte_offset_map_rw_nolock(struct mm_struct *mm, pmd_t *pmdp,
				unsigned long addr, pmd_t *pmdvalp,
				spinlock_t **ptlp)
{
	struct pt_map map;

	if (__pt_map(&map, mm, pmdp, addr) != PT_MAP_TABLE)
		return NULL;
	*pmdvalp = map.pmd;
	*ptlp = map.ptl;
	return map.pte;
}

/**
 * pte_offset_map_lock() - map the PTE table of a pmd, and lock it
 * @mm: the mm that the pmd belongs to
 * @pmdp: the pmd
 * @addr: an address in its range
 * @ptlp: set to the lock of the table, which is taken. Unchanged with NULL.
 *
 * Tries again for as long as the pmd points to a table.
 *
 * Context: As pt_map_lock().
 *
 * Return: the entry for @addr, to be released with pte_unmap_unlock(). NULL as
 * with pte_offset_map().
 */
pte_t *pte_offset_map_lock(struct mm_struct *mm, pmd_t *pmdp,
			   unsigned long addr, spinlock_t **ptlp)
{
	enum pt_map_state state;
	struct pt_map map;

	do {
		state = pt_map_lock(&map, mm, pmdp, addr);
	} while (unlikely(state == PT_MAP_MOVED));
	if (state != PT_MAP_TABLE)
		return NULL;
	*ptlp = map.ptl;
	return map.pte;
}
