/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct page and folios: 64 bytes each. The fields that a walk uses are in the
 * same cache lines as in the kernel.
 */
#ifndef _GUP_FAST_FOLIO_SHIM_H
#define _GUP_FAST_FOLIO_SHIM_H

#include "pgtable.h"

enum {
	FOLL_WRITE		= BIT(0),
	FOLL_GET		= BIT(1),
	FOLL_FORCE		= BIT(3),
	FOLL_LONGTERM		= BIT(8),
	FOLL_PCI_P2PDMA		= BIT(10),
	FOLL_HONOR_NUMA_FAULT	= BIT(12),
	FOLL_PIN		= BIT(19),
	FOLL_FAST_ONLY		= BIT(20),
};

#define GUP_PIN_COUNTING_BIAS	(1U << 10)
#define NUMA_NO_NODE		(-1)
#define HARNESS_NODES		2

enum harness_page_flag {
	PG_referenced = 2,
	PG_head = 6,
	PG_anon_exclusive = 17,
	PG_harness_cma = 24,		/* in a block that forbids long-term pins */
	HARNESS_NODE_SHIFT = 56,
	HARNESS_ZONE_SHIFT = 60,
};

enum harness_zone { HARNESS_NORMAL, HARNESS_DEVICE };
enum harness_page_type { HARNESS_TYPE_NONE, HARNESS_TYPE_SLAB, HARNESS_TYPE_HUGETLB };

#define FOLIO_MAPPING_ANON	0x1UL
#define FOLIO_MAPPING_ANON_KSM	0x2UL
#define FOLIO_MAPPING_FLAGS	0x3UL

struct address_space {
	enum { HARNESS_FILE, HARNESS_SHMEM, HARNESS_SECRETMEM } kind;
};

#define HARNESS_PAGE_FIELDS			\
	unsigned long flags;			\
	unsigned long compound_info;		\
	unsigned long lru_prev;			\
	struct address_space *mapping;		\
	unsigned long index;			\
	unsigned long private;			\
	unsigned int page_type;			\
	atomic_t _refcount;			\
	unsigned long memcg_data;

struct page {
	HARNESS_PAGE_FIELDS
} __attribute__((aligned(64)));

struct folio {
	union {
		struct {
			HARNESS_PAGE_FIELDS
		};
		struct page page;
	};
	union {
		struct {
			unsigned long _flags_1;	/* the order */
			unsigned long _head_1;
			atomic_t _large_mapcount;
			atomic_t _nr_pages_mapped;
			atomic_t _entire_mapcount;
			atomic_t _pincount;
			unsigned long _unused[3];
			unsigned int _nr_pages;
		};
		struct page __page_1;
	};
};

_Static_assert(sizeof(struct page) == 64, "struct page is a cache line");
_Static_assert(offsetof(struct folio, _pincount) == 64 + 28, "as in the kernel");

/* Bit 0 is set in a tail page. The other bits are the address of the head. */
static __always_inline struct folio *page_folio(const struct page *page)
{
	unsigned long info = READ_ONCE(*(unsigned long *)&page->compound_info);

	return (struct folio *)(info & 1 ? info - 1 : (unsigned long)page);
}

static __always_inline bool folio_test_large(struct folio *folio)
{
	return test_bit(PG_head, &folio->flags);
}

static __always_inline bool PageCompound(struct page *page)
{
	return test_bit(PG_head, &page->flags) || READ_ONCE(page->compound_info) & 1;
}

static __always_inline unsigned int compound_order(struct page *page)
{
	struct folio *folio = (struct folio *)page;

	harness_step(); /* the walk has no reference yet */
	return folio_test_large(folio) ? READ_ONCE(folio->_flags_1) & 0xff : 0;
}

#define folio_page(folio, n)		(&(folio)->page + (n))
#define folio_page_idx(folio, p)	((unsigned long)((p) - &(folio)->page))
#define folio_large_nr_pages(folio)	((unsigned long)READ_ONCE((folio)->_nr_pages))
#define folio_nr_pages(folio)		\
	(folio_test_large(folio) ? folio_large_nr_pages(folio) : 1UL)
