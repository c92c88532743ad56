// SPDX-License-Identifier: GPL-2.0-only
/*
 * GUP for pages that are not present yet: page faults, and the locks they need.
 *
 * gup_vma_range() works on one VMA, which is locked in one of these ways:
 *
 *  GUP_LOCK_VMA	the VMA lock, for read. Only a task that changes this
 *			VMA waits for it.
 *  GUP_LOCK_MMAP	mmap_lock, for read, taken here: where the VMA lock does
 *			not suffice, and to look up a VMA that was being
 *			changed. Exchanged for the VMA lock if that suffices.
 *  GUP_LOCK_CALLER	mmap_lock, taken by the caller, and kept unless the
 *			flags have FOLL_UNLOCKABLE.
 *
 * The VMA lock is always dropped before mmap_lock is taken: a writer that holds
 * mmap_lock waits in vma_start_write() until there are no readers of the VMA.
 *
 * Locks are dropped
 *  - by a fault that sleeps (VM_FAULT_RETRY, VM_FAULT_COMPLETED);
 *  - for a writer that waits, after each page or batch of pages;
 *  - at the end of a VMA, if it is the VMA lock.
 * Then the VMA is looked up again by address. Each address is processed once,
 * but two addresses may belong to two layouts of the address space.
 *
 * Progress: after a fault the page is looked up under the same lock, and not by
 * gup_fast(), which refuses some pages that a fault installs (the zero page,
 * FOLL_FORCE, PROT_NONE). After faults at one address have dropped the VMA lock
 * twice, mmap_lock is used: some handlers ask for that by VM_FAULT_RETRY.
 */
#include <linux/mm.h>
#include <linux/hugetlb.h>
#include <linux/mmap_lock.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/userfaultfd_k.h>

#include "gup_fast.h"
#include "gup_fault.h"
#include "internal.h"

#define GUP_VMA_LOCK_TRIES	2
#define GUP_FAST_STEP		512UL	/* pages */

/* gup_fast() handles these, or need not once the VMA has been checked. */
#define GUP_FAST_FLAGS		(FOLL_WRITE | FOLL_LONGTERM | FOLL_FORCE | FOLL_PIN | \
				 FOLL_GET | FOLL_PCI_P2PDMA | FOLL_HONOR_NUMA_FAULT)
#define GUP_SLOW_FLAGS		(FOLL_DUMP | FOLL_SPLIT_PMD | FOLL_REMOTE)

enum gup_lock {
	GUP_LOCK_NONE,
	GUP_LOCK_VMA,
	GUP_LOCK_MMAP,
	GUP_LOCK_CALLER,
};

struct gup_fault {
	struct mm_struct *mm;
	struct vm_area_struct *vma;	/* under @lock, or NULL */
	struct page **pages;		/* for the next pages, or NULL */
	unsigned long addr;		/* of the next page */
	unsigned long nr;		/* pages to go, from @addr on */
	unsigned int flags;		/* FOLL_* */
	bool need_mmap;			/* no VMA lock for faults in this VMA */
	unsigned int retries;		/* faults at @addr that dropped the lock */
	bool tried;			/* one of them waited */
	bool done;			/* the last one was VM_FAULT_COMPLETED */
	enum gup_lock lock;
	bool faulted;			/* at @addr */
	bool fast;			/* gup_fast() may have more */
};

static void gup_unlock(struct gup_fault *g)
{
	if (g->lock == GUP_LOCK_VMA)
		vma_end_read(g->vma);
	else if (g->lock != GUP_LOCK_NONE)
		mmap_read_unlock(g->mm);
	g->lock = GUP_LOCK_NONE;
	g->vma = NULL;
}

static bool gup_may_unlock(struct gup_fault *g)
{
	return (g->flags & (FOLL_UNLOCKABLE | FOLL_NOWAIT)) == FOLL_UNLOCKABLE;
}

static bool gup_may_lock_vma(struct gup_fault *g)
{
	return gup_may_unlock(g) && g->retries < GUP_VMA_LOCK_TRIES && !g->need_mmap;
}

