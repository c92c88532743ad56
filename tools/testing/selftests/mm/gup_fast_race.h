/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the two halves of the gup_fast_race selftest: the cases (which memory
 * is mapped, and how the updater changes it) and the race itself.
 */
#ifndef GUP_FAST_RACE_H
#define GUP_FAST_RACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "hugepage_settings.h"
#include "vm_util.h"

#define DEBUGFS		"/sys/kernel/debug/"

#define PAGES		4
#define SPARE_PAGES	32

/* Where a walk is held: before the entry, before and after taking references. */
enum window { NONE, PATH, READ, REF };

/* The last writer of a page: the top byte of its first word. */
enum content { NOTHING, OLD, NEW, FOREIGN, AT_SRC, AT_DST };

struct race {
	/* Set once for a test. */
	const struct race_case *c;
	bool hook, numa;
	int gup, pagemap, kpageflags;
	int cpu[2];
	size_t pmd_size;
	char *buf, *spare;
	unsigned int seed;
	long pins, hugetlb_free;
	struct thp_settings thp;
	bool thp_changed;

	/* Set by map(): PAGES pages at src, within an area of size bytes. */
	char *area, *src, *dst;
	size_t area_size, size;
	int memfd;
	pid_t child;
	uint64_t pfn[3 * PAGES];

	/* One attempt. The updater sets gone and moved to tell the fate of old pages. */
	unsigned int round;
	enum window window;
	unsigned int delay_us;	/* for which the window is open */
	bool gone, moved, ready, go, hit, pinned;
	bool started_inside, ended_inside;	/* the update, in the first window */
	bool same_cpu;		/* the updater preempts the walker */
	unsigned int jitter_us[2];
	int update_error;
	long stale;

	int nr_pinned, nr_hit, nr_inside, nr_preempted, nr_illegal;
};

/*
 * map() puts OLD into PAGES pages at src, and returns NULL or the reason why it
 * cannot. update() runs in the second thread and returns 0 or an errno.
 */
struct race_case {
	const char *(*map)(struct race *r);
	int (*update)(struct race *r);
	int pages;	/* pages pinned by a call, if not PAGES */
	bool leaf;	/* the PMD maps them */
	bool brief;	/* a longer window is no help: the update cannot end in it, or should not */
};

extern const struct race_case
	case_munmap, case_munmap_folio, case_munmap_thp, case_dontneed,
	case_fork, case_fork_folio, case_fork_thp,
	case_collapse, case_collapse_free, case_collapse_part, case_split_thp,
	case_mremap_page, case_mremap_pmd, case_mremap_thp, case_mremap_pud,
	case_hugetlb_unshare, case_migrate, case_migrate_thp,
	case_truncate, case_punch, case_pageout, case_pageout_thp;

void *map_anon(char *addr, size_t size, int advice);
void unmap(struct race *r);
long hugetlb_free(void);

static inline int pages(const struct race *r)
{
	return r->c->pages ?: PAGES;
}

static inline uint64_t word(struct race *r, enum content who, int page)
{
	return (uint64_t)who << 56 | (uint64_t)r->round << 16 | page;
}

static inline void put(struct race *r, char *addr, enum content who, int from, int to)
{
	for (int i = from; i < to; i++)
		*(uint64_t *)(addr + i * psize()) = word(r, who, i);
}

#endif /* GUP_FAST_RACE_H */
