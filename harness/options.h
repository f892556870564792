/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What users type after a subcommand: options, and the lists that are their values.
 *
 * A list is one or more items separated by commas. Every function here either fills its result, or returns false with
 * one line in `error` that names the option, what was given and what is allowed. Nothing is guessed: an empty item, a
 * sign, a number that does not fit, an item given twice are errors.
 */
#ifndef HARNESS_OPTIONS_H
#define HARNESS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "capacitor/cache.h"

#ifdef __cplusplus
extern "C" {
#endif

#define OPTIONS_ERROR_BYTES 512
#define OPTIONS_ITEMS_MAX   64 /* of one list */

/* Numbers, or indices of names. */
struct options_list {
	uint64_t item[OPTIONS_ITEMS_MAX];
	size_t count;
};

struct options_reals {
	double item[OPTIONS_ITEMS_MAX];
	size_t count;
};

/* Shares of get, set and delete in percent; they add up to 100. */
struct options_mix {
	unsigned get_percent, set_percent, delete_percent;
};

struct options_mixes {
	struct options_mix item[OPTIONS_ITEMS_MAX];
	size_t count;
};

/* One number: digits, and with a suffix K, M, G or T times a power of 1024. */
bool options_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *number,
                    char error[OPTIONS_ERROR_BYTES]);

/* Numbers as above. */
bool options_numbers(const char *option, const char *text, uint64_t min, uint64_t max, struct options_list *list,
                     char error[OPTIONS_ERROR_BYTES]);

/* Numbers of threads from 1 to CAPACITOR_THREADS_MAX, and `auto`: 1, 2, 4, ... up to `cores`, and twice `cores`. */
bool options_threads(const char *option, const char *text, unsigned cores, struct options_list *list,
                     char error[OPTIONS_ERROR_BYTES]);

/* Decimal numbers (0.99) from min to max. */
bool options_reals(const char *option, const char *text, double min, double max, struct options_reals *list,
                   char error[OPTIONS_ERROR_BYTES]);

/* A time from min_s to max_s: a decimal number of seconds (0.5, 0.5s) or milliseconds (500ms). */
bool options_seconds(const char *option, const char *text, double min_s, double max_s, double *seconds,
                     char error[OPTIONS_ERROR_BYTES]);

/* Mixes as get:set:delete, 95:4:1. */
bool options_mixes(const char *option, const char *text, struct options_mixes *list, char error[OPTIONS_ERROR_BYTES]);

/* Names out of `names` (ended by NULL), as indices, and `all`. */
bool options_names(const char *option, const char *text, const char *const *names, struct options_list *list,
                   char error[OPTIONS_ERROR_BYTES]);

/* One name out of `names`. */
bool options_name(const char *option, const char *text, const char *const *names, size_t *index,
                  char error[OPTIONS_ERROR_BYTES]);

/* The names that cache.h knows, by their index or number there, ended by NULL. */
const char *const *options_implementations(void);
const char *const *options_policies(void);
const char *const *options_counters(void);
const char *const *options_hashes(void);

/* ---- A subcommand's arguments ------------------------------------------------------------------------------------ */

/* An option that a subcommand knows. The last of a table has no name. */
struct options_known {
	const char *name;     /* "--threads" */
	const char *argument; /* what stands for its value in the help; NULL: it takes none */
	const char *help;     /* lines separated by newlines */
};

struct options_reader {
	const char *command; /* for messages: "bench" */
	const struct options_known *known;
	const char *foreign_prefix; /* options that begin so are another's ("--benchmark_"); NULL: none */
	int argc;
	char **argv;
	int at;            /* the argument that comes next; begin with 1 */
	const char *value; /* of the option that was read, or the foreign option itself */
	char error[OPTIONS_ERROR_BYTES];
};

/* What options_read returns besides an index into `known`. */
#define OPTIONS_END     (-1)
#define OPTIONS_ERROR   (-2)
#define OPTIONS_FOREIGN (-3)

/* Reads the next option, `--name value` or `--name=value`. */
int options_read(struct options_reader *reader);

/* Is --help or -h among the arguments? */
bool options_want_help(int argc, char **argv);

/* Prints a table of options as help. */
void options_print(FILE *stream, const struct options_known *known);

#ifdef __cplusplus
}
#endif

#endif
