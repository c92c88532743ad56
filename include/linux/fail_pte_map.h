/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault injection for mapping PTE tables.
 *
 * Each call of a linux/pgtable_map.h function that may fail is a site, with its
 * own counters. A lookup that is made to fail returns PT_MAP_MOVED, NULL or
 * false, as if another table had been installed in the meantime.
 */
#ifndef _LINUX_FAIL_PTE_MAP_H
#define _LINUX_FAIL_PTE_MAP_H

#ifdef CONFIG_FAIL_PTE_MAP

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

struct mm_struct;

/* Why a lookup is not made to fail */
enum fail_pte_map_exempt {
	FAIL_PTE_MAP_ON_STACK,	/* the pmd is a copy, which nobody changes */
	FAIL_PTE_MAP_NOT_TASK,	/* an interrupt: it cannot wait or try again */
	FAIL_PTE_MAP_NO_USERS,	/* the tables of the mm are about to be freed */
	FAIL_PTE_MAP_NR_EXEMPT,
};

struct fail_pte_map_site {
	const char *file;
	const char *function;
	unsigned int line;
	atomic_long_t calls;
	atomic_long_t injected;
	atomic_long_t exempt[FAIL_PTE_MAP_NR_EXEMPT];
};

bool should_fail_pte_map(struct fail_pte_map_site *site, struct mm_struct *mm,
			 pmd_t *pmdp);
bool fail_pt_lock_mapped(struct fail_pte_map_site *site, struct pt_map *map,
			 pmd_t *pmdp);

#define FAIL_PTE_MAP_SITE() ({						\
	static struct fail_pte_map_site __site				\
		__aligned(8) __section("_fail_pte_map") = {	\
			.file = __FILE__,				\
			.function = __func__,				\
			.line = __LINE__,				\
		};							\
	&__site;							\
})

/*
 * The macros below replace each function by one that is passed its site. The
 * functions themselves are in mm/pgtable-map.c.
 */
#ifndef PGTABLE_MAP_NO_SITES

static inline enum pt_map_state
fail_pt_map(struct fail_pte_map_site *site, struct pt_map *map,
	    struct mm_struct *mm, pmd_t *pmdp, unsigned long addr)
{
	if (should_fail_pte_map(site, mm, pmdp))
		return PT_MAP_MOVED;
	return pt_map(map, mm, pmdp, addr);
}

static inline enum pt_map_state
fail_pt_map_lock_nested(struct fail_pte_map_site *site, struct pt_map *map,
			struct mm_struct *mm, pmd_t *pmdp, unsigned long addr,
			spinlock_t *held)
{
	if (should_fail_pte_map(site, mm, pmdp))
		return PT_MAP_MOVED;
	return pt_map_lock_nested(map, mm, pmdp, addr, held);
}

static inline enum pt_map_state
fail_pt_map_lock(struct fail_pte_map_site *site, struct pt_map *map,
		 struct mm_struct *mm, pmd_t *pmdp, unsigned long addr)
{
	if (should_fail_pte_map(site, mm, pmdp))
		return PT_MAP_MOVED;
	return pt_map_lock(map, mm, pmdp, addr);
}

static inline pte_t *
fail_pte_offset_map(struct fail_pte_map_site *site, pmd_t *pmdp,
		    unsigned long addr)
{
	if (should_fail_pte_map(site, NULL, pmdp))
		return NULL;
	return pte_offset_map(pmdp, addr);
}

static inline pte_t *
fail_pte_offset_map_ro_nolock(struct fail_pte_map_site *site,
			      struct mm_struct *mm, pmd_t *pmdp,
			      unsigned long addr, spinlock_t **ptlp)
{
	if (should_fail_pte_map(site, mm, pmdp))
		return NULL;
	return pte_offset_map_ro_nolock(mm, pmdp, addr, ptlp);
}

static inline pte_t *
fail_pte_offset_map_rw_nolock(struct fail_pte_map_site *site,
			      struct mm_struct *mm, pmd_t *pmdp,
			      unsigned long addr, pmd_t *pmdvalp,
			      spinlock_t **ptlp)
{
	if (should_fail_pte_map(site, mm, pmdp))
		return NULL;
	return pte_offset_map_rw_nolock(mm, pmdp, addr, pmdvalp, ptlp);
}

static inline pte_t *
fail_pte_offset_map_lock(struct fail_pte_map_site *site, struct mm_struct *mm,
			 pmd_t *pmdp, unsigned long addr, spinlock_t **ptlp)
{
	if (should_fail_pte_map(site, mm, pmdp))
		return NULL;
	return pte_offset_map_lock(mm, pmdp, addr, ptlp);
}

#define pt_map(...)							\
	fail_pt_map(FAIL_PTE_MAP_SITE(), __VA_ARGS__)
#define pt_lock_mapped(...)						\
	fail_pt_lock_mapped(FAIL_PTE_MAP_SITE(), __VA_ARGS__)
#define pt_map_lock_nested(...)						\
	fail_pt_map_lock_nested(FAIL_PTE_MAP_SITE(), __VA_ARGS__)
#define pt_map_lock(...)						\
	fail_pt_map_lock(FAIL_PTE_MAP_SITE(), __VA_ARGS__)
#define pte_offset_map(...)						\
	fail_pte_offset_map(FAIL_PTE_MAP_SITE(), __VA_ARGS__)
#define pte_offset_map_ro_nolock(...)					\
	fail_pte_offset_map_ro_nolock(FAIL_PTE_MAP_SITE(), __VA_ARGS__)
#define pte_offset_map_rw_nolock(...)					\
	fail_pte_offset_map_rw_nolock(FAIL_PTE_MAP_SITE(), __VA_ARGS__)
#define pte_offset_map_lock(...)					\
	fail_pte_offset_map_lock(FAIL_PTE_MAP_SITE(), __VA_ARGS__)

#endif /* !PGTABLE_MAP_NO_SITES */

#endif /* CONFIG_FAIL_PTE_MAP */
#endif /* _LINUX_FAIL_PTE_MAP_H */
