/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables in the layout of x86-64, so that the x86 version of
 * asm/lockless_walk.h works on them. The physical address of a table is its virtual
 * address. Pages have numbers, and no memory except what a test provides.
 */
#ifndef _GUP_FAST_PGTABLE_H
#define _GUP_FAST_PGTABLE_H

#include "env.h"

#ifndef CONFIG_PGTABLE_LEVELS
#define CONFIG_PGTABLE_LEVELS	5
#endif

#define PAGE_SHIFT	12
#define PMD_SHIFT	21
#define PUD_SHIFT	30
#define P4D_SHIFT	39
#define PGDIR_SHIFT	(CONFIG_PGTABLE_LEVELS > 4 ? 48 : 39)
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define PMD_SIZE	(1UL << PMD_SHIFT)
#define PUD_SIZE	(1UL << PUD_SHIFT)
#define P4D_SIZE	(1UL << P4D_SHIFT)
#define PGDIR_SIZE	(1UL << PGDIR_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define PMD_MASK	(~(PMD_SIZE - 1))
#define PUD_MASK	(~(PUD_SIZE - 1))
#define PTRS_PER_PTE	512

#define _PAGE_PRESENT		BIT(0)
#define _PAGE_RW		BIT(1)
#define _PAGE_USER		BIT(2)
#define _PAGE_ACCESSED		BIT(5)
#define _PAGE_DIRTY		BIT(6)
#define _PAGE_PSE		BIT(7)
#define _PAGE_PROTNONE		BIT(8)
#define _PAGE_SPECIAL		BIT(9)
#define _PAGE_UFFD_WP		BIT(10)
#define _PAGE_SOFT_DIRTY	BIT(11)
#define _PAGE_SAVED_DIRTY	BIT(58)
#define _PAGE_NX		BIT(63)

#define PFN_PTE_SHIFT	PAGE_SHIFT
#define PTE_PFN_MASK	((BIT(52) - 1) & PAGE_MASK)

typedef unsigned long pteval_t;
typedef struct { pteval_t pte; } pte_t;
typedef struct { pteval_t pmd; } pmd_t;
typedef struct { pteval_t pud; } pud_t;
typedef struct { pteval_t p4d; } p4d_t;
typedef struct { pteval_t pgd; } pgd_t;

enum pgtable_level {
	PGTABLE_LEVEL_PTE,
	PGTABLE_LEVEL_PMD,
	PGTABLE_LEVEL_PUD,
	PGTABLE_LEVEL_P4D,
	PGTABLE_LEVEL_PGD,
};

struct mm_struct {
	pgd_t *pgd;
	seqcount_t write_protect_seq;
};

/* Variables, as in a kernel with KASLR. */
extern unsigned long page_offset_base;
extern struct page *vmemmap;

#define pfn_to_page(pfn)	(vmemmap + (pfn))
#define page_to_pfn(page)	((unsigned long)((page) - vmemmap))

#define pte_val(x)	((x).pte)
#define pmd_val(x)	((x).pmd)
#define pud_val(x)	((x).pud)
#define p4d_val(x)	((x).p4d)
#define pgd_val(x)	((x).pgd)
#define __pte(x)	((pte_t){ (x) })

#define ptep_get_lockless(p)	READ_ONCE(*(p))
#define pmdp_get_lockless(p)	READ_ONCE(*(p))
#define pudp_get(p)		READ_ONCE(*(p))
#define p4dp_get(p)		READ_ONCE(*(p))
#define pgdp_get(p)		READ_ONCE(*(p))

/* An extra window for tests, between reading an entry and following it. */
#ifdef HARNESS_DEBUG
void harness_step(void);
#else
static __always_inline void harness_step(void)
{
}
#endif /* HARNESS_DEBUG */

/* The entry for @addr in the table that the upper-level value points to. */
#define HARNESS_ENTRY(type, val, addr, shift) ({			\
	harness_step();							\
	(type *)(((val) & PTE_PFN_MASK) + page_offset_base) +		\
		(((addr) >> (shift)) & (PTRS_PER_PTE - 1));		\
})

#define pgd_offset(mm, addr)	((mm)->pgd + (((addr) >> PGDIR_SHIFT) & 511))
#if CONFIG_PGTABLE_LEVELS > 4
#define p4d_offset_lockless(pgdp, pgd, addr)	HARNESS_ENTRY(p4d_t, pgd_val(pgd), addr, P4D_SHIFT)
#define pgd_none(x)		(!pgd_val(x))
#else
#define p4d_offset_lockless(pgdp, pgd, addr)	((p4d_t *)&(pgd))
#define pgd_none(x)		((void)(x), false)
#endif
#define pud_offset_lockless(p4dp, p4d, addr)	HARNESS_ENTRY(pud_t, p4d_val(p4d), addr, PUD_SHIFT)
#define pmd_offset_lockless(pudp, pud, addr)	HARNESS_ENTRY(pmd_t, pud_val(pud), addr, PMD_SHIFT)

