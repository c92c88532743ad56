/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pin against fork(), which counts first and then write-protects. Here
 * mm->write_protect_seq has the role of the entry. The walk reads it before and
 * after. fork() makes it odd and checks if the page is pinned. If it is not, fork()
 * shares the page with the child. Entry value 1 is writable, 2 is not.
 *
 * Mutants:
 *   WMB       only smp_wmb(), as in raw_write_seqcount_begin(): no full barrier
 *             between the sequence count and the check for pins
 *   NO_RETRY  the walk does not read the sequence count again
 */
#include "walk.pml"

#define SEQ	VAR(0)

proctype pinner()
{
	CPU;

	load(0, SEQ);
	smp_rmb();
	load(1, PTE(1));
	await(0);
	await(1);
	if
	:: r[0] % 2 == 1 || r[1] != 1 -> goto end
	:: else
	fi;
	get(2, REF(1));
#ifndef NO_REF_MB
	smp_mb();
#endif
	load(3, PTE(1));
	smp_rmb();
	load(4, SEQ);
	smp_mb();
#ifdef NO_RETRY
	r[4] = r[0];
#endif
	if
	:: r[3] == r[1] && r[4] == r[0] -> accepted = 1
	:: else -> add(REF(1), 255)
	fi;
end:
	smp_mb();
	done++
}

proctype forker()
{
	CPU;

	store(SEQ, 1);
#ifdef WMB
	smp_wmb();
#else
	smp_mb();
#endif
	load(0, REF(1));
	await(0);
	if
	:: r[0] == 1 ->
		store(PTE(1), 2);
		decided = true
	:: else
	fi;
	store_release(SEQ, 2);
	smp_mb();
	done++
}

init
{
	atomic {
		mem[PTE(1)] = 1;
		mem[REF(1)] = 1;
		run pinner();
		run forker()
	}
	verdict(2, !(accepted && decided))
}
