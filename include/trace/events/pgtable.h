/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pgtable

#if !defined(_TRACE_PGTABLE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_PGTABLE_H

#include <linux/mm.h>
#include <linux/tracepoint.h>

TRACE_DEFINE_ENUM(PGTABLE_RECLAIM_MADVISE);
TRACE_DEFINE_ENUM(PGTABLE_RECLAIM_TRUNCATE);
TRACE_DEFINE_ENUM(PGTABLE_RECLAIM_KHUGEPAGED);

/* An empty PTE table is freed. @addr is where its range begins. */
TRACE_EVENT(pgtable_reclaim,

	TP_PROTO(struct mm_struct *mm, unsigned long addr, enum pgtable_reclaim path),

	TP_ARGS(mm, addr, path),

	TP_STRUCT__entry(
		__field(void *, mm)
		__field(unsigned long, addr)
		__field(int, path)
	),

	TP_fast_assign(
		__entry->mm = mm;
		__entry->addr = addr;
		__entry->path = path;
	),

	TP_printk("mm=%p addr=0x%lx by=%s", __entry->mm, __entry->addr,
		  __print_symbolic(__entry->path,
				   { PGTABLE_RECLAIM_MADVISE, "madvise" },
				   { PGTABLE_RECLAIM_TRUNCATE, "truncate" },
				   { PGTABLE_RECLAIM_KHUGEPAGED, "khugepaged" }))
);

#endif /* _TRACE_PGTABLE_H */

#include <trace/define_trace.h>
