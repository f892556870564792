/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor gate`: the coherence misses of every implementation against a baseline, exactly.
 *
 * Under schedule coop the counts of the observatory depend on the code alone: not on the machine, its load or any latency. So
 * they are compared as they are, number by number, and a change that adds a miss to a hit is seen, however small. What
 * changed is told by field and function: from the records' own, by the debug information of the program that ran.
 *
 * The baseline is a table: its first lines say for which toolchain it holds, then one row per cell and operation, and one per
 * cell, field and function that met the field. Rows of functions carry no line numbers: lines that move change no count.
 */
#include <errno.h>
#include <gnu/libc-version.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coherence/record.h"
#include "harness/coherence_names.h"
#include "harness/commands.h"
#include "harness/options.h"
#include "harness/results.h"

#define BASELINE_DEFAULT "coherence/baseline.tsv"
#define CELLS_MAX        64
#define ROWS_MAX         16384
#define KEY_BYTES        768
#define RUNNING_MAX      16
#define CHANGES_SHOWN    8 /* fields per operation's change */

/* ---- Cells ------------------------------------------------------------------------------------------------------- */

/* Small, but in them every operation has all of its ways: hits, stores over, insertions, deletes, evictions. */
static const char *const implementations[] = {"ck_hs", "rcu", "rwlock", "sharded"};
static const struct {
	const char *name;
	const char *const arguments[16];
} workloads[] = {
	{"hits", {"--mix", "100:0:0"}},
	{"hits, packed counters", {"--mix", "100:0:0", "--counters", "packed"}},
	{"mixed", {"--mix", "90:8:2"}},
	{"stores", {"--mix", "0:100:0"}},
	{"evicting", {"--mix", "50:50:0", "--capacity", "1M", "--keys", "8192", "--shards", "4"}},
};
#define IMPLEMENTATIONS (sizeof(implementations) / sizeof(implementations[0]))
#define WORKLOADS       (sizeof(workloads) / sizeof(workloads[0]))
#define COMMON          "--threads", "4", "--warmup", "2000", "--operations", "1000", "--schedule", "coop", "--seed", "1"

/* What is compared: transactions, and what is dear for other reasons. Reads and writes that hit are left to the compiler. */
static const char *const counts[] = {
	"operations", "true",         "late",          "false", "cold",        "upgrade_true",
	"upgrade_false", "transfers", "invalidations", "rmws",  "allocations", "locks",
};
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

struct row {
	char key[KEY_BYTES]; /* cell, tab, "operation" or "field", tab, its name */
	char where[KEY_BYTES]; /* of a field, today: the line of code */
	long long count[COUNTS];
};

struct rows {
	struct row *row;
	size_t count;
	char toolchain[256];
};

static struct row *find_row(const struct rows *rows, const char *key)
{
	for (size_t i = 0; i < rows->count; i++)
		if (strcmp(rows->row[i].key, key) == 0)
			return &rows->row[i];
	return NULL;
}

/* The row of that key, new or not. */
static struct row *add_row(struct rows *rows, const char *key)
{
	struct row *row = find_row(rows, key);

	if (row)
		return row;
	if (rows->count == ROWS_MAX) {
		fprintf(stderr, "gate: more than %d rows\n", ROWS_MAX);
		exit(COMMAND_FAIL);
	}
	row = &rows->row[rows->count++];
	*row = (struct row){.count = {0}};
	snprintf(row->key, sizeof(row->key), "%s", key);
	return row;
}

static struct rows new_rows(void)
{
	struct rows rows = {.row = malloc(ROWS_MAX * sizeof(struct row))};

	if (!rows.row) {
		fprintf(stderr, "gate: no memory\n");
		exit(COMMAND_FAIL);
	}
	return rows;
}

static void add_counts(struct row *row, const json_t *from)
{
	for (size_t i = 0; i < COUNTS; i++)
		row->count[i] += json_integer_value(json_object_get(from, counts[i]));
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static void note_toolchain(struct rows *rows, const json_t *subject)
{
	const char *compiler = json_string_value(json_object_get(subject, "compiler"));
	const char *version = compiler ? strrchr(compiler, ' ') : NULL;

	/* The distribution's own revisions are left out: they come with security fixes. */
	snprintf(rows->toolchain, sizeof(rows->toolchain), "%.*s%s, glibc %s, liburcu %s, ck %s",
	         compiler ? (int)strcspn(compiler, " ") : 0, compiler ? compiler : "", version ? version : "",
	         gnu_get_libc_version(), json_string_value(json_object_get(subject, "liburcu")),
	         json_string_value(json_object_get(subject, "ck")));
}

static bool read_record(struct rows *rows, const char *path, const char *cell, const char *implementation,
                        struct debuginfo *info)
{
	json_error_t error;
	json_t *record = json_load_file(path, 0, &error), *item;
	const char *format = json_string_value(json_object_get(record, "format"));
	size_t i;

	if (!format || strcmp(format, COHERENCE_RECORD_FORMAT) != 0) {
		fprintf(stderr, "gate: %s: not a record of the form \"%s\"%s%s\n", path, COHERENCE_RECORD_FORMAT,
		        record ? "" : ": ", record ? "" : error.text);
		json_decref(record);
		return false;
	}
	note_toolchain(rows, json_object_get(record, "subject"));
	json_array_foreach(json_object_get(record, "operations"), i, item) {
		char key[KEY_BYTES];

		snprintf(key, sizeof(key), "%s\toperation\t%s", cell, json_string_value(json_object_get(item, "name")));
		add_counts(add_row(rows, key), item);
	}
	json_array_foreach(json_object_get(record, "fields"), i, item) {
		char key[KEY_BYTES], field[DEBUGINFO_TEXT_BYTES], function[DEBUGINFO_TEXT_BYTES], line[DEBUGINFO_TEXT_BYTES];
		struct row *row;

		coherence_name_field(info, item, implementation, field, sizeof(field));
		coherence_name_code(info, json_integer_value(json_object_get(item, "site")), function, sizeof(function), line,
		                    sizeof(line));
		snprintf(key, sizeof(key), "%s\tfield\t%s in %s()", cell, field, function);
		row = add_row(rows, key);
		snprintf(row->where, sizeof(row->where), "%s", line);
		add_counts(row, item);
	}
	json_decref(record);
	return true;
}

#define TOOLCHAIN_LINE "# toolchain: "

static bool read_baseline(struct rows *rows, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[2048];

	if (!file) {
		fprintf(stderr, "gate: %s: %s; --write makes a baseline\n", path, strerror(errno));
		return false;
	}
	while (fgets(line, sizeof(line), file)) {
		char *tab = line;
		struct row *row;

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, TOOLCHAIN_LINE, strlen(TOOLCHAIN_LINE)) == 0)
			snprintf(rows->toolchain, sizeof(rows->toolchain), "%.255s", line + strlen(TOOLCHAIN_LINE));
		if (line[0] == '#' || line[0] == '\0' || strncmp(line, "cell\t", 5) == 0)
			continue;
		for (unsigned column = 0; column < 3 && tab; column++)
			tab = strchr(tab + (column > 0), '\t');
		if (!tab) {
			fprintf(stderr, "gate: %s: a row of fewer than three columns: %.80s\n", path, line);
			fclose(file);
			return false;
		}
		*tab++ = '\0';
		row = add_row(rows, line);
		for (size_t i = 0; i < COUNTS; i++)
			row->count[i] = strtoll(tab, &tab, 10);
	}
	fclose(file);
	return true;
}

static bool write_baseline(const struct rows *rows, const char *path)
{
	char error[OPTIONS_ERROR_BYTES];
	struct results_file file;

	if (!results_open(&file, path, error, sizeof(error))) {
		fprintf(stderr, "gate: %s\n", error);
		return false;
	}
	fprintf(file.stream,
	        "# Coherence transactions of every implementation, exactly. `make gate` compares, with ARGS=--write it renews.\n"
	        TOOLCHAIN_LINE "%s\ncell\twhat\tname", rows->toolchain);
	for (size_t i = 0; i < COUNTS; i++)
		fprintf(file.stream, "\t%s", counts[i]);
	fprintf(file.stream, "\n");
	for (size_t i = 0; i < rows->count; i++) {
		fprintf(file.stream, "%s", rows->row[i].key);
		for (size_t count = 0; count < COUNTS; count++)
			fprintf(file.stream, "\t%lld", rows->row[i].count[count]);
		fprintf(file.stream, "\n");
	}
	if (!results_commit(&file, error, sizeof(error))) {
		fprintf(stderr, "gate: %s\n", error);
		return false;
	}
	printf("gate: %zu rows for %s written to %s\n", rows->count, rows->toolchain, path);
	return true;
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

static pid_t start(const char *program, size_t implementation, size_t workload, const char *out)
{
	const char *arguments[48] = {program, "--impl", implementations[implementation], COMMON, "--out", out};
	unsigned count = 0;
	pid_t child;

	while (arguments[count])
		count++;
	for (unsigned i = 0; workloads[workload].arguments[i]; i++)
		arguments[count++] = workloads[workload].arguments[i];
	child = fork();
	if (child == 0) {
		execv(program, (char **)(uintptr_t)arguments);
		fprintf(stderr, "gate: %s: %s; `make gate` builds it\n", program, strerror(errno));
		_exit(127);
	}
	return child;
}

static bool one_ended(const char *program)
{
	int status;

	if (wait(&status) < 0)
		return false;
	if (status != 0)
		fprintf(stderr, "gate: %s ended with status %d\n", program, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return status == 0;
}

static void record_path(char *path, size_t bytes, const char *folder, size_t cell)
{
	snprintf(path, bytes, "%s/%zu.json", folder, cell);
}

/* Runs all cells, as many at a time as there are processors, and adds their rows. */
static bool run_cells(struct rows *rows, const char *program)
{
	char folder[] = "/tmp/capacitor-gate-XXXXXX", path[128], error[OPTIONS_ERROR_BYTES];
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	long most = processors < 1 ? 1 : processors > RUNNING_MAX ? RUNNING_MAX : processors, running = 0;
	struct debuginfo *info = debuginfo_open(program, error, sizeof(error));
	bool good = true;

	if (!info) {
		fprintf(stderr, "gate: %s; `make gate` builds it\n", error);
		return false;
	}
	if (!mkdtemp(folder)) {
		fprintf(stderr, "gate: %s: %s\n", folder, strerror(errno));
		debuginfo_close(info);
		return false;
	}
	for (size_t cell = 0; cell < IMPLEMENTATIONS * WORKLOADS; cell++) {
		if (running == most) {
			good = one_ended(program) && good;
			running--;
		}
		record_path(path, sizeof(path), folder, cell);
		if (start(program, cell / WORKLOADS, cell % WORKLOADS, path) < 0) {
			fprintf(stderr, "gate: %s: %s\n", program, strerror(errno));
			good = false;
		} else {
			running++;
		}
	}
	for (; running > 0; running--)
		good = one_ended(program) && good;
	for (size_t cell = 0; cell < IMPLEMENTATIONS * WORKLOADS; cell++) {
		char name[128];

		snprintf(name, sizeof(name), "%s, %s", implementations[cell / WORKLOADS], workloads[cell % WORKLOADS].name);
		record_path(path, sizeof(path), folder, cell);
		good = good && read_record(rows, path, name, implementations[cell / WORKLOADS], info);
		unlink(path);
	}
	rmdir(folder);
	debuginfo_close(info);
	return good;
}

/* ---- Comparing --------------------------------------------------------------------------------------------------- */

static bool same_counts(const struct row *a, const struct row *b)
{
	return memcmp(a->count, b->count, sizeof(a->count)) == 0;
}

static bool is_operation(const struct row *row)
{
	return strstr(row->key, "\toperation\t") != NULL;
}

/* Its cell, as far as the first tab. */
static bool same_cell(const struct row *a, const struct row *b)
{
	size_t length = strcspn(a->key, "\t");

	return strncmp(a->key, b->key, length + 1) == 0;
}

static void print_change(const char *name, const struct row *before, const struct row *now, const char *where)
{
	static const struct row nothing;
	const char *separator = ": ";

	if (!before)
		before = &nothing;
	if (!now)
		now = &nothing;
	printf("%s", name);
	for (size_t i = 0; i < COUNTS; i++) {
		if (before->count[i] == now->count[i])
			continue;
		printf("%s%s %lld -> %lld", separator, counts[i], before->count[i], now->count[i]);
		separator = ", ";
	}
	printf("%s%s%s\n", *where ? " (" : "", where, *where ? ")" : "");
}

/* The fields of a cell whose counts are not what they were. */
static void print_fields(const struct rows *baseline, const struct rows *today, const struct row *cell)
{
	unsigned shown = 0, more = 0;

	for (unsigned pass = 0; pass < 2; pass++) {
		const struct rows *from = pass == 0 ? today : baseline, *other = pass == 0 ? baseline : today;

		for (size_t i = 0; i < from->count; i++) {
			const struct row *row = &from->row[i], *match;

			if (is_operation(row) || !same_cell(cell, row))
				continue;
			match = find_row(other, row->key);
			if (match && (pass == 1 || same_counts(row, match)))
				continue;
			if (++shown > CHANGES_SHOWN) {
				more++;
				continue;
			}
			printf("    ");
			print_change(strrchr(row->key, '\t') + 1, pass == 0 ? match : row, pass == 0 ? row : NULL, row->where);
		}
	}
	if (more)
		printf("    and %u more\n", more);
}

/* How many operations differ. */
static unsigned compare(const struct rows *baseline, const struct rows *today)
{
	const struct row *cell = NULL;
	unsigned changes = 0;

	for (size_t i = 0; i < today->count; i++) {
		const struct row *row = &today->row[i], *before = find_row(baseline, row->key);
		char name[KEY_BYTES];

		if (!is_operation(row) || (before && same_counts(row, before)))
			continue;
		if (cell && !same_cell(cell, row))
			print_fields(baseline, today, cell);
		cell = row;
		changes++;
		snprintf(name, sizeof(name), "%.*s: %s", (int)strcspn(row->key, "\t"), row->key, strrchr(row->key, '\t') + 1);
		print_change(name, before, row, before ? "" : "not in the baseline");
	}
	if (cell)
		print_fields(baseline, today, cell);
	for (size_t i = 0; i < baseline->count; i++) {
		if (is_operation(&baseline->row[i]) && !find_row(today, baseline->row[i].key)) {
			printf("%s: in the baseline, and no more\n", baseline->row[i].key);
			changes++;
		}
	}
	return changes;
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

enum { BASELINE, SUBJECT, WRITE, HELP, OPTIONS };

static const struct options_known known[] = {
	[BASELINE] = {"--baseline", "FILE", "what to compare with; default: " BASELINE_DEFAULT},
	[SUBJECT] = {"--subject", "PROGRAM", "the observatory's build; default: build/coherence-gcc/subject"},
	[WRITE] = {"--write", NULL, "write today's counts as the baseline, instead of comparing"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

static int judge(const struct rows *today, const char *path)
{
	struct rows baseline = new_rows();
	int status = COMMAND_FAIL;
	unsigned changes, operations = 0;

	if (!read_baseline(&baseline, path))
		goto end;
	changes = compare(&baseline, today);
	for (size_t i = 0; i < today->count; i++)
		operations += is_operation(&today->row[i]);
	if (changes > 0 && strcmp(baseline.toolchain, today->toolchain) != 0)
		printf("gate: the baseline is of %s, this is %s: `make gate ARGS=--write` on the old state tells whether that is "
		       "the difference\n", baseline.toolchain, today->toolchain);
	else if (changes > 0)
		printf("gate: %u operations differ from %s. If that is meant: make gate ARGS=--write, and say why in the commit\n",
		       changes, path);
	else
		printf("gate: %u operations as in %s\n", operations, path);
	status = changes > 0 ? COMMAND_FAIL : COMMAND_OK;
end:
	free(baseline.row);
	return status;
}

int gate_command(int argc, char **argv)
{
	struct options_reader reader = {.command = "gate", .known = known, .argc = argc, .argv = argv, .at = 1};
	const char *baseline = BASELINE_DEFAULT, *program = "build/coherence-gcc/subject";
	struct rows today;
	bool write = false;
	int option, status = COMMAND_FAIL;

	if (options_want_help(argc, argv)) {
		printf("usage: capacitor gate [OPTION...]\n\n"
		       "Compares the coherence misses of every implementation with a baseline, exactly.\n\n");
		options_print(stdout, known);
		printf("\nExit status: 0 when all counts are those of the baseline; 1 when one differs; 2 when an argument was\n"
		       "wrong.\n");
		return COMMAND_OK;
	}
	while ((option = options_read(&reader)) >= 0) {
		if (option == BASELINE)
			baseline = reader.value;
		else if (option == SUBJECT)
			program = reader.value;
		else if (option == WRITE)
			write = true;
	}
	if (option == OPTIONS_ERROR) {
		fprintf(stderr, "%s\n", reader.error);
		return COMMAND_USAGE;
	}
	today = new_rows();
	if (run_cells(&today, program))
		status = write ? (write_baseline(&today, baseline) ? COMMAND_OK : COMMAND_FAIL) : judge(&today, baseline);
	free(today.row);
	return status;
}
