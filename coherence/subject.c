/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subject: one cell of `capacitor coherence`: a cache under generated operations on virtual cores, and a record of what the
 * directory saw. The cache is the shipped code, compiled for the observatory; this driver is not instrumented.
 *
 * All threads enter, run their warm-up, and wait; the last to arrive begins the measuring, the last to finish ends it. They wait
 * by giving up their turn, which touches no memory. Operations are drawn before, and each thread has buffers of its own.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_info.h"
#include "capacitor/cache.h"
#include "coherence/coherence.h"
#include "harness/options.h"
#include "harness/workload.h"

#define KEY_BYTES_MAX  1024
#define SEED_MAX       ((UINT64_C(1) << 53) - 1) /* JSON's numbers are exact up to 2^53 */
#define OPERATIONS_MAX ((uint64_t)1 << 24)

enum kind {
	KIND_GET = 1,
	KIND_SET,
	KIND_DELETE,
};

enum {
	IMPL, THREADS, OPERATIONS, WARMUP, MIX, POLICY, COUNTERS, KEYS, KEY_BYTES, VALUE_BYTES, SKEW, CAPACITY, SHARDS, HASH,
	SCHEDULE, SEED, QUANTUM, PCT_DEPTH, PCT_STEPS, LINE_BYTES, SHIFT_BYTES, LATENCY, TOKEN, OUT, HELP, OPTIONS
};

