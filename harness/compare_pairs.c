/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pairs of points, and what plots/compare.py says of them; see compare.h.
 *
 * All that is done here is to find who is compared with whom. The samples go to scipy as a table and come back as one.
 */
#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/program.h"
#include "harness/compare.h"
#include "harness/table.h"

#define PYTHON     "/usr/bin/python3" /* the distribution's, which has its scipy; the first on PATH may be another */
#define SCRIPT     "plots/compare.py"
#define PATH_BYTES 4096
#define VALUES_MAX 64 /* of the parameter that is compared by */

__attribute__((format(printf, 2, 3))) static bool fail(char error[COMPARE_ERROR_BYTES], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, COMPARE_ERROR_BYTES, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- Pairs ------------------------------------------------------------------------------------------------------- */

/* `by` is the number of a parameter that may differ; COMPARE_PARAMETERS: none may. */
static bool same_but(const struct compare_point *a, const struct compare_point *b, size_t by)
{
	for (size_t i = 0; i < COMPARE_PARAMETERS; i++)
		if (i != by && strcmp(a->cell[i], b->cell[i]) != 0)
			return false;
	return true;
}

static size_t parameter_number(const char *name)
{
	size_t i = 0;

	while (compare_parameters[i] && strcmp(compare_parameters[i], name) != 0)
		i++;
	return i;
}

static bool add_pair(struct comparison *comparison, const struct compare_point *base, const struct compare_point *new,
                     const char *group)
{
	struct compare_pair *grown = realloc(comparison->pair, (comparison->pairs + 1) * sizeof *grown);

	if (!grown)
		return false;
	comparison->pair = grown;
	grown[comparison->pairs] = (struct compare_pair){.base = base, .new = new};
	snprintf(grown[comparison->pairs++].group, sizeof grown->group, "%s", group);
	return true;
}

static bool add_lone(struct comparison *comparison, const struct compare_point *point, bool in_base)
{
	struct compare_lone *grown = realloc(comparison->lone, (comparison->lones + 1) * sizeof *grown);

	if (!grown)
		return false;
	comparison->lone = grown;
	grown[comparison->lones] = (struct compare_lone){.point = point, .in_base = in_base};
	memcpy(grown[comparison->lones++].name, point->name, sizeof point->name);
	return true;
}

static bool wanted(const regex_t *filter, const struct compare_point *point)
{
	return !filter || regexec(filter, point->name, 0, NULL, 0) == 0;
}

/* Two sides: the points of the same parameters. */
static bool pair_sides(struct comparison *comparison, const regex_t *filter)
{
	const struct compare_side *side[2] = {comparison->base, comparison->new};
	bool fine = true;

	for (unsigned which = 0; which < 2; which++)
		for (size_t i = 0; i < side[which]->points && fine; i++) {
			const struct compare_point *point = &side[which]->point[i], *other = NULL;

			if (!wanted(filter, point))
				continue;
			for (size_t k = 0; k < side[!which]->points && !other; k++)
				if (same_but(point, &side[!which]->point[k], COMPARE_PARAMETERS))
					other = &side[!which]->point[k];
			if (!other)
				fine = add_lone(comparison, point, which == 0);
			else if (which == 0)
				fine = add_pair(comparison, point, other, point->cell[parameter_number("impl")]);
		}
	return fine;
}

/* Inside one run: the points that differ in one parameter alone. */
static bool pair_by(struct comparison *comparison, const regex_t *filter, size_t by, const char *base, const char *new)
{
	const struct compare_side *side = comparison->base;
	char group[128];
	bool fine = true;

	snprintf(group, sizeof group, "%.60s -> %.60s", base, new);
	for (size_t i = 0; i < side->points && fine; i++) {
		const struct compare_point *point = &side->point[i], *other = NULL;
		bool in_base = strcmp(point->cell[by], base) == 0;

		if ((!in_base && strcmp(point->cell[by], new) != 0) || !wanted(filter, point))
			continue;
		for (size_t k = 0; k < side->points && !other; k++)
			if (strcmp(side->point[k].cell[by], in_base ? new : base) == 0 && same_but(point, &side->point[k], by))
				other = &side->point[k];
		if (!other)
			fine = add_lone(comparison, point, in_base);
		else if (in_base)
			fine = add_pair(comparison, point, other, group);
	}
	return fine;
}

/* The different values of a parameter, in order of appearance. */
static size_t values_of(const struct compare_side *side, size_t parameter, const char *values[VALUES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < side->points; i++) {
		size_t k = 0;

		while (k < count && strcmp(values[k], side->point[i].cell[parameter]) != 0)
			k++;
		if (k == count && count < VALUES_MAX)
			values[count++] = side->point[i].cell[parameter];
	}
	return count;
}

static bool pair_variants(struct comparison *comparison, const regex_t *filter, char error[COMPARE_ERROR_BYTES])
{
	const struct compare_request *request = &comparison->request;
	size_t by = parameter_number(request->by), count, base = 0;
	const char *values[VALUES_MAX];
	char all[256] = "";
	bool fine = true;

	if (by == COMPARE_PARAMETERS) {
		for (size_t i = 0; compare_parameters[i]; i++)
			snprintf(all + strlen(all), sizeof all - strlen(all), " %s", compare_parameters[i]);
		return fail(error, "--by: '%.60s' is no parameter; they are:%s", request->by, all);
	}
	count = values_of(comparison->base, by, values);
	if (count < 2)
		return fail(error, "--by %s: all points have the same (%.100s): there is nothing to compare", request->by,
		            values[0]);
	for (size_t i = 0; i < count && strlen(all) < sizeof all - 1; i++)
		snprintf(all + strlen(all), sizeof all - strlen(all), " %s", values[i]);
	while (request->base && base < count && strcmp(values[base], request->base) != 0)
		base++;
	if (base == count)
		return fail(error, "--base: no point has %s=%.60s; there are:%s", request->by, request->base, all);
	for (size_t i = 0; i < count && fine; i++)
		if (i != base)
			fine = pair_by(comparison, filter, by, values[base], values[i]);
	return fine || fail(error, "no memory for the pairs");
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static void find_what_varies(struct comparison *comparison)
{
	size_t by = comparison->request.by ? parameter_number(comparison->request.by) : COMPARE_PARAMETERS;

	for (size_t i = 0; i < COMPARE_PARAMETERS; i++)
		for (size_t k = 1; k < comparison->pairs && i != by; k++)
			comparison->varies[i] = comparison->varies[i] || strcmp(comparison->pair[0].base->cell[i],
			                                                          comparison->pair[k].base->cell[i]) != 0;
}

/* What tells a pair from the others. */
static void name_pairs(struct comparison *comparison)
{
	find_what_varies(comparison);
	for (size_t i = 0; i < comparison->pairs; i++) {
		struct compare_pair *pair = &comparison->pair[i];
		size_t used = 0;

		if (comparison->request.by)
			used = (size_t)snprintf(pair->name, sizeof pair->name, "%s", pair->group);
		for (size_t k = 0; k < COMPARE_PARAMETERS && used < sizeof pair->name; k++)
			if (comparison->varies[k])
				used += (size_t)snprintf(pair->name + used, sizeof pair->name - used, "%s%s=%s", used ? " " : "",
				                         compare_parameters[k], pair->base->cell[k]);
		if (used == 0)
			snprintf(pair->name, sizeof pair->name, "impl=%s", pair->base->cell[parameter_number("impl")]);
	}
}

/* ---- scipy ------------------------------------------------------------------------------------------------------- */

/* The script of the tree that this program was built in: its folder, or one above. */
static bool find_script(char *path, size_t bytes)
{
	ssize_t length = readlink("/proc/self/exe", path, bytes - sizeof "/" SCRIPT);

	if (length <= 0)
		return false;
	path[length] = '\0';
	for (char *slash; (slash = strrchr(path, '/'));) {
		strcpy(slash, "/" SCRIPT);
		if (access(path, R_OK) == 0)
			return true;
		*slash = '\0';
	}
	return false;
}

char *compare_statistics(const char *table, size_t bytes, double alpha, char error[COMPARE_ERROR_BYTES])
{
	char script[PATH_BYTES], alpha_text[32], words[300], errors[] = "/tmp/capacitor-compare-XXXXXX", *answer = NULL;
	int descriptor = mkstemp(errors);
	size_t answered = 0;
	FILE *in = tmpfile(), *gathered = open_memstream(&answer, &answered);
	int status = -1;

	if (!find_script(script, sizeof script)) {
		fail(error, SCRIPT ": not found above this program; the statistics are there");
	} else if (descriptor < 0 || !in || !gathered || fwrite(table, 1, bytes, in) != bytes || fflush(in) != 0) {
		fail(error, "a temporary file: %s", strerror(errno));
	} else {
		snprintf(alpha_text, sizeof alpha_text, "%.17g", alpha);
		status = program_run((const char *const[]){PYTHON, "-B", script, "--alpha", alpha_text, NULL},
		                     &(struct program_ends){.in = in, .gathered = gathered, .errors = errors});
		if (status != 0) {
			program_last_words(errors, words, sizeof words);
			fail(error, SCRIPT " failed: %.300s", words);
		}
	}
	if (in)
		fclose(in);
	if (gathered)
		fclose(gathered);
	if (descriptor >= 0) {
		close(descriptor);
		unlink(errors);
	}
	if (status == 0)
		return answer;
	free(answer);
	return NULL;
}

/* ---- What is asked, and what is answered --------------------------------------------------------------------------- */

static void write_samples(FILE *out, const struct compare_samples *samples)
{
	for (size_t i = 0; i < samples->count; i++)
		fprintf(out, "%s%.17g", i ? "," : "\t", samples->value[i]);
}

static void write_question(FILE *out, size_t id, const struct compare_pair *pair, enum metric metric)
{
	static const char *const words[][2] = {
		[METRIC_BETTER_NEITHER] = {"lower", "higher"},
		[METRIC_BETTER_LOWER] = {"better", "worse"},
		[METRIC_BETTER_HIGHER] = {"worse", "better"},
	};
	enum metric_better better = metric_better(metric);
	const char *less = words[better][0], *more = words[better][1];

	if (metric_is_speed(metric)) {
		less = better == METRIC_BETTER_LOWER ? "faster" : "slower";
		more = better == METRIC_BETTER_LOWER ? "slower" : "faster";
	}
	fprintf(out, "%zu\t%s\t%s\t%s\t%s", id, pair->group, metric_info(metric)->name, less, more);
	write_samples(out, &pair->base->samples[metric]);
	write_samples(out, &pair->new->samples[metric]);
	fputc('\n', out);
}

/* Samples of a part of the repetitions may be those of the lucky ones: none at all, then. */
static const char *lacks(const struct compare_pair *pair, enum metric metric)
{
	const struct compare_samples *base = &pair->base->samples[metric], *new = &pair->new->samples[metric];

	return base->unavailable ? base->unavailable : new->unavailable;
}

static struct compare_result *add_result(struct comparison *comparison)
{
	struct compare_result *grown = realloc(comparison->result, (comparison->results + 1) * sizeof *grown);

	if (!grown)
		return NULL;
	comparison->result = grown;
	grown += comparison->results++;
	memset(grown, 0, sizeof *grown);
	return grown;
}

/* All that can be judged, as a table, numbered as the results are. NULL: no memory. */
static char *question(struct comparison *comparison, size_t *bytes)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, bytes);

	if (!out)
		return NULL;
	fputs("id\tgroup\tmetric\tless\tmore\tbase\tnew\n", out);
	for (size_t m = 0; m < comparison->request.metrics; m++)
		for (size_t i = 0; i < comparison->pairs; i++) {
			enum metric metric = comparison->request.metric[m];
			struct compare_result *result = add_result(comparison);

			if (!result) {
				fclose(out);
				free(text);
				return NULL;
			}
			result->metric = metric;
			result->pair = &comparison->pair[i];
			result->unavailable = lacks(result->pair, metric);
			if (!result->unavailable)
				write_question(out, comparison->results - 1, result->pair, metric);
		}
	fclose(out);
	return text;
}

