/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any text after an option is a value within the bounds that were asked for, or an error of one line. The first byte
 * chooses the kind of option and its bounds, the rest is the text. Numbers are read a second time here, by strtod: both must
 * agree on what the text means.
 */
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/options.h"

#define OPTION "--option"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes);

static char error[OPTIONS_ERROR_BYTES];

static void fail(const char *what, const char *text)
{
	fprintf(stderr, "options_fuzz: %s: '%s'\n", what, text);
	abort();
}

/* What an error has to be. */
static void check_error(const char *text)
{
	if (!memchr(error, '\0', sizeof error) || strncmp(error, OPTION, strlen(OPTION)) != 0)
		fail("the error does not name the option", text);
	if (strlen(error) < sizeof OPTION + 8)
		fail("the error says nothing", text);
}

static void check_distinct(const struct options_list *list, const char *text)
{
	if (list->count == 0 || list->count > OPTIONS_ITEMS_MAX)
		fail("a list of no items, or of too many", text);
	for (size_t i = 0; i < list->count; i++)
		for (size_t j = 0; j < i; j++)
			if (list->item[i] == list->item[j])
				fail("an item is there twice", text);
}

/* A number by the book, exact up to 2^53: enough to notice another. */
static bool number_of(const char *text, double *number)
{
	static const char suffixes[] = "KMGT";
	char *end;
	const char *suffix;

	if (!isdigit((unsigned char)*text))
		return false;
	*number = strtod(text, &end);
	if (strspn(text, "0123456789") != (size_t)(end - text))
		return false;
	if (*end == '\0')
		return true;
	suffix = strchr(suffixes, toupper((unsigned char)*end));
	if (!suffix || end[1] != '\0')
		return false;
	*number = ldexp(*number, 10 * (int)(suffix - suffixes + 1));
	return true;
}

static void try_number(const char *text, uint64_t min, uint64_t max)
{
	uint64_t number;
	double expected = 0;
	bool valid = number_of(text, &expected);

	if (!options_number(OPTION, text, min, max, &number, error)) {
		check_error(text);
		if (valid && expected > (double)min && expected < (double)max)
			fail("a number within its bounds was refused", text);
	} else if (!valid || number < min || number > max || fabs((double)number - expected) > expected * 1e-15) {
		fail("a number was read as another", text);
	}
}

static void try_numbers(const char *text, uint64_t min, uint64_t max)
{
	struct options_list list;

	if (!options_numbers(OPTION, text, min, max, &list, error)) {
		check_error(text);
		return;
	}
	check_distinct(&list, text);
	for (size_t i = 0; i < list.count; i++)
		if (list.item[i] < min || list.item[i] > max)
			fail("a number is out of its bounds", text);
}

static void try_threads(const char *text, unsigned cores)
{
	struct options_list list;

	if (!options_threads(OPTION, text, cores, &list, error)) {
		check_error(text);
		return;
	}
	check_distinct(&list, text);
	for (size_t i = 0; i < list.count; i++)
		if (list.item[i] < 1 || list.item[i] > CAPACITOR_THREADS_MAX)
			fail("so many threads cannot be", text);
}

static void try_reals(const char *text, double min, double max)
{
	struct options_reals list;

	if (!options_reals(OPTION, text, min, max, &list, error)) {
		check_error(text);
		return;
	}
	if (list.count == 0 || list.count > OPTIONS_ITEMS_MAX)
		fail("a list of no items, or of too many", text);
	for (size_t i = 0; i < list.count; i++)
		if (!(list.item[i] >= min && list.item[i] <= max))
			fail("a number is out of its bounds", text);
}

static void try_seconds(const char *text, double min, double max)
{
	double seconds;

	if (!options_seconds(OPTION, text, min, max, &seconds, error))
		check_error(text);
	else if (!(seconds >= min && seconds <= max))
		fail("a time is out of its bounds", text);
}

static void try_mixes(const char *text)
{
	struct options_mixes list;

	if (!options_mixes(OPTION, text, &list, error)) {
		check_error(text);
		return;
	}
	if (list.count == 0 || list.count > OPTIONS_ITEMS_MAX)
		fail("a list of no items, or of too many", text);
	for (size_t i = 0; i < list.count; i++)
		if (list.item[i].get_percent + list.item[i].set_percent + list.item[i].delete_percent != 100)
			fail("shares that do not add up", text);
}

static void try_names(const char *text, const char *const *names)
{
	struct options_list list;
	size_t count = 0, index;

	while (names[count])
		count++;
	if (options_names(OPTION, text, names, &list, error)) {
		check_distinct(&list, text);
		for (size_t i = 0; i < list.count; i++)
			if (list.item[i] >= count)
				fail("there is no such name", text);
	} else {
		check_error(text);
	}
	if (options_name(OPTION, text, names, &index, error)) {
		if (index >= count || strcmp(names[index], text) != 0)
			fail("another name was found", text);
	} else {
		check_error(text);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes)
{
	char *text;

	if (bytes < 1)
		return -1;
	text = malloc(bytes); /* of just that length, for AddressSanitizer */
	if (!text)
		abort();
	memcpy(text, data + 1, bytes - 1);
	text[bytes - 1] = '\0';
	memset(error, 'x', sizeof error);
	switch (data[0] % 10) {
	case 0: try_number(text, data[0], (uint64_t)1 << data[0] / 4); break;
	case 1: try_number(text, 0, UINT64_MAX); break;
	case 2: try_numbers(text, data[0], (uint64_t)1 << data[0] / 4); break;
	case 3: try_threads(text, 1 + data[0] * 5u); break;
	case 4: try_reals(text, data[0] / 64, data[0]); break;
	case 5: try_seconds(text, data[0] / 128, data[0]); break;
	case 6: try_mixes(text); break;
	case 7: try_names(text, options_implementations()); break;
	case 8: try_names(text, data[0] & 16 ? options_policies() : options_counters()); break;
	case 9: try_names(text, options_hashes()); break;
	}
	free(text);
	return 0;
}
