// SPDX-License-Identifier: GPL-2.0-only
/*
 * gup_fast cases N [SEED]: run random cases through the walker and a reference.
 * gup_fast corpus [FILE]: run the cases in a file, one line of hexadecimal bytes each.
 * gup_fast race [SECONDS [CASE]]: race walkers against an updater, and then again with
 *	each step of the protocol left out. "sound" and "mutants" select one half.
 *
 * A case that fails is minimised and printed as such a line.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "case.h"
#include "race.h"

static struct case_spec spec;
static u64 seed;

/* Make sanitizers abort, so that the failing case is printed. */
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
	printf("not ok - signal %d stopped this case, run it with corpus:\n", sig);
	case_print(&spec);
	fflush(stdout);
	_exit(1);
}

static int failed(const char *wrong)
{
	struct case_spec small = spec;

	printf("not ok - %s\n", wrong);
	case_minimise(&small);
	printf("# smallest case, run it with corpus: %s\n", case_check(&small));
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

static int cases(int argc, char **argv)
{
	case_init();
	signal(SIGABRT, died);
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : harness_ns();
	seed += !seed;
	return random_cases(argc ? strtoull(argv[0], NULL, 0) : 200000);
}

static int corpus(int argc, char **argv)
{
	FILE *f = argc ? fopen(argv[0], "r") : stdin;

	if (!f)
		die("no file %s", argv[0]);
	case_init();
	signal(SIGABRT, died);
	return cases_from(f);
}

static int races(int argc, char **argv, bool sound, bool mutants)
{
	double seconds = argc ? atof(argv[0]) : 1;
	const char *only = argc > 1 ? argv[1] : NULL;
	bool ok = true;

#ifdef __SANITIZE_THREAD__
	mutants = false; /* TSan reports each of them */
#endif
	if (sound)
		ok &= race_sound(seconds, only);
	if (mutants)
		ok &= race_mutants(only);
	return !race_plan() || !ok;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	argc -= 2;
	argv += 2;
	if (!strcmp(what, "cases"))
		return cases(argc, argv);
	if (!strcmp(what, "corpus"))
		return corpus(argc, argv);
	if (!strcmp(what, "race"))
		return races(argc, argv, true, true);
	if (!strcmp(what, "sound"))
		return races(argc, argv, true, false);
	if (!strcmp(what, "mutants"))
		return races(argc, argv, false, true);
	die("cases, corpus, or race?");
}
