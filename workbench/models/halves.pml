/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pmd is read in two halves, without its lock: pmdp_get_lockless() with
 * CONFIG_GUP_GET_PXX_LOW_HIGH. The pmd points to table 1, is cleared, points to
 * table 2, is cleared, and points to table 3. Two stores clear it and one store
 * sets it, as on x86 with PAE. The tables are a multiple of 4 GiB apart, so
 * their low halves are equal. If the low half that is returned is not 0, both
 * halves must be from the same table.
 *
 * The reader disables interrupts, as pte_offset_map() does. The updater clears
 * the pmd, interrupts the reader and waits: pmdp_get_lockless_sync(). Only after
 * that it sets the pmd again. The CPU of the reader takes the interrupt after it has
 * enabled interrupts, and has performed all its earlier loads by then. So the
 * section is modelled as an RCU reader, and the wait as a grace period.
 *
 *   OTHER_LOW      the low halves differ, as those of tables below 4 GiB do
 *   ATOMIC_CLEAR   one store clears the pmd, as in pmdp_collapse_flush()
 *   COMPARE        a reader that found table 1 locks it and reads the pmd again,
 *                  with interrupts enabled. Table 1 is removed under its lock.
 *                  If the value is the same, table 1 must still be attached.
 *                  Table 1 is below 4 GiB here, so its high half is 0.
 *   COMPARE_IRQS_OFF  this second read disables interrupts
 *   TWO            there is no table 3
 * Mutants:
 *   NO_WAIT        the pmd may be set again at once, as in zap_pte_range()
 *   IRQS_ON        interrupts are enabled between the two halves
 *   HIGH_FIRST     the high half is cleared before the low half
 *   NO_RMB         no smp_rmb() between the halves
 *   COMPARE        alone it fails. While the reader holds the lock of table 1,
 *                  the pmd changes from table 2 to 0 and to table 3. The reader
 *                  finds the low half of table 2, the high half of the cleared
 *                  pmd and the low half of table 3. That is the value of table 1.
 */
#include "weak.pml"

#define LOW	0
#define HIGH	1
#define PTL	2	/* of table 1 */

#ifdef OTHER_LOW
#define LO(t)	(t)
#else
#define LO(t)	1
#endif
#ifdef COMPARE
#define HI(t)	((t) - 1)
#else
#define HI(t)	(t)
#endif
#ifdef TWO
#define LAST	2
#else
#define LAST	3
#endif

#define READ(t)	(r[0] == LO(t) && r[1] == HI(t))

bool removed;		/* table 1 */

#define local_irq_disable()	rcu_read_lock()
#define local_irq_enable()	rcu_read_unlock()
#define wait_for_irqs()		grace_period()

inline pmdp_get_lockless()
{
	do
	::	load(0, LOW);
#ifndef NO_RMB
		smp_rmb();
#endif
		load(1, HIGH);
#ifndef NO_RMB
		smp_rmb();
#endif
		load(2, LOW);
		smp_mb();
		if
		:: r[0] == r[2] -> break
		:: else
		fi
	od
}

proctype reader()
{
	CPU;

#ifndef IRQS_ON
	local_irq_disable();
#endif
	pmdp_get_lockless();
#ifndef IRQS_ON
	local_irq_enable();
#endif
	accepted = r[0];
	assert(r[0] == 0 || READ(1) || READ(2) || READ(3));
#ifdef COMPARE
	if
	:: READ(1) ->
		spin_lock(PTL);
#ifdef COMPARE_IRQS_OFF
		local_irq_disable();
#endif
		pmdp_get_lockless();
#ifdef COMPARE_IRQS_OFF
		local_irq_enable();
#endif
		assert(!(READ(1) && removed));
		store_release(PTL, 0)
	:: else
	fi;
#endif
	smp_mb();
	done++
}

proctype updater()
{
	byte t = 1;
	CPU;

	do
	:: t < LAST ->
		if
		:: t == 1 -> spin_lock(PTL); removed = true
		:: else
		fi;
#if defined(ATOMIC_CLEAR)
		smp_mb();
		atomic { mem[LOW] = 0; mem[HIGH] = 0 };
#elif defined(HIGH_FIRST)
		store(HIGH, 0);
		smp_wmb();
		store(LOW, 0);
#else
		store(LOW, 0);
		smp_wmb();
		store(HIGH, 0);
#endif
#ifndef NO_WAIT
		wait_for_irqs();
#endif
		if
		:: t == 1 -> store_release(PTL, 0)
		:: else
		fi;
		t++;
		smp_mb();
		atomic { mem[LOW] = LO(t); mem[HIGH] = HI(t) }
	:: else -> break
	od;
	decided = true;
	done++
}

init
{
	atomic {
		mem[LOW] = LO(1);
		mem[HIGH] = HI(1);
		run reader();
		run updater()
	}
	/* The reader asserts the claim. */
	verdict(2, true)
}
