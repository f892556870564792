/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of a run; see evidence.h. */
#include "harness/evidence.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/point.h"
#include "harness/report.h"
#include "harness/tidy.h"

#define REPETITIONS_ENOUGH 6 /* for an interval that covers the median with 95 % */
#define DEPTH_MAX 3 /* folders in folders */

/* ---- Which table is what -------------------------------------------------------------------------------------------- */

/* The first kind all of whose columns a table has. A table of repetitions is none: its medians are beside it. */
static const struct {
	enum evidence_kind kind;
	const char *columns[4];
	const char *text;
} kinds[] = {
	{EVIDENCE_POINTS, {"impl", "ns_per_op", "ns_per_op_low", "repetitions"}, "measured points"},
	{EVIDENCE_COHERENCE, {"impl", "operation", "upgrade_false", "cold"}, "coherence per operation"},
	{EVIDENCE_FIELDS, {"impl", "field", "function", "upgrade_false"}, "coherence by field"},
	{EVIDENCE_SIMULATED, {"source", "policy", "capacity_bytes", "hit_ratio"}, "simulated hit ratios"},
	{EVIDENCE_CPU, {"function", "self_percent", "total_percent", NULL}, "processor profile"},
	{EVIDENCE_HEAP, {"site", "stack", "count", "live_bytes"}, "heap profile"},
	{EVIDENCE_LOCKS, {"lock", "site", "contended", "wait_ns"}, "lock profile"},
	{EVIDENCE_OFFCPU, {"site", "waits_in", "thread_percent", "stack"}, "off-CPU profile"},
	{EVIDENCE_ALLOCATIONS, {"implementation", "operation", "max", "allowed"}, "allocations per call"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *evidence_text(enum evidence_kind kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == kind)
			return kinds[i].text;
	return "codecs";
}

static bool has_column(const struct table *table, const char *column)
{
	for (size_t i = 0; i < table->columns; i++)
		if (strcmp(table_column(table, i), column) == 0)
			return true;
	return false;
}

/* Its columns are those of measured points. */
static bool is_of_codecs(const struct table *table)
{
	return table->rows > 0 && has_column(table, "codec_share_percent") && strcmp(table_cell(table, 0, "codec"), "-") != 0;
}

static bool find_kind(const struct table *table, enum evidence_kind *kind)
{
	for (size_t i = 0; i < KINDS; i++) {
		size_t column = 0;

		while (column < 4 && kinds[i].columns[column] && has_column(table, kinds[i].columns[column]))
			column++;
		if (column == 4 || !kinds[i].columns[column]) {
			*kind = is_of_codecs(table) ? EVIDENCE_CODEC : kinds[i].kind;
			return true;
		}
	}
	return false;
}

/* ---- Gathering -------------------------------------------------------------------------------------------------------- */

static bool fails(char error[EVIDENCE_ERROR_BYTES], const char *path, const char *why)
{
	snprintf(error, EVIDENCE_ERROR_BYTES, "%.300s: %.200s", path, why);
	return false;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), of_end = strlen(end);

	return length >= of_end && strcmp(text + length - of_end, end) == 0;
}

static void folder_of(const char *path, char folder[256])
{
	size_t length = (size_t)(file_name(path) - path), from = length > 250 ? length - 250 : 0;

	snprintf(folder, 256, "%.*s", (int)(length - from), path + from);
}

/* Takes the table over. */
static bool keep(struct evidence *evidence, const struct table *table, const char *path, enum evidence_kind kind)
{
	struct evidence_table *grown = realloc(evidence->tables, (evidence->count + 1) * sizeof *grown);
	const char *name = file_name(path);

	if (!grown)
		return false;
	evidence->tables = grown;
	grown[evidence->count] = (struct evidence_table){.kind = kind, .table = *table};
	snprintf(grown[evidence->count].name, sizeof grown->name, "%.*s", (int)strcspn(name, "."), name);
	folder_of(path, grown[evidence->count].folder);
	if (strcmp(grown[evidence->count].name, "fields") == 0) /* in a folder of coherence's own: beside coherence.tsv */
		strcpy(grown[evidence->count].name, "coherence");
	snprintf(grown[evidence->count].file, sizeof grown->file, "%.250s", name);
	evidence->count++;
	return true;
}

/* What needs no medians has two tables of the same columns: one of the command's, one for the report. */
static bool is_duplicate(const struct evidence *evidence, const char *path, enum evidence_kind kind)
{
	const char *name = file_name(path);
	size_t slug = strcspn(name, ".");
	char folder[256];

	folder_of(path, folder);
	for (size_t i = 0; i < evidence->count; i++)
		if ((kind == EVIDENCE_COHERENCE || kind == EVIDENCE_SIMULATED) && evidence->tables[i].kind == kind &&
		    strcmp(evidence->tables[i].folder, folder) == 0 && strlen(evidence->tables[i].name) == slug &&
		    strncmp(evidence->tables[i].name, name, slug) == 0)
			return true;
	return false;
}

