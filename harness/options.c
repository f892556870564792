/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What users type; see options.h.
 *
 * Each list is cut at its commas, and each item parsed by a function of its kind, so that all lists treat empty,
 * repeated and surplus items alike.
 */
#include "harness/options.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_BYTES 96

__attribute__((format(printf, 2, 3))) static bool fail(char error[OPTIONS_ERROR_BYTES], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, OPTIONS_ERROR_BYTES, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- Items ------------------------------------------------------------------------------------------------------- */

/* Digits and a suffix of size. False: not of that form, or above 2^64 - 1. */
static bool parse_number(const char *text, uint64_t *number)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	uint64_t value = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return false;
	if (*text != '\0') {
		suffix = strchr(suffixes, toupper((unsigned char)*text));
		if (!suffix || text[1] != '\0')
			return false;
		for (const char *power = suffixes; power <= suffix; power++)
			if (__builtin_mul_overflow(value, (uint64_t)1024, &value))
				return false;
	}
	*number = value;
	return true;
}

/* Digits with at most one point among them, and then nothing or `*end`. No sign, no exponent, no "inf" or "nan". */
static bool parse_real(const char *text, double *number, const char **end)
{
	size_t length = strspn(text, "0123456789.");
	char digits[32];

	if (length == 0 || length >= sizeof(digits) || !isdigit((unsigned char)text[0]) ||
	    !isdigit((unsigned char)text[length - 1]))
		return false;
	memcpy(digits, text, length);
	digits[length] = '\0';
	if (strchr(digits, '.') != strrchr(digits, '.'))
		return false;
	*number = strtod(digits, NULL);
	*end = text + length;
	return true;
}

/*
 * Takes the next item of a list off `*rest`. `*rest` is NULL after the last. False: an empty item, or one longer than
 * anything that could be right.
 */
static bool next_item(const char *option, const char *whole, const char **rest, char item[ITEM_BYTES],
                      char error[OPTIONS_ERROR_BYTES])
{
	size_t length = strcspn(*rest, ",");

	if (length == 0)
		return fail(error, "%s '%.80s': an item of the list is empty; items are separated by single commas",
		            option, whole);
	if (length >= ITEM_BYTES)
		return fail(error, "%s: the item '%.40s...' is too long", option, *rest);
	memcpy(item, *rest, length);
	item[length] = '\0';
	*rest = (*rest)[length] == ',' ? *rest + length + 1 : NULL;
	return true;
}

static bool add_number(const char *option, const char *item, uint64_t number, struct options_list *list,
                       char error[OPTIONS_ERROR_BYTES])
{
	for (size_t i = 0; i < list->count; i++)
		if (list->item[i] == number)
			return fail(error, "%s: '%s' is in the list twice", option, item);
	if (list->count == OPTIONS_ITEMS_MAX)
		return fail(error, "%s: the list has more than %d items", option, OPTIONS_ITEMS_MAX);
	list->item[list->count++] = number;
	return true;
}

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

bool options_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *number,
                    char error[OPTIONS_ERROR_BYTES])
{
	if (parse_number(text, number) && *number >= min && *number <= max)
		return true;
	return fail(error,
	            "%s '%.80s': wanted is a number from %" PRIu64 " to %" PRIu64 " (K, M, G, T: times powers of 1024)",
	            option, text, min, max);
}

bool options_numbers(const char *option, const char *text, uint64_t min, uint64_t max, struct options_list *list,
                     char error[OPTIONS_ERROR_BYTES])
{
	char item[ITEM_BYTES];
	uint64_t number;

	list->count = 0;
	for (const char *rest = text; rest;)
		if (!next_item(option, text, &rest, item, error) ||
		    !options_number(option, item, min, max, &number, error) ||
		    !add_number(option, item, number, list, error))
			return false;
	return true;
}

bool options_threads(const char *option, const char *text, unsigned cores, struct options_list *list,
                     char error[OPTIONS_ERROR_BYTES])
{
	char item[ITEM_BYTES];
	uint64_t number;

	list->count = 0;
	if (strcmp(text, "auto") == 0) {
		uint64_t twice =
			(uint64_t)cores * 2 < CAPACITOR_THREADS_MAX ? (uint64_t)cores * 2 : CAPACITOR_THREADS_MAX;

		for (uint64_t threads = 1; threads < cores && threads < twice; threads *= 2)
			list->item[list->count++] = threads;
		if (cores < twice)
			list->item[list->count++] = cores;
		list->item[list->count++] = twice;
		return true;
	}
	for (const char *rest = text; rest;) {
		if (!next_item(option, text, &rest, item, error))
			return false;
		if (!parse_number(item, &number) || number < 1 || number > CAPACITOR_THREADS_MAX)
			return fail(error,
			            "%s '%s': wanted are numbers of threads from 1 to %d, or 'auto' alone "
			            "(1, 2, 4 ... all %u cores, "
			            "and twice that)",
			            option, item, CAPACITOR_THREADS_MAX, cores);
		if (!add_number(option, item, number, list, error))
			return false;
	}
	return true;
}

