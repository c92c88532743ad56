// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mutants of the walker, and the cases that must notice them. The program is
 * compiled with workbench/mutants/walk.patch. race_walker selects the mutant.
 */
#include "race.h"
#include <linux/lockless_walk_mutant.h>

const struct race_mutant race_more_mutants[] = {
	{ "the walk does not read the entries again", "pte folio edit",
	  .walker = MUTANT_no_pte_reread },
	{ "the walk does not read the PMD again", "pmd pmd-leaf move-pmd",
	  .walker = MUTANT_no_pmd_reread },
	{ "the walk does not read the PUD again", "pud pud-leaf move-pud",
	  .walker = MUTANT_no_pud_reread },
	{ "the walk does not read the P4D again", "p4d", .walker = MUTANT_no_p4d_reread },
	{ "the walk does not read the PGD again", "pgd", .walker = MUTANT_no_pgd_reread },
	{ "the walk reads the entry again before the path", "edit",
	  .walker = MUTANT_entry_before_path },
	{ "the walk does not look again after a look at the folio", "secretmem hugetlb hugetlb-leaf",
	  .walker = MUTANT_no_look_again },
	{ },
};

/* At least as long as an update may take. */
void lockless_walk_mutant_delay(void)
{
	static __thread u64 seed = 1;

	race_spin(harness_random(&seed) % 4096);
}

/* Updates come all the time here. */
void lockless_walk_mutant_await(void)
{
}
