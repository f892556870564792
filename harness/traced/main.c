/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `traced`: one point of `capacitor bench`, with a record of what its threads did.
 *
 *   traced locks   which locks were taken from where, waited for and held
 *   traced spans   a trace of the first part of the window; `capacitor timeline` calls it
 *   traced cost    as spans, but of all of the window, and nothing is kept: what recording costs
 *
 * The point is run by the harness of `capacitor` and on the objects of its library, all of them the very same; they are only linked
 * with others behind the names that they call (calls.c).
 */
#include <execinfo.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/commands.h"
#include "harness/options.h"
#include "harness/results.h"
#include "harness/traced/calls.h"
#include "harness/traced/locks.h"
#include "harness/traced/record.h"
#include "harness/traced/spans.h"

#define ARGUMENTS_MAX 256
#define FACTS_MAX     32

/* As harness/point.c: shorter windows say nothing. */
#define WINDOW_MIN_S 0.01

enum { OUT, POINT_METRICS, WINDOW, SPANS, FACT, OURS };
static const char *const ours[OURS] = {
	[OUT] = "--out", [POINT_METRICS] = "--metrics", [WINDOW] = "--window", [SPANS] = "--spans", [FACT] = "--fact",
};

struct request {
	const char *out, *metrics;
	double window_s;
	uint64_t spans;
	struct spans_fact fact[FACTS_MAX];
	size_t facts;
	const char *bench[ARGUMENTS_MAX + 8];
	int bench_arguments;
	char seconds[32];
	bool impl;
	char error[OPTIONS_ERROR_BYTES];
};

static bool fail(struct request *request, const char *what, const char *why)
{
	snprintf(request->error, sizeof request->error, "%.100s %.300s", what, why);
	return false;
}

static bool read_fact(struct request *request, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals || request->facts == FACTS_MAX)
		return fail(request, "--fact", equals ? "is given too often" : "wants KEY=VALUE");
	*equals = '\0';
	request->fact[request->facts++] = (struct spans_fact){text, equals + 1};
	return true;
}

static bool read_ours(struct request *request, int option, char *text)
{
	switch (option) {
	case OUT:
		request->out = text;
		return true;
	case POINT_METRICS:
		request->metrics = text;
		return true;
	case WINDOW:
		return options_seconds("--window", text, 1e-6, 60, &request->window_s, request->error);
	case SPANS:
		return options_number("--spans", text, 1, 1 << 24, &request->spans, request->error);
	default:
		return read_fact(request, text);
	}
}

/* Takes an option of ours off, or hands it on to bench. */
static bool take(struct request *request, int argc, char **argv, int *at)
{
	for (int i = 0; i < OURS; i++) {
		size_t length = strlen(ours[i]);

		if (strncmp(argv[*at], ours[i], length) == 0 && argv[*at][length] == '=')
			return read_ours(request, i, argv[*at] + length + 1);
		if (strcmp(argv[*at], ours[i]) == 0) {
			if (++*at == argc)
				return fail(request, ours[i], "lacks its value");
			return read_ours(request, i, argv[*at]);
		}
	}
	request->impl |= strncmp(argv[*at], "--impl", 6) == 0;
	request->bench[request->bench_arguments++] = argv[*at];
	return true;
}

static void add(struct request *request, const char *option, const char *value)
{
	request->bench[request->bench_arguments++] = option;
	request->bench[request->bench_arguments++] = value;
}

static bool read_options(struct request *request, int argc, char **argv)
{
	request->bench[request->bench_arguments++] = "bench";
	if (argc > ARGUMENTS_MAX)
		return fail(request, "there are", "too many arguments");
	for (int i = 1; i < argc; i++)
		if (!take(request, argc, argv, &i))
			return false;
	if (!request->impl)
		return fail(request, "--impl is missing:", TRACED_ONE_POINT);
	add(request, "--repetitions", "1");
	if (request->metrics)
		add(request, "--out", request->metrics);
	if (request->window_s > 0) {
		snprintf(request->seconds, sizeof request->seconds, "%.9f",
		         request->window_s > WINDOW_MIN_S ? request->window_s : WINDOW_MIN_S);
		add(request, "--seconds", request->seconds);
	}
	return true;
}

/* Sends a stream to a file without a name; returns where it went before, or -1. */
static int divert(int stream, int *kept)
{
	int file = memfd_create("bench", MFD_CLOEXEC);

	*kept = dup(stream);
	if (file < 0 || *kept < 0)
		return -1;
	dup2(file, stream);
	return file;
}

/* What bench said, when it matters. */
static void repeat(int file)
{
	char text[4096];
	ssize_t bytes;

	lseek(file, 0, SEEK_SET);
	while ((bytes = read(file, text, sizeof text)) > 0)
		fwrite(text, 1, (size_t)bytes, stderr);
}

