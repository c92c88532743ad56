/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless page-table walks on ARM with LPAE. Classic page tables have no bit
 * to mark special pages, so GUP-fast does not walk them.
 *
 * The TLBs of other CPUs are invalidated by operations that hardware broadcasts
 * to the inner-shareable domain. The DSB that follows waits until no CPU uses
 * the old translation. It does not interrupt CPUs or wait for running code.
 * CPUs that do not receive the broadcast, and CPUs with erratum 798181, get an
 * IPI. So it depends on the CPU whether a flush waits for a walk that has
 * interrupts disabled, and a walk must not rely on a flush. With a single CPU
 * there is no interrupt at all: code that frees a table may run in the middle
 * of a preempted walk.
 *
 * Hardware does not write entries. Software maintains the accessed and dirty
 * bits under the lock of the table, and clears entries by plain stores. A full
 * barrier is needed between clearing an entry and reading the reference count:
 * the DSB of a flush in between, lockless_walk_barrier(), smp_mb(), or the
 * atomic operation that freezes the count.
 *
 * Entries have 64 bits and are written in one access, because hardware walks
 * require that. lpae_entry_get() reads them in one access.
 */
#ifndef __ASM_ARM_LOCKLESS_WALK_H
#define __ASM_ARM_LOCKLESS_WALK_H

#include <linux/pgtable.h>

#ifdef CONFIG_ARM_LPAE
#define LOCKLESS_WALK_PTE_ADDR	(PHYS_MASK & (s32)PAGE_MASK)
#endif

#include <asm-generic/lockless_walk.h>

#endif /* __ASM_ARM_LOCKLESS_WALK_H */
