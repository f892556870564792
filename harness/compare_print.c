/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A comparison for people, for tables, and for benchstat; see compare.h.
 *
 * Go's benchmark text format: golang.org/design/14313-benchmark-format. Configuration lines `key: value`, whose keys begin with a
 * lower-case letter and have neither space nor capital; lines `BenchmarkName iterations value unit value unit ...`. Names carry
 * their parameters as /key=value, and end in - and the number of processors.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/compare.h"

#define CELL_BYTES    96
#define DIFFERENT_MAX 24 /* items of the environment that are told */

const char *const compare_formats[] = {"text", "tsv", "markdown", "benchfmt", NULL};

bool compare_colour(FILE *stream)
{
	const char *unwanted = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(fileno(stream)) && !(unwanted && *unwanted) && !(terminal && strcmp(terminal, "dumb") == 0);
}

/* ---- Cells ------------------------------------------------------------------------------------------------------- */

enum column { NAME, SAMPLES, BASE, NEW, CHANGE, INTERVAL, P, EFFECT, VERDICT, COLUMNS };
static const char *const headings[COLUMNS] = {"point", "n", "base", "new", "change", "interval", "p", "effect", "verdict"};

struct row {
	char cell[COLUMNS][COMPARE_NAME_BYTES];
	const struct compare_result *result;
};

static void show_number(char cell[COMPARE_NAME_BYTES], double value)
{
	if (isfinite(value))
		snprintf(cell, COMPARE_NAME_BYTES, fabs(value) >= 1e4 && fabs(value) < 1e15 ? "%.0f" : "%.4g", value);
	else
		strcpy(cell, "-");
}

static void show_percent(char cell[COMPARE_NAME_BYTES], double value)
{
	if (isfinite(value))
		snprintf(cell, COMPARE_NAME_BYTES, fabs(value) < 1e4 ? "%+.1f %%" : "%+.2g %%", value);
	else
		strcpy(cell, "-");
}

/* An interval that holds less than it should says so. */
static void show_interval(char cell[COMPARE_NAME_BYTES], const struct compare_result *result, double level)
{
	if (!isfinite(result->low)) {
		strcpy(cell, "-");
		return;
	}
	snprintf(cell, COMPARE_NAME_BYTES, fabs(result->high) < 1e4 ? "[%+.1f, %+.1f]" : "[%+.2g, %+.2g]", result->low,
	         result->high);
	if (result->coverage < level - 1e-9)
		snprintf(cell + strlen(cell), COMPARE_NAME_BYTES - strlen(cell), " (%.0f %%)", 100 * result->coverage);
}

static void fill_row(struct row *row, const struct comparison *comparison, const struct compare_result *result)
{
	memset(row, 0, sizeof *row);
	row->result = result;
	if (result->kind == COMPARE_MEAN) {
		snprintf(row->cell[NAME], COMPARE_NAME_BYTES, "geometric mean: %s, %zu point%s", result->group, result->points,
		         result->points == 1 ? "" : "s");
		show_percent(row->cell[CHANGE], result->change);
		return;
	}
	snprintf(row->cell[NAME], COMPARE_NAME_BYTES, "%s", result->pair->name);
	if (result->unavailable) {
		strcpy(row->cell[VERDICT], "~");
		return;
	}
	snprintf(row->cell[SAMPLES], COMPARE_NAME_BYTES, result->n_base == result->n_new ? "%zu" : "%zu, %zu", result->n_base,
	         result->n_new);
	show_number(row->cell[BASE], result->median_base);
	show_number(row->cell[NEW], result->median_new);
	show_percent(row->cell[CHANGE], result->change);
	show_interval(row->cell[INTERVAL], result, 1 - comparison->request.alpha);
	snprintf(row->cell[P], COMPARE_NAME_BYTES, result->p_holm < 0.001 ? "%.0e" : "%.3f", result->p_holm);
	snprintf(row->cell[EFFECT], COMPARE_NAME_BYTES, "%+.2f", result->effect);
	snprintf(row->cell[VERDICT], COMPARE_NAME_BYTES, "%s", result->verdict);
}

