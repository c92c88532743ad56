/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of mm/pt_free.c replace.
 */
#ifndef _MM_PT_FREE_H
#define _MM_PT_FREE_H

struct mmu_table_batch;

struct mmu_table_batch *pt_free_batch_alloc(void);

#endif /* _MM_PT_FREE_H */
