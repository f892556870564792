/* SPDX-License-Identifier: BSD-2-Clause */
/* A table of text; see table.h. */
#include "harness/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *slurp(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	long bytes;

	if (!file)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (bytes = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0) {
		text = malloc((size_t)bytes + 1);
		if (text && fread(text, 1, (size_t)bytes, file) == (size_t)bytes) {
			text[bytes] = '\0';
		} else {
			free(text);
			text = NULL;
		}
	}
	fclose(file);
	return text;
}

bool table_load(struct table *table, const char *path)
{
	return table_parse(table, slurp(path));
}

bool table_parse(struct table *table, char *text)
{
	size_t cells = 0, lines = 0;
	char *rest, *line, *at;

	*table = (struct table){.text = text};
	if (!table->text)
		return false;
	for (at = table->text; *at; at++) {
		cells += *at == '\t' || *at == '\n';
		lines += *at == '\n';
	}
	table->cell = calloc(cells + 1, sizeof *table->cell);
	cells = 0;
	rest = table->text;
	for (size_t i = 0; table->cell && i < lines; i++) {
		size_t from = cells;

		line = strsep(&rest, "\n");
		while ((at = strsep(&line, "\t")))
			table->cell[cells++] = at;
		if (i == 0)
			table->columns = cells;
		else if (cells - from != table->columns)
			break;
		table->rows = i;
	}
	if (!table->cell || lines == 0 || table->rows != lines - 1) {
		table_free(table);
		return false;
	}
	return true;
}

void table_free(struct table *table)
{
	free(table->cell);
	free(table->text);
	*table = (struct table){0};
}

const char *table_column(const struct table *table, size_t column)
{
	return table->cell[column];
}

const char *table_cell(const struct table *table, size_t row, const char *column)
{
	for (size_t i = 0; i < table->columns; i++)
		if (strcmp(table->cell[i], column) == 0)
			return table->cell[(row + 1) * table->columns + i];
	return NULL;
}

bool table_number(const struct table *table, size_t row, const char *column, double *number)
{
	const char *text = table_cell(table, row, column);
	char *end;

	if (!text || !*text)
		return false;
	*number = strtod(text, &end);
	return *end == '\0' && strcmp(text, "-") != 0 && isfinite(*number); /* "nan" measures nothing */
}

size_t table_distinct(const struct table *table, const char *column, const char **values, size_t max)
{
	size_t count = 0;

	for (size_t row = 0; row < table->rows; row++) {
		const char *text = table_cell(table, row, column);
		size_t i = 0;

		if (!text)
			return 0;
		while (i < count && strcmp(values[i], text) != 0)
			i++;
		if (i == count && count < max)
			values[count++] = text;
	}
	return count;
}
