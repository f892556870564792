/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor codec`: what it costs to encode and decode a typical record, beside the cache that it is kept in, by one thread.
 *
 * Operations: encode, decode and reading one field, without a cache; and with one: get and set of the encoded value, the same with
 * the codec's part, and decoding or reading a field in place, from a pin. Of these the codec's share of the time is told: the
 * operation
 * and the same without the codec are measured by turns, a millisecond each, so that the machine's moods hit both.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capacitor/cache.h"
#include "harness/allocations.h"
#include "harness/bench.h"
#include "harness/codec/codec.h"
#include "harness/commands.h"
#include "harness/latency.h"
#include "harness/options.h"
#include "harness/sweep.h"

#define RECORDS      64 /* of each size: in turns */
#define ENCODED_MAX  ((size_t)512 << 10)
#define ARENA_BYTES  ((size_t)4 << 20)
#define TURN_NS      1000000
#define SEED_MAX     (UINT64_C(1) << 52)
#define ITEMS_MAX    2000

/* ---- What is measured --------------------------------------------------------------------------------------------------- */

/* Everything that an operation works on; made before anything is timed. */
struct bench_codec {
	const struct codec *codec;
	struct capacitor *cache;
	struct capacitor_handle *handle;
	struct arena drawn, scratch;
	struct record record[RECORDS];
	unsigned char *encoded[RECORDS];
	size_t encoded_bytes[RECORDS];
	unsigned char *buffer;
	double sink; /* what was decoded, so that it has to be */
	bool failed;
};

static size_t key_of(unsigned i, char key[16])
{
	return (size_t)snprintf(key, 16, "record %07u", i);
}

static void encode_one(struct bench_codec *bench, unsigned i)
{
	bench->failed |= bench->codec->encode(&bench->record[i], bench->buffer, ENCODED_MAX) == 0;
}

static void decode_bytes(struct bench_codec *bench, const unsigned char *bytes, size_t count)
{
	struct record record;

	bench->scratch.used = 0;
	if (bench->codec->decode(bytes, count, &bench->scratch, &record))
		bench->sink += record.score;
	else
		bench->failed = true;
}

static void read_field(struct bench_codec *bench, const unsigned char *bytes, size_t count)
{
	double score = 0;

	bench->scratch.used = 0;
	bench->failed |= !bench->codec->score_of(bytes, count, &bench->scratch, &score);
	bench->sink += score;
}

static void decode_one(struct bench_codec *bench, unsigned i)
{
	decode_bytes(bench, bench->encoded[i], bench->encoded_bytes[i]);
}

static void field_one(struct bench_codec *bench, unsigned i)
{
	read_field(bench, bench->encoded[i], bench->encoded_bytes[i]);
}

static size_t get_value(struct bench_codec *bench, unsigned i)
{
	char key[16];
	size_t bytes = 0;

	bench->failed |= capacitor_get(bench->handle, key, key_of(i, key), bench->buffer, ENCODED_MAX, &bytes) != CAPACITOR_HIT;
	return bytes;
}

static void get_one(struct bench_codec *bench, unsigned i)
{
	get_value(bench, i);
}

static void get_decode(struct bench_codec *bench, unsigned i)
{
	size_t bytes = get_value(bench, i);

	decode_bytes(bench, bench->buffer, bytes);
}

static void with_pin(struct bench_codec *bench, unsigned i, void (*use)(struct bench_codec *, const unsigned char *, size_t))
{
	struct capacitor_pin pin;
	char key[16];

	if (capacitor_pin(bench->handle, key, key_of(i, key), &pin) != CAPACITOR_HIT) {
		bench->failed = true;
		return;
	}
	if (use)
		use(bench, pin.value, pin.value_bytes);
	capacitor_unpin(bench->handle, &pin);
}

static void pin_one(struct bench_codec *bench, unsigned i)
{
	with_pin(bench, i, NULL);
}

static void pin_decode(struct bench_codec *bench, unsigned i)
{
	with_pin(bench, i, decode_bytes);
}

static void pin_field(struct bench_codec *bench, unsigned i)
{
	with_pin(bench, i, read_field);
}

static void set_value(struct bench_codec *bench, unsigned i, const unsigned char *bytes, size_t count)
{
	char key[16];

	bench->failed |=
		capacitor_set(bench->handle, key, key_of(i, key), bytes, count, CAPACITOR_TTL_NEVER) != CAPACITOR_STORED;
}

static void set_one(struct bench_codec *bench, unsigned i)
{
	set_value(bench, i, bench->encoded[i], bench->encoded_bytes[i]);
}

static void set_encode(struct bench_codec *bench, unsigned i)
{
	size_t bytes = bench->codec->encode(&bench->record[i], bench->buffer, ENCODED_MAX);

	set_value(bench, i, bench->buffer, bytes);
}

typedef void action(struct bench_codec *bench, unsigned i);

static const struct operation {
	const char *name, *what;
	action *step;
	action *without; /* the same without the codec; NULL: there is no cache in it, or no codec */
} operations[] = {
	{"encode", "a record to bytes", encode_one, NULL},
	{"decode", "bytes to a record, every field", decode_one, NULL},
	{"field", "one field, out of bytes", field_one, NULL},
	{"get", "of the encoded value, copied out", get_one, NULL},
	{"get_decode", "get, then decode", get_decode, get_one},
	{"pin_decode", "decode in place, from a pin", pin_decode, pin_one},
	{"pin_field", "one field in place, from a pin", pin_field, pin_one},
	{"set", "of the encoded value", set_one, NULL},
	{"set_encode", "encode, then set", set_encode, set_one},
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static const struct size {
	const char *name;
	unsigned items;
} sizes[] = {{"small", 1}, {"medium", 16}, {"large", 256}};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* ---- Preparing ------------------------------------------------------------------------------------------------------------ */

static void clear_bench(struct bench_codec *bench)
{
	if (bench->handle)
		capacitor_leave(bench->handle);
	if (bench->cache)
		capacitor_destroy(bench->cache);
	for (unsigned i = 0; i < RECORDS; i++)
		free(bench->encoded[i]);
	free(bench->drawn.memory);
	free(bench->scratch.memory);
	free(bench->buffer);
	memset(bench, 0, sizeof *bench);
}

static bool make_records(struct bench_codec *bench, unsigned items, uint64_t seed)
{
	bench->drawn = (struct arena){malloc(4 * ARENA_BYTES), 4 * ARENA_BYTES, 0};
	bench->scratch = (struct arena){malloc(ARENA_BYTES), ARENA_BYTES, 0};
	bench->buffer = malloc(ENCODED_MAX);
	if (!bench->drawn.memory || !bench->scratch.memory || !bench->buffer)
		return false;
	for (unsigned i = 0; i < RECORDS; i++) {
		size_t bytes;

		if (!record_draw(&bench->record[i], &bench->drawn, seed * RECORDS + i, items))
			return false;
		bytes = bench->codec->encode(&bench->record[i], bench->buffer, ENCODED_MAX);
		bench->encoded[i] = bytes ? malloc(bytes) : NULL;
		if (!bench->encoded[i])
			return false;
		memcpy(bench->encoded[i], bench->buffer, bytes);
		bench->encoded_bytes[i] = bytes;
	}
	return true;
}

/* What it wrote is what it reads: a measurement of something else would be worth nothing. */
static bool check_records(struct bench_codec *bench)
{
	struct record record;
	double score;

	for (unsigned i = 0; i < RECORDS; i++) {
		bench->scratch.used = 0;
		if (!bench->codec->decode(bench->encoded[i], bench->encoded_bytes[i], &bench->scratch, &record) ||
		    !record_equal(&record, &bench->record[i]))
			return false;
		bench->scratch.used = 0;
		if (!bench->codec->score_of(bench->encoded[i], bench->encoded_bytes[i], &bench->scratch, &score) ||
		    score != bench->record[i].score)
			return false;
	}
	return true;
}

static bool make_cache(struct bench_codec *bench, const char *implementation, char error[BENCH_ERROR_BYTES])
{
	struct capacitor_config config;
	struct capacitor_error why;

	capacitor_config_init(&config);
	config.expected_entries = 4 * RECORDS;
	config.capacity_bytes = (size_t)256 << 20; /* room for late reclamation of the largest records, too */
	if (capacitor_create(implementation, &config, &bench->cache, &why) != CAPACITOR_OK) {
		snprintf(error, BENCH_ERROR_BYTES, "%.200s", why.message);
		return false;
	}
	if (capacitor_enter(bench->cache, &bench->handle) != CAPACITOR_OK) {
		snprintf(error, BENCH_ERROR_BYTES, "the cache cannot be entered");
		return false;
	}
	for (unsigned i = 0; i < RECORDS; i++)
		set_one(bench, i);
	return true;
}

/* ---- Measuring ------------------------------------------------------------------------------------------------------------ */

/* So many steps as take about a turn. Returns how many; *time_ns grows by what they took. */
static uint64_t take_turn(struct bench_codec *bench, action *step, unsigned *next, uint64_t batch, uint64_t *time_ns)
{
	uint64_t begin = latency_monotonic_ns();

	for (uint64_t i = 0; i < batch; i++) {
		step(bench, *next);
		*next = (*next + 1) % RECORDS;
	}
	*time_ns += latency_monotonic_ns() - begin;
	return batch;
}

/* How many steps a turn has. */
static uint64_t turn_of(struct bench_codec *bench, action *step)
{
	uint64_t batch = 1;
	unsigned next = 0;

	for (;;) {
		uint64_t time_ns = 0;

		take_turn(bench, step, &next, batch, &time_ns);
		if (time_ns >= TURN_NS / 2 || batch >= UINT64_C(1) << 30)
			return batch;
		batch *= time_ns < TURN_NS / 16 ? 8 : 2;
	}
}

/* A line of the grid. */
struct point {
	const struct codec *codec;
	const struct size *size;
	const struct operation *operation;
	const char *implementation;
	double window_s;
	uint64_t seed;
	unsigned items;
};

static void fill_metrics(const struct point *point, const struct bench_codec *bench, uint64_t steps, uint64_t time_ns,
                         double without,
                         struct allocations allocated, struct metrics *metrics)
{
	double bytes = 0, time = (double)time_ns / (double)steps;

	for (unsigned i = 0; i < RECORDS; i++)
		bytes += (double)bench->encoded_bytes[i] / RECORDS;
	metrics_clear(metrics, "no codec is measured by it");
	metrics_set(metrics, METRIC_NS_PER_OP, time);
	metrics_set(metrics, METRIC_OPS_PER_S, 1e9 / time);
	metrics_set(metrics, METRIC_BYTES_PER_S, bytes * 1e9 / time);
	metrics_set(metrics, METRIC_ENCODED_BYTES, bytes);
	metrics_set(metrics, METRIC_OPERATIONS, (double)steps);
	metrics_set(metrics, METRIC_WINDOW_S, (double)time_ns / 1e9);
	metrics_set(metrics, METRIC_OVERSUBSCRIBED, 0);
	if (allocations_unavailable()) {
		metrics_lack(metrics, METRIC_ALLOCATIONS_PER_OP, allocations_unavailable());
		metrics_lack(metrics, METRIC_ALLOCATED_BYTES_PER_OP, allocations_unavailable());
	} else {
		metrics_set(metrics, METRIC_ALLOCATIONS_PER_OP, (double)allocated.count / (double)steps);
		metrics_set(metrics, METRIC_ALLOCATED_BYTES_PER_OP, (double)allocated.bytes / (double)steps);
	}
	if (point->operation->without)
		metrics_set(metrics, METRIC_CODEC_SHARE, time > without ? 1 - without / time : 0);
	else
		metrics_lack(metrics, METRIC_CODEC_SHARE, "it is either all of it the codec's, or none");
}

static void measure(const struct point *point, struct bench_codec *bench, struct metrics *metrics)
{
	const struct operation *operation = point->operation;
	uint64_t batch = turn_of(bench, operation->step), other_batch = operation->without ? turn_of(bench, operation->without) : 0;
	uint64_t steps = 0, time_ns = 0, other_steps = 0, other_ns = 0;
	struct allocations allocated = {0, 0};
	unsigned next = 0, other_next = 0;

	while (time_ns < (uint64_t)(point->window_s * 1e9)) {
		struct allocations before = allocations_now();

		steps += take_turn(bench, operation->step, &next, batch, &time_ns);
		allocated.count += allocations_now().count - before.count;
		allocated.bytes += allocations_now().bytes - before.bytes;
		if (operation->without)
			other_steps += take_turn(bench, operation->without, &other_next, other_batch, &other_ns);
	}
	fill_metrics(point, bench, steps, time_ns, other_steps ? (double)other_ns / (double)other_steps : 0, allocated, metrics);
}

static bool run_point(void *context, unsigned repetition, struct metrics *metrics, char error[BENCH_ERROR_BYTES])
{
	const struct point *point = context;
	struct bench_codec bench = {.codec = point->codec};
	bool fine = make_records(&bench, point->items, point->seed + repetition);

	if (!fine)
		snprintf(error, BENCH_ERROR_BYTES, "%s: no memory for records of %u items", point->codec->name, point->items);
	if (fine && !check_records(&bench)) {
		snprintf(error, BENCH_ERROR_BYTES, "%s: what was decoded is not what was encoded", point->codec->name);
		fine = false;
	}
	fine = fine && make_cache(&bench, point->implementation, error);
	if (fine) {
		measure(point, &bench, metrics);
		metrics_set(metrics, METRIC_SEED, (double)(point->seed + repetition));
		if (bench.failed) {
			snprintf(error, BENCH_ERROR_BYTES, "%s: an operation failed", point->codec->name);
			fine = false;
		}
	}
	clear_bench(&bench);
	return fine;
}

/* ---- The subcommand ------------------------------------------------------------------------------------------------------ */

enum { CODEC, RECORD, OPERATION, IMPL, SECONDS, REPETITIONS, SEED, OUT, HELP, OPTIONS };

static const struct options_known known[] = {
	[CODEC] = {"--codec", "NAMES", "json, msgpack, protobuf, flat, or all; default: all"},
	[RECORD] = {"--record", "NAMES", "small (1 item), medium (16), large (256), or all; default: all"},
	[OPERATION] = {"--operation", "NAMES", "of the list below, or all; default: all"},
	[IMPL] = {"--impl", "NAMES", "the caches that values are kept in; default: sharded"},
	[SECONDS] = {"--seconds", "TIME", "how long each point is measured, 1ms to 1h; default: 200ms"},
	[REPETITIONS] = {"--repetitions", "N", "how often each point is measured, 1 to 1000; default: 3"},
	[SEED] = {"--seed", "N", "what records are drawn from; repetition r (from 0) uses N + r; default: 1"},
	[OUT] = {"--out", "FILE", "write all runs and the environment as Google Benchmark's JSON, whole or not at all"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

struct request {
	struct options_list codec, record, operation, impl;
	double window_s;
	uint64_t repetitions, seed;
	struct bench_session session;
};

static const char *codec_names[8], *size_names[SIZES + 1], *operation_names[OPERATIONS + 1];

static void name_all(void)
{
	for (size_t i = 0; codecs[i]; i++)
		codec_names[i] = codecs[i]->name;
	for (size_t i = 0; i < SIZES; i++)
		size_names[i] = sizes[i].name;
	for (size_t i = 0; i < OPERATIONS; i++)
		operation_names[i] = operations[i].name;
}

static void print_help(void)
{
	puts("usage: capacitor codec [OPTION...]\n\n"
	     "Measures encoding and decoding of a typical record into a cache's value, by one thread, beside the cache itself:\n"
	     "time, bytes and allocations, so that one sees when the format and not the cache is the cost.\n");
	options_print(stdout, known);
	puts("\nOperations:");
	for (size_t i = 0; i < OPERATIONS; i++)
		printf("  %-12s %s\n", operations[i].name, operations[i].what);
	puts("\nCodecs:");
	for (size_t i = 0; codecs[i]; i++)
		printf("  %-12s %s\n", codecs[i]->name, codecs[i]->library);
	puts("\ncodec_share is the part of an operation's time that the same without the codec does not take: both are measured\n"
	     "by turns. Google Benchmark's own options work, as in bench.");
}

static bool read_option(struct request *request, int option, const char *value, char error[OPTIONS_ERROR_BYTES])
{
	const char *name = known[option].name;

	switch (option) {
	case CODEC: return options_names(name, value, codec_names, &request->codec, error);
	case RECORD: return options_names(name, value, size_names, &request->record, error);
	case OPERATION: return options_names(name, value, operation_names, &request->operation, error);
	case IMPL: return options_names(name, value, options_implementations(), &request->impl, error);
	case SECONDS: return options_seconds(name, value, 0.001, 3600, &request->window_s, error);
	case REPETITIONS: return options_number(name, value, 1, 1000, &request->repetitions, error);
	case SEED: return options_number(name, value, 0, SEED_MAX, &request->seed, error);
	default: request->session.out = value; return true;
	}
}

static bool read_request(struct request *request, int argc, char **argv)
{
	struct options_reader reader = {.command = "codec", .known = known, .foreign_prefix = "--benchmark_", .argc = argc,
		.argv = argv,
	                                .at = 1};
	bool fine = read_option(request, CODEC, "all", reader.error) && read_option(request, RECORD, "all", reader.error) &&
	            read_option(request, OPERATION, "all", reader.error) && read_option(request, IMPL, "sharded", reader.error);
	int option;

	while (fine && (option = options_read(&reader)) != OPTIONS_END) {
		if (option == OPTIONS_FOREIGN && request->session.foreigns < BENCH_FOREIGN_MAX)
			request->session.foreign[request->session.foreigns++] = reader.value;
		else
			fine = option >= 0 && read_option(request, option, reader.value, reader.error);
	}
	if (!fine)
		fprintf(stderr, "capacitor codec: %s\n", reader.error);
	return fine;
}

/* The grid: the codec varies fastest, so that neighbours in time are what is compared. */
static size_t make_points(const struct request *request, struct point *points, struct bench_entry *entries)
{
	size_t all = request->codec.count * request->record.count * request->operation.count * request->impl.count, count = 0;

	for (size_t i = 0; i < all; i++) {
		size_t number = i;
		struct point *point = &points[count];

		point->codec = codecs[request->codec.item[sweep_digit(&number, request->codec.count)]];
		point->operation = &operations[request->operation.item[sweep_digit(&number, request->operation.count)]];
		point->size = &sizes[request->record.item[sweep_digit(&number, request->record.count)]];
		point->implementation = options_implementations()[request->impl.item[sweep_digit(&number, request->impl.count)]];
		point->items = point->size->items;
		point->window_s = request->window_s;
		point->seed = request->seed;
		if (capacitor_find(point->implementation)->lacks & CAPACITOR_LACKS_STORAGE) {
			sweep_left_out("codec", capacitor_find(point->implementation), "it keeps nothing");
			continue;
		}
		snprintf(entries[count].name, BENCH_NAME_BYTES,
		         "cache/suite:codec/impl:%s/threads:1/codec:%s/record:%s/operation:%s",
		         point->implementation, point->codec->name, point->size->name, point->operation->name);
		entries[count].implementation = point->implementation;
		entries[count].context = point;
		count++;
	}
	return count;
}

int codec_command(int argc, char **argv)
{
	struct request request = {.window_s = 0.2, .repetitions = 3, .seed = 1};
	struct bench_session *session = &request.session;
	struct point *points;
	size_t all;
	int status = COMMAND_FAIL;

	name_all();
	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	if (!read_request(&request, argc, argv) || (session->out && !bench_can_write("codec", session->out)))
		return COMMAND_USAGE;
	all = request.codec.count * request.record.count * request.operation.count * request.impl.count;
	points = calloc(all, sizeof *points);
	session->command = "codec";
	session->repetitions = (unsigned)request.repetitions;
	session->run = run_point;
	session->entries = calloc(all, sizeof *session->entries);
	if (!points || !session->entries) {
		fprintf(stderr, "capacitor codec: no memory for %zu points\n", all);
	} else if ((session->count = make_points(&request, points, session->entries)) == 0) {
		fprintf(stderr, "capacitor codec: nothing is left to measure\n");
		status = COMMAND_USAGE;
	} else {
		for (size_t i = 0; codecs[i]; i++)
			bench_add_fact(session, codecs[i]->name, "%s", codecs[i]->library);
		sweep_add_machine(session);
		session->expected_s = (double)session->count * (request.window_s * 1.7 + 0.02);
		status = bench_run(session);
	}
	free(session->entries);
	free(points);
	return status;
}