#define pgd_leaf(x)	0
#define p4d_leaf(x)	0
#define p4d_present(x)	(p4d_val(x) & _PAGE_PRESENT)
#define pud_present(x)	(pud_val(x) & _PAGE_PRESENT)
#define pud_leaf(x)	(pud_val(x) & _PAGE_PSE)
#define pmd_leaf(x)	(pmd_val(x) & _PAGE_PSE)
#define pmd_present(x)	(pmd_val(x) & (_PAGE_PRESENT | _PAGE_PROTNONE | _PAGE_PSE))
#define pte_present(x)	(pte_val(x) & (_PAGE_PRESENT | _PAGE_PROTNONE))

static inline bool harness_permitted(unsigned long val, bool write)
{
	const unsigned long need = _PAGE_PRESENT | _PAGE_USER | (write ? _PAGE_RW : 0);

	return (val & need) == need;
}

static inline bool harness_protnone(unsigned long val)
{
	return (val & (_PAGE_PRESENT | _PAGE_PROTNONE)) == _PAGE_PROTNONE;
}

#define pte_access_permitted(x, write)	harness_permitted(pte_val(x), write)
#define pmd_access_permitted(x, write)	harness_permitted(pmd_val(x), write)
#define pud_access_permitted(x, write)	harness_permitted(pud_val(x), write)
#define pte_protnone(x)		harness_protnone(pte_val(x))
#define pmd_protnone(x)		harness_protnone(pmd_val(x))
#define pte_special(x)		(!!(pte_val(x) & _PAGE_SPECIAL))
#define pmd_special(x)		(!!(pmd_val(x) & _PAGE_SPECIAL))
#define pud_special(x)		(!!(pud_val(x) & _PAGE_SPECIAL))
#define pte_write(x)		(!!(pte_val(x) & _PAGE_RW))
#define pmd_write(x)		(!!(pmd_val(x) & _PAGE_RW))
#define pud_write(x)		(!!(pud_val(x) & _PAGE_RW))
#define pte_same(a, b)		(pte_val(a) == pte_val(b))
#define pte_mkold(x)		__pte(pte_val(x) & ~_PAGE_ACCESSED)
#define pte_mkclean(x)		__pte(pte_val(x) & ~(_PAGE_DIRTY | _PAGE_SAVED_DIRTY))
#define pte_clear_soft_dirty(x)	__pte(pte_val(x) & ~_PAGE_SOFT_DIRTY)
#define mm_p4d_folded(mm)	false
#define mm_pud_folded(mm)	false
#define pte_advance_pfn(x, nr)	__pte(pte_val(x) + ((unsigned long)(nr) << PFN_PTE_SHIFT))

/* Entries without permissions have an inverted page number. */
static inline unsigned long pte_pfn(pte_t pte)
{
	unsigned long val = pte_val(pte);

	if (val && !(val & _PAGE_PRESENT))
		val = ~val;
	return (val & PTE_PFN_MASK) >> PAGE_SHIFT;
}

#define pte_page(x)	pfn_to_page(pte_pfn(x))
#define pmd_page(x)	pfn_to_page((pmd_val(x) & PTE_PFN_MASK & PMD_MASK) >> PAGE_SHIFT)
#define pud_page(x)	pfn_to_page((pud_val(x) & PTE_PFN_MASK & PUD_MASK) >> PAGE_SHIFT)

#define pmd_bad(x)		false
#define __pte_map(pmdp, addr) ({				\
	unsigned long __pmd = pmd_val(READ_ONCE(*(pmdp)));	\
								\
	HARNESS_ENTRY(pte_t, __pmd, addr, PAGE_SHIFT);		\
})
#define kunmap_local(ptep)	((void)(ptep))
#define pte_offset_map(pmdp, addr)	__pte_map(pmdp, addr)
#define pte_unmap(ptep)		kunmap_local(ptep)

/*
 * As on architectures that fold these levels: only a caller that knows that
 * addr and end are in one table may use them. The walker must not.
 */
#define pmd_addr_end(addr, end)	(end)
#define pud_addr_end(addr, end)	(end)
#define p4d_addr_end(addr, end)	(end)

#endif /* _GUP_FAST_PGTABLE_H */
