/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor codec`: what encoding and decoding values costs, beside the cache that holds them.
 *
 * Every option is a list; the points are all combinations. The codec varies fastest, so that neighbours in time are what is
 * compared.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capacitor/cache.h"
#include "harness/bench.h"
#include "harness/codec_point.h"
#include "harness/commands.h"
#include "harness/options.h"
#include "harness/sweep.h"

#define POINTS_MAX      20000
#define REPETITIONS_MAX 1000
#define ITEMS_MAX       1000000
#define SEED_MAX        ((UINT64_C(1) << 53) - 1 - REPETITIONS_MAX) /* JSON's numbers are exact up to 2^53 */

/* Keys by default: as many records as take this, within bounds. */
#define KEYS_AUTO_BYTES ((uint64_t)1 << 20)
#define KEYS_AUTO_MIN   16
#define KEYS_AUTO_MAX   1000
#define KEYS_MAX        ((uint64_t)1 << 24)

/* What a point costs besides its window: drawing, encoding, filling. For the estimate of the time only. */
#define POINT_OVERHEAD_S 0.05

const struct codec *const codecs[] = {&codec_json, &codec_msgpack, &codec_protobuf, &codec_flat, NULL};

enum { CODEC, RECORD, ITEMS, OPERATION, IMPL, KEYS, SECONDS, WARMUP, REPETITIONS, SEED, OUT, LIST, HELP, OPTIONS };

static const struct options_known known[] = {
	[CODEC] = {"--codec", "NAMES", "codecs (see --list), or all; default: all"},
	[RECORD] = {"--record", "NAMES",
		"sizes of records: small, medium, large, huge (about 100 B, 1 KB, 10 KB, 100 KB in\n"
		"Protocol Buffers), or all; default: medium"},
	[ITEMS] = {"--items", "NUMBERS", "besides or instead: records with about so many items in their list"},
	[OPERATION] = {"--operation", "NAMES", "what is measured (see --list), or all; default: all"},
	[IMPL] = {"--impl", "NAMES", "the cache that holds the values (see capacitor list); default: sharded"},
	[KEYS] = {"--keys", "N",
		"records, each different, each under a key of its own, 1 to 16M;\n"
		"default: as many as take 1 MiB, from 16 to 1000"},
	[SECONDS] = {"--seconds", "TIME", "length of the window of a point, 10ms to 1h; default: 0.25s"},
	[WARMUP] = {"--warmup", "TIME", "how long the operation runs before the window; default: a quarter of it"},
	[REPETITIONS] = {"--repetitions", "N", "how often each point is measured, 1 to 1000; default: 3"},
	[SEED] = {"--seed", "N", "what records are drawn from; repetition r (from 0) uses N + r; default: 1"},
	[OUT] = {"--out", "FILE", "write all runs and the environment as Google Benchmark's JSON, whole or not at all"},
	[LIST] = {"--list", NULL, "codecs, with their libraries and how they are used, records and operations"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

struct request {
	struct options_list codec, record, items, operation, impl;
	uint64_t keys, repetitions, seed; /* keys 0: as many as are sensible */
	double window_s, warmup_s;        /* warmup_s below 0: a quarter */
	bool list;
	bool given[OPTIONS];
	struct bench_session session;
};

static const char *const *codec_names(void)
{
	static const char *names[sizeof(codecs) / sizeof(codecs[0])];

	for (size_t i = 0; codecs[i]; i++)
		names[i] = codecs[i]->name;
	return names;
}

static const char *const *shape_names(void)
{
	static const char *names[16];

	for (size_t i = 0; record_shapes[i].name && i < 15; i++)
		names[i] = record_shapes[i].name;
	return names;
}

/* ---- Help -------------------------------------------------------------------------------------------------------- */

static void print_help(void)
{
	puts("usage: capacitor codec [OPTION...]\n"
	     "\n"
	     "Measures what it takes to encode a typical record into a value and to decode it again, alone and together with\n"
	     "a cache, by one thread: time, bytes, allocations, and the codec's share of an operation on the cache. Options\n"
	     "are lists, separated by commas: every combination is a point. Before it is measured, every record must come\n"
	     "back from its codec as it was.\n");
	options_print(stdout, known);
	puts("\nTogether with a cache, the operation is measured as a program would do it (get+decode copies the value out and\n"
	     "decodes the copy, pin+decode decodes it where it lies), in turn with the operation on the cache alone:\n"
	     "codec_share_percent is what the codec adds, of the whole. A get finds its key always. All records of a point\n"
	     "differ; `capacitor list metrics` tells what the figures mean.\n"
	     "\n"
	     "Google Benchmark's own options work: --benchmark_filter=REGEX, --benchmark_format=console|json|csv, ...");
}

/* About the bytes of a record of that shape, encoded. */
static double mean_bytes(const struct codec *codec, const struct record_shape *shape)
{
	void *state = codec->open();
	struct workload_random random;
	struct arena arena = {0};
	double bytes = 0;

	workload_random_init(&random, 1, 0);
	for (int i = 0; state && i < 20; i++) {
		struct codec_bytes encoded = {NULL, 0};
		struct record record;

		if (record_draw(&record, shape, &random, &arena) && codec->encode(state, &record, &encoded))
			bytes += (double)encoded.bytes / 20;
		arena_reset(&arena);
	}
	arena_free(&arena);
	codec->close(state);
	return bytes;
}

static void print_list(void)
{
	puts("codecs");
	for (size_t i = 0; codecs[i]; i++)
		printf("  %-12s%s: %s %s\n  %-12s%s\n", codecs[i]->name, codecs[i]->format, codecs[i]->library,
		       codecs[i]->version(), "", codecs[i]->use);
	printf("\nrecords, and their mean bytes by codec\n  %-12s", "");
	for (size_t c = 0; codecs[c]; c++)
		printf("%12s", codecs[c]->name);
	for (size_t i = 0; record_shapes[i].name; i++) {
		printf("\n  %-12s", record_shapes[i].name);
		for (size_t c = 0; codecs[c]; c++)
			printf("%12.0f", mean_bytes(codecs[c], &record_shapes[i]));
	}
	puts("\n\noperations");
	for (size_t i = 0; codec_operation_names[i]; i++)
		printf("  %-12s%s\n", codec_operation_names[i], codec_operation_meaning((enum codec_operation)i));
}

/* ---- Reading the options ----------------------------------------------------------------------------------------- */

static bool read_option(struct request *request, int option, const char *text, char error[OPTIONS_ERROR_BYTES])
{
	const char *name = known[option].name;

	switch (option) {
	case CODEC:
		return options_names(name, text, codec_names(), &request->codec, error);
	case RECORD:
		return options_names(name, text, shape_names(), &request->record, error);
	case ITEMS:
		return options_numbers(name, text, 0, ITEMS_MAX, &request->items, error);
	case OPERATION:
		return options_names(name, text, codec_operation_names, &request->operation, error);
	case IMPL:
		return options_names(name, text, options_implementations(), &request->impl, error);
	case KEYS:
		return options_number(name, text, 1, KEYS_MAX, &request->keys, error);
	case SECONDS:
		return options_seconds(name, text, 0.01, 3600, &request->window_s, error);
	case WARMUP:
		return options_seconds(name, text, 0, 3600, &request->warmup_s, error);
	case REPETITIONS:
		return options_number(name, text, 1, REPETITIONS_MAX, &request->repetitions, error);
	case SEED:
		return options_number(name, text, 0, SEED_MAX, &request->seed, error);
	case OUT:
		request->session.out = text;
		return true;
	default:
		request->list = true;
		return true;
	}
}

static bool read_options(struct request *request, int argc, char **argv, char error[OPTIONS_ERROR_BYTES])
{
	struct options_reader reader = {.command = "codec",
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
				snprintf(error, OPTIONS_ERROR_BYTES, "more than %d options of Google Benchmark", BENCH_FOREIGN_MAX);
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
	return true;
}

static bool fill_in(struct request *request, char error[OPTIONS_ERROR_BYTES])
{
	static const char *const defaults[OPTIONS] = {
		[CODEC] = "all", [RECORD] = "medium", [OPERATION] = "all", [IMPL] = "sharded"};

	for (int option = 0; option < OPTIONS; option++)
		if (defaults[option] && !request->given[option] && !(option == RECORD && request->given[ITEMS]) &&
		    !read_option(request, option, defaults[option], error))
			return false;
	if (request->warmup_s < 0)
		request->warmup_s = request->window_s / 4;
	return true;
}

/* ---- The grid ---------------------------------------------------------------------------------------------------- */

static size_t combinations(const struct request *request)
{
	return request->codec.count * request->operation.count * (request->record.count + request->items.count) *
	       request->impl.count;
}

static void combine(const struct request *request, size_t number, struct codec_point *point)
{
	size_t shape;

	point->codec = codecs[request->codec.item[sweep_digit(&number, request->codec.count)]];
	point->operation = (enum codec_operation)request->operation.item[sweep_digit(&number, request->operation.count)];
	shape = sweep_digit(&number, request->record.count + request->items.count);
	point->shape = shape < request->record.count
	                       ? record_shapes[request->record.item[shape]]
	                       : record_shape_of_items((unsigned)request->items.item[shape - request->record.count]);
	point->implementation = capacitor_info(request->impl.item[sweep_digit(&number, request->impl.count)]);
	point->keys = request->keys;
	if (point->keys == 0) {
		point->keys = KEYS_AUTO_BYTES / record_estimate(&point->shape);
		if (point->keys < KEYS_AUTO_MIN)
			point->keys = KEYS_AUTO_MIN;
		if (point->keys > KEYS_AUTO_MAX)
			point->keys = KEYS_AUTO_MAX;
	}
	point->window_s = request->window_s;
	point->warmup_s = request->warmup_s;
	point->seed = request->seed;
}

static void name_point(const struct codec_point *point, char name[BENCH_NAME_BYTES])
{
	char record[32];

	if (point->shape.name)
		snprintf(record, sizeof(record), "%s", point->shape.name);
	else
		snprintf(record, sizeof(record), "items-%u", point->shape.items);
	snprintf(name, BENCH_NAME_BYTES, "codec/suite:codec/impl:%s/threads:1/keys:%" PRIu64 "/codec:%s/record:%s/operation:%s",
	         point->implementation->name, point->keys, point->codec->name, record,
	         codec_operation_names[point->operation]);
}

/* Makes the entries. False: it was said why not. */
static bool make_grid(struct request *request, struct codec_point *points)
{
	struct bench_session *session = &request->session;
	uint64_t available = sweep_available_bytes();
	size_t all = combinations(request);

	for (size_t i = 0; i < all; i++) {
		struct bench_entry *entry = &session->entries[session->count];
		struct codec_point *point = &points[session->count];

		combine(request, i, point);
		if (point->implementation->lacks & CAPACITOR_LACKS_STORAGE) {
			sweep_left_out("codec", point->implementation, "it keeps nothing that could be decoded");
			continue;
		}
		name_point(point, entry->name);
		if (!sweep_has_memory("codec", entry->name, codec_point_memory(point), available))
			return false;
		entry->implementation = point->implementation->name;
		entry->context = point;
		session->count++;
	}
	if (session->count > 0)
		return true;
	fputs("capacitor codec: no point is left\n", stderr);
	return false;
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

static bool run_point(void *context, unsigned repetition, struct metrics *metrics, char error[BENCH_ERROR_BYTES])
{
	struct codec_point point = *(struct codec_point *)context;

	point.seed += repetition;
	return codec_point_run(&point, metrics, error);
}

static void add_facts(struct request *request)
{
	struct bench_session *session = &request->session;
	char libraries[160] = "";
	size_t used = 0;

	for (size_t i = 0; i < request->codec.count && used < sizeof(libraries); i++) {
		const struct codec *codec = codecs[request->codec.item[i]];

		used += (size_t)snprintf(libraries + used, sizeof(libraries) - used, "%s%s: %s %s", used ? "; " : "", codec->name,
		                         codec->library, codec->version());
	}
	bench_add_fact(session, "seed", "%" PRIu64, request->seed);
	bench_add_fact(session, "window_s", "%g", request->window_s);
	bench_add_fact(session, "warmup_s", "%g", request->warmup_s);
	bench_add_fact(session, "codecs", "%s", libraries);
	sweep_add_machine(session);
}

static int run(struct request *request)
{
	struct bench_session *session = &request->session;
	size_t all = combinations(request);
	struct codec_point *points;
	int status = COMMAND_USAGE;

	if (all > POINTS_MAX) {
		fprintf(stderr, "capacitor codec: these lists make more than %d points; give shorter ones\n", POINTS_MAX);
		return COMMAND_USAGE;
	}
	session->command = "codec";
	session->repetitions = (unsigned)request->repetitions;
	session->run = run_point;
	session->entries = calloc(all, sizeof(*session->entries));
	points = calloc(all, sizeof(*points));
	if (!session->entries || !points) {
		fprintf(stderr, "capacitor codec: no memory for %zu points\n", all);
		status = COMMAND_FAIL;
	} else if (make_grid(request, points)) {
		add_facts(request);
		session->expected_s =
			(double)session->count * (request->window_s + request->warmup_s + POINT_OVERHEAD_S);
		status = bench_run(session);
	}
	free(points);
	free(session->entries);
	return status;
}

int codec_command(int argc, char **argv)
{
	static struct request request;
	char error[OPTIONS_ERROR_BYTES];

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	memset(&request, 0, sizeof(request));
	request.window_s = 0.25;
	request.warmup_s = -1;
	request.repetitions = 3;
	request.seed = 1;
	if (!read_options(&request, argc, argv, error) || !fill_in(&request, error)) {
		fprintf(stderr, "capacitor codec: %s\n", error);
		return COMMAND_USAGE;
	}
	if (request.list) {
		print_list();
		return COMMAND_OK;
	}
	return run(&request);
}
