/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schedules: explores interleavings of every access of the implementations, and says which seed repeats what went wrong.
 *
 * One schedule is one run of a scenario in a child process, which is all that it can spoil. What a seed does it does again: a
 * failure is replayed a hundred times, and how often it failed is told. `--bugs` runs the planted bugs instead, or any
 * implementation that a bug was planted into, and tables how many seeds of each kind of schedule find them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capacitor/cache.h"
#include "coherence/coherence.h"
#include "harness/options.h"
#include "harness/progress.h"
#include "tests/schedules/scenarios.h"

#define REPLAYS          100
#define RUNNING_MAX      64
#define EXIT_NOT_STARTED 126 /* of a child that could not begin */
#define STEPS_MAX        3000000 /* accesses without a finished operation: it goes in circles */

/* Kinds of schedules, as they are tried. */
static const struct kind {
	const char *name;
	enum coherence_schedule schedule;
	unsigned quantum, pct_depth;
} kinds[] = {
	{"rand", COHERENCE_RAND, 3, 1},   {"pct", COHERENCE_PCT, 10, 3},
	{"coop", COHERENCE_COOP, 10, 1},  {"clock", COHERENCE_CLOCK, 10, 1}, {"rand1", COHERENCE_RAND, 1, 1},
	{"rand3", COHERENCE_RAND, 3, 1},  {"rand10", COHERENCE_RAND, 10, 1}, {"pct2", COHERENCE_PCT, 10, 2},
	{"pct3", COHERENCE_PCT, 10, 3},   {"pct5", COHERENCE_PCT, 10, 5},
};
#define KINDS       (sizeof(kinds) / sizeof(kinds[0]))
#define FIRST_TABLED 2 /* the first two are what is explored; the rest are the columns of the table */

enum { IMPL, SCENARIO, SCHEDULE, SCHEDULES, SECONDS, SEED, JOBS, BUGS, TABLE, LIST, HELP, OPTIONS };