/*
 * Fault handlers that have not been audited for the VMA lock drop it, and ask
 * for mmap_lock. Recognizing them here saves that fault.
 */
static bool gup_vma_lock_suffices(struct gup_fault *g, struct vm_area_struct *vma)
{
	if (!gup_may_lock_vma(g))
		return false;
	return vma_is_anonymous(vma) || is_vm_hugetlb_page(vma) ||
	       !vma->vm_ops->fault || vma->vm_ops->map_pages;
}

/* Look up the VMA at g->addr, and take only the VMA lock. */
static bool gup_lock_vma(struct gup_fault *g)
{
	struct vm_area_struct *vma;

	if (g->lock != GUP_LOCK_NONE || !gup_may_lock_vma(g))
		return false;
	vma = lock_vma_under_rcu(g->mm, g->addr);
	if (!vma)
		return false;
	if (!gup_vma_lock_suffices(g, vma)) {
		vma_end_read(vma);
		return false;
	}
	g->vma = vma;
	g->lock = GUP_LOCK_VMA;
	return true;
}

static int gup_lock_mmap(struct gup_fault *g)
{
	if (g->lock != GUP_LOCK_NONE)
		return 0;
	if (mmap_read_lock_killable(g->mm))
		return g->retries ? -EINTR : -EAGAIN;
	g->lock = GUP_LOCK_MMAP;
	return 0;
}

/* Exchange mmap_lock for the VMA lock, which fails only on overflow. */
static void gup_downgrade(struct gup_fault *g)
{
	if (g->lock != GUP_LOCK_MMAP || !gup_vma_lock_suffices(g, g->vma) ||
	    !vma_start_read_locked(g->vma))
		return;
	mmap_read_unlock(g->mm);
	g->lock = GUP_LOCK_VMA;
}

/* Leave g->vma. The VMA lock is dropped, mmap_lock is kept. */
static void gup_leave_vma(struct gup_fault *g)
{
	if (g->vma)
		g->need_mmap = false;
	if (g->lock == GUP_LOCK_VMA)
		gup_unlock(g);
	g->vma = NULL;
}

static bool gup_writer_waits(struct gup_fault *g)
{
	if (!gup_may_unlock(g))
		return false;
	if (g->lock == GUP_LOCK_VMA)
		return vma_lock_is_contended(g->vma);
	return mmap_lock_is_contended(g->mm);
}

static void gup_advance(struct gup_fault *g, unsigned long nr)
{
	g->addr += nr * PAGE_SIZE;
	g->nr -= nr;
	if (g->pages)
		g->pages += nr;
	g->retries = 0;
	g->tried = false;
}

static unsigned int gup_fault_flags(struct gup_fault *g, bool unshare)
{
	unsigned int flags = unshare ? FAULT_FLAG_UNSHARE : 0;

	if (g->flags & FOLL_WRITE)
		flags |= FAULT_FLAG_WRITE;
	if (g->flags & FOLL_REMOTE)
		flags |= FAULT_FLAG_REMOTE;
	if (g->flags & FOLL_NOWAIT)
		flags |= FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_RETRY_NOWAIT;
	if (g->flags & FOLL_UNLOCKABLE) {
		flags |= FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE;
		if (g->flags & FOLL_INTERRUPTIBLE)
			flags |= FAULT_FLAG_INTERRUPTIBLE;
	}
	if (g->tried)
		flags |= FAULT_FLAG_TRIED;
	if (g->lock == GUP_LOCK_VMA)
		flags |= FAULT_FLAG_VMA_LOCK;
	return flags;
}

/*
 * A fault in a file may wait for the file system in places that do not drop the
 * lock, without end if it is frozen. A task that waits for the VMA lock meanwhile
 * cannot be killed. One that waits for mmap_lock can, so take that for faults in
 * files of another process.
 */
static bool gup_fault_needs_mmap_lock(struct gup_fault *g)
{
	return g->lock == GUP_LOCK_VMA && g->mm != current->mm && !vma_is_anonymous(g->vma);
}

