/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accessors for lockless walks: to read an entry, and to compare and advance
 * entries that permit access. An architecture that can do better than these
 * generic accessors has its own asm/lockless_walk.h, which includes this file
 * at its end.
 */
#ifndef _ASM_GENERIC_LOCKLESS_WALK_H
#define _ASM_GENERIC_LOCKLESS_WALK_H

#include <linux/highmem.h>
#include <linux/pgtable.h>

/*
 * Map the table that @pmd points to. @pmd was read before, and is not a leaf.
 * Returns the entry for @addr, or NULL if @pmd is bad. Unlike pte_offset_map()
 * this enters no RCU read-side critical section: it relies on that of the walk.
 */
static inline pte_t *lockless_walk_pte_map(pmd_t pmd, unsigned long addr)
{
	if (unlikely(pmd_bad(pmd)))
		return NULL;
	return __pte_map(&pmd, addr);
}

/* Undo lockless_walk_pte_map(). @ptep may be any entry of that table. */
static inline void lockless_walk_pte_unmap(pte_t *ptep)
{
	if (IS_ENABLED(CONFIG_HIGHPTE))
		kunmap_local(ptep);
}

#ifndef lockless_walk_ptep_get
/*
 * Read the entry at @ptep in one piece, as hardware would use it. The accessed
 * and dirty bits may be those of this entry alone.
 */
static inline pte_t lockless_walk_ptep_get(pte_t *ptep)
{
	return ptep_get_lockless(ptep);
}
#endif

#ifndef lockless_walk_ptep_equals
/* Does the entry at @ptep now equal @pte, a computed value, in all bits? */
static inline bool lockless_walk_ptep_equals(pte_t *ptep, pte_t pte)
{
	return pte_val(lockless_walk_ptep_get(ptep)) == pte_val(pte);
}
#endif

#ifdef LOCKLESS_WALK_PTE_ADDR
/*
 * Do two entries differ only in the page that they map? False also where this
 * is not cheaper than a look at the permissions of each.
 *
 * An architecture that can compare them cheaply defines LOCKLESS_WALK_PTE_ADDR:
 * the bits that hold the page's address in an entry that permits access. The
 * address bits that differ within a folio are in the lower word, unshifted.
 */
static inline bool lockless_walk_pte_same_access(pte_t a, pte_t b)
{
	return !((pte_val(a) ^ pte_val(b)) & ~LOCKLESS_WALK_PTE_ADDR);
}

/*
 * The entry for the @nr-th page after that of @pte, in the same folio. A folio
 * is aligned to its size, so the addition does not carry out of the lower part
 * of the address, nor out of the lower word of a two-word entry.
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
