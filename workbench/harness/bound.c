// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lower bound for what a walk that validates can cost: read every entry,
 * once, and store its page. No references, no checks, no path.
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

/* Only for what is mapped here: all in one PUD range, calls within a PMD. */
unsigned long bound_gup_fast(unsigned long start, unsigned long end,
			     unsigned int flags, struct page **pages)
{
	static __thread unsigned long *pmds;
	unsigned long *pmdp, nr = (end - start) >> PAGE_SHIFT;

	if (unlikely(!pmds))
		pmds = table_entry(current->mm, 0, PGTABLE_LEVEL_PMD);
	pmdp = pmds + (start >> PMD_SHIFT);
	if (*pmdp & _PAGE_PSE)
		return bound_leaf(pmdp, (start & ~PMD_MASK) >> PAGE_SHIFT, nr, pages);
	return bound_ptes((unsigned long *)(*pmdp & PTE_PFN_MASK) +
			  ((start & ~PMD_MASK) >> PAGE_SHIFT), nr, pages);
}