/* The rows of a metric: points, then means. */
static struct row *rows_of(const struct comparison *comparison, enum metric metric, size_t *count)
{
	struct row *row = calloc(comparison->results + 1, sizeof *row);

	*count = 0;
	for (unsigned pass = 0; row && pass < 2; pass++)
		for (size_t i = 0; i < comparison->results; i++) {
			const struct compare_result *result = &comparison->result[i];

			if (result->metric == metric && result->kind == (pass == 0 ? COMPARE_POINT : COMPARE_MEAN))
				fill_row(&row[(*count)++], comparison, result);
		}
	return row;
}

static const char *better_text(enum metric metric)
{
	static const char *const text[] = {"neither way is better", "lower is better", "higher is better"};

	return text[metric_better(metric)];
}

/* ---- Text -------------------------------------------------------------------------------------------------------- */

static const char *colour_of(const struct row *row)
{
	const char *verdict = row->cell[VERDICT];

	if (strcmp(verdict, "faster") == 0 || strcmp(verdict, "better") == 0)
		return "\033[32m";
	if (strcmp(verdict, "slower") == 0 || strcmp(verdict, "worse") == 0)
		return "\033[31m";
	return row->result && row->result->kind == COMPARE_MEAN ? "\033[1m" : "";
}

static void print_line(FILE *out, const struct row *row, const int width[COLUMNS], const char *begin)
{
	size_t last = COLUMNS;

	while (last > 1 && !row->cell[last - 1][0])
		last--;
	fputs(begin, out);
	for (size_t column = 0; column < last; column++) {
		bool left = column == NAME || column == VERDICT;

		if (column == VERDICT || (column == NAME && last == 1)) /* nothing behind it */
			fputs(row->cell[column], out);
		else
			fprintf(out, left ? "%-*s" : "%*s", width[column], row->cell[column]);
		fputs(column + 1 < last ? "  " : "", out);
	}
	fputs(*begin ? "\033[0m\n" : "\n", out);
}

static void print_text_table(FILE *out, const struct row *row, size_t rows, bool colour)
{
	struct row heading = {.result = NULL};
	int width[COLUMNS];

	for (size_t column = 0; column < COLUMNS; column++) {
		strcpy(heading.cell[column], headings[column]);
		width[column] = (int)strlen(headings[column]);
		for (size_t i = 0; i < rows; i++)
			if ((int)strlen(row[i].cell[column]) > width[column])
				width[column] = (int)strlen(row[i].cell[column]);
	}
	print_line(out, &heading, width, "");
	for (size_t i = 0; i < rows; i++) {
		print_line(out, &row[i], width, colour ? colour_of(&row[i]) : "");
		if (row[i].result->kind == COMPARE_POINT && row[i].result->unavailable)
			fprintf(out, "    %s\n", row[i].result->unavailable);
	}
}

static const char *environment_text(const struct compare_side *side, const char *key)
{
	const char *text = json_string_value(json_object_get(side->environment, key));

	return text ? text : "unknown";
}

static void print_side(FILE *out, const char *name, const struct compare_side *side)
{
	bool dirty = strcmp(environment_text(side, "git_dirty"), "yes") == 0;

	fprintf(out, "%-5s %s  commit %s%s  %s\n", name, side->path, environment_text(side, "git_commit"),
	        dirty ? " with changes" : "", environment_text(side, "time_utc"));
}

/* What all pairs have in common. */
static void print_common(FILE *out, const struct comparison *comparison)
{
	const struct compare_point *point = comparison->pair[0].base;

	fputs("all  ", out);
	for (size_t i = 0; i < COMPARE_PARAMETERS; i++)
		if (!comparison->varies[i] && strcmp(point->cell[i], "-") != 0 &&
		    !(comparison->request.by && strcmp(comparison->request.by, compare_parameters[i]) == 0))
			fprintf(out, " %s=%s", compare_parameters[i], point->cell[i]);
	fputc('\n', out);
}

