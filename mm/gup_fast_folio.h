/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a lockless walk takes references and pins of the folios that it finds in
 * page-table entries, and which folios it may hand out.
 *
 * Until a reference is held, a struct page may become anything: head, tail,
 * free, part of another folio. Only accessors that assume nothing may read it,
 * and their results must be checked again under the reference. The steps are
 * those of mm/gup_fast.c.
 */
#ifndef _MM_GUP_FAST_FOLIO_H
#define _MM_GUP_FAST_FOLIO_H

#include "gup_fast_internal.h"

/*
 * From step (3) to step (5) the references of a batch are speculative: the page
 * may not be mapped here any more, and then they are dropped. Meanwhile they
 * disturb code that reads the count: migration, allocation from CMA, memory
 * offlining, THP split, KSM, folio_maybe_dma_pinned().
 *
 * A walk under RCU can be preempted:
 *
 *	walk of page P			migration of P
 *	(2) read pte: P
 *	(3) take a reference on P
 *	    preempted; others run
 *	    for a time slice, or for	clear pte
 *	    as long as they like	count references: one too many
 *					again, 10 times: give up
 *	    runs again
 *	(4) read pte: not P
 *	(5) drop the reference
 *
 * So preemption is disabled from the first reference of a batch until the batch
 * is validated or dropped. An interrupt may still come in between. Then the
 * references stay held while it, and the softirqs after it, are handled. The
 * same is true of any lock that does not disable interrupts.
 *
 * Nothing in between may sleep. Freeing takes locks that sleep on PREEMPT_RT,
 * so a folio whose last reference the walk dropped is freed after the end.
 *
 * Both functions are empty where RCU readers are not preempted, and where walks
 * disable interrupts.
 */
static inline void gup_fast_speculate_begin(void)
{
	if (IS_ENABLED(CONFIG_LOCKLESS_WALK_RCU) && IS_ENABLED(CONFIG_PREEMPT_RCU))
		preempt_disable();
}

static inline void gup_fast_speculate_end(void)
{
	if (IS_ENABLED(CONFIG_LOCKLESS_WALK_RCU) && IS_ENABLED(CONFIG_PREEMPT_RCU))
		preempt_enable();
}

/*
 * Add @refs to the count, unless it is 0 or has overflowed. Sets @contended if
 * another CPU changed the count at the same time.
 *
 * Between the read and the write of the count the page may be freed and used
 * for anything. Its struct page stays writable, because the walk is an RCU
 * reader or has interrupts disabled.
 */
static __always_inline bool gup_fast_ref_try_add(struct folio *folio, int refs,
						 bool *contended)
{
	int old = folio_ref_count(folio);
	bool added = false;

	if (old)
		lockless_walk_debug_delay(LOCKLESS_WALK_WINDOW_COUNT);
	while (old > 0) {
		added = atomic_try_cmpxchg(&folio->_refcount, &old, old + refs);
		if (likely(added))
			break;
		*contended = true;
	}
	WARN_ON_ONCE(old < 0);

	if (page_ref_tracepoint_active(page_ref_mod_unless))
		__page_ref_mod_unless(folio_page(folio, 0), refs, added);
	return added;
}

/* Drop @refs references of @folio, the last speculative ones of the walk. */
static inline void gup_fast_speculate_end_put(struct folio *folio, int refs)
{
	bool last = folio_ref_sub_and_test(folio, refs);

	gup_fast_speculate_end();
	if (last)
		__folio_put(folio);
}

/* Under the reference: do the flags allow this folio, wherever it is mapped? */
static inline bool gup_fast_folio_matches(struct folio *folio,
					  unsigned int flags)
{
	if (!(flags & FOLL_PCI_P2PDMA) && folio_is_pci_p2pdma(folio))
		return false;
	return !(flags & FOLL_LONGTERM) || folio_is_longterm_pinnable(folio);
}

/*
 * The order of what may no longer be a folio: folio_order() would warn. The
 * result may be wrong, but is at most MAX_FOLIO_ORDER.
 */
static inline unsigned int gup_fast_order(struct folio *folio)
{
	return min(compound_order(folio_page(folio, 0)), MAX_FOLIO_ORDER);
}

/*
 * What one pin or reference adds to the reference count of a large folio. The
 * few that are too small for a pincount, see folio_has_pincount(), count pins
 * as small folios do.
 */
static inline int gup_fast_large_bias(struct folio *folio, unsigned int flags)
{
	if (IS_ENABLED(CONFIG_64BIT) || !(flags & FOLL_PIN) ||
	    gup_fast_order(folio) > 1)
		return 1;
	return GUP_PIN_COUNTING_BIAS;
}

/*
 * Take @nr references or pins of @folio, which was large and had @nr pages
 * from @page on when last seen. They are speculative until
 * gup_fast_speculate_end() or gup_fast_drop_large().
 *
 * It is a full barrier if it succeeds: step (3). Pairs with the full barrier
 * (B) of updaters, such as the one in folio_try_share_anon_rmap_*().
 */
static __always_inline bool gup_fast_grab_large(struct folio *folio,
						struct page *page, int nr,
						unsigned int flags)
{
	int refs = nr * gup_fast_large_bias(folio, flags);
	bool contended;

	gup_fast_speculate_begin();
	if (!gup_fast_ref_try_add(folio, refs, &contended)) {
		gup_fast_speculate_end();
		return false;
	}

	if (unlikely(page_folio(page) != folio || !folio_test_large(folio) ||
		     folio_page_idx(folio, page) + nr > folio_large_nr_pages(folio) ||
		     nr * gup_fast_large_bias(folio, flags) != refs ||
		     !gup_fast_folio_matches(folio, flags))) {
		gup_fast_speculate_end_put(folio, refs);
		return false;
	}

	if ((flags & FOLL_PIN) && refs == nr) {
		atomic_add(nr, &folio->_pincount);
		smp_mb__after_atomic(); /* the pin before step (4) */
	}
	return true;
}