/*
 * Returns 0 if the page must be looked up again. If the lock was dropped,
 * g->vma is NULL then. -EBUSY if the fault would have to sleep, and must not.
 */
static int gup_fault_in(struct gup_fault *g, bool unshare)
{
	vm_fault_t fault;
	int err;

	if (g->flags & FOLL_NOFAULT)
		return -EFAULT;
	/* Only for a read fault: a write fault unshares anyway. */
	VM_WARN_ON_ONCE(unshare && (g->flags & FOLL_WRITE));
	if (gup_fault_needs_mmap_lock(g)) {
		gup_unlock(g);
		g->need_mmap = true;
		return 0;
	}

	fault = handle_mm_fault(g->vma, g->addr, gup_fault_flags(g, unshare), NULL);
	g->faulted = true;
	if (!(fault & VM_FAULT_COMPLETED) && (fault & VM_FAULT_ERROR)) {
		err = vm_fault_to_errno(fault, g->flags);
		return WARN_ON_ONCE(!err) ? -EFAULT : err;
	}
	if (!(fault & (VM_FAULT_COMPLETED | VM_FAULT_RETRY)))
		return 0;
	if (g->flags & FOLL_NOWAIT)
		return -EBUSY;
	g->done = fault & VM_FAULT_COMPLETED;
	/* Under the VMA lock, VM_FAULT_RETRY may only ask for mmap_lock. */
	if (g->lock != GUP_LOCK_VMA || fault & (VM_FAULT_COMPLETED | VM_FAULT_MAJOR))
		g->tried = true;
	g->lock = GUP_LOCK_NONE;
	g->vma = NULL;
	g->retries++;
	return 0;
}

/* Hand out @page, which has one reference or pin, and the rest of its leaf. */
static int gup_take(struct gup_fault *g, struct vm_area_struct *vma,
		    struct page *page, unsigned long page_mask)
{
	unsigned long nr = min(1 + (~(g->addr >> PAGE_SHIFT) & page_mask), g->nr);
	unsigned long addr = g->addr, i;
	struct page **pages = g->pages;

	if (pages && nr > 1 && try_grab_folio(page_folio(page), nr - 1, g->flags)) {
		gup_put_folio(page_folio(page), 1, g->flags);
		return -EFAULT;
	}
	for (i = 0; pages && i < nr; i++) {
		pages[i] = page + i;
		flush_anon_page(vma, page + i, addr + i * PAGE_SIZE);
		flush_dcache_page(page + i);
	}
	gup_advance(g, nr);
	return 0;
}

/*
 * A page was present already, so others may be: gup_fast() takes them at a
 * lower cost. Once it takes none, it is not called again until the next fault.
 * After GUP_FAST_STEP pages the caller looks for signals and writers.
 */
static void gup_take_fast(struct gup_fault *g)
{
	unsigned long nr = min3(g->nr, (g->vma->vm_end - g->addr) >> PAGE_SHIFT,
				GUP_FAST_STEP);

	if (g->faulted) {
		g->faulted = false;
		g->fast = true;
		return;
	}
	if (!g->fast || !g->pages || g->mm != current->mm || !nr ||
	    (g->flags & GUP_SLOW_FLAGS))
		return;
	nr = gup_fast(g->addr, g->addr + nr * PAGE_SIZE, g->flags & GUP_FAST_FLAGS,
		      g->pages);
	g->fast = nr;
	if (nr)
		gup_advance(g, nr);
}

/* Fault in many pages at once. With g->pages, gup_fast() then finds them. */
static bool gup_fault_batch(struct gup_fault *g)
{
	unsigned long nr;

	if (g->nr == 1 || (g->flags & (FOLL_WRITE | FOLL_NOFAULT)) != FOLL_WRITE)
		return false;
	nr = fault_anon_batch(g->vma, g->addr, g->nr);
	if (nr && g->pages) {
		g->faulted = false;
		g->fast = true;
		gup_take_fast(g);
	} else if (nr) {
		gup_advance(g, min(nr, g->nr));
	}
	return nr;
}

