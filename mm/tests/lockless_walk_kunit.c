// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for lockless page-table walks: how they change the interrupt state,
 * which walks are waited for, and the size of kernel mappings. Threads on other CPUs
 * hold walks open, with interrupts disabled. They do not read page tables.
 *
 * A walk that must be waited for ends by itself, some time after the wait began.
 * A walk that must not be waited for ends when the test tells it to, or after
 * some seconds: then the test fails instead of hanging.
 */
#include <kunit/test.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/lockless_walk.h>
#include <linux/sched/mm.h>
#include <linux/vmalloc.h>

#define WALK_MS		20
#define LIMIT_MS	5000

struct lockless_walk_test;

/* A thread on a CPU of its own. */
struct walker {
	struct lockless_walk_test *t;
	void (*walk)(struct walker *w);
	struct mm_struct *mm;
	struct task_struct *task;
	bool inside;	/* is in a walk */
	bool leave;	/* set by the test to end the walk */
	bool left;	/* set at the very end of the walk */
};

struct lockless_walk_test {
	struct mm_struct *mm;	/* whose walks are waited for */
	struct mm_struct *other;
	bool waiting;
	unsigned int nr;
	struct walker walker[3];
};

/* Functions of walkers */

/* Use the clock, because the time of a delay loop depends on the host's load. */
static void spin(unsigned int ms, bool *until)
{
	ktime_t end = ktime_add_ms(ktime_get(), ms);

	while (ktime_before(ktime_get(), end) && !(until && smp_load_acquire(until)))
		cpu_relax();
}

static void leave_after_a_while(struct walker *w)
{
	spin(LIMIT_MS, &w->t->waiting);
	spin(WALK_MS, NULL);
	smp_store_release(&w->left, true);
}

static void walk_a_while(struct walker *w)
{
	struct lockless_walk walk;

	lockless_walk_begin_irqsave(&walk, w->mm);
	smp_store_release(&w->inside, true);
	leave_after_a_while(w);
	lockless_walk_end_irqrestore(&walk);
}

/* A walk of another mm inside a walk, as in an NMI. */
static void walk_nested(struct walker *w)
{
	struct lockless_walk walk, nested;

	lockless_walk_begin_irqsave(&walk, w->mm);
	lockless_walk_begin_irqsave(&nested, w->t->other);
	smp_store_release(&w->inside, true);
	leave_after_a_while(w);
	lockless_walk_end_irqrestore(&nested);
	lockless_walk_end_irqrestore(&walk);
}

static void walk_after_nested(struct walker *w)
{
	struct lockless_walk walk, nested;

	lockless_walk_begin_irqsave(&walk, w->mm);
	lockless_walk_begin_irqsave(&nested, w->t->other);
	lockless_walk_end_irqrestore(&nested);
	smp_store_release(&w->inside, true);
	leave_after_a_while(w);
	lockless_walk_end_irqrestore(&walk);
}

/* One long walk that is restarted now and then. */
static void walk_and_relax(struct walker *w)
{
	struct lockless_walk walk;

	lockless_walk_begin(&walk, w->mm);
	smp_store_release(&w->inside, true);
	for (int ms = 0; ms < LIMIT_MS && !smp_load_acquire(&w->leave); ms++) {
		spin(1, NULL);
		lockless_walk_restart(&walk, w->mm);
	}
	smp_store_release(&w->left, true);
	lockless_walk_end(&walk);
}

/* One short walk after another. */
static void walk_again_and_again(struct walker *w)
{
	struct lockless_walk walk;

	for (int ms = 0; ms < LIMIT_MS && !smp_load_acquire(&w->leave); ms++) {
		lockless_walk_begin_irqsave(&walk, w->mm);
		smp_store_release(&w->inside, true);
		spin(1, NULL);
		lockless_walk_end_irqrestore(&walk);
	}
	smp_store_release(&w->left, true);
}

/* Walkers */

static int walker_fn(void *data)
{
	struct walker *w = data;

	w->walk(w);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void walkers_stop(void *data)
{
	struct lockless_walk_test *t = data;

	while (t->nr) {
		struct walker *w = &t->walker[--t->nr];

		smp_store_release(&w->leave, true);
		kthread_stop(w->task);
	}
}

/* The test itself runs on the first CPU. */
static unsigned int walker_cpu(struct walker *w)
{
	return cpumask_nth(w - w->t->walker + 1, cpu_online_mask);
}

/* Returns once the thread is inside a walk. */
static struct walker *walker_start(struct kunit *test, struct mm_struct *mm,
				   void (*walk)(struct walker *w))
{
	struct lockless_walk_test *t = test->priv;
	struct walker *w = &t->walker[t->nr];

	if (num_online_cpus() < t->nr + 2)
		kunit_skip(test, "needs %u CPUs", t->nr + 2);
	*w = (struct walker){ .t = t, .walk = walk, .mm = mm };
	w->task = kthread_create(walker_fn, w, "lockless_walk_test");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, w->task);
	t->nr++;
	kthread_bind(w->task, walker_cpu(w));
	wake_up_process(w->task);
	while (!smp_load_acquire(&w->inside))
		schedule_timeout_interruptible(1);
	return w;
}

