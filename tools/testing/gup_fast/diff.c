// SPDX-License-Identifier: GPL-2.0-only
/*
 * diff CASES [SEED]: run random cases through both walkers, and compare.
 * diff -c [FILE]: run the cases in a file, a line of hexadecimal bytes each.
 *
 * A case that fails is made smaller and printed as such a line.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "case.h"

static struct case_spec spec;
static u64 seed;

/* Sanitizers abort: say with which case. */
const char *__asan_default_options(void)
{
	return "abort_on_error=1:handle_segv=1";
}

const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

static void died(int sig)
{
	printf("not ok - signal %d stopped this case, run it with -c:\n", sig);
	case_print(&spec);
	fflush(stdout);
	_exit(1);
}

static int failed(const char *wrong)
{
	struct case_spec small = spec;

	printf("not ok - %s\n", wrong);
	case_minimise(&small);
	printf("# smallest case, run it with -c: %s\n", case_check(&small));
	case_print(&small);
	return 1;
}

static int totals(void)
{
	printf("ok - %lu cases: %lu pages, %lu cases got all they asked for, %lu nothing; %lu were struck\n",
	       case_totals.cases, case_totals.pages, case_totals.full,
	       case_totals.refused, case_totals.struck);
	return !case_totals.cases;
}

static int random_cases(unsigned long nr)
{
	printf("# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	while (nr--) {
		const char *wrong;

		case_random(&spec, &seed);
		wrong = case_check(&spec);
		if (wrong)
			return failed(wrong);
	}
	return totals();
}

static int cases_from(FILE *file)
{
	char line[2 * sizeof(spec) + 2];
	u8 data[sizeof(spec)];

	while (fgets(line, sizeof(line), file)) {
		const char *wrong;
		size_t n = 0;

		while (n < sizeof(data) && sscanf(line + 2 * n, "%2hhx", &data[n]) == 1)
			n++;
		if (line[0] == '#')
			continue;
		case_decode(&spec, data, n);
		wrong = case_check(&spec);
		if (wrong)
			return failed(wrong);
	}
	return totals();
}

int main(int argc, char **argv)
{
	const char *file = argc > 2 ? argv[2] : "/dev/stdin";

	if (argc < 2)
		die("how many cases?");
	case_init();
	signal(SIGABRT, died);
	if (!strcmp(argv[1], "-c")) {
		FILE *f = fopen(file, "r");

		if (!f)
			die("no file %s", file);
		return cases_from(f);
	}
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : harness_ns();
	seed += !seed;
	return random_cases(strtoull(argv[1], NULL, 0));
}