static const struct options_known known[] = {
	[IMPL] = {"--impl", "NAMES", "implementations; default: ck_hs,rcu,rwlock,sharded"},
	[SCENARIO] = {"--scenario", "NAMES", "scenarios (--list); default: all"},
	[SCHEDULE] = {"--schedule", "NAMES",
		"rand, pct, coop, clock; rand1, rand3, rand10 (by quantum), pct2, pct3, pct5 (by depth);\ndefault: rand,pct"},
	[SCHEDULES] = {"--schedules", "N", "of each kind, for each scenario and implementation; default: 250"},
	[SECONDS] = {"--seconds", "S", "for all of them together: fewer schedules where they take longer; default: no limit"},
	[SEED] = {"--seed", "N", "the first; default: 1"},
	[JOBS] = {"--jobs", "N", "at a time; default: as many as processors"},
	[BUGS] = {"--bugs", NULL, "run the planted bugs; every one must be found by one kind of schedule at least"},
	[TABLE] = {"--table", NULL,
		"print a row of tabs for each scenario: how many seeds of each kind find a failure, and the\nfirst that does"},
	[LIST] = {"--list", NULL, "the scenarios and planted bugs"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

static struct {
	struct options_list impl, scenario, kind;
	uint64_t schedules, seed, jobs;
	double seconds;
	bool bugs, table;
	const struct scenario *scenarios;
} study = {.schedules = 250, .seed = 1, .seconds = 1e9, .scenarios = cache_scenarios};

/* What is run under many seeds. */
struct cell {
	const char *implementation; /* NULL: none */
	const struct scenario *scenario;
	const struct kind *kind;
};

struct outcome {
	uint64_t runs, failures, first_seed;
	int first_status;
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- One schedule ------------------------------------------------------------------------------------------------ */

static _Noreturn void play(const struct cell *cell, uint64_t seed, bool quiet)
{
	struct coherence_settings settings;
	char error[256];

	if (quiet && !freopen("/dev/null", "w", stderr))
		_exit(EXIT_NOT_STARTED);
	coherence_settings_init(&settings);
	settings.schedule = cell->kind->schedule;
	settings.quantum = cell->kind->quantum;
	settings.pct_depth = cell->kind->pct_depth;
	settings.pct_steps = cell->implementation ? 1500 : 150; /* about as many as they make */
	settings.seed = seed;
	settings.processors = 4;
	settings.watch_freed = cell->implementation != NULL;
	settings.idle_steps_max = STEPS_MAX;
	if (!coherence_start(&settings, error, sizeof(error))) {
		fprintf(stderr, "schedules: %s\n", error);
		_exit(EXIT_NOT_STARTED);
	}
	_exit(cell->scenario->run(cell->implementation, seed) ? 0 : 1);
}

static pid_t start(const struct cell *cell, uint64_t seed, bool quiet)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0)
		play(cell, seed, quiet);
	return child;
}

static int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* For what says nothing about the program under study: neither a failure nor a bug that was found. */
static _Noreturn void die(const char *why)
{
	progress_end();
	fflush(stdout);
	fprintf(stderr, "schedules: %s\n", why);
	exit(2);
}

static const char *status_text(int status)
{
	return status == 1                         ? "a check failed"
	       : status == COHERENCE_EXIT_FREED    ? "used memory after it was freed"
	       : status == COHERENCE_EXIT_HANG     ? "went in circles"
	       : status == COHERENCE_EXIT_DEADLOCK ? "deadlock"
	                                           : "died";
}

/* ---- Many -------------------------------------------------------------------------------------------------------- */

static struct outcome explore(const struct cell *cell, uint64_t seeds, double until_s)
{
	struct {
		pid_t child;
		uint64_t seed;
	} running[RUNNING_MAX];
	struct outcome outcome = {0};
	unsigned count = 0;
	uint64_t next = 0;

	while (count > 0 || next < seeds) {
		int status;
		pid_t ended;

		if (next < seeds && count < study.jobs) {
			if (next > 0 && now_s() > until_s) {
				seeds = next;
				continue;
			}
			running[count].seed = study.seed + next;
			running[count].child = start(cell, running[count].seed, true);
			if (running[count].child > 0) {
				count++;
				next++;
				continue;
			}
			if (count == 0) /* nobody's end makes room for it */
				die("no process can be started");
		}
		ended = wait(&status);
		for (unsigned i = 0; i < count; i++) {
			if (running[i].child != ended)
				continue;
			outcome.runs++;
			if (status_of(status) == EXIT_NOT_STARTED)
				die("the observatory could not be started");
			if (status != 0) {
				if (outcome.failures == 0 || running[i].seed < outcome.first_seed) {
					outcome.first_seed = running[i].seed;
					outcome.first_status = status_of(status);
				}
				outcome.failures++;
			}
			running[i] = running[--count];
			break;
		}
	}
	return outcome;
}

/* Does the seed do it again, every time? */
static unsigned replay(const struct cell *cell, uint64_t seed, int expected)
{
	unsigned same = 0;

	for (unsigned i = 0; i < REPLAYS; i++) {
		int status;
		pid_t child = start(cell, seed, i > 0);

		if (child > 0 && waitpid(child, &status, 0) == child)
			same += status_of(status) == expected;
	}
	return same;
}

static void name_cell(const struct cell *cell, char *text, size_t bytes)
{
	snprintf(text, bytes, "%s%s%s, %s", cell->implementation ? cell->implementation : "", cell->implementation ? ", " : "",
	         cell->scenario->name, cell->kind->name);
}

/* TAP. */
static bool report(const struct cell *cell, unsigned number, const struct outcome *outcome)
{
	char name[200];

	name_cell(cell, name, sizeof(name));
	progress_end();
	if (outcome->failures == 0) {
		printf("ok %u - %s: %" PRIu64 " schedules\n", number, name, outcome->runs);
		return true;
	}
	printf("not ok %u - %s: %" PRIu64 " of %" PRIu64 " schedules: %s; seed %" PRIu64 " does so in %u of %d replays\n"
	       "# again: schedules --impl %s --scenario %s --schedule %s --seed %" PRIu64 " --schedules 1\n",
	       number, name, outcome->failures, outcome->runs, status_text(outcome->first_status), outcome->first_seed,
	       replay(cell, outcome->first_seed, outcome->first_status), REPLAYS, cell->implementation, cell->scenario->name,
	       cell->kind->name, outcome->first_seed);
	return false;
}

static bool check_implementations(void)
{
	size_t cells = study.impl.count * study.scenario.count * study.kind.count, done = 0;
	double began_s = now_s();
	uint64_t runs = 0;
	bool good = true;

	printf("1..%zu\n", cells);
	for (size_t impl = 0; impl < study.impl.count; impl++) {
		for (size_t scenario = 0; scenario < study.scenario.count; scenario++) {
			for (size_t kind = 0; kind < study.kind.count; kind++) {
				struct cell cell = {options_implementations()[study.impl.item[impl]],
				                    &study.scenarios[study.scenario.item[scenario]], &kinds[study.kind.item[kind]]};
				struct outcome outcome;
				char name[200];

				name_cell(&cell, name, sizeof(name));
				progress_begin(cells, 0);
				progress_step(name);
				done++;
				outcome = explore(&cell, study.schedules, began_s + study.seconds * (double)done / (double)cells);
				runs += outcome.runs;
				good = report(&cell, (unsigned)done, &outcome) && good;
				fflush(stdout);
			}
		}
	}
	printf("# in all %" PRIu64 " schedules in %.0f s\n", runs, now_s() - began_s);
	return good;
}

/* ---- The table of planted bugs ----------------------------------------------------------------------------------- */

/* How many seeds of each kind find it, and the first: "174 (1)". */
static bool table_row(const char *name, const char *implementation, const struct scenario *scenario)
{
	uint64_t found = 0;

	printf("%s", name);
	for (size_t kind = FIRST_TABLED; kind < KINDS; kind++) {
		struct cell cell = {implementation, scenario, &kinds[kind]};
		struct outcome outcome = explore(&cell, study.schedules, 1e18);

		found += outcome.failures;
		printf("\t%" PRIu64, outcome.failures);
		if (outcome.failures > 0)
			printf(" (%" PRIu64 ")", outcome.first_seed);
		fflush(stdout);
	}
	printf("\n");
	return found > 0;
}

static void table_head(void)
{
	printf("bug");
	for (size_t kind = FIRST_TABLED; kind < KINDS; kind++)
		printf("\t%s", kinds[kind].name);
	printf("\n");
}

static bool table_implementations(void)
{
	bool found = false;

	table_head();
	for (size_t impl = 0; impl < study.impl.count; impl++) {
		const char *implementation = options_implementations()[study.impl.item[impl]];

		for (size_t scenario = 0; scenario < study.scenario.count; scenario++) {
			char name[200];

			snprintf(name, sizeof(name), "%s, %s", implementation, study.scenarios[study.scenario.item[scenario]].name);
			found = table_row(name, implementation, &study.scenarios[study.scenario.item[scenario]]) || found;
		}
	}
	return found;
}

/* Each is found, and its first seed finds it again every time: TAP, or the table. */
static bool check_bugs(void)
{
	bool good = true;
	unsigned number = 0;

	if (study.table)
		table_head();
	for (const struct scenario *bug = planted_bugs; bug->name; bug++) {
		struct outcome best = {0};
		const struct kind *by = NULL;

		number++;
		if (study.table) {
			good = table_row(bug->name, NULL, bug) && good;
			continue;
		}
		for (size_t kind = 0; kind < FIRST_TABLED; kind++) {
			struct cell cell = {NULL, bug, &kinds[kind]};
			struct outcome outcome = explore(&cell, study.schedules, 1e18);

			if (outcome.failures > best.failures) {
				best = outcome;
				by = &kinds[kind];
			}
		}
		if (!by) {
			printf("not ok %u - %s is not found in %" PRIu64 " schedules\n", number, bug->name, study.schedules);
			good = false;
		} else {
			struct cell cell = {NULL, bug, by};
			unsigned same;

			if (!freopen("/dev/null", "w", stderr))
				return false;
			same = replay(&cell, best.first_seed, best.first_status);
			printf("%s %u - %s is found by %" PRIu64 " of %" PRIu64 " schedules (%s): %s; seed %" PRIu64
			       " in %u of %d replays\n",
			       same == REPLAYS ? "ok" : "not ok", number, bug->name, best.failures, best.runs, by->name,
			       status_text(best.first_status), best.first_seed, same, REPLAYS);
			good = good && same == REPLAYS;
		}
	}
	return good;
}

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

static const char *kind_names[KINDS + 1], *scenario_names[16];

static bool set_option(const struct options_reader *reader, int option, char error[OPTIONS_ERROR_BYTES])
{
	switch (option) {
	case IMPL: return options_names("--impl", reader->value, options_implementations(), &study.impl, error);
	case SCENARIO: return options_names("--scenario", reader->value, scenario_names, &study.scenario, error);
	case SCHEDULE: return options_names("--schedule", reader->value, kind_names, &study.kind, error);
	case SCHEDULES: return options_number("--schedules", reader->value, 1, UINT64_C(1000000000), &study.schedules, error);
	case SECONDS: return options_seconds("--seconds", reader->value, 1, 1e6, &study.seconds, error);
	case SEED: return options_number("--seed", reader->value, 0, (UINT64_C(1) << 53) - 1, &study.seed, error);
	case JOBS: return options_number("--jobs", reader->value, 1, RUNNING_MAX, &study.jobs, error);
	case BUGS: study.bugs = true; break;
	case TABLE: study.table = true; break;
	default: break;
	}
	return true;
}

static void list(void)
{
	for (const struct scenario *scenario = cache_scenarios; scenario->name; scenario++)
		printf("%-16s %s\n", scenario->name, scenario->aim);
	printf("\nplanted bugs:\n");
	for (const struct scenario *bug = planted_bugs; bug->name; bug++)
		printf("%-16s %s\n", bug->name, bug->aim);
}

int main(int argc, char **argv)
{
	struct options_reader reader = {.command = "schedules", .known = known, .argc = argc, .argv = argv, .at = 1};
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	char error[OPTIONS_ERROR_BYTES];
	bool listing = false, good;
	int option;

	for (size_t i = 0; i < KINDS; i++)
		kind_names[i] = kinds[i].name;
	for (size_t i = 0; cache_scenarios[i].name; i++)
		scenario_names[i] = cache_scenarios[i].name;
	study.jobs = processors < 1 ? 1 : processors > RUNNING_MAX ? RUNNING_MAX : (uint64_t)processors;
	if (options_want_help(argc, argv)) {
		printf("usage: schedules [OPTION...]\n\nExplores interleavings of every access of the implementations.\n\n");
		options_print(stdout, known);
		return 0;
	}
	options_names("--impl", "ck_hs,rcu,rwlock,sharded", options_implementations(), &study.impl, error);
	options_names("--scenario", "all", scenario_names, &study.scenario, error);
	options_names("--schedule", "rand,pct", kind_names, &study.kind, error);
	while ((option = options_read(&reader)) >= 0) {
		listing = listing || option == LIST;
		if (!set_option(&reader, option, error)) {
			fprintf(stderr, "%s\n", error);
			return 2;
		}
	}
	if (option == OPTIONS_ERROR) {
		fprintf(stderr, "%s\n", reader.error);
		return 2;
	}
	if (listing)
		return list(), 0;
	good = study.bugs ? check_bugs() : study.table ? table_implementations() : check_implementations();
	return good ? 0 : 1;
}
