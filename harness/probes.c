/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor probes`: what the library's own measuring costs.
 *
 * Beside this program lie others with the same harness and a library that lacks one probe, or all (`make probes` builds them). In
 * each round each point is measured once by every program, in an order that changes from round to round; the ratio of this
 * program's time per operation to another's, in one round, is what that probe costs. So drift of the machine hits both sides of
 * each ratio. Counting futex calls is an option of bench: there the same program runs with it and without.
 *
 * What that cannot part from a probe's cost is where the linker puts the code: the same objects, linked in another order, took 7 %
 * longer for a get of rcu. One point says little; the mean over all of them is what counts.
 */
#include "harness/probes.h"
#include "harness/program.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/commands.h"
#include "harness/environment.h"
#include "harness/futex.h"
#include "harness/html.h"
#include "harness/options.h"
#include "harness/plan.h"
#include "harness/report.h"
#include "harness/results.h"
#include "harness/table.h"
#include "harness/team.h"

#define ROUNDS_MAX 100
#define POINTS_MAX 256
#define PATH_BYTES 4096

/* More than this, and a probe has to be opt-in. */
#define COST_MAX 1.02

/* What is compared with the program as it is. */
enum { LOCKS, ROOM, GRACE, ALL, FUTEX, PROBES };
static const struct {
	const char *name, *what;
} probes[PROBES] = {
	[LOCKS] = {"locks", "locks taken are counted; waits for them are counted and timed, in total and per lock"},
	[ROOM] = {"room", "time is taken of stores that wait for memory to be reclaimed"},
	[GRACE] = {"grace", "time is taken of grace periods"},
	[ALL] = {"all", "all of these together"},
	[FUTEX] = {"futex", "the kernel counts futex calls (--futex-calls yes)"},
};
#define AS_IT_IS PROBES
#define PROGRAMS (PROBES + 1)

struct point {
	const char *implementation;
	struct options_mix mix;
	unsigned threads;
	double ns_per_op[PROGRAMS][ROUNDS_MAX];
};

struct request {
	struct options_list impl, threads;
	struct options_mixes mix;
	double window_s;
	uint64_t rounds;
	const char *out;

	char program[PROGRAMS][PATH_BYTES];
	char folder[PATH_BYTES]; /* for what programs leave */
	const char *futex_unavailable;
	struct point *point;
	size_t points;
	char error[OPTIONS_ERROR_BYTES];
};

/* ---- Intervals --------------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return (one > other) - (one < other);
}

/* That the median lies between the k-th smallest and the k-th largest, k from 1. */
static double coverage(size_t count, size_t k)
{
	double term = pow(0.5, (double)count), below = 0;

	for (size_t i = 0; i < k; i++) {
		below += term;
		term *= (double)(count - i) / (double)(i + 1);
	}
	return count > 1 ? 1 - 2 * below : 0;
}

struct probes_ratio probes_summary(double *ratios, size_t count)
{
	size_t k = 1;

	qsort(ratios, count, sizeof *ratios, by_size);
	while (k + 1 <= count - k && coverage(count, k + 1) >= 0.95)
		k++;
	return (struct probes_ratio){
		.median = (ratios[(count - 1) / 2] + ratios[count / 2]) / 2,
		.low = ratios[k - 1],
		.high = ratios[count - k],
		.coverage = coverage(count, k),
	};
}

/* ---- Measuring --------------------------------------------------------------------------------------------------- */

static bool fail(struct request *request, const char *what, const char *why)
{
	snprintf(request->error, sizeof request->error, "%.300s: %.180s", what, why);
	return false;
}

/* The ns_per_op of the one run in a file of bench. */
static bool read_time(struct request *request, const char *path, double *ns_per_op)
{
	json_t *json = json_load_file(path, 0, NULL);
	const json_t *value = json_object_get(json_array_get(json_object_get(json, "benchmarks"), 0), "ns_per_op");
	bool found = json_is_number(value) && json_number_value(value) > 0;

	if (found)
		*ns_per_op = json_number_value(value);
	json_decref(json);
	return found || fail(request, path, "bench left no time per operation");
}

static bool measure(struct request *request, struct point *point, unsigned which, unsigned round)
{
	char threads[16], mix[32], seconds[32], seed[16], out[PATH_BYTES + 16];
	const char *program = request->program[which == FUTEX ? AS_IT_IS : which];
	const char *const arguments[] = {
		program, "bench", "--impl", point->implementation, "--threads", threads, "--mix", mix, "--seconds", seconds,
		"--repetitions", "1", "--seed", seed, "--futex-calls", which == FUTEX ? "yes" : "no", "--out", out, NULL,
	};
	int status;

	snprintf(threads, sizeof threads, "%u", point->threads);
	snprintf(mix, sizeof mix, "%u:%u:%u", point->mix.get_percent, point->mix.set_percent, point->mix.delete_percent);
	snprintf(seconds, sizeof seconds, "%g", request->window_s);
	snprintf(seed, sizeof seed, "%u", round + 1);
	snprintf(out, sizeof out, "%s/run.json", request->folder);
	status = program_run(arguments, &(struct program_ends){.out = NULL});
	if (status != 0)
		return fail(request, program, status == 127 ? "cannot be run; make probes builds it" : "its bench failed");
	return read_time(request, out, &point->ns_per_op[which][round]);
}

static bool measure_all(struct request *request)
{
	for (unsigned round = 0; round < request->rounds; round++) {
		for (size_t i = 0; i < request->points; i++)
			for (unsigned turn = 0; turn < PROGRAMS; turn++) {
				unsigned which = (turn + round) % PROGRAMS;

				if ((which != FUTEX || !request->futex_unavailable) &&
				    !measure(request, &request->point[i], which, round))
					return false;
			}
		fprintf(stderr, "capacitor probes: round %u of %" PRIu64 "\n", round + 1, request->rounds);
	}
	return true;
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

static const char heading[] = "probe\timpl\tmix\tthreads\trounds\tratio\tratio_low\tratio_high\tcoverage\n";

static void write_ratio(FILE *out, const char *place, const char *probe, double *ratios, size_t count)
{
	struct probes_ratio ratio = probes_summary(ratios, count);

	fprintf(out, "%s\t%s\t%zu\t%.6g\t%.6g\t%.6g\t%.4g\n", probe, place, count, ratio.median, ratio.low, ratio.high,
	        ratio.coverage);
}

/* A probe at each point, and at all of them: the geometric mean of a round. */
static void write_probe(FILE *out, const struct request *request, unsigned which)
{
	double ratios[ROUNDS_MAX], all[ROUNDS_MAX] = {0};
	char place[96];

	for (size_t i = 0; i < request->points; i++) {
		const struct point *point = &request->point[i];

		for (unsigned round = 0; round < request->rounds; round++) {
			double own = point->ns_per_op[AS_IT_IS][round], other = point->ns_per_op[which][round];

			ratios[round] = which == FUTEX ? other / own : own / other;
			all[round] += log(ratios[round]) / (double)request->points;
		}
		snprintf(place, sizeof place, "%s\t%u:%u:%u\t%u", point->implementation, point->mix.get_percent,
		         point->mix.set_percent, point->mix.delete_percent, point->threads);
		write_ratio(out, place, probes[which].name, ratios, request->rounds);
	}
	for (unsigned round = 0; round < request->rounds; round++)
		all[round] = exp(all[round]);
	write_ratio(out, "all\tall\tall", probes[which].name, all, request->rounds);
}

static bool write_table(struct request *request)
{
	struct results_file file;

	if (!results_open(&file, request->out, request->error, sizeof request->error))
		return false;
	fputs(heading, file.stream);
	for (unsigned which = 0; which < PROBES; which++) {
		if (which == FUTEX && request->futex_unavailable)
			fprintf(file.stream, "futex\tall\tall\tall\t0\tunavailable: %s\t\t\t\n", request->futex_unavailable);
		else
			write_probe(file.stream, request, which);
	}
	return results_commit(&file, request->error, sizeof request->error);
}

/* ---- The report's section ---------------------------------------------------------------------------------------- */

static bool keep(const char *from, const char *to, char *error)
{
	FILE *file = fopen(from, "r");
	char text[65536];
	size_t bytes;

	if (!file)
		return true; /* there is none */
	bytes = fread(text, 1, sizeof text, file);
	fclose(file);
	return results_write_file(to, text, bytes, error, RUN_ERROR_BYTES);
}

static void write_row(FILE *out, const struct table *table, size_t row)
{
	static const char *const shown[] = {"probe", "impl", "mix", "threads"};
	double ratio, low, high;

	fputs("<tr>", out);
	for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
		html_element(out, "td class=\"t\"", table_cell(table, row, shown[i]));
	if (table_number(table, row, "ratio", &ratio) && table_number(table, row, "ratio_low", &low) &&
	    table_number(table, row, "ratio_high", &high))
		fprintf(out, "<td%s>%.3f <span class=\"i\">[%.3f, %.3f]</span></td>", low > COST_MAX ? " class=\"missed\"" : "",
		        ratio, low, high);
	else
		html_element(out, "td class=\"t w\"", table_cell(table, row, "ratio"));
	fputs("</tr>\n", out);
}

static void write_rows(FILE *out, const struct table *table, bool sums)
{
	fputs("<div class=\"wide\"><table><tr><th class=\"t\">probe</th><th class=\"t\">impl</th><th class=\"t\">mix</th>"
	      "<th class=\"t\">threads</th><th>ratio [interval]</th></tr>\n", out);
	for (size_t row = 0; row < table->rows; row++)
		if ((strcmp(table_cell(table, row, "impl"), "all") == 0) == sums)
			write_row(out, table, row);
	fputs("</table></div>\n", out);
}

bool probes_write(FILE *out, const char *root, const char *folder, char *error)
{
	char kept[PATH_BYTES], made[PATH_BYTES];
	struct table table;
	bool loaded;

	snprintf(kept, sizeof kept, "%.4000s/probes.tsv", folder);
	snprintf(made, sizeof made, "%.4000s/results/probes.tsv", root);
	if (access(kept, F_OK) != 0 && !keep(made, kept, error))
		return false;
	fputs("<h2 id=\"probes\">What the probes cost</h2>\n", out);
	loaded = table_load(&table, kept);
	if (!loaded || table.rows == 0 || !table_cell(&table, 0, "ratio")) {
		fputs("<p>Not measured: <code>make probes</code> had not been run here when this report was first made.</p>\n",
		      out);
		if (loaded)
			table_free(&table);
		return true;
	}
	fputs("<p>Time per operation with a probe, divided by that of a build without it: each a median over rounds, in which all "
	      "programs measured the same point one after the other, with its 95 % interval (from six rounds on; else smallest to "
	      "largest). The programs also differ in where the linker puts their code, which alone moves a point by several "
	      "percent: look at all points together. What costs more than 2 % is not on by default. The probes:</p>\n"
	      "<ul class=\"facts\">\n", out);
	for (unsigned which = 0; which < PROBES; which++) {
		fprintf(out, "<li><b>%s</b>: ", probes[which].name);
		html_escaped(out, probes[which].what);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
	write_rows(out, &table, true);
	fputs("<details><summary>At each point</summary>", out);
	write_rows(out, &table, false);
	fputs("</details>\n", out);
	table_free(&table);
	return true;
}

/* ---- The subcommand ---------------------------------------------------------------------------------------------- */

enum { IMPL, THREADS, MIX, SECONDS, ROUNDS, OUT, HELP, OPTIONS };

static const struct options_known known[] = {
	[IMPL] = {"--impl", "NAMES", "implementations; default: rwlock,sharded,rcu,ck_hs"},
	[THREADS] = {"--threads", "NUMBERS", "threads; default: 1 and all processors"},
	[MIX] = {"--mix", "MIXES", "percentages get:set:delete; default: 95:4:1,50:45:5"},
	[SECONDS] = {"--seconds", "TIME", "length of a window, 10ms to 1h; default: 0.2s"},
	[ROUNDS] = {"--rounds", "N", "how often each point is measured with each program, 1 to 100; default: 10"},
	[OUT] = {"--out", "FILE", "the table; default: results/probes.tsv, where the report looks for it"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

static bool read_option(struct request *request, int option, const char *text)
{
	const char *name = known[option].name;
	char *error = request->error;

	switch (option) {
	case IMPL:
		return options_names(name, text, options_implementations(), &request->impl, error);
	case THREADS:
		return options_threads(name, text, team_processors(), &request->threads, error);
	case MIX:
		return options_mixes(name, text, &request->mix, error);
	case SECONDS:
		return options_seconds(name, text, 0.01, 3600, &request->window_s, error);
	case ROUNDS:
		return options_number(name, text, 1, ROUNDS_MAX, &request->rounds, error);
	default:
		request->out = text;
		return true;
	}
}

static bool read_options(struct request *request, int argc, char **argv)
{
	struct options_reader reader = {.command = "probes", .known = known, .argc = argc, .argv = argv, .at = 1};
	char threads[32];
	int option;

	snprintf(threads, sizeof threads, team_processors() > 1 ? "1,%u" : "%u", team_processors());
	read_option(request, IMPL, "rwlock,sharded,rcu,ck_hs");
	read_option(request, THREADS, threads);
	read_option(request, MIX, "95:4:1,50:45:5");
	request->window_s = 0.2;
	request->rounds = 10;
	while ((option = options_read(&reader)) != OPTIONS_END) {
		if (option == OPTIONS_ERROR) {
			memcpy(request->error, reader.error, sizeof request->error);
			return false;
		}
		if (!read_option(request, option, reader.value))
			return false;
	}
	return true;
}

/* The programs beside this one, a folder for what they leave, and the environment, looked at once for all. */
static bool prepare(struct request *request)
{
	static char root[PATH_BYTES - 32], out[PATH_BYTES];
	char *own = request->program[AS_IT_IS], path[PATH_BYTES + 32];
	ssize_t length = readlink("/proc/self/exe", own, PATH_BYTES - 64);
	const char *parent = getenv("TMPDIR");
	json_t *environment;
	char *slash;
	int status;

	if (length <= 0 || !plan_root(root, sizeof root))
		return fail(request, "/proc/self/exe", strerror(errno));
	own[length] = '\0';
	slash = strrchr(own, '/');
	for (unsigned which = 0; which < FUTEX; which++) {
		snprintf(request->program[which], PATH_BYTES, "%.*s/without-%s/capacitor", (int)(slash - own), own,
		         probes[which].name);
		if (access(request->program[which], X_OK) != 0)
			return fail(request, request->program[which], "it is not there; make probes builds it");
	}
	if (!request->out) {
		snprintf(out, sizeof out, "%s/results", root);
		if (!results_make_folder(out, request->error, sizeof request->error))
			return false;
		snprintf(out, sizeof out, "%s/results/probes.tsv", root);
		request->out = out;
	}
	snprintf(request->folder, sizeof request->folder, "%.4000s/capacitor-probes-XXXXXX", parent && *parent ? parent : "/tmp");
	if (!mkdtemp(request->folder))
		return fail(request, request->folder, strerror(errno));
	snprintf(path, sizeof path, "%s/environment.json", request->folder);
	environment = environment_json();
	status = json_dump_file(environment, path, 0);
	json_decref(environment);
	return (status == 0 && setenv("CAPACITOR_ENVIRONMENT", path, 1) == 0) || fail(request, path, strerror(errno));
}

static void clean_up(const struct request *request)
{
	static const char *const left[] = {"run.json", "environment.json"};
	char path[PATH_BYTES + 32];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", request->folder, left[i]);
		unlink(path);
	}
	rmdir(request->folder);
}

static bool make_points(struct request *request)
{
	size_t points = request->impl.count * request->mix.count * request->threads.count;

	if (points > POINTS_MAX)
		return fail(request, "these lists", "they make more than 256 points; give shorter ones");
	request->point = calloc(points, sizeof *request->point);
	if (!request->point)
		return fail(request, "the points", strerror(errno));
	for (size_t m = 0; m < request->mix.count; m++)
		for (size_t t = 0; t < request->threads.count; t++)
			for (size_t i = 0; i < request->impl.count; i++)
				request->point[request->points++] = (struct point){
					.implementation = options_implementations()[request->impl.item[i]],
					.mix = request->mix.item[m],
					.threads = (unsigned)request->threads.item[t],
				};
	return true;
}

int probes_command(int argc, char **argv)
{
	static struct request request;
	bool fine;

	if (options_want_help(argc, argv)) {
		puts("usage: capacitor probes [OPTION...]\n\n"
		     "Measures the same points with this program and with others whose library lacks a probe, and tables the\n"
		     "ratios of their times per operation. `make probes` builds those programs and runs this.\n");
		options_print(stdout, known);
		return COMMAND_OK;
	}
	if (!read_options(&request, argc, argv) || !make_points(&request)) {
		fprintf(stderr, "capacitor probes: %s\n", request.error);
		free(request.point);
		return COMMAND_USAGE;
	}
	request.futex_unavailable = futex_unavailable();
	fine = prepare(&request) && measure_all(&request) && write_table(&request);
	if (fine)
		printf("%s\n", request.out);
	else
		fprintf(stderr, "capacitor probes: %s\n", request.error);
	clean_up(&request);
	free(request.point);
	return fine ? COMMAND_OK : COMMAND_FAIL;
}
