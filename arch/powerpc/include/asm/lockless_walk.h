/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lockless page-table walks on powerpc.
 *
 * With the radix MMU, TLBs of other CPUs are invalidated by tlbie, which
 * hardware broadcasts, or the hypervisor for us. tlbsync and ptesync wait until
 * no CPU uses the old translation; they interrupt no CPU, and wait for no code.
 *
 * With the hash MMU, hardware never looks at these tables. They are looked up
 * with interrupts disabled, by the handler that fills the hash table, which
 * writes to what it finds. So a THP collapse interrupts all CPUs that the mm
 * has been on, or those that say they are in there for it, see
 * serialize_against_pte_lookup(). That does not wait for walks under RCU.
 *
 * So a walk may conclude nothing from a flush. Nor may an updater: an entry is
 * cleared by ldarx and stdcx. without a barrier, or by a plain store under the
 * lock of the table. With radix, a flush begins with smp_mb(). With hash, only
 * an entry that is in the hash table (H_PAGE_HASHPTE) is flushed. An updater
 * that looks at the reference count without freezing it has smp_mb() or
 * lockless_walk_barrier() between the two.
 *
 * A PTE table that is deposited with a huge page is written while it waits, and
 * a walk that came in before may read what is written for entries. None of it
 * permits access, so none of it leads to a struct page:
 *
 *  - With hash, each byte is the place of a page in the hash table. Its upper
 *    three bits are clear, and so are those of an entry made of eight of them:
 *    the entry is not present. See mark_hpte_slot_valid().
 *  - With radix, the first two words link such tables, which are aligned to
 *    their size. Entries are big endian. So in little endian the upper byte of
 *    a link read as an entry is 0: it is not present; in big endian the lower
 *    byte is 0: it may not be read. The poison of list_del() in
 *    radix__pgtable_trans_huge_withdraw() is not present either.
 */
#ifndef _ASM_POWERPC_LOCKLESS_WALK_H
#define _ASM_POWERPC_LOCKLESS_WALK_H

#include <linux/build_bug.h>
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

/* What makes an entry present is in the bits that slots in a table leave clear. */
static_assert(!((_PAGE_PRESENT | _PAGE_PTE | _PAGE_INVALID) & ~(7UL << 61)));
/* What lets it be read is in the bits that the alignment of a table leaves clear. */
static_assert(_PAGE_READ < RADIX_PTE_TABLE_SIZE);
#endif

#include <asm-generic/lockless_walk.h>

#endif /* _ASM_POWERPC_LOCKLESS_WALK_H */
