// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lower bounds for the cost of a walk that validates. The first one reads each
 * entry once and stores its page, without references, checks and upper levels. The
 * second one also takes references: one locked add for each folio, and another one
 * for a pin of a large folio.
 */
#include "harness.h"

static unsigned long bound_ptes(unsigned long *ptep, unsigned long nr,
				struct page **pages)
{
	for (unsigned long i = 0; i < nr; i++)
		pages[i] = pfn_to_page((READ_ONCE(ptep[i]) & PTE_PFN_MASK) >> PAGE_SHIFT);
	return nr;
}

static unsigned long bound_leaf(unsigned long *pmdp, unsigned long skip,
				unsigned long nr, struct page **pages)
{
	unsigned long i, pmd = READ_ONCE(*pmdp);
	struct page *page = pfn_to_page(((pmd & PTE_PFN_MASK) >> PAGE_SHIFT) + skip);

	for (i = 0; i < nr; i++)
		pages[i] = page + i;
	return pmd == READ_ONCE(*pmdp) ? nr : 0;
}

/* For whole folios, or the first pages of folios, in the order of their pages. */
static void bound_references(unsigned long first, unsigned long nr, unsigned int flags)
{
	unsigned long pfn, taken;

	for (pfn = first; pfn < first + nr; pfn += taken) {
		struct folio *folio = page_folio(pfn_to_page(pfn));

		taken = 1;
		if (folio_test_large(folio)) {
			taken = min(folio_large_nr_pages(folio), first + nr - pfn);
			if (flags & FOLL_PIN)
				atomic_add(taken, &folio->_pincount);
			atomic_add(taken, &folio->_refcount);
		} else {
			atomic_add(flags & FOLL_PIN ? GUP_PIN_COUNTING_BIAS : 1, &folio->_refcount);
		}
	}
}

static unsigned long *bound_pmd(unsigned long start)
{
	static __thread unsigned long *pmds;

	if (unlikely(!pmds))
		pmds = table_entry(current->mm, 0, PGTABLE_LEVEL_PMD);
	return pmds + (start >> PMD_SHIFT);
}

/* Works only for the mappings here: all in one PUD range, calls within a PMD. */
unsigned long bound_gup_fast(unsigned long start, unsigned long end,
			     unsigned int flags, struct page **pages)
{
	unsigned long *pmdp = bound_pmd(start), nr = (end - start) >> PAGE_SHIFT;

	if (*pmdp & _PAGE_PSE)
		return bound_leaf(pmdp, (start & ~PMD_MASK) >> PAGE_SHIFT, nr, pages);
	return bound_ptes((unsigned long *)(*pmdp & PTE_PFN_MASK) +
			  ((start & ~PMD_MASK) >> PAGE_SHIFT), nr, pages);
}

/* The pages of a call are consecutive here, except for the cold ones. */
unsigned long bound_locked_gup_fast(unsigned long start, unsigned long end,
				    unsigned int flags, struct page **pages)
{
	unsigned long i, nr = bound_gup_fast(start, end, flags, pages);
	unsigned long first = page_to_pfn(pages[0]);

	if (page_to_pfn(pages[nr - 1]) == first + nr - 1) {
		bound_references(first, nr, flags);
		return nr;
	}
	for (i = 0; i < nr; i++)
		bound_references(page_to_pfn(pages[i]), 1, flags);
	return nr;
}
