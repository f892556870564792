/* SPDX-License-Identifier: BSD-2-Clause */
/* A table of text with named columns, tab separated. */
#ifndef HARNESS_TABLE_H
#define HARNESS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table {
	char *text; /* all cells point into it */
	char **cell;
	size_t columns;
	size_t rows; /* without the header */
};

/* False: no such file, no memory, or a row whose number of cells differs from the header's. */
bool table_load(struct table *table, const char *path);
/* The same of a text from malloc, which becomes the table's. */
bool table_parse(struct table *table, char *text);
void table_free(struct table *table);

/* The cell of a named column; NULL: there is no such column. */
const char *table_cell(const struct table *table, size_t row, const char *column);

/* The number in it; false: there is no such column, or it holds no number. */
bool table_number(const struct table *table, size_t row, const char *column, double *number);

const char *table_column(const struct table *table, size_t column);

/* How many different texts a column holds, 0 without such a column; the first `max` of them, in order of appearance. */
size_t table_distinct(const struct table *table, const char *column, const char **values, size_t max);

#endif
