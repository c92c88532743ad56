// SPDX-License-Identifier: GPL-2.0-only
/*
 * Race walkers against an updater on real CPUs.
 *
 * With the sound protocol no pin may be stale. A pin is stale if the page was
 * reused while we held the pin, or was moved away from our address before we took
 * it. Each page records where it is mapped. Then each step of the protocol is left
 * out in turn, and the test must notice that. Output is TAP.
 *
 * Each run is a separate process, because a walk in a freed table crashes.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "race.h"
#include "../../../../mm/gup_fast.h"
#include "../../../../mm/lockless_walk_debug.h"

#define MAX_WALKERS	2
#define PATIENCE	30	/* seconds */

enum { EXIT_CLEAN, EXIT_IDLE = 3, EXIT_STALE, EXIT_CRASHED };

enum race_switch race_switch;
int race_walker;
struct mm_struct race_mm;
unsigned int race_clock = 1;
u64 race_seed = 1;
struct race_home race_home[RACE_PFNS];
unsigned long race_content[RACE_PFNS];

static const struct race_case *race;
static bool stop, stale;
static char stale_why[100];
static unsigned long walks, pins, updates, refused;

struct walker {
	pthread_t thread;
	u64 seed;
	unsigned int clock;		/* race_clock before the first reference */
	bool clock_read;
};

static __thread struct walker *self;

void race_spin(unsigned int loops)
{
	while (loops--)
		asm volatile("" ::: "memory");
}

/* Usually no delay, sometimes a short one, rarely a long one. */
static void dither(u64 *seed)
{
	u64 r = harness_random(seed);

	if (race->tight)
		return;
	if (r % 4 == 0)
		race_spin(r / 64 % 256);
	if (r % 64 == 1)
		race_spin(r / 64 % 8192);
}

static void hook_step(void)
{
	dither(&self->seed);
}

static void hook_delay(int window)
{
	if (window == LOCKLESS_WALK_WINDOW_READ && !self->clock_read) {
		self->clock = __atomic_load_n(&race_clock, __ATOMIC_SEQ_CST);
		self->clock_read = true;
	}
	dither(&self->seed);
}

static void report(const char *what, unsigned long pfn, unsigned int where)
{
	if (__atomic_exchange_n(&stale, true, __ATOMIC_SEQ_CST))
		return;
	snprintf(stale_why, sizeof(stale_why), "%s: frame %lu for page %u", what, pfn, where);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
}

static struct race_home home_of(unsigned long pfn)
{
	struct race_home home;

	__atomic_load(&race_home[pfn], &home, __ATOMIC_SEQ_CST);
	return home;
}

/*
 * We have a pin on @pfn for the page @where. The page must still be there. If pages
 * may move with their pins, it may have left after we began to take references.
 */
static void check_home(unsigned long pfn, unsigned int where)
{
	struct race_home home = home_of(pfn);

	if (home.where == where)
		return;
	if (race->moves && home.since > self->clock)
		return;
	report(race->moves ? "pinned where it was not any more" : "put to another use while pinned",
	       pfn, where);
}

static void check_pins(struct page **pages, unsigned long nr, unsigned int first)
{
	unsigned long before[RACE_PAGES], i;

	for (i = 0; i < nr; i++) {
		check_home(page_to_pfn(pages[i]), first + i);
		before[i] = race_content[page_to_pfn(pages[i])];
	}
	dither(&self->seed);
	for (i = 0; i < nr; i++) {
		check_home(page_to_pfn(pages[i]), first + i);
		if (!race->moves && race_content[page_to_pfn(pages[i])] != before[i])
			report("written while pinned", page_to_pfn(pages[i]), first + i);
	}
}

static void walk_once(struct walker *w)
{
	unsigned int first = race->tight ? 0 : harness_random(&w->seed) % RACE_PAGES;
	unsigned int nr = race->tight ? 1 : harness_random(&w->seed) % (RACE_PAGES - first) + 1;
	bool there = race->moves && harness_random(&w->seed) & 1;
	unsigned long addr = RACE_ADDR + first * PAGE_SIZE, taken;
	struct page *pages[RACE_PAGES];

	if (there)
		addr += 1UL << level_shift(race->level);
	w->clock_read = false;
	taken = gup_fast(addr, addr + nr * PAGE_SIZE,
			 FOLL_PIN | (race->read_only ? 0 : FOLL_WRITE), pages);
	check_pins(pages, taken, first + (there ? RACE_B : 0));
	gup_fast_unpin_user_pages(pages, taken);
	__atomic_fetch_add(&pins, taken, __ATOMIC_RELAXED);
}

static void use_cpu(int nth)
{
	cpu_set_t all, one;
	int cpu;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	nth %= CPU_COUNT(&all);
	for (cpu = 0; !CPU_ISSET(cpu, &all) || nth--; cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

static void *walker(void *arg)
{
	self = arg;
	harness_task.mm = &race_mm;
	harness_thread = 1 + self->seed % 100;
	harness_hooks.step = hook_step;
	harness_hooks.delay = hook_delay;
	harness_hooks.unprotected = race_switch == WALK_NO_READER;
	use_cpu(harness_thread);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		walk_once(self);
		__atomic_fetch_add(&walks, 1, __ATOMIC_RELAXED);
		dither(&self->seed);
	}
	return NULL;
}

/* Did walks and updates overlap? A refused update proves it. */
static bool met(void)
{
	return __atomic_load_n(&pins, __ATOMIC_RELAXED) && updates && (refused || race->moves);
}

/* Run longer if they did not overlap by then, because the machine is busy. */
static void update_for(double seconds)
{
	u64 end = harness_ns() + seconds * 1e9, last = end + PATIENCE * 1e9;

	use_cpu(0);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		unsigned int i;

		for (i = 0; i < 64; i++) {
			bool done;

			__atomic_add_fetch(&race_clock, 1, __ATOMIC_SEQ_CST);
			done = race->update(race);
			updates += done;
			refused += !done;
			dither(&race_seed);
		}
		if (harness_ns() > (met() ? end : last))
			__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	}
}

