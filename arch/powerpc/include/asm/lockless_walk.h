/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless page-table walks on powerpc.
 *
 * With the radix MMU, TLBs of other CPUs are invalidated by tlbie, which
 * hardware broadcasts, or the hypervisor for us. tlbsync and ptesync wait until
 * no CPU uses the old translation; they interrupt nobody, and wait for no code.
 *
 * With the hash MMU, hardware never looks at these tables. They are looked up
 * with interrupts disabled, by the handler that fills the hash table, which
 * writes to what it finds. So a THP collapse interrupts all CPUs that the mm
 * has been on, or those that say they are in there for it, see
 * serialize_against_pte_lookup(). That does not wait for walks under RCU.
 *
 * So a walk may conclude nothing from a flush. Entries are cleared by atomics
 * without order, or by plain stores under the lock of the table; the full
 * barrier between that and a look at the reference count is a ptesync or
 * hwsync, where there is a flush or that interrupt between the two; or
 * lockless_walk_barrier(), or smp_mb(); or it is in the atomic that freezes the
 * count.
 *
 * A PTE table that is deposited with a huge page is written while it waits:
 * with hash, places in the hash table; with radix, links between such tables,
 * which are aligned, so in little endian no bit of theirs says that a page is
 * present. A walk that came in before may read either for an entry.
 */
#ifndef _ASM_POWERPC_LOCKLESS_WALK_H
#define _ASM_POWERPC_LOCKLESS_WALK_H

#include <linux/mmzone.h>
#include <linux/pgtable.h>
#include <asm/asm-compat.h>

#ifdef CONFIG_PPC_BOOK3S_64
#define LOCKLESS_WALK_PTE_ADDR	PTE_RPN_MASK

/*
 * Entries are big endian. A load that turns one around costs no more than a
 * load; doing it to one that was loaded takes ten instructions.
 */
#define lockless_walk_ptep_equals lockless_walk_ptep_equals
static inline bool lockless_walk_ptep_equals(pte_t *ptep, pte_t pte)
{
	unsigned long val;

	asm volatile(LDX_BE " %0,%y1" : "=r" (val) : "Z" (ptep->pte));
	return val == pte_val(pte);
}

/* What is no entry may lead to any struct page, but to no place that has none. */
#define lockless_walk_pte_sane lockless_walk_pte_sane
static __always_inline bool lockless_walk_pte_sane(pte_t pte)
{
	if (IS_ENABLED(CONFIG_CPU_LITTLE_ENDIAN) && radix_enabled())
		return true;
	return pfn_valid(pte_pfn(pte));
}
#endif

#include <asm-generic/lockless_walk.h>

#endif /* _ASM_POWERPC_LOCKLESS_WALK_H */
