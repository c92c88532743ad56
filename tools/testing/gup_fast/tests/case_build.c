// SPDX-License-Identifier: GPL-2.0-only
/*
 * Build page tables and folios from bytes, and restore the state before.
 *
 * Tables stay between cases: an undo log restores the entries. Each page keeps
 * its initial reference count in page->index.
 */
#include <stdio.h>
#include <string.h>

#include "case.h"

struct case_world world;

static struct { unsigned long *entry, old; } undo[CASE_ITEMS * 1100];
static unsigned int nr_undo;

static struct address_space mappings[] = {
	{ HARNESS_FILE }, { HARNESS_SHMEM }, { HARNESS_SECRETMEM },
};

/* Address of the first page: a boundary, or some pages before it. */
static unsigned long place(u8 byte)
{
	static const unsigned long border[] = {
		16 * PMD_SIZE, 3 * PUD_SIZE, 2 * P4D_SIZE,
		CONFIG_PGTABLE_LEVELS > 4 ? PGDIR_SIZE : 5 * P4D_SIZE,
	};
	static const unsigned int before[] = { 0, 1, 3, 8, 15, 17, 40, 511 };

	return border[byte & 3] - before[(byte >> 2) & 7] * PAGE_SIZE;
}

static void set_entry(unsigned long addr, enum pgtable_level level, unsigned long val)
{
	unsigned long *entry = table_entry(&world.mm, addr, level);

	undo[nr_undo].entry = entry;
	undo[nr_undo++].old = *entry;
	*entry = val;
}

void case_restore(void)
{
	while (nr_undo--)
		*undo[nr_undo].entry = undo[nr_undo].old;
	nr_undo = 0;
}

static unsigned long entry_flags(u8 perm)
{
	unsigned long val = _PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_NX;
	static const unsigned long bit[] = {
		_PAGE_RW, _PAGE_USER, _PAGE_ACCESSED, _PAGE_DIRTY,
		_PAGE_SOFT_DIRTY, _PAGE_UFFD_WP, _PAGE_SPECIAL,
		_PAGE_PRESENT | _PAGE_PROTNONE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bit); i++)
		if (perm & BIT(i))
			val ^= bit[i];
	return val;
}

static u8 entry_perm(const struct case_item *it, unsigned long i)
{
	bool changed = it->bit & 8 ? i == it->change : i >= it->change;

	return it->perm ^ (changed && it->change ? BIT(it->bit & 7) : 0);
}

static unsigned long entry_value(unsigned long pfn, u8 perm)
{
	unsigned long val = pfn << PAGE_SHIFT | entry_flags(perm);

	return val & _PAGE_PRESENT ? val : val ^ PTE_PFN_MASK;
}

static bool exclusive_page(u8 how, unsigned long i)
{
	switch (how & 7) {
	case 0 ... 3:
		return true;
	case 4:
		return i < how >> 3;
	case 5:
		return i >= how >> 3;
	case 6:
		return i != how >> 3;
	default:
		return false;
	}
}

static void set_type(struct folio *folio, enum case_type type, u8 change)
{
	folio->mapping = (void *)FOLIO_MAPPING_ANON;
	folio->page_type = HARNESS_TYPE_NONE;
	switch (type) {
	case TYPE_SHMEM:
		folio->mapping = &mappings[HARNESS_SHMEM];
		break;
	case TYPE_FILE:
		folio->mapping = &mappings[HARNESS_FILE];
		break;
	case TYPE_SECRETMEM:
		folio->mapping = &mappings[HARNESS_SECRETMEM];
		break;
	case TYPE_HUGETLB:
		folio->page_type = HARNESS_TYPE_HUGETLB;
		if (change & 1)
			folio->mapping = &mappings[HARNESS_FILE];
		break;
	case TYPE_NO_MAPPING:
		folio->mapping = NULL;
		break;
	case TYPE_KSM:
		folio->mapping = (void *)FOLIO_MAPPING_ANON_KSM;
		if (change & 1)
			folio->mapping = (void *)FOLIO_MAPPING_FLAGS;
		break;
	case TYPE_P2PDMA:
		folio->flags |= (unsigned long)HARNESS_DEVICE << HARNESS_ZONE_SHIFT;
		break;
	case TYPE_SLAB:
		folio->page_type = HARNESS_TYPE_SLAB;
		break;
	case TYPE_CMA:
		folio->flags |= BIT(PG_harness_cma);
		break;
	case TYPE_FROZEN:
		folio->_refcount.counter = 0;
		break;
	case TYPE_OVERFLOW:
		folio->_refcount.counter = change & 1 ? INT32_MIN + change : INT32_MAX - change;
		break;
	default:
		break;
	}
}