static const struct options_known known[] = {
	[IMPL] = {"--impl", "NAME", "the implementation; default: rcu"},
	[THREADS] = {"--threads", "N", "virtual cores, a thread each, 1 to 128; default: 4"},
	[OPERATIONS] = {"--operations", "N", "operations of each thread that are measured; default: 1000"},
	[WARMUP] = {"--warmup", "N", "operations of each thread before; default: 1000"},
	[MIX] = {"--mix", "MIX", "percentages get:set:delete that add up to 100; default: 90:9:1"},
	[POLICY] = {"--policy", "NAME", "eviction policy; default: sieve"},
	[COUNTERS] = {"--counters", "NAME", "where statistics are counted: global, packed, padded; default: padded"},
	[KEYS] = {"--keys", "N", "different keys; default: 512"},
	[KEY_BYTES] = {"--key-bytes", "N", "bytes of a key, 8 to 1K; default: 16"},
	[VALUE_BYTES] = {"--value-bytes", "N", "bytes of a value; default: 64"},
	[SKEW] = {"--skew", "S", "exponent of a Zipf distribution, 0 to 2; 0: all keys alike; default: 0.99"},
	[CAPACITY] = {"--capacity", "SIZE", "bytes that the cache may take; default: 64M"},
	[SHARDS] = {"--shards", "N", "a power of two, 1 to 1024; default: 64"},
	[HASH] = {"--hash", "NAME", "siphash (libsodium's: not seen) or xxh3; default: siphash"},
	[SCHEDULE] = {"--schedule", "NAME", "coop, clock, rand or pct; default: coop"},
	[SEED] = {"--seed", "N", "of the operations and of the schedule; default: 1"},
	[QUANTUM] = {"--quantum", "N", "rand: a thread runs 1 to 2N-1 accesses at a time; default: 10"},
	[PCT_DEPTH] = {"--pct-depth", "N", "pct: one more than there are change points, 1 to 16; default: 3"},
	[PCT_STEPS] = {"--pct-steps", "N", "pct: change points lie in the first N accesses; default: 10000"},
	[LINE_BYTES] = {"--line-bytes", "N", "64 or 128; default: 64"},
	[SHIFT_BYTES] = {"--shift-bytes", "N", "as if all memory lay N bytes higher, a multiple of 8; default: 0"},
	[LATENCY] = {"--latency", "LIST",
		"cycles of hit, rmw, clean, dirty, upgrade, cold, wake, pause, and per_1000_ns, cycles in\n"
		"a microsecond: NAME=N,...; the rest keeps its default"},
	[TOKEN] = {"--token", NULL, "threads of the system pass a token; no fibers: same counts, slow"},
	[OUT] = {"--out", "FILE", "where the record goes; default: nowhere, a summary is printed"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

static struct {
	struct coherence_settings coherence;
	struct capacitor_config config;
	struct workload workload;
	const char *impl, *out;
	uint64_t operations, warmup;
	struct options_mix mix;
} subject;

_Noreturn static void refuse(const char *message)
{
	fprintf(stderr, "subject: %s\n", message);
	exit(2);
}

static uint64_t number(const struct options_reader *reader, int option, uint64_t min, uint64_t max)
{
	char error[OPTIONS_ERROR_BYTES];
	uint64_t value;

	if (!options_number(known[option].name, reader->value, min, max, &value, error))
		refuse(error);
	return value;
}

static size_t name(const struct options_reader *reader, int option, const char *const *names)
{
	char error[OPTIONS_ERROR_BYTES];
	size_t index;

	if (!options_name(known[option].name, reader->value, names, &index, error))
		refuse(error);
	return index;
}

static void read_latency(const char *list)
{
	struct coherence_latency *latency = &subject.coherence.latency;
	const struct {
		const char *name;
		unsigned *cycles;
	} all[] = {
		{"hit", &latency->hit},       {"rmw", &latency->rmw},   {"clean", &latency->clean}, {"dirty", &latency->dirty},
		{"upgrade", &latency->upgrade}, {"cold", &latency->cold}, {"wake", &latency->wake},   {"pause", &latency->pause},
		{"per_1000_ns", &latency->per_1000_ns},
	};
	char *copy = strdup(list), *rest = NULL;

	for (char *item = strtok_r(copy, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
		char *equals = strchr(item, '='), error[OPTIONS_ERROR_BYTES];
		unsigned *cycles = NULL;
		uint64_t value;

		if (equals)
			*equals = '\0';
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			if (strcmp(item, all[i].name) == 0)
				cycles = all[i].cycles;
		if (!equals || !cycles) {
			snprintf(error, sizeof(error), "--latency: \"%s\" is not NAME=N with a NAME of hit, rmw, clean, dirty, "
			         "upgrade, cold, wake, pause, per_1000_ns", item);
			refuse(error);
		}
		if (!options_number(item, equals + 1, cycles == &latency->per_1000_ns, 1000000, &value, error))
			refuse(error);
		*cycles = (unsigned)value;
	}
	free(copy);
}

static void read_mix(const char *text)
{
	struct options_mixes mixes;
	char error[OPTIONS_ERROR_BYTES];

	if (!options_mixes("--mix", text, &mixes, error))
		refuse(error);
	if (mixes.count != 1)
		refuse("--mix: one mix");
	subject.mix = mixes.item[0];
}

static void read_option(const struct options_reader *reader, int option)
{
	struct coherence_settings *coherence = &subject.coherence;
	struct workload *workload = &subject.workload;
	struct options_reals reals;
	char error[OPTIONS_ERROR_BYTES];

	switch (option) {
	case IMPL: subject.impl = options_implementations()[name(reader, option, options_implementations())]; break;
	case THREADS: workload->threads = (unsigned)number(reader, option, 1, COHERENCE_THREADS_MAX); break;
	case OPERATIONS: subject.operations = number(reader, option, 1, OPERATIONS_MAX); break;
	case WARMUP: subject.warmup = number(reader, option, 0, OPERATIONS_MAX); break;
	case MIX: read_mix(reader->value); break;
	case POLICY: subject.config.policy = (enum capacitor_policy)name(reader, option, options_policies()); break;
	case COUNTERS: subject.config.counters = (enum capacitor_counters)name(reader, option, options_counters()); break;
	case KEYS: workload->keys = number(reader, option, 1, WORKLOAD_KEYS_MAX); break;
	case KEY_BYTES: workload->key_bytes = number(reader, option, WORKLOAD_KEY_BYTES_MIN, KEY_BYTES_MAX); break;
	case VALUE_BYTES: workload->value_bytes = number(reader, option, 0, CAPACITOR_VALUE_BYTES_MAX); break;
	case SKEW:
		if (!options_reals("--skew", reader->value, 0, 2, &reals, error))
			refuse(error);
		workload->skew = reals.item[0];
		break;
	case CAPACITY: subject.config.capacity_bytes = number(reader, option, 1, (uint64_t)1 << 40); break;
	case SHARDS: subject.config.shards = (unsigned)number(reader, option, 1, CAPACITOR_SHARDS_MAX); break;
	case HASH: subject.config.hash = (enum capacitor_hash)name(reader, option, options_hashes()); break;
	case SCHEDULE: coherence->schedule = (enum coherence_schedule)name(reader, option, coherence_schedule_names); break;
	case SEED: coherence->seed = workload->seed = number(reader, option, 0, SEED_MAX); break;
	case QUANTUM: coherence->quantum = (unsigned)number(reader, option, 1, 1000000); break;
	case PCT_DEPTH: coherence->pct_depth = (unsigned)number(reader, option, 1, 16); break;
	case PCT_STEPS: coherence->pct_steps = number(reader, option, 1, SEED_MAX); break;
	case LINE_BYTES: coherence->line_bytes = (unsigned)number(reader, option, 64, 128); break;
	case SHIFT_BYTES: coherence->shift_bytes = (unsigned)number(reader, option, 0, 127); break;
	case LATENCY: read_latency(reader->value); break;
	case TOKEN: coherence->token = true; break;
	case OUT: subject.out = reader->value; break;
	default: break;
	}
}

static void read_options(int argc, char **argv)
{
	struct options_reader reader = {.command = "subject", .known = known, .argc = argc, .argv = argv, .at = 1};
	int option;

	if (options_want_help(argc, argv)) {
		printf("subject [OPTION VALUE]...: one cell of `capacitor coherence`\n\n");
		options_print(stdout, known);
		exit(0);
	}
	coherence_settings_init(&subject.coherence);
	capacitor_config_init(&subject.config);
	subject.config.shards = 64;
	subject.config.hash_seed_set = true; /* runs repeat */
	subject.config.expected_entries = 0;
	subject.impl = "rcu";
	subject.operations = subject.warmup = 1000;
	subject.mix = (struct options_mix){90, 9, 1};
	subject.workload = (struct workload){
		.keys = 512, .key_bytes = 16, .value_bytes = 64, .skew = 0.99, .seed = 1, .threads = 4};
	while ((option = options_read(&reader)) >= 0)
		read_option(&reader, option);
	if (option == OPTIONS_ERROR)
		refuse(reader.error);
	if (capacitor_find(subject.impl)->lacks & CAPACITOR_LACKS_CONCURRENCY && subject.workload.threads > 1)
		refuse("this implementation is for one thread: --threads 1");
	if (!(capacitor_find(subject.impl)->policies >> subject.config.policy & 1))
		refuse("this implementation does not have that policy");
	subject.workload.share[WORKLOAD_GET] = subject.mix.get_percent;
	subject.workload.share[WORKLOAD_SET] = subject.mix.set_percent;
	subject.workload.share[WORKLOAD_DELETE] = subject.mix.delete_percent;
	subject.coherence.processors = subject.workload.threads;
	subject.config.threads_max = subject.workload.threads + 1;
}

/* ---- The threads ------------------------------------------------------------------------------------------------- */

static struct {
	struct capacitor *cache;
	unsigned arrived, finished; /* one thread runs at a time, and it is not seen here: plain words do */
	uint64_t hits, misses, failures;
	uint64_t failed_with[CAPACITOR_RESULTS];
} run;

struct worker {
	pthread_t thread;
	unsigned number;
	unsigned char *buffer, *key;
};

static void count_result(enum capacitor_result result, bool measured)
{
	if (!measured)
		return;
	run.hits += result == CAPACITOR_HIT;
	run.misses += result == CAPACITOR_MISS;
	if (result != CAPACITOR_HIT && result != CAPACITOR_MISS && result != CAPACITOR_STORED)
		run.failed_with[result]++;
}

static void operate(struct worker *worker, struct capacitor_handle *handle, uint64_t from, uint64_t to, bool measured)
{
	const struct workload *workload = &subject.workload;
	const uint32_t *stream = workload->stream[worker->number];

	for (uint64_t i = from; i < to; i++) {
		uint32_t operation = stream[i % workload->length];
		uint32_t key = workload_key_number(operation);
		const unsigned char *bytes = workload_key(workload, key, worker->key);
		size_t length;

		switch (workload_kind(operation)) {
		case WORKLOAD_GET: {
			enum capacitor_result result;

			coherence_operation(KIND_GET);
			result = capacitor_get(handle, bytes, workload->key_bytes, worker->buffer, workload->value_bytes, &length);
			coherence_operation(0);
			count_result(result, measured);
			break;
		}
		case WORKLOAD_SET: {
			enum capacitor_result result;

			coherence_operation(KIND_SET);
			result = capacitor_set(handle, bytes, workload->key_bytes, workload_value(workload, key),
			                       workload->value_bytes, CAPACITOR_TTL_DEFAULT);
			coherence_operation(0);
			if (measured && result != CAPACITOR_STORED)
				run.failed_with[result]++;
			break;
		}
		case WORKLOAD_DELETE:
			coherence_operation(KIND_DELETE);
			capacitor_delete(handle, bytes, workload->key_bytes);
			coherence_operation(0);
			break;
		}
		coherence_yield();
	}
}

/* The last of them does it; the others give up their turn until it has. */
static void meet(unsigned *here, bool measure)
{
	if (++*here == subject.workload.threads)
		coherence_measure(measure);
	while (*(volatile unsigned *)here < subject.workload.threads)
		sched_yield();
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct capacitor_handle *handle;

	if (capacitor_enter(run.cache, &handle) != CAPACITOR_OK)
		refuse("a thread cannot enter the cache");
	operate(worker, handle, 0, subject.warmup, false);
	meet(&run.arrived, true);
	operate(worker, handle, subject.warmup, subject.warmup + subject.operations, true);
	meet(&run.finished, false);
	capacitor_leave(handle);
	return NULL;
}

/* Every key once. */
static void fill(void)
{
	const struct workload *workload = &subject.workload;
	struct capacitor_handle *handle;
	unsigned char scratch[KEY_BYTES_MAX];

	if (capacitor_enter(run.cache, &handle) != CAPACITOR_OK)
		refuse("the main thread cannot enter the cache");
	for (uint32_t key = 0; key < workload->keys; key++) {
		coherence_operation(0);
		capacitor_set(handle, workload_key(workload, key, scratch), workload->key_bytes, workload_value(workload, key),
		              workload->value_bytes, CAPACITOR_TTL_DEFAULT);
	}
	capacitor_leave(handle);
}

/* ---- The record -------------------------------------------------------------------------------------------------- */

static void describe(char *text, size_t bytes)
{
	const struct workload *workload = &subject.workload;

	snprintf(text, bytes,
	         "{\"impl\": \"%s\", \"threads\": %u, \"operations\": %" PRIu64 ", \"warmup\": %" PRIu64 ", \"mix\": \"%u:%u:%u\", "
	         "\"policy\": \"%s\", \"counters\": \"%s\", \"keys\": %" PRIu64 ", \"key_bytes\": %zu, \"value_bytes\": %zu, "
	         "\"skew\": %g, \"capacity_bytes\": %zu, \"shards\": %u, \"hash\": \"%s\",\n  \"hits\": %" PRIu64
	         ", \"misses\": %" PRIu64 ", \"busy\": %" PRIu64 ", \"compiler\": \"%s\", \"liburcu\": \"%s\", \"ck\": \"%s\"}",
	         subject.impl, workload->threads, subject.operations, subject.warmup, subject.mix.get_percent,
	         subject.mix.set_percent, subject.mix.delete_percent, capacitor_policy_string(subject.config.policy),
	         capacitor_counters_string(subject.config.counters), workload->keys, workload->key_bytes, workload->value_bytes,
	         workload->skew, subject.config.capacity_bytes, subject.config.shards,
	         options_hashes()[subject.config.hash], run.hits, run.misses, run.failed_with[CAPACITOR_BUSY], BUILD_COMPILER,
	         BUILD_LIBURCU_VERSION, BUILD_CK_VERSION);
}

static void summarise(void)
{
	static const char *const names[] = {"between", "get", "set", "delete"};

	for (unsigned kind = 0; kind <= KIND_DELETE; kind++) {
		uint64_t operations = coherence_count(kind, COHERENCE_OPERATIONS);
		double per = kind && operations ? 1.0 / (double)operations : 1.0;

		if (coherence_count(kind, COHERENCE_READS) == 0)
			continue;
		printf("%-8s", names[kind]);
		for (unsigned count = 0; count < COHERENCE_COUNTS; count++)
			if (coherence_count(kind, count) > 0)
				printf(" %s %.4g", coherence_count_names[count],
				       count == COHERENCE_OPERATIONS ? (double)operations
				                                     : (double)coherence_count(kind, count) * per);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	struct worker *workers;
	struct capacitor_error failure;
	char error[OPTIONS_ERROR_BYTES], text[1024];
	size_t needed;

	read_options(argc, argv);
	needed = subject.warmup + subject.operations;
	if (!workload_init(&subject.workload))
		refuse("no memory for the operations");
	if (subject.workload.length > needed)
		subject.workload.length = needed;
	for (unsigned i = 0; i < subject.workload.threads; i++)
		workload_draw(&subject.workload, i);
	workers = calloc(subject.workload.threads, sizeof(*workers));
	if (!workers)
		refuse("no memory");
	if (!coherence_start(&subject.coherence, error, sizeof(error)))
		refuse(error);
	coherence_operation_name(KIND_GET, "get");
	coherence_operation_name(KIND_SET, "set");
	coherence_operation_name(KIND_DELETE, "delete");
	coherence_object(subject.workload.key_array, subject.workload.keys * subject.workload.key_bytes, "keys of the workload");
	coherence_object(subject.workload.pattern,
	                 subject.workload.value_bytes + WORKLOAD_SLICES * WORKLOAD_SLICE_BYTES, "values of the workload");
	if (capacitor_create(subject.impl, &subject.config, &run.cache, &failure) != CAPACITOR_OK)
		refuse(failure.message);
	fill();
	for (unsigned i = 0; i < subject.workload.threads; i++) {
		struct worker *worker = &workers[i];

		worker->number = i;
		worker->buffer = aligned_alloc(128, (subject.workload.value_bytes | 127) + 1);
		worker->key = aligned_alloc(128, KEY_BYTES_MAX);
		if (!worker->buffer || !worker->key || pthread_create(&worker->thread, NULL, work, worker) != 0)
			refuse("a thread cannot be made");
		coherence_object(worker->buffer, (subject.workload.value_bytes | 127) + 1, "buffer of a thread");
	}
	for (unsigned i = 0; i < subject.workload.threads; i++)
		pthread_join(workers[i].thread, NULL);
	describe(text, sizeof(text));
	if (!subject.out)
		summarise();
	else if (!coherence_record(subject.out, text, error, sizeof(error)))
		refuse(error);
	for (unsigned i = 0; i < subject.workload.threads; i++) {
		free(workers[i].buffer);
		free(workers[i].key);
	}
	free(workers);
	capacitor_destroy(run.cache);
	workload_free(&subject.workload);
	return 0;
}