/* One step at g->addr: take pages, or a page fault. */
static int gup_step(struct gup_fault *g)
{
	unsigned long page_mask;
	struct page *page;
	int err;

	page = follow_page_mask(g->vma, g->addr, g->flags, &page_mask);
	if (!page && gup_fault_batch(g))
		return 0;
	if (!page || page == ERR_PTR(-EMLINK))
		return gup_fault_in(g, page == ERR_PTR(-EMLINK));
	/* -EEXIST: there is no struct page, which is fine without @pages. */
	if (IS_ERR(page) && (g->pages || page != ERR_PTR(-EEXIST)))
		return PTR_ERR(page);
	err = gup_take(g, g->vma, page, page_mask);
	if (!err && g->nr)
		gup_take_fast(g);
	return err;
}

/*
 * Take pages of g->vma, which is locked, until it ends or the lock is dropped.
 * If the lock was dropped, g->vma is NULL.
 */
static int gup_vma_pages(struct gup_fault *g)
{
	unsigned long addr;
	int err;

	while (g->nr && g->addr < g->vma->vm_end) {
		gup_downgrade(g);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		addr = g->addr;
		err = gup_step(g);
		if (err || !g->vma)
			return err;
		if (g->nr && g->addr != addr && gup_writer_waits(g)) {
			gup_unlock(g);
			return 0;
		}
	}
	return 0;
}

/* The same, but leave the VMA at its end. */
static int gup_vma_range(struct gup_fault *g)
{
	int err = gup_vma_pages(g);

	if (!err)
		gup_leave_vma(g);
	return err;
}

/* Take the page at g->addr, which no VMA covers. */
static int gup_gate(struct gup_fault *g)
{
	struct vm_area_struct *vma;
	struct page *page = NULL;
	int err;

	if (!in_gate_area(g->mm, g->addr))
		return -EFAULT;
	err = get_gate_page(g->mm, g->addr, g->flags, &vma,
			    g->pages ? &page : NULL);
	return err ?: gup_take(g, vma, page, 0);
}

/* Look up the VMA at g->addr, and check that its pages may be taken. */
static int gup_find_vma(struct gup_fault *g)
{
	bool populate = g->flags & FOLL_MADV_POPULATE;
	int err;

	if (!gup_lock_vma(g)) {
		err = gup_lock_mmap(g);
		if (err)
			return err;
		g->vma = populate ? vma_lookup(g->mm, g->addr) :
				    gup_vma_lookup(g->mm, g->addr);
		if (!g->vma)
			return populate ? -ENOMEM : 0;
	}
	err = check_vma_flags(g->vma, g->flags);
	return err && populate ? -EINVAL : err;
}

/*
 * GUP always responds to fatal signals, and to others with FOLL_INTERRUPTIBLE.
 * Faults drop the lock for signals, so check for them after that.
 */
static bool gup_interrupted(struct gup_fault *g)
{
	if (!g->retries || !gup_may_unlock(g))
		return false;
	return g->flags & FOLL_INTERRUPTIBLE ? signal_pending(current) :
					       fatal_signal_pending(current);
}

static int gup_range(struct gup_fault *g)
{
	int err;

	while (g->nr) {
		if (gup_interrupted(g))
			return -EINTR;
		err = gup_find_vma(g);
		if (!err)
			err = g->vma ? gup_vma_range(g) : gup_gate(g);
		if (err)
			return err;
	}
	return 0;
}

