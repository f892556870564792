/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor profile`: where the time, the memory and the waiting go.
 *
 * bench is run again and again, without a profiler and under one of each kind in turn: so the plain runs, which say what a
 * profiler costs, saw the same machine. All windows of a kind are put together before anything is drawn.
 */
#include "harness/profile.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "build_info.h"
#include "harness/commands.h"
#include "harness/environment.h"
#include "harness/plan.h"
#include "harness/progress.h"
#include "harness/results.h"
#include "harness/team.h"

const char *const profile_kinds[] = {"cpu", "heap", "locks", "offcpu", "plain", NULL};

#define SECONDS_DEFAULT   5.0
#define ROUNDS_DEFAULT    5
#define FREQUENCY_DEFAULT 1000
#define RUN_OVERHEAD_S    0.5 /* of a run of bench beside its window: for the estimate of the time only */

/* ---- Options ----------------------------------------------------------------------------------------------------- */

enum {
	IMPL, SECONDS, ROUNDS, KINDS, FUNCTION, SAMPLER, FREQUENCY, SEED, OUT,
	/* For bench, as they are. */
	SUITE, THREADS, MIX, KEYS, KEY_SIZE, VALUE_SIZE, SKEW, CAPACITY, POLICY, COUNTERS, HASH, WARMUP, FILL,
	HELP, OPTIONS
};

static const struct options_known known[] = {
	[IMPL] = {"--impl", "NAMES", "implementations (see capacitor list), or all; default: rwlock,sharded,rcu,ck_hs"},
	[SECONDS] = {"--seconds", "TIME", "how long each point is watched by each kind, all rounds together, 100ms to 1h; "
	             "default: 5s"},
	[ROUNDS] = {"--rounds", "N", "in so many runs, in turn with plain ones, 1 to 100; default: 5"},
	[KINDS] = {"--kinds", "NAMES", "cpu, heap, locks, offcpu, or all; default: all"},
	[FUNCTION] = {"--function", "NAME", "whose source is shown with the samples of each line; default: the function of the\n"
		"library that has most of its own"},
	[SAMPLER] = {"--sampler", "NAME", "cpu: gperftools, or perf (record, with cpu-clock, user code only); default: gperftools"},
	[FREQUENCY] = {"--frequency", "N", "cpu: samples a second of processor time that are asked for, 1 to 4000; the "
	               "kernel's tick\n"
		"limits gperftools' to some hundreds per thread; default: 1000"},
	[SEED] = {"--seed", "N", "round r (from 0) draws keys and operations from N + r; default: 1"},
	[OUT] = {"--out", "FOLDER", "new or empty; default: results/profile-<time>-<commit>"},
	[SUITE] = {"--suite", "NAME", "this and all that follow are bench's: see capacitor bench --help"},
	[THREADS] = {"--threads", "NUMBERS", "default here, without a suite: all processors"},
	[MIX] = {"--mix", "MIXES", ""},
	[KEYS] = {"--keys", "NUMBERS", ""},
	[KEY_SIZE] = {"--key-size", "SIZES", ""},
	[VALUE_SIZE] = {"--value-size", "SIZES", ""},
	[SKEW] = {"--skew", "NUMBERS", ""},
	[CAPACITY] = {"--capacity", "SIZES", ""},
	[POLICY] = {"--policy", "NAMES", ""},
	[COUNTERS] = {"--counters", "NAMES", ""},
	[HASH] = {"--hash", "NAMES", ""},
	[WARMUP] = {"--warmup", "TIME", ""},
	[FILL] = {"--fill", "YES-OR-NO", ""},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

static void print_help(void)
{
	puts("usage: capacitor profile [OPTION...]\n\n"
	     "Runs points of bench under profilers and writes, for each implementation, lists of functions, tables (TSV), call "
	     "graphs\n"
	     "and flame graphs (SVG), the annotated source of one function, and a page, index.html, that ties them together. With\n"
	     "several points (a suite, lists), the profile of an implementation is that of all of them together.\n\n"
	     "Every kind has runs of its own, in turn with plain runs; the profiler is on in the measured windows only. What "
	     "it costs\n"
	     "is shown beside what it found. (Of a mix of deletes only, putting the keys back is in the window, too.)\n");
	options_print(stdout, known);
	puts("\nKinds:\n"
	     "  cpu     where threads run: gperftools' sampling by processor time, all threads, no performance counters needed\n"
	     "  heap    which calls allocate, how much in total, and how much is still held when the window closes\n"
	     "  locks   which lock, taken and waited for how often, how long, and from where\n"
	     "  offcpu  where threads sleep: 200 times a second, whoever is asleep writes down its stack. How long threads "
	     "ran, were\n"
	     "          ready but had no processor, and slept is the kernel's count. Being ready without a processor "
	     "(preemption) has\n"
	     "          no stacks. Sleeps that end between the look and the stack (some 10 us) are a little under-represented;\n"
	     "          threads made within a window are not seen.\n\n"
	     "Tools (make profile installs them): libgoogle-perftools4, graphviz, libdevel-nytprof-perl (flamegraph.pl), "
	     "linux-perf.\n"
	     "What is missing is said, with its package, and the rest is done.");
}

static bool read_kinds(struct profile *profile, const char *text)
{
	static const char *const names[] = {"cpu", "heap", "locks", "offcpu", NULL};
	struct options_list list;

	if (!options_names("--kinds", text, names, &list, profile->error))
		return false;
	memset(profile->kind, 0, sizeof profile->kind);
	for (size_t i = 0; i < list.count; i++)
		profile->kind[list.item[i]] = true;
	return true;
}

static bool read_option(struct profile *profile, int option, const char *text)
{
	static const char *const samplers[] = {"gperftools", "perf", NULL};
	const char *name = known[option].name;
	size_t index;

	switch (option) {
	case IMPL:
		return options_names(name, text, options_implementations(), &profile->impl, profile->error);
	case SECONDS:
		return options_seconds(name, text, 0.1, 3600, &profile->seconds, profile->error);
	case ROUNDS:
		return options_number(name, text, 1, PROFILE_ROUNDS_MAX, &profile->rounds, profile->error);
	case KINDS:
		return read_kinds(profile, text);
	case FUNCTION:
		profile->function = text;
		return true;
	case SAMPLER:
		if (!options_name(name, text, samplers, &index, profile->error))
			return false;
		profile->perf = index == 1;
		return true;
	case FREQUENCY:
		return options_number(name, text, 1, 4000, &profile->frequency, profile->error);
	case SEED:
		return options_number(name, text, 0, UINT64_C(1) << 52, &profile->seed, profile->error);
	case OUT:
		profile->out = text;
		return true;
	default:
		profile->bench[profile->bench_count++] = name;
		profile->bench[profile->bench_count++] = text;
		return true;
	}
}

static bool read_options(struct profile *profile, int argc, char **argv)
{
	struct options_reader reader = {.command = "profile", .known = known, .argc = argc, .argv = argv, .at = 1};
	static char processors[16];
	bool given[OPTIONS] = {false};
	int option;

	profile->seconds = SECONDS_DEFAULT;
	profile->rounds = ROUNDS_DEFAULT;
	profile->frequency = FREQUENCY_DEFAULT;
	profile->seed = 1;
	if (!read_kinds(profile, "all"))
		return false;
	while ((option = options_read(&reader)) != OPTIONS_END) {
		if (option == OPTIONS_ERROR) {
			memcpy(profile->error, reader.error, sizeof profile->error);
			return false;
		}
		if (given[option]) {
			snprintf(profile->error, sizeof profile->error, "%s is given twice", known[option].name);
			return false;
		}
		given[option] = true;
		if (!read_option(profile, option, reader.value))
			return false;
	}
	if (!given[THREADS] && !given[SUITE]) {
		snprintf(processors, sizeof processors, "%u", team_processors());
		profile->bench[profile->bench_count++] = "--threads";
		profile->bench[profile->bench_count++] = processors;
	}
	if (profile->seconds / (double)profile->rounds < 0.01) {
		snprintf(profile->error, sizeof profile->error, "--seconds %g in %" PRIu64 " rounds makes windows of less than "
		         "10 ms; give "
		         "more seconds or fewer rounds", profile->seconds, profile->rounds);
		return false;
	}
	return given[IMPL] || read_option(profile, IMPL, "rwlock,sharded,rcu,ck_hs");
}

/* ---- Where things are -------------------------------------------------------------------------------------------- */

static bool fail(struct profile *profile, const char *what, const char *why)
{
	snprintf(profile->error, sizeof profile->error, "%.300s: %.180s", what, why);
	return false;
}

/* The repository: the nearest folder above the program with sources of the library in it, or where the program should be. */
static bool find_root(struct profile *profile)
{
	char path[PROFILE_PATH_BYTES + 16];
	char *slash;

	snprintf(profile->root, sizeof profile->root, "%s", profile->program);
	while ((slash = strrchr(profile->root, '/')) && slash > profile->root) {
		*slash = '\0';
		snprintf(path, sizeof path, "%s/impl", profile->root);
		if (access(path, F_OK) == 0 && strstr(profile->root, "/bugs/") == NULL && strstr(profile->root, "/build/") == NULL)
			return true;
	}
	return plan_root(profile->root, sizeof profile->root);
}

/* This program, the one that records locks beside it, and the repository. */
static bool find_programs(struct profile *profile)
{
	ssize_t length = readlink("/proc/self/exe", profile->program, sizeof profile->program - 1);
	char *slash;

	if (length <= 0)
		return fail(profile, "/proc/self/exe", strerror(errno));
	profile->program[length] = '\0';
	if (!find_root(profile))
		return fail(profile, profile->program, "it does not lie in build/<configuration>/ of a repository");
	slash = strrchr(profile->program, '/');
	snprintf(profile->traced, sizeof profile->traced, "%.*s/traced", (int)(slash - profile->program), profile->program);
	return true;
}

static bool is_empty(const char *path)
{
	DIR *folder = opendir(path);
	size_t entries = 0;

	while (folder && readdir(folder))
		entries++;
	if (folder)
		closedir(folder);
	return folder && entries <= 2;
}

/* The folder, not yet made. False: there is something in it, or it cannot be. */
static bool choose_folder(struct profile *profile)
{
	time_t now = time(NULL);
	struct stat status;
	struct tm utc;

	gmtime_r(&now, &utc);
	if (profile->out)
		snprintf(profile->folder, sizeof profile->folder, "%.3500s", profile->out);
	else
		snprintf(profile->folder, sizeof profile->folder, "%.3400s/results/profile-%04d%02d%02dT%02d%02d%02dZ-%s%s",
		         profile->root, utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
		         BUILD_COMMIT, strcmp(BUILD_DIRTY, "yes") == 0 ? "-dirty" : "");
	if (stat(profile->folder, &status) != 0)
		return true;
	if (!S_ISDIR(status.st_mode))
		return fail(profile, profile->folder, "--out is no folder");
	return is_empty(profile->folder) || fail(profile, profile->folder, "--out is not empty; give a new folder");
}

static bool make_folder(struct profile *profile)
{
	char path[PROFILE_PATH_BYTES + 16];
	json_t *environment;
	char *text;
	bool fine;

	snprintf(path, sizeof path, "%s/raw", profile->folder);
	if (!results_make_folder(path, profile->error, sizeof profile->error))
		return false;
	environment = environment_json();
	text = environment ? json_dumps(environment, JSON_INDENT(1)) : NULL;
	snprintf(path, sizeof path, "%s/env.json", profile->folder);
	fine = text ? results_write_file(path, text, strlen(text), profile->error, sizeof profile->error)
	            : fail(profile, path, "no memory");
	free(text);
	json_decref(environment);
	return fine;
}

/* ---- All runs ---------------------------------------------------------------------------------------------------- */

static bool prepare_subjects(struct profile *profile)
{
	profile->names = names_open();
	if (!profile->names)
		return fail(profile, "profile", "no memory");
	for (size_t i = 0; i < profile->subjects; i++) {
		for (unsigned kind = 0; kind < PROFILE_KINDS; kind++)
			profile->subject[i].result[kind].wanted = profile->kind[kind];
		profile->subject[i].result[PROFILE_PLAIN].wanted = true;
	}
	return true;
}

static bool is_run(const struct profile_subject *subject, unsigned kind)
{
	const struct profile_result *result = &subject->result[kind];

	return result->wanted && !result->unavailable[0] && !(kind == PROFILE_LOCKS && result->locks_by_label);
}

static void run_all(struct profile *profile)
{
	size_t steps = 0, points = 0;
	char text[128];

	for (size_t i = 0; i < profile->subjects; i++)
		for (unsigned kind = 0; kind <= PROFILE_PLAIN; kind++)
			if (is_run(&profile->subject[i], kind)) {
				steps++;
				points += profile->subject[i].points;
			}
	steps *= profile->rounds;
	points *= profile->rounds;
	progress_begin(steps, (double)points * (RUN_OVERHEAD_S + 1.5 * profile->seconds / (double)profile->rounds));
	for (unsigned round = 0; round < profile->rounds; round++)
		for (size_t i = 0; i < profile->subjects; i++)
			for (unsigned turn = 0; turn <= PROFILE_PLAIN; turn++) {
				unsigned kind = (turn + round) % (PROFILE_PLAIN + 1);

				if (!is_run(&profile->subject[i], kind))
					continue;
				snprintf(text, sizeof text, "round %u: %s, %s", round + 1, profile->subject[i].implementation,
				         profile_kinds[kind]);
				progress_step(text);
				profile_run(profile, &profile->subject[i], kind, round);
			}
	progress_end();
}

/* One line for each kind; the exit status: a plain run that failed is a failure, a kind that cannot be had is not. */
static int report(const struct profile *profile)
{
	bool failed = false;

	for (size_t i = 0; i < profile->subjects; i++) {
		const struct profile_subject *subject = &profile->subject[i];

		if (subject->result[PROFILE_PLAIN].unavailable[0]) {
			fprintf(stderr, "capacitor profile: %s: %s\n", subject->implementation,
			        subject->result[PROFILE_PLAIN].unavailable);
			failed = true;
		}
		for (unsigned kind = 0; kind < PROFILE_KINDS; kind++) {
			const struct profile_result *result = &subject->result[kind];

			if (!result->wanted)
				continue;
			printf("%-10s %-7s ", subject->implementation, profile_kinds[kind]);
			if (result->unavailable[0])
				printf("unavailable: %s\n", result->unavailable);
			else if (result->overhead.median > 0)
				printf("costs x %.3f. %s\n", result->overhead.median, result->note);
			else
				printf("%s\n", result->note);
			for (size_t v = 0; v < result->views; v++)
				if (result->view[v].pictures[0])
					printf("%-10s %-7s %s\n", subject->implementation, result->view[v].name,
					       result->view[v].pictures);
		}
	}
	printf("%s/index.html\n", profile->folder);
	return failed ? COMMAND_FAIL : COMMAND_OK;
}

static void clean_up(struct profile *profile)
{
	for (size_t i = 0; profile->subject && i < profile->subjects; i++) {
		struct profile_subject *subject = &profile->subject[i];

		for (unsigned kind = 0; kind <= PROFILE_PLAIN; kind++) {
			json_decref(subject->result[kind].facts);
			for (size_t v = 0; v < subject->result[kind].views; v++)
				stacks_free(subject->result[kind].view[v].stacks);
		}
		for (size_t point = 0; point < subject->points; point++)
			free(subject->point[point]);
		free(subject->point);
	}
	free(profile->subject);
	names_close(profile->names);
}

int profile_command(int argc, char **argv)
{
	static struct profile profile;
	int status = COMMAND_FAIL;
	bool fine;

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	memset(&profile, 0, sizeof profile);
	if (!read_options(&profile, argc, argv) || !find_programs(&profile) || !choose_folder(&profile)) {
		fprintf(stderr, "capacitor profile: %s\n", profile.error);
		return COMMAND_USAGE;
	}
	if (!profile_try_options(&profile)) {
		clean_up(&profile);
		return COMMAND_USAGE;
	}
	fine = prepare_subjects(&profile) && make_folder(&profile);
	if (fine) {
		profile_look_for_tools(&profile);
		run_all(&profile);
	}
	for (size_t i = 0; fine && i < profile.subjects; i++)
		fine = profile_write(&profile, &profile.subject[i]);
	fine = fine && profile_write_page(&profile);
	if (fine)
		status = report(&profile);
	else
		fprintf(stderr, "capacitor profile: %s\n", profile.error);
	clean_up(&profile);
	return status;
}