/*
 * Drop @nr references or pins, and end the speculation, also for others that
 * were taken by the same call. The statistics have not counted them.
 */
static inline void gup_fast_drop_large(struct folio *folio, int nr,
				       unsigned int flags)
{
	int refs = nr * gup_fast_large_bias(folio, flags);

	if ((flags & FOLL_PIN) && folio_has_pincount(folio))
		atomic_sub(nr, &folio->_pincount);
	gup_fast_speculate_end_put(folio, refs);
}

/*
 * The folio of a page that is likely small: page_folio() without looking up the
 * head. The count of a tail is 0, so no reference to it can be taken. A head is
 * detected by gup_fast_small_matches().
 */
static inline struct folio *gup_fast_small_folio(struct page *page)
{
	return (struct folio *)page;
}

static inline int gup_fast_small_bias(unsigned int flags)
{
	return flags & FOLL_PIN ? GUP_PIN_COUNTING_BIAS : 1;
}

/*
 * Take one speculative reference or pin of a page that is likely a small folio,
 * in one operation.
 *
 * It is a full barrier if it succeeds, as is gup_fast_grab_large().
 */
static inline bool gup_fast_grab_small(struct page *page, unsigned int flags,
				       bool *contended)
{
	return gup_fast_ref_try_add(gup_fast_small_folio(page),
				    gup_fast_small_bias(flags), contended);
}

/* Is @folio small, as gup_fast_grab_small() assumed, and do @flags allow it? */
static inline bool gup_fast_small_matches(struct folio *folio, unsigned int flags)
{
	return !folio_test_large(folio) && gup_fast_folio_matches(folio, flags);
}

/* Whether a folio may be handed out without a look at its VMA. */
enum gup_fast_verdict {
	GUP_FAST_REFUSE,
	GUP_FAST_ALLOW,
	GUP_FAST_LOOK_AGAIN,	/* only if the entry is still the same now */
};

/*
 * May this folio be handed out without a look at its VMA? The entry has been
 * validated, so it maps @folio, and the reference keeps @folio allocated.
 *
 * Refuse secretmem. Allow a long-term pin for writing only where no file system
 * tracks dirty pages: anonymous memory, shmem, hugetlb. When in doubt, refuse.
 *
 * Not inlined: three copies would add 250 bytes, and 2 % more instructions to a
 * call for one page.
 */
static noinline enum gup_fast_verdict
gup_fast_mapping_allowed(struct folio *folio, bool longterm_write)
{
	struct address_space *mapping;
	unsigned long kind;

	if (WARN_ON_ONCE(folio_test_slab(folio)))
		return GUP_FAST_REFUSE;
	if (folio_test_hugetlb(folio))
		return GUP_FAST_ALLOW;

	/*
	 * Truncation may clear the mapping at any time, so read it once. Its
	 * inode is freed by RCU, which waits for walks.
	 */
	lockdep_assert_lockless_walk();
	mapping = READ_ONCE(folio->mapping);

	/*
	 * The mapping was cleared by truncation, or never set. The page may be
	 * a file's, or secretmem that was unmapped since and will be freed.
	 */
	if (!mapping)
		return longterm_write ? GUP_FAST_REFUSE : GUP_FAST_LOOK_AGAIN;

	kind = (unsigned long)mapping & FOLIO_MAPPING_FLAGS;
	if (kind)
		return kind & FOLIO_MAPPING_ANON ? GUP_FAST_ALLOW : GUP_FAST_REFUSE;

	if (secretmem_mapping(mapping))
		return GUP_FAST_REFUSE;
	return !longterm_write || shmem_mapping(mapping) ? GUP_FAST_ALLOW :
							   GUP_FAST_REFUSE;
}

static __always_inline enum gup_fast_verdict
gup_fast_folio_allowed(struct folio *folio, unsigned int flags)
{
	const unsigned int longterm_write = FOLL_PIN | FOLL_LONGTERM | FOLL_WRITE;
	bool reject_files = (flags & longterm_write) == longterm_write;

	/* secretmem has small folios only. */
	if (reject_files ||
	    (IS_ENABLED(CONFIG_SECRETMEM) && !folio_test_large(folio)))
		return gup_fast_mapping_allowed(folio, reject_files);
	return GUP_FAST_ALLOW;
}

/* Pins access the content. The last check, only for pages mapped by PTEs. */
static inline bool gup_fast_make_accessible(struct folio *folio, unsigned int flags)
{
	return !(flags & FOLL_PIN) || !arch_make_folio_accessible(folio);
}

/*
 * A read-only pin of an anonymous page that is not exclusive must unshare it. A
 * long-term one of a file page may have to, which depends on the VMA.
 */
static inline bool gup_fast_must_unshare(struct page *page, unsigned int flags,
					 bool writable)
{
	return !writable && gup_must_unshare(NULL, flags, page);
}

/*
 * hugetlb makes a page exclusive to the last process that maps it, whatever
 * references it has. So PageAnonExclusive may be about that process, and the
 * entry that was validated is gone: then look at the entry again.
 */
static inline bool gup_fast_exclusive_may_move(struct folio *folio,
					       unsigned int flags, bool writable)
{
	return !writable && (flags & FOLL_PIN) && folio_test_hugetlb(folio);
}

static inline void gup_fast_mark_accessed(struct folio *folio)
{
	if (!folio_test_referenced(folio))
		folio_set_referenced(folio);
}

#endif /* _MM_GUP_FAST_FOLIO_H */