/**
 * __get_user_pages_locked() - take pages of an mm, and fault in what is not there
 * @mm: the mm. The caller holds mm_users.
 * @start: an address in the first page
 * @nr_pages: the number of pages
 * @pages: where to put them. NULL to fault them in only.
 * @locked: in: whether the caller holds mmap_lock. If not, this takes locks.
 *	Out: whether it is still held; with FOLL_UNLOCKABLE it may be dropped.
 * @flags: FOLL_*, checked by is_valid_gup_args(). @pages without FOLL_PIN adds
 *	FOLL_GET. With FOLL_UNLOCKABLE and without FOLL_NOWAIT, locks are
 *	dropped while a fault sleeps and for writers that wait; then a caller
 *	must hold mmap_lock for read, if at all. With *@locked == 0, it is taken
 *	only where VMA locks do not suffice.
 *
 * Context: Sleeps. See above for the locks.
 *
 * Return: the number of pages taken, from the first on. It may be less than
 * @nr_pages, if a page could not be taken. If that is the first one:
 *  0		@nr_pages is 0; or FOLL_NOWAIT, and the fault would have to sleep;
 *  -EAGAIN	killed while waiting for mmap_lock, before any fault;
 *  -EINTR	fatal signal, or any other one with FOLL_INTERRUPTIBLE;
 *  -EFAULT	no VMA, no permission, no page that may be taken, hwpoison, SIGBUS;
 *  -EEXIST	there is no struct page;
 *  -EHWPOISON	hwpoison, with FOLL_HWPOISON;
 *  -EOPNOTSUPP	FOLL_LONGTERM of DAX; FOLL_SPLIT_PMD of hugetlb;
 *  -EREMOTEIO	P2PDMA memory without FOLL_PCI_P2PDMA;
 *  -ENOMEM	no memory, or the page has too many references; with
 *		FOLL_MADV_POPULATE also: no VMA;
 *  -EINVAL	with FOLL_MADV_POPULATE: this VMA is not allowed.
 */
long __get_user_pages_locked(struct mm_struct *mm, unsigned long start,
			     unsigned long nr_pages, struct page **pages,
			     int *locked, unsigned int flags)
{
	struct gup_fault g = {
		.mm = mm,
		.pages = pages,
		.nr = nr_pages,
		.lock = *locked ? GUP_LOCK_CALLER : GUP_LOCK_NONE,
		.flags = flags,
		.fast = true,
	};
	int err;

	if (*locked)
		mmap_assert_locked(mm);
	else
		might_lock_read(&mm->mmap_lock);
	if (flags & FOLL_PIN)
		mm_set_has_pinned_flag(mm);
	else if (pages)
		g.flags |= FOLL_GET;
	VM_WARN_ON_ONCE(!pages && (g.flags & (FOLL_GET | FOLL_PIN)));
	g.addr = PAGE_MASK & (mm == current->mm ? untagged_addr(start) :
			      untagged_addr_remote_unlocked(mm, start));

	err = gup_range(&g);
	if (g.lock != GUP_LOCK_CALLER) {
		gup_unlock(&g);
		*locked = 0;
	}
	if (err == -EBUSY && (flags & FOLL_NOWAIT))
		err = 0;
	return g.nr < nr_pages ? nr_pages - g.nr : err;
}

/**
 * get_user_page_vma_locked() - one page of another process, and its VMA
 * @mm: the mm. The caller holds mm_users.
 * @addr: the address, without a tag
 * @flags: FOLL_*, as for get_user_page_vma_remote(), which checks them
 * @vmap: receives the VMA
 *
 * Like get_user_page_vma_remote(), with the VMA lock instead of mmap_lock.
 * It fails if a page fault would drop the lock to wait for I/O, because a task
 * that changes the VMA cannot be killed while it waits for the lock. For the same
 * reason it takes no page faults for files: these may wait for the file system in
 * places that do not drop the lock. It also fails if userfaultfd is in use: a
 * debugger may have stopped the process that serves it.
 *
 * Context: No lock of @mm is held. Sleeps.
 *
 * Return: the page, with a reference; release *@vmap with vma_end_read(). NULL
 * on any failure: then no lock is held, and the caller tries with mmap_lock.
 */