/* False: it is a table, and memory ran out. What is no table, or no known one, is passed over. */
static bool add_table(struct evidence *evidence, const char *path, bool *known)
{
	struct table table;
	enum evidence_kind kind;

	*known = false;
	if (!table_load(&table, path))
		return true;
	if (!find_kind(&table, &kind) || is_duplicate(evidence, path, kind)) {
		*known = find_kind(&table, &kind);
		table_free(&table);
		return true;
	}
	*known = true;
	if (keep(evidence, &table, path, kind))
		return true;
	table_free(&table);
	return false;
}

/* JSON of bench or replay: its rows, in a folder of our own, summarised there. */
static bool add_runs(struct evidence *evidence, const char *root, const char *path, const json_t *document,
                     char error[EVIDENCE_ERROR_BYTES])
{
	char folder[] = "/tmp/capacitor analyze.XXXXXX", table[64], summary[64];
	size_t failed = 0;
	bool fine, known = false;
	FILE *out;

	if (!mkdtemp(folder))
		return fails(error, "/tmp", strerror(errno));
	snprintf(table, sizeof table, "%s/run.tsv", folder);
	snprintf(summary, sizeof summary, "%s/run.summary.tsv", folder);
	out = fopen(table, "w");
	fine = out != NULL;
	if (out) {
		tidy_header(out);
		fine = tidy_rows(out, "-", document, &failed);
		fine = fclose(out) == 0 && fine;
	}
	if (!fine)
		fails(error, path, "not what `capacitor bench --out` writes");
	fine = fine && report_summarise(root, folder, "run", error) && add_table(evidence, summary, &known);
	if (fine && (!known || evidence->tables[evidence->count - 1].table.rows == 0))
		fine = fails(error, path, "no run in it succeeded");
	if (fine)
		snprintf(evidence->tables[evidence->count - 1].file, sizeof evidence->tables->file, "%.250s", file_name(path));
	if (fine && !evidence->environment)
		evidence->environment = json_incref(json_object_get(document, "context"));
	snprintf(table, sizeof table, "%s/run.tsv", folder);
	unlink(table);
	unlink(summary);
	snprintf(table, sizeof table, "%s/summarise.log", folder);
	unlink(table);
	rmdir(folder);
	return fine;
}

static bool add_file(struct evidence *evidence, const char *root, const char *path, char error[EVIDENCE_ERROR_BYTES])
{
	json_error_t why;
	json_t *document;
	bool fine, known;

	if (!ends_with(path, ".json")) {
		if (!add_table(evidence, path, &known))
			return fails(error, path, "no memory");
		return known || fails(error, path, "no table that is known: those of experiment, coherence, profile, alloc-check "
		                                   "and codec are, and JSON of bench (its name ends in .json)");
	}
	document = json_load_file(path, 0, &why);
	if (!document)
		return fails(error, path, why.text);
	fine = add_runs(evidence, root, path, document, error);
	json_decref(document);
	return fine;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* In the order of names, so that the same folder gives the same findings. *.summary.tsv come before *.tsv. */
static bool add_folder(struct evidence *evidence, const char *path, int depth, char error[EVIDENCE_ERROR_BYTES])
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_visible, alphasort);
	bool fine = true, known;

	if (count < 0)
		return fails(error, path, strerror(errno));
	for (int i = 0; i < count; i++) {
		char inside[RUN_PATH_BYTES];
		struct stat status;

		snprintf(inside, sizeof inside, "%.3800s/%.255s", path, entries[i]->d_name);
		if (fine && strcmp(entries[i]->d_name, "env.json") == 0 && !evidence->environment)
			evidence->environment = json_load_file(inside, 0, NULL);
		else if (fine && ends_with(inside, ".tsv") && !add_table(evidence, inside, &known))
			fine = fails(error, inside, "no memory");
		else if (fine && depth < DEPTH_MAX && strcmp(entries[i]->d_name, "raw") != 0 && stat(inside, &status) == 0 &&
		         S_ISDIR(status.st_mode))
			fine = add_folder(evidence, inside, depth + 1, error);
		free(entries[i]);
	}
	free(entries);
	return fine;
}

