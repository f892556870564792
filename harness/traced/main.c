/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `traced`: one point of `capacitor bench`, with a record of what its threads did.
 *
 *   traced locks --impl NAME [options of bench] [--out FILE.tsv]
 *   traced spans --impl NAME [options of bench] --window TIME [--out FILE.json]
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

#define ARGUMENTS_MAX 256
#define PATH_BYTES    4096

struct request {
	const char *out, *metrics;
	const char *bench[ARGUMENTS_MAX + 8];
	int bench_arguments;
	bool impl;
};

/* Takes an option of ours off, or hands it on to bench. False: it lacks its value. */
static bool take(struct request *request, int argc, char **argv, int *at)
{
	static const char *const names[] = {"--out", "--metrics"};
	const char **values[] = {&request->out, &request->metrics};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		size_t length = strlen(names[i]);

		if (strncmp(argv[*at], names[i], length) == 0 && argv[*at][length] == '=') {
			*values[i] = argv[*at] + length + 1;
			return true;
		}
		if (strcmp(argv[*at], names[i]) == 0) {
			if (++*at == argc) {
				fprintf(stderr, "traced: %s lacks its value, the name of a file\n", names[i]);
				return false;
			}
			*values[i] = argv[*at];
			return true;
		}
	}
	request->impl |= strncmp(argv[*at], "--impl", 6) == 0;
	request->bench[request->bench_arguments++] = argv[*at];
	return true;
}

static bool read_options(struct request *request, int argc, char **argv)
{
	request->bench[request->bench_arguments++] = "bench";
	if (argc > ARGUMENTS_MAX) {
		fprintf(stderr, "traced: more than %d arguments\n", ARGUMENTS_MAX);
		return false;
	}
	for (int i = 1; i < argc; i++)
		if (!take(request, argc, argv, &i))
			return false;
	if (!request->impl) {
		fputs("traced: --impl is missing: " TRACED_ONE_POINT "\n", stderr);
		return false;
	}
	request->bench[request->bench_arguments++] = "--repetitions";
	request->bench[request->bench_arguments++] = "1";
	if (request->metrics) {
		request->bench[request->bench_arguments++] = "--out";
		request->bench[request->bench_arguments++] = request->metrics;
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

static void print_help(void)
{
	puts("usage: traced locks --impl NAME [OPTION...]\n"
	     "\n"
	     "Runs one point, as `capacitor bench` does with the same options (capacitor bench --help), once, and writes which\n"
	     "locks were taken from where in its window, how often they were waited for, and how long they were held:\n"
	     "columns lock, site, stack, acquisitions, contended, wait_ns, max_wait_ns, hold_ns, tab separated.\n"
	     "\n"
	     "  --out FILE      the table; default: standard output\n"
	     "  --metrics FILE  the metrics of the point, as bench's --out");
}

static int locks_command(int argc, char **argv)
{
	static struct request request;
	struct record_plan plan = {.mode = RECORD_LOCKS};
	char error[512];
	struct results_file file;
	int status;

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	if (!read_options(&request, argc, argv))
		return COMMAND_USAGE;
	if (!results_open(&file, request.out ? request.out : "/dev/stdout", error, sizeof error)) {
		fprintf(stderr, "traced: %s\n", error);
		return COMMAND_FAIL;
	}
	if (!record_prepare(&plan)) {
		fputs("traced: no memory for records\n", stderr);
		results_abort(&file);
		return COMMAND_FAIL;
	}
	status = run_bench(&request);
	if (status != COMMAND_OK || !locks_write(file.stream, error, sizeof error)) {
		if (status == COMMAND_OK)
			fprintf(stderr, "traced: %s\n", error);
		results_abort(&file);
		return status != COMMAND_OK ? status : COMMAND_FAIL;
	}
	if (!results_commit(&file, error, sizeof error)) {
		fprintf(stderr, "traced: %s\n", error);
		return COMMAND_FAIL;
	}
	locks_summary(stderr);
	return COMMAND_OK;
}

int main(int argc, char **argv)
{
	void *frame[4];

	backtrace(frame, 4); /* the first one loads a library */
	if (argc >= 2 && strcmp(argv[1], "locks") == 0)
		return locks_command(argc - 1, argv + 1);
	print_help();
	return argc >= 2 && options_want_help(argc, argv) ? COMMAND_OK : COMMAND_USAGE;
}