struct page *get_user_page_vma_locked(struct mm_struct *mm, unsigned long addr,
				      unsigned int flags, struct vm_area_struct **vmap)
{
	struct page *page = NULL;
	struct gup_fault g = {
		.mm = mm,
		.addr = addr & PAGE_MASK,
		.nr = 1,
		.pages = &page,
		.flags = flags | FOLL_GET | FOLL_TOUCH | FOLL_REMOTE | FOLL_UNLOCKABLE,
	};

	might_lock_read(&mm->mmap_lock);
	g.vma = lock_vma_under_rcu(mm, g.addr);
	if (!g.vma)
		return NULL;
	g.lock = GUP_LOCK_VMA;
	if (!vma_is_anonymous(g.vma))
		g.flags |= FOLL_NOFAULT;
	if (userfaultfd_armed(g.vma) || check_vma_flags(g.vma, g.flags) ||
	    gup_vma_pages(&g) || !page) {
		gup_unlock(&g);
		return NULL;
	}
	*vmap = g.vma;
	return page;
}

/**
 * fixup_user_fault_unlocked() - take a page fault on behalf of user space
 * @mm: the mm. The caller holds mm_users.
 * @address: the address
 * @fault_flags: FAULT_FLAG_WRITE, FAULT_FLAG_REMOTE and FAULT_FLAG_INTERRUPTIBLE,
 *	or 0
 *
 * For callers that would take mmap_lock only for fixup_user_fault(): an access
 * failed while page faults were disabled, and is tried again afterwards. The
 * page fault may sleep. It drops the lock to wait for userfaultfd and, until a
 * fault has waited, for I/O.
 *
 * Context: No lock of @mm is held. Sleeps.
 *
 * Return: 0 if the page was faulted in; it may be gone again. -EFAULT: no VMA,
 * no permission, or the page is not available; -ENOMEM: no memory; -EINTR: the
 * task is being killed, or with FAULT_FLAG_INTERRUPTIBLE another signal ended
 * the wait.
 */
int fixup_user_fault_unlocked(struct mm_struct *mm, unsigned long address,
			      unsigned int fault_flags)
{
	struct gup_fault g = {
		.mm = mm,
		.addr = mm == current->mm ? untagged_addr(address) :
					    untagged_addr_remote_unlocked(mm, address),
		.flags = FOLL_UNLOCKABLE |
			 (fault_flags & FAULT_FLAG_WRITE ? FOLL_WRITE : 0) |
			 (fault_flags & FAULT_FLAG_REMOTE ? FOLL_REMOTE : 0) |
			 (fault_flags & FAULT_FLAG_INTERRUPTIBLE ? FOLL_INTERRUPTIBLE : 0),
	};
	int err;

	might_lock_read(&mm->mmap_lock);
	do {
		if (fatal_signal_pending(current) || gup_interrupted(&g))
			return -EINTR;
		if (!gup_lock_vma(&g)) {
			if (gup_lock_mmap(&g))
				return -EINTR;
			g.vma = gup_vma_lookup(mm, g.addr);
		}
		if (!g.vma || !vma_permits_fault(g.vma, fault_flags)) {
			err = -EFAULT;
			break;
		}
		gup_downgrade(&g);
		err = gup_fault_in(&g, false);
	} while (!err && !g.vma && !g.done);
	gup_unlock(&g);
	return err;
}

/**
 * faultin_page_range() - fault in pages, for MADV_POPULATE_(READ|WRITE)
 * @mm: the mm. The caller holds mm_users.
 * @start: the address of the first page
 * @end: the end of the last one
 * @write: make them writable
 *
 * Context: No lock of the mm is held. Sleeps.
 *
 * Return: the number of pages; if 0, an error, see __get_user_pages_locked(), but
 * -EINTR instead of -EAGAIN.
 */
long faultin_page_range(struct mm_struct *mm, unsigned long start,
			unsigned long end, bool write)
{
	unsigned int flags = FOLL_TOUCH | FOLL_HWPOISON | FOLL_UNLOCKABLE |
			     FOLL_MADV_POPULATE | (write ? FOLL_WRITE : 0);
	int locked = 0;
	long ret;

	ret = __get_user_pages_locked(mm, start, (end - start) / PAGE_SIZE, NULL,
				      &locked, flags);
	lru_add_drain();
	return ret == -EAGAIN ? -EINTR : ret;
}

