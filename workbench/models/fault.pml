/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mm/gup_fault.c: faults under the VMA lock, and a writer that changes the VMA.
 *
 *   gup()     takes PAGES pages. It locks the VMA, or mmap_lock for read if the VMA
 *             lock is not available or was dropped twice for this page. Then it
 *             exchanges mmap_lock for the VMA lock. A fault takes the page, or drops
 *             the lock and sleeps, or refuses the VMA lock.
 *   writer()  locks mmap_lock for write, waits until there are no readers of the
 *             VMA, and changes it. It does so WRITES times.
 *
 * Memory is not weakly ordered here, because locks provide ordering. The model makes
 * four claims. Each page is taken once, and from the current VMA. While a writer waits,
 * at most one page is taken. A handler that refuses the VMA lock is called with it at
 * most twice. The program always ends: a deadlock would be a timeout.
 *
 * Mutants:
 *   MMAP_UNDER_VMA  mmap_lock is taken while the VMA lock is held
 *   NO_LOOKUP       the VMA is not looked up again after a fault has slept
 *   NO_CHECK        gup() does not check if a writer waits
 *   NO_FALLBACK     a fault that dropped the VMA lock is never done under mmap_lock
 */
#define PAGES	3
#define WRITES	2
#define SLEEPS	3

#define NONE	0
#define VMA	1
#define MMAP	2

byte mmap_readers;
bool mmap_written, mmap_wanted;
byte vma_readers;
bool vma_written, vma_wanted;
byte layout;		/* what the writer changes */
byte meanwhile;		/* pages taken while the writer waits */
byte ended;

inline unlock()
{
	if
	:: lock == VMA -> vma_readers--
	:: lock == MMAP -> mmap_readers--
	:: else
	fi;
	lock = NONE
}

inline wanted(which, readers, written)
{
	atomic {
		which = true;
		meanwhile = 0
	}
	atomic {
		readers == 0 -> which = false;
		written = true
	}
}

proctype gup()
{
	byte lock = NONE, seen, page = 0, retries = 0, slept = 0, refused = 0;

	do
	:: page == PAGES -> break
	:: else ->
		if
		:: lock == NONE ->
			/* lock_vma_under_rcu(), which does not wait */
			if
			:: atomic {
				retries < 2 && !vma_wanted && !vma_written ->
				vma_readers++;
				lock = VMA
			   }
			:: atomic {
				(retries >= 2 || vma_wanted || vma_written) &&
				!mmap_written && !mmap_wanted ->
				mmap_readers++;
				lock = MMAP
			   }
			fi;
#ifdef NO_LOOKUP
			if
			:: retries == 0 -> seen = layout
			:: else
			fi
#else
			seen = layout
#endif
		:: else
		fi;
		if
		:: lock == MMAP && retries < 2 ->
			atomic { vma_readers++; mmap_readers--; lock = VMA }
		:: else
		fi;
		if
		:: atomic {
			assert(seen == layout);
			meanwhile = meanwhile + (mmap_wanted && lock == MMAP || vma_wanted);
			assert(meanwhile <= 1);
			page++;
			retries = 0;
			refused = 0;
			printf("the page is taken")
		   }
#ifndef NO_CHECK
		   if
		   :: lock == VMA && vma_wanted || lock == MMAP && mmap_wanted -> unlock()
		   :: else
		   fi
#endif
		:: slept < SLEEPS ->
			unlock();
			slept++;
			retries++
		:: lock == VMA ->
			refused++;
			assert(refused <= 2);
#ifdef MMAP_UNDER_VMA
			atomic { !mmap_written && !mmap_wanted -> mmap_readers++ }
			mmap_readers--;
#endif
			unlock();
#ifndef NO_FALLBACK
			retries++
#endif
		fi
	od;
	unlock();
	printf("a walk is accepted");
	ended++
}

proctype writer()
{
	byte n = 0;

	do
	:: n == WRITES -> break
	:: else ->
		wanted(mmap_wanted, mmap_readers, mmap_written);
		wanted(vma_wanted, vma_readers, vma_written);
		layout++;
		atomic { vma_written = false; mmap_written = false }
		n++
	od;
	ended++
}

proctype watchdog()
{
	timeout -> assert(ended == 2)
}

init
{
	atomic { run gup(); run writer(); run watchdog() }
}
