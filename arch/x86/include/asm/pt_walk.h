/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless page-table walks on x86.
 *
 * Other CPUs' TLBs are flushed by an IPI, which waits for a walk that has
 * interrupts disabled; or by the INVLPGB instruction, or by the hypervisor on
 * behalf of a CPU that is not running, which wait for nothing. So a walk may
 * conclude nothing from being uninterrupted, other than that page tables are
 * not freed under it: they go through RCU, or through the IPI where every
 * flush sends one.
 *
 * Entries are read in one access, except with PAE, where ptep_get_lockless()
 * and pmdp_get_lockless() put the halves together.
 */
#ifndef _ASM_X86_PT_WALK_H
#define _ASM_X86_PT_WALK_H

#include <linux/pgtable.h>

#define pt_walk_pte_same_access pt_walk_pte_same_access
static inline bool pt_walk_pte_same_access(pte_t a, pte_t b)
{
	return !((pte_val(a) ^ pte_val(b)) & ~PTE_PFN_MASK);
}

/*
 * Only entries that permit no access have their page number inverted, so these
 * two need not care. Page numbers of one folio carry into no other field.
 */
#define pt_walk_pte_advance pt_walk_pte_advance
static inline pte_t pt_walk_pte_advance(pte_t pte, unsigned int nr)
{
	return __pte(pte_val(pte) + ((pteval_t)nr << PFN_PTE_SHIFT));
}

#define pt_walk_pte_page pt_walk_pte_page
static inline struct page *pt_walk_pte_page(pte_t pte)
{
	return pfn_to_page((pte_val(pte) & PTE_PFN_MASK) >> PAGE_SHIFT);
}

#include <asm-generic/pt_walk.h>

#endif /* _ASM_X86_PT_WALK_H */