static void print_head(FILE *out, const struct comparison *comparison)
{
	if (comparison->request.by) {
		print_side(out, "run", comparison->base);
	} else {
		print_side(out, "base", comparison->base);
		print_side(out, "new", comparison->new);
	}
	print_common(out, comparison);
}

static void print_how(FILE *out, const struct comparison *comparison)
{
	fprintf(out, "base, new: medians. change: Hodges-Lehmann estimate of new/base, with its %g %% interval. p: Mann-Whitney,\n"
	        "Holm's correction over the points of a metric. effect: Cliff's delta. ~: nothing can be said at %g.\n",
	        100 * (1 - comparison->request.alpha), comparison->request.alpha);
}

static void print_text(FILE *out, const struct comparison *comparison, bool colour)
{
	print_head(out, comparison);
	for (size_t m = 0; m < comparison->request.metrics; m++) {
		enum metric metric = comparison->request.metric[m];
		size_t rows;
		struct row *row = rows_of(comparison, metric, &rows);

		fprintf(out, "\n%s%s%s (%s; %s)\n", colour ? "\033[1m" : "", metric_info(metric)->name, colour ? "\033[0m" : "",
		        metric_info(metric)->unit, better_text(metric));
		if (row)
			print_text_table(out, row, rows, colour);
		free(row);
	}
	fputc('\n', out);
	print_how(out, comparison);
	compare_warnings(out, comparison, "");
}

/* ---- Markdown ------------------------------------------------------------------------------------------------------ */