bool options_reals(const char *option, const char *text, double min, double max, struct options_reals *list,
                   char error[OPTIONS_ERROR_BYTES])
{
	char item[ITEM_BYTES];
	const char *end;
	double number;

	list->count = 0;
	for (const char *rest = text; rest;) {
		if (!next_item(option, text, &rest, item, error))
			return false;
		if (!parse_real(item, &number, &end) || *end != '\0' || number < min || number > max)
			return fail(error, "%s '%s': wanted is a number from %g to %g, such as 0.99", option, item, min,
			            max);
		for (size_t i = 0; i < list->count; i++)
			if (list->item[i] == number)
				return fail(error, "%s: '%s' is in the list twice", option, item);
		if (list->count == OPTIONS_ITEMS_MAX)
			return fail(error, "%s: the list has more than %d items", option, OPTIONS_ITEMS_MAX);
		list->item[list->count++] = number;
	}
	return true;
}

bool options_seconds(const char *option, const char *text, double min_s, double max_s, double *seconds,
                     char error[OPTIONS_ERROR_BYTES])
{
	const char *unit;
	double number;

	if (parse_real(text, &number, &unit) && (*unit == '\0' || strcmp(unit, "s") == 0 || strcmp(unit, "ms") == 0)) {
		*seconds = strcmp(unit, "ms") == 0 ? number / 1000 : number;
		if (*seconds >= min_s && *seconds <= max_s)
			return true;
	}
	return fail(error, "%s '%.80s': wanted is a time from %gs to %gs, such as 0.5, 2s or 250ms", option, text,
	            min_s, max_s);
}

