// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for hugetlb_vmemmap: no struct page becomes read-only under an
 * RCU reader that may still write to its reference count.
 *
 * A thread does in slow motion what get_page_unless_zero() does, on a page that
 * meanwhile becomes a tail page of a hugetlb folio. It writes with
 * copy_to_kernel_nofault(), so the test fails where the kernel would oops.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/gfp.h>
#include <linux/hugetlb.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/uaccess.h>
#include "../hugetlb_vmemmap.h"
#include "../internal.h"

/* How long a reader waits for the optimization to remap the vmemmap. */
#define READER_MS	200

/* Only the first vmemmap page of a folio stays writable; the reader uses the last. */
#define NR_FOLIOS	2

struct attempt {
	struct page *page;
	struct folio *folio;
	struct completion started, ended;
	int count;		/* that the reader found */
	bool remapped;		/* while the reader ran */
	int error;		/* of the reader's write */
};

static bool optimized(struct folio *folio)
{
	return folio_test_hugetlb_vmemmap_optimized(folio);
}

static int attempt_thread(void *arg)
{
	ktime_t end = ktime_add_ms(ktime_get(), READER_MS);
	struct attempt *a = arg;
	atomic_t frozen = ATOMIC_INIT(0);

	rcu_read_lock();
	a->count = page_ref_count(a->page);
	complete(&a->started);
	while (ktime_before(ktime_get(), end))
		cpu_relax();
	a->remapped = optimized(a->folio);
	/* A compare-and-exchange that fails still writes the value that it read. */
	a->error = copy_to_kernel_nofault(&a->page->_refcount, &frozen, sizeof(frozen));
	rcu_read_unlock();

	complete(&a->ended);
	return 0;
}

/* A block of small pages, as big as a folio of @h. */
static struct page *alloc_small_pages(struct kunit *test, struct hstate *h)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, huge_page_order(h));

	if (!page)
		kunit_skip(test, "no memory for a huge page");
	split_page(page, huge_page_order(h));
	return page;
}

/* Same state as if the pages were freed and the block allocated for hugetlb. */
static struct folio *make_hugetlb(struct page *page, struct hstate *h)
{
	struct folio *folio;

	for (unsigned int i = 0; i < pages_per_huge_page(h); i++)
		set_page_count(page + i, 0);
	prep_compound_page(page, huge_page_order(h));
	folio = page_folio(page);
	INIT_LIST_HEAD(&folio->lru);
	__folio_set_hugetlb(folio);
	return folio;
}

static void free_hugetlb(struct kunit *test, struct folio *folio, struct hstate *h)
{
	/* On an error leak the folio: it must not be freed in part. */
	KUNIT_ASSERT_EQ(test, hugetlb_vmemmap_restore_folio(h, folio), 0);
	__folio_clear_hugetlb(folio);
	folio_ref_unfreeze(folio, 1);
	folio_put(folio);
}

static struct hstate *optimizable_hstate(struct kunit *test)
{
	struct hstate *h = &default_hstate;

	if (hstate_is_gigantic(h) || !hugetlb_vmemmap_optimizable(h))
		kunit_skip(test, "no huge pages that can be optimized");
	return h;
}

/* Start the reader, make the pages a hugetlb folio, optimize the folio. */
static void optimize_under_reader(struct kunit *test, bool list)
{
	struct hstate *h = optimizable_hstate(test);
	struct folio *folio[NR_FOLIOS];
	struct page *page[NR_FOLIOS];
	struct attempt a = { };
	LIST_HEAD(folios);

	for (int i = 0; i < NR_FOLIOS; i++)
		page[i] = alloc_small_pages(test, h);

	init_completion(&a.started);
	init_completion(&a.ended);
	a.page = page[0] + pages_per_huge_page(h) - 1;
	a.folio = (struct folio *)page[0];
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(attempt_thread, &a, "attempt"));
	wait_for_completion(&a.started);

	for (int i = 0; i < NR_FOLIOS; i++) {
		folio[i] = make_hugetlb(page[i], h);
		list_add_tail(&folio[i]->lru, &folios);
	}
	if (list) {
		hugetlb_vmemmap_optimize_folios(h, &folios);
	} else {
		for (int i = 0; i < NR_FOLIOS; i++)
			hugetlb_vmemmap_optimize_folio(h, folio[i]);
	}
	wait_for_completion(&a.ended);

	KUNIT_EXPECT_EQ(test, a.count, 1);
	KUNIT_EXPECT_FALSE(test, a.remapped);
	KUNIT_EXPECT_EQ(test, a.error, 0);
	list = optimized(folio[0]) && optimized(folio[1]);
	for (int i = 0; i < NR_FOLIOS; i++)
		free_hugetlb(test, folio[i], h);
	if (!list)
		kunit_skip(test, "needs hugetlb_free_vmemmap=on, and memory");
}

static void list_waits_for_reader(struct kunit *test)
{
	optimize_under_reader(test, true);
}

static void single_folio_waits_for_reader(struct kunit *test)
{
	optimize_under_reader(test, false);
}

/* The tail pages must be read-only, or the other tests prove nothing. */
static void tail_pages_are_read_only(struct kunit *test)
{
	struct hstate *h = optimizable_hstate(test);
	struct page *page = alloc_small_pages(test, h);
	struct folio *folio = make_hugetlb(page, h);
	struct page *last = page + pages_per_huge_page(h) - 1;
	atomic_t frozen = ATOMIC_INIT(0);
	int error;

	hugetlb_vmemmap_optimize_folio(h, folio);
	error = copy_to_kernel_nofault(&last->_refcount, &frozen, sizeof(frozen));
	if (optimized(folio))
		KUNIT_EXPECT_EQ(test, error, -EFAULT);
	KUNIT_EXPECT_FALSE(test, get_page_unless_zero(last));
	free_hugetlb(test, folio, h);
	KUNIT_EXPECT_EQ(test, copy_to_kernel_nofault(&last->_refcount, &frozen,
						     sizeof(frozen)), 0);
}

static struct kunit_case hugetlb_vmemmap_cases[] = {
	KUNIT_CASE(tail_pages_are_read_only),
	KUNIT_CASE(list_waits_for_reader),
	KUNIT_CASE(single_folio_waits_for_reader),
	{}
};

static struct kunit_suite hugetlb_vmemmap_suite = {
	.name = "hugetlb_vmemmap",
	.test_cases = hugetlb_vmemmap_cases,
};

kunit_test_suite(hugetlb_vmemmap_suite);

MODULE_DESCRIPTION("KUnit tests for hugetlb_vmemmap");
MODULE_LICENSE("GPL");