static void finish_folio(struct folio *folio, const struct case_item *it)
{
	folio->flags |= (unsigned long)((it->kind >> 6) & 1) << HARNESS_NODE_SHIFT;
	set_type(folio, (it->kind >> 2) & 15, it->change);
	folio->index = folio->_refcount.counter;
}

/* Make folios of one order for @nr pages, from page @first of the item on. */
static unsigned long make_folios(const struct case_item *it, unsigned int n,
				 unsigned int order, unsigned long nr)
{
	unsigned long first, pfn, window = (n + 1) * CASE_WINDOW;

	first = window + (((it->order >> 4) << order) >> 4);
	for (pfn = window; pfn < first + nr; pfn += 1UL << order) {
		finish_folio(folio_make(pfn, order), it);
		world.nr_pfns[world.nr_ranges] = pfn + (1UL << order) - window;
	}
	for (pfn = first; pfn < first + nr; pfn++)
		if (exclusive_page(it->exclusive, pfn - first))
			pfn_to_page(pfn)->flags |= BIT(PG_anon_exclusive);
	world.first_pfn[world.nr_ranges++] = window;
	return first;
}

static unsigned long build_ptes(const struct case_item *it, unsigned int n,
				unsigned long addr)
{
	unsigned long len = it->how & 0x40 ? it->len * 4 + 4 : it->len % 64 + 1, i, pfn;
	enum case_type type = (it->kind >> 2) & 15;

	if (it->how & 0x80)
		len = ((addr | ~PMD_MASK) + 1 - addr) >> PAGE_SHIFT;
	if (it->kind & 0x80 && world.nr_ranges) {
		pfn = world.first_pfn[world.nr_ranges - 1];
		len = min(len, world.nr_pfns[world.nr_ranges - 1]);
	} else {
		pfn = make_folios(it, n, (it->order & 15) % 10, len);
	}
	if (type == TYPE_ZERO)
		pfn = harness_zero_pfn;
	for (i = 0; i < len; i++) {
		unsigned long val = entry_value(type == TYPE_ZERO ? pfn : pfn + i,
						entry_perm(it, i));

		if (type == TYPE_HOLE || (it->bit & 16 && i == it->change))
			val = 0;
		else if (type == TYPE_SWAP)
			val = pfn << PAGE_SHIFT | _PAGE_RW;
		set_entry(addr + i * PAGE_SIZE, PGTABLE_LEVEL_PTE, val);
	}
	return len;
}

static unsigned long build_leaf(const struct case_item *it, unsigned int n,
				unsigned long addr, enum pgtable_level level)
{
	enum case_type type = (it->kind >> 2) & 15;
	unsigned long pfn = CASE_PUD_PFN, val;

	if (level == PGTABLE_LEVEL_PMD) {
		pfn = make_folios(&(struct case_item){
			.kind = it->kind, .change = it->change,
			.exclusive = it->exclusive }, n, 9, 512);
	} else {
		struct folio *folio = (struct folio *)pfn_to_page(pfn);

		folio->flags = BIT(PG_head);
		if (exclusive_page(it->exclusive, 0))
			folio->flags |= BIT(PG_anon_exclusive);
		folio->_refcount.counter = 1;
		finish_folio(folio, it);
		world.first_pfn[world.nr_ranges] = pfn;
		world.nr_pfns[world.nr_ranges++] = 1;
	}
	val = entry_value(pfn, it->perm) | _PAGE_PSE;
	if (type == TYPE_HOLE || type == TYPE_ZERO)
		val = 0;
	else if (type == TYPE_SWAP)	/* or a leaf that is being split */
		val = it->change & 1 ? pfn << PAGE_SHIFT | _PAGE_RW : val & ~_PAGE_PRESENT;
	set_entry(addr, level, val);
	return 1UL << (level_shift(level) - PAGE_SHIFT);
}

