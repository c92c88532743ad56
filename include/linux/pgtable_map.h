/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mapping a PTE table, so that its entries can be read or changed.
 *
 * A PTE table can be removed while a caller looks for it. THP collapse removes
 * tables under mmap_lock and under the file's i_mmap lock, and zapping removes
 * tables that it has emptied under mmap_lock, a VMA lock or the i_mmap lock held
 * for read. So every lookup here may fail, and every caller must handle that.
 *
 * The caller has reached the pmd by walking down from the PGD. It holds
 * mmap_lock or a VMA lock, or the i_mmap lock of the file or the lock of the
 * anon_vma, for read or for write. These locks prevent that PMD tables are freed
 * and that the VMA is unmapped. Page tables of a VMA that has been detached from
 * its mm, or of an mm that has no users, are freed without the page table lock:
 * do not use these functions on them.
 *
 *  After        | the caller has          | meanwhile, others may
 *  pt_map()     | rcu_read_lock()         | change the entries, remove the table
 *               |                         | from the pmd, and attach another one.
 *               |                         | The memory stays a PTE table.
 *  pt_map_lock()| that, and the lock of   | set accessed and dirty bits (hardware)
 *               | the table, with the pmd |
 *               | unchanged since         |
 *
 * A lookup reads the pmd once and answers from that value. The value was in the
 * pmd at one instant during the call, and the answer was true then:
 *
 *  PT_MAP_TABLE | the pmd points to a table, which is mapped now
 *  PT_MAP_NONE  | the pmd is empty, and nothing was mapped in its range. But if its
 *               | lock is held, it may be empty only until the lock is released:
 *               | while the huge zero page is split, or replaced by a fault, and
 *               | while UFFDIO_MOVE tries to move a page. A bad pmd is reported and
 *               | cleared, and gives PT_MAP_NONE, too.
 *  PT_MAP_LEAF  | the pmd is a leaf (a huge page, or an entry that is not
 *               | present, such as a migration entry); @map->pmd has the value
 *  PT_MAP_MOVED | the pmd changed before the table could be locked: look again
 *
 * pte_offset_map() and its relatives return NULL for PT_MAP_NONE and PT_MAP_LEAF.
 * pte_offset_map_lock() looks again after PT_MAP_MOVED, which lookups without a
 * lock return only under fault injection. So NULL means that no table could be
 * held. It never means that nothing is mapped: the pmd may have become a leaf, or
 * point to a table with entries when NULL is returned. Code that would conclude
 * anything else from NULL than "look again" or "give up" must use pt_map() or
 * pt_map_lock().
 *
 * Do not read *pmd again in order to learn why a lookup failed. Its value may
 * have changed by then.
 *
 * How to release:
 *
 *  pt_map(), pte_offset_map*()            | pt_unmap(), pte_unmap()
 *  pt_map_lock(), pte_offset_map_lock()   | pt_unmap_unlock(), pte_unmap_unlock()
 *
 * Tables may be in high memory (CONFIG_HIGHPTE). So mappings nest: those of two
 * tables must be released in reverse order, by the task that made them.
 *
 * Where a pmd is read in two halves (x86 with PAE), the pmd of PT_MAP_LEAF may be
 * halves of two leaves: take the lock of the PMD table and read the pmd again.
 * A pmd that points to a table never mixes two tables, because page tables are
 * below 4 GiB. See mm/pgtable-map.c for what would be needed without that.
 */
#ifndef _LINUX_PGTABLE_MAP_H
#define _LINUX_PGTABLE_MAP_H

#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#ifdef CONFIG_MMU

struct mm_struct;

enum pt_map_state {
	PT_MAP_TABLE,
	PT_MAP_NONE,
	PT_MAP_LEAF,
	PT_MAP_MOVED,
};

/**
 * struct pt_map - a PTE table that is mapped, or why it is not
 * @pte: the entry for the address, if the answer was PT_MAP_TABLE
 * @ptl: the lock of the table, held or not
 * @pmd: the value of the pmd from which the answer was made
 */
struct pt_map {
	pte_t *pte;
	spinlock_t *ptl;
	pmd_t pmd;
};

enum pt_map_state pt_map(struct pt_map *map, struct mm_struct *mm, pmd_t *pmdp,
			 unsigned long addr);
enum pt_map_state pt_map_lock(struct pt_map *map, struct mm_struct *mm,
			      pmd_t *pmdp, unsigned long addr);
bool pt_lock_mapped(struct pt_map *map, pmd_t *pmdp);
enum pt_map_state pt_map_lock_nested(struct pt_map *map, struct mm_struct *mm,
				     pmd_t *pmdp, unsigned long addr,
				     spinlock_t *held);
int pt_map_alloc_lock(struct pt_map *map, struct mm_struct *mm, pmd_t *pmdp,
		      unsigned long addr);

/*
 * pt_map() and pt_map_lock(), repeated while they return PT_MAP_MOVED, for
 * callers that handle an empty pmd and a leaf alike.
 */
#define pt_map_retry(...) ({						\
	enum pt_map_state __state;					\
									\
	do {								\
		__state = pt_map(__VA_ARGS__);				\
	} while (__state == PT_MAP_MOVED);				\
	__state;							\
})

#define pt_map_lock_retry(...) ({					\
	enum pt_map_state __state;					\
									\
	do {								\
		__state = pt_map_lock(__VA_ARGS__);			\
	} while (__state == PT_MAP_MOVED);				\
	__state;							\
})

/* Macros, because pte_unmap() of CONFIG_HIGHPTE needs linux/highmem.h. */
#define pt_unmap(map)	pte_unmap((map)->pte)

#define pt_unmap_unlock(map)	do {			\
	spin_unlock((map)->ptl);			\
	pte_unmap((map)->pte);				\
} while (0)

#define pt_unmap_unlock_nested(map, held)	do {	\
	if ((map)->ptl != (held))			\
		spin_unlock((map)->ptl);		\
	pte_unmap((map)->pte);				\
} while (0)

pte_t *pte_offset_map(pmd_t *pmdp, unsigned long addr);
pte_t *pte_offset_map_ro_nolock(struct mm_struct *mm, pmd_t *pmdp,
				unsigned long addr, spinlock_t **ptlp);
pte_t *pte_offset_map_rw_nolock(struct mm_struct *mm, pmd_t *pmdp,
				unsigned long addr, pmd_t *pmdvalp,
				spinlock_t **ptlp);
pte_t *pte_offset_map_lock(struct mm_struct *mm, pmd_t *pmdp,
			   unsigned long addr, spinlock_t **ptlp);

#include <linux/fail_pte_map.h>

#endif /* CONFIG_MMU */
#endif /* _LINUX_PGTABLE_MAP_H */
