/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coherence misses of two commits, by the baselines that they keep for `make gate`; see regress.h.
 *
 * These counts are exact and the same on every machine, so that one miss more is more. They hold for a toolchain; those of
 * different ones are not compared.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/regress.h"
#include "harness/table.h"

#define BASELINE   "coherence/baseline.tsv"
#define TOOLCHAIN  "# toolchain: "

/* Transactions: why a core had to fetch a line, or to have it for itself. */
static const char *const misses[] = {"true", "late", "false", "cold", "upgrade_true", "upgrade_false"};

struct baseline {
	struct table table;
	char toolchain[256];
};

/* Takes the text: its first lines are about the toolchain, the others a table. */
static bool parse(struct baseline *baseline, char *text)
{
	char *rest = text, *copy;

	baseline->toolchain[0] = '\0';
	if (!text)
		return false;
	while (*rest == '#') {
		if (strncmp(rest, TOOLCHAIN, strlen(TOOLCHAIN)) == 0)
			snprintf(baseline->toolchain, sizeof baseline->toolchain, "%.*s",
			         (int)strcspn(rest + strlen(TOOLCHAIN), "\n"), rest + strlen(TOOLCHAIN));
		rest += strcspn(rest, "\n");
		rest += *rest == '\n';
	}
	copy = malloc(strlen(rest) + 2);
	if (copy)
		sprintf(copy, "%s%s", rest, *rest && rest[strlen(rest) - 1] == '\n' ? "" : "\n");
	free(text);
	return table_parse(&baseline->table, copy);
}

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "r"), *out;
	char buffer[65536], *text = NULL;
	size_t bytes, got;

	if (!file)
		return NULL;
	out = open_memstream(&text, &bytes);
	while (out && (got = fread(buffer, 1, sizeof buffer, file)) > 0)
		fwrite(buffer, 1, got, out);
	if (out)
		fclose(out);
	fclose(file);
	return text;
}

static double misses_of(const struct table *table, size_t row)
{
	double sum = 0, count;

	for (size_t i = 0; i < sizeof misses / sizeof misses[0]; i++)
		sum += table_number(table, row, misses[i], &count) ? count : NAN;
	return sum;
}

static bool is_operation(const struct table *table, size_t row)
{
	const char *what = table_cell(table, row, "what");

	return what && strcmp(what, "operation") == 0;
}

/* The row of the same cell and operation; table->rows: there is none. */
static size_t find(const struct table *table, const struct table *other, size_t row)
{
	for (size_t i = 0; i < table->rows; i++)
		if (is_operation(table, i) && strcmp(table_cell(table, i, "cell"), table_cell(other, row, "cell")) == 0 &&
		    strcmp(table_cell(table, i, "name"), table_cell(other, row, "name")) == 0)
			return i;
	return table->rows;
}

/* Is our baseline true? Where the observatory is built, the gate tells. */
static bool gate_is_green(FILE *text, const char *root)
{
	char subject[REGRESS_PATH_BYTES], own[REGRESS_PATH_BYTES], baseline[REGRESS_PATH_BYTES];
	int status;

	snprintf(subject, sizeof subject, "%.4000s/build/coherence-gcc/subject", root);
	snprintf(baseline, sizeof baseline, "%.4000s/" BASELINE, root);
	if (access(subject, X_OK) != 0) {
		fputs("coherence: " BASELINE " is taken at its word: the observatory is not built (make gate)\n", text);
		return true;
	}
	snprintf(own, sizeof own, "/proc/%ld/exe", (long)getpid());
	status = regress_program((const char *const[]){own, "gate", "--subject", subject, "--baseline", baseline, NULL}, NULL,
	                         NULL, NULL,
	                         600);
	if (status != 0)
		fputs("MISSES MORE OR LESS  " BASELINE " is not what this tree's build does: make gate tells what differs\n", text);
	return status == 0;
}

static size_t compare_rows(FILE *table, FILE *text, const struct baseline *base, const struct baseline *new)
{
	size_t worse = 0, same = 0;

	for (size_t row = 0; row < new->table.rows; row++) {
		size_t before = is_operation(&new->table, row) ? find(&base->table, &new->table, row) : base->table.rows;
		double was, is;

		if (before == base->table.rows)
			continue;
		was = misses_of(&base->table, before);
		is = misses_of(&new->table, row);
		same++;
		fprintf(table, "coherence\t%s: %s\tmisses\t%.9g\t%.9g\t-\t-\t-\t-\t-\t%s\n", table_cell(&new->table, row, "cell"),
		        table_cell(&new->table, row, "name"), was, is,
		        is > was ? "misses more" : is < was ? "misses less" : "same");
		if (!(is > was))
			continue;
		worse++;
		fprintf(text, "MISSES MORE  %s: %s: %.0f -> %.0f coherence transactions\n", table_cell(&new->table, row, "cell"),
		        table_cell(&new->table, row, "name"), was, is);
	}
	fprintf(text, "coherence: %zu operations compared, %zu miss more often\n", same, worse);
	return worse;
}

size_t regress_coherence(FILE *table, FILE *text, const char *root, const char *commit, bool *known)
{
	struct baseline base = {.toolchain = ""}, new = {.toolchain = ""};
	char object[256], path[REGRESS_PATH_BYTES];
	const char *why = NULL;
	size_t worse = 0;

	*known = false;
	snprintf(object, sizeof object, "%.64s:" BASELINE, commit);
	snprintf(path, sizeof path, "%.4000s/" BASELINE, root);
	if (!parse(&base, regress_capture((const char *const[]){"git", "-C", root, "show", object, NULL})))
		why = "the baseline's commit keeps none";
	else if (!parse(&new, read_text(path)))
		why = "there is no " BASELINE " here, or it is no table";
	else if (strcmp(base.toolchain, new.toolchain) != 0)
		why = "they were counted with different toolchains";
	if (why) {
		fprintf(text, "coherence: unavailable: %s\n", why);
		fprintf(table, "coherence\tall\tmisses\t-\t-\t-\t-\t-\t-\t-\tunavailable: %s\n", why);
	} else {
		*known = true;
		worse = compare_rows(table, text, &base, &new) + !gate_is_green(text, root);
	}
	table_free(&base.table);
	table_free(&new.table);
	return worse;
}
