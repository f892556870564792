/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor replay`: caches under a recorded trace, filled on demand.
 *
 * A request is a get; when it misses, the object is set with the size that the trace has for it. The whole trace is
 * decoded, and dealt out to the threads as arrays of their own, before the cache is made. A pass over the trace is one
 * measured run of wall time, from the gate to the last thread's end, in a cache that is empty at its beginning: what is
 * measured includes the misses of a cold start, as all published figures for these traces do.
 *
 * Partition   key: all requests of an object go to the same thread, in their order, so that each thread's stream is a
 *             trace in its own right. robin: request i goes to thread i mod n: threads meet on hot objects.
 *             Either way threads run at speeds of their own, and the order between them is not the trace's.
 * Keys        An object's key is its id in the recording, 8 bytes.
 * Values      Slices of one random pattern, as long as the request says; a cap can bound them.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/bench.h"
#include "harness/commands.h"
#include "harness/options.h"
#include "harness/point.h"
#include "harness/runner.h"
#include "harness/sweep.h"
#include "harness/trace.h"

#define POINTS_MAX      20000
#define REPETITIONS_MAX 1000
#define CAPACITY_MAX    ((uint64_t)1 << 62)
#define SEED_MAX        ((UINT64_C(1) << 53) - 1 - REPETITIONS_MAX)
#define PERCENTS        "10"
#define KEY_BYTES       sizeof(uint64_t)

enum {
	TRACE,
	FORMAT,
	REQUESTS,
	VALUE_SIZE,
	VALUE_SIZE_CAP,
	IMPL,
	THREADS,
	CAPACITY,
	CAPACITY_PERCENT,
	POLICY,
	COUNTERS,
	HASH,
	PARTITION,
	REPETITIONS,
	SEED,
	SAMPLE_EVERY,
	OUT,
	HELP,
	OPTIONS
};

static const struct options_known known[] = {
	[TRACE] = {"--trace", "FILE", "the recording; .xz, .zst and .gz are read as they are"},
	[FORMAT] = {"--format", "NAME",
		"oracleGeneral, vscsi, cache2k, arc, csv, keys; default: by the file's name and content"},
	[REQUESTS] = {"--requests", "N", "replay the first N requests only; default: all"},
	[VALUE_SIZE] = {"--value-size", "SIZE",
		"bytes of every object in formats without sizes (cache2k, arc, keys), 0 to 1G;\ndefault: 100"},
	[VALUE_SIZE_CAP] = {"--value-size-cap", "SIZE", "objects larger than this are replayed as if of this size;\n"
		"default: none"},
	[IMPL] = {"--impl", "NAMES", "implementations (see capacitor list), or all; default: all"},
	[THREADS] = {"--threads", "NUMBERS",
		"threads, or auto: 1, 2, 4 ... all processors, and twice that; default: 1"},
	[CAPACITY] = {"--capacity", "SIZES", "bytes that the cache may take, headers and tables included"},
	[CAPACITY_PERCENT] = {"--capacity-percent", "NUMBERS",
		"the same, in percent of what all objects of the trace would be charged;\ndefault: " PERCENTS},
	[POLICY] = {"--policy", "NAMES", "eviction policies, or all; default: sieve"},
	[COUNTERS] = {"--counters", "NAMES",
		"where the statistics are counted: global, packed, padded, or all;\ndefault: padded"},
	[HASH] = {"--hash", "NAMES", "siphash (keyed), xxh3 (for trusted keys), or all; default: siphash"},
	[PARTITION] = {"--partition", "NAMES",
		"how requests are dealt out to threads: key (an object's all to one) or robin\n"
		"(one after the other), or all; default: key"},
	[REPETITIONS] = {"--repetitions", "N", "how often each point is measured, 1 to 1000; default: 3"},
	[SEED] = {"--seed", "N", "decides which objects share shards and chains; repetition r uses N + r; default: 1"},
	[SAMPLE_EVERY] = {"--sample-every", "N", "take the time of one request in N, 1 to 1M; default: 61"},
	[OUT] = {"--out", "FILE", "write all runs and the environment as Google Benchmark's JSON, whole or not at all"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

enum partition {
	PARTITION_KEY,
	PARTITION_ROBIN,
};
static const char *const partitions[] = {[PARTITION_KEY] = "key", [PARTITION_ROBIN] = "robin", NULL};

struct request {
	struct options_list impl, threads, capacity, policy, counters, hash, partition;
	struct options_reals percent;
	const char *path, *format;
	uint64_t requests, value_bytes, value_bytes_cap; /* requests 0: all */
	uint64_t repetitions, seed, sample_every;
	bool given[OPTIONS];
	struct bench_session session;
};

/* A request as a thread reads it. */
struct step {
	uint64_t object;
	uint32_t size_bytes;
};

/* A trace dealt out to threads; kept from one point to the next that wants the same. */
struct deal {
	const struct trace *trace;
	unsigned threads;
	enum partition partition;
	struct step **step; /* [threads][steps of that thread] */
	size_t *steps;
	unsigned char *pattern; /* of the values */
	size_t value_bytes_max;
};

struct replay_point {
	const struct request *request;
	struct deal *deal;
	const struct capacitor_info *implementation;
	enum capacitor_policy policy;
	enum capacitor_counters counters;
	enum capacitor_hash hash;
	enum partition partition;
	unsigned threads;
	size_t capacity_bytes;
};

/* What a team has to know, beside the runners (which come first: see runner_edge). */
struct job {
	struct runner_run run;
	const struct deal *deal;
};

/* ---- Dealing out ------------------------------------------------------------------------------------------------- */

static unsigned thread_of(const struct deal *deal, size_t request)
{
	uint64_t object = deal->trace->object[request];

	if (deal->partition == PARTITION_ROBIN)
		return (unsigned)(request % deal->threads);
	return (unsigned)(workload_split(&object) % deal->threads);
}

static void deal_free(struct deal *deal)
{
	for (unsigned i = 0; deal->step && i < deal->threads; i++)
		free(deal->step[i]);
	free(deal->step);
	free(deal->steps);
	deal->step = NULL;
	deal->steps = NULL;
}

static bool deal_out(struct deal *deal, unsigned threads, enum partition partition)
{
	const struct trace *trace = deal->trace;

	if (deal->step && deal->threads == threads && deal->partition == partition)
		return true;
	deal_free(deal);
	deal->threads = threads;
	deal->partition = partition;
	deal->step = calloc(threads, sizeof(*deal->step));
	deal->steps = calloc(threads, sizeof(*deal->steps));
	if (!deal->step || !deal->steps)
		return false;
	for (size_t i = 0; i < trace->requests; i++)
		deal->steps[thread_of(deal, i)]++;
	for (unsigned i = 0; i < threads; i++) {
		deal->step[i] = malloc((deal->steps[i] + 1) * sizeof(struct step));
		if (!deal->step[i]) {
			deal_free(deal);
			return false;
		}
		deal->steps[i] = 0;
	}
	for (size_t i = 0; i < trace->requests; i++) {
		unsigned thread = thread_of(deal, i);

		deal->step[thread][deal->steps[thread]++] = (struct step){trace->object[i], trace->size_bytes[i]};
	}
	return true;
}

static bool pattern_init(struct deal *deal)
{
	struct workload_random random;
	size_t bytes;

	for (size_t i = 0; i < deal->trace->requests; i++)
		if (deal->trace->size_bytes[i] > deal->value_bytes_max)
			deal->value_bytes_max = deal->trace->size_bytes[i];
	bytes = deal->value_bytes_max + WORKLOAD_SLICES * WORKLOAD_SLICE_BYTES;
	deal->pattern = malloc(bytes + sizeof(uint64_t));
	if (!deal->pattern)
		return false;
	workload_random_init(&random, 0, 0);
	for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
		uint64_t word = workload_random_next(&random);

		memcpy(deal->pattern + at, &word, sizeof(word));
	}
	return true;
}

/* ---- The measured run -------------------------------------------------------------------------------------------- */

static inline void perform(struct runner *runner, const struct deal *deal, const struct step *step)
{
	const unsigned char *value = deal->pattern + step->object % WORKLOAD_SLICES * WORKLOAD_SLICE_BYTES;
	enum capacitor_result result;
	size_t value_bytes;

	result = capacitor_get(runner->handle, &step->object, KEY_BYTES, runner->buffer, runner->buffer_bytes,
	                       &value_bytes);
	runner_count(runner, RUNNER_OPERATIONS, 1);
	runner_count(runner, RUNNER_GETS, 1);
	runner_count(runner, RUNNER_REQUESTED_BYTES, step->size_bytes);
	if (result == CAPACITOR_HIT) {
		runner_count(runner, RUNNER_HITS, 1);
		runner_count(runner, RUNNER_FOUND_BYTES, step->size_bytes);
		runner_count(runner, RUNNER_VALUE_BYTES, value_bytes);
		return;
	}
	if (result != CAPACITOR_MISS) {
		runner_check(runner, result);
		return;
	}
	result =
		capacitor_set(runner->handle, &step->object, KEY_BYTES, value, step->size_bytes, CAPACITOR_TTL_DEFAULT);
	if (result == CAPACITOR_STORED)
		runner_count(runner, RUNNER_VALUE_BYTES, step->size_bytes);
	else if (result != CAPACITOR_TOO_LARGE) /* an object larger than the cache is always missed */
		runner_check(runner, result);
}

static bool replay_body(struct team_member *member)
{
	struct job *job = member->context;
	struct runner *runner = runner_enter(&job->run, member);
	const struct step *step = job->deal->step[member->index];
	size_t steps = job->deal->steps[member->index];

	if (!runner)
		return false;
	if (!team_ready(member)) {
		runner_leave(runner);
		return true;
	}
	runner_note_phase(runner, TEAM_WINDOW);
	for (size_t i = 0; i < steps; i++) {
		if (runner_samples(runner)) {
			uint64_t begin = latency_begin(runner->clock);

			perform(runner, job->deal, &step[i]);
			latency_record(&runner->latency[WORKLOAD_GET], latency_end(runner->clock) - begin);
		} else {
			perform(runner, job->deal, &step[i]);
		}
	}
	runner_note_phase(runner, TEAM_STOP);
	return runner_leave(runner);
}

/* ---- A point ----------------------------------------------------------------------------------------------------- */

static bool create(const struct replay_point *point, const struct capacitor_info *implementation, uint64_t seed,
                   struct capacitor **cache, char error[BENCH_ERROR_BYTES])
{
	const struct trace *trace = point->deal->trace;
	uint64_t mean_bytes = trace->requested_bytes / trace->requests;
	size_t fitting = point->capacity_bytes / capacitor_entry_bytes(KEY_BYTES, mean_bytes) + 1;
	struct capacitor_config config;
	struct capacitor_error reason;

	capacitor_config_init(&config);
	config.capacity_bytes = point->capacity_bytes;
	config.policy = point->policy;
	config.counters = point->counters;
	config.hash = point->hash;
	config.threads_max = point->threads;
	config.expected_entries = fitting < trace->objects ? fitting : trace->objects;
	config.hash_seed_set = true;
	memcpy(config.hash_seed, &seed, sizeof(seed));
	if (capacitor_create(implementation->name, &config, cache, &reason) == CAPACITOR_OK)
		return true;
	snprintf(error, BENCH_ERROR_BYTES, "%s", reason.message);
	return false;
}

static bool run_on(const struct replay_point *point, const struct capacitor_info *implementation, uint64_t seed,
                   struct metrics *metrics, char error[BENCH_ERROR_BYTES])
{
	struct job job = {.deal = point->deal};
	struct team_plan plan = {
		.threads = point->threads, .body = replay_body, .context = &job, .edge = runner_edge};
	struct team_result result;
	struct capacitor *cache;
	bool done;

	if (!create(point, implementation, seed, &cache, error))
		return false;
	done = runner_run_init(&job.run, cache, point->threads, point->deal->value_bytes_max,
	                       point->request->sample_every ? (unsigned)point->request->sample_every
	                                                    : point_sample_every(0));
	if (!done)
		snprintf(error, BENCH_ERROR_BYTES, "no memory for the buffers of %u threads", point->threads);
	done = done && team_run(&plan, &result, error);
	if (done) {
		runner_report(&job.run, &result, metrics);
		if (implementation->lacks & CAPACITOR_LACKS_STORAGE)
			metrics_lack(metrics, METRIC_BYTE_HIT_RATIO, "the implementation stores nothing");
		else
			metrics_set(metrics, METRIC_BYTE_HIT_RATIO,
			            (double)result.count[RUNNER_FOUND_BYTES] /
			                    (double)result.count[RUNNER_REQUESTED_BYTES]);
	}
	runner_run_free(&job.run);
	capacitor_destroy(cache);
	return done;
}

static void report_resident(const char *not_reset, struct metrics *metrics)
{
	double bytes = 0;
	const char *not_read = runner_resident_peak(&bytes);

	if (not_reset || not_read)
		metrics_lack(metrics, METRIC_RESIDENT_PEAK_BYTES, not_reset ? not_reset : not_read);
	else
		metrics_set(metrics, METRIC_RESIDENT_PEAK_BYTES, bytes);
}

static bool run_point(void *context, unsigned repetition, struct metrics *metrics, char error[BENCH_ERROR_BYTES])
{
	const struct replay_point *point = context;
	const struct capacitor_info *null = capacitor_find("null");
	uint64_t seed = point->request->seed + repetition;
	struct metrics of_null;
	const char *not_reset;

	metrics_clear(metrics, "not measured");
	if (!deal_out(point->deal, point->threads, point->partition)) {
		snprintf(error, BENCH_ERROR_BYTES, "no memory to deal out the trace to %u threads", point->threads);
		return false;
	}
	malloc_trim(0);
	not_reset = runner_resident_reset();
	if (!run_on(point, point->implementation, seed, metrics, error))
		return false;
	report_resident(not_reset, metrics);
	metrics_set(metrics, METRIC_SEED, (double)seed);
	metrics_lack(metrics, METRIC_IDEAL_BYTES_PER_ENTRY, "objects of a trace have sizes of their own");
	if (!null) {
		metrics_lack(metrics, METRIC_NULL_NS_PER_OP, "the implementation null was not built in");
		return true;
	}
	/* A pass over null includes a set for each request, because every one is a miss. */
	metrics_clear(&of_null, "not measured");
	if (!run_on(point, null, seed, &of_null, error))
		return false;
	metrics_set(metrics, METRIC_NULL_NS_PER_OP, of_null.value[METRIC_NS_PER_OP]);
	return true;
}

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static void print_help(void)
{
	puts("usage: capacitor replay --trace FILE [OPTION...]\n"
	     "\n"
	     "Measures caches on a recorded trace: each request is a get, and a set when it misses (which is part of\n"
	     "the operation). A run is one pass over the trace in a cache that is empty at its beginning. Options that\n"
	     "are lists are separated by commas: every combination is a point. Sizes may end in K, M, G or T: times\n"
	     "powers of 1024.\n");
	options_print(stdout, known);
	puts("\nReported are hit ratios of objects and of bytes, operations per second, and what `capacitor list\n"
	     "metrics` has. With several threads each runs at its own speed, so that hit ratios differ between runs.\n"
	     "\n"
	     "Google Benchmark's own options work as in `capacitor bench`.");
}

