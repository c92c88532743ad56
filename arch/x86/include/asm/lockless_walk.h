/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless page-table walks on x86.
 *
 * Another CPU's TLB is flushed in one of three ways:
 *
 *  - by an IPI, which a CPU that has interrupts disabled takes only later;
 *  - by INVLPGB and TLBSYNC, which wait for the TLB but not for running code;
 *  - by a hypervisor, which may defer the flush for a virtual CPU that is not
 *    running, even in the middle of a walk.
 *
 * A CPU that the mm never ran on is not flushed at all, and one in lazy TLB mode
 * may not be. So a walk must not rely on a flush that did not interrupt it. With
 * CONFIG_LOCKLESS_WALK_RCU it relies on no flush: tables are freed by RCU, and
 * leaf entries are cleared by an atomic exchange, which is a full barrier.
 *
 * Entries are read in one access, except with PAE. There ptep_get_lockless()
 * and pmdp_get_lockless() combine two halves. Only disabled interrupts prevent
 * the halves from belonging to two different entries that are both present. So
 * PAE does not support CONFIG_LOCKLESS_WALK_RCU.
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
