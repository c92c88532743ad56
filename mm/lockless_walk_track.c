// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracking of lockless walks that disable interrupts. Each CPU records the mm
 * that it walks, in lockless_walk_mm, so that an updater interrupts only CPUs
 * that walk its mm.
 *
 *	walk				updater
 *	(W1) record the mm		(U1) clear an entry
 *	(W2) smp_mb()			(U2) smp_mb()
 *	(W3) read the page tables	(U3) read the record of each CPU
 *	(W4) release: restore the	(U4) interrupt the CPUs that walk the mm
 *	     outer record		(U5) use what the entry pointed to
 *
 * If (U3) sees (W1), then (U4) waits until that CPU enables interrupts.
 * Otherwise (W3) sees (U1). local_irq_disable() is not a memory barrier, so
 * (W2) is needed. If (U3) sees (W4), its acquire orders all reads of the walk
 * before (U5).
 *
 * With interrupts disabled a walk cannot be preempted or migrated, and its CPU
 * cannot go offline. A CPU that comes online during (U3) set its bit in
 * cpu_online_mask before (W1). So an updater that sees (W1) also sees the CPU
 * online.
 *
 * Walks nest when an NMI walks. If it walks another mm, it sets the record to
 * LOCKLESS_WALK_ANY_MM, for which every updater waits, and restores the outer
 * record when it ends. The outer walk is visible to updaters at all times.
 *
 * An updater cannot tell whether a walk began before (U1), so it waits for
 * every walk that it finds. It does not wait for walks that begin after (U3).
 *
 * Each CPU writes its own record only, and the record is in a cache line of
 * that CPU. Threads that walk the same mm share no cache line for it. A counter
 * in the mm would be written by all of them.
 *
 * pte_offset_map() on 32-bit machines with 64-bit entries (x86 PAE) also
 * disables interrupts, to read a PMD in two halves. It records nothing.
 * pmdp_get_lockless_sync() waits for it by lockless_walk_wait_all(), which
 * interrupts all CPUs.
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/percpu.h>
#include <linux/lockless_walk.h>
#include <linux/seq_file.h>
#include <linux/smp.h>

DEFINE_PER_CPU(struct mm_struct *, lockless_walk_mm);

static DEFINE_PER_CPU(struct lockless_walk_waits, lockless_walk_waits);

/* The state of one call of lockless_walk_track_wait(). */
struct lockless_walk_waiter {
	struct mm_struct *mm;
	unsigned int walking;		/* number of CPUs found in a walk of it */
};

static bool lockless_walk_cpu_walks(int cpu, void *data)
{
	struct lockless_walk_waiter *wait = data;
	struct mm_struct *mm;

	/* (U3); the acquire pairs with (W4) in lockless_walk_track_end() */
	mm = smp_load_acquire(per_cpu_ptr(&lockless_walk_mm, cpu));
	if (!mm || (wait->mm && mm != wait->mm && mm != LOCKLESS_WALK_ANY_MM))
		return false;
	wait->walking++;
	return true;
}

/*
 * Run @interrupted on each CPU that is in a walk of @mm, or of any mm if that is
 * NULL, and wait until it has run there.
 */
void lockless_walk_track_wait(struct mm_struct *mm, smp_call_func_t interrupted)
{
	struct lockless_walk_waiter wait = { .mm = mm };

	smp_mb(); /* (U2); pairs with (W2) in lockless_walk_track_begin() */
	on_each_cpu_cond(lockless_walk_cpu_walks, interrupted, &wait, true); /* (U4) */

	this_cpu_inc(lockless_walk_waits.waits);
	if (wait.walking)
		this_cpu_add(lockless_walk_waits.interrupted, wait.walking);
	else
		this_cpu_inc(lockless_walk_waits.nobody);
}

/* The sum over all CPUs. The three numbers are not read at the same time. */
struct lockless_walk_waits lockless_walk_waits_read(void)
{
	struct lockless_walk_waits sum = { };
	int cpu;

	for_each_possible_cpu(cpu) {
		struct lockless_walk_waits *waits = per_cpu_ptr(&lockless_walk_waits, cpu);

		sum.waits += data_race(waits->waits);
		sum.nobody += data_race(waits->nobody);
		sum.interrupted += data_race(waits->interrupted);
	}
	return sum;
}

/* lockless_walk_wait, see Documentation/ABI/testing/debugfs-lockless-walk-wait */
static int lockless_walk_wait_show(struct seq_file *m, void *unused)
{
	struct lockless_walk_waits sum = lockless_walk_waits_read();

	seq_printf(m, "waits %lu\nnobody %lu\ninterrupted %lu\n",
		   sum.waits, sum.nobody, sum.interrupted);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(lockless_walk_wait);

static int __init lockless_walk_track_init(void)
{
	debugfs_create_file("lockless_walk_wait", 0400, NULL, NULL,
			    &lockless_walk_wait_fops);
	return 0;
}
late_initcall(lockless_walk_track_init);
