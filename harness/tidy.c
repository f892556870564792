/* SPDX-License-Identifier: BSD-2-Clause */
/* Google Benchmark's JSON as a table; see tidy.h. The subcommand `tidy` does it for files. */
#include "harness/tidy.h"

#include <string.h>

#include "harness/commands.h"
#include "harness/metrics.h"
#include "harness/options.h"
#include "harness/report.h"
#include "harness/results.h"
#include "harness/steady.h"

const char *const tidy_parameters[] = {
	"suite", "impl", "policy", "counters", "hash", "threads", "keys", "key_bytes", "value_bytes", "mix", "skew",
	"capacity_bytes", "trace", "partition", "codec", "record", "operation", NULL,
};

bool tidy_parameter(const char *name, const char *parameter, char *value, size_t value_bytes)
{
	size_t length = strlen(parameter);
	const char *at = name;

	while (at) {
		if (*at == '/')
			at++;
		if (strncmp(at, parameter, length) == 0 && at[length] == ':') {
			size_t end = strcspn(at + length + 1, "/");

			snprintf(value, value_bytes, "%.*s", (int)end, at + length + 1);
			return true;
		}
		at = strchr(at, '/');
	}
	return false;
}

void tidy_header(FILE *out)
{
	fputs("experiment\trepetition", out);
	for (size_t i = 0; tidy_parameters[i]; i++)
		fprintf(out, "\t%s", tidy_parameters[i]);
	for (int metric = 0; metric < METRICS; metric++)
		fprintf(out, "\t%s", metric_info((enum metric)metric)->name);
	fputs("\tsteady\n", out);
}

/* A cell of text from elsewhere: a tab or a newline in it would break the table. */
static void write_cell(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
}

/* Why a metric has no value: the run says it where several documents were merged into one, else the context does, per
 * implementation. */
static void write_reason(FILE *out, const json_t *context, const json_t *run, const char *impl, const char *metric)
{
	char key[256];
	const char *reason;

	snprintf(key, sizeof key, "unavailable:%.100s:%s", impl, metric);
	reason = json_string_value(json_object_get(json_object_get(run, "unavailable"), metric));
	if (!reason)
		reason = json_string_value(json_object_get(context, key));
	fputs("\tunavailable: ", out);
	write_cell(out, reason ? reason : "the run did not record it");
}

static void write_row(FILE *out, const char *experiment, const json_t *context, const json_t *run)
{
	const char *name = json_string_value(json_object_get(run, "name"));
	char value[256], impl[256] = "-", verdict[STEADY_BYTES];
	struct metrics metrics;

	fprintf(out, "%s\t%lld", experiment, (long long)json_integer_value(json_object_get(run, "repetition_index")));
	for (size_t i = 0; tidy_parameters[i]; i++) {
		if (!tidy_parameter(name, tidy_parameters[i], value, sizeof value))
			strcpy(value, "-");
		fputc('\t', out);
		write_cell(out, value);
	}
	tidy_parameter(name, "impl", impl, sizeof impl);
	metrics_clear(&metrics, "not recorded");
	for (int metric = 0; metric < METRICS; metric++) {
		const char *column = metric_info((enum metric)metric)->name;
		const json_t *number = json_object_get(run, column);

		if (json_is_number(number)) {
			metrics_set(&metrics, (enum metric)metric, json_number_value(number));
			fprintf(out, "\t%.9g", json_number_value(number));
		} else {
			write_reason(out, context, run, impl, column);
		}
	}
	steady_metrics(&metrics, verdict);
	fprintf(out, "\t%s\n", verdict);
}

bool tidy_rows(FILE *out, const char *experiment, const json_t *document, size_t *failed)
{
	const json_t *context = json_object_get(document, "context");
	const json_t *runs = json_object_get(document, "benchmarks");
	const json_t *run;
	size_t index;

	if (!json_is_object(context) || !json_is_array(runs))
		return false;
	json_array_foreach(runs, index, run) {
		const char *type = json_string_value(json_object_get(run, "run_type"));

		if (!json_is_string(json_object_get(run, "name")) || !type)
			return false;
		if (strcmp(type, "iteration") != 0)
			continue; /* an aggregate of Google Benchmark's */
		if (json_is_true(json_object_get(run, "error_occurred")))
			++*failed;
		else
			write_row(out, experiment, context, run);
	}
	return true;
}

/* ---- The subcommand ----------------------------------------------------------------------------------------------- */

static const struct options_known known[] = {
	{"--experiment", "NAME", "what stands in the column `experiment`; default: -"},
	{"--out", "FILE", "where the table goes, whole or not at all; default: standard output"},
	{"--help", NULL, "this text"},
	{NULL, NULL, NULL},
};

static int tidy_files(FILE *out, const char *experiment, char **files, int count)
{
	size_t failed = 0;

	tidy_header(out);
	for (int i = 0; i < count; i++) {
		json_error_t error;
		json_t *document = json_load_file(files[i], 0, &error);

		if (!document) {
			fprintf(stderr, "capacitor tidy: %s: line %d: %s\n", files[i], error.line, error.text);
			return COMMAND_USAGE;
		}
		if (!tidy_rows(out, experiment, document, &failed)) {
			fprintf(stderr, "capacitor tidy: %s: not what Google Benchmark writes (it has `context` and "
			        "`benchmarks`)\n", files[i]);
			json_decref(document);
			return COMMAND_USAGE;
		}
		json_decref(document);
	}
	if (failed)
		fprintf(stderr, "capacitor tidy: %zu runs failed and have no row\n", failed);
	return COMMAND_OK;
}

int tidy_command(int argc, char **argv)
{
	const char *experiment = "-", *out = NULL;
	char error[RUN_ERROR_BYTES];
	struct results_file file;
	int files = 1, status;

	if (options_want_help(argc, argv)) {
		printf("usage: capacitor tidy [options] FILE.json...\n\n"
		       "Turns JSON of `capacitor bench` and `capacitor replay` into a table: a row per point and repetition,\n"
		       "tab separated, the columns named in the first line, units in the names.\n\n");
		options_print(stdout, known);
		return COMMAND_OK;
	}
	for (int i = 1; i < argc; i++) {
		bool is_out = strcmp(argv[i], "--out") == 0;

		if (is_out || strcmp(argv[i], "--experiment") == 0) {
			if (i + 1 == argc) {
				fprintf(stderr, "capacitor tidy: %s wants a value\n", argv[i]);
				return COMMAND_USAGE;
			}
			*(is_out ? &out : &experiment) = argv[++i];
		} else if (argv[i][0] == '-') {
			fprintf(stderr, "capacitor tidy: %s is unknown; there are --experiment, --out, --help\n", argv[i]);
			return COMMAND_USAGE;
		} else {
			argv[files++] = argv[i];
		}
	}
	if (files == 1) {
		fprintf(stderr, "capacitor tidy: no file was named; it wants JSON of `capacitor bench` or `replay`\n");
		return COMMAND_USAGE;
	}
	if (!out)
		return tidy_files(stdout, experiment, argv + 1, files - 1);
	if (!results_open(&file, out, error, RUN_ERROR_BYTES)) {
		fprintf(stderr, "capacitor tidy: %s\n", error);
		return COMMAND_FAIL;
	}
	status = tidy_files(file.stream, experiment, argv + 1, files - 1);
	if (status != COMMAND_OK) {
		results_abort(&file);
	} else if (!results_commit(&file, error, RUN_ERROR_BYTES)) {
		fprintf(stderr, "capacitor tidy: %s\n", error);
		status = COMMAND_FAIL;
	}
	return status;
}
