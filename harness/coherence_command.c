/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor coherence`: caches on virtual cores, and every coherence miss by its cause.
 *
 * Each cell (implementation, threads, mix, counters, policy, line size, shift, schedule) is a run of the program `subject`, which
 * leaves a record. Runs repeat byte for byte, so a record that is there, of the same settings, is not made again: what was
 * interrupted goes on. From the records come tables, one row per cell and operation, field, line, word or lock; the names in
 * them come from the debug information of the program that ran.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "build_info.h"
#include "capacitor/cache.h"
#include "coherence/coherence.h"
#include "coherence/record.h"
#include "harness/coherence_names.h"
#include "harness/commands.h"
#include "harness/options.h"
#include "harness/progress.h"
#include "harness/results.h"

#define CELLS_MAX    20000
#define PATH_BYTES   4096
#define RUNNING_MAX  64
#define LINES_SHOWN  20 /* of each record */
#define FIELDS_SHOWN 40
#define PRINTED      8 /* fields, of each implementation */

static const char *const schedules[] = {"coop", "clock", "rand", "pct", NULL};
static const char *const classes[] = {"true", "late", "false", "upgrade_true", "upgrade_false"};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

/* ---- What is asked for ------------------------------------------------------------------------------------------- */

enum {
	IMPL, THREADS, MIX, COUNTERS, POLICY, SCHEDULE, LINE_BYTES, SHIFT_BYTES, KEYS, KEY_SIZE, VALUE_SIZE, SKEW, CAPACITY,
	SHARDS, HASH, OPERATIONS, WARMUP, SEED, LATENCY, SUBJECT, OUT, HELP, OPTIONS
};

static const struct options_known known[] = {
	[IMPL] = {"--impl", "NAMES", "implementations; default: ck_hs,rcu,rwlock,sharded"},
	[THREADS] = {"--threads", "NUMBERS", "virtual cores, 1 to 128; default: 1,2,4,8,16,32,64"},
	[MIX] = {"--mix", "MIXES", "percentages get:set:delete that add up to 100; default: 90:9:1"},
	[COUNTERS] = {"--counters", "NAMES", "global, packed, padded, or all; default: padded"},
	[POLICY] = {"--policy", "NAMES", "eviction policies; default: sieve"},
	[SCHEDULE] = {"--schedule", "NAMES",
		"coop: exact counts; clock: estimates of time and waiting; rand and pct: for trials of\n"
		"schedules; default: coop,clock"},
	[LINE_BYTES] = {"--line-bytes", "NUMBERS", "64 and 128: also for layouts that no machine here has; default: 64"},
	[SHIFT_BYTES] = {"--shift-bytes", "NUMBERS",
		"as if all memory lay so many bytes higher, multiples of 8: what other placements\nwould share; default: 0"},
	[KEYS] = {"--keys", "N", "different keys; default: 512"},
	[KEY_SIZE] = {"--key-size", "N", "bytes of a key, 8 to 1K; default: 16"},
	[VALUE_SIZE] = {"--value-size", "N", "bytes of a value; default: 64"},
	[SKEW] = {"--skew", "S", "exponent of a Zipf distribution, 0 to 2; default: 0.99"},
	[CAPACITY] = {"--capacity", "SIZE", "bytes that the cache may take; default: 64M"},
	[SHARDS] = {"--shards", "N", "a power of two to 1024; default: 64"},
	[HASH] = {"--hash", "NAME", "siphash or xxh3; default: siphash"},
	[OPERATIONS] = {"--operations", "N", "measured in each cell, by all threads together; default: 64000"},
	[WARMUP] = {"--warmup", "N", "operations of each thread before; default: 2000"},
	[SEED] = {"--seed", "N", "of operations and schedules; default: 1"},
	[LATENCY] = {"--latency", "LIST", "NAME=CYCLES,...: what estimates are made of; subject --help lists the names"},
	[SUBJECT] = {"--subject", "PROGRAM", "the observatory's build; default: the one beside this program's folder"},
	[OUT] = {"--out", "PATH",
		"a folder for records and tables; the same one again goes on where it was interrupted;\n"
		"or a file that ends in .tsv, for one table; default: results/coherence-<time>-<commit>"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

struct cell {
	const char *impl, *counters, *policy, *schedule;
	unsigned threads, line_bytes, shift_bytes;
	struct options_mix mix;
	char record[PATH_BYTES];
	double processor_s; /* 0: it was done before */
	bool failed;
};

static struct {
	struct options_list impl, threads, counters, policy, schedule, line_bytes, shift_bytes;
	struct options_mixes mix;
	/* Handed on as they are; NULL: the subject's default. */
	const char *keys, *key_size, *value_size, *skew, *capacity, *shards, *hash, *warmup, *seed, *latency;
	uint64_t operations;
	char subject[PATH_BYTES], out[PATH_BYTES];
	bool one_table;
	bool anew; /* the records that are there are not of these settings */
	struct cell *cell;
	size_t cells;
	struct debuginfo *info;
} study = {.warmup = "2000"};

static bool complain(const char *text)
{
	fprintf(stderr, "capacitor coherence: %s\n", text);
	return false;
}

static bool read_option(int option, const char *value, char error[OPTIONS_ERROR_BYTES])
{
	switch (option) {
	case IMPL: return options_names("--impl", value, options_implementations(), &study.impl, error);
	case THREADS: return options_numbers("--threads", value, 1, COHERENCE_THREADS_MAX, &study.threads, error);
	case MIX: return options_mixes("--mix", value, &study.mix, error);
	case COUNTERS: return options_names("--counters", value, options_counters(), &study.counters, error);
	case POLICY: return options_names("--policy", value, options_policies(), &study.policy, error);
	case SCHEDULE: return options_names("--schedule", value, schedules, &study.schedule, error);
	case LINE_BYTES: return options_numbers("--line-bytes", value, 64, 128, &study.line_bytes, error);
	case SHIFT_BYTES: return options_numbers("--shift-bytes", value, 0, 127, &study.shift_bytes, error);
	case OPERATIONS: return options_number("--operations", value, 1, (uint64_t)1 << 24, &study.operations, error);
	case KEYS: study.keys = value; break;
	case KEY_SIZE: study.key_size = value; break;
	case VALUE_SIZE: study.value_size = value; break;
	case SKEW: study.skew = value; break;
	case CAPACITY: study.capacity = value; break;
	case SHARDS: study.shards = value; break;
	case HASH: study.hash = value; break;
	case WARMUP: study.warmup = value; break;
	case SEED: study.seed = value; break;
	case LATENCY: study.latency = value; break;
	case SUBJECT: snprintf(study.subject, sizeof(study.subject), "%s", value); break;
	case OUT: snprintf(study.out, sizeof(study.out), "%s", value); break;
	default: break;
	}
	return true;
}

static bool defaults(char error[OPTIONS_ERROR_BYTES])
{
	return options_names("--impl", "ck_hs,rcu,rwlock,sharded", options_implementations(), &study.impl, error) &&
	       read_option(THREADS, "1,2,4,8,16,32,64", error) && read_option(MIX, "90:9:1", error) &&
	       read_option(COUNTERS, "padded", error) && read_option(POLICY, "sieve", error) &&
	       read_option(SCHEDULE, "coop,clock", error) && read_option(LINE_BYTES, "64", error) &&
	       read_option(SHIFT_BYTES, "0", error) && read_option(OPERATIONS, "64000", error);
}

static int read_arguments(int argc, char **argv)
{
	struct options_reader reader = {.command = "coherence", .known = known, .argc = argc, .argv = argv, .at = 1};
	char error[OPTIONS_ERROR_BYTES];
	int option;

	coherence_subject(study.subject, sizeof(study.subject));
	if (!defaults(error))
		return complain(error), COMMAND_USAGE;
	while ((option = options_read(&reader)) >= 0)
		if (!read_option(option, reader.value, error))
			return complain(error), COMMAND_USAGE;
	if (option == OPTIONS_ERROR)
		return complain(reader.error), COMMAND_USAGE;
	for (size_t i = 0; i < study.line_bytes.count; i++)
		if (study.line_bytes.item[i] != 64 && study.line_bytes.item[i] != 128)
			return complain("--line-bytes: 64 or 128"), COMMAND_USAGE;
	for (size_t i = 0; i < study.shift_bytes.count; i++)
		if (study.shift_bytes.item[i] % 8 != 0)
			return complain("--shift-bytes: a multiple of 8"), COMMAND_USAGE;
	return COMMAND_OK;
}

/* ---- Cells ------------------------------------------------------------------------------------------------------- */

/* Combinations that mean something: a policy that is there, threads where they are allowed, a shift within the line. */
static bool makes_sense(const struct cell *cell)
{
	const struct capacitor_info *info = capacitor_find(cell->impl);
	enum capacitor_policy policy;

	return capacitor_policy_find(cell->policy, &policy) && (info->policies >> policy & 1) &&
	       (cell->threads == 1 || !(info->lacks & CAPACITOR_LACKS_CONCURRENCY)) && cell->shift_bytes < cell->line_bytes;
}

static void add_cell(const struct cell *cell)
{
	struct cell *added;

	if (!makes_sense(cell) || study.cells == CELLS_MAX)
		return;
	added = &study.cell[study.cells++];
	*added = *cell;
	snprintf(added->record, sizeof(added->record), "%.3500s/%s-%u-%u_%u_%u-%s-%s-l%u-s%u-%s.json", study.out, cell->impl,
	         cell->threads, cell->mix.get_percent, cell->mix.set_percent, cell->mix.delete_percent, cell->counters,
	         cell->policy, cell->line_bytes, cell->shift_bytes, cell->schedule);
}

/* The dimensions, the slowest first. */
static bool make_cells(void)
{
	struct cell cell = {.processor_s = 0};

	study.cell = calloc(CELLS_MAX, sizeof(struct cell));
	if (!study.cell)
		return complain("no memory");
	for (size_t mix = 0; mix < study.mix.count; mix++)
	for (size_t line = 0; line < study.line_bytes.count; line++)
	for (size_t shift = 0; shift < study.shift_bytes.count; shift++)
	for (size_t policy = 0; policy < study.policy.count; policy++)
	for (size_t counters = 0; counters < study.counters.count; counters++)
	for (size_t schedule = 0; schedule < study.schedule.count; schedule++)
	for (size_t threads = 0; threads < study.threads.count; threads++)
	for (size_t impl = 0; impl < study.impl.count; impl++) {
		cell.impl = options_implementations()[study.impl.item[impl]];
		cell.counters = options_counters()[study.counters.item[counters]];
		cell.policy = options_policies()[study.policy.item[policy]];
		cell.schedule = schedules[study.schedule.item[schedule]];
		cell.threads = (unsigned)study.threads.item[threads];
		cell.line_bytes = (unsigned)study.line_bytes.item[line];
		cell.shift_bytes = (unsigned)study.shift_bytes.item[shift];
		cell.mix = study.mix.item[mix];
		add_cell(&cell);
	}
	return study.cells > 0 ? true : complain("no implementation has any of these policies at these numbers of threads");
}

/* NULL, with a line unless it is `quiet`: it is not there, or not whole. */
static json_t *load_record(const struct cell *cell, bool quiet)
{
	json_error_t error;
	json_t *record = json_load_file(cell->record, 0, &error);
	const char *format = json_string_value(json_object_get(record, "format"));

	if (format && strcmp(format, COHERENCE_RECORD_FORMAT) == 0)
		return record;
	if (!quiet)
		fprintf(stderr, "capacitor coherence: %s: not a record of the form \"%s\"%s%s\n", cell->record,
		        COHERENCE_RECORD_FORMAT, record ? "" : ": ", record ? "" : error.text);
	json_decref(record);
	return NULL;
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

static void argue(const char **arguments, unsigned *count, const char *option, const char *value)
{
	if (value) {
		arguments[(*count)++] = option;
		arguments[(*count)++] = value;
	}
}

static _Noreturn void become(const struct cell *cell)
{
	char threads[16], operations[32], mix[32], line[16], shift[16], log[PATH_BYTES + 8];
	const char *arguments[64] = {study.subject};
	unsigned count = 1;
	uint64_t each = study.operations / cell->threads;

	snprintf(threads, sizeof(threads), "%u", cell->threads);
	snprintf(operations, sizeof(operations), "%" PRIu64, each > 0 ? each : 1);
	snprintf(mix, sizeof(mix), "%u:%u:%u", cell->mix.get_percent, cell->mix.set_percent, cell->mix.delete_percent);
	snprintf(line, sizeof(line), "%u", cell->line_bytes);
	snprintf(shift, sizeof(shift), "%u", cell->shift_bytes);
	snprintf(log, sizeof(log), "%s.log", cell->record);
	argue(arguments, &count, "--impl", cell->impl);
	argue(arguments, &count, "--threads", threads);
	argue(arguments, &count, "--operations", operations);
	argue(arguments, &count, "--warmup", study.warmup);
	argue(arguments, &count, "--mix", mix);
	argue(arguments, &count, "--counters", cell->counters);
	argue(arguments, &count, "--policy", cell->policy);
	argue(arguments, &count, "--schedule", cell->schedule);
	argue(arguments, &count, "--line-bytes", line);
	argue(arguments, &count, "--shift-bytes", shift);
	argue(arguments, &count, "--keys", study.keys);
	argue(arguments, &count, "--key-bytes", study.key_size);
	argue(arguments, &count, "--value-bytes", study.value_size);
	argue(arguments, &count, "--skew", study.skew);
	argue(arguments, &count, "--capacity", study.capacity);
	argue(arguments, &count, "--shards", study.shards);
	argue(arguments, &count, "--hash", study.hash);
	argue(arguments, &count, "--seed", study.seed);
	argue(arguments, &count, "--latency", study.latency);
	argue(arguments, &count, "--out", cell->record);
	if (!freopen(log, "w", stderr))
		_exit(126);
	execv(study.subject, (char **)(uintptr_t)arguments);
	fprintf(stderr, "%s: %s\n", study.subject, strerror(errno));
	_exit(127);
}

/* What a run that failed had to say. */
static void tell_failure(const struct cell *cell)
{
	char log[PATH_BYTES + 8], line[400];
	FILE *file;

	snprintf(log, sizeof(log), "%s.log", cell->record);
	progress_message("failed: %s, %u threads, %s:", cell->impl, cell->threads, cell->schedule);
	file = fopen(log, "r");
	for (unsigned lines = 0; file && lines < 12 && fgets(line, sizeof(line), file); lines++) {
		line[strcspn(line, "\n")] = '\0';
		progress_message("  %s", line);
	}
	if (file)
		fclose(file);
}

/* In a run that was interrupted. What is damaged is made again. */
static bool is_done(const struct cell *cell)
{
	json_t *record = study.anew ? NULL : load_record(cell, true);
	bool done = record != NULL;

	json_decref(record);
	return done;
}

static double processor_s(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1e-6;
}

static bool run_cells(void)
{
	struct {
		pid_t child;
		struct cell *cell;
	} running[RUNNING_MAX];
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned most = processors < 1 ? 1 : processors > RUNNING_MAX ? RUNNING_MAX : (unsigned)processors, count = 0;
	size_t next = 0;
	bool good = true;

	progress_begin(study.cells, 0);
	while (next < study.cells || count > 0) {
		char log[PATH_BYTES + 8], text[200];
		struct rusage usage;
		int status;
		pid_t ended;

		if (next < study.cells && count < most) {
			struct cell *cell = &study.cell[next++];

			snprintf(text, sizeof(text), "%s, %u threads, %s", cell->impl, cell->threads, cell->schedule);
			progress_step(text);
			if (is_done(cell))
				continue;
			fflush(NULL);
			running[count].cell = cell;
			running[count].child = fork();
			if (running[count].child == 0)
				become(cell);
			if (running[count].child > 0)
				count++;
			else
				good = !(cell->failed = true);
			continue;
		}
		ended = wait4(-1, &status, 0, &usage);
		for (unsigned i = 0; i < count; i++) {
			struct cell *cell = running[i].cell;

			if (running[i].child != ended)
				continue;
			cell->processor_s = processor_s(&usage);
			cell->failed = status != 0;
			snprintf(log, sizeof(log), "%s.log", cell->record);
			if (cell->failed)
				tell_failure(cell);
			else
				unlink(log);
			good = good && !cell->failed;
			running[i] = running[--count];
			break;
		}
	}
	progress_end();
	return good;
}

/* ---- Tables ------------------------------------------------------------------------------------------------------ */

static json_int_t number(const json_t *item, const char *name)
{
	return json_integer_value(json_object_get(item, name));
}

static json_int_t transactions(const json_t *item)
{
	json_int_t sum = 0;

	for (size_t i = 0; i < CLASSES; i++)
		sum += number(item, classes[i]);
	return sum;
}

#define CELL_COLUMNS "impl\tthreads\tmix\tcounters\tpolicy\tline_bytes\tshift_bytes\tschedule"

static void print_cell(FILE *out, const struct cell *cell)
{
	fprintf(out, "%s\t%u\t%u:%u:%u\t%s\t%s\t%u\t%u\t%s", cell->impl, cell->threads, cell->mix.get_percent,
	        cell->mix.set_percent, cell->mix.delete_percent, cell->counters, cell->policy, cell->line_bytes,
	        cell->shift_bytes, cell->schedule);
}

/* The latencies, as the options name them. */
static void latency_text(const json_t *record, char *text, size_t bytes)
{
	const json_t *latency = json_object_get(json_object_get(record, "settings"), "latency"), *value;
	const char *name;
	size_t used = 0;

	*text = '\0';
	json_object_foreach((json_t *)(uintptr_t)latency, name, value)
		if (used < bytes)
			used += (size_t)snprintf(text + used, bytes - used, "%s%s=%" JSON_INTEGER_FORMAT, used ? "," : "", name,
			                         json_integer_value(value));
}

#define OPERATION_COLUMNS                                                                                              \
	"operation\toperations\ttransactions\ttrue\tlate\tfalse\tupgrade_true\tupgrade_false\tcold\ttransfers\t"       \
	"invalidations\trmws\thandovers\tlock_waits\tcas_failures\tblocks\tallocations\twait_cycles\tqueue_cycles\t"     \
	"cycles\testimated_ns\testimated_ops_per_s\tlatency_cycles\tunseen"

static double operations_of(const json_t *record)
{
	double sum = 0;
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(record, "operations"), i, item)
		sum += (double)number(item, "operations");
	return sum > 0 ? sum : 1;
}

static const char *const per_operation[] = {
	"true", "late", "false", "upgrade_true", "upgrade_false", "cold", "transfers", "invalidations", "rmws", "handovers",
	"lock_waits", "cas_failures", "blocks", "allocations", "wait_cycles", "queue_cycles", "cycles",
};
#define PER_OPERATION (sizeof(per_operation) / sizeof(per_operation[0]))

static void print_operation(FILE *out, const struct cell *cell, const json_t *record, const char *name, const json_t *item,
                            double operations, double all)
{
	double per_us = (double)number(json_object_get(json_object_get(record, "settings"), "latency"), "per_1000_ns");
	double cycles = (double)number(json_object_get(record, "totals"), "cycles");
	char latency[256];
	json_t *library;
	size_t i;

	latency_text(record, latency, sizeof(latency));
	print_cell(out, cell);
	fprintf(out, "\t%s\t%.0f\t%.6g", name, operations, (double)transactions(item) / operations);
	for (size_t column = 0; column < PER_OPERATION; column++)
		fprintf(out, "\t%.6g", (double)number(item, per_operation[column]) / operations);
	if (strcmp(cell->schedule, "clock") == 0)
		fprintf(out, "\t%.6g\t%.6g", (double)number(item, "cycles") / operations * 1000 / per_us,
		        all / (cycles / per_us * 1e-6));
	else
		fprintf(out, "\tNaN\tNaN");
	fprintf(out, "\t%s\t", latency);
	json_array_foreach(json_object_get(record, "unseen"), i, library)
		fprintf(out, "%s%s", i ? " " : "", json_string_value(library));
	fprintf(out, "\n");
}

/* Per operation: how often, and for how long; and for all of them together, with what happened between them and in helper
 * threads. */
static void print_operations(FILE *out, const struct cell *cell, const json_t *record)
{
	json_t *sum = json_object(), *item;
	double all = operations_of(record);
	size_t i;

	json_array_foreach(json_object_get(record, "operations"), i, item) {
		double operations = (double)number(item, "operations");

		for (size_t column = 0; column < PER_OPERATION; column++) {
			const char *name = per_operation[column];

			/* Between operations, time is the driver's and of those who wait for work. */
			if (operations > 0 || strstr(name, "cycles") == NULL)
				json_object_set_new(sum, name, json_integer(number(sum, name) + number(item, name)));
		}
		if (operations > 0)
			print_operation(out, cell, record, json_string_value(json_object_get(item, "name")), item, operations, all);
	}
	print_operation(out, cell, record, "all", sum, all, all);
	json_decref(sum);
}

/* How a table's row of transactions goes on, per operation of the cell. */
static void print_classes(FILE *out, const json_t *item, double operations)
{
	fprintf(out, "\t%.6g", (double)transactions(item) / operations);
	for (size_t i = 0; i < CLASSES; i++)
		fprintf(out, "\t%.6g", (double)number(item, classes[i]) / operations);
}

static void print_fields(FILE *out, const struct cell *cell, const json_t *record)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(record, "fields"), i, item) {
		char field[DEBUGINFO_TEXT_BYTES], function[DEBUGINFO_TEXT_BYTES], line[DEBUGINFO_TEXT_BYTES];

		if (i >= FIELDS_SHOWN)
			break;
		coherence_name_field(study.info, item, cell->impl, field, sizeof(field));
		coherence_name_code(study.info, number(item, "site"), function, sizeof(function), line, sizeof(line));
		print_cell(out, cell);
		fprintf(out, "\t%s\t%s\t%s", field, function, line);
		print_classes(out, item, operations_of(record));
		fprintf(out, "\n");
	}
}

static void object_names(const struct cell *cell, const json_t *item, char *text, size_t bytes)
{
	json_t *object;
	size_t i, used = 0;

	*text = '\0';
	json_array_foreach(json_object_get(item, "objects"), i, object) {
		char name[DEBUGINFO_TEXT_BYTES];

		coherence_name_object(study.info, object, cell->impl, cell->line_bytes, name, sizeof(name));
		if (used < bytes)
			used += (size_t)snprintf(text + used, bytes - used, "%s%s", used ? " | " : "", name);
	}
}

/* As perf c2c's: what share of all transactions a line has, who is in it, and the code that met it most. */
static void print_lines(FILE *out, const struct cell *cell, const json_t *record)
{
	char latency[256];
	double all = 0;
	json_t *item;
	size_t i;

	latency_text(record, latency, sizeof(latency));
	json_array_foreach(json_object_get(record, "operations"), i, item)
		all += (double)transactions(item);
	json_array_foreach(json_object_get(record, "lines"), i, item) {
		char objects[1024], function[DEBUGINFO_TEXT_BYTES], line[DEBUGINFO_TEXT_BYTES];

		if (i >= LINES_SHOWN)
			break;
		object_names(cell, item, objects, sizeof(objects));
		coherence_name_code(study.info, number(json_array_get(json_object_get(item, "sites"), 0), "site"), function,
		                    sizeof(function), line, sizeof(line));
		print_cell(out, cell);
		fprintf(out, "\t%zu\t%.6g\t%" JSON_INTEGER_FORMAT "\t%s\t%s\t%s", i + 1,
		        all > 0 ? (double)transactions(item) / all : 0, number(item, "cores"), objects, function, line);
		print_classes(out, item, operations_of(record));
		fprintf(out, "\t%lld\t%lld\t%lld\t%s\n", (long long)number(item, "transfers"),
		        (long long)number(item, "invalidations"), (long long)number(item, "queue_cycles"), latency);
	}
}

/* The hottest line, word by word. */
static void print_heat(FILE *out, const struct cell *cell, const json_t *record)
{
	const json_t *hottest = json_array_get(json_object_get(record, "lines"), 0);
	char objects[1024];
	json_t *core;
	size_t i;

	object_names(cell, hottest, objects, sizeof(objects));
	json_array_foreach(json_object_get(hottest, "heat"), i, core) {
		for (size_t word = 0; word < 8; word++) {
			const json_t *reads = json_array_get(json_object_get(core, "reads"), word);
			const json_t *writes = json_array_get(json_object_get(core, "writes"), word);

			print_cell(out, cell);
			fprintf(out, "\t%s\t%lld\t%zu\t%lld\t%lld\n", objects, (long long)number(core, "core"), word,
			        (long long)json_integer_value(reads), (long long)json_integer_value(writes));
		}
	}
}

static void print_locks(FILE *out, const struct cell *cell, const json_t *record)
{
	char latency[256];
	json_t *item;
	size_t i;

	latency_text(record, latency, sizeof(latency));
	json_array_foreach(json_object_get(record, "locks"), i, item) {
		char objects[1024];

		if (i >= LINES_SHOWN)
			break;
		object_names(cell, item, objects, sizeof(objects));
		print_cell(out, cell);
		fprintf(out, "\t%s\t%lld\t%lld\t%lld\t%lld\t%s\n", objects, (long long)number(item, "locks"),
		        (long long)number(item, "waits"), (long long)number(item, "handovers"),
		        (long long)number(item, "wait_cycles"), latency);
	}
}

/* What the observatory itself took: the only figures here that do not repeat. NaN: the record was there already. */
static void print_cost(FILE *out, const struct cell *cell, const json_t *record)
{
	print_cell(out, cell);
	fprintf(out, "\t%lld\t%.3f\n", (long long)number(json_object_get(record, "totals"), "steps"),
	        cell->processor_s > 0 ? cell->processor_s : (double)NAN);
}

#define CLASS_COLUMNS "transactions\ttrue\tlate\tfalse\tupgrade_true\tupgrade_false"

static const struct {
	const char *file, *columns;
	void (*print)(FILE *out, const struct cell *cell, const json_t *record);
} tables[] = {
	{"coherence", OPERATION_COLUMNS, print_operations},
	{"fields", "field\tfunction\tcode\t" CLASS_COLUMNS, print_fields},
	{"lines",
		"rank\tshare\tcores\tobjects\tfunction\tcode\t" CLASS_COLUMNS
		"\ttransfers\tinvalidations\tqueue_cycles\tlatency_cycles",
		print_lines},
	{"heat", "objects\tcore\tword\treads\twrites", print_heat},
	{"locks", "lock\tlocks\twaits\thandovers\twait_cycles\tlatency_cycles", print_locks},
	{"cost", "accesses\tseconds", print_cost},
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static bool write_table(size_t which, const char *path)
{
	char error[OPTIONS_ERROR_BYTES];
	struct results_file file;
	bool whole = true;

	if (!results_open(&file, path, error, sizeof(error)))
		return complain(error);
	fprintf(file.stream, CELL_COLUMNS "\t%s\n", tables[which].columns);
	for (size_t i = 0; i < study.cells; i++) {
		json_t *record = study.cell[i].failed ? NULL : load_record(&study.cell[i], false);

		whole = whole && record;
		if (record)
			tables[which].print(file.stream, &study.cell[i], record);
		json_decref(record);
	}
	return (results_commit(&file, error, sizeof(error)) || complain(error)) && whole;
}

/* ---- What is printed --------------------------------------------------------------------------------------------- */

/* What the rows that follow have in common, where it is another than before. */
static void print_heading(const struct cell *before, const struct cell *cell)
{
	if (before && strcmp(before->counters, cell->counters) == 0 && strcmp(before->policy, cell->policy) == 0 &&
	    before->line_bytes == cell->line_bytes && before->shift_bytes == cell->shift_bytes &&
	    memcmp(&before->mix, &cell->mix, sizeof(cell->mix)) == 0)
		return;
	printf("%smix %u:%u:%u, %s counters, %s, lines of %u bytes", before ? "\n" : "", cell->mix.get_percent,
	       cell->mix.set_percent, cell->mix.delete_percent, cell->counters, cell->policy, cell->line_bytes);
	if (cell->shift_bytes)
		printf(", memory %u bytes higher", cell->shift_bytes);
	printf("\n%-10s %7s  %-7s %-5s %8s %8s %8s %8s %8s %9s %8s %8s %9s\n", "impl", "threads", "", "", "true", "late", "false",
	       "upg true", "upg fals", "transfers", "invalid.", "handover", "est. ns");
}

static void print_summary_cell(const struct cell *cell, const json_t *record)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(record, "operations"), i, item) {
		double operations = (double)number(item, "operations");
		double per_us = (double)number(json_object_get(json_object_get(record, "settings"), "latency"), "per_1000_ns");

		if (operations == 0)
			continue;
		printf("%-10s %7u  %-7s %-5s", cell->impl, cell->threads, json_string_value(json_object_get(item, "name")),
		       cell->schedule);
		for (size_t class = 0; class < CLASSES; class++)
			printf(" %8.3f", (double)number(item, classes[class]) / operations);
		printf(" %9.3f %8.3f %8.3f", (double)number(item, "transfers") / operations,
		       (double)number(item, "invalidations") / operations, (double)number(item, "handovers") / operations);
		if (strcmp(cell->schedule, "clock") == 0)
			printf(" %9.0f", (double)number(item, "cycles") / operations * 1000 / per_us);
		printf("\n");
	}
}

static void print_hottest(const struct cell *cell, const json_t *record)
{
	json_t *item;
	size_t i;

	printf("\n%s, %u cores, mix %u:%u:%u, per operation, hottest first:\n", cell->impl, cell->threads, cell->mix.get_percent,
	       cell->mix.set_percent, cell->mix.delete_percent);
	json_array_foreach(json_object_get(record, "fields"), i, item) {
		char field[DEBUGINFO_TEXT_BYTES], function[DEBUGINFO_TEXT_BYTES], line[DEBUGINFO_TEXT_BYTES];

		if (i >= PRINTED)
			break;
		coherence_name_field(study.info, item, cell->impl, field, sizeof(field));
		coherence_name_code(study.info, number(item, "site"), function, sizeof(function), line, sizeof(line));
		printf(" ");
		for (size_t class = 0; class < CLASSES; class++)
			printf(" %7.4f", (double)number(item, classes[class]) / operations_of(record));
		printf("  %s in %s (%s)\n", field, function, line);
	}
}

static void print_summary(void)
{
	char latency[256] = "";
	double processor = 0, steps = 0;

	for (size_t i = 0; i < study.cells; i++) {
		json_t *record = study.cell[i].failed ? NULL : load_record(&study.cell[i], false);

		if (!record)
			continue;
		print_heading(i > 0 ? &study.cell[i - 1] : NULL, &study.cell[i]);
		print_summary_cell(&study.cell[i], record);
		latency_text(record, latency, sizeof(latency));
		processor += study.cell[i].processor_s;
		if (study.cell[i].processor_s > 0)
			steps += (double)number(json_object_get(record, "totals"), "steps");
		json_decref(record);
	}
	/* The most threads under coop say most, one cell of each implementation. */
	for (size_t impl = 0; impl < study.impl.count; impl++) {
		const struct cell *widest = NULL;
		json_t *record;

		for (size_t i = 0; i < study.cells; i++) {
			const struct cell *cell = &study.cell[i];

			if (cell->impl == options_implementations()[study.impl.item[impl]] && strcmp(cell->schedule, "coop") == 0 &&
			    !cell->failed && (!widest || cell->threads > widest->threads))
				widest = cell;
		}
		record = widest ? load_record(widest, false) : NULL;
		if (record)
			print_hottest(widest, record);
		json_decref(record);
	}
	printf("\nEstimates are made of these cycles: %s.\n%s\n", latency, coherence_unseen);
	if (steps > 0)
		printf("%.0f million accesses in %.1f s of processor time: %.0f ns each, starts and filling included.\n",
		       steps / 1e6, processor, processor / steps * 1e9);
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

/* The settings of all cells and the program that runs them, so that another study, or another build, does not go on with this
 * one's records. */
static bool same_settings(int argc, char **argv)
{
	char path[PATH_BYTES + 32], error[OPTIONS_ERROR_BYTES], was[8192] = "", now[8192] = "";
	struct stat subject = {.st_size = 0};
	size_t used;
	FILE *file;

	stat(study.subject, &subject);
	used = (size_t)snprintf(now, sizeof(now), "subject of %lld bytes, built at %lld.%09ld\n", (long long)subject.st_size,
	                        (long long)subject.st_mtim.tv_sec, subject.st_mtim.tv_nsec);

	for (int i = 1; i < argc && used < sizeof(now); i++)
		if (strncmp(argv[i], "--out", 5) != 0 && strcmp(argv[i - 1], "--out") != 0)
			used += (size_t)snprintf(now + used, sizeof(now) - used, "%s\n", argv[i]);
	snprintf(path, sizeof(path), "%.4000s/settings", study.out);
	file = fopen(path, "r");
	if (!file)
		return results_write_file(path, now, strlen(now), error, sizeof(error)) ? true : complain(error);
	was[fread(was, 1, sizeof(was) - 1, file)] = '\0';
	fclose(file);
	if (strcmp(was, now) == 0)
		return true;
	if (study.one_table) { /* of an experiment, which goes on with what it has built since */
		study.anew = true;
		return results_write_file(path, now, strlen(now), error, sizeof(error)) ? true : complain(error);
	}
	fprintf(stderr, "capacitor coherence: %s holds the records of other settings, or of another build; another --out, please\n",
	        study.out);
	return false;
}

static bool open_folder(int argc, char **argv)
{
	char error[OPTIONS_ERROR_BYTES];
	size_t length = strlen(study.out);

	if (length == 0) {
		time_t now = time(NULL);
		struct tm utc;

		gmtime_r(&now, &utc);
		snprintf(study.out, sizeof(study.out), "results/coherence-%04d%02d%02dT%02d%02d%02dZ-%s", utc.tm_year + 1900,
		         utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, BUILD_COMMIT);
	} else if (length > 4 && strcmp(study.out + length - 4, ".tsv") == 0) {
		study.one_table = true;
		study.out[length - 4] = '\0';
	}
	return (results_make_folder(study.out, error, sizeof(error)) || complain(error)) && same_settings(argc, argv);
}

int coherence_command(int argc, char **argv)
{
	char error[OPTIONS_ERROR_BYTES], path[PATH_BYTES + 32];
	bool good;
	int status;

	if (options_want_help(argc, argv)) {
		printf("usage: capacitor coherence [OPTION...]\n\n"
		       "Runs caches on virtual cores and tells every coherence miss by its cause: true sharing, late, false\n"
		       "sharing, upgrades. Counts are exact and repeat, on any machine; times are estimates.\n\n");
		options_print(stdout, known);
		printf("\n%s\n", coherence_unseen);
		return COMMAND_OK;
	}
	status = read_arguments(argc, argv);
	if (status != COMMAND_OK)
		return status;
	study.info = debuginfo_open(study.subject, error, sizeof(error));
	if (!study.info) {
		fprintf(stderr, "capacitor coherence: %s\n`make coherence` builds it; --subject names another\n", error);
		return COMMAND_FAIL;
	}
	if (!open_folder(argc, argv) || !make_cells())
		return COMMAND_FAIL;
	good = run_cells();
	for (size_t i = 0; i < TABLES; i++) {
		if (study.one_table && i == 0)
			snprintf(path, sizeof(path), "%.4000s.tsv", study.out);
		else
			snprintf(path, sizeof(path), "%.4000s/%s.tsv", study.out, tables[i].file);
		good = write_table(i, path) && good;
	}
	print_summary();
	printf("\nRecords and tables: %s\n", study.out);
	debuginfo_close(study.info);
	free(study.cell);
	return good ? COMMAND_OK : COMMAND_FAIL;
}
