/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless page-table walks on arm64.
 *
 * TLBs of other CPUs are invalidated by TLBI instructions that hardware
 * broadcasts. The DSB after them waits until no CPU uses the old translation,
 * and for loads and stores made with it; it interrupts no CPU, and does not
 * wait for code. So a walk may conclude nothing from a flush, whether it has
 * interrupts disabled or not.
 *
 * Entries are cleared by atomics without order. The full barrier between that
 * and a look at the reference count is the DSB, where there is a flush between
 * the two; or lockless_walk_barrier(), or smp_mb(); or it is in the atomic that
 * freezes the count.
 *
 * All entries of a contiguous block have PTE_CONT, and hardware may set
 * accessed and dirty in any of them. ptep_get_lockless() gathers these from the
 * block. A walk that takes references has no use for them: it reads one entry.
 * Changing a block clears and writes its entries one by one, so each page that
 * is handed out needs a look at its own.
 */
#ifndef __ASM_LOCKLESS_WALK_H
#define __ASM_LOCKLESS_WALK_H

#include <linux/pgtable.h>

#define lockless_walk_ptep_get lockless_walk_ptep_get
static inline pte_t lockless_walk_ptep_get(pte_t *ptep)
{
	return __ptep_get(ptep);
}

#ifdef CONFIG_ARM64_PA_BITS_52
#define LOCKLESS_WALK_PTE_ADDR	(PTE_ADDR_LOW | PTE_ADDR_HIGH)
#else
#define LOCKLESS_WALK_PTE_ADDR	PTE_ADDR_LOW
#endif

#include <asm-generic/lockless_walk.h>

#endif /* __ASM_LOCKLESS_WALK_H */