static void print_markdown_cell(FILE *out, const char *text)
{
	fputs(" ", out);
	for (; *text; text++) {
		if (*text == '|' || *text == '~')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputs(" |", out);
}

static void print_markdown(FILE *out, const struct comparison *comparison)
{
	fputs("```\n", out);
	print_head(out, comparison);
	fputs("```\n", out);
	for (size_t m = 0; m < comparison->request.metrics; m++) {
		enum metric metric = comparison->request.metric[m];
		size_t rows;
		struct row *row = rows_of(comparison, metric, &rows);

		fprintf(out, "\n**%s** (%s; %s)\n\n|", metric_info(metric)->name, metric_info(metric)->unit, better_text(metric));
		for (size_t column = 0; column < COLUMNS; column++)
			print_markdown_cell(out, headings[column]);
		fputs("\n|", out);
		for (size_t column = 0; column < COLUMNS; column++)
			fputs(column == NAME || column == VERDICT ? " :-- |" : " --: |", out);
		fputc('\n', out);
		for (size_t i = 0; row && i < rows; i++) {
			fputc('|', out);
			for (size_t column = 0; column < COLUMNS; column++)
				print_markdown_cell(out, column == BASE && row[i].result->kind == COMPARE_POINT &&
				                    row[i].result->unavailable
				                                 ? row[i].result->unavailable : row[i].cell[column]);
			fputc('\n', out);
		}
		free(row);
	}
	fputc('\n', out);
	print_how(out, comparison);
	fputc('\n', out);
	compare_warnings(out, comparison, "- ");
}

/* ---- TSV ----------------------------------------------------------------------------------------------------------- */

static const char tsv_columns[] =
	"points\tn_base\tn_new\tmedian_base\tmedian_new\tchange_percent\tlow_percent\thigh_percent\tcoverage"
				  "\tdifference\tdifference_low\tdifference_high\tp\tp_holm\teffect\tverdict\n";

static void print_real(FILE *out, double value)
{
	if (isfinite(value))
		fprintf(out, "\t%.9g", value);
	else
		fputs("\t-", out);
}

static void print_parameters(FILE *out, const struct compare_point *point)
{
	for (size_t i = 0; i < COMPARE_PARAMETERS; i++)
		fprintf(out, "\t%s", point ? point->cell[i] : "-");
}

static void print_tsv_result(FILE *out, const struct comparison *comparison, const struct compare_result *result)
{
	static const char *const kinds[] = {"point", "mean", "family"};
	const double values[] = {result->median_base, result->median_new, result->change, result->low, result->high,
	                         result->coverage,
	                         result->difference, result->difference_low, result->difference_high, result->p, result->p_holm,
	                         result->effect};

	fprintf(out, "%s\t%s\t%s\t%s", kinds[result->kind], metric_info(result->metric)->name, metric_info(result->metric)->unit,
	        result->kind == COMPARE_POINT ? result->pair->group : result->group);
	fprintf(out, "\t%s", comparison->request.by ? comparison->request.by : "-");
	print_parameters(out, result->kind == COMPARE_POINT ? result->pair->base : NULL);
	if (result->unavailable) {
		fprintf(out, "\t1\t%zu\t%zu\t%s", result->pair->base->samples[result->metric].count,
		        result->pair->new->samples[result->metric].count, result->unavailable);
		for (size_t i = 1; i < sizeof values / sizeof values[0]; i++)
			fputs("\t-", out);
		fputs("\t~\n", out);
		return;
	}
	fprintf(out, "\t%zu\t%zu\t%zu", result->points, result->n_base, result->n_new);
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		print_real(out, values[i]);
	fprintf(out, "\t%s\n", result->verdict);
}

static void print_tsv(FILE *out, const struct comparison *comparison)
{
	fputs("kind\tmetric\tunit\tgroup\tby", out);
	for (size_t i = 0; i < COMPARE_PARAMETERS; i++)
		fprintf(out, "\t%s", compare_parameters[i]);
	fprintf(out, "\t%s", tsv_columns);
	for (size_t i = 0; i < comparison->results; i++)
		print_tsv_result(out, comparison, &comparison->result[i]);
	for (size_t i = 0; i < comparison->lones; i++) {
		fprintf(out, "%s\t-\t-\t-\t%s", comparison->lone[i].in_base ? "only_base" : "only_new",
		        comparison->request.by ? comparison->request.by : "-");
		print_parameters(out, comparison->lone[i].point);
		for (const char *at = tsv_columns; *at; at++)
			if (*at == '\t' || *at == '\n')
				fputs("\t-", out);
		fputc('\n', out);
	}
}

/* ---- Go's benchmark text format -------------------------------------------------------------------------------------- */

/* As Go's own tools call them; others keep their names, which have no spaces. */
static void print_unit(FILE *out, enum metric metric)
{
	static const struct {
		enum metric metric;
		const char *unit;
	} known[] = {
		{METRIC_NS_PER_OP, "ns/op"},        {METRIC_ALLOCATIONS_PER_OP, "allocs/op"},
		{METRIC_OPS_PER_S, "ops/s"},        {METRIC_ALLOCATED_BYTES_PER_OP, "B/op"},
		{METRIC_BYTES_PER_S, "B/s"},        {METRIC_LATENCY_P50_NS, "p50-ns"},
		{METRIC_LATENCY_P90_NS, "p90-ns"},  {METRIC_LATENCY_P99_NS, "p99-ns"},
		{METRIC_LATENCY_P999_NS, "p999-ns"},
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].metric == metric) {
			fputs(known[i].unit, out);
			return;
		}
	for (const char *at = metric_info(metric)->name; *at; at++)
		fputc(*at == '_' ? '-' : *at, out);
}

static bool is_key(const char *key)
{
	if (!islower((unsigned char)*key))
		return false;
	for (; *key; key++)
		if (isspace((unsigned char)*key) || isupper((unsigned char)*key) || *key == ':')
			return false;
	return true;
}

static void print_configuration(FILE *out, const struct compare_side *side, const char *name)
{
	const char *key;
	json_t *value;

	json_object_foreach(side->environment, key, value)
		if (is_key(key) && json_is_string(value) && !strpbrk(json_string_value(value), "\r\n"))
			fprintf(out, "%s:%s%s\n", key, *json_string_value(value) ? " " : "", json_string_value(value));
	fprintf(out, "cpu: %s\n", environment_text(side, "cpu_model"));
	if (name)
		fprintf(out, "side: %s\n", name);
}

