/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a lockless walk reads entries, and reasons about entries that it found to
 * permit access. An architecture that knows something better than generic
 * accessors brings an asm/lockless_walk.h of its own, and includes this at its
 * end.
 */
#ifndef _ASM_GENERIC_LOCKLESS_WALK_H
#define _ASM_GENERIC_LOCKLESS_WALK_H

#include <linux/highmem.h>
#include <linux/pgtable.h>

/*
 * Map the table that @pmd, read before and no leaf, points to. Returns its
 * entry for @addr, or NULL if @pmd is damaged. Unlike pte_offset_map() this
 * enters no RCU read-side critical section: it relies on that of the walk.
 */
static inline pte_t *lockless_walk_pte_map(pmd_t pmd, unsigned long addr)
{
	if (unlikely(pmd_bad(pmd)))
		return NULL;
	return __pte_map(&pmd, addr);
}

/* For each entry that lockless_walk_pte_map() returned, with any of its table. */
static inline void lockless_walk_pte_unmap(pte_t *ptep)
{
	if (IS_ENABLED(CONFIG_HIGHPTE))
		kunmap_local(ptep);
}

#ifndef lockless_walk_ptep_get
/*
 * The entry at @ptep as hardware would use it, read in one piece. Accessed
 * and dirty may be those of this entry alone.
 */
static inline pte_t lockless_walk_ptep_get(pte_t *ptep)
{
	return ptep_get_lockless(ptep);
}
#endif

#ifndef lockless_walk_ptep_equals
/* Is the entry at @ptep now equal to the bit to @pte, which was computed? */
static inline bool lockless_walk_ptep_equals(pte_t *ptep, pte_t pte)
{
	return pte_val(lockless_walk_ptep_get(ptep)) == pte_val(pte);
}
#endif

#ifdef LOCKLESS_WALK_PTE_ADDR
/*
 * Do two entries differ in nothing but the page they map? False when that is
 * not cheaper to say than to look at the permissions of each.
 *
 * An architecture that can say it defines LOCKLESS_WALK_PTE_ADDR: the bits of
 * an entry that permits access that hold the address of the page. Those that differ
 * between pages of a folio are in its lower word, unshifted.
 */
static inline bool lockless_walk_pte_same_access(pte_t a, pte_t b)
{
	return !((pte_val(a) ^ pte_val(b)) & ~LOCKLESS_WALK_PTE_ADDR);
}

/*
 * The entry for the @nr-th page after that of @pte, in the same folio: aligned
 * to its size, it makes no carry out of the lower part of the address, nor out
 * of the lower word of an entry of two.
 */
static inline pte_t lockless_walk_pte_advance(pte_t pte, unsigned int nr)
{
	typeof(pte_val(pte)) val = pte_val(pte);
	unsigned long low = (unsigned long)val + ((unsigned long)nr << PAGE_SHIFT);

	return __pte((val & ~(typeof(val))~0UL) | low);
}
#else
static inline bool lockless_walk_pte_same_access(pte_t a, pte_t b)
{
	return false;
}

static inline pte_t lockless_walk_pte_advance(pte_t pte, unsigned int nr)
{
	return pte_advance_pfn(pte, nr);
}
#endif /* LOCKLESS_WALK_PTE_ADDR */

#ifndef lockless_walk_pte_page
/* The page of @pte. */
static inline struct page *lockless_walk_pte_page(pte_t pte)
{
	return pte_page(pte);
}
#endif

#endif /* _ASM_GENERIC_LOCKLESS_WALK_H */