static bool read_option(struct request *request, int option, const char *text, char error[OPTIONS_ERROR_BYTES])
{
	const char *name = known[option].name;
	size_t index;

	switch (option) {
	case TRACE:
		request->path = text;
		return true;
	case FORMAT:
		request->format = text;
		return options_name(name, text, trace_formats, &index, error);
	case REQUESTS:
		return options_number(name, text, 1, UINT64_MAX, &request->requests, error);
	case VALUE_SIZE:
		return options_number(name, text, 0, CAPACITOR_VALUE_BYTES_MAX, &request->value_bytes, error);
	case VALUE_SIZE_CAP:
		return options_number(name, text, 0, CAPACITOR_VALUE_BYTES_MAX, &request->value_bytes_cap, error);
	case IMPL:
		return options_names(name, text, options_implementations(), &request->impl, error);
	case THREADS:
		return options_threads(name, text, team_processors(), &request->threads, error);
	case CAPACITY:
		return options_numbers(name, text, 1, CAPACITY_MAX, &request->capacity, error);
	case CAPACITY_PERCENT:
		return options_reals(name, text, 0.001, 200, &request->percent, error);
	case POLICY:
		return options_names(name, text, options_policies(), &request->policy, error);
	case COUNTERS:
		return options_names(name, text, options_counters(), &request->counters, error);
	case HASH:
		return options_names(name, text, options_hashes(), &request->hash, error);
	case PARTITION:
		return options_names(name, text, partitions, &request->partition, error);
	case REPETITIONS:
		return options_number(name, text, 1, REPETITIONS_MAX, &request->repetitions, error);
	case SEED:
		return options_number(name, text, 0, SEED_MAX, &request->seed, error);
	case SAMPLE_EVERY:
		return options_number(name, text, 1, 1 << 20, &request->sample_every, error);
	default:
		request->session.out = text;
		return true;
	}
}