static double number(const struct table *table, size_t row, const char *column)
{
	double value;

	return table_number(table, row, column, &value) ? value : NAN;
}

static size_t count(const struct table *table, size_t row, const char *column)
{
	double value;

	return table_number(table, row, column, &value) ? (size_t)value : 0;
}

static bool fill_in(struct comparison *comparison, const struct table *table, size_t row)
{
	const char *kind = table_cell(table, row, "kind"), *verdict = table_cell(table, row, "verdict");
	size_t id = count(table, row, "id");
	struct compare_result *result;

	if (!kind || !verdict || (strcmp(kind, "point") == 0 && id >= comparison->results))
		return false;
	result = strcmp(kind, "point") == 0 ? &comparison->result[id] : add_result(comparison);
	if (!result || !metric_find(table_cell(table, row, "metric"), &result->metric))
		return false;
	result->kind = strcmp(kind, "point") == 0 ? COMPARE_POINT : strcmp(kind, "mean") == 0 ? COMPARE_MEAN : COMPARE_FAMILY;
	snprintf(result->group, sizeof result->group, "%s", table_cell(table, row, "group"));
	result->points = count(table, row, "points");
	result->n_base = count(table, row, "n_base");
	result->n_new = count(table, row, "n_new");
	result->median_base = number(table, row, "median_base");
	result->median_new = number(table, row, "median_new");
	result->change = number(table, row, "change_percent");
	result->low = number(table, row, "low_percent");
	result->high = number(table, row, "high_percent");
	result->coverage = number(table, row, "coverage");
	result->difference = number(table, row, "difference");
	result->difference_low = number(table, row, "difference_low");
	result->difference_high = number(table, row, "difference_high");
	result->p = number(table, row, "p");
	result->p_holm = number(table, row, "p_holm");
	result->effect = number(table, row, "effect");
	snprintf(result->verdict, sizeof result->verdict, "%.15s", verdict);
	return true;
}