static unsigned long build_item(const struct case_item *it, unsigned int n,
				unsigned long addr)
{
	enum case_type type = (it->kind >> 2) & 15;

	world.overflow |= type == TYPE_OVERFLOW;
	world.may_warn |= type == TYPE_OVERFLOW || type == TYPE_SLAB;
	if ((it->kind & 3) == LEAF_PUD && !(addr & ~PUD_MASK))
		return build_leaf(it, n, addr, PGTABLE_LEVEL_PUD);
	if ((it->kind & 3) >= LEAF_PMD && !(addr & ~PMD_MASK))
		return build_leaf(it, n, addr, PGTABLE_LEVEL_PMD);
	return build_ptes(it, n, addr);
}

/* The API has no long-term get: only pins can be long-term. */
static unsigned int gup_flags(u8 flags)
{
	return (flags & CASE_PIN ? FOLL_PIN : FOLL_GET) |
	       (flags & CASE_WRITE ? FOLL_WRITE : 0) |
	       (flags & CASE_PIN && flags & CASE_LONGTERM ? FOLL_LONGTERM : 0) |
	       (flags & CASE_P2PDMA ? FOLL_PCI_P2PDMA : 0) |
	       (flags & CASE_FORCE ? FOLL_FORCE : 0);
}

void case_build(const struct case_spec *c)
{
	static const struct case_item zero = { .kind = TYPE_NO_MAPPING << 2 };
	unsigned long addr = place(c->place), base = addr;
	bool pud_used = false;
	unsigned int i;

	world.nr_ranges = 0;
	world.overflow = false;
	world.may_warn = false;
	for (i = 0; i < c->nr_items; i++) {
		/* The harness has memory for one folio of this size. */
		if ((c->item[i].kind & 3) == LEAF_PUD && !(addr & ~PUD_MASK)) {
			if (pud_used)
				break;
			pud_used = true;
		}
		addr += build_item(&c->item[i], i, addr) * PAGE_SIZE;
		if (addr - base > 2 * PUD_SIZE || nr_undo > ARRAY_SIZE(undo) - 1100)
			break;
	}
	finish_folio(folio_make(harness_zero_pfn, 0), &zero);
	world.first_pfn[world.nr_ranges] = harness_zero_pfn;
	world.nr_pfns[world.nr_ranges++] = 1;
	world.mapped = (addr - base) >> PAGE_SHIFT;
	world.start = base + (c->skip_hi << 8 | c->skip) % (world.mapped + 1) * PAGE_SIZE;
	world.nr = (c->nr_hi << 8 | c->nr) % (CASE_PAGES + 1);
	world.flags = gup_flags(c->flags);
	world.mm.write_protect_seq.sequence = !!(c->flags & CASE_FORKING);
}

void case_init(void)
{
	unsigned long i;

	tables_init(2048, CASE_PUD_PFN + (1UL << 18) + 4);
	folio_make(CASE_PUD_PFN, 18);
	harness_task.mm = &world.mm;
	for (i = 0; i < 256; i++)
		table_entry(&world.mm, place(i), PGTABLE_LEVEL_PTE);
}

/* Missing bytes are zero, excess bytes are ignored. */
void case_decode(struct case_spec *c, const u8 *data, size_t size)
{
	size_t items = size > CASE_HEAD ? (size - CASE_HEAD) / sizeof(c->item[0]) : 0;

	memset(c, 0, sizeof(*c));
	c->nr_items = min(items, CASE_ITEMS);
	if (size)
		memcpy(c, data, min(size, CASE_HEAD + c->nr_items * sizeof(c->item[0])));
}

size_t case_encode(const struct case_spec *c, u8 *data)
{
	size_t size = CASE_HEAD + c->nr_items * sizeof(c->item[0]);

	memcpy(data, c, size);
	return size;
}