static bool read_options(struct request *request, int argc, char **argv, char error[OPTIONS_ERROR_BYTES])
{
	struct options_reader reader = {.command = "replay",
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
			snprintf(error, OPTIONS_ERROR_BYTES, "%s is given twice", known[option].name);
			return false;
		}
		request->given[option] = true;
		if (!read_option(request, option, reader.value, error))
			return false;
	}
	if (!request->path) {
		snprintf(error, OPTIONS_ERROR_BYTES, "--trace FILE is missing; formats: %s", trace_formats_text);
		return false;
	}
	if (request->given[CAPACITY] && request->given[CAPACITY_PERCENT]) {
		snprintf(error, OPTIONS_ERROR_BYTES, "give --capacity or --capacity-percent, not both");
		return false;
	}
	return true;
}

static bool fill_in(struct request *request, char error[OPTIONS_ERROR_BYTES])
{
	static const char *const defaults[OPTIONS] = {
		[IMPL] = "all", [THREADS] = "1", [POLICY] = "sieve", [COUNTERS] = "padded", [HASH] = "siphash",
		[PARTITION] = "key", [VALUE_SIZE] = "100", [REPETITIONS] = "3", [SEED] = "1"};

	for (int option = 0; option < OPTIONS; option++)
		if (defaults[option] && !request->given[option] &&
		    !read_option(request, option, defaults[option], error))
			return false;
	if (!request->given[CAPACITY] && !request->given[CAPACITY_PERCENT])
		return options_reals(known[CAPACITY_PERCENT].name, PERCENTS, 0.001, 200, &request->percent, error);
	return true;
}

