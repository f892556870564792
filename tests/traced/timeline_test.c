/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs: what `traced` records is what the harness counted; `capacitor timeline` refuses what is wrong; asm takes samples.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "build_info.h"
#include "harness/table.h"
#include "tests/traced/trace_events.h"

static char folder[4096]; /* of the build */
static char scratch[] = "/tmp/timeline-test-XXXXXX";

/* Runs a shell command in which $B is the build's folder and $S a scratch folder. Its exit status. */
static int shell(const char *command)
{
	int status;

	setenv("B", folder, 1);
	setenv("S", scratch, 1);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static bool said(const char *text)
{
	char command[512];

	snprintf(command, sizeof command, "grep -q -e \"%s\" $S/said", text);
	return shell(command) == 0;
}

static int setup(void **state)
{
	ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);

	(void)state;
	folder[length] = '\0';
	for (int i = 0; i < 3; i++) /* build/x/tests/traced/y */
		*strrchr(folder, '/') = '\0';
	return mkdtemp(scratch) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return shell("rm -r $S");
}

static uint64_t recorded(const json_t *thread, const char *what)
{
	return (uint64_t)json_integer_value(json_object_get(json_object_get(thread, "recorded"), what));
}

/* Without filling, each operation of the harness is one call. What did not fit is counted, too: this holds however fast or slow
 * the machine is. */
static void what_is_recorded_is_what_was_counted(void **state)
{
	char command[512], path[64], error[256] = "";
	unsigned members = 0;
	const json_t *thread;
	json_t *json;
	size_t i;

	snprintf(command, sizeof command,
	         "$B/traced spans --impl %s --threads %u --keys 1000 --mix 60:30:10 --fill no --warmup 10ms --window 1ms "
	         "--spans 500 --out $S/trace.json >$S/said 2>&1",
	         (const char *)*state, strcmp(*state, "unsync") == 0 ? 1 : 3);
	assert_int_equal(shell(command), 0);
	snprintf(path, sizeof path, "%s/trace.json", scratch);
	json = json_load_file(path, 0, NULL);
	assert_non_null(json);
	if (!trace_events_valid(json, error, sizeof error))
		fail_msg("%s", error);
	json_array_foreach(json_object_get(json_object_get(json, "otherData"), "threads"), i, thread) {
		uint64_t operations = recorded(thread, "get") + recorded(thread, "set") + recorded(thread, "delete");

		if (!json_object_get(thread, "harness_operations"))
			continue;
		members++;
		assert_int_equal(operations, json_integer_value(json_object_get(thread, "harness_operations")));
		assert_int_equal(recorded(thread, "get"), json_integer_value(json_object_get(thread, "harness_gets")));
	}
	assert_int_equal(members, strcmp(*state, "unsync") == 0 ? 1 : 3);
	json_decref(json);
}

/* Every lock that the harness can meet has a name. */
static void locks_have_names(void **state)
{
	char command[512], path[64];
	struct table table;

	snprintf(command, sizeof command, "$B/traced locks --impl %s --threads 3 --keys 1000 --mix 60:30:10 --seconds 20ms "
	         "--out $S/locks.tsv >$S/said 2>&1", (const char *)*state);
	assert_int_equal(shell(command), 0);
	snprintf(path, sizeof path, "%s/locks.tsv", scratch);
	assert_true(table_load(&table, path));
	assert_true(table.rows > 0);
	for (size_t row = 0; row < table.rows; row++) {
		const char *lock = table_cell(&table, row, "lock");

		if (!strchr(lock, '['))
			fail_msg("a lock without a name: %s", lock);
		assert_non_null(strstr(table_cell(&table, row, "site"), " (")); /* a function, not an address */
	}
	assert_false(said("wrong"));
	table_free(&table);
}

static void a_trace_states_what_recording_costs(void **state)
{
	char path[64], error[256] = "";
	const json_t *other;
	json_t *json;

	(void)state;
	assert_int_equal(shell("$B/capacitor timeline sharded --threads 2 --keys 100 --pairs 1 --seconds 10ms --warmup 5ms "
	                       "--window 1ms --out $S/trace.json >$S/said 2>&1"), 0);
	assert_true(said("recording: an operation takes"));
	snprintf(path, sizeof path, "%s/trace.json", scratch);
	json = json_load_file(path, 0, NULL);
	if (!trace_events_valid(json, error, sizeof error))
		fail_msg("%s", error);
	other = json_object_get(json, "otherData");
	assert_true(json_number_value(json_object_get(other, "overhead_ratio")) > 0);
	assert_string_equal(json_string_value(json_object_get(other, "implementation")), "sharded");
	json_decref(json);

	assert_int_equal(shell("$B/capacitor timeline --impl=null --pairs 0 --warmup 5ms --window 0.1ms --out $S/trace.json "
	                       ">$S/said 2>&1"), 0);
	json = json_load_file(path, 0, NULL);
	other = json_object_get(json, "otherData");
	assert_true(strncmp(json_string_value(json_object_get(other, "overhead_ratio")), "unavailable: ", 13) == 0);
	json_decref(json);
}

