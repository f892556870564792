/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples of measurements, read from what bench, tidy and experiment write; see compare.h.
 *
 * JSON goes through tidy, so that there is one way from a file to named columns.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/compare.h"
#include "harness/table.h"
#include "harness/tidy.h"

#define PATH_BYTES 4096

const char *const compare_parameters[] = {
	"experiment", "suite", "impl", "policy", "counters", "hash", "threads", "keys", "key_bytes", "value_bytes", "mix", "skew",
	"capacity_bytes", "trace", "partition", NULL,
};

__attribute__((format(printf, 2, 3))) static bool fail(char error[COMPARE_ERROR_BYTES], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, COMPARE_ERROR_BYTES, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- Points ------------------------------------------------------------------------------------------------------ */

/* In names, spaces and slashes would be taken for their ends. */
void compare_name(struct compare_point *point)
{
	size_t used = 0;

	point->name[0] = '\0';
	for (size_t i = 0; i < COMPARE_PARAMETERS; i++) {
		if (strcmp(point->cell[i], "-") == 0 || used >= sizeof point->name)
			continue;
		used += (size_t)snprintf(point->name + used, sizeof point->name - used, "%s%s=", used ? "/" : "",
		                         compare_parameters[i]);
		for (const char *at = point->cell[i]; *at && used + 1 < sizeof point->name; at++)
			point->name[used++] = *at == '/' || (unsigned char)*at <= ' ' ? '_' : *at;
		if (used < sizeof point->name)
			point->name[used] = '\0';
	}
}

static struct compare_point *find_point(struct compare_side *side, char *const cell[COMPARE_PARAMETERS])
{
	for (size_t i = 0; i < side->points; i++) {
		bool same = true;

		for (size_t k = 0; k < COMPARE_PARAMETERS && same; k++)
			same = strcmp(side->point[i].cell[k], cell[k]) == 0;
		if (same)
			return &side->point[i];
	}
	return NULL;
}

/* The point of these cells, new or not. NULL: no memory. */
static struct compare_point *add_point(struct compare_side *side, char *const cell[COMPARE_PARAMETERS])
{
	struct compare_point *point = find_point(side, cell);

	if (point)
		return point;
	if (side->points == side->capacity) {
		size_t capacity = side->capacity ? 2 * side->capacity : 64;
		struct compare_point *grown = realloc(side->point, capacity * sizeof *grown);

		if (!grown)
			return NULL;
		side->point = grown;
		side->capacity = capacity;
	}
	point = &side->point[side->points++];
	memset(point, 0, sizeof *point);
	for (size_t i = 0; i < COMPARE_PARAMETERS; i++) {
		point->cell[i] = strdup(cell[i]);
		if (!point->cell[i])
			return NULL;
	}
	compare_name(point);
	return point;
}

static bool add_value(struct compare_samples *samples, double value)
{
	double *grown = realloc(samples->value, (samples->count + 1) * sizeof *grown);

	if (!grown)
		return false;
	samples->value = grown;
	samples->value[samples->count++] = value;
	return true;
}

/* A repetition of a point. */
static bool add_row(struct compare_point *point, const struct table *table, size_t row)
{
	double *grown = realloc(point->metrics, (point->repetitions + 1) * METRICS * sizeof *grown);
	double *measured;

	if (!grown)
		return false;
	point->metrics = grown;
	measured = &grown[METRICS * point->repetitions++];
	for (int metric = 0; metric < METRICS; metric++) {
		const char *name = metric_info((enum metric)metric)->name, *text = table_cell(table, row, name);
		struct compare_samples *samples = &point->samples[metric];
		double value;

		measured[metric] = NAN;
		if (table_number(table, row, name, &value) && isfinite(value)) {
			measured[metric] = value;
			if (!add_value(samples, value))
				return false;
		} else if (!samples->unavailable) {
			samples->unavailable = strdup(text && *text ? text : "unavailable: the file has no such column");
			if (!samples->unavailable)
				return false;
		}
	}
	return true;
}

static bool add_table(struct compare_side *side, const struct table *table, char error[COMPARE_ERROR_BYTES])
{
	static char none[] = "-";

	for (size_t row = 0; row < table->rows; row++) {
		char *cell[COMPARE_PARAMETERS];
		struct compare_point *point;

		for (size_t i = 0; i < COMPARE_PARAMETERS; i++) {
			const char *text = table_cell(table, row, compare_parameters[i]);

			cell[i] = text && *text ? (char *)(uintptr_t)text : none;
		}
		point = add_point(side, cell);
		if (!point || !add_row(point, table, row))
			return fail(error, "%.400s: no memory for its samples", side->path);
	}
	return true;
}

/* Is it one row per repetition? A run has tables of other forms, too. */
static bool is_tidy(const struct table *table)
{
	bool impl = false, repetition = false, metric = false;

	for (size_t i = 0; i < table->columns; i++) {
		impl = impl || strcmp(table_column(table, i), "impl") == 0;
		repetition = repetition || strcmp(table_column(table, i), "repetition") == 0;
		metric = metric || strcmp(table_column(table, i), metric_info(METRIC_NS_PER_OP)->name) == 0;
	}
	return impl && repetition && metric;
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

/* The texts of a context, which are its environment, but for what belongs to single points. */
static json_t *environment_of(const json_t *context)
{
	json_t *environment = json_object(), *value;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)context, key, value)
		if (json_is_string(value) && strncmp(key, "unavailable:", strlen("unavailable:")) != 0)
			json_object_set(environment, key, value);
	return environment;
}

