/* SPDX-License-Identifier: BSD-2-Clause */
/* How claims came out; see verdict.h. */
#include "harness/verdict.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "harness/tidy.h"

struct interval {
	double low, high;
};

/* The interval of a metric; where a table has none (simulations repeat exactly), the value itself. */
static bool interval_of(const struct table *table, size_t row, const char *metric, struct interval *interval)
{
	char column[128];
	double value;

	if (!table_number(table, row, metric, &value))
		return false;
	*interval = (struct interval){value, value};
	snprintf(column, sizeof column, "%s_low", metric);
	table_number(table, row, column, &interval->low);
	snprintf(column, sizeof column, "%s_high", metric);
	table_number(table, row, column, &interval->high);
	return true;
}

/* The most threads of a point that was not oversubscribed; 0: there is none. */
static double threads_that_fit(const struct table *table)
{
	double most = 0, threads, over;

	for (size_t row = 0; row < table->rows; row++)
		if (table_number(table, row, "threads", &threads) && table_number(table, row, "oversubscribed", &over) &&
		    over == 0 && threads > most)
			most = threads;
	return most;
}

/* Has the row this value of a parameter? */
static bool row_has(const struct table *table, size_t row, const char *parameter, const char *value)
{
	const char *cell = table_cell(table, row, parameter);
	double threads;

	if (strcmp(parameter, "threads") == 0 && strcmp(value, "fit") == 0)
		return table_number(table, row, parameter, &threads) && threads == threads_that_fit(table);
	return cell && strcmp(cell, value) == 0;
}

static bool row_has_all(const struct table *table, size_t row, const json_t *parameters)
{
	const char *parameter;
	json_t *value;

	json_object_foreach((json_t *)parameters, parameter, value)
		if (!json_is_string(value) || !row_has(table, row, parameter, json_string_value(value)))
			return false;
	return true;
}

static bool same_cell(const struct table *table, size_t row, size_t other, const char *column)
{
	const char *cell = table_cell(table, row, column);

	return !cell || strcmp(cell, table_cell(table, other, column)) == 0;
}

/* Is `other` what `row` is to be compared to? It has the parameters of `than`, and all others are the row's. */
static bool is_partner(const struct table *table, size_t row, size_t other, const json_t *than)
{
	if (!row_has_all(table, other, than))
		return false;
	for (size_t i = 0; tidy_parameters[i]; i++)
		if (!json_object_get(than, tidy_parameters[i]) && !same_cell(table, row, other, tidy_parameters[i]))
			return false;
	return json_object_get(than, "source") || same_cell(table, row, other, "source");
}

static bool find_other(const struct table *table, size_t row, const json_t *than, const char *metric,
                       struct interval *interval)
{
	if (json_is_number(than)) {
		*interval = (struct interval){json_number_value(than), json_number_value(than)};
		return true;
	}
	for (size_t other = 0; other < table->rows; other++)
		if (is_partner(table, row, other, than) && interval_of(table, other, metric, interval))
			return true;
	return false;
}

struct verdict verdict_of(const json_t *claim, const struct table *summary)
{
	const char *metric = json_string_value(json_object_get(claim, "metric"));
	const json_t *of = json_object_get(claim, "of"), *except = json_object_get(claim, "except");
	const json_t *below = json_object_get(claim, "below");
	const json_t *than = below ? below : json_object_get(claim, "above");
	const json_t *factor_json = json_object_get(claim, "factor");
	double factor = factor_json ? json_number_value(factor_json) : 1;
	struct verdict verdict = {0, 0, 0};

	if (!metric || !than)
		return verdict;
	for (size_t row = 0; row < summary->rows; row++) {
		struct interval own, other;

		if (!row_has_all(summary, row, of) || (except && row_has_all(summary, row, except)) ||
		    !interval_of(summary, row, metric, &own) || !find_other(summary, row, than, metric, &other))
			continue;
		other.low *= factor;
		other.high *= factor;
		if (below ? own.high < other.low : own.low > other.high)
			verdict.holds++;
		else if (below ? own.low >= other.high : own.high <= other.low)
			verdict.fails++;
		else
			verdict.undecided++;
	}
	return verdict;
}

void verdict_text(const struct verdict *verdict, char *text, size_t text_bytes)
{
	size_t points = verdict->holds + verdict->fails + verdict->undecided, used = 0;
	const struct {
		size_t count;
		const char *what;
	} parts[] = {{verdict->holds, "holds"}, {verdict->fails, "fails"}, {verdict->undecided, "undecided"}};

	if (points == 0)
		snprintf(text, text_bytes, "not measured");
	for (size_t i = 0; points > 0 && i < 3; i++) {
		if (parts[i].count == points && points == 1)
			snprintf(text, text_bytes, "%s", parts[i].what);
		else if (parts[i].count == points)
			snprintf(text, text_bytes, "%s at all %zu points", parts[i].what, points);
		else if (parts[i].count > 0 && used < text_bytes)
			used += (size_t)snprintf(text + used, text_bytes - used, "%s%s at %zu of %zu points", used ? ", " : "",
			                         parts[i].what, parts[i].count, points);
	}
}
