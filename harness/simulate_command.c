/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor simulate`: hit ratio against capacity for each eviction policy, on recorded traces or a generated Zipf
 * stream, as a table (see simulate.h for what is and what is not simulated).
 *
 * Each source is loaded, simulated at all points and freed before the next. The table is gathered in memory and written
 * whole at the end, so that an error at the last source leaves no half a table.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/commands.h"
#include "harness/options.h"
#include "harness/results.h"
#include "harness/simulate.h"
#include "harness/trace.h"
#include "harness/workload.h"

#define TRACES_MAX        64
#define ZIPF_REQUESTS     1000000
#define ZIPF_REQUESTS_MAX 1000000000
#define ZIPF_KEYS         100000
#define ZIPF_SKEW_MAX     10.0
#define SEED              1

#define PERCENTS "1,2,5,10,20,40,60,80"

struct request {
	const char *trace[TRACES_MAX];
	size_t traces;
	const char *format;
	struct options_list policies;
	struct options_list capacities;
	struct options_reals percents; /* of the footprint; used when there are no capacities */
	uint64_t requests;             /* 0: all of a trace, ZIPF_REQUESTS of a stream */
	uint64_t object_bytes;
	bool zipf;
	double skew;
	uint64_t keys;
	uint64_t seed;
	const char *out;
};

enum { TRACE, FORMAT, ZIPF, KEYS, SEED_OPTION, REQUESTS, OBJECT_SIZE, POLICY, CAPACITY, CAPACITY_PERCENT, OUT, HELP };

static const struct options_known known[] = {
    [TRACE] = {"--trace", "FILE",
               "a recorded trace, perhaps compressed by xz, zstd or gzip; may be given several times"},
    [FORMAT] = {"--format", "NAME",
                "of the traces: oracleGeneral, vscsi, cache2k, arc, csv, keys\n(default: told by name or content)"},
    [ZIPF] = {"--zipf", "SKEW",
              "a generated stream, in which the object of rank r is asked for with\n"
              "probability proportional to r^-SKEW; 0 is uniform"},
    [KEYS] = {"--keys", "N", "objects of the generated stream (default 100000)"},
    [SEED_OPTION] = {"--seed", "N", "of the generated stream (default 1)"},
    [REQUESTS] = {"--requests", "N", "use so many requests (default: all of a trace; 1000000 generated ones)"},
    [OBJECT_SIZE] = {"--object-size", "SIZE",
                     "of objects where the source has no sizes (default 1: capacities count objects)"},
    [POLICY] = {"--policy", "LIST", "policies, or 'all' (default: all)"},
    [CAPACITY] = {"--capacity", "LIST", "capacities in bytes of objects"},
    [CAPACITY_PERCENT] = {"--capacity-percent", "LIST",
                          "capacities in percent of the bytes of all objects (default: " PERCENTS ")"},
    [OUT] = {"--out", "FILE", "where the table goes (default: standard output)"},
    [HELP] = {"--help", NULL, "this text"},
    {NULL, NULL, NULL},
};

static void print_help(void)
{
	fputs("usage: capacitor simulate --trace FILE | --zipf SKEW [OPTION...]\n"
	      "\n"
	      "Hit ratio against capacity for each eviction policy alone: object sizes only, no overhead, one thread.\n"
	      "A missed object is inserted at once, one larger than the capacity not at all.\n\n",
	      stdout);
	options_print(stdout, known);
	fputs("\nThe table has the columns source, policy, capacity_bytes, requests, misses, missed_bytes, hit_ratio "
	      "and\n"
	      "byte_hit_ratio. SIZE and N take K, M, G, T: times powers of 1024. LIST is separated by commas.\n",
	      stdout);
}

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

static bool read_real(const char *option, const char *text, double max, double *number,
                      char error[OPTIONS_ERROR_BYTES])
{
	struct options_reals list;

	if (!options_reals(option, text, 0, max, &list, error))
		return false;
	*number = list.item[0];
	if (list.count > 1)
		snprintf(error, OPTIONS_ERROR_BYTES, "%s '%s': one number is wanted, not a list", option, text);
	return list.count == 1;
}

static bool set_option(struct request *request, int option, const char *value, char error[OPTIONS_ERROR_BYTES])
{
	const char *name = known[option].name;
	size_t format;

	switch (option) {
	case TRACE:
		if (request->traces == TRACES_MAX) {
			snprintf(error, OPTIONS_ERROR_BYTES, "--trace is given more than %d times", TRACES_MAX);
			return false;
		}
		request->trace[request->traces++] = value;
		return true;
	case FORMAT:
		request->format = value;
		return options_name(name, value, trace_formats, &format, error);
	case ZIPF:
		request->zipf = true;
		return read_real(name, value, ZIPF_SKEW_MAX, &request->skew, error);
	case KEYS:
		return options_number(name, value, 1, WORKLOAD_KEYS_MAX, &request->keys, error);
	case SEED_OPTION:
		return options_number(name, value, 0, UINT64_MAX, &request->seed, error);
	case REQUESTS:
		return options_number(name, value, 1, ZIPF_REQUESTS_MAX, &request->requests, error);
	case OBJECT_SIZE:
		return options_number(name, value, 0, UINT32_MAX, &request->object_bytes, error);
	case POLICY:
		return options_names(name, value, options_policies(), &request->policies, error);
	case CAPACITY:
		return options_numbers(name, value, 1, (uint64_t)1 << 62, &request->capacities, error);
	case CAPACITY_PERCENT:
		return options_reals(name, value, 0.0001, 100, &request->percents, error);
	default: /* OUT */
		request->out = value;
		return true;
	}
}

static bool read_arguments(int argc, char **argv, struct request *request)
{
	struct options_reader reader = {.command = "simulate", .known = known, .argc = argc, .argv = argv, .at = 1};
	bool given[HELP] = {false};
	int option;

	while ((option = options_read(&reader)) >= 0) {
		if (!set_option(request, option, reader.value, reader.error)) {
			option = OPTIONS_ERROR;
			break;
		}
		given[option] = true;
	}
	if (option != OPTIONS_ERROR) {
		reader.error[0] = '\0';
		if (!given[TRACE] && !given[ZIPF])
			snprintf(reader.error, sizeof(reader.error),
			         "what to simulate is missing: --trace FILE or --zipf SKEW");
		else if (given[CAPACITY] && given[CAPACITY_PERCENT])
			snprintf(reader.error, sizeof(reader.error),
			         "--capacity and --capacity-percent exclude each other");
		else if (!given[ZIPF] && (given[KEYS] || given[SEED_OPTION]))
			snprintf(reader.error, sizeof(reader.error),
			         "--keys and --seed are for --zipf, which is not given");
		else if (!given[TRACE] && given[FORMAT])
			snprintf(reader.error, sizeof(reader.error), "--format is for --trace, which is not given");
		else
			return true;
	}
	fprintf(stderr, "capacitor simulate: %s\n", reader.error);
	return false;
}

/* ---- Sources ----------------------------------------------------------------------------------------------------- */

static bool load_trace(const struct request *request, const char *path, struct trace *trace)
{
	char error[TRACE_ERROR_BYTES];

	if (!trace_load(path, request->format, request->requests, trace, error)) {
		fprintf(stderr, "capacitor simulate: %s\n", error);
		return false;
	}
	if (!trace->has_sizes)
		trace_set_size(trace, (uint32_t)request->object_bytes);
	return true;
}

static bool generate(const struct request *request, struct trace *trace)
{
	size_t requests = request->requests ? request->requests : ZIPF_REQUESTS;
	struct workload_random random;
	struct workload_zipf zipf;

	*trace = (struct trace){.requests = requests, .format = "zipf"};
	snprintf(trace->name, sizeof(trace->name), "zipf-%g-keys-%" PRIu64, request->skew, request->keys);
	trace->object = malloc(requests * sizeof(*trace->object));
	trace->size_bytes = malloc(requests * sizeof(*trace->size_bytes));
	if (!trace->object || !trace->size_bytes) {
		fprintf(stderr, "capacitor simulate: no memory for %zu requests\n", requests);
		trace_free(trace);
		return false;
	}
	workload_random_init(&random, request->seed, 0);
	workload_zipf_init(&zipf, request->keys, request->skew);
	for (size_t i = 0; i < requests; i++) {
		trace->object[i] = workload_zipf_draw(&zipf, &random);
		trace->size_bytes[i] = (uint32_t)request->object_bytes;
	}
	if (!trace_count(trace)) {
		fprintf(stderr, "capacitor simulate: no memory to count the objects of %zu requests\n", requests);
		trace_free(trace);
		return false;
	}
	return true;
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

static void print_ratio(FILE *table, uint64_t missed, uint64_t of, const char *end)
{
	if (of > 0)
		fprintf(table, "%.6f%s", (double)(of - missed) / (double)of, end);
	else
		fprintf(table, "unavailable: no bytes were requested%s", end);
}

static bool simulate_source(const struct request *request, const struct trace *trace, FILE *table)
{
	uint64_t footprint_bytes = simulate_footprint_bytes(trace);
	size_t capacities = request->capacities.count ? request->capacities.count : request->percents.count;
	size_t count = request->policies.count * capacities;
	struct simulation *points = calloc(count, sizeof(*points));

	for (size_t i = 0; points && i < count; i++) {
		size_t capacity = i % capacities;

		points[i].policy = (enum capacitor_policy)request->policies.item[i / capacities];
		points[i].capacity_bytes =
			request->capacities.count
				? request->capacities.item[capacity]
				: (uint64_t)((double)footprint_bytes * request->percents.item[capacity] / 100);
	}
	if (!points || !simulate(trace, points, count)) {
		fprintf(stderr, "capacitor simulate: no memory to simulate %zu objects\n", trace->objects);
		free(points);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		fprintf(table, "%s\t%s\t%" PRIu64 "\t%zu\t%" PRIu64 "\t%" PRIu64 "\t", trace->name,
		        capacitor_policy_string(points[i].policy), points[i].capacity_bytes, trace->requests,
		        points[i].misses, points[i].missed_bytes);
		print_ratio(table, points[i].misses, trace->requests, "\t");
		print_ratio(table, points[i].missed_bytes, trace->requested_bytes, "\n");
	}
	free(points);
	return true;
}

/* An exit status: a trace that cannot be loaded is wrong input. */
static int simulate_all(const struct request *request, FILE *table)
{
	int status = COMMAND_OK;
	struct trace trace;

	fputs("source\tpolicy\tcapacity_bytes\trequests\tmisses\tmissed_bytes\thit_ratio\tbyte_hit_ratio\n", table);
	for (size_t i = 0; i < request->traces && status == COMMAND_OK; i++) {
		if (!load_trace(request, request->trace[i], &trace))
			return COMMAND_USAGE;
		if (!simulate_source(request, &trace, table))
			status = COMMAND_FAIL;
		trace_free(&trace);
	}
	if (request->zipf && status == COMMAND_OK) {
		if (!generate(request, &trace) || !simulate_source(request, &trace, table))
			status = COMMAND_FAIL;
		trace_free(&trace);
	}
	return status;
}

/* The table goes out whole: to standard output, or to a file that is complete or not there. */
static bool write_table(const struct request *request, const char *text, size_t bytes)
{
	char error[OPTIONS_ERROR_BYTES];

	if (!request->out)
		return fwrite(text, 1, bytes, stdout) == bytes; /* main() says what is wrong with standard output */
	if (results_write_file(request->out, text, bytes, error, sizeof error))
		return true;
	fprintf(stderr, "capacitor simulate: %s\n", error);
	return false;
}

int simulate_command(int argc, char **argv)
{
	struct request request = {.object_bytes = 1, .keys = ZIPF_KEYS, .seed = SEED};
	char error[OPTIONS_ERROR_BYTES], *text = NULL;
	size_t bytes = 0;
	FILE *table;
	int status;

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	options_names("--policy", "all", options_policies(), &request.policies, error);
	options_reals("--capacity-percent", PERCENTS, 0, 100, &request.percents, error);
	if (!read_arguments(argc, argv, &request))
		return COMMAND_USAGE;
	table = open_memstream(&text, &bytes);
	if (!table) {
		fprintf(stderr, "capacitor simulate: no memory\n");
		return COMMAND_FAIL;
	}
	status = simulate_all(&request, table);
	if (fclose(table) != 0) {
		fprintf(stderr, "capacitor simulate: no memory for the table\n");
		status = COMMAND_FAIL;
	}
	if (status == COMMAND_OK && !write_table(&request, text, bytes))
		status = COMMAND_FAIL;
	free(text);
	return status;
}
