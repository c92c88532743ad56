/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A weakly ordered machine for the models in this folder.
 *
 * Each CPU has a window of operations that its program has issued and that are
 * not performed yet. They may be performed in any order, except that:
 *
 *   - operations on one location stay in program order (coherence);
 *   - smp_rmb() keeps loads, smp_wmb() keeps stores and additions in order;
 *   - a release is performed after everything before it;
 *   - smp_mb(), and an RMW that is a full barrier, empty the window;
 *   - an operation that depends on a loaded value is issued after await() of it.
 *
 * So loads pass loads, stores pass stores, loads pass stores (store buffering)
 * and stores pass loads. A branch alone does not delay a load: the program issues
 * the loads that it would speculate, and checks the values later.
 *
 * Not modelled: a store that some CPUs see earlier than others (POWER). The litmus
 * tests cover that. A CPU's own store is not forwarded to its loads.
 */
#define WINDOW	6
#define NREG	6
#define NLOC	14

#define LD	1	/* r[val] = mem[at] */
#define ST	2	/* mem[at] = val */
#define REL	3	/* the same, as a release */
#define ADD	4	/* mem[at] += val, without a full barrier */
#define GET	5	/* r[val] = mem[at] != 0; if so mem[at]++ */

byte mem[NLOC];
bool freed[NLOC];	/* performing anything there is an error */
byte section;		/* of the only RCU reader: odd while it is inside */
byte done;		/* programs that have ended */
byte accepted;		/* the page that a walk handed out, 0 for none */
bool decided;		/* an updater found page 1 unreferenced and took it */

/* The declarations at the start of each proctype that is a CPU. */
#define CPU								\
	byte op[WINDOW], at[WINDOW], val[WINDOW], ep[WINDOW], r[NREG];	\
	byte n, rep, wep, k

#define IS_LD(j)	(op[j] == LD)
#define BEFORE(j, i)	(at[j] == at[i] || op[i] == REL ||		\
			 (IS_LD(j) == IS_LD(i) && ep[j] < ep[i]))
#define PASS(j, i)	(!BEFORE(j, i))
#define LOADING(j, reg)	(j < n && op[j] == LD && val[j] == reg)

inline issue(what, where, v, e)
{
	d_step {
		assert(n < WINDOW);
		op[n] = what;
		at[n] = where;
		val[n] = v;
		ep[n] = e;
		n++
	}
}

#define load(reg, where)	issue(LD, where, reg, rep)
#define store(where, v)		issue(ST, where, v, wep)
#define store_release(where, v)	issue(REL, where, v, wep)
#define add(where, v)		issue(ADD, where, v, wep)
#define get(reg, where)		issue(GET, where, reg, wep)
#define smp_rmb()		rep++
#define smp_wmb()		wep++

/* Perform one operation, chosen among those that may be performed. */
inline perform()
{
	atomic {
		if
		:: n > 0 -> k = 0
		:: n > 1 && PASS(0, 1) -> k = 1
		:: n > 2 && PASS(0, 2) && PASS(1, 2) -> k = 2
		:: n > 3 && PASS(0, 3) && PASS(1, 3) && PASS(2, 3) -> k = 3
		:: n > 4 && PASS(0, 4) && PASS(1, 4) && PASS(2, 4) &&
		   PASS(3, 4) -> k = 4
		:: n > 5 && PASS(0, 5) && PASS(1, 5) && PASS(2, 5) &&
		   PASS(3, 5) && PASS(4, 5) -> k = 5
		fi;
		assert(!freed[at[k]]);
		if
		:: op[k] == LD -> r[val[k]] = mem[at[k]]
		:: op[k] == ST || op[k] == REL -> mem[at[k]] = val[k]
		:: op[k] == ADD -> mem[at[k]] = mem[at[k]] + val[k]
		:: op[k] == GET ->
			if
			:: mem[at[k]] == 0 -> r[val[k]] = 0
			:: else -> mem[at[k]]++; r[val[k]] = 1
			fi
		fi;
		d_step {
			do
			:: k + 1 < n ->
				op[k] = op[k + 1];
				at[k] = at[k + 1];
				val[k] = val[k + 1];
				ep[k] = ep[k + 1];
				k++
			:: else -> break
			od;
			n--;
			op[n] = 0; at[n] = 0; val[n] = 0; ep[n] = 0;
			k = 0;
			if
			:: n == 0 -> rep = 0; wep = 0
			:: else
			fi
		}
	}
}

inline smp_mb()
{
	do
	:: n > 0 -> perform()
	:: n == 0 -> break
	od
}

/* Continue when r[reg] is loaded. Other operations may still be pending. */
inline await(reg)
{
	do
	:: n > 0 -> perform()
	:: !(LOADING(0, reg) || LOADING(1, reg) || LOADING(2, reg) ||
	     LOADING(3, reg) || LOADING(4, reg) || LOADING(5, reg)) -> break
	od
}

/* A spinlock: an acquire here, and store_release(where, 0) to unlock. */
inline spin_lock(where)
{
	do
	:: n > 0 -> perform()
	:: atomic { mem[where] == 0 -> mem[where] = 1; break }
	od
}

/*
 * RCU. It is stronger than the kernel's: entry and exit are full barriers.
 * grace_period() ends when the readers that began before it have left.
 */
inline rcu_read_lock()
{
	smp_mb();
	section++
}

inline rcu_read_unlock()
{
	smp_mb();
	section++
}

inline grace_period()
{
	byte seen;

	smp_mb();
	seen = section;
	(section != seen || seen % 2 == 0)
}

/*
 * When @programs have ended, assert the claim. Spin lists the two messages as
 * unreached if no walk is accepted, or no page is taken.
 */
inline verdict(programs, claim)
{
	(done == programs);
	if
	:: accepted -> printf("a walk is accepted")
	:: else
	fi;
	if
	:: decided -> printf("the page is taken")
	:: else
	fi;
	assert(claim)
}