bool compare_load_document(struct compare_side *side, const char *path, const json_t *document,
                           char error[COMPARE_ERROR_BYTES])
{
	struct table table;
	char *text = NULL;
	size_t bytes;
	bool fine;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return fail(error, "%.400s: no memory", path);
	snprintf(side->path, sizeof side->path, "%s", path);
	tidy_header(out);
	fine = tidy_rows(out, "-", document, &side->failed);
	fclose(out);
	if (!fine || !table_parse(&table, text)) { /* which frees the text, if it cannot */
		if (!fine)
			free(text);
		return fail(error, "%.400s: not what Google Benchmark writes (it has `context` and `benchmarks`)", path);
	}
	if (!side->environment)
		side->environment = environment_of(json_object_get(document, "context"));
	fine = add_table(side, &table, error);
	table_free(&table);
	return fine;
}

static bool load_json(struct compare_side *side, const char *path, char error[COMPARE_ERROR_BYTES])
{
	json_error_t why;
	json_t *document = json_load_file(path, 0, &why);
	bool fine;

	if (!document)
		return fail(error, "%.300s: line %d: %.150s", path, why.line, why.text);
	fine = compare_load_document(side, path, document, error);
	json_decref(document);
	return fine;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), ends = strlen(end);

	return length >= ends && strcmp(text + length - ends, end) == 0;
}

static int is_table(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && ends_with(entry->d_name, ".tsv") && !ends_with(entry->d_name, ".summary.tsv");
}

static bool load_folder(struct compare_side *side, const char *path, char error[COMPARE_ERROR_BYTES])
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_table, alphasort);
	char file[PATH_BYTES];
	bool fine = true;
	size_t tables = 0;

	if (count < 0)
		return fail(error, "%.400s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		struct table table;

		snprintf(file, sizeof file, "%.3800s/%.255s", path, entries[i]->d_name);
		free(entries[i]);
		if (!fine || !table_load(&table, file))
			continue; /* other tables of a run have rows of several forms */
		if (is_tidy(&table)) {
			tables++;
			fine = add_table(side, &table, error);
		}
		table_free(&table);
	}
	free(entries);
	if (fine && tables == 0)
		return fail(error, "%.300s: holds no table of repetitions (<experiment>.tsv of `capacitor experiment`)", path);
	snprintf(file, sizeof file, "%.4000s/env.json", path);
	side->environment = json_load_file(file, 0, NULL); /* without it, nothing is said about environments */
	if (!json_is_object(side->environment)) {
		json_decref(side->environment);
		side->environment = NULL;
	}
	return fine;
}

static bool load_tidy(struct compare_side *side, const char *path, char error[COMPARE_ERROR_BYTES])
{
	struct table table;
	bool fine;

	if (!table_load(&table, path))
		return fail(error, "%.400s: is no table (tab separated, as many cells in each row)", path);
	fine = is_tidy(&table) ? add_table(side, &table, error)
	                       : fail(error, "%.400s: has no columns impl, repetition and ns_per_op (as `capacitor tidy` writes)",
	                              path);
	table_free(&table);
	return fine;
}

bool compare_load(struct compare_side *side, const char *path, char error[COMPARE_ERROR_BYTES])
{
	struct stat status;
	bool fine;

	*side = (struct compare_side){.points = 0};
	snprintf(side->path, sizeof side->path, "%s", path);
	if (stat(path, &status) != 0)
		return fail(error, "%.400s: %s", path, strerror(errno));
	if (S_ISDIR(status.st_mode))
		fine = load_folder(side, path, error);
	else if (ends_with(path, ".tsv"))
		fine = load_tidy(side, path, error);
	else
		fine = load_json(side, path, error);
	if (fine && side->points == 0)
		fine = fail(error, "%.300s: holds no measurement%s", path, side->failed ? ": all its runs failed" : "");
	if (!fine)
		compare_free(side);
	return fine;
}

void compare_free(struct compare_side *side)
{
	for (size_t i = 0; i < side->points; i++) {
		for (size_t k = 0; k < COMPARE_PARAMETERS; k++)
			free(side->point[i].cell[k]);
		for (size_t k = 0; k < METRICS; k++) {
			free(side->point[i].samples[k].value);
			free(side->point[i].samples[k].unavailable);
		}
		free(side->point[i].metrics);
	}
	free(side->point);
	json_decref(side->environment);
	*side = (struct compare_side){.points = 0};
}