/* ---- The trace --------------------------------------------------------------------------------------------------- */

/* What all objects would be charged, each with the size of its first request. */
static uint64_t charged_bytes(const struct trace *trace)
{
	uint64_t bytes = 0;
	uint32_t next = 0;

	for (size_t i = 0; i < trace->requests; i++)
		if (trace->index[i] == next) { /* numbers are given in the order of first appearance */
			bytes += capacitor_entry_bytes(KEY_BYTES, trace->size_bytes[i]);
			next++;
		}
	return bytes;
}

static void cap_sizes(struct trace *trace, uint64_t cap_bytes)
{
	trace->requested_bytes = 0;
	trace->requests_of_no_bytes = 0;
	for (size_t i = 0; i < trace->requests; i++) {
		if (trace->size_bytes[i] > cap_bytes)
			trace->size_bytes[i] = (uint32_t)cap_bytes;
		trace->requested_bytes += trace->size_bytes[i];
		trace->requests_of_no_bytes += trace->size_bytes[i] == 0;
	}
}

/* Loads the trace, as the options want it. False: it was said why not. */
static bool load(struct request *request, struct trace *trace)
{
	char error[TRACE_ERROR_BYTES];

	if (!trace_load(request->path, request->format, request->requests, trace, error)) {
		fprintf(stderr, "capacitor replay: %s\n", error);
		return false;
	}
	if (!trace->has_sizes)
		trace_set_size(trace, (uint32_t)request->value_bytes);
	else if (request->given[VALUE_SIZE])
		fprintf(stderr, "capacitor replay: --value-size is not used: this trace has sizes "
		        "(--value-size-cap bounds them)\n");
	cap_sizes(trace, request->given[VALUE_SIZE_CAP] ? request->value_bytes_cap : CAPACITOR_VALUE_BYTES_MAX);
	fprintf(stderr,
	        "capacitor replay: %s (%s): %zu requests of %zu objects, %" PRIu64
	        " bytes requested, all objects charged %" PRIu64 " bytes\n",
	        trace->name, trace->format, trace->requests, trace->objects, trace->requested_bytes,
	        charged_bytes(trace));
	return true;
}

