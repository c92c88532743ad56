// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freeing one PTE table by RCU. See mm/pgtable-free.c for the order.
 *
 * An architecture whose tables are not whole pages has its own.
 */
#include <linux/mm.h>
#include <linux/pgalloc.h>
#include <linux/rcupdate.h>

#ifndef pte_free_defer
static void pte_free_rcu(struct rcu_head *head)
{
	struct ptdesc *ptdesc = container_of(head, struct ptdesc, pt_rcu_head);

	pte_free(NULL, ptdesc_page(ptdesc));
}

/**
 * pte_free_defer() - free a PTE table when no lockless walk can be in it
 * @mm: whose table it was; may be gone before the table is
 * @pgtable: the table, unhooked and invalidated
 *
 * Context: Any.
 */
void pte_free_defer(struct mm_struct *mm, pgtable_t pgtable)
{
	call_rcu(&page_ptdesc(pgtable)->pt_rcu_head, pte_free_rcu);
}
#endif
