/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor compare`: what changed between two runs, or differs inside one, and whether it is sure.
 *
 * Reading is done in compare_samples.c, pairing in compare_pairs.c, printing in compare_print.c; the statistics are scipy's, in
 * plots/compare.py.
 */
#include "harness/compare.h"

#include <stdlib.h>
#include <string.h>

#include "harness/commands.h"
#include "harness/options.h"
#include "harness/results.h"

enum { METRIC, BY, BASE, ALPHA, FILTER, FORMAT, EXPORT, OUT, HELP, OPTIONS };

static const struct options_known known[] = {
	[METRIC] = {"--metric", "NAMES", "what is compared (see capacitor list); default: ns_per_op. With benchfmt:\n"
		"ns_per_op,allocated_bytes_per_op,allocations_per_op,ops_per_s,hit_ratio"},
	[BY] = {"--by", "PARAMETER", "inside one run: impl, counters, policy, hash, threads, ...; points that are alike in all\n"
		"else are compared"},
	[BASE] = {"--base", "VALUE", "with --by: the value that the others are compared with; default: the first"},
	[ALPHA] = {"--alpha", "NUMBER", "from which p on nothing is said, 0.000001 to 0.5; default: 0.05"},
	[FILTER] = {"--filter", "REGEX", "only points whose name (impl=rcu/threads=2/...) it matches, extended syntax"},
	[FORMAT] = {"--format", "NAME", "text, tsv, markdown, or benchfmt (both sides in Go's benchmark format, told apart by the\n"
		"configuration line `side`: benchstat -col side FILE); default: text"},
	[EXPORT] = {"--export", "NAME", "benchfmt: one run in Go's benchmark format, for benchstat; nothing is compared"},
	[OUT] = {"--out", "FILE", "where it goes, whole or not at all; default: standard output"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

struct request {
	struct compare_request compare;
	size_t format;
	bool export;
	const char *out;
	const char *path[2];
	size_t paths;
};

static void print_help(void)
{
	puts("usage: capacitor compare [OPTION...] BASE NEW\n"
	     "       capacitor compare [OPTION...] RUN --by PARAMETER\n"
	     "       capacitor compare --export benchfmt RUN\n"
	     "\n"
	     "A run is JSON of `capacitor bench --out`, a table of `capacitor tidy` (.tsv), or a folder of\n"
	     "`capacitor experiment`. Points are paired by their parameters; each has a sample per repetition.\n");
	options_print(stdout, known);
	puts("\nThe change is the Hodges-Lehmann estimate of the ratio new/base (the median of the ratios of all pairs of\n"
	     "samples), with its interval of 1 - alpha, from the distribution of Mann-Whitney's U. p is of the Mann-Whitney\n"
	     "test, two-sided, exact without ties, after Holm's correction over all points of a metric. effect is Cliff's\n"
	     "delta: 1 when every new sample is larger than every one of the base. `~` means that nothing can be said. The\n"
	     "interval is that of a point by itself: near alpha it can leave out 0 where the corrected p says `~`.\n"
	     "Last come the geometric means of the ratios.\n"
	     "\n"
	     "Columns of tsv: kind (point; mean: geometric; family: the least p possible; only_base, only_new), metric, unit,\n"
	     "group, by, the parameters, points, n_base, n_new, median_base, median_new, change_percent, low_percent,\n"
	     "high_percent, coverage, difference with _low and _high (in the metric's unit), p, p_holm, effect, verdict.");
}

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static bool read_metrics(struct compare_request *request, const char *text, char error[OPTIONS_ERROR_BYTES])
{
	const char *names[METRICS + 1] = {NULL};
	struct options_list list;

	for (int i = 0; i < METRICS; i++)
		names[i] = metric_info((enum metric)i)->name;
	if (!options_names("--metric", text, names, &list, error))
		return false;
	for (request->metrics = 0; request->metrics < list.count; request->metrics++)
		request->metric[request->metrics] = (enum metric)list.item[request->metrics];
	return true;
}

static bool read_option(struct request *request, int option, const char *text, char error[OPTIONS_ERROR_BYTES])
{
	static const char *const exports[] = {"benchfmt", NULL};
	struct options_reals reals;
	size_t index;

	switch (option) {
	case METRIC:
		return read_metrics(&request->compare, text, error);
	case BY:
		request->compare.by = text;
		return true;
	case BASE:
		request->compare.base = text;
		return true;
	case ALPHA:
		if (!options_reals("--alpha", text, 1e-6, 0.5, &reals, error))
			return false;
		request->compare.alpha = reals.item[0];
		if (reals.count > 1)
			snprintf(error, OPTIONS_ERROR_BYTES, "--alpha: '%.60s' is a list; it is one number", text);
		return reals.count == 1;
	case FILTER:
		request->compare.filter = text;
		return true;
	case FORMAT:
		return options_name("--format", text, compare_formats, &request->format, error);
	case EXPORT:
		request->export = options_name("--export", text, exports, &index, error);
		return request->export;
	default:
		request->out = text;
		return true;
	}
}

static bool read_options(struct request *request, int argc, char **argv, char error[OPTIONS_ERROR_BYTES])
{
	struct options_reader reader = {.command = "compare", .known = known, .argc = argc, .argv = argv, .at = 1};

	while (reader.at < argc) {
		int option;

		if (argv[reader.at][0] != '-') {
			if (request->paths == 2) {
				snprintf(error, OPTIONS_ERROR_BYTES, "'%.100s' is a third run; two are compared", argv[reader.at]);
				return false;
			}
			request->path[request->paths++] = argv[reader.at++];
			continue;
		}
		option = options_read(&reader);
		if (option == OPTIONS_ERROR) {
			memcpy(error, reader.error, OPTIONS_ERROR_BYTES);
			return false;
		}
		if (!read_option(request, option, reader.value, error))
			return false;
	}
	return true;
}

/* Do they go together? */
static bool make_sense(struct request *request, char error[OPTIONS_ERROR_BYTES])
{
	const char *wrong = NULL;

	if (request->paths == 0)
		wrong = "no run is named; --help tells what it wants";
	else if (request->export && (request->paths == 2 || request->compare.by))
		wrong = "--export takes one run, and compares nothing; for both: --format benchfmt";
	else if (!request->export && request->paths == 1 && !request->compare.by)
		wrong = "one run is named: name a second, or compare inside it with --by impl";
	else if (request->paths == 2 && request->compare.by)
		wrong = "--by compares inside one run; two are named";
	else if (request->compare.base && !request->compare.by)
		wrong = "--base wants --by";
	if (wrong)
		snprintf(error, OPTIONS_ERROR_BYTES, "%s", wrong);
	return !wrong;
}

static void fill_in(struct request *request)
{
	bool benchfmt = request->export || request->format == COMPARE_BENCHFMT;
	char error[OPTIONS_ERROR_BYTES];

	if (request->compare.metrics == 0)
		read_metrics(&request->compare,
		             benchfmt ? "ns_per_op,allocated_bytes_per_op,allocations_per_op,ops_per_s,hit_ratio" : "ns_per_op",
			error);
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

static int complain(const char *error, int status)
{
	fprintf(stderr, "capacitor compare: %s\n", error);
	return status;
}

static int write_out(const struct request *request, const struct comparison *comparison, const struct compare_side *exported)
{
	char error[OPTIONS_ERROR_BYTES];
	struct results_file file = {.stream = NULL};
	FILE *out = stdout;

	if (request->out) {
		if (!results_open(&file, request->out, error, sizeof error))
			return complain(error, COMMAND_FAIL);
		out = file.stream;
	}
	if (exported)
		compare_benchfmt(out, exported, &request->compare, NULL);
	else
		compare_print(out, comparison, (enum compare_format)request->format, !request->out && compare_colour(stdout));
	if (comparison && (request->format == COMPARE_TSV || request->format == COMPARE_BENCHFMT)) {
		fflush(stdout);
		compare_warnings(stderr, comparison, "capacitor compare: "); /* where there is no place for them in the table */
	}
	if (request->out && !results_commit(&file, error, sizeof error))
		return complain(error, COMMAND_FAIL);
	return COMMAND_OK;
}

static int run(struct request *request)
{
	struct compare_side side[2] = {{.points = 0}, {.points = 0}};
	struct comparison comparison = {.pairs = 0};
	char error[COMPARE_ERROR_BYTES];
	int status = COMMAND_OK;

	for (size_t i = 0; i < request->paths && status == COMMAND_OK; i++)
		if (!compare_load(&side[i], request->path[i], error))
			status = complain(error, COMMAND_USAGE);
	if (status == COMMAND_OK && request->export) {
		status = write_out(request, NULL, &side[0]);
	} else if (status == COMMAND_OK) {
		if (compare_run(&comparison, &request->compare, &side[0], &side[request->paths - 1], error))
			status = write_out(request, &comparison, NULL);
		else
			status = complain(error, COMMAND_USAGE);
	}
	compare_done(&comparison);
	compare_free(&side[0]);
	compare_free(&side[1]);
	return status;
}

int compare_command(int argc, char **argv)
{
	struct request request = {.compare = {.alpha = 0.05}};
	char error[OPTIONS_ERROR_BYTES];

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	if (!read_options(&request, argc, argv, error) || !make_sense(&request, error))
		return complain(error, COMMAND_USAGE);
	fill_in(&request);
	return run(&request);
}