static void what_is_wrong_is_told(void **state)
{
	static const struct {
		const char *arguments;
		int status;
		const char *said;
	} cases[] = {
		{"", 2, "the implementation is missing"},
		{"rcu,sharded", 2, "a trace is of one implementation"},
		{"--impl", 2, "its value is missing"},
		{"rcu --impl rcu", 2, "given twice"},
		{"nonsense --pairs 1", 2, "'nonsense' is unknown"},
		{"nonsense --pairs 0", 2, "'nonsense' is unknown"},
		{"rcu --threads 1,2 --pairs 0 --keys 100", 2, "a trace is of one point"},
		{"rcu --threads 1,2 --pairs 1 --keys 100 --seconds 10ms", 2, "not of one point"},
		{"rcu --bogus", 2, "is no option"},
		{"rcu --window soon", 2, "wanted is a time"},
		{"rcu --window 1h", 2, "wanted is a time"},
		{"rcu --spans 0", 2, "--spans"},
		{"rcu --pairs 101", 2, "--pairs"},
		{"rcu --repetitions 2", 2, "--repetitions"},
		{"rcu --out /no/such/folder/x.json", 1, "cannot be written"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char command[512];
		int status;

		snprintf(command, sizeof command, "cd $S && $B/capacitor timeline %s >$S/said 2>&1", cases[i].arguments);
		status = shell(command);
		if (status != cases[i].status || !said(cases[i].said)) {
			shell("cat $S/said");
			fail_msg("'%s': status %d", cases[i].arguments, status);
		}
	}
	assert_int_equal(shell("cp $B/capacitor $S && $S/capacitor timeline rcu >$S/said 2>&1"), 3);
	assert_true(said("make timeline"));
	assert_int_equal(shell("$B/capacitor timeline --help >$S/said 2>&1 && $B/traced --help >>$S/said"), 0);
	assert_true(said("usage: traced") && said("usage: capacitor timeline"));
	assert_int_equal(shell("$B/traced >$S/said 2>&1"), 2);
	assert_int_equal(shell("$B/traced locks >$S/said 2>&1"), 2);
	assert_int_equal(shell("$B/traced spans --impl rcu --fact nonsense >$S/said 2>&1"), 2);
}

/* Here rather than with asm's own tests: it runs the program under a profiler. */
static void asm_samples(void **state)
{
	(void)state;
	if (strcmp(BUILD_CONF, "release") != 0 && strcmp(BUILD_CONF, "debug") != 0)
		skip(); /* a sanitizer's runtime wants to be the first library */
	if (shell("$B/capacitor asm sharded get --sample 0.1s >$S/said 2>&1") == 1 && said("libgoogle-perftools4"))
		skip();
	assert_true(said("weights: percent of [1-9]"));
	assert_true(said("sharded_get"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"recorded is what was counted: unsync", what_is_recorded_is_what_was_counted, NULL, NULL, (void *)"unsync"},
		{"recorded is what was counted: rwlock", what_is_recorded_is_what_was_counted, NULL, NULL, (void *)"rwlock"},
		{"recorded is what was counted: sharded", what_is_recorded_is_what_was_counted, NULL, NULL, (void *)"sharded"},
		{"recorded is what was counted: rcu", what_is_recorded_is_what_was_counted, NULL, NULL, (void *)"rcu"},
		{"recorded is what was counted: ck_hs", what_is_recorded_is_what_was_counted, NULL, NULL, (void *)"ck_hs"},
		{"locks have names: rwlock", locks_have_names, NULL, NULL, (void *)"rwlock"},
		{"locks have names: sharded", locks_have_names, NULL, NULL, (void *)"sharded"},
		{"locks have names: rcu", locks_have_names, NULL, NULL, (void *)"rcu"},
		{"locks have names: ck_hs", locks_have_names, NULL, NULL, (void *)"ck_hs"},
		cmocka_unit_test(a_trace_states_what_recording_costs),
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(asm_samples),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
