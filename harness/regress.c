/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor regress`: the same grid again. Is anything slower than it was, does anything allocate more, or miss more often?
 *
 * A machine drifts by more than what is looked for, so that old numbers are no baseline: where the baseline's commit can be built
 * (regress_programs.c), both builds run interleaved, repetition by repetition and point by point, the order within each pair drawn.
 * The old numbers then only say which points there are. Where it cannot be built, the stored samples have to do, and it says so.
 *
 *   results/regress-<utc>-<commit>/   appears when all is done, or not at all
 *     base.json  new.json             every sample, in Google Benchmark's form
 *     comparison.tsv  comparison.md   as `capacitor compare` prints them
 *     verdict.tsv  verdict.txt        what was judged, and how
 */
#include "harness/program.h"
#include "harness/regress.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "build_info.h"
#include "harness/commands.h"
#include "harness/plan.h"
#include "harness/progress.h"
#include "harness/results.h"
#include "harness/table.h"
#include "harness/team.h"
#include "harness/tidy.h"
#include "harness/workload.h"

/* A run that takes so much longer than expected is stuck. */
#define STUCK_FACTOR 20
#define STUCK_MIN_S  60

/* A run may fail because the machine was taken away from it for longer than its window. */
#define ATTEMPTS 3

/*
 * More allocations per operation than this are more. A call that newly allocates does so each time: the rarest call of the mixes
 * that are measured is one in a hundred operations, half of which is this. What moves without a change (blocks that are waiting for
 * a grace period cannot be used again) was below it at every point; the test must agree, too.
 */
#define ALLOCATIONS_MORE 0.005

enum { BASE_SIDE, NEW_SIDE, SIDES };

struct side {
	char program[REGRESS_PATH_BYTES];
	char environment[REGRESS_PATH_BYTES]; /* a file, once the first run has told */
	json_t *context, *runs;
	json_t *best; /* of the point that is being measured: the run with the least time so far */
};

struct request {
	const char *base;                 /* BASE as it was given; NULL: two programs */
	const char *given_program[SIDES]; /* NULL: built */
	struct regress_sweep sweep;
	bool swept; /* one of the sweep's lists was given */
	bool stored; /* never build the baseline */
	uint64_t repetitions, best_of, seed;
	double threshold, alpha, allocations;
	const char *out;

	char root[REGRESS_PATH_BYTES];
	char folder[REGRESS_PATH_BYTES], target[REGRESS_PATH_BYTES]; /* until all is done, and then */
	struct regress_grid grid;
	struct compare_side kept; /* the stored samples; no points: there are none */
	char *commit;             /* of the baseline, in full; NULL: not known here */
	bool interleaved;         /* both sides run */
	struct side side[SIDES];
	char error[REGRESS_ERROR_BYTES];
};

__attribute__((format(printf, 2, 3))) static bool fail(struct request *request, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(request->error, sizeof request->error, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- Options ------------------------------------------------------------------------------------------------------ */

enum {
	REPETITIONS, BEST_OF, THRESHOLD, ALLOCATIONS, ALPHA, IMPL, THREADS, MIX, KEYS, SECONDS, FILTER, SEED, STORED, BASE_PROGRAM,
		NEW_PROGRAM,
	OUT, HELP, OPTIONS
};

static const struct options_known known[] = {
	[REPETITIONS] = {"--repetitions", "N", "how often each point is measured with each build, 2 to 1000; default: 10"},
	[BEST_OF] = {"--best-of", "N",
		"a sample is the fastest of so many windows, in turn with the other build's, 1 to 100:\n"
		"other load only makes slower, and the fastest had least of it; default: 1"},
	[THRESHOLD] = {"--threshold", "PERCENT", "slower by more than this fails, 0 to 1000; default: 10"},
	[ALLOCATIONS] = {"--allocations", "NUMBER",
		"more allocations per operation than so many more fail, 0 to 1000 (and bytes: that share\n"
		"of an entry); default: 0.005"},
	[ALPHA] = {"--alpha", "NUMBER", "of Mann-Whitney's test after Holm's correction, 0.000001 to 0.5; default: 0.05"},
	[IMPL] = {"--impl", "NAMES", "of the small grid; default: all but null"},
	[THREADS] = {"--threads", "NUMBERS", "of the small grid; default: 1 and all processors"},
	[MIX] = {"--mix", "MIXES", "of the small grid; default: 100:0:0,90:9:1"},
	[KEYS] = {"--keys", "N", "of the small grid; default: 1000"},
	[SECONDS] = {"--seconds", "TIME", "length of a window, 10ms to 1h; default: as stored; 0.1s in the small grid"},
	[FILTER] = {"--filter", "REGEX", "only points whose name (impl=rcu/threads=2/...) it matches, extended syntax"},
	[SEED] = {"--seed", "N", "of keys and operations, and of the order of the points; repetition r uses N + r; default: 1"},
	[STORED] = {"--stored", NULL, "compare with the stored samples, even if the baseline could be built"},
	[BASE_PROGRAM] = {"--base-program", "FILE", "the baseline's program, given directly: nothing is built. Then BASE only "
	                  "gives the\n"
		"grid, or is left out: the small grid"},
	[NEW_PROGRAM] = {"--new-program", "FILE", "what is judged; default: this program"},
	[OUT] = {"--out", "FOLDER", "where the results go, all or none; default: results/regress-<utc>-<commit>"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

static void print_help(void)
{
	puts("usage: capacitor regress [OPTION...] BASE\n"
	     "       capacitor regress [OPTION...] --base-program FILE [BASE]\n"
	     "\n"
	     "BASE is a folder of `capacitor experiment`, JSON of `capacitor bench --out`, or a name of a commit. Its points are\n"
	     "measured again; those of a commit are a small grid. If its commit is in this repository and was built without\n"
	     "changes, it is built again (a git worktree, kept in build/baseline/), and both builds run in turn; else the stored\n"
	     "samples are compared with, and drift of the machine counts.\n");
	options_print(stdout, known);
	puts("\nIt fails when a point is slower by more than the threshold with p below alpha, allocates more per operation, or\n"
	     "when an operation has more coherence misses than in the commit's coherence/baseline.tsv.\n"
	     "verdict.tsv has the columns what (speed, allocations, coherence), point, metric, base, new, change_percent,\n"
	     "low_percent, high_percent, p_holm, limit, verdict. `undecided`: too noisy to rule out more than the threshold.\n"
	     "\n"
	     "Exit status: 0 nothing got worse; 1 something did, or a run failed; 2 when an argument was wrong.");
}

static bool read_real(const char *name, const char *text, double min, double max, double *real, char *error)
{
	struct options_reals reals;

	if (!options_reals(name, text, min, max, &reals, error))
		return false;
	*real = reals.item[0];
	if (reals.count > 1)
		snprintf(error, OPTIONS_ERROR_BYTES, "%s: '%.60s' is a list; it is one number", name, text);
	return reals.count == 1;
}

static bool read_option(struct request *request, int option, const char *text)
{
	const char *name = known[option].name;
	char *error = request->error;

	request->swept = request->swept || option == IMPL || option == THREADS || option == MIX || option == KEYS;
	switch (option) {
	case REPETITIONS:
		return options_number(name, text, 2, 1000, &request->repetitions, error);
	case BEST_OF:
		return options_number(name, text, 1, 100, &request->best_of, error);
	case THRESHOLD:
		return read_real(name, text, 0, 1000, &request->threshold, error);
	case ALLOCATIONS:
		return read_real(name, text, 0, 1000, &request->allocations, error);
	case ALPHA:
		return read_real(name, text, 1e-6, 0.5, &request->alpha, error);
	case IMPL:
		return options_names(name, text, options_implementations(), &request->sweep.impl, error);
	case THREADS:
		return options_threads(name, text, team_processors(), &request->sweep.threads, error);
	case MIX:
		return options_mixes(name, text, &request->sweep.mix, error);
	case KEYS:
		return options_number(name, text, 1, WORKLOAD_KEYS_MAX, &request->sweep.keys, error);
	case SECONDS:
		return options_seconds(name, text, 0.01, 3600, &request->sweep.window_s, error);
	case SEED:
		return options_number(name, text, 0, UINT64_C(1) << 52, &request->seed, error);
	case FILTER:
		request->sweep.filter = text;
		return true;
	case STORED:
		request->stored = true;
		return true;
	case BASE_PROGRAM:
	case NEW_PROGRAM:
		request->given_program[option == NEW_PROGRAM ? NEW_SIDE : BASE_SIDE] = text;
		return access(text, X_OK) == 0 || fail(request, "%s: '%.300s': %s", name, text, strerror(errno));
	default:
		request->out = text;
		return true;
	}
}

static bool read_options(struct request *request, int argc, char **argv)
{
	struct options_reader reader = {.command = "regress", .known = known, .argc = argc, .argv = argv, .at = 1};

	while (reader.at < argc) {
		int option;

		if (argv[reader.at][0] != '-') {
			if (request->base)
				return fail(request, "'%.100s' is a second BASE; there is one", argv[reader.at]);
			request->base = argv[reader.at++];
			continue;
		}
		option = options_read(&reader);
		if (option == OPTIONS_ERROR)
			return fail(request, "%s", reader.error);
		if (!read_option(request, option, reader.value))
			return false;
	}
	if (!request->base && !request->given_program[BASE_SIDE])
		return fail(request, "no BASE is named: a folder of `capacitor experiment`, JSON of `capacitor bench`, or a "
		            "commit");
	if (request->stored && request->given_program[BASE_SIDE])
		return fail(request, "--stored and --base-program: which of them?");
	return true;
}

/* ---- The baseline ------------------------------------------------------------------------------------------------- */

/* Lists of the small grid that were not given. */
static bool fill_in_sweep(struct request *request)
{
	char threads[32];

	if (request->sweep.impl.count == 0) {
		const char *const *names = options_implementations();

		for (size_t i = 0; names[i]; i++) /* null keeps nothing: it is what the harness costs */
			if (strcmp(names[i], "null") != 0)
				request->sweep.impl.item[request->sweep.impl.count++] = i;
	}
	snprintf(threads, sizeof threads, team_processors() > 1 ? "1,%u" : "%u", team_processors());
	return (request->sweep.threads.count > 0 || read_option(request, THREADS, threads)) &&
	       (request->sweep.mix.count > 0 || read_option(request, MIX, "100:0:0,90:9:1"));
}

/* The same point of two experiments of a run would be one: that of the first counts. */
static void drop_known(const struct compare_side *kept, json_t *document)
{
	json_t *runs = json_object_get(document, "benchmarks");

	for (size_t i = json_array_size(runs); i > 0; i--) {
		const char *name = json_string_value(json_object_get(json_array_get(runs, i - 1), "name"));

		for (size_t k = 0; name && k < kept->points; k++) {
			bool same = true;

			for (size_t parameter = 1; parameter < COMPARE_PARAMETERS && same; parameter++) {
				char value[256];

				if (!tidy_parameter(name, compare_parameters[parameter], value, sizeof value))
					strcpy(value, "-");
				same = strcmp(value, kept->point[k].cell[parameter]) == 0;
			}
			if (same) {
				json_array_remove(runs, i - 1);
				break;
			}
		}
	}
}

static bool take_document(struct request *request, const char *path, bool must)
{
	json_error_t why;
	json_t *document = json_load_file(path, 0, &why);
	bool fine = true;

	if (!document && must)
		return fail(request, "%.300s: line %d: %.150s", path, why.line, why.text);
	if (must || json_is_array(json_object_get(document, "benchmarks"))) {
		drop_known(&request->kept, document);
		fine = compare_load_document(&request->kept, path, document, request->error) &&
		       regress_grid_document(&request->grid, document, &request->sweep, request->error);
	}
	json_decref(document);
	return fine;
}

static int is_json(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

static bool take_folder(struct request *request, const char *path)
{
	char file[REGRESS_PATH_BYTES];
	struct dirent **entries;
	bool fine = true;
	int count;

	snprintf(file, sizeof file, "%.4000s/plan.json", path);
	if (access(file, F_OK) != 0)
		return fail(request, "%.400s: is no run of `capacitor experiment`: it has no plan.json", path);
	count = scandir(path, &entries, is_json, alphasort);
	if (count < 0)
		return fail(request, "%.300s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		snprintf(file, sizeof file, "%.3800s/%.255s", path, entries[i]->d_name);
		free(entries[i]);
		fine = fine && take_document(request, file, false);
	}
	free(entries);
	return fine;
}

/* The stored run or the commit that BASE is, and the grid. */
static bool take_base(struct request *request)
{
	struct stat status;
	bool is_path = request->base && stat(request->base, &status) == 0, fine;

	if (is_path) {
		if (request->swept)
			return fail(request, "--impl, --threads, --mix and --keys are of the small grid; a stored run is cut with "
			            "--filter");
		fine = S_ISDIR(status.st_mode) ? take_folder(request, request->base) : take_document(request, request->base, true);
		snprintf(request->kept.path, sizeof request->kept.path, "%s", request->base);
	} else {
		if (request->base && !(request->commit = regress_commit(request->root, request->base)))
			return fail(request, "'%.200s' is no file, no folder, and no commit of %.200s", request->base,
			            request->root);
		if (request->sweep.window_s <= 0)
			request->sweep.window_s = 0.1;
		fine = fill_in_sweep(request) && regress_grid_sweep(&request->grid, &request->sweep, request->error);
	}
	if (!fine)
		return false;
	if (request->grid.foreign > 0)
		fprintf(stderr, "capacitor regress: runs of traces are left out: %zu\n", request->grid.foreign);
	if (request->grid.points == 0)
		return fail(request, "%s: no point is left%s", request->base ? request->base : "the small grid",
		            request->sweep.filter ? " by --filter" : ": it holds nothing that `capacitor bench` measured");
	return true;
}

static const char *environment_text(const struct compare_side *side, const char *key)
{
	const char *text = json_string_value(json_object_get(side->environment, key));

	return text ? text : "unknown";
}

/* Stored samples are all there is: why, for everybody to see. */
static bool only_stored(struct request *request, const char *why)
{
	if (request->kept.points == 0)
		return fail(request, "%s", why);
	if (request->sweep.window_s > 0)
		return fail(request, "--seconds wants a baseline that runs again, and %.400s: windows of other lengths do not "
		                     "compare", why);
	if (request->best_of > 1) /* the fastest of several against single ones would always be faster */
		return fail(request, "--best-of wants a baseline that runs again, and %.400s", why);
	fprintf(stderr, "capacitor regress: THE BASELINE DOES NOT RUN AGAIN: %s.\n"
	        "capacitor regress: Its stored samples are compared with; what the machine did since then counts, too.\n", why);
	return true;
}

/* The baseline's program: given, built, or none. */
static bool prepare_base(struct request *request)
{
	const char *commit = environment_text(&request->kept, "git_commit"), *dirty = environment_text(&request->kept, "git_dirty");
	char why[REGRESS_ERROR_BYTES];

	if (request->given_program[BASE_SIDE]) {
		request->interleaved = true;
		return realpath(request->given_program[BASE_SIDE], request->side[BASE_SIDE].program) != NULL ||
		       fail(request, "%.300s: %s", request->given_program[BASE_SIDE], strerror(errno));
	}
	if (request->stored)
		return only_stored(request, request->kept.points > 0 ? "--stored was given"
		                   : "--stored wants a stored run as BASE");
	if (request->kept.points > 0) {
		if (strcmp(dirty, "no") != 0) {
			snprintf(why, sizeof why, "it was built from changed sources, which commit %.40s does not name", commit);
			return only_stored(request, why);
		}
		request->commit = regress_commit(request->root, commit);
		if (!request->commit) {
			snprintf(why, sizeof why, "its commit %.40s is not in this repository", commit);
			return only_stored(request, why);
		}
	}
	if (!regress_build(request->root, request->commit, request->side[BASE_SIDE].program, why))
		return only_stored(request, why);
	request->interleaved = true;
	if (request->kept.points > 0)
		fprintf(stderr, "capacitor regress: the baseline's commit %.12s is built and runs in turn with this one; of %s, "
		        "only the\n"
		        "capacitor regress: grid is used\n", request->commit, request->base);
	return true;
}

static bool prepare_new(struct request *request)
{
	const char *program = request->given_program[NEW_SIDE] ? request->given_program[NEW_SIDE] : "/proc/self/exe";

	return realpath(program, request->side[NEW_SIDE].program) != NULL || fail(request, "%.300s: %s", program, strerror(errno));
}

/* Can so many samples tell anything about so many points? Else minutes would be measured for nothing. */
static bool enough_samples(struct request *request)
{
	struct table table = {0};
	char *text = NULL, *answer;
	size_t bytes;
	double p = 1;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return fail(request, "no memory");
	fputs("id\tgroup\tmetric\tless\tmore\tbase\tnew\n", out);
	for (size_t i = 0; i < request->grid.points; i++)
		for (unsigned side = 0; side < SIDES; side++)
			for (unsigned k = 0; k < request->repetitions; k++)
				if (side == 0 && k == 0)
					fprintf(out, "%zu\tall\tns_per_op\tfaster\tslower\t%u", i, k + 1);
				else
					fprintf(out, "%s%u%s", k ? "," : "\t", k + 1 + side * 1000,
					        side == 1 && k + 1 == request->repetitions ? "\n" : "");
	fclose(out);
	answer = compare_statistics(text, bytes, request->alpha, request->error);
	free(text);
	if (!answer || !table_parse(&table, answer))
		return false;
	for (size_t row = 0; row < table.rows; row++)
		if (strcmp(table_cell(&table, row, "kind"), "family") == 0)
			table_number(&table, row, "p_holm", &p);
	table_free(&table);
	return p < request->alpha ||
	       fail(request, "%u repetitions of %zu points cannot show anything: after the correction p is at least %.2g; more "
	            "--repetitions, or fewer points (--filter)", (unsigned)request->repetitions, request->grid.points, p);
}

/* ---- Running ------------------------------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

/* A hidden folder beside the one that the results will be. */
static bool make_folder(struct request *request)
{
	char parent[REGRESS_PATH_BYTES], *slash;
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	if (request->out)
		snprintf(request->target, sizeof request->target, "%.4000s", request->out);
	else
		snprintf(request->target, sizeof request->target, "%.3900s/results/regress-%04d%02d%02dT%02d%02d%02dZ-%s%s",
		         request->root,
		         utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, BUILD_COMMIT,
		         strcmp(BUILD_DIRTY, "yes") == 0 ? "-dirty" : "");
	while (strlen(request->target) > 1 && request->target[strlen(request->target) - 1] == '/')
		request->target[strlen(request->target) - 1] = '\0';
	if (access(request->target, F_OK) == 0)
		return fail(request, "%.400s: is there already; results are not written over others", request->target);
	snprintf(parent, sizeof parent, "%s", request->target);
	slash = strrchr(parent, '/');
	if (slash)
		*(slash == parent ? slash + 1 : slash) = '\0';
	else
		strcpy(parent, ".");
	if (!results_make_folder(parent, request->error, sizeof request->error))
		return false;
	snprintf(request->folder, sizeof request->folder, "%.4000s/.regress-XXXXXX", parent);
	if (!mkdtemp(request->folder)) {
		fail(request, "%.400s: %s", request->folder, strerror(errno));
		request->folder[0] = '\0';
		return false;
	}
	return chmod(request->folder, 0755) == 0;
}

static void remove_folder(struct request *request)
{
	if (request->folder[0])
		nftw(request->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* From now on, a side need not look at the machine again: its environment is that of its first run. */
static bool keep_environment(struct request *request, struct side *side, const json_t *context, unsigned which)
{
	json_t *environment = json_object(), *value;
	const char *key;
	char *text;
	bool fine;

	side->context = json_object();
	json_object_foreach((json_t *)(uintptr_t)context, key, value) {
		if (strncmp(key, "unavailable:", strlen("unavailable:")) == 0)
			continue;
		json_object_set(side->context, key, value);
		if (json_is_string(value))
			json_object_set(environment, key, value);
	}
	snprintf(side->environment, sizeof side->environment, "%.4000s/environment.%u.json", request->folder, which);
	text = json_dumps(environment, JSON_INDENT(1));
	fine = text && results_write_file(side->environment, text, strlen(text), request->error, sizeof request->error);
	free(text);
	json_decref(environment);
	return fine;
}

/* A run takes along why its metrics are unavailable, which the context has for one document alone. */
static void keep_reasons(json_t *run, const json_t *context)
{
	const char *name = json_string_value(json_object_get(run, "name")), *key;
	json_t *reasons = json_object(), *reason;
	char impl[128] = "-", prefix[160];
	size_t length;

	if (name)
		tidy_parameter(name, "impl", impl, sizeof impl);
	length = (size_t)snprintf(prefix, sizeof prefix, "unavailable:%s:", impl);
	json_object_foreach((json_t *)(uintptr_t)context, key, reason)
		if (strncmp(key, prefix, length) == 0)
			json_object_set(reasons, key + length, reason);
	json_object_set_new(run, "unavailable", reasons);
}

/* Keeps the run of a file, if it is the fastest until now. */
static bool keep_best(struct request *request, unsigned which, const char *path, unsigned repetition)
{
	struct side *side = &request->side[which];
	json_t *document = json_load_file(path, 0, NULL), *run;
	const json_t *context = json_object_get(document, "context");
	size_t index, kept = 0;
	bool fine = json_is_object(context) && (side->context || keep_environment(request, side, context, which));

	json_array_foreach(json_object_get(document, "benchmarks"), index, run) {
		const char *type = json_string_value(json_object_get(run, "run_type"));

		if (!fine || !type || strcmp(type, "iteration") != 0 || json_is_true(json_object_get(run, "error_occurred")))
			continue;
		kept++;
		if (side->best && json_number_value(json_object_get(side->best, "ns_per_op")) <=
		                          json_number_value(json_object_get(run, "ns_per_op")))
			continue;
		json_object_set_new(run, "repetition_index", json_integer(repetition));
		keep_reasons(run, context);
		json_decref(side->best);
		side->best = json_incref(run);
	}
	json_decref(document);
	return kept == 1;
}

/* Runs a program on a point. False: a line in error. */
static bool attempt(struct request *request, const struct regress_point *point, unsigned which, unsigned repetition)
{
	const struct side *side = &request->side[which];
	double limit_s = point->expected_s * STUCK_FACTOR > STUCK_MIN_S ? point->expected_s * STUCK_FACTOR : STUCK_MIN_S;
	char out[REGRESS_PATH_BYTES], log[REGRESS_PATH_BYTES], seed[32], words[200];
	const char *argv[64] = {side->program, "bench"};
	size_t count = 2;
	int status;

	for (size_t i = 0; i < json_array_size(point->arguments) && count < 50; i++)
		argv[count++] = json_string_value(json_array_get(point->arguments, i));
	snprintf(out, sizeof out, "%.4000s/run.json", request->folder);
	snprintf(log, sizeof log, "%.4000s/run.log", request->folder);
	snprintf(seed, sizeof seed, "%llu", (unsigned long long)request->seed + repetition);
	argv[count++] = "--repetitions";
	argv[count++] = "1";
	argv[count++] = "--seed";
	argv[count++] = seed;
	argv[count++] = "--out";
	argv[count++] = out;
	unlink(out);
	status = regress_program(argv, NULL, log, side->environment[0] ? side->environment : NULL, limit_s);
	if (status == 0 && keep_best(request, which, out, repetition)) {
		unlink(out);
		unlink(log);
		return true;
	}
	program_last_words(log, words, sizeof words);
	if (status < 0)
		snprintf(words, sizeof words, "it took longer than %.0f s", limit_s);
	return fail(request, "%s build: %.150s: status %d: %.120s", which == BASE_SIDE ? "the base" : "the new", point->name,
	            status,
	            status == 0 ? "it left no measurement" : words);
}

/* Measures a point once. What fails is tried again: what can be measured at all, can be at one of these. */
static bool measure(struct request *request, const struct regress_point *point, unsigned which, unsigned repetition)
{
	for (unsigned i = 0; i < ATTEMPTS && !regress_interrupted; i++) {
		if (attempt(request, point, which, repetition))
			return true;
		if (!regress_interrupted)
			fprintf(stderr, "capacitor regress: %s; tried %s\n", request->error, i + 1 < ATTEMPTS ? "again" : "in "
			                                                                                                  "vain");
	}
	return regress_interrupted ? fail(request, "interrupted; nothing was written") : false;
}

/* One point by both, or by the new one alone. A point that the baseline cannot measure at all is left out: it may be new. */
static bool measure_pair(struct request *request, struct regress_point *point, unsigned repetition, bool base_first)
{
	for (unsigned turn = 0; turn < SIDES * request->best_of && !point->left_out; turn++) {
		unsigned which = (turn % SIDES == 0) == base_first ? BASE_SIDE : NEW_SIDE;

		if (which == BASE_SIDE && !request->interleaved)
			continue;
		if (measure(request, point, which, repetition))
			continue;
		if (which == NEW_SIDE || repetition > 0 || regress_interrupted)
			return false;
		progress_message("capacitor regress: left out: %s", request->error);
		point->left_out = true;
	}
	for (unsigned which = 0; which < SIDES; which++) {
		if (request->side[which].best && !point->left_out)
			json_array_append(request->side[which].runs, request->side[which].best);
		json_decref(request->side[which].best);
		request->side[which].best = NULL;
	}
	return true;
}

static bool measure_all(struct request *request)
{
	struct regress_grid *grid = &request->grid;
	size_t *order = calloc(grid->points, sizeof *order);
	double expected_s = 0;
	bool fine = order != NULL || fail(request, "no memory for the grid");

	for (size_t i = 0; fine && i < grid->points; i++) {
		order[i] = i;
		expected_s += grid->point[i].expected_s * (double)request->best_of * (request->interleaved ? 2 : 1);
	}
	fprintf(stderr, "capacitor regress: points: %zu, each measured %u times by %s, about %.0f s\n", grid->points,
	        (unsigned)request->repetitions, request->interleaved ? "both builds in turn" : "this build",
	        expected_s * (double)request->repetitions);
	progress_begin(grid->points * request->repetitions, expected_s * (double)request->repetitions);
	for (unsigned repetition = 0; fine && repetition < request->repetitions; repetition++) {
		struct workload_random random;

		workload_random_init(&random, request->seed, 1000 + repetition);
		for (size_t i = grid->points; i > 1; i--) { /* Fisher and Yates */
			size_t other = workload_random_below(&random, i), swap = order[i - 1];

			order[i - 1] = order[other];
			order[other] = swap;
		}
		for (size_t i = 0; fine && i < grid->points; i++) {
			struct regress_point *point = &grid->point[order[i]];

			progress_step(point->name);
			/* Repetition 0 begins with the base, so that points which it does not have are known first. */
			fine = measure_pair(request, point, repetition, workload_random_below(&random, 2) == 0 || repetition == 0);
		}
	}
	progress_end();
	free(order);
	return fine;
}

/* ---- Judging ------------------------------------------------------------------------------------------------------- */

struct judgement {
	FILE *table, *text;
	size_t slower, allocating, missing, judged;
	size_t lost; /* points that the base has a figure of, and the new build none */
	size_t undecided; /* points at which more than the threshold cannot be ruled out */
};

static void write_real(FILE *out, double value)
{
	if (isfinite(value))
		fprintf(out, "\t%.9g", value);
	else
		fputs("\t-", out);
}

static void write_verdict(FILE *out, const struct compare_result *result, double limit, const char *verdict)
{
	fprintf(out, "%s\t%s\t%s", result->metric == METRIC_NS_PER_OP ? "speed" : "allocations", result->pair->new->name,
	        metric_info(result->metric)->name);
	if (result->unavailable) {
		fprintf(out, "\t-\t-\t-\t-\t-\t-\t-\t%s\n", result->unavailable);
		return;
	}
	write_real(out, result->median_base);
	write_real(out, result->median_new);
	write_real(out, result->change);
	write_real(out, result->low);
	write_real(out, result->high);
	write_real(out, result->p_holm);
	write_real(out, limit);
	fprintf(out, "\t%s\n", verdict);
}

static void judge_speed(struct judgement *judgement, const struct request *request, const struct compare_result *result)
{
	bool sure = !result->unavailable && result->p_holm < request->alpha;
	bool slower = sure && result->change > request->threshold;

	bool undecided = !sure && !result->unavailable && !(result->high <= request->threshold);

	if (result->unavailable && result->pair->base->samples[METRIC_NS_PER_OP].count > 0 &&
	    result->pair->new->samples[METRIC_NS_PER_OP].count == 0) {
		judgement->lost++;
		fprintf(judgement->text, "LOST  %s: the new build has no time per operation\n", result->pair->name);
	}
	judgement->judged += !result->unavailable;
	judgement->undecided += undecided;
	write_verdict(judgement->table, result, request->threshold, slower ? "slower" : undecided ? "undecided" : !sure ? "~" :
	              result->change > 0 ? "slower within the limit" : "faster");
	if (!slower)
		return;
	judgement->slower++;
	fprintf(judgement->text, "SLOWER  %s: %.4g -> %.4g ns per operation, %+.1f %% [%+.1f, %+.1f], p %.2g\n", result->pair->name,
	        result->median_base, result->median_new, result->change, result->low, result->high, result->p_holm);
}

static void judge_allocations(struct judgement *judgement, const struct request *request, const struct compare_result *result)
{
	const struct compare_samples *entries = &result->pair->base->samples[METRIC_BYTES_PER_ENTRY];
	double limit = request->allocations;
	bool more;

	if (result->metric == METRIC_ALLOCATED_BYTES_PER_OP)
		limit *= entries->count > 0 && entries->value[0] > 1 ? entries->value[0] : 1;
	more = !result->unavailable && result->p_holm < request->alpha && result->difference > limit;
	write_verdict(judgement->table, result, limit, more ? "allocates more" : "~");
	if (!more)
		return;
	judgement->allocating++;
	fprintf(judgement->text, "ALLOCATES MORE  %s: %.4g -> %.4g %s, p %.2g\n", result->pair->name, result->median_base,
	        result->median_new, metric_info(result->metric)->name, result->p_holm);
}

static bool is_worse(const struct judgement *judgement)
{
	return judgement->slower + judgement->allocating + judgement->missing + judgement->lost > 0;
}

static void judge(struct judgement *judgement, const struct request *request, const struct comparison *comparison)
{
	bool comparable;

	fputs("what\tpoint\tmetric\tbase\tnew\tchange_percent\tlow_percent\thigh_percent\tp_holm\tlimit\tverdict\n",
	      judgement->table);
	for (size_t i = 0; i < comparison->results; i++) {
		const struct compare_result *result = &comparison->result[i];

		if (result->kind != COMPARE_POINT)
			continue;
		if (result->metric == METRIC_NS_PER_OP)
			judge_speed(judgement, request, result);
		else
			judge_allocations(judgement, request, result);
	}
	/* The tree's coherence/baseline.tsv says nothing about programs from elsewhere. */
	if (request->commit && !request->given_program[BASE_SIDE] && !request->given_program[NEW_SIDE])
		judgement->missing = regress_coherence(judgement->table, judgement->text, request->root, request->commit,
		                                       &comparable);
	else
		fputs("coherence: unavailable: the baseline's commit is not known, or programs were given\n", judgement->text);
	fprintf(judgement->text, "%s: %zu point%s: %zu slower by more than %g %% (p < %g), %zu allocate more, %zu operations "
	        "miss more often\n",
	        is_worse(judgement) ? "WORSE" : judgement->judged == 0 ? "NOTHING COMPARED" : judgement->undecided > 0
	        ? "no worse, as far as it can be decided" : "no worse", judgement->judged,
	        judgement->judged == 1 ? "" : "s", judgement->slower, request->threshold, request->alpha, judgement->allocating,
	        judgement->missing);
	for (size_t i = 0; i < request->grid.points; i++)
		if (request->grid.point[i].left_out)
			fprintf(judgement->text, "left out, the base cannot measure it: %s\n", request->grid.point[i].name);
	if (judgement->undecided > 0)
		fprintf(judgement->text, "undecided: at %zu of these the interval reaches beyond %g %%: the machine is too noisy "
		        "for "
		        "so few samples (--best-of 3, more --repetitions, longer --seconds, less other load)\n",
			judgement->undecided,
		        request->threshold);
	if (!request->interleaved)
		fputs("The baseline's samples are stored ones: what the machine did since then counts, too.\n", judgement->text);
}

/* ---- What stays ---------------------------------------------------------------------------------------------------- */

static bool write_named(struct request *request, const char *name, const char *text)
{
	char path[REGRESS_PATH_BYTES];

	snprintf(path, sizeof path, "%.4000s/%s", request->folder, name);
	return results_write_file(path, text, strlen(text), request->error, sizeof request->error);
}

static bool write_comparison(struct request *request, const struct comparison *comparison, const char *name,
                             enum compare_format format)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	bool fine;

	if (!out)
		return fail(request, "no memory");
	compare_print(out, comparison, format, false);
	fclose(out);
	fine = write_named(request, name, text);
	free(text);
	return fine;
}

/* All runs of a side as one document; in *read, as samples. */
static bool write_side(struct request *request, unsigned which, const char *name, struct compare_side *read)
{
	struct side *side = &request->side[which];
	json_t *document = side->context ? json_pack("{s:O, s:O}", "context", side->context, "benchmarks", side->runs) : NULL;
	char *text = document ? json_dumps(document, JSON_INDENT(1)) : NULL;
	char path[REGRESS_PATH_BYTES];
	bool fine;

	snprintf(path, sizeof path, "%.4000s/%s", request->target, name);
	fine = (text && write_named(request, name, text)) ||
	       fail(request, side->context ? "no memory for the runs" : "%s measured nothing at any point",
	            which == BASE_SIDE ? "the base's program" : "the new program");
	fine = fine && compare_load_document(read, path, document, request->error);
	free(text);
	json_decref(document);
	return fine;
}

static bool publish(struct request *request)
{
	for (unsigned which = 0; which < SIDES; which++)
		if (request->side[which].environment[0])
			unlink(request->side[which].environment);
	if (rename(request->folder, request->target) != 0)
		return fail(request, "%.400s: %s", request->target, strerror(errno));
	request->folder[0] = '\0';
	return true;
}

/* Writes everything and says it. *worse: is something? */
static bool conclude(struct request *request, const struct comparison *comparison, bool *worse)
{
	struct judgement judgement = {.slower = 0};
	char *table = NULL, *text = NULL;
	size_t table_bytes, text_bytes;
	bool fine;

	judgement.table = open_memstream(&table, &table_bytes);
	judgement.text = open_memstream(&text, &text_bytes);
	if (!judgement.table || !judgement.text)
		return fail(request, "no memory");
	judge(&judgement, request, comparison);
	fclose(judgement.table);
	fclose(judgement.text);
	*worse = is_worse(&judgement) || judgement.judged == 0;
	fine = write_named(request, "verdict.tsv", table) && write_named(request, "verdict.txt", text) &&
	       write_comparison(request, comparison, "comparison.tsv", COMPARE_TSV) &&
	       write_comparison(request, comparison, "comparison.md", COMPARE_MARKDOWN) && publish(request);
	if (fine) {
		struct comparison speed = *comparison;

		speed.request.metrics = 1; /* the others are in the files, and what is wrong with them below */
		compare_print(stdout, &speed, COMPARE_TEXT, compare_colour(stdout));
		printf("\n%s%s\n", text, request->target);
	}
	free(table);
	free(text);
	return fine;
}

static bool compare_sides(struct request *request, bool *worse)
{
	struct compare_request compare = {.metric = {METRIC_NS_PER_OP, METRIC_ALLOCATIONS_PER_OP, METRIC_ALLOCATED_BYTES_PER_OP},
	                                  .metrics = 3, .alpha = request->alpha, .filter = request->sweep.filter};
	struct compare_side read[SIDES] = {{.points = 0}, {.points = 0}};
	const struct compare_side *base = request->interleaved ? &read[BASE_SIDE] : &request->kept;
	struct comparison comparison = {.pairs = 0};
	bool fine = write_side(request, NEW_SIDE, "new.json", &read[NEW_SIDE]);

	if (fine && request->interleaved)
		fine = write_side(request, BASE_SIDE, "base.json", &read[BASE_SIDE]);
	fine = fine && compare_run(&comparison, &compare, base, &read[NEW_SIDE], request->error) &&
	       conclude(request, &comparison, worse);
	compare_done(&comparison);
	compare_free(&read[BASE_SIDE]);
	compare_free(&read[NEW_SIDE]);
	return fine;
}

/* ---- The command ---------------------------------------------------------------------------------------------------- */

static void clean_up(struct request *request)
{
	remove_folder(request);
	regress_grid_free(&request->grid);
	compare_free(&request->kept);
	for (unsigned which = 0; which < SIDES; which++) {
		json_decref(request->side[which].context);
		json_decref(request->side[which].runs);
		json_decref(request->side[which].best);
	}
	free(request->commit);
}

static int run(struct request *request)
{
	bool worse = false, fine = false;
	int status = COMMAND_USAGE;

	if (!take_base(request) || !enough_samples(request))
		goto end;
	status = COMMAND_FAIL;
	request->side[BASE_SIDE].runs = json_array();
	request->side[NEW_SIDE].runs = json_array();
	regress_catch_signals();
	fine = prepare_new(request) && prepare_base(request) && make_folder(request) && measure_all(request) &&
	       compare_sides(request, &worse);
	if (fine)
		status = worse ? COMMAND_FAIL : COMMAND_OK;
end:
	if (!fine)
		fprintf(stderr, "capacitor regress: %s\n", request->error);
	clean_up(request);
	return status;
}

int regress_command(int argc, char **argv)
{
	static struct request request;

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	memset(&request, 0, sizeof request);
	request.repetitions = 10;
	request.best_of = 1;
	request.seed = 1;
	request.threshold = 10;
	request.alpha = 0.05;
	request.allocations = ALLOCATIONS_MORE;
	request.sweep.keys = 1000;
	if (!plan_root(request.root, sizeof request.root))
		fail(&request, "/proc/self/exe: %s", strerror(errno));
	else if (read_options(&request, argc, argv))
		return run(&request);
	fprintf(stderr, "capacitor regress: %s\n", request.error);
	return COMMAND_USAGE;
}
