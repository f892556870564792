/* SPDX-License-Identifier: BSD-2-Clause */
/* Declarations of layouts: what they leave behind, and what `capacitor layout` prints of it. That one which does not hold is
 * an error of the compiler, mk/lint-layouts sees to. */
#include "common/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/implementation.h"
#include "harness/commands.h"
#include "tests/unit/scratch.h"

struct meeting {
	alignas(LINE_PAIR_BYTES) long read;
	long constant;
	alignas(LINE_PAIR_BYTES) struct {
		long count;
	} written;
};

struct elsewhere;

LAYOUT_TOGETHER(struct meeting, read, constant, "why together");
LAYOUT_WITHIN(struct meeting, read, written, 3, "why within");
LAYOUT_SPAN(struct meeting, read, constant, 16, "why span");
LAYOUT_APART(struct meeting, constant, written.count, "why apart");
LAYOUT_OWN_LINES(struct meeting, "why own");
LAYOUT_FOREIGN(struct elsewhere, "why foreign");

/* ---- Records ----------------------------------------------------------------------------------------------------- */

static const struct layout_declaration *declared(const char *why)
{
	const struct layout_declaration *found = NULL;

	for (const struct layout_declaration *const *at = __start_capacitor_layout; at < __stop_capacitor_layout; at++) {
		if (strcmp((*at)->why, why) == 0) {
			assert_null(found);
			found = *at;
		}
	}
	assert_non_null(found);
	return found;
}

static void check_declared(const char *why, enum layout_kind kind, const char *first, const char *last, unsigned amount)
{
	const struct layout_declaration *found = declared(why);

	assert_int_equal(found->kind, kind);
	assert_int_equal(found->amount, amount);
	assert_string_equal(found->file, __FILE__);
	assert_true(found->line > 30 && found->line < 40);
	if (first) {
		assert_string_equal(found->type, "struct meeting");
		assert_string_equal(found->first, first);
		assert_string_equal(found->last, last);
	} else {
		assert_null(found->first);
		assert_null(found->last);
	}
}

static void test_records(void **state)
{
	(void)state;
	check_declared("why together", LAYOUT_IS_TOGETHER, "read", "constant", 2);
	check_declared("why within", LAYOUT_IS_WITHIN, "read", "written", 3);
	check_declared("why span", LAYOUT_IS_SPAN, "read", "constant", 16);
	check_declared("why apart", LAYOUT_IS_APART, "constant", "written.count", 0);
	check_declared("why own", LAYOUT_IS_OWN_LINES, NULL, NULL, 0);
	check_declared("why foreign", LAYOUT_IS_FOREIGN, NULL, NULL, 0);
	assert_string_equal(declared("why own")->type, "struct meeting");
	assert_string_equal(declared("why foreign")->type, "struct elsewhere");
}

/* Outside of the coherence observatory, telling it of objects costs nothing and wants nothing. */
static void test_objects_are_told_to_nobody(void **state)
{
	struct meeting *nowhere = NULL;

	(void)state;
	layout_object(nowhere, struct meeting);
	layout_objects(nowhere, struct meeting, 2 * sizeof *nowhere);
	layout_block(nowhere, struct meeting, 1000);
}

/* ---- The subcommand ---------------------------------------------------------------------------------------------- */

static char *run(int expected, const char *stream, const char *const *arguments)
{
	char *text;

	assert_int_equal(scratch_run(layout_command, arguments), expected);
	text = scratch_read(scratch_path("%s", stream));
	assert_non_null(text);
	return text;
}

#define RUN(expected, stream, ...) run(expected, stream, (const char *const[]){"layout", __VA_ARGS__, NULL})

static void check_has(char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static json_t *find_struct(json_t *document, const char *type)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(document, "structs"), i, item)
		if (strcmp(json_string_value(json_object_get(item, "type")), type) == 0)
			return item;
	return NULL;
}

/* Fields and holes cover every byte once, in order. */
static void check_fields(const json_t *item)
{
	json_int_t end = 0;
	json_t *field;
	size_t i;

	json_array_foreach(json_object_get(item, "fields"), i, field) {
		if (json_is_true(json_object_get(field, "alternative")))
			continue;
		if (!json_object_get(field, "bits"))
			assert_int_equal(json_integer_value(json_object_get(field, "offset")), end);
		end = json_integer_value(json_object_get(field, "offset")) +
		      json_integer_value(json_object_get(field, "bytes"));
	}
	assert_int_equal(end, json_integer_value(json_object_get(item, "bytes")));
}

