/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor bench`: caches under generated operations.
 *
 * Every option is a list; the points are all combinations. The implementation varies fastest, so that neighbours in
 * time are what is compared, and share the streams of operations that were drawn. Combinations that mean nothing (a
 * policy that an implementation does not have, several threads in one that is for one) are left out, with one line
 * each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/bench.h"
#include "harness/commands.h"
#include "harness/options.h"
#include "harness/point.h"
#include "harness/sweep.h"
#include "harness/team.h"
#include "harness/workload.h"

#define KEYS_AUTO_BYTES   ((size_t)256 << 20)
#define KEYS_AUTO_MAX     100000
#define KEYS_AUTO_MIN     16
#define POINTS_MAX        20000
#define REPETITIONS_MAX   1000
#define SKEW_MAX          2.0
#define CAPACITY_MAX      ((uint64_t)1 << 62)
#define SEED_MAX          ((UINT64_C(1) << 53) - 1 - REPETITIONS_MAX) /* JSON's numbers are exact up to 2^53 */

/* What a point costs besides its windows: threads, streams, filling. For the estimate of the time only. */
#define POINT_OVERHEAD_S 0.15

enum {
	IMPL, THREADS, VALUE_SIZE, MIX, SKEW, KEYS, KEY_SIZE, CAPACITY, POLICY, COUNTERS, HASH, SUITE, SECONDS, WARMUP,
	REPETITIONS, SEED, FILL, SAMPLE_EVERY, FUTEX_CALLS, OUT, HELP, OPTIONS
};

static const struct options_known known[] = {
	[IMPL] = {"--impl", "NAMES", "implementations (see capacitor list), or all; default: all"},
	[THREADS] = {"--threads", "NUMBERS",
		"threads, or auto: 1, 2, 4 ... all processors, and twice that; default: 1"},
	[VALUE_SIZE] = {"--value-size", "SIZES", "bytes of a value, 0 to 1G; default: 100"},
	[MIX] = {"--mix", "MIXES",
		"percentages get:set:delete that add up to 100; default: 95:4:1\n"
		"0:0:100 runs in rounds: every thread deletes keys of its own, all at the same time,\n"
		"which is measured, and puts them back, which is not"},
	[SKEW] = {"--skew", "NUMBERS",
		"how popular popular keys are: exponent of a Zipf distribution, 0 to 2;\n"
		"0: all keys alike; default: 0.99"},
	[KEYS] = {"--keys", "NUMBERS",
		"different keys, 1 to 1G, or auto: as many as take 256 MiB, from 16 to 100000;\ndefault: auto"},
	[KEY_SIZE] = {"--key-size", "SIZES", "bytes of a key, 8 to 64K; default: 16"},
	[CAPACITY] = {"--capacity", "SIZES",
		"bytes that the cache may take, or auto: all entries with their headers and tables\n"
		"and 30 % more, 64 MiB at least; the same for all implementations; default: auto"},
	[POLICY] = {"--policy", "NAMES", "eviction policies, or all; default: sieve"},
	[COUNTERS] = {"--counters", "NAMES", "where the statistics are counted: global, packed, padded, or all;\n"
		"default: padded"},
	[HASH] = {"--hash", "NAMES", "siphash (keyed), xxh3 (for trusted keys), or all; default: siphash"},
	[SUITE] = {"--suite", "NAME", "a sweep by name; options given besides it come first (see below)"},
	[SECONDS] = {"--seconds", "TIME", "length of the window of a point, 10ms to 1h; default: 1s"},
	[WARMUP] = {"--warmup", "TIME", "how long the threads run before the window; default: a quarter of it"},
	[REPETITIONS] = {"--repetitions", "N", "how often each point is measured, 1 to 1000; default: 3"},
	[SEED] = {"--seed", "N",
		"what keys and operations are drawn from; repetition r (from 0) uses N + r; default: 1"},
	[FILL] = {"--fill", "YES-OR-NO",
		"does a get that misses set its key? default: yes where keys go away (the capacity\n"
		"does not hold all, or the mix has deletes beside gets), else no"},
	[SAMPLE_EVERY] = {"--sample-every", "N",
		"take the time of one operation in N, 1 to 1M; default: 61; 13 for values from\n"
		"4 KiB on, 1 from 64 KiB on"},
	[FUTEX_CALLS] = {"--futex-calls", "YES-OR-NO",
		"count the futex calls of the measuring threads? Every system call takes longer then;\n"
		"default: no"},
	[OUT] = {"--out", "FILE", "write all runs and the environment as Google Benchmark's JSON, whole or not at all"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

/* What was asked for. */
struct request {
	struct options_list impl, threads, value_size, keys, key_size, capacity, policy, counters, hash;
	struct options_mixes mix;
	struct options_reals skew;
	const char *suite;
	double window_s, warmup_s; /* warmup_s below 0: a quarter */
	uint64_t repetitions, seed, sample_every;
	int fill; /* 1, 0; -1: as needed */
	bool futex_calls;
	bool given[OPTIONS];
	struct bench_session session;
};

/* One entry's context. */
struct grid_point {
	struct point point;
	struct point_workspace *workspace;
};

/* Stands for `auto` in lists of keys and capacities, of which 0 is no member. */
#define AUTO 0

/* ---- Suites ------------------------------------------------------------------------------------------------------ */

static const struct suite {
	const char *name, *what;
	const char *threads, *value_size, *mix;
} suites[] = {
	{"basic", "one operation, one thread", "1", "100", "100:0:0,0:100:0,0:0:100"},
	{"sizes", "values of 100 B to 1 MB, one thread, with bytes per second", "1", "100,1000,10000,100000,1000000",
	 "100:0:0,0:100:0"},
	{"concurrent", "the thread sweep: 1, 2, 4 ... all processors, and twice that", "auto", "100", "95:4:1"},
	{"comparative", "all implementations beside unsync and null, at one thread and at all processors", NULL, "100",
	 "100:0:0,95:4:1,50:45:5"},
};
#define SUITES (sizeof(suites) / sizeof(suites[0]))

static void print_help(void)
{
	puts("usage: capacitor bench [OPTION...]\n"
	     "\n"
	     "Measures caches under generated operations. Options are lists, separated by commas: every combination\n"
	     "is a point, measured in a fresh cache that was filled before, in a window in which all threads run.\n"
	     "Sizes and numbers may end in K, M, G or T: times powers of 1024.\n");
	options_print(stdout, known);
	puts("\nSuites:");
	for (size_t i = 0; i < SUITES; i++)
		printf("  %-24s%s\n", suites[i].name, suites[i].what);
	puts("\nAn operation is a get (with the set that fills its miss, where misses are filled), a set or a delete.\n"
	     "The time of a run in the output is the mean time of an operation in its thread. `capacitor list` tells\n"
	     "what the metrics mean. Each point is also measured against `null` for a fifth of its window:\n"
	     "null_ns_per_op is what the harness itself costs.\n"
	     "\n"
	     "Google Benchmark's own options work: --benchmark_filter=REGEX, --benchmark_list_tests,\n"
	     "--benchmark_format=console|json|csv, --benchmark_out=FILE (JSON: as --out), --benchmark_out_format=...,\n"
	     "--benchmark_repetitions=N (as --repetitions), --benchmark_enable_random_interleaving=true, ...\n"
	     "--benchmark_min_time changes nothing: a point runs for its window.");
}

/* ---- Reading the options ----------------------------------------------------------------------------------------- */

/* Numbers, or `auto` alone. */
static bool numbers_or_auto(const char *option, const char *text, uint64_t min, uint64_t max, struct options_list *list,
                            char error[OPTIONS_ERROR_BYTES])
{
	size_t used;

	if (strcmp(text, "auto") == 0) {
		*list = (struct options_list){.item = {AUTO}, .count = 1};
		return true;
	}
	if (options_numbers(option, text, min, max, list, error))
		return true;
	used = strlen(error);
	snprintf(error + used, OPTIONS_ERROR_BYTES - used, "; or 'auto' alone");
	return false;
}

static bool read_list(struct request *request, int option, const char *text, char error[OPTIONS_ERROR_BYTES])
{
	const char *name = known[option].name;

	switch (option) {
	case IMPL:
		return options_names(name, text, options_implementations(), &request->impl, error);
	case THREADS:
		return options_threads(name, text, team_processors(), &request->threads, error);
	case VALUE_SIZE:
		return options_numbers(name, text, 0, CAPACITOR_VALUE_BYTES_MAX, &request->value_size, error);
	case MIX:
		return options_mixes(name, text, &request->mix, error);
	case SKEW:
		return options_reals(name, text, 0, SKEW_MAX, &request->skew, error);
	case KEYS:
		return numbers_or_auto(name, text, 1, WORKLOAD_KEYS_MAX, &request->keys, error);
	case KEY_SIZE:
		return options_numbers(name, text, WORKLOAD_KEY_BYTES_MIN, CAPACITOR_KEY_BYTES_MAX, &request->key_size,
		                       error);
	case CAPACITY:
		return numbers_or_auto(name, text, 1, CAPACITY_MAX, &request->capacity, error);
	case POLICY:
		return options_names(name, text, options_policies(), &request->policy, error);
	case COUNTERS:
		return options_names(name, text, options_counters(), &request->counters, error);
	default:
		return options_names(name, text, options_hashes(), &request->hash, error);
	}
}

static bool read_suite(struct request *request, const char *text, char error[OPTIONS_ERROR_BYTES])
{
	const char *names[SUITES + 1] = {NULL};
	size_t index;

	for (size_t i = 0; i < SUITES; i++)
		names[i] = suites[i].name;
	if (!options_name("--suite", text, names, &index, error))
		return false;
	request->suite = suites[index].name;
	return true;
}

static bool read_option(struct request *request, int option, const char *text, char error[OPTIONS_ERROR_BYTES])
{
	static const char *const fills[] = {"no", "yes", NULL};
	const char *name = known[option].name;
	size_t index;

	switch (option) {
	case SUITE:
		return read_suite(request, text, error);
	case SECONDS:
		return options_seconds(name, text, 0.01, 3600, &request->window_s, error);
	case WARMUP:
		return options_seconds(name, text, 0, 3600, &request->warmup_s, error);
	case REPETITIONS:
		return options_number(name, text, 1, REPETITIONS_MAX, &request->repetitions, error);
	case SEED:
		return options_number(name, text, 0, SEED_MAX, &request->seed, error);
	case SAMPLE_EVERY:
		return options_number(name, text, 1, 1 << 20, &request->sample_every, error);
	case FILL:
		if (!options_name(name, text, fills, &index, error))
			return false;
		request->fill = (int)index;
		return true;
	case FUTEX_CALLS:
		if (!options_name(name, text, fills, &index, error))
			return false;
		request->futex_calls = index == 1;
		return true;
	case OUT:
		request->session.out = text;
		return true;
	default:
		return read_list(request, option, text, error);
	}
}

static bool read_options(struct request *request, int argc, char **argv, char error[OPTIONS_ERROR_BYTES])
{
	struct options_reader reader = {.command = "bench",
	                                .known = known,
	                                .foreign_prefix = "--benchmark_",
	                                .argc = argc,
	                                .argv = argv,
	                                .at = 1};
	int option;

	while ((option = options_read(&reader)) != OPTIONS_END) {
		if (option == OPTIONS_ERROR) {
			memcpy(error, reader.error, OPTIONS_ERROR_BYTES);
			return false;
		}
		if (option == OPTIONS_FOREIGN) {
			if (request->session.foreigns == BENCH_FOREIGN_MAX) {
				snprintf(error, OPTIONS_ERROR_BYTES, "more than %d options of Google Benchmark",
				         BENCH_FOREIGN_MAX);
				return false;
			}
			request->session.foreign[request->session.foreigns++] = reader.value;
			continue;
		}
		if (request->given[option]) {
			snprintf(error, OPTIONS_ERROR_BYTES, "%s is given twice; its value is a list",
			         known[option].name);
			return false;
		}
		request->given[option] = true;
		if (!read_option(request, option, reader.value, error))
			return false;
	}
	return true;
}

/* Fills in what was not given: from the suite, then from the defaults, which are options as a user would type them. */
static bool fill_in(struct request *request, char error[OPTIONS_ERROR_BYTES])
{
	const char *defaults[OPTIONS] = {
		[IMPL] = "all", [THREADS] = "1", [VALUE_SIZE] = "100", [MIX] = "95:4:1", [SKEW] = "0.99",
		[KEYS] = "auto", [KEY_SIZE] = "16", [CAPACITY] = "auto", [POLICY] = "sieve",
		[COUNTERS] = "padded", [HASH] = "siphash"};
	char all_processors[16];

	for (size_t i = 0; i < SUITES; i++)
		if (request->suite && strcmp(suites[i].name, request->suite) == 0) {
			snprintf(all_processors, sizeof(all_processors), team_processors() > 1 ? "1,%u" : "%u",
			         team_processors());
			defaults[THREADS] = suites[i].threads ? suites[i].threads : all_processors;
			defaults[VALUE_SIZE] = suites[i].value_size;
			defaults[MIX] = suites[i].mix;
		}
	if (!request->suite)
		request->suite = "custom";
	for (int option = 0; option < OPTIONS; option++)
		if (defaults[option] && !request->given[option] && !read_list(request, option, defaults[option], error))
			return false;
	if (request->warmup_s < 0)
		request->warmup_s = request->window_s / 4;
	return true;
}

/* ---- The grid ---------------------------------------------------------------------------------------------------- */

static size_t combinations(const struct request *request)
{
	const struct options_list *lists[] = {&request->impl, &request->threads, &request->value_size, &request->keys,
	                                      &request->key_size, &request->capacity, &request->policy,
	                                      &request->counters, &request->hash};
	size_t product = request->mix.count * request->skew.count;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && product <= POINTS_MAX; i++)
		product *= lists[i]->count;
	return product;
}

static uint64_t keys_auto(size_t key_bytes, size_t value_bytes)
{
	uint64_t keys = KEYS_AUTO_BYTES / capacitor_entry_bytes(key_bytes, value_bytes);

	return keys < KEYS_AUTO_MIN ? KEYS_AUTO_MIN : keys > KEYS_AUTO_MAX ? KEYS_AUTO_MAX : keys;
}

/* Combination `number` of all; what is taken off it first varies fastest. */
static void combine(const struct request *request, size_t number, struct point *point)
{
	const struct options_mix *mix;

	memset(point, 0, sizeof(*point));
	point->implementation = capacitor_info(request->impl.item[sweep_digit(&number, request->impl.count)]);
	point->policy = (enum capacitor_policy)request->policy.item[sweep_digit(&number, request->policy.count)];
	point->counters =
		(enum capacitor_counters)request->counters.item[sweep_digit(&number, request->counters.count)];
	point->hash = (enum capacitor_hash)request->hash.item[sweep_digit(&number, request->hash.count)];
	point->capacity_bytes = request->capacity.item[sweep_digit(&number, request->capacity.count)];
	point->threads = (unsigned)request->threads.item[sweep_digit(&number, request->threads.count)];
	point->skew = request->skew.item[sweep_digit(&number, request->skew.count)];
	mix = &request->mix.item[sweep_digit(&number, request->mix.count)];
	point->get_percent = mix->get_percent;
	point->set_percent = mix->set_percent;
	point->delete_percent = mix->delete_percent;
	point->value_bytes = request->value_size.item[sweep_digit(&number, request->value_size.count)];
	point->key_bytes = request->key_size.item[sweep_digit(&number, request->key_size.count)];
	point->keys = request->keys.item[sweep_digit(&number, request->keys.count)];
	if (point->keys == AUTO)
		point->keys = keys_auto(point->key_bytes, point->value_bytes);
	if (point->capacity_bytes == AUTO)
		point->capacity_bytes = point_capacity_bytes(point->keys, point->key_bytes, point->value_bytes);
	point->window_s = request->window_s;
	point->warmup_s = request->warmup_s;
	point->seed = request->seed;
	point->sample_every = (unsigned)request->sample_every;
	point->futex_calls = request->futex_calls;
	point->fill = request->fill >= 0
	                      ? request->fill
	                      : (point->delete_percent > 0 && point->get_percent > 0) ||
	                                !point_holds_all(point->capacity_bytes, point->keys, point->key_bytes,
	                                                 point->value_bytes);
}

static void name_point(const struct point *point, const char *suite, char name[BENCH_NAME_BYTES])
{
	snprintf(name, BENCH_NAME_BYTES,
	         "cache/suite:%s/impl:%s/policy:%s/counters:%s/hash:%s/threads:%u/keys:%" PRIu64
	         "/key_bytes:%zu/value_bytes:%zu/mix:%u-%u-%u/skew:%.10g/capacity_bytes:%zu",
	         suite, point->implementation->name, capacitor_policy_string(point->policy),
	         capacitor_counters_string(point->counters), options_hashes()[point->hash], point->threads, point->keys,
	         point->key_bytes, point->value_bytes, point->get_percent, point->set_percent, point->delete_percent,
	         point->skew, point->capacity_bytes);
}

/* Makes the entries. False: it was said why not. */
static bool make_grid(struct request *request, struct grid_point *points, struct point_workspace *workspace)
{
	struct bench_session *session = &request->session;
	uint64_t available = sweep_available_bytes();
	size_t all = combinations(request);

	for (size_t i = 0; i < all; i++) {
		struct bench_entry *entry = &session->entries[session->count];
		struct grid_point *grid = &points[session->count];
		const char *reason;

		combine(request, i, &grid->point);
		reason = point_unsupported(grid->point.implementation, grid->point.policy, grid->point.threads);
		if (reason) {
			sweep_left_out("bench", grid->point.implementation, reason);
			continue;
		}
		name_point(&grid->point, request->suite, entry->name);
		if (!sweep_has_memory("bench", entry->name, point_memory_bytes(&grid->point), available))
			return false;
		grid->workspace = workspace;
		entry->implementation = grid->point.implementation->name;
		entry->context = grid;
		session->count++;
	}
	if (session->count > 0)
		return true;
	fputs("capacitor bench: no point is left\n", stderr);
	return false;
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

static bool run_point(void *context, unsigned repetition, struct metrics *metrics, char error[BENCH_ERROR_BYTES])
{
	struct grid_point *grid = context;
	struct point point = grid->point;

	point.seed += repetition;
	return point_run(&point, grid->workspace, metrics, error);
}

static void add_facts(struct request *request)
{
	struct bench_session *session = &request->session;
	bench_add_fact(session, "seed", "%" PRIu64, request->seed);
	bench_add_fact(session, "window_s", "%g", request->window_s);
	bench_add_fact(session, "warmup_s", "%g", request->warmup_s);
	bench_add_fact(session, "fill", "%s",
	               request->fill < 0 ? "auto: where the capacity does not hold all keys, or deletes are beside gets"
	               : request->fill   ? "yes"
	                                 : "no");
	sweep_add_machine(session);
}

static int run(struct request *request)
{
	struct bench_session *session = &request->session;
	size_t all = combinations(request);
	struct point_workspace *workspace;
	struct grid_point *points;
	int status = COMMAND_USAGE;

	if (all > POINTS_MAX) {
		fprintf(stderr, "capacitor bench: these lists make more than %d points; give shorter ones\n",
		        POINTS_MAX);
		return COMMAND_USAGE;
	}
	session->command = "bench";
	session->repetitions = (unsigned)request->repetitions;
	session->run = run_point;
	session->entries = calloc(all, sizeof(*session->entries));
	points = calloc(all, sizeof(*points));
	workspace = point_workspace_new();
	if (!session->entries || !points || !workspace) {
		fprintf(stderr, "capacitor bench: no memory for %zu points\n", all);
		status = COMMAND_FAIL;
	} else if (make_grid(request, points, workspace)) {
		add_facts(request);
		session->expected_s =
			(double)session->count * ((request->window_s + request->warmup_s) * 1.2 + POINT_OVERHEAD_S);
		status = bench_run(session);
	}
	point_workspace_free(workspace);
	free(points);
	free(session->entries);
	return status;
}

int bench_command(int argc, char **argv)
{
	static struct request request;
	char error[OPTIONS_ERROR_BYTES];

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	memset(&request, 0, sizeof(request));
	request.window_s = 1;
	request.warmup_s = -1;
	request.repetitions = 3;
	request.seed = 1;
	request.fill = -1;
	if (!read_options(&request, argc, argv, error) || !fill_in(&request, error)) {
		fprintf(stderr, "capacitor bench: %s\n", error);
		return COMMAND_USAGE;
	}
	return run(&request);
}