/* Capacities in percent become bytes, in whole KiB. */
static void resolve_percents(struct request *request, const struct trace *trace)
{
	uint64_t all_bytes = charged_bytes(trace);

	for (size_t i = 0; i < request->percent.count; i++) {
		uint64_t bytes = (uint64_t)((double)all_bytes * request->percent.item[i] / 100) / 1024 * 1024;

		request->capacity.item[request->capacity.count++] = bytes < 1024 ? 1024 : bytes;
	}
}

/* ---- The grid ---------------------------------------------------------------------------------------------------- */

static size_t combinations(const struct request *request)
{
	const struct options_list *lists[] = {&request->impl, &request->threads, &request->capacity, &request->policy,
	                                      &request->counters, &request->hash, &request->partition};
	size_t product = 1;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && product <= POINTS_MAX; i++)
		product *= lists[i]->count;
	return product;
}

/* Combination `number` of all; the implementation varies fastest. */
static void combine(const struct request *request, size_t number, struct replay_point *point)
{
	point->request = request;
	point->implementation = capacitor_info(request->impl.item[sweep_digit(&number, request->impl.count)]);
	point->policy = (enum capacitor_policy)request->policy.item[sweep_digit(&number, request->policy.count)];
	point->counters =
		(enum capacitor_counters)request->counters.item[sweep_digit(&number, request->counters.count)];
	point->hash = (enum capacitor_hash)request->hash.item[sweep_digit(&number, request->hash.count)];
	point->capacity_bytes = request->capacity.item[sweep_digit(&number, request->capacity.count)];
	point->partition = (enum partition)request->partition.item[sweep_digit(&number, request->partition.count)];
	point->threads = (unsigned)request->threads.item[sweep_digit(&number, request->threads.count)];
}