/* Find and lock the first VMA in the range from g->addr to @end, if any. */
static int gup_find_next_vma(struct gup_fault *g, unsigned long end)
{
	int err;

	if (gup_lock_vma(g))
		return 0;
	err = gup_lock_mmap(g);
	if (err)
		return err;
	g->vma = find_vma_intersection(g->mm, g->addr, end);
	if (g->vma)
		g->addr = max(g->addr, g->vma->vm_start);
	return 0;
}

/* Populate g->vma, which is locked, from g->addr up to @end. */
static int gup_populate_vma(struct gup_fault *g, unsigned long end)
{
	vm_flags_t vm_flags = g->vma->vm_flags;
	int err;

	g->nr = (end - g->addr) / PAGE_SIZE;
	if (vm_flags & (VM_IO | VM_PFNMAP | VM_LOCKONFAULT)) {
		gup_advance(g, g->nr);
		gup_leave_vma(g);
		return 0;
	}
	if (!vma_is_accessible(g->vma))
		return -EFAULT;

	/*
	 * Write to writable private pages, so that they need not be copied
	 * later. Read others, even if the process may not read them.
	 */
	g->flags &= ~(FOLL_WRITE | FOLL_FORCE);
	if ((vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		g->flags |= FOLL_WRITE;
	else
		g->flags |= FOLL_FORCE;
	err = check_vma_flags(g->vma, g->flags);
	return err ?: gup_vma_range(g);
}

/**
 * populate_vma_page_range() - fault in pages of a VMA, as mlock() does
 * @vma: the VMA
 * @start: the address of the first page
 * @end: the end of the last one, at most that of the VMA
 *
 * VMAs that are VM_LOCKONFAULT, VM_IO, VM_PFNMAP or not accessible are left
 * alone. Stops at the first page that cannot be faulted in, and does not report that.
 *
 * Context: mmap_lock is held, and not dropped. Sleeps.
 */
void populate_vma_page_range(struct vm_area_struct *vma, unsigned long start,
			     unsigned long end)
{
	struct gup_fault g = {
		.mm = vma->vm_mm,
		.vma = vma,
		.addr = start,
		.flags = FOLL_TOUCH,
		.lock = GUP_LOCK_CALLER,
	};

	mmap_assert_locked(vma->vm_mm);
	gup_populate_vma(&g, end);
	lru_add_drain();
}

/**
 * __mm_populate() - fault in pages, for mlock() and MAP_POPULATE
 * @start: the address of the first page
 * @len: the length of the range, in bytes
 * @ignore_errors: after an error, continue with the next VMA
 *
 * Context: No lock of the mm is held. Sleeps.
 *
 * Return: 0 if all pages of all VMAs in the range were faulted in, or need not be,
 * or with @ignore_errors. Otherwise the first error: that of
 * __get_user_pages_locked(), or -EFAULT for a VMA without access. -EAGAIN and
 * -EINTR, for a task that is being killed, may be returned with @ignore_errors, too.
 */
int __mm_populate(unsigned long start, unsigned long len, int ignore_errors)
{
	struct gup_fault g = {
		.mm = current->mm,
		.addr = start,
		.flags = FOLL_TOUCH | FOLL_UNLOCKABLE,
	};
	unsigned long end = start + len, next;
	int err = 0;

	might_lock_read(&g.mm->mmap_lock);
	while (g.addr < end) {
		err = gup_find_next_vma(&g, end);
		if (err || !g.vma)
			break;
		next = min(end, g.vma->vm_end);
		err = gup_populate_vma(&g, next);
		if (!err)
			continue;
		if (!ignore_errors)
			break;
		gup_leave_vma(&g);
		g.addr = next;
		g.retries = 0;
		g.tried = false;
		err = 0;
	}
	gup_unlock(&g);
	lru_add_drain();
	return err;
}
