// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables and struct pages of a test. Tables come from an arena, so that a
 * stray walk leaves the arena and crashes. Entries of a test are found and cleared
 * by walking the tables.
 */
#include <string.h>
#include <sys/mman.h>

#include "harness.h"

static unsigned long (*arena)[PTRS_PER_PTE];
static unsigned long *free_list, arena_tables;

static void *map(unsigned long size)
{
	/* Align it for huge pages, which save TLB misses, as in the kernel. */
	char *p = mmap(NULL, size + PMD_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("no memory");
	p = (char *)(((unsigned long)p + PMD_SIZE - 1) & PMD_MASK);
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

void tables_init(unsigned long nr_tables, unsigned long nr_pages)
{
	unsigned long i;

	arena = map(nr_tables * PAGE_SIZE);
	arena_tables = nr_tables;
	for (i = nr_tables; i--; )
		table_free(arena[i]);
	vmemmap = map(nr_pages * sizeof(struct page));
	harness_zero_pfn = 1;
}

/* The first word of a free table links to the next one. */
unsigned long *table_alloc(void)
{
	unsigned long *table = free_list;

	if (!table)
		die("out of page tables");
	free_list = (unsigned long *)table[0];
	table[0] = 0;
	return table;
}

void table_free(unsigned long *table)
{
	table[0] = (unsigned long)free_list;
	free_list = table;
}

unsigned int level_shift(enum pgtable_level level)
{
	static const unsigned int shift[] = {
		PAGE_SHIFT, PMD_SHIFT, PUD_SHIFT, P4D_SHIFT, PGDIR_SHIFT,
	};

	return shift[level];
}

unsigned long *table_entry(struct mm_struct *mm, unsigned long addr,
			   enum pgtable_level level)
{
	enum pgtable_level l = CONFIG_PGTABLE_LEVELS - 1;
	unsigned long *entry;

	if (!mm->pgd)
		mm->pgd = (pgd_t *)table_alloc();
	entry = (unsigned long *)mm->pgd + ((addr >> level_shift(l)) & 511);
	while (l > level) {
		if (!*entry)
			*entry = (unsigned long)table_alloc() | TABLE_FLAGS;
		entry = (unsigned long *)(*entry & PTE_PFN_MASK) +
			((addr >> level_shift(--l)) & 511);
	}
	return entry;
}

static void table_reset(unsigned long *table, int level)
{
	int i;

	for (i = 0; level > 0 && i < PTRS_PER_PTE; i++)
		if (table[i] && !(table[i] & _PAGE_PSE))
			table_reset((unsigned long *)(table[i] & PTE_PFN_MASK), level - 1);
	memset(table, 0, PAGE_SIZE);
	table_free(table);
}

void tables_reset(struct mm_struct *mm)
{
	if (mm->pgd)
		table_reset((unsigned long *)mm->pgd, CONFIG_PGTABLE_LEVELS - 1);
	mm->pgd = NULL;
}

struct folio *folio_make(unsigned long pfn, unsigned int order)
{
	struct folio *folio = (struct folio *)pfn_to_page(pfn);
	struct page *head = &folio->page;
	unsigned long i;

	memset(head, 0, sizeof(*head));
	for (i = 1; i < 1UL << order; i++) {
		memset(head + i, 0, sizeof(*head));
		head[i].compound_info = (unsigned long)head | 1;
	}
	folio->_refcount.counter = 1;
	if (order) {
		folio->flags = BIT(PG_head);
		folio->_flags_1 = order;
		folio->_nr_pages = 1U << order;
	}
	return folio;
}