static void wait_for_walks(struct lockless_walk_test *t)
{
	smp_store_release(&t->waiting, true);
	lockless_walk_wait(t->mm);
}

/* Waiting */

static void waits_for(struct kunit *test, void (*walk)(struct walker *w))
{
	struct walker *w;

	w = walker_start(test, ((struct lockless_walk_test *)test->priv)->mm, walk);
	KUNIT_EXPECT_FALSE(test, smp_load_acquire(&w->left));
	wait_for_walks(test->priv);
	KUNIT_EXPECT_TRUE(test, smp_load_acquire(&w->left));
}

static void elsewhere(struct kunit *test)
{
	waits_for(test, walk_a_while);
}

static void nested_elsewhere(struct kunit *test)
{
	waits_for(test, walk_nested);
}

static void after_nested_elsewhere(struct kunit *test)
{
	waits_for(test, walk_after_nested);
}

static void many(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(t->walker); i++)
		walker_start(test, t->mm, walk_a_while);
	wait_for_walks(t);
	for (int i = 0; i < ARRAY_SIZE(t->walker); i++)
		KUNIT_EXPECT_TRUE(test, smp_load_acquire(&t->walker[i].left));
}

static void relaxed(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;
	struct walker *w = walker_start(test, t->mm, walk_and_relax);

	wait_for_walks(t);
	KUNIT_EXPECT_FALSE(test, smp_load_acquire(&w->left));
}

static void again_and_again(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;
	struct walker *w = walker_start(test, t->mm, walk_again_and_again);

	for (int i = 0; i < 20; i++)
		wait_for_walks(t);
	KUNIT_EXPECT_FALSE(test, smp_load_acquire(&w->left));
}

/* A CPU in a walk cannot go offline. */
static void offline(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;
	struct walker *w;
	unsigned int cpu;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU))
		kunit_skip(test, "needs CONFIG_HOTPLUG_CPU");
	w = walker_start(test, t->mm, walk_a_while);
	cpu = walker_cpu(w);
	smp_store_release(&t->waiting, true);
	if (remove_cpu(cpu))
		kunit_skip(test, "CPU %u cannot go offline", cpu);
	KUNIT_EXPECT_TRUE(test, smp_load_acquire(&w->left));
	lockless_walk_wait(t->mm);
	KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);
}

/* Sizes */

/* On some architectures the mm of a process has no kernel tables. */
static void leaf_size_of_kernel(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;
	void *p = vmalloc(PAGE_SIZE);
	unsigned long addr = (unsigned long)p, size, size_init;

	KUNIT_ASSERT_NOT_NULL(test, p);
	size = lockless_walk_leaf_size(t->mm, addr);
	size_init = lockless_walk_leaf_size(&init_mm, addr);
	vfree(p);
	if (addr < TASK_SIZE_MAX)
		kunit_skip(test, "kernel addresses are user addresses, too");
	KUNIT_EXPECT_GE(test, size_init, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, size, size_init);
}

/* Interrupts */

static void interrupts(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;
	struct lockless_walk walk;
	unsigned long flags;
	bool off;

	lockless_walk_begin(&walk, t->mm);
	lockdep_assert_lockless_walk();
	off = irqs_disabled();
	lockless_walk_restart(&walk, t->mm);
	lockdep_assert_lockless_walk();
	lockless_walk_end(&walk);
	KUNIT_EXPECT_EQ(test, off, !IS_ENABLED(CONFIG_LOCKLESS_WALK_RCU));
	KUNIT_EXPECT_FALSE(test, irqs_disabled());

	lockless_walk_begin_irqsave(&walk, t->mm);
	off = irqs_disabled();
	lockless_walk_end_irqrestore(&walk);
	KUNIT_EXPECT_TRUE(test, off);
	KUNIT_EXPECT_FALSE(test, irqs_disabled());

	local_irq_save(flags);
	lockless_walk_begin(&walk, t->mm);
	lockless_walk_restart(&walk, t->mm);
	lockless_walk_end(&walk);
	off = irqs_disabled();
	local_irq_restore(flags);
	KUNIT_EXPECT_TRUE(test, off);
}

/* The tracking record of this CPU */

static void skip_if_untracked(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_LOCKLESS_WALK_TRACKING))
		kunit_skip(test, "needs CONFIG_LOCKLESS_WALK_TRACKING");
}

static struct mm_struct *recorded(void)
{
	return IS_ENABLED(CONFIG_LOCKLESS_WALK_TRACKING) ? this_cpu_read(lockless_walk_mm) : NULL;
}

