/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless page-table walks on x86.
 *
 * Another CPU's TLB is flushed in one of three ways:
 *
 *  - by an IPI, which a CPU that has interrupts disabled takes only later;
 *  - by INVLPGB and TLBSYNC, which wait for the TLB but for no code;
 *  - by a hypervisor, which may put the flush off for a virtual CPU that does
 *    not run, in the middle of a walk too.
 *
 * And a CPU that the mm never ran on, or that is lazy, is not flushed at all.
 * So a walk may conclude nothing from a flush that did not interrupt it. With
 * CONFIG_LOCKLESS_WALK_RCU it does not try: tables are freed by RCU, and an
 * entry that is cleared is cleared by an atomic exchange, a full barrier.
 *
 * Entries are read in one access, except with PAE: there ptep_get_lockless()
 * and pmdp_get_lockless() put two halves together, and only interrupts that
 * are disabled keep the halves from being of different entries, both present.
 * So PAE has no CONFIG_LOCKLESS_WALK_RCU.
 */
#ifndef _ASM_X86_LOCKLESS_WALK_H
#define _ASM_X86_LOCKLESS_WALK_H

#include <linux/pgtable.h>

/* Only entries that permit no access have their page number inverted. */
#define LOCKLESS_WALK_PTE_ADDR	PTE_PFN_MASK

#define lockless_walk_pte_page lockless_walk_pte_page
static inline struct page *lockless_walk_pte_page(pte_t pte)
{
	return pfn_to_page((pte_val(pte) & PTE_PFN_MASK) >> PAGE_SHIFT);
}

#include <asm-generic/lockless_walk.h>

#endif /* _ASM_X86_LOCKLESS_WALK_H */