bool options_mixes(const char *option, const char *text, struct options_mixes *list, char error[OPTIONS_ERROR_BYTES])
{
	char item[ITEM_BYTES];

	list->count = 0;
	for (const char *rest = text; rest;) {
		struct options_mix mix;
		unsigned share[3];
		int length = 0;

		if (!next_item(option, text, &rest, item, error))
			return false;
		/* The lengths in the format keep signs, blanks and overflow out; isdigit keeps "+5" out. */
		if (strspn(item, "0123456789:") != strlen(item) ||
		    sscanf(item, "%3u:%3u:%3u%n", &share[0], &share[1], &share[2], &length) != 3 ||
		    item[length] != '\0' || share[0] + share[1] + share[2] != 100)
			return fail(error,
			            "%s '%s': wanted are percentages get:set:delete that add up to 100, such as 95:4:1",
			            option, item);
		mix = (struct options_mix){share[0], share[1], share[2]};
		for (size_t i = 0; i < list->count; i++)
			if (list->item[i].get_percent == mix.get_percent &&
			    list->item[i].set_percent == mix.set_percent)
				return fail(error, "%s: '%s' is in the list twice", option, item);
		if (list->count == OPTIONS_ITEMS_MAX)
			return fail(error, "%s: the list has more than %d items", option, OPTIONS_ITEMS_MAX);
		list->item[list->count++] = mix;
	}
	return true;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static bool unknown_name(const char *option, const char *item, const char *const *names, bool all,
                         char error[OPTIONS_ERROR_BYTES])
{
	size_t used;

	fail(error, "%s: '%s' is unknown; allowed:", option, item);
	for (; *names; names++) {
		used = strlen(error);
		snprintf(error + used, OPTIONS_ERROR_BYTES - used, " %s", *names);
	}
	used = strlen(error);
	snprintf(error + used, OPTIONS_ERROR_BYTES - used, "%s", all ? ", or 'all'" : "");
	return false;
}

static bool find_name(const char *text, const char *const *names, size_t *index)
{
	for (*index = 0; names[*index]; ++*index)
		if (strcmp(names[*index], text) == 0)
			return true;
	return false;
}

bool options_names(const char *option, const char *text, const char *const *names, struct options_list *list,
                   char error[OPTIONS_ERROR_BYTES])
{
	char item[ITEM_BYTES];
	size_t index;

	list->count = 0;
	if (strcmp(text, "all") == 0) {
		for (index = 0; names[index] && index < OPTIONS_ITEMS_MAX; index++)
			list->item[list->count++] = index;
		return true;
	}
	for (const char *rest = text; rest;) {
		if (!next_item(option, text, &rest, item, error))
			return false;
		if (!find_name(item, names, &index))
			return unknown_name(option, item, names, true, error);
		if (!add_number(option, item, index, list, error))
			return false;
	}
	return true;
}

bool options_name(const char *option, const char *text, const char *const *names, size_t *index,
                  char error[OPTIONS_ERROR_BYTES])
{
	if (find_name(text, names, index))
		return true;
	return unknown_name(option, text, names, false, error);
}

const char *const *options_implementations(void)
{
	static const char *names[OPTIONS_ITEMS_MAX + 1];
	const struct capacitor_info *info;

	for (size_t i = 0; i < OPTIONS_ITEMS_MAX && (info = capacitor_info(i)); i++)
		names[i] = info->name;
	return names;
}

const char *const *options_policies(void)
{
	static const char *names[CAPACITOR_POLICIES + 1];

	for (unsigned i = 0; i < CAPACITOR_POLICIES; i++)
		names[i] = capacitor_policy_string((enum capacitor_policy)i);
	return names;
}

const char *const *options_counters(void)
{
	static const char *names[CAPACITOR_COUNTER_LAYOUTS + 1];

	for (unsigned i = 0; i < CAPACITOR_COUNTER_LAYOUTS; i++)
		names[i] = capacitor_counters_string((enum capacitor_counters)i);
	return names;
}

/* cache.h has no strings for these, because programs choose them in their source. */
const char *const *options_hashes(void)
{
	static const char *const names[] = {
		[CAPACITOR_HASH_SIPHASH] = "siphash", [CAPACITOR_HASH_XXH3] = "xxh3", [CAPACITOR_HASH_XXH3 + 1] = NULL};

	return names;
}

/* ---- A subcommand's arguments ------------------------------------------------------------------------------------ */

static int unknown_option(struct options_reader *reader, const char *argument)
{
	size_t used;

	fail(reader->error, "'%.60s' is no %s of %s; its options:", argument,
	     strncmp(argument, "--", 2) == 0 ? "option" : "argument", reader->command);
	for (const struct options_known *known = reader->known; known->name; known++) {
		used = strlen(reader->error);
		snprintf(reader->error + used, sizeof(reader->error) - used, " %s", known->name);
	}
	used = strlen(reader->error);
	if (reader->foreign_prefix)
		snprintf(reader->error + used, sizeof(reader->error) - used, " %s...", reader->foreign_prefix);
	return OPTIONS_ERROR;
}

int options_read(struct options_reader *reader)
{
	const char *argument;

	if (reader->at >= reader->argc)
		return OPTIONS_END;
	argument = reader->argv[reader->at++];
	if (reader->foreign_prefix && strncmp(argument, reader->foreign_prefix, strlen(reader->foreign_prefix)) == 0) {
		reader->value = argument;
		return OPTIONS_FOREIGN;
	}
	for (int i = 0; reader->known[i].name; i++) {
		const struct options_known *known = &reader->known[i];
		size_t length = strlen(known->name);

		if (strncmp(argument, known->name, length) != 0 ||
		    (argument[length] != '\0' && argument[length] != '='))
			continue;
		reader->value = argument[length] == '=' ? argument + length + 1 : NULL;
		if (!known->argument && reader->value)
			return fail(reader->error, "%s takes no value", known->name), OPTIONS_ERROR;
		if (known->argument && !reader->value) {
			if (reader->at >= reader->argc)
				return fail(reader->error, "%s: its value %s is missing", known->name, known->argument),
				       OPTIONS_ERROR;
			reader->value = reader->argv[reader->at++];
		}
		return i;
	}
	return unknown_option(reader, argument);
}

bool options_want_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

void options_print(FILE *stream, const struct options_known *known)
{
	for (; known->name; known++) {
		const char *line = known->help;
		int column = fprintf(stream, "  %s%s%s", known->name, known->argument ? " " : "",
		                     known->argument ? known->argument : "");

		if (column > 24)
			fprintf(stream, "\n%26s", "");
		else
			fprintf(stream, "%*s", 26 - column, "");
		for (const char *end; (end = strchr(line, '\n')); line = end + 1)
			fprintf(stream, "%.*s\n%26s", (int)(end - line), line, "");
		fprintf(stream, "%s\n", line);
	}
}