/* A byte that would end the name, or begin another of its parts. */
static void print_name(FILE *out, const struct compare_point *point, const char *processors)
{
	fputs("BenchmarkCache/", out);
	for (const char *at = point->name; *at; at++)
		fputc((unsigned char)*at <= ' ' || *at == 0x7f ? '_' : *at, out);
	fprintf(out, "-%s", processors);
}

static void print_repetition(FILE *out, const struct compare_point *point, size_t repetition,
                             const struct compare_request *request, const char *processors)
{
	const double *measured = &point->metrics[METRICS * repetition];
	double operations = measured[METRIC_OPERATIONS];
	bool any = false;

	for (size_t m = 0; m < request->metrics; m++)
		any = any || !isnan(measured[request->metric[m]]);
	if (!any)
		return; /* a line without a value is no result */
	print_name(out, point, processors);
	fprintf(out, " %.0f", operations >= 1 ? operations : 1.0);
	for (size_t m = 0; m < request->metrics; m++)
		if (!isnan(measured[request->metric[m]])) {
			fprintf(out, " %.9g ", measured[request->metric[m]]);
			print_unit(out, request->metric[m]);
		}
	fputc('\n', out);
}

void compare_benchfmt(FILE *out, const struct compare_side *side, const struct compare_request *request, const char *name)
{
	const char *processors = environment_text(side, "threads_allowed");
	bool number = *processors && strspn(processors, "0123456789") == strlen(processors);
	size_t most = 0;

	print_configuration(out, side, name);
	for (size_t m = 0; m < request->metrics; m++) {
		enum metric_better better = metric_better(request->metric[m]);

		if (better == METRIC_BETTER_NEITHER)
			continue;
		fputs("Unit ", out);
		print_unit(out, request->metric[m]);
		fprintf(out, " better=%s\n", better == METRIC_BETTER_LOWER ? "lower" : "higher");
	}
	fputc('\n', out);
	for (size_t i = 0; i < side->points; i++)
		if (side->point[i].repetitions > most)
			most = side->point[i].repetitions;
	for (size_t repetition = 0; repetition < most; repetition++)
		for (size_t i = 0; i < side->points; i++)
			if (repetition < side->point[i].repetitions)
				print_repetition(out, &side->point[i], repetition, request, number ? processors : "1");
}

/* ---- Warnings ------------------------------------------------------------------------------------------------------ */

/* What is another at each run, and says nothing about where it ran. */
static bool is_volatile(const char *key)
{
	static const char *const names[] = {
		"busy_percent", "steal_percent", "steal_since_boot_percent", "load_1min", "memory_available_bytes",
			"swap_used_bytes",
		"clock_read_ns", "ns_per_tick", "time_utc", "date", "seed", "repetitions", "host_name", "executable", "mhz_per_cpu",
		"git_commit", "git_dirty", "library_build_type",
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(key, names[i]) == 0)
			return true;
	return false;
}

/* Long texts that begin alike: from the word in which they part. */
static void warn_of_item(FILE *out, const char *prefix, const char *key, const char *ours, const char *theirs)
{
	size_t from = 0, at = 0;

	for (; ours[at] && ours[at] == theirs[at]; at++)
		if (ours[at] == ' ')
			from = at + 1;
	if (strlen(ours) < 60 && strlen(theirs) < 60)
		from = 0;
	fprintf(out, "%swarning: environments differ: %s: %s%.100s -> %s%.100s\n", prefix, key, from ? "... " : "", ours + from,
	        from ? "... " : "", theirs + from);
}

