/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_PGTABLE_RECLAIM_H
#define _MM_PGTABLE_RECLAIM_H

#include <linux/mm.h>
#include <linux/vmstat.h>

struct mmu_gather;

#ifndef arch_pgtable_may_reclaim
/* Does a grace period wait for all code that reads page tables of @mm? */
#define arch_pgtable_may_reclaim(mm)	true
#endif

#ifndef arch_fault_drops_walk_cache
/* Does a page fault invalidate the page-walk caches for its address? */
#define arch_fault_drops_walk_cache()	false
#endif

#ifndef arch_truncate_may_reclaim
/* May a table go while mmap_lock is held for write, or while exit_mmap() begins? */
#define arch_truncate_may_reclaim()	true
#endif

#ifdef CONFIG_PT_RECLAIM
bool pgtable_is_empty(pte_t *table, unsigned long start, unsigned long end);
bool pgtable_try_unhook(struct mmu_gather *tlb, pmd_t *pmd, unsigned long addr,
			struct pt_map *map);
void pgtable_free_unhooked(struct mmu_gather *tlb, pmd_t pmdval, unsigned long addr,
			   enum pgtable_reclaim path);
bool pgtable_reclaim(struct mmu_gather *tlb, pmd_t *pmd, unsigned long addr,
		     enum pgtable_reclaim path);
bool pgtable_reclaim_mm(struct mm_struct *mm, pmd_t *pmd, unsigned long addr,
			enum pgtable_reclaim path);

/* unmap_mapping_range() or its like has zapped a whole table, which is kept. */
static inline void pgtable_left_empty(void)
{
	count_vm_event(PGTABLE_LEFT_EMPTY);
}
#else
static inline bool pgtable_is_empty(pte_t *table, unsigned long start,
				    unsigned long end)
{
	return false;
}

static inline bool pgtable_try_unhook(struct mmu_gather *tlb, pmd_t *pmd,
				      unsigned long addr, struct pt_map *map)
{
	return false;
}

static inline void pgtable_free_unhooked(struct mmu_gather *tlb, pmd_t pmdval,
					 unsigned long addr,
					 enum pgtable_reclaim path)
{
}

static inline bool pgtable_reclaim(struct mmu_gather *tlb, pmd_t *pmd,
				   unsigned long addr,
				   enum pgtable_reclaim path)
{
	return false;
}

static inline bool pgtable_reclaim_mm(struct mm_struct *mm, pmd_t *pmd,
				      unsigned long addr,
				      enum pgtable_reclaim path)
{
	return false;
}

static inline void pgtable_left_empty(void)
{
}
#endif

#endif /* _MM_PGTABLE_RECLAIM_H */
