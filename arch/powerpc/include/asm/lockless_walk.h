/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless page-table walks on powerpc.
 *
 * With the radix MMU, the TLBs of other CPUs are invalidated by tlbie, which
 * hardware or the hypervisor broadcasts. tlbsync and ptesync wait until no CPU
 * uses the old translation. They do not interrupt CPUs, or wait for code.
 *
 * With the hash MMU, hardware does not read these tables. The hash fault
 * handler looks entries up with interrupts disabled, and writes to the entries
 * that it finds. So a THP collapse interrupts all CPUs that the mm has run on,
 * or only those that record that they are in the handler for this mm, see
 * serialize_against_pte_lookup(). That does not wait for walks under RCU.
 *
 * So a walk must not rely on a flush. Nor may an updater: entries are cleared
 * by ldarx and stdcx. without a barrier, or by a plain store under the lock of
 * the table. With radix, a flush begins with smp_mb(). With hash, only entries
 * that are in the hash table (H_PAGE_HASHPTE) are flushed. An updater that
 * reads the reference count without freezing it needs smp_mb() or
 * lockless_walk_barrier() between clearing the entry and reading the count.
 *
 * A PTE table that is deposited with a huge page is written to while it is
 * deposited, and a walk that entered it earlier may read these data as entries.
 * None of them permits access, so none of them leads to a struct page:
 *
 *  - With hash, each byte is the slot of a page in the hash table. The upper
 *    three bits of a byte are clear, and so are those of an entry that is read
 *    from eight bytes: it is not present. See mark_hpte_slot_valid().
 *  - With radix, the first two words link the deposited tables, and tables are
 *    aligned to their size. Entries are big endian. A link that is read as an
 *    entry has an upper byte of 0 on little endian: it is not present. On big
 *    endian its lower byte is 0: it permits no reads. The poison of list_del()
 *    in radix__pgtable_trans_huge_withdraw() is not present either.
 */
#ifndef _ASM_POWERPC_LOCKLESS_WALK_H
#define _ASM_POWERPC_LOCKLESS_WALK_H

#include <linux/build_bug.h>
#include <linux/pgtable.h>
#include <asm/asm-compat.h>

#ifdef CONFIG_PPC_BOOK3S_64
#define LOCKLESS_WALK_PTE_ADDR	PTE_RPN_MASK

/*
 * Entries are big endian. A byte-reversed load costs no more than a plain load.
 * Reversing the bytes after a plain load takes ten instructions.
 */
#define lockless_walk_ptep_equals lockless_walk_ptep_equals
static inline bool lockless_walk_ptep_equals(pte_t *ptep, pte_t pte)
{
	unsigned long val;

	asm volatile(LDX_BE " %0,%y1" : "=r" (val) : "Z" (ptep->pte));
	return val == pte_val(pte);
}

/* Hash slots in a deposited table leave the bits of a present entry clear. */
static_assert(!((_PAGE_PRESENT | _PAGE_PTE | _PAGE_INVALID) & ~(7UL << 61)));
/* A link is aligned to the size of a table, so its _PAGE_READ bit is clear. */
static_assert(_PAGE_READ < RADIX_PTE_TABLE_SIZE);
#endif

#include <asm-generic/lockless_walk.h>

#endif /* _ASM_POWERPC_LOCKLESS_WALK_H */