/* A header leaves a record in every file that includes it; it is shown once. */
static void check_once(const json_t *declarations)
{
	json_t *one, *other;
	size_t i, j;

	json_array_foreach(declarations, i, one)
		json_array_foreach(declarations, j, other)
			assert_true(i == j || !json_equal(one, other));
}

static void test_every_implementation(void **state)
{
	(void)state;
	for (size_t i = 0; capacitor_info(i); i++) {
		char *text = RUN(COMMAND_OK, "stdout", capacitor_info(i)->name, "--json");
		json_t *document = json_loads(text, 0, NULL), *item;
		size_t index;

		assert_non_null(document);
		assert_string_equal(json_string_value(json_object_get(document, "implementation")), capacitor_info(i)->name);
		json_array_foreach(json_object_get(document, "structs"), index, item) {
			json_t *declarations = json_object_get(item, "declarations");

			assert_true(json_array_size(declarations) > 0);
			check_once(declarations);
			if (json_is_true(json_object_get(item, "found")))
				check_fields(item);
			else /* a library's, of which only its own objects know the members */
				assert_string_equal(json_string_value(json_object_get(json_array_get(declarations, 0), "kind")),
				                    "foreign");
		}
		item = find_struct(document, "struct budget");
		assert_non_null(item);
		assert_int_equal(json_integer_value(json_object_get(item, "bytes")), sizeof(struct budget));
		assert_int_equal(json_integer_value(json_object_get(item, "alignment")), alignof(struct budget));
		item = find_struct(document, "struct capacitor");
		assert_non_null(item);
		assert_int_equal(json_integer_value(json_object_get(item, "bytes")), sizeof(struct capacitor));
		json_decref(document);
		free(text);
	}
}

static void test_text(void **state)
{
	char *text = RUN(COMMAND_OK, "stdout", "rcu", "--struct", "budget");

	(void)state;
	check_has(text, "struct budget, common/budget.h:");
	check_has(text, "384 bytes, aligned to 128\n");
	check_has(text, "live_bytes to live_entries in one pair of lines: ");
	check_has(text, "reserve_share and live_bytes in no common pair of lines: ");
	check_has(text, "\n  line 2, pair 1\n     128      8  live_bytes ");
	check_has(text, "(hole)\n");
	check_has(text, "(hole) goes on\n");
	assert_null(strstr(text, "struct shard"));
	free(text);

	/* An implementation's own struct, where several have one of that name. */
	text = RUN(COMMAND_OK, "stdout", "sharded", "--struct", "struct shard");
	check_has(text, "struct shard, impl/sharded/sharded.c:");
	check_has(text, "segment.chains");
	free(text);

	/* One of which nothing is declared. */
	text = RUN(COMMAND_OK, "stdout", "rcu", "--struct", "struct limbo");
	check_has(text, "struct limbo, impl/rcu/rcu.c:");
	check_has(text, "begins anywhere");
	check_has(text, "\n  line 1\n");
	assert_null(strstr(text, "pair"));
	free(text);

	text = RUN(COMMAND_OK, "stdout", "rcu", "--struct=budget", "--line-bytes", "128");
	check_has(text, "\n  line 1\n     128      8  live_bytes ");
	assert_null(strstr(text, "line 1, pair"));
	free(text);
}

static void test_help(void **state)
{
	char *text = RUN(COMMAND_OK, "stdout", "--help");

	(void)state;
	check_has(text, "usage: capacitor layout IMPLEMENTATION");
	check_has(text, "--struct NAME");
	check_has(text, "--line-bytes N");
	check_has(text, "--json");
	free(text);
}

static void check_refused(const char *part, const char *const *arguments)
{
	char *text = run(COMMAND_USAGE, "stderr", arguments);

	check_has(text, "capacitor layout: ");
	check_has(text, part);
	free(text);
}

#define REFUSED(part, ...) check_refused(part, (const char *const[]){"layout", __VA_ARGS__, NULL})

static void test_refused(void **state)
{
	(void)state;
	check_refused("which implementation? They are: ", (const char *const[]){"layout", NULL});
	REFUSED("which implementation? They are: ", "--json");
	REFUSED("rwlock", "rwlocks"); /* what is allowed is told */
	REFUSED("no struct 'nothing' in this program; of rcu something is declared of: struct shard, ", "rcu", "--struct",
	        "nothing");
	REFUSED("it is 64 or 128", "rcu", "--line-bytes", "96");
	REFUSED("it is 64 or 128", "rcu", "--line-bytes", "many");
	REFUSED("--lines", "rcu", "--lines");
	REFUSED("'ck_hs'", "rcu", "ck_hs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_objects_are_told_to_nobody),
		cmocka_unit_test(test_every_implementation),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
