// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walker of the unpatched kernel, built with the same shims. Tests compare our
 * walker with it, and benchmarks measure against it. The Makefile extracts it from
 * the base tree.
 */
#include "harness.h"

#define pfn_valid(pfn)				((void)(pfn), true)
#define sanity_check_pinned_pages(pages, nr)	((void)0)

/* It goes from level to level, and each level ends at its table. */
#undef pmd_addr_end
#undef pud_addr_end
#undef p4d_addr_end
#define range_end(addr, end, size)	(min((addr) | ((size) - 1), (end) - 1) + 1)
#define pmd_addr_end(addr, end)		range_end(addr, end, PMD_SIZE)
#define pud_addr_end(addr, end)		range_end(addr, end, PUD_SIZE)
#define p4d_addr_end(addr, end)		range_end(addr, end, P4D_SIZE)
#define pgd_addr_end(addr, end)		range_end(addr, end, PGDIR_SIZE)

#define gup_fast	unpatched_gup_fast
#include "base_walker.h"
#undef gup_fast

unsigned long base_gup_fast(unsigned long start, unsigned long end,
			    unsigned int flags, struct page **pages)
{
	return unpatched_gup_fast(start, end, flags, pages);
}

const char reference_name[] = "base";

unsigned long reference_gup_fast(unsigned long start, unsigned long end,
				 unsigned int flags, struct page **pages)
{
	return unpatched_gup_fast(start, end, flags, pages);
}