static void crashed(int sig)
{
	static const char message[] = "a walk in a freed table";

	(void)!write(STDOUT_FILENO, message, sizeof(message) - 1);
	_exit(EXIT_CRASHED);
}

static void child(double seconds)
{
	static struct walker walkers[MAX_WALKERS];
	unsigned int i, nr = race->tight ? 1 : MAX_WALKERS;

	/* A poisoned address raises SIGSEGV or SIGBUS, depending on the base register. */
	if (race_switch || race_walker) {
		signal(SIGSEGV, crashed);
		signal(SIGBUS, crashed);
	}
	tables_init(256, RACE_PFNS);
	race->setup(race);
	for (i = 0; i < nr; i++) {
		walkers[i].seed = (i + 1) * 100 + i;
		if (pthread_create(&walkers[i].thread, NULL, walker, &walkers[i]))
			die("no thread");
	}
	update_for(seconds);
	for (i = 0; i < nr; i++)
		pthread_join(walkers[i].thread, NULL);
	if (!stale && harness_warnings)
		report("a reference too few", 0, 0);
	if (stale)
		printf("%s", stale_why);
	else
		printf("%lu walks, %lu pins, %lu updates, %lu refused",
		       walks, pins, updates, refused);
	exit(stale ? EXIT_STALE : met() ? EXIT_CLEAN : EXIT_IDLE);
}

static char said[200];

static int run(const struct race_case *c, const struct race_mutant *m, double seconds)
{
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	fflush(stdout);
	if (pipe(fds))
		die("no pipe");
	pid = fork();
	if (!pid) {
		race = c;
		race_switch = m ? m->which : RACE_SOUND;
		race_walker = m ? m->walker : 0;
		dup2(fds[1], STDOUT_FILENO);
		child(seconds);
	}
	close(fds[1]);
	n = read(fds[0], said, sizeof(said) - 1);
	said[max(n, 0)] = 0;
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid)
		die("no child");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Steps of the updater, and the reader section of the walk, which the test provides. */
static const struct race_mutant mutants[] = {
	{ "the walk is not a reader section", "free-pte free-pmd", WALK_NO_READER },
	{ "no barrier between clearing and counting", "pte-tight", UPDATE_NO_BARRIER },
	{ "counted before clearing", "pte pmd pud share", UPDATE_COUNT_FIRST },
	{ "not counted", "pte folio share pmd pmd-leaf pud pud-leaf p4d pgd edit",
	  UPDATE_NO_COUNT },
	{ "attached before edited", "edit", UPDATE_EDIT_LATE },
	{ "freed without a grace period", "free-pte free-pmd", UPDATE_FREE_EARLY },
	{ "moved before it is gone from the old place", "move-pmd move-pud",
	  UPDATE_MOVE_EARLY },
	{ },
};

static const char *const unobservable[] = {
	"smp_rmb() between two levels: x86 does not reorder reads, the barrier is no instruction",
	"the release of an attaching store: x86 does not reorder writes, it is no instruction",
	"the barrier in taking a reference: x86 has no atomic operation without it",
};

static unsigned int tests, failures;

static void result(bool ok, const char *name, const char *comment)
{
	printf("%sok %u - %s: %s\n", ok ? "" : "not ", ++tests, name, comment);
	failures += !ok;
}

static bool named(const char *list, const char *name)
{
	const char *at = strstr(list, name);
	size_t n = strlen(name);

	for (; at; at = strstr(at + 1, name))
		if ((at == list || at[-1] == ' ') && (!at[n] || at[n] == ' '))
			return true;
	return false;
}

static void mutant(const struct race_mutant *m, const struct race_case *c)
{
	u64 start = harness_ns();
	int status = run(c, m, PATIENCE);
	char name[120], comment[300];

	snprintf(name, sizeof(name), "%s, noticed by %s", m->what, c->name);
	snprintf(comment, sizeof(comment), "after %llu ms, %s",
		 (unsigned long long)(harness_ns() - start) / 1000000, said);
	result(status == EXIT_STALE || status == EXIT_CRASHED, name, comment);
}

bool race_sound(double seconds, const char *only)
{
	unsigned int i;

	for (i = 0; i < nr_race_cases; i++) {
		const struct race_case *c = &race_cases[i];

		if (!only || !strcmp(only, c->name))
			result(run(c, NULL, seconds) == EXIT_CLEAN, c->name, said);
	}
	return !failures;
}

static void mutants_of(const struct race_mutant *m, const char *only)
{
	unsigned int i;

	for (; m && m->what; m++)
		for (i = 0; i < nr_race_cases; i++) {
			const struct race_case *c = &race_cases[i];

			if ((!only || !strcmp(only, c->name)) && named(m->cases, c->name))
				mutant(m, c);
		}
}

bool race_mutants(const char *only)
{
	unsigned int i;

	mutants_of(race_more_mutants, only);
	mutants_of(mutants, only);
	for (i = 0; !only && i < ARRAY_SIZE(unobservable); i++)
		printf("ok %u - # SKIP not observable here: %s\n", ++tests, unobservable[i]);
	return !failures;
}

unsigned int race_plan(void)
{
	printf("1..%u\n", tests);
	return tests;
}
