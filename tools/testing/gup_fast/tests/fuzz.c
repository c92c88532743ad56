// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer generates the cases. It looks for bytes that reach new code in the
 * walker or in the strikes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "case.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct case_spec spec;
	const char *wrong;

	if (!vmemmap)
		case_init();
	case_decode(&spec, data, size);
	wrong = case_check(&spec);
	if (!wrong)
		return 0;
	printf("not ok - %s\n", wrong);
	case_minimise(&spec);
	printf("# smallest case, run it with corpus:\n");
	case_print(&spec);
	fflush(stdout);
	abort();
}
