// SPDX-License-Identifier: GPL-2.0-only
/*
 * The result that a walk must have if nothing else changes the tables, computed one
 * page at a time. It is the reference of the case test, and shares no code with
 * mm/gup_fast.c.
 */
#include "harness.h"

const char reference_name[] = "reference";

/* The entry that maps @addr, or the entry that shows that nothing is mapped. */
static unsigned long leaf_entry(unsigned long addr, enum pgtable_level *level)
{
	enum pgtable_level l = CONFIG_PGTABLE_LEVELS - 1;
	unsigned long *table = (unsigned long *)current->mm->pgd, entry;

	for (;; l--) {
		entry = table[(addr >> level_shift(l)) & (PTRS_PER_PTE - 1)];
		*level = l;
		if (l == PGTABLE_LEVEL_PTE || !(entry & _PAGE_PRESENT) ||
		    (l <= PGTABLE_LEVEL_PUD && entry & _PAGE_PSE))
			return entry;
		table = (unsigned long *)(entry & PTE_PFN_MASK);
	}
}

static bool entry_allows(unsigned long entry, unsigned int flags)
{
	unsigned long need = _PAGE_PRESENT | _PAGE_USER;

	if (flags & FOLL_WRITE)
		need |= _PAGE_RW;
	return (entry & need) == need && !(entry & _PAGE_SPECIAL);
}

/* Secretmem is never allowed. Files that track dirty pages forbid long-term writes. */
static bool mapping_allows(struct folio *folio, bool longterm_write)
{
	struct address_space *mapping = folio->mapping;
	unsigned long kind = (unsigned long)mapping & FOLIO_MAPPING_FLAGS;

	if (folio->page_type == HARNESS_TYPE_SLAB)
		return false;
	if (folio->page_type == HARNESS_TYPE_HUGETLB)
		return true;
	if (!mapping)
		return !longterm_write;
	if (kind)
		return kind & FOLIO_MAPPING_ANON;
	if (mapping->kind == HARNESS_SECRETMEM)
		return false;
	return !longterm_write || mapping->kind == HARNESS_SHMEM;
}

static bool folio_allows(struct folio *folio, unsigned int flags)
{
	bool longterm = flags & FOLL_LONGTERM;
	bool longterm_write = longterm && flags & FOLL_WRITE;

	if (folio->_refcount.counter <= 0)
		return false;
	if (folio->flags >> HARNESS_ZONE_SHIFT == HARNESS_DEVICE && !(flags & FOLL_PCI_P2PDMA))
		return false;
	if (longterm && folio->flags & BIT(PG_harness_cma) && !is_zero_folio(folio))
		return false;
	/* Secretmem only has small folios. */
	return (folio->flags & BIT(PG_head) && !longterm_write) ||
	       mapping_allows(folio, longterm_write);
}

/* Must a pin for reading unshare the page first? */
static bool must_unshare(struct folio *folio, struct page *page, unsigned int flags)
{
	if (!((unsigned long)folio->mapping & FOLIO_MAPPING_ANON))
		return flags & FOLL_LONGTERM;
	return !(page->flags & BIT(PG_anon_exclusive));
}

static void take(struct folio *folio, unsigned int flags)
{
	bool large = folio->flags & BIT(PG_head);

	folio->_refcount.counter += flags & FOLL_PIN && !large ? GUP_PIN_COUNTING_BIAS : 1;
	folio->flags |= BIT(PG_referenced);
	if (!(flags & FOLL_PIN))
		return;
	if (large)
		folio->_pincount.counter++;
	mod_node_page_state(NODE_DATA(folio_nid(folio)), NR_FOLL_PIN_ACQUIRED, 1);
}

static struct page *reference_one(unsigned long addr, unsigned int flags)
{
	enum pgtable_level level;
	unsigned long entry = leaf_entry(addr, &level);
	unsigned long offset = addr & ((1UL << level_shift(level)) - 1);
	struct folio *folio;
	struct page *page;

	if (level > PGTABLE_LEVEL_PUD || !entry_allows(entry, flags))
		return NULL;
	page = pfn_to_page(((entry & PTE_PFN_MASK) + offset) >> PAGE_SHIFT);
	folio = page_folio(page);
	if (!folio_allows(folio, flags))
		return NULL;
	/* For a huge mapping only the head page says whether it is exclusive. */
	if ((flags & (FOLL_PIN | FOLL_WRITE)) == FOLL_PIN && !(entry & _PAGE_RW) &&
	    must_unshare(folio, level ? &folio->page : page, flags))
		return NULL;
	/* Zero pages are pinned without a count. */
	if (!(flags & FOLL_PIN) || !is_zero_page(page))
		take(folio, flags);
	return page;
}

unsigned long reference_gup_fast(unsigned long start, unsigned long end,
				 unsigned int flags, struct page **pages)
{
	unsigned long nr = 0;

	/* fork() write-protects pages. */
	if (flags & FOLL_PIN && current->mm->write_protect_seq.sequence & 1)
		return 0;
	for (; start + nr * PAGE_SIZE < end; nr++) {
		pages[nr] = reference_one(start + nr * PAGE_SIZE, flags);
		if (!pages[nr])
			break;
	}
	return nr;
}
