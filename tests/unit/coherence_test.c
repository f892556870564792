/* SPDX-License-Identifier: BSD-2-Clause */
/* The observatory's commands, as far as they go without it: what they refuse, and that they say why. .ci/run has the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/coherence_names.h"
#include "harness/commands.h"
#include "tests/unit/scratch.h"

static int coherence(const char *option, const char *value)
{
	const char *const argv[] = {"coherence", "--out", scratch_path("out"), option, value, NULL};

	return scratch_run(coherence_command, argv);
}

static void wrong_arguments_are_refused(void **state)
{
	static const char *const wrong[][2] = {
		{"--threads", "129"},    {"--threads", "0"},        {"--line-bytes", "96"},  {"--shift-bytes", "12"},
		{"--schedule", "later"}, {"--impl", "nonesuch"},    {"--mix", "90:9:2"},     {"--counters", "padded,padded"},
		{"--operations", "0"},   {"--nonesuch", "1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(coherence(wrong[i][0], wrong[i][1]), COMMAND_USAGE);
}

static void a_missing_subject_is_told(void **state)
{
	(void)state;
	assert_int_equal(coherence("--subject", scratch_path("nothing")), COMMAND_FAIL);
}

static void the_gate_wants_a_baseline_and_a_subject(void **state)
{
	const char *const argv[] = {"gate", "--subject", scratch_path("nothing"), NULL};

	(void)state;
	assert_int_equal(scratch_run(gate_command, argv), COMMAND_FAIL);
	assert_int_equal(scratch_run(gate_command, (const char *const[]){"gate", "--nonesuch", NULL}), COMMAND_USAGE);
}

/* A type that the tests' own debug information has. */
struct example {
	long first;
	struct {
		int second;
		int third;
	} inner;
};
static struct example example = {1, {2, 3}};

static void fields_and_objects_get_names(void **state)
{
	struct debuginfo *info = debuginfo_open("/proc/self/exe", (char[256]){0}, 256);
	json_t *item = json_pack("{s:s, s:i}", "type", "struct example", "offset", 8);
	json_t *nameless = json_object(), *stack = json_pack("{s:s, s:i}", "kind", "stack", "core", 3);
	char text[DEBUGINFO_TEXT_BYTES], line[DEBUGINFO_TEXT_BYTES];

	(void)state;
	assert_int_equal(example.inner.third, 3);
	assert_non_null(info);
	coherence_name_field(info, item, "rcu", text, sizeof text);
	assert_string_equal(text, "struct example.inner.{second, third}");
	coherence_name_field(info, nameless, "rcu", text, sizeof text);
	assert_string_equal(text, "memory without a name");
	coherence_name_object(info, stack, "rcu", 64, text, sizeof text);
	assert_string_equal(text, "stack of core 3");
	coherence_name_code(info, 0, text, sizeof text, line, sizeof line);
	assert_string_equal(text, "code that is not seen");
	json_decref(item);
	json_decref(nameless);
	json_decref(stack);
	debuginfo_close(info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(wrong_arguments_are_refused, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_missing_subject_is_told, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(the_gate_wants_a_baseline_and_a_subject, scratch_setup, scratch_teardown),
		cmocka_unit_test(fields_and_objects_get_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
