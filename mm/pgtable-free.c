// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freeing of user page tables that a lockless walk may still be reading.
 *
 * A page table that has been live is freed in this order:
 *
 *   unhook      clear the entry that points to the table
 *   invalidate  flush the TLB and the page-walk caches, so that no hardware
 *               walk uses the table
 *   wait        for an RCU grace period, so that no software walk uses it
 *   free
 *
 * A lockless walk that entered the table before it was unhooked may stay in it
 * until the walk's RCU read-side critical section ends. A section with
 * interrupts or preemption disabled counts as one, too. Such a walk may read
 * entries that have been cleared, or that have been reused for something else.
 * It detects that when it validates the entries. The grace period guarantees
 * that the memory it reads is still a page table.
 *
 * There are two ways to free a page table that has been live:
 *
 *   tlb_remove_table()  for tables in a range that an mmu_gather tears down.
 *                       The mmu_gather invalidates before the tables are freed.
 *   pte_free_defer()    for a single PTE table. The caller must have
 *                       invalidated already.
 *
 * A PTE table that is deposited with a huge page is new, or was unhooked and
 * invalidated by the collapse that made the huge page. It needs the grace period
 * only, and not even that where walks disable interrupts: the collapse has waited
 * for them.
 *
 * Neither way depends on a memory allocation that may fail, and neither frees a
 * table before its grace period has ended.
 */
#include <linux/fault-inject.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/pgalloc.h>
#include <linux/rcupdate.h>
#include <asm/tlb.h>
#include "internal.h"

#ifdef CONFIG_MMU_GATHER_TABLE_FREE

/* Fault injection: no memory for a batch of page tables. */

#ifdef CONFIG_FAIL_PT_BATCH
DECLARE_FAULT_ATTR(fail_pt_batch);

static bool pgtable_free_batch_fails(void)
{
	return should_fail(&fail_pt_batch, 1);
}

static int __init fail_pt_batch_init(void)
{
	fault_create_debugfs_attr("fail_pt_batch", NULL, &fail_pt_batch);
	return 0;
}
late_initcall(fail_pt_batch_init);
#else
static bool pgtable_free_batch_fails(void)
{
	return false;
}
#endif /* CONFIG_FAIL_PT_BATCH */

/* Page tables of an mmu_gather, in batches or one by one */

/* Runs deep inside unmap, also when memory is short: it must not reclaim. */
static struct mmu_table_batch *pgtable_free_batch_alloc(void)
{
	struct mmu_table_batch *batch;

	if (pgtable_free_batch_fails())
		return NULL;

	batch = (void *)__get_free_page(GFP_NOWAIT);
	if (batch)
		batch->nr = 0;
	return batch;
}

/*
 * Hardware may cache entries that point to page tables. Some hardware must be told
 * before such a table is freed. tlb->freed_tables says that a live table was
 * unhooked since the last flush. The grace period covers software walks.
 */
static void pgtable_free_invalidate(struct mmu_gather *tlb)
{
	if (tlb->freed_tables && tlb_needs_table_invalidate())
		tlb_flush_mmu_tlbonly(tlb);
}

static void pgtable_free_batch_rcu(struct rcu_head *head)
{
	struct mmu_table_batch *batch = container_of(head, struct mmu_table_batch, rcu);

	for (unsigned int i = 0; i < batch->nr; i++)
		__tlb_remove_table(batch->tables[i]);

	free_page((unsigned long)batch);
}

static void pgtable_free_one_rcu(struct rcu_head *head)
{
	__tlb_remove_table(container_of(head, struct ptdesc, pt_rcu_head));
}

static void pgtable_free_one(void *table)
{
	struct ptdesc *ptdesc = table;

	if (IS_ENABLED(CONFIG_HAVE_ARCH_TLB_REMOVE_TABLE_RCU)) {
		__tlb_remove_table_rcu(table);
	} else if (IS_ENABLED(CONFIG_HAVE_ARCH_TLB_REMOVE_TABLE)) {
		/* Tables that share a page also share its rcu_head. */
		synchronize_rcu();
		__tlb_remove_table(table);
	} else {
		call_rcu(&ptdesc->pt_rcu_head, pgtable_free_one_rcu);
	}
}

/**
 * tlb_table_flush() - start the grace period for the tables gathered so far
 * @tlb: the mmu_gather that tlb_remove_table() added them to
 *
 * Flushes the TLB first if a table that was live was gathered since the last
 * flush and the architecture needs the flush.
 *
 * Context: Any context in which the TLB may be flushed.
 */
void tlb_table_flush(struct mmu_gather *tlb)
{
	struct mmu_table_batch *batch = tlb->batch;

	if (!batch)
		return;

	tlb->batch = NULL;
	pgtable_free_invalidate(tlb);
	call_rcu(&batch->rcu, pgtable_free_batch_rcu);
}

/**
 * tlb_remove_table() - free a page table that was unhooked
 * @tlb: the mmu_gather of the range; its freed_tables is set, unless the table
 *	was invalidated before
 * @table: the table, in the form that the architecture's __tlb_remove_table()
 *	takes; most architectures use a struct ptdesc
 *
 * The table is freed after the TLB has been flushed, if the architecture needs
 * that, and a grace period has passed.
 *
 * Context: Any context in which the TLB may be flushed. May sleep when memory
 * is short, but only with CONFIG_HAVE_ARCH_TLB_REMOVE_TABLE and without
 * CONFIG_HAVE_ARCH_TLB_REMOVE_TABLE_RCU.
 */
void tlb_remove_table(struct mmu_gather *tlb, void *table)
{
	struct mmu_table_batch *batch = tlb->batch;

	if (!batch)
		batch = pgtable_free_batch_alloc();
	if (unlikely(!batch)) {
		pgtable_free_invalidate(tlb);
		pgtable_free_one(table);
		return;
	}

	tlb->batch = batch;
	batch->tables[batch->nr++] = table;
	if (batch->nr == MAX_TABLE_BATCH)
		tlb_table_flush(tlb);
}

#endif /* CONFIG_MMU_GATHER_TABLE_FREE */

/* A single PTE table. Architectures whose tables share pages override this. */

#if defined(CONFIG_TRANSPARENT_HUGEPAGE) && !defined(pte_free_defer)
static void pte_free_rcu(struct rcu_head *head)
{
	struct ptdesc *ptdesc = container_of(head, struct ptdesc, pt_rcu_head);

	pte_free(NULL, ptdesc_page(ptdesc));
}

/**
 * pte_free_defer() - free a PTE table after a grace period
 * @mm: the mm that the table belonged to; it may go away before the table does
 * @pgtable: the table, unhooked and invalidated
 *
 * Context: Any.
 */
void pte_free_defer(struct mm_struct *mm, pgtable_t pgtable)
{
	call_rcu(&page_ptdesc(pgtable)->pt_rcu_head, pte_free_rcu);
}
#endif /* CONFIG_TRANSPARENT_HUGEPAGE && !pte_free_defer */
