/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All headers that mm/gup_fast.c needs, so that a test can build the same file
 * against something else.
 */
#ifndef _MM_GUP_FAST_INTERNAL_H
#define _MM_GUP_FAST_INTERNAL_H

#include <linux/highmem.h>
#include <linux/hugetlb.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/prefetch.h>
#include <linux/processor.h>
#include <linux/lockless_walk.h>
#include <linux/secretmem.h>
#include <linux/seqlock.h>
#include <linux/shmem_fs.h>
#include <linux/unroll.h>
#include <linux/vmstat.h>

#include <asm/lockless_walk.h>

#include "gup_fast.h"
#include "gup_ranges.h"
#include "internal.h"
#include "lockless_walk_debug.h"

/*
 * The end of the range of @size that @addr is in, or @end if that is first. If a
 * level is folded, pmd_addr_end() and its like are @end, beyond the table.
 */
static inline unsigned long gup_fast_end(unsigned long addr, unsigned long end,
					 unsigned long size)
{
	return min(addr | (size - 1), end - 1) + 1;
}

#ifndef gup_fast_permitted
static inline bool gup_fast_permitted(unsigned long start, unsigned long end)
{
	return true;
}
#endif

#endif /* _MM_GUP_FAST_INTERNAL_H */
