// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracking of lockless walks that disable interrupts: each CPU says which mm it
 * walks, so that an updater interrupts and waits for these CPUs only.
 *
 *	walk				updater
 *	(W1) record mm			(U1) clear an entry
 *	(W2) smp_mb()			(U2) smp_mb()
 *	(W3) read the tables		(U3) read the record of each CPU
 *	(W4) release: restore the	(U4) interrupt the CPUs that walk mm
 *	     outer record		(U5) use what the entry led to
 *
 * The record is lockless_walk_mm.
 *
 * Either (U3) sees (W1), and (U4) waits until that CPU has interrupts enabled;
 * or (W3) sees (U1). Disabling interrupts is no barrier, hence (W2). If (U3)
 * sees (W4), it is an acquire, and all that the walk did comes before (U5).
 *
 * A walk cannot be preempted, nor migrate, nor can its CPU go offline: all of
 * these need interrupts enabled. A CPU that comes online while (U3) looks had
 * set itself online before (W1), so what goes for (W1) goes for that.
 *
 * Walks nest, in an NMI. One of another mm makes the record
 * LOCKLESS_WALK_ANY_MM, for which everybody waits, and its end makes it the
 * outer walk's again: there is no time at which the outer walk cannot be seen.
 *
 * An updater that finds a walk does not know whether it began before (U1). It
 * waits for that one too, but for no later one.
 *
 * The record is on a cache line of its own CPU, and nobody else writes to it.
 * Threads of one process that walk the same mm share nothing.
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/percpu.h>
#include <linux/lockless_walk.h>
#include <linux/seq_file.h>
#include <linux/smp.h>

DEFINE_PER_CPU(struct mm_struct *, lockless_walk_mm);

static DEFINE_PER_CPU(struct lockless_walk_waits, lockless_walk_waits);

/* One wait. */
struct lockless_walk_waiter {
	struct mm_struct *mm;
	unsigned int walking;		/* CPUs */
};

static bool lockless_walk_cpu_walks(int cpu, void *data)
{
	struct lockless_walk_waiter *wait = data;
	struct mm_struct *mm;

	/* (U3); the acquire pairs with (W4) in lockless_walk_track_end() */
	mm = smp_load_acquire(per_cpu_ptr(&lockless_walk_mm, cpu));
	if (mm != wait->mm && mm != LOCKLESS_WALK_ANY_MM)
		return false;
	wait->walking++;
	return true;
}

/* Run @interrupted on each CPU that walks @mm, and wait until it has run. */
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

/* The sum over all CPUs. Not a snapshot while others wait. */
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

/* debugfs, lockless_walk_wait: one "name number" a line. */
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