static void warn_of_environments(FILE *out, const struct comparison *comparison, const char *prefix)
{
	const json_t *base = comparison->base->environment, *new = comparison->new->environment;
	unsigned different = 0;
	const char *key;
	json_t *value;

	if (!base || !new) {
		fprintf(out, "%swarning: the environment of %s is unknown: whether both sides ran alike cannot be said\n", prefix,
		        !base ? comparison->base->path : comparison->new->path);
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)base, key, value) {
		const char *ours = json_string_value(value), *theirs = json_string_value(json_object_get(new, key));

		if (!ours || is_volatile(key) || (theirs && strcmp(ours, theirs) == 0))
			continue;
		if (++different <= DIFFERENT_MAX)
			warn_of_item(out, prefix, key, ours, theirs ? theirs : "not recorded");
	}
	json_object_foreach((json_t *)(uintptr_t)new, key, value)
		if (json_is_string(value) && !is_volatile(key) && !json_object_get(base, key) && ++different <= DIFFERENT_MAX)
			warn_of_item(out, prefix, key, "not recorded", json_string_value(value));
	if (different > DIFFERENT_MAX)
		fprintf(out, "%swarning: environments differ in %u more items\n", prefix, different - DIFFERENT_MAX);
}

static void warn_of_changes(FILE *out, const struct compare_side *side, const char *prefix)
{
	if (strcmp(environment_text(side, "git_dirty"), "yes") == 0)
		fprintf(out, "%swarning: %s was built from changed sources: commit %s does not name them\n", prefix, side->path,
		        environment_text(side, "git_commit"));
}

/* With so few samples, can anything be found at all? */
static void warn_of_samples(FILE *out, const struct comparison *comparison, const char *prefix)
{
	for (size_t i = 0; i < comparison->results; i++) {
		const struct compare_result *family = &comparison->result[i];
		size_t least = family->n_base < family->n_new ? family->n_base : family->n_new;

		if (family->kind != COMPARE_FAMILY)
			continue;
		if (least < COMPARE_SAMPLES_MIN)
			fprintf(out, "%swarning: %s: %zu samples a side: %d and more are wanted (--repetitions)\n", prefix,
			        metric_info(family->metric)->name, least, COMPARE_SAMPLES_MIN);
		if (family->p_holm >= comparison->request.alpha)
			fprintf(out, "%swarning: %s: with %zu and %zu samples p is at least %.2g, and %.2g after the correction "
			        "for "
			        "%zu point%s: it cannot get below %g, whatever the difference\n", prefix,
			        metric_info(family->metric)->name, family->n_base, family->n_new, family->p, family->p_holm,
			        family->points, family->points == 1 ? "" : "s", comparison->request.alpha);
	}
}

void compare_warnings(FILE *out, const struct comparison *comparison, const char *prefix)
{
	for (size_t i = 0; i < comparison->lones; i++)
		fprintf(out, "%sonly in %s: %s\n", prefix, comparison->lone[i].in_base ? "the base" : "the new",
		        comparison->lone[i].name);
	if (comparison->base == comparison->new && comparison->base->failed > 0)
		fprintf(out, "%swarning: runs that failed, and are missing: %zu\n", prefix, comparison->base->failed);
	else if (comparison->base->failed + comparison->new->failed > 0)
		fprintf(out, "%swarning: runs that failed, and are missing: %zu of the base, %zu of the new\n", prefix,
		        comparison->base->failed, comparison->new->failed);
	warn_of_samples(out, comparison, prefix);
	warn_of_changes(out, comparison->base, prefix);
	if (comparison->base == comparison->new)
		return;
	warn_of_changes(out, comparison->new, prefix);
	warn_of_environments(out, comparison, prefix);
}

void compare_print(FILE *out, const struct comparison *comparison, enum compare_format format, bool colour)
{
	switch (format) {
	case COMPARE_TEXT:
		print_text(out, comparison, colour);
		return;
	case COMPARE_MARKDOWN:
		print_markdown(out, comparison);
		return;
	case COMPARE_TSV:
		print_tsv(out, comparison);
		return;
	default:
		compare_benchfmt(out, comparison->base, &comparison->request, comparison->request.by ? NULL : "base");
		if (!comparison->request.by) {
			fputc('\n', out);
			compare_benchfmt(out, comparison->new, &comparison->request, "new");
		}
	}
}
