// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freeing page tables under the eyes of lockless walks.
 *
 * The order that everybody relies on:
 *
 *   unhook      clear the entry that leads to the table
 *   invalidate  flush TLBs and page-walk caches: no hardware is in the table
 *   wait        for an RCU grace period: no lockless walk is in it
 *   free
 *
 * A walk that came in before the table was unhooked may stay in it until its
 * RCU read-side critical section ends; one with interrupts or preemption
 * disabled is such a section too. It may read entries that were cleared, or
 * belong to somebody else by then, and finds that out when it validates; but
 * it never reads memory that is not a page table any more.
 *
 * So every table that has ever been live goes through one of these:
 *
 *   tlb_remove_table()  tables of a range that is torn down under an
 *                       mmu_gather, which invalidates for all of them
 *   pte_free_defer()    one PTE table: the caller has invalidated, if the
 *                       table was unhooked just now; a deposited table was
 *                       unhooked long ago, and may still have a walk in it
 *
 * Nothing here fails for want of memory, and nothing is freed early for it.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/pgalloc.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <asm/tlb.h>
#include "pgtable-free.h"

/* May fail: it runs deep inside of unmap, also when memory is short. */
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
 * Hardware may cache tables above the leaf, and some has to be told before
 * the table is gone. Lockless walks are another matter.
 */
static void pgtable_free_invalidate(struct mmu_gather *tlb)
{
	if (tlb_needs_table_invalidate())
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
		/* Several tables share a page, so there is no rcu_head for each. */
		synchronize_rcu();
		__tlb_remove_table(table);
	} else {
		call_rcu(&ptdesc->pt_rcu_head, pgtable_free_one_rcu);
	}
}

/**
 * tlb_table_flush() - send the tables gathered so far on their way
 * @tlb: the mmu_gather that tlb_remove_table() put them into
 *
 * Context: Any in which the TLB may be flushed.
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
 * @tlb: the mmu_gather of the range
 * @table: the table, in the form that __tlb_remove_table() of the architecture
 *	takes: a struct ptdesc in most
 *
 * The table is freed after the TLB is flushed and a grace period has passed.
 *
 * Context: Any in which the TLB may be flushed. Sleeps only when memory is
 * short, and only where tables share pages (CONFIG_HAVE_ARCH_TLB_REMOVE_TABLE)
 * without CONFIG_HAVE_ARCH_TLB_REMOVE_TABLE_RCU.
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

static void tlb_remove_table_interrupt(void *unused)
{
	/* Being here is all. */
}

/**
 * tlb_remove_table_sync_one() - wait for sections that disable interrupts
 *
 * When this returns, each other CPU has taken an interrupt since the call, so
 * whatever it did before with interrupts disabled is over. What runs under RCU
 * alone may go on.
 *
 * Context: Process context, interrupts enabled.
 */
void tlb_remove_table_sync_one(void)
{
	smp_call_function(tlb_remove_table_interrupt, NULL, true);
}
