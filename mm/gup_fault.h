/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between mm/gup.c and mm/gup_fault.c.
 */
#ifndef _MM_GUP_FAULT_H
#define _MM_GUP_FAULT_H

#include <linux/mm_types.h>

#ifdef CONFIG_MMU
long __get_user_pages_locked(struct mm_struct *mm, unsigned long start,
			     unsigned long nr_pages, struct page **pages,
			     int *locked, unsigned int flags);
#endif

long __gup_longterm_locked(struct mm_struct *mm, unsigned long start,
			   unsigned long nr_pages, struct page **pages, int *locked,
			   unsigned int gup_flags);
int check_vma_flags(struct vm_area_struct *vma, unsigned long gup_flags);
struct page *follow_page_mask(struct vm_area_struct *vma, unsigned long address,
			      unsigned int flags, unsigned long *page_mask);
int get_gate_page(struct mm_struct *mm, unsigned long address,
		  unsigned int gup_flags, struct vm_area_struct **vma,
		  struct page **page);
struct page *get_user_page_vma_locked(struct mm_struct *mm, unsigned long addr,
				      unsigned int flags, struct vm_area_struct **vmap);
struct vm_area_struct *gup_vma_lookup(struct mm_struct *mm, unsigned long addr);
void mm_set_has_pinned_flag(struct mm_struct *mm);
bool gup_ranges_flags_valid(unsigned int *gup_flags);
bool vma_permits_fault(struct vm_area_struct *vma, unsigned int fault_flags);

#endif /* _MM_GUP_FAULT_H */