/* Bench, whose table nobody wants to see. */
static int run_bench(struct request *request)
{
	int out, error, kept_out, kept_error, status;

	fflush(stdout);
	out = divert(STDOUT_FILENO, &kept_out);
	error = divert(STDERR_FILENO, &kept_error);
	if (out < 0 || error < 0) {
		perror("traced: standard output");
		return COMMAND_FAIL;
	}
	status = bench_command(request->bench_arguments, (char **)(uintptr_t)request->bench);
	fflush(stdout);
	dup2(kept_out, STDOUT_FILENO);
	dup2(kept_error, STDERR_FILENO);
	if (status != COMMAND_OK)
		repeat(error);
	return status == COMMAND_FAIL && traced_points() > 1 ? COMMAND_USAGE : status;
}

/* Runs the point and writes what was recorded, by `write`. */
typedef bool write_record(FILE *out, struct request *request);

static int record(struct request *request, const struct record_plan *plan, write_record *write)
{
	struct results_file file;
	int status;

	if (!results_open(&file, request->out ? request->out : "/dev/stdout", request->error, sizeof request->error)) {
		fprintf(stderr, "traced: %s\n", request->error);
		return COMMAND_FAIL;
	}
	status = record_prepare(plan) ? run_bench(request) : COMMAND_FAIL;
	if (status == COMMAND_OK && write(file.stream, request) &&
	    results_commit(&file, request->error, sizeof request->error))
		return COMMAND_OK;
	results_abort(&file);
	if (status == COMMAND_OK)
		fprintf(stderr, "traced: %s\n", request->error);
	return status == COMMAND_OK ? COMMAND_FAIL : status;
}

static bool write_locks(FILE *out, struct request *request)
{
	return locks_write(out, request->error, sizeof request->error);
}

static bool write_spans(FILE *out, struct request *request)
{
	struct spans *spans = spans_gather(request->error, sizeof request->error);

	if (!spans)
		return false;
	spans_write(out, spans, request->fact, request->facts);
	spans_summary(request->out ? stdout : stderr, spans);
	spans_free(spans);
	return true;
}

static void print_help(void)
{
	puts("usage: traced locks|spans|cost --impl NAME [OPTION...]\n"
	     "\n"
	     "Runs one point, as `capacitor bench` does with the same options (capacitor bench --help), once.\n"
	     "\n"
	     "locks  writes which locks were taken from where in its window, how often they were waited for, and how long they\n"
	     "       were held: columns lock, site, stack, acquisitions, contended, wait_ns, max_wait_ns, hold_ns, tab separated.\n"
	     "spans  writes a trace of the first part of its window; capacitor timeline calls it.\n"
	     "cost   records as spans does, in all of the window, and keeps nothing: to compare --metrics with.\n"
	     "\n"
	     "  --out FILE         the table or trace; default: standard output\n"
	     "  --metrics FILE     the metrics of the point, as bench's --out\n"
	     "  --window TIME      of spans: how long to record; default: 2ms\n"
	     "  --spans N          of spans: how many a thread keeps; default: 32768\n"
	     "  --fact KEY=VALUE   of spans: goes into otherData");
}

static int run(int argc, char **argv)
{
	static struct request request;
	bool locks = strcmp(argv[0], "locks") == 0, cost = strcmp(argv[0], "cost") == 0;
	struct record_plan plan = {.mode = locks ? RECORD_LOCKS : RECORD_SPANS, .ring = cost};
	int status;

	request.spans = 32768;
	request.window_s = locks || cost ? 0 : 0.002;
	if (!read_options(&request, argc, argv)) {
		fprintf(stderr, "traced: %s\n", request.error);
		return COMMAND_USAGE;
	}
	plan.spans_max = (size_t)request.spans;
	if (!locks && !cost)
		plan.window = (uint64_t)(request.window_s * 1e9 / latency_clock()->ns_per_tick);
	if (cost)
		return record_prepare(&plan) ? run_bench(&request) : COMMAND_FAIL;
	status = record(&request, &plan, locks ? write_locks : write_spans);
	if (status == COMMAND_OK && locks)
		locks_summary(stderr);
	return status;
}

int main(int argc, char **argv)
{
	void *frame[4];

	backtrace(frame, 4); /* the first one loads a library */
	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	if (argc >= 2 && (strcmp(argv[1], "locks") == 0 || strcmp(argv[1], "spans") == 0 || strcmp(argv[1], "cost") == 0))
		return run(argc - 1, argv + 1);
	print_help();
	return COMMAND_USAGE;
}