static void name_point(const struct replay_point *point, const char *trace, char name[BENCH_NAME_BYTES])
{
	snprintf(name, BENCH_NAME_BYTES,
	         "replay/trace:%s/impl:%s/policy:%s/counters:%s/hash:%s/threads:%u/partition:%s/capacity_bytes:%zu",
	         trace, point->implementation->name, capacitor_policy_string(point->policy),
	         capacitor_counters_string(point->counters), options_hashes()[point->hash], point->threads,
	         partitions[point->partition], point->capacity_bytes);
}

/* What measuring a point takes beside the trace. */
static uint64_t memory_bytes(const struct replay_point *point, uint64_t all_bytes)
{
	uint64_t cache = point->capacity_bytes < all_bytes ? point->capacity_bytes : all_bytes;

	return cache + point->deal->trace->requests * sizeof(struct step) +
	       point->threads * (point->deal->value_bytes_max + sizeof(struct runner));
}

static bool make_grid(struct request *request, struct replay_point *points, struct deal *deal)
{
	struct bench_session *session = &request->session;
	uint64_t all_bytes = charged_bytes(deal->trace), available = sweep_available_bytes();
	size_t all = combinations(request);

	for (size_t i = 0; i < all; i++) {
		struct bench_entry *entry = &session->entries[session->count];
		struct replay_point *point = &points[session->count];
		const char *reason;

		combine(request, i, point);
		point->deal = deal;
		reason = point_unsupported(point->implementation, point->policy, point->threads);
		if (reason) {
			sweep_left_out("replay", point->implementation, reason);
			continue;
		}
		name_point(point, deal->trace->name, entry->name);
		if (!sweep_has_memory("replay", entry->name, memory_bytes(point, all_bytes), available))
			return false;
		entry->implementation = point->implementation->name;
		entry->context = point;
		session->count++;
	}
	if (session->count > 0)
		return true;
	fputs("capacitor replay: no point is left\n", stderr);
	return false;
}

