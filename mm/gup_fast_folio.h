/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Folios, as a lockless walk finds them in page-table entries: how to take
 * references and pins, and which may be handed out.
 *
 * Before a reference is held, struct page may turn into anything: head, tail,
 * free, part of another folio. Only accessors that assume nothing may look at
 * it, and everything they say has to be checked again under the reference.
 */
#ifndef _MM_GUP_FAST_FOLIO_H
#define _MM_GUP_FAST_FOLIO_H

#include "gup_fast_internal.h"

/* One more check than folio_ref_try_add() has: no reference count overflows. */
static __always_inline bool gup_fast_ref_try_add(struct folio *folio, int refs)
{
	if (WARN_ON_ONCE(folio_ref_count(folio) < 0))
		return false;
	return likely(folio_ref_try_add(folio, refs));
}

/* Under the reference: do the flags allow this folio, wherever it is mapped? */
static __always_inline bool gup_fast_folio_matches(struct folio *folio,
						   unsigned int flags)
{
	if (!(flags & FOLL_PCI_P2PDMA) && folio_is_pci_p2pdma(folio))
		return false;
	return !(flags & FOLL_LONGTERM) || folio_is_longterm_pinnable(folio);
}

/*
 * What one pin or reference adds to the reference count of a large folio. The
 * few that are too small for a pincount, see folio_has_pincount(), count pins
 * as small folios do.
 */
static __always_inline int gup_fast_large_bias(struct folio *folio,
					       unsigned int flags)
{
	if (IS_ENABLED(CONFIG_64BIT) || !(flags & FOLL_PIN) ||
	    compound_order(&folio->page) > 1)
		return 1;
	return GUP_PIN_COUNTING_BIAS;
}

/*
 * Take @nr references or pins of @folio, which was large and had @nr pages
 * from @page on when last seen.
 *
 * A full barrier when it succeeds: step (3). Pairs with the full barrier (B)
 * of the updater, among them the one in folio_try_share_anon_rmap_*().
 */
static __always_inline bool gup_fast_grab_large(struct folio *folio,
						struct page *page, int nr,
						unsigned int flags)
{
	int refs = nr * gup_fast_large_bias(folio, flags);

	if (!gup_fast_ref_try_add(folio, refs))
		return false;

	if (unlikely(page_folio(page) != folio || !folio_test_large(folio) ||
		     folio_page_idx(folio, page) + nr > folio_large_nr_pages(folio) ||
		     nr * gup_fast_large_bias(folio, flags) != refs ||
		     !gup_fast_folio_matches(folio, flags))) {
		folio_put_refs(folio, refs);
		return false;
	}

	if ((flags & FOLL_PIN) && refs == nr) {
		atomic_add(nr, &folio->_pincount);
		smp_mb__after_atomic(); /* the pin before step (4) */
	}
	return true;
}

/* Give back what was grabbed: the statistics do not know of it. */
static noinline void gup_fast_drop_large(struct folio *folio, int nr,
					 unsigned int flags)
{
	if ((flags & FOLL_PIN) && folio_has_pincount(folio))
		atomic_sub(nr, &folio->_pincount);
	folio_put_refs(folio, nr * gup_fast_large_bias(folio, flags));
}

static __always_inline int gup_fast_small_bias(unsigned int flags)
{
	return flags & FOLL_PIN ? GUP_PIN_COUNTING_BIAS : 1;
}

/*
 * Take one reference or pin of a page that is likely a small folio: right from
 * the start, in one operation. Tail pages have no references, so once we have
 * one it is enough to see that the page is not a head.
 *
 * A full barrier when it succeeds, as gup_fast_grab_large().
 */
static __always_inline bool gup_fast_grab_small(struct page *page,
						unsigned int flags)
{
	struct folio *folio = (struct folio *)page;

	if (!gup_fast_ref_try_add(folio, gup_fast_small_bias(flags)))
		return false;
	if (likely(!folio_test_large(folio) &&
		   gup_fast_folio_matches(folio, flags)))
		return true;

	folio_put_refs(folio, gup_fast_small_bias(flags));
	return false;
}

/*
 * May this folio be handed out without a look at its VMA? The entry was
 * validated, so we know how it is mapped; the reference keeps its fields.
 *
 * No secretmem, ever. A long-term pin for writing only where no file system
 * tracks dirty pages: anonymous memory, shmem, hugetlb. When in doubt, no.
 */
static noinline bool gup_fast_mapping_allowed(struct folio *folio, bool longterm_write)
{
	struct address_space *mapping;
	unsigned long kind;

	if (WARN_ON_ONCE(folio_test_slab(folio)))
		return false;
	if (folio_test_hugetlb(folio))
		return true;

	/*
	 * Truncation may clear the mapping at any time, so read it once. Its
	 * inode is freed by RCU, which waits for walks.
	 */
	lockdep_assert_lockless_walk();
	mapping = READ_ONCE(folio->mapping);

	/* Truncated or never set: not secretmem, but perhaps a file's. */
	if (!mapping)
		return !longterm_write;

	kind = (unsigned long)mapping & FOLIO_MAPPING_FLAGS;
	if (kind)
		return kind & FOLIO_MAPPING_ANON;

	if (secretmem_mapping(mapping))
		return false;
	return !longterm_write || shmem_mapping(mapping);
}

static __always_inline bool gup_fast_folio_allowed(struct folio *folio,
						   unsigned int flags)
{
	const unsigned int longterm_write = FOLL_PIN | FOLL_LONGTERM | FOLL_WRITE;
	bool reject_files = (flags & longterm_write) == longterm_write;

	/* secretmem has small folios only. */
	if (reject_files ||
	    (IS_ENABLED(CONFIG_SECRETMEM) && !folio_test_large(folio))) {
		if (!gup_fast_mapping_allowed(folio, reject_files))
			return false;
	}

	/* A pin is there to access the content. */
	return !(flags & FOLL_PIN) || !arch_make_folio_accessible(folio);
}

/* A read-only pin of an anonymous page that is not exclusive must unshare it. */
static __always_inline bool gup_fast_must_unshare(struct page *page,
						  unsigned int flags,
						  bool writable)
{
	return !writable && gup_must_unshare(NULL, flags, page);
}

static __always_inline void gup_fast_mark_accessed(struct folio *folio)
{
	if (!folio_test_referenced(folio))
		folio_set_referenced(folio);
}

#endif /* _MM_GUP_FAST_FOLIO_H */
