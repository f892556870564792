/* SPDX-License-Identifier: BSD-2-Clause */
/* Histories: what calls do to the state of their key, as a table; and histories for a person to read. */
#include "history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const call_names[HISTORY_CALLS] = {
	[HISTORY_GET] = "get",         [HISTORY_CONTAINS] = "contains", [HISTORY_SET] = "set",   [HISTORY_ADD] = "add",
	[HISTORY_REPLACE] = "replace", [HISTORY_DELETE] = "delete",     [HISTORY_LOAD] = "load",
};

const char *history_call_string(enum history_call call)
{
	return (unsigned)call < HISTORY_CALLS ? call_names[call] : "unknown call";
}

const uint8_t history_effects[HISTORY_CALLS][CAPACITOR_RESULTS] = {
	[HISTORY_GET] = {[CAPACITOR_HIT] = HISTORY_READS, [CAPACITOR_MISS] = HISTORY_ABSENT},
	[HISTORY_CONTAINS] = {[CAPACITOR_HIT] = HISTORY_PRESENT, [CAPACITOR_MISS] = HISTORY_ABSENT},
	[HISTORY_SET] = {[CAPACITOR_STORED] = HISTORY_PUTS},
	[HISTORY_ADD] = {[CAPACITOR_STORED] = HISTORY_ADDS, [CAPACITOR_EXISTS] = HISTORY_PRESENT},
	[HISTORY_REPLACE] = {[CAPACITOR_STORED] = HISTORY_RENEWS, [CAPACITOR_MISS] = HISTORY_ABSENT},
	[HISTORY_DELETE] = {[CAPACITOR_HIT] = HISTORY_REMOVES, [CAPACITOR_MISS] = HISTORY_ABSENT},
	[HISTORY_LOAD] = {[CAPACITOR_HIT] = HISTORY_READS, [CAPACITOR_STORED] = HISTORY_ADDS, [CAPACITOR_MISS] = HISTORY_ABSENT},
};

/* ---- Printing ---------------------------------------------------------------------------------------------------- */

/* Columns of the picture: as many as there are different times, up to this; beyond, several times share a column. */
#define PICTURE_COLUMNS 48

static int by_invocation(const void *a, const void *b)
{
	const struct history_operation *x = a, *y = b;

	if (x->invoked != y->invoked)
		return x->invoked < y->invoked ? -1 : 1;
	return x->thread < y->thread ? -1 : x->thread > y->thread;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The different times of the operations, in order; returns how many. */
static size_t times_of(const struct history_operation *operations, size_t count, uint64_t *times)
{
	size_t different = 0;

	for (size_t i = 0; i < count; i++) {
		times[2 * i] = operations[i].invoked;
		times[2 * i + 1] = operations[i].returned;
	}
	qsort(times, 2 * count, sizeof *times, by_number);
	for (size_t i = 0; i < 2 * count; i++)
		if (different == 0 || times[different - 1] != times[i])
			times[different++] = times[i];
	return different;
}

static size_t column_of(uint64_t time, const uint64_t *times, size_t different)
{
	const uint64_t *found = bsearch(&time, times, different, sizeof *times, by_number);
	size_t rank = (size_t)(found - times);

	return different <= PICTURE_COLUMNS ? rank : rank * PICTURE_COLUMNS / different;
}

static void print_value(FILE *out, uint64_t value)
{
	if (value)
		fprintf(out, " %16" PRIu64, value);
	else
		fprintf(out, " %16s", "-");
}

static void print_operation(FILE *out, const struct history_operation *operation, const uint64_t *times, size_t different)
{
	bool writes = operation->call == HISTORY_SET || operation->call == HISTORY_ADD || operation->call == HISTORY_REPLACE ||
	              operation->call == HISTORY_LOAD;
	bool reads = history_effect(operation) == HISTORY_READS;
	size_t from = column_of(operation->invoked, times, different), to = column_of(operation->returned, times, different);
	char picture[PICTURE_COLUMNS + 1] = "";

	memset(picture, ' ', from);
	memset(picture + from, '=', to - from + 1);
	if (to > from) {
		picture[from] = '[';
		picture[to] = ']';
	}
	fprintf(out, "%6u  %-8s %6" PRIu32, operation->thread, history_call_string(operation->call), operation->key);
	print_value(out, writes ? operation->written : 0);
	print_value(out, reads ? operation->read : 0);
	fprintf(out, "  %-10s %10" PRIu64 " %10" PRIu64 "  %s\n", capacitor_result_string(operation->result),
	        operation->invoked - times[0], operation->returned - times[0], picture);
}

static void print_initial(FILE *out, const struct history *history)
{
	fprintf(out, "%s model; before: ", history->model == HISTORY_STRICT ? "strict" : "evicting");
	for (size_t i = 0; i < history->initials; i++) {
		if (history->initial[i] == HISTORY_ANY)
			fprintf(out, "%sunknown", i ? " or " : "");
		else if (history->initial[i] == 0)
			fprintf(out, "%sabsent", i ? " or " : "");
		else
			fprintf(out, "%s%" PRIu64, i ? " or " : "", history->initial[i]);
	}
	fputc('\n', out);
}

void history_print(FILE *out, const struct history *history)
{
	size_t count = history->count, different;
	struct history_operation *sorted = malloc((count + 1) * sizeof *sorted);
	uint64_t *times = malloc((2 * count + 1) * sizeof *times);

	print_initial(out, history);
	fprintf(out, "%6s  %-8s %6s %16s %16s  %-10s %10s %10s\n", "thread", "call", "key", "writes", "read", "result", "invoked",
	        "returned");
	if (sorted && times && count > 0) {
		memcpy(sorted, history->operations, count * sizeof *sorted);
		qsort(sorted, count, sizeof *sorted, by_invocation);
		different = times_of(sorted, count, times);
		for (size_t i = 0; i < count; i++)
			print_operation(out, &sorted[i], times, different);
	}
	free(sorted);
	free(times);
}
