/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless page-table walks on ARM with LPAE. Classic page tables have no bit
 * to mark special pages with, so GUP-fast does not walk them.
 *
 * TLBs of other CPUs are invalidated by operations that hardware broadcasts to
 * the inner-shareable domain. The DSB after them waits until no CPU uses the
 * old translation; it interrupts no CPU, and does not wait for code. CPUs that
 * do not hear the broadcast, and those of erratum 798181, get an IPI. So it
 * depends on the CPU whether a flush waits for a walk that has interrupts
 * disabled, and a walk may conclude nothing from one. With a single CPU there
 * is no interrupt at all: code that frees a table may run in the middle of a
 * preempted walk.
 *
 * Hardware writes no entry: accessed and dirty are kept by software, under the
 * lock of the table, and entries are cleared by plain stores. The full barrier
 * between that and a look at the reference count is the DSB, where there is a
 * flush between the two; or lockless_walk_barrier(), or smp_mb(); or it is in
 * the atomic that freezes the count.
 *
 * Entries have 64 bits, and are written in one access, as hardware's own walks
 * need it. lpae_entry_get() reads them in one.
 */
#ifndef __ASM_ARM_LOCKLESS_WALK_H
#define __ASM_ARM_LOCKLESS_WALK_H

#include <linux/pgtable.h>

#ifdef CONFIG_ARM_LPAE
#define LOCKLESS_WALK_PTE_ADDR	(PHYS_MASK & (s32)PAGE_MASK)
#endif

#include <asm-generic/lockless_walk.h>

#endif /* __ASM_ARM_LOCKLESS_WALK_H */