static bool judge(struct comparison *comparison, char error[COMPARE_ERROR_BYTES])
{
	size_t bytes = 0;
	char *asked = question(comparison, &bytes);
	char *answer = asked ? compare_statistics(asked, bytes, comparison->request.alpha, error) : NULL;
	struct table table = {0};
	bool fine = true;

	if (!asked)
		fail(error, "no memory for the samples");
	free(asked);
	if (!answer)
		return false;
	fine = table_parse(&table, answer);
	for (size_t row = 0; fine && row < table.rows; row++)
		fine = fill_in(comparison, &table, row);
	table_free(&table);
	return fine || fail(error, SCRIPT " did not answer with its table");
}

bool compare_run(struct comparison *comparison, const struct compare_request *request, const struct compare_side *base,
                 const struct compare_side *new, char error[COMPARE_ERROR_BYTES])
{
	regex_t filter;
	bool fine;
	int status;

	*comparison = (struct comparison){.request = *request, .base = base, .new = new};
	status = request->filter ? regcomp(&filter, request->filter, REG_EXTENDED | REG_NOSUB) : 0;
	if (status != 0) {
		char why[128];

		regerror(status, &filter, why, sizeof why);
		return fail(error, "--filter: '%.200s': %s", request->filter, why);
	}
	if (request->by)
		fine = pair_variants(comparison, request->filter ? &filter : NULL, error);
	else
		fine = pair_sides(comparison, request->filter ? &filter : NULL) || fail(error, "no memory for the pairs");
	if (request->filter)
		regfree(&filter);
	if (fine && comparison->pairs == 0)
		fine = fail(error, "no point is on both sides%s: %zu of the base, %zu of the new",
		            request->filter ? " and passes --filter" : "", base->points, new->points);
	if (fine) {
		name_pairs(comparison);
		fine = judge(comparison, error);
	}
	if (!fine)
		compare_done(comparison);
	return fine;
}

void compare_done(struct comparison *comparison)
{
	free(comparison->pair);
	free(comparison->lone);
	free(comparison->result);
	comparison->pair = NULL;
	comparison->lone = NULL;
	comparison->result = NULL;
}
