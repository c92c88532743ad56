/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the programs that measure callers of GUP.
 */
#ifndef _PIN_UTIL_H
#define _PIN_UTIL_H

#include "pt_util.h"

#define RUNS		7

#ifndef MAP_HUGETLB
#define MAP_HUGETLB	0x40000
#endif

/* Split the huge pages of @p into small pages, which stay contiguous. */
static inline void split_huge(char *p, size_t size)
{
	char range[64];

	snprintf(range, sizeof(range), "%d,%p,%p", getpid(), p, p + size);
	write_to("/sys/kernel/debug/split_huge_pages", range);
}

/*
 * Populated memory. sysfs selects the folio size that madvise() brings. Adjacent pages
 * are not physically contiguous, except within a folio or with "split".
 */
static inline char *memory(const char *what, size_t size)
{
	int huge = strcmp(what, "hugetlb") ? 0 : MAP_HUGETLB;
	size_t align = read_pmd_size();
	char *p;

	size = (size + align - 1) & -align;
	p = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | huge, -1, 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	p = (char *)(((uintptr_t)p + align - 1) & -align);
	if (!huge && madvise(p, size, strcmp(what, "4K") ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		err(1, "madvise");
	for (size_t i = 0, nr = size / getpagesize(); i < nr; i++)
		p[i * 4099 % nr * getpagesize()] = 1;
	if (!strcmp(what, "split"))
		split_huge(p, size);
	return p;
}

#endif /* _PIN_UTIL_H */