static void record(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;
	struct lockless_walk walk, same, other;
	struct mm_struct *seen[5];

	skip_if_untracked(test);
	lockless_walk_begin_irqsave(&walk, t->mm);
	seen[0] = recorded();
	lockless_walk_begin_irqsave(&same, t->mm);
	seen[1] = recorded();
	lockless_walk_begin_irqsave(&other, t->other);
	seen[2] = recorded();
	lockless_walk_end_irqrestore(&other);
	lockless_walk_end_irqrestore(&same);
	seen[3] = recorded();
	lockless_walk_end_irqrestore(&walk);
	seen[4] = recorded();

	KUNIT_EXPECT_PTR_EQ(test, seen[0], t->mm);
	KUNIT_EXPECT_PTR_EQ(test, seen[1], t->mm);
	KUNIT_EXPECT_PTR_EQ(test, seen[2], LOCKLESS_WALK_ANY_MM);
	KUNIT_EXPECT_PTR_EQ(test, seen[3], t->mm);
	KUNIT_EXPECT_NULL(test, seen[4]);
}

static struct lockless_walk_waits read_waits(struct kunit *test)
{
	skip_if_untracked(test);
	if (IS_ENABLED(CONFIG_LOCKLESS_WALK_TRACKING))
		return lockless_walk_waits_read();
	return (struct lockless_walk_waits){};
}

static void expect_waits(struct kunit *test, struct lockless_walk_waits before,
			 unsigned long nobody, unsigned long interrupted)
{
	struct lockless_walk_waits now = read_waits(test);

	KUNIT_EXPECT_EQ(test, now.waits, before.waits + 1);
	KUNIT_EXPECT_EQ(test, now.nobody, before.nobody + nobody);
	KUNIT_EXPECT_EQ(test, now.interrupted, before.interrupted + interrupted);
}

static void nobody_interrupted(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;
	struct lockless_walk_waits before = read_waits(test);
	struct lockless_walk walk;

	/* A walk that has ended is not waited for. */
	lockless_walk_begin_irqsave(&walk, t->mm);
	lockless_walk_end_irqrestore(&walk);
	wait_for_walks(t);
	expect_waits(test, before, 1, 0);
}

static void walk_until_told(struct walker *w)
{
	struct lockless_walk walk;

	lockless_walk_begin_irqsave(&walk, w->mm);
	smp_store_release(&w->inside, true);
	spin(LIMIT_MS, &w->leave);
	smp_store_release(&w->left, true);
	lockless_walk_end_irqrestore(&walk);
}

static void other_mm(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;
	struct lockless_walk_waits before = read_waits(test);
	struct walker *w = walker_start(test, t->other, walk_until_told);

	wait_for_walks(t);
	KUNIT_EXPECT_FALSE(test, smp_load_acquire(&w->left));
	expect_waits(test, before, 1, 0);
}

static void some_of_many(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;
	struct lockless_walk_waits before = read_waits(test);
	struct walker *other = walker_start(test, t->other, walk_until_told);
	struct walker *walker = walker_start(test, t->mm, walk_a_while);

	wait_for_walks(t);
	KUNIT_EXPECT_TRUE(test, smp_load_acquire(&walker->left));
	KUNIT_EXPECT_FALSE(test, smp_load_acquire(&other->left));
	expect_waits(test, before, 0, 1);
}

static void any_mm(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;
	struct lockless_walk_waits before = read_waits(test);
	struct walker *w = walker_start(test, t->other, walk_a_while);

	smp_store_release(&t->waiting, true);
	lockless_walk_wait(NULL);
	KUNIT_EXPECT_TRUE(test, smp_load_acquire(&w->left));
	expect_waits(test, before, 0, 1);
}

static int lockless_walk_test_init(struct kunit *test)
{
	struct lockless_walk_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->mm = mm_alloc();
	t->other = mm_alloc();
	KUNIT_ASSERT_NOT_NULL(test, t->mm);
	KUNIT_ASSERT_NOT_NULL(test, t->other);
	return set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
}

static void lockless_walk_test_exit(struct kunit *test)
{
	struct lockless_walk_test *t = test->priv;

	walkers_stop(t);
	if (t->mm)
		mmput(t->mm);
	if (t->other)
		mmput(t->other);
}

static struct kunit_case lockless_walk_cases[] = {
	KUNIT_CASE(interrupts),
	KUNIT_CASE(leaf_size_of_kernel),
	KUNIT_CASE(elsewhere),
	KUNIT_CASE(nested_elsewhere),
	KUNIT_CASE(after_nested_elsewhere),
	KUNIT_CASE(many),
	KUNIT_CASE(relaxed),
	KUNIT_CASE(again_and_again),
	KUNIT_CASE(offline),
	KUNIT_CASE(record),
	KUNIT_CASE(nobody_interrupted),
	KUNIT_CASE(other_mm),
	KUNIT_CASE(some_of_many),
	KUNIT_CASE(any_mm),
	{}
};

static struct kunit_suite lockless_walk_suite = {
	.name = "lockless_walk",
	.init = lockless_walk_test_init,
	.exit = lockless_walk_test_exit,
	.test_cases = lockless_walk_cases,
};

kunit_test_suite(lockless_walk_suite);

MODULE_DESCRIPTION("KUnit tests for lockless page-table walks");
MODULE_LICENSE("GPL");