static void add_facts(struct request *request, const struct trace *trace)
{
	struct bench_session *session = &request->session;

	bench_add_fact(session, "seed", "%" PRIu64, request->seed);
	bench_add_fact(session, "trace", "%s", trace->name);
	bench_add_fact(session, "trace_format", "%s", trace->format);
	bench_add_fact(session, "trace_requests", "%zu", trace->requests);
	bench_add_fact(session, "trace_objects", "%zu", trace->objects);
	bench_add_fact(session, "trace_requested_bytes", "%" PRIu64, trace->requested_bytes);
	bench_add_fact(session, "value_sizes", "%s",
	               trace->has_sizes ? "the trace's" : "all alike: the trace has none");
	if (request->given[VALUE_SIZE_CAP])
		bench_add_fact(session, "value_size_cap_bytes", "%" PRIu64, request->value_bytes_cap);
	bench_add_fact(session, "partition", "key: an object's requests all in one thread; robin: one after the other");
	sweep_add_machine(session);
}

static int run(struct request *request, struct trace *trace)
{
	struct bench_session *session = &request->session;
	struct deal deal = {.trace = trace};
	struct replay_point *points;
	int status = COMMAND_USAGE;
	size_t all;

	resolve_percents(request, trace);
	all = combinations(request);
	if (all > POINTS_MAX) {
		fprintf(stderr, "capacitor replay: these lists make more than %d points; give shorter ones\n",
		        POINTS_MAX);
		return COMMAND_USAGE;
	}
	session->command = "replay";
	session->repetitions = (unsigned)request->repetitions;
	session->run = run_point;
	session->entries = calloc(all, sizeof(*session->entries));
	points = calloc(all, sizeof(*points));
	if (!session->entries || !points || !pattern_init(&deal)) {
		fprintf(stderr, "capacitor replay: no memory for %zu points\n", all);
		status = COMMAND_FAIL;
	} else if (make_grid(request, points, &deal)) {
		add_facts(request, trace);
		status = bench_run(session);
	}
	deal_free(&deal);
	free(deal.pattern);
	free(points);
	free(session->entries);
	return status;
}

int replay_command(int argc, char **argv)
{
	static struct request request;
	char error[OPTIONS_ERROR_BYTES];
	struct trace trace;
	int status;

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	memset(&request, 0, sizeof(request));
	if (!read_options(&request, argc, argv, error) || !fill_in(&request, error)) {
		fprintf(stderr, "capacitor replay: %s\n", error);
		return COMMAND_USAGE;
	}
	if (request.session.out && !bench_can_write("replay", request.session.out))
		return COMMAND_USAGE;
	if (!load(&request, &trace))
		return COMMAND_USAGE;
	status = run(&request, &trace);
	trace_free(&trace);
	return status;
}
