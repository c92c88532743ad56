/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mutants of lockless walks: deliberate bugs in a walk or an updater. They exist
 * only in the mutant kernel and the mutant harness. At most one of them is active
 * at a time; see workbench/mutants/assemble.
 */
#ifndef _LINUX_LOCKLESS_WALK_MUTANT_H
#define _LINUX_LOCKLESS_WALK_MUTANT_H

#define LOCKLESS_WALK_MUTANTS(mutant)					\
	mutant(no_pte_reread)	/* the walk does not read a level again */ \
	mutant(no_pmd_reread)						\
	mutant(no_pud_reread)						\
	mutant(no_p4d_reread)						\
	mutant(no_pgd_reread)						\
	mutant(no_look_again)	/* nor after a look at the folio */	\
	mutant(entry_before_path) /* validates the entry first */	\
	mutant(preempted_ref)	/* may be preempted with speculative references */ \
	mutant(no_grace_period)	/* frees a deposited table at once */	\
	mutant(no_vmemmap_wait)	/* optimizes vmemmap under RCU readers */ \
	mutant(no_offline_wait)	/* poisons the memmap under RCU readers */ \
	mutant(no_pmd_compare)	/* locks a PTE table that was removed */ \
	mutant(moved_is_nomem)	/* a PTE table that moved: -ENOMEM */ \
	mutant(fork_loses)	/* ... is not copied */			\
	mutant(dump_hole)	/* ... is not dumped */			\
	mutant(no_retry)	/* ... is taken for no table */		\
	mutant(page_missed)	/* ... has no page for folio_walk_start() */ \
	mutant(pfnmap_fails)	/* ... has no PFN for follow_pfnmap_start() */ \
	mutant(move_blindly)	/* mremap() fills a table that was removed */ \
	mutant(removed_exists)	/* UFFDIO_COPY: a removed table has a page */ \
	mutant(not_populated)	/* UFFDIO_WRITEPROTECT skips a removed table */ \
	mutant(reclaim_at_once)	/* frees an empty table without a grace period */ \
	mutant(unhooked_early)	/* removes a table before the TLB flush */ \
	mutant(collected_twice)	/* migrate_vma_setup() stores pages twice */ \
	mutant(wait_for_nobody)	/* lockless_walk_wait() does nothing */	\
	mutant(track_no_wait)	/* interrupts walking CPUs, does not wait */ \
	mutant(track_wrong_mm)	/* waits for the walks of all other mms */ \
	mutant(track_every_mm)	/* waits for all walks */		\
	mutant(nested_other)	/* an inner walk records its own mm only */ \
	mutant(nested_none)	/* the end of an inner walk clears the record */

#define LOCKLESS_WALK_MUTANT_ENUM(name)	MUTANT_##name,
enum lockless_walk_mutant {
	MUTANT_none,
	LOCKLESS_WALK_MUTANTS(LOCKLESS_WALK_MUTANT_ENUM)
	NR_LOCKLESS_WALK_MUTANTS,
};

extern int lockless_walk_mutant_on;	/* an enum lockless_walk_mutant */

/* Does not use kernel headers, because the harness compiles this in user space. */
static inline _Bool lockless_walk_mutant(enum lockless_walk_mutant mutant)
{
	return __builtin_expect(__atomic_load_n(&lockless_walk_mutant_on,
						__ATOMIC_RELAXED) == mutant, 0);
}

/*
 * pt_map() or pt_map_lock(), repeated while the PTE table moves. Used in some files
 * only: with a change of linux/pgtable_map.h, the whole kernel would be compiled again.
 */
#define mutant_no_retry(func, ...)					\
	(lockless_walk_mutant(MUTANT_no_retry) ? func(__VA_ARGS__) :	\
						 func##_retry(__VA_ARGS__))

/* Holds open a window that exists only in a mutant. */
void lockless_walk_mutant_delay(void);

/* Wait for a collapse that has counted the references and delays its edit. */
void lockless_walk_mutant_await(void);

#endif /* _LINUX_LOCKLESS_WALK_MUTANT_H */
