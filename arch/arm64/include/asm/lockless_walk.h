/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless page-table walks on arm64.
 *
 * The TLBs of other CPUs are invalidated by TLBI instructions that hardware
 * broadcasts. The DSB that follows waits until no CPU uses the old translation,
 * and for the loads and stores that used it. It does not interrupt CPUs or wait
 * for running code. So a walk must not rely on a flush, even if it has
 * interrupts disabled.
 *
 * Entries are cleared by relaxed atomics. A full barrier is needed between
 * clearing an entry and reading the reference count: the DSB of a flush in
 * between, lockless_walk_barrier(), smp_mb(), or the atomic operation that
 * freezes the count.
 *
 * All entries of a contiguous block have PTE_CONT, and hardware may set the
 * accessed and dirty bits in any of them. ptep_get_lockless() collects them
 * from the whole block. A walk that takes references does not need them, so it
 * reads one entry. The entries of a block are cleared and written one by one,
 * so the walk must read the entry of each page that it hands out.
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