#define folio_has_pincount(folio)	folio_test_large(folio)
#define folio_nid(folio)		((int)(READ_ONCE((folio)->flags) >> HARNESS_NODE_SHIFT) & 3)
#define folio_test_referenced(folio)	test_bit(PG_referenced, &(folio)->flags)
#define folio_set_referenced(folio)	set_bit(PG_referenced, &(folio)->flags)
#define folio_test_slab(folio)		(READ_ONCE((folio)->page_type) == HARNESS_TYPE_SLAB)
#define folio_test_hugetlb(folio)	(READ_ONCE((folio)->page_type) == HARNESS_TYPE_HUGETLB)
#define PageAnonExclusive(page)		test_bit(PG_anon_exclusive, &(page)->flags)
#define folio_test_anon(folio)		\
	((unsigned long)READ_ONCE((folio)->mapping) & FOLIO_MAPPING_ANON)
#define PageAnon(page)			folio_test_anon(page_folio(page))

extern unsigned long harness_zero_pfn;

#define is_zero_page(page)	(page_to_pfn(page) == harness_zero_pfn)
#define is_zero_folio(folio)	is_zero_page(&(folio)->page)

static inline bool folio_is_pci_p2pdma(struct folio *folio)
{
	return unlikely(READ_ONCE(folio->flags) >> HARNESS_ZONE_SHIFT == HARNESS_DEVICE);
}

#define is_pci_p2pdma_page(page)	folio_is_pci_p2pdma(page_folio(page))

static inline bool folio_is_longterm_pinnable(struct folio *folio)
{
	return is_zero_folio(folio) || !test_bit(PG_harness_cma, &folio->flags);
}

#define secretmem_mapping(m)			((m)->kind == HARNESS_SECRETMEM)
#define shmem_mapping(m)			((m)->kind == HARNESS_SHMEM)
#define arch_make_folio_accessible(folio)	((void)(folio), 0)

/* @vma is NULL in a fast walk. Cases that need it are left to the slow path. */
static inline bool gup_must_unshare(void *vma, unsigned int flags, struct page *page)
{
	if ((flags & (FOLL_WRITE | FOLL_PIN)) != FOLL_PIN)
		return false;
	if (!PageAnon(page))
		return flags & FOLL_LONGTERM;
	smp_rmb(); /* take the reference before reading the bit */
	return !PageAnonExclusive(page);
}

#define folio_ref_count(folio)		atomic_read(&(folio)->_refcount)
#define folio_ref_add(folio, nr)	atomic_add(nr, &(folio)->_refcount)
#define folio_ref_try_add(folio, nr)	atomic_add_unless(&(folio)->_refcount, nr, 0)

#define folio_ref_sub_and_test(folio, nr)	atomic_sub_and_test(nr, &(folio)->_refcount)
#define page_ref_tracepoint_active(name)	false
#define __page_ref_mod_unless(page, nr, added)	((void)0)

/* A walk never drops the last reference. If it did, the page would be lost. */
static inline void __folio_put(struct folio *folio)
{
	harness_warn();
}

static inline void folio_put_refs(struct folio *folio, int refs)
{
	if (folio_ref_sub_and_test(folio, refs))
		__folio_put(folio);
}

/* Node statistics: per thread, and added to the node when they grow too large. */
enum node_stat_item { NR_FOLL_PIN_ACQUIRED, NR_FOLL_PIN_RELEASED, NR_HARNESS_ITEMS };
struct pglist_data {
	long stat[NR_HARNESS_ITEMS];
};

extern struct pglist_data harness_nodes[HARNESS_NODES];
#define NODE_DATA(nid)	(&harness_nodes[nid])

void mod_node_page_state(struct pglist_data *node, enum node_stat_item item, long delta);
#define node_stat_mod_folio(folio, item, delta) \
	mod_node_page_state(NODE_DATA(folio_nid(folio)), item, delta)

#endif /* _GUP_FAST_FOLIO_SHIM_H */