bool evidence_add(struct evidence *evidence, const char *root, const char *path, char error[EVIDENCE_ERROR_BYTES])
{
	size_t before = evidence->count;
	struct stat status;

	if (stat(path, &status) != 0)
		return fails(error, path, strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return add_file(evidence, root, path, error);
	if (!add_folder(evidence, path, 0, error))
		return false;
	return evidence->count > before ||
	       fails(error, path, "no table in it that is known: give the folder of a run (results/...), or JSON of bench");
}

void evidence_free(struct evidence *evidence)
{
	for (size_t i = 0; i < evidence->count; i++)
		table_free(&evidence->tables[i].table);
	free(evidence->tables);
	json_decref(evidence->environment);
	*evidence = (struct evidence){0};
}

size_t evidence_tables(const struct evidence *evidence, enum evidence_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < evidence->count; i++)
		count += evidence->tables[i].kind == kind;
	return count;
}

/* ---- Points ----------------------------------------------------------------------------------------------------------- */

bool evidence_next(const struct evidence *evidence, enum evidence_kind kind, struct point_row *at)
{
	const struct evidence_table *end = evidence->tables + evidence->count;

	if (at->of && at->row + 1 < at->of->table.rows) {
		at->row++;
		return true;
	}
	for (const struct evidence_table *next = at->of ? at->of + 1 : evidence->tables; next < end; next++)
		if (next->kind == kind && next->table.rows > 0) {
			*at = (struct point_row){next, 0};
			return true;
		}
	return false;
}

const char *row_text(struct point_row row, const char *column)
{
	const char *text = table_cell(&row.of->table, row.row, column);

	return text ? text : "-";
}

bool row_number(struct point_row row, const char *column, double *number)
{
	return table_number(&row.of->table, row.row, column, number);
}

double row_or(struct point_row row, const char *column, double otherwise)
{
	double number;

	return row_number(row, column, &number) ? number : otherwise;
}

bool row_is(struct point_row row, const char *column, const char *value)
{
	return strcmp(row_text(row, column), value) == 0;
}

bool row_interval(struct point_row row, const char *metric, double *low, double *high)
{
	char column[96];
	double value;

	if (!row_number(row, metric, &value))
		return false;
	snprintf(column, sizeof column, "%s_low", metric);
	*low = row_or(row, column, value);
	snprintf(column, sizeof column, "%s_high", metric);
	*high = row_or(row, column, value);
	return true;
}

bool row_above(struct point_row a, struct point_row b, const char *metric)
{
	double low, high, other_low, other_high;
	bool few = row_or(a, "repetitions", REPETITIONS_ENOUGH) < REPETITIONS_ENOUGH ||
	           row_or(b, "repetitions", REPETITIONS_ENOUGH) < REPETITIONS_ENOUGH;

	return row_interval(a, metric, &low, &high) && row_interval(b, metric, &other_low, &other_high) &&
	       low > (few ? 2 : 1) * other_high;
}

bool row_usual_capacity(struct point_row row)
{
	double keys = row_or(row, "keys", 0), key_bytes = row_or(row, "key_bytes", 0), value_bytes = row_or(row, "value_bytes", 0);

	return row_or(row, "capacity_bytes", 0) ==
	       (double)point_capacity_bytes((uint64_t)keys, (size_t)key_bytes, (size_t)value_bytes);
}

/* Do two rows have the same parameters, but for one? */
static bool alike_but(struct point_row a, struct point_row b, const char *parameter)
{
	static const char *const others[] = {"line_bytes", "shift_bytes", "schedule", "operation", "source", NULL};

	for (size_t i = 0; tidy_parameters[i]; i++)
		if (strcmp(tidy_parameters[i], parameter) != 0 &&
		    !(strcmp(tidy_parameters[i], "capacity_bytes") == 0 && row_usual_capacity(a) && row_usual_capacity(b)) &&
			!row_is(b, tidy_parameters[i], row_text(a, tidy_parameters[i])))
			return false;
	for (size_t i = 0; others[i]; i++)
		if (!row_is(b, others[i], row_text(a, others[i])))
			return false;
	return true;
}

bool row_sibling(struct point_row row, const char *parameter, struct point_row *at)
{
	size_t next = at->of ? at->row + 1 : 0;

	for (struct point_row other = {row.of, next}; other.row < row.of->table.rows; other.row++)
		if (other.row != row.row && alike_but(row, other, parameter)) {
			*at = other;
			return true;
		}
	return false;
}

bool row_partner(struct point_row row, const char *parameter, const char *value, struct point_row *partner)
{
	struct point_row other = {0};

	while (row_sibling(row, parameter, &other))
		if (row_is(other, parameter, value)) {
			*partner = other;
			return true;
		}
	return false;
}

bool row_mix(struct point_row row, double *get, double *set, double *delete)
{
	return sscanf(row_text(row, "mix"), "%lf%*[-:]%lf%*[-:]%lf", get, set, delete) == 3;
}
