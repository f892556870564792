/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor timeline IMPL`: what each thread did in a short window, as a trace for Perfetto or chrome://tracing.
 *
 * The trace is recorded by the program `traced` beside this one (`make timeline` builds it): the same harness on the same objects
 * of the library, linked with shims behind locks, grace periods, evictions and the calls of the harness. What recording costs is
 * measured here, first: the point runs in pairs, one with each program, in an order that changes, for windows of equal length; the
 * median ratio of their times per operation stands in the trace and is printed. A trace is not a measurement: it shows order and
 * overlap, and its times are longer by that ratio.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_info.h"
#include "harness/bench.h"
#include "harness/commands.h"
#include "harness/options.h"
#include "harness/program.h"
#include "harness/probes.h"

#define ARGUMENTS_MAX 128
#define PAIRS_MAX     100
#define PATH_BYTES    4096

enum { IMPL, WINDOW, OUT, SPANS, PAIRS, SECONDS, WARMUP, REPETITIONS, HELP, OPTIONS };
static const struct options_known known[] = {
	[IMPL] = {"--impl", "NAME", "the implementation, where it is not the first argument"},
	[WINDOW] = {"--window", "TIME", "how long to record, 0.01ms to 10s; default: 2ms"},
	[OUT] = {"--out", "FILE", "the trace; default: timeline.json"},
	[SPANS] = {"--spans", "N",
		"how many spans a thread keeps, 1 to 16M, at about 150 bytes of the file each; what does\n"
		"not fit is counted; default: 32K"},
	[PAIRS] = {"--pairs", "N", "how often the point is run with and without recording, to state what it costs,\n"
		"0 to 100; default: 5"},
	[SECONDS] = {"--seconds", "TIME", "the window of each of these runs, 10ms to 1h; default: 100ms"},
	[WARMUP] = {"--warmup", "TIME", "how long the threads run before each window; default: 100ms"},
	[REPETITIONS] = {"--repetitions", "N", "only 1"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

struct request {
	const char *impl, *out, *window, *spans, *seconds, *warmup;
	uint64_t pairs;
	const char *point[ARGUMENTS_MAX]; /* bench's options, as they were given */
	size_t point_arguments;
	char plain[PATH_BYTES], traced[PATH_BYTES + 16], scratch[PATH_BYTES];
	double ratio[PAIRS_MAX];
	char error[OPTIONS_ERROR_BYTES];
};

static void print_help(void)
{
	puts("usage: capacitor timeline IMPL [OPTION...]\n"
	     "\n"
	     "Runs one point of an implementation and writes what each thread did in a short window after the warm-up:\n"
	     "operations, waits for locks and holds of them, grace periods, evictions, reclamation. The file is a trace of\n"
	     "Chrome's trace events, for ui.perfetto.dev or chrome://tracing. What recording costs is measured and stated.\n");
	options_print(stdout, known);
	puts("\nThe point is described by the options of `capacitor bench` (--threads, --mix, --keys, --capacity, ...), each with\n"
	     "one value.");
}

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static bool fail(struct request *request, const char *what, const char *why)
{
	snprintf(request->error, sizeof request->error, "%.300s: %.180s", what, why);
	return false;
}

static bool read_ours(struct request *request, int option, const char *text)
{
	uint64_t number;
	double seconds;

	switch (option) {
	case IMPL:
		if (request->impl)
			return fail(request, "--impl", "the implementation is given twice");
		request->impl = text;
		return true;
	case WINDOW:
		request->window = text;
		return options_seconds("--window", text, 1e-5, 10, &seconds, request->error);
	case OUT:
		request->out = text;
		return true;
	case SPANS:
		request->spans = text;
		return options_number("--spans", text, 1, 1 << 24, &number, request->error);
	case PAIRS:
		return options_number("--pairs", text, 0, PAIRS_MAX, &request->pairs, request->error);
	case SECONDS:
		request->seconds = text;
		return options_seconds("--seconds", text, 0.01, 3600, &seconds, request->error);
	case WARMUP:
		request->warmup = text;
		return options_seconds("--warmup", text, 0, 3600, &seconds, request->error);
	default:
		return options_number("--repetitions", text, 1, 1, &number, request->error);
	}
}

/* An option of ours and its value; false and no error: it is not one. */
static bool take_ours(struct request *request, int argc, char **argv, int *at)
{
	for (int i = 0; i < HELP; i++) {
		size_t length = strlen(known[i].name);

		if (strncmp(argv[*at], known[i].name, length) != 0)
			continue;
		if (argv[*at][length] == '=')
			return read_ours(request, i, argv[*at] + length + 1);
		if (argv[*at][length] != '\0')
			continue;
		if (++*at == argc)
			return fail(request, known[i].name, "its value is missing");
		return read_ours(request, i, argv[*at]);
	}
	return false;
}

static bool read_options(struct request *request, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (take_ours(request, argc, argv, &i))
			continue;
		if (request->error[0])
			return false;
		if (i == 1 && argv[i][0] != '-') {
			request->impl = argv[i];
			continue;
		}
		if (request->point_arguments == ARGUMENTS_MAX - 1)
			return fail(request, argv[i], "too many arguments");
		request->point[request->point_arguments++] = argv[i];
	}
	if (!request->impl)
		return fail(request, "the implementation is missing", "give its name first; capacitor list has the names");
	if (strchr(request->impl, ',') || strcmp(request->impl, "all") == 0)
		return fail(request, request->impl, "a trace is of one implementation");
	return true;
}

/* ---- Programs ---------------------------------------------------------------------------------------------------- */

static bool find_programs(struct request *request)
{
	ssize_t length = readlink("/proc/self/exe", request->plain, sizeof request->plain - 1);
	char *slash;

	if (length < 0)
		return fail(request, "/proc/self/exe", strerror(errno));
	request->plain[length] = '\0';
	slash = strrchr(request->plain, '/');
	snprintf(request->traced, sizeof request->traced, "%.*s/traced", (int)(slash - request->plain), request->plain);
	if (access(request->traced, X_OK) == 0)
		return true;
	return fail(request, request->traced, "it is not there; `make timeline` builds it");
}

/* The command line of a run of the point: what comes first, the point, what comes last, and NULL. */
struct command {
	const char *argument[ARGUMENTS_MAX + 40];
	size_t count;
};

static void add(struct command *command, const char *option, const char *value)
{
	command->argument[command->count++] = option;
	if (value)
		command->argument[command->count++] = value;
	command->argument[command->count] = NULL;
}

static struct command point_command(const struct request *request, const char *program, const char *subcommand)
{
	struct command command = {.count = 0};

	add(&command, program, subcommand);
	add(&command, "--impl", request->impl);
	add(&command, "--warmup", request->warmup);
	for (size_t i = 0; i < request->point_arguments; i++)
		add(&command, request->point[i], NULL);
	return command;
}

static void copy_file(const char *path, FILE *to)
{
	FILE *from = fopen(path, "re");
	int byte;

	while (from && (byte = fgetc(from)) != EOF)
		fputc(byte, to);
	if (from)
		fclose(from);
}

/* Runs it; of one that is `quiet` its errors are told only when it fails. Returns its exit status. */
static int run(struct request *request, const struct command *command, bool quiet)
{
	char errors[PATH_BYTES + 16];
	int status;

	snprintf(errors, sizeof errors, "%s/errors", request->scratch);
	unlink(errors);
	status = program_run(command->argument, &(struct program_ends){.out = quiet ? NULL : PROGRAM_OURS,
	                                                               .errors = quiet ? errors : PROGRAM_OURS});
	if (status == COMMAND_OK)
		return COMMAND_OK;
	if (status < 0 || status >= 128) {
		fail(request, command->argument[0], status < 0 ? "it could not be started" : "it was ended by a signal");
		return COMMAND_FAIL;
	}
	if (quiet)
		copy_file(errors, stderr);
	fail(request, command->argument[0], status == 127 ? "it cannot be run" : "it failed, as said above");
	return status;
}

/* ---- What recording costs ---------------------------------------------------------------------------------------- */

static bool read_time(struct request *request, const char *path, double *ns_per_op)
{
	json_t *json = json_load_file(path, 0, NULL);
	const json_t *runs = json_object_get(json, "benchmarks");
	const json_t *value = json_object_get(json_array_get(runs, 0), "ns_per_op");
	bool found = json_array_size(runs) == 1 && json_is_number(value) && json_number_value(value) > 0;

	if (found)
		*ns_per_op = json_number_value(value);
	json_decref(json);
	return found || fail(request, "the point", "these options are not of one point: give each option one value");
}

static int measure(struct request *request, bool traced, double *ns_per_op)
{
	struct command command = traced ? point_command(request, request->traced, "cost")
	                                : point_command(request, request->plain, "bench");
	char metrics[PATH_BYTES + 16];
	int status;

	snprintf(metrics, sizeof metrics, "%s/point.json", request->scratch);
	add(&command, "--seconds", request->seconds);
	if (!traced)
		add(&command, "--repetitions", "1");
	add(&command, traced ? "--metrics" : "--out", metrics);
	status = run(request, &command, true);
	if (status == COMMAND_OK && !read_time(request, metrics, ns_per_op))
		status = COMMAND_USAGE;
	unlink(metrics);
	return status;
}

static int measure_pairs(struct request *request)
{
	for (uint64_t pair = 0; pair < request->pairs; pair++) {
		double ns_per_op[2] = {0, 0}; /* plain, traced */

		for (unsigned turn = 0; turn < 2; turn++) {
			unsigned which = (unsigned)(pair + turn) % 2;
			int status = measure(request, which == 1, &ns_per_op[which]);

			if (status != COMMAND_OK)
				return status;
		}
		request->ratio[pair] = ns_per_op[1] / ns_per_op[0];
	}
	return COMMAND_OK;
}

/* ---- The trace --------------------------------------------------------------------------------------------------- */

static int trace(struct request *request)
{
	struct command command = point_command(request, request->traced, "spans");
	struct probes_ratio cost = {.median = 0};
	char facts[6][160];
	int status;

	snprintf(facts[0], sizeof facts[0], "implementation=%s", request->impl);
	snprintf(facts[1], sizeof facts[1], "commit=%s%s", BUILD_COMMIT, strcmp(BUILD_DIRTY, "yes") == 0 ? " with changes" : "");
	snprintf(facts[2], sizeof facts[2], "overhead_pairs=%u", (unsigned)request->pairs);
	if (request->pairs == 0) {
		snprintf(facts[3], sizeof facts[3], "overhead_ratio=unavailable: not asked for: --pairs 0");
	} else {
		cost = probes_summary(request->ratio, (size_t)request->pairs);
		snprintf(facts[3], sizeof facts[3], "overhead_ratio=%.4f", cost.median);
	}
	snprintf(facts[4], sizeof facts[4], "overhead_low=%.4f", cost.low);
	snprintf(facts[5], sizeof facts[5], "overhead_high=%.4f", cost.high);
	for (size_t i = 0; i < (request->pairs > 0 ? 6u : 4u); i++)
		add(&command, "--fact", facts[i]);
	add(&command, "--window", request->window);
	add(&command, "--spans", request->spans);
	add(&command, "--out", request->out);
	status = run(request, &command, false);
	if (status != COMMAND_OK)
		return status;
	if (request->pairs > 0)
		printf("\nrecording: an operation takes %.2f times as long as without it (median of %u pairs; %.2f to %.2f)\n",
		       cost.median, (unsigned)request->pairs, cost.low, cost.high);
	else
		puts("\nrecording: what it costs was not measured (--pairs 0)");
	printf("%s: open it in ui.perfetto.dev or chrome://tracing\n", request->out);
	return COMMAND_OK;
}

static int run_all(struct request *request)
{
	char errors[PATH_BYTES + 16];
	int status;

	if (!bench_can_write("timeline", request->out))
		return COMMAND_FAIL;
	snprintf(request->scratch, sizeof request->scratch, "%s/capacitor-timeline-XXXXXX",
	         getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(request->scratch)) {
		fail(request, request->scratch, strerror(errno));
		return COMMAND_FAIL;
	}
	status = measure_pairs(request);
	if (status == COMMAND_OK)
		status = trace(request);
	snprintf(errors, sizeof errors, "%s/errors", request->scratch);
	unlink(errors);
	rmdir(request->scratch);
	return status;
}

int timeline_command(int argc, char **argv)
{
	static struct request request;
	int status = COMMAND_USAGE;

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	request = (struct request){.out = "timeline.json", .window = "2ms", .spans = "32K", .seconds = "100ms", .warmup = "100ms",
	                           .pairs = 5};
	if (read_options(&request, argc, argv))
		status = find_programs(&request) ? run_all(&request) : COMMAND_UNAVAILABLE;
	if (request.error[0])
		fprintf(stderr, "capacitor timeline: %s\n", request.error);
	return status;
}
