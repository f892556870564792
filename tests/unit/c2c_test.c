/* SPDX-License-Identifier: BSD-2-Clause */
/* c2c and stat around a perf of our own: what it is asked, and what is said when it cannot, or is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "harness/commands.h"
#include "tests/unit/scratch.h"

static char *path_before, *tmpdir_before;

static int set_up(void **state)
{
	path_before = strdup(getenv("PATH"));
	tmpdir_before = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
	return scratch_setup(state);
}

static int tear_down(void **state)
{
	setenv("PATH", path_before, 1);
	if (tmpdir_before)
		setenv("TMPDIR", tmpdir_before, 1);
	else
		unsetenv("TMPDIR");
	free(path_before);
	free(tmpdir_before);
	return scratch_teardown(state);
}

/* Puts a program perf into a folder of the scratch, before or instead of the PATH's others. */
static void install(const char *script, bool alone)
{
	char path[SCRATCH_PATH_BYTES + 64];

	scratch_folder(scratch_path("bin"));
	scratch_folder(scratch_path("tmp"));
	if (script) {
		scratch_write(scratch_path("bin/perf"), script);
		assert_int_equal(chmod(scratch_path("bin/perf"), 0755), 0);
	}
	snprintf(path, sizeof path, "%s%s", scratch_path("bin"), alone ? "" : ":/usr/bin:/bin");
	assert_int_equal(setenv("PATH", path, 1), 0);
	assert_int_equal(setenv("TMPDIR", scratch_path("tmp"), 1), 0);
	assert_int_equal(setenv("PERF_LOG", scratch_path("log"), 1), 0);
}

static int run(int (*command)(int, char **), const char *name, const char *first, const char *second, const char *third)
{
	const char *const argv[] = {name, first, second, third, NULL};
	int status = scratch_run(command, argv);

	assert_int_equal(scratch_entries(scratch_path("tmp")), 0); /* nothing is left behind */
	return status;
}

static void assert_said(const char *file, const char *what)
{
	char *text = scratch_read(scratch_path("%s", file));

	assert_non_null(text);
	if (!strstr(text, what))
		fail_msg("%s has no \"%s\": %s", file, what, text);
	free(text);
}

#define LOGS "#!/bin/sh\necho \"$*\" >>\"$PERF_LOG\"\n"

static void test_works(void **state)
{
	(void)state;
	install(LOGS "[ \"$2\" != report ] || echo the report\n", false);
	assert_int_equal(run(c2c_command, "c2c", "rcu", "--threads", "3"), COMMAND_OK);
	assert_said("log", "c2c record -o ");
	assert_said("log", "-- true\n"); /* perf was asked first */
	assert_said("log", "bench --impl rcu --repetitions 1 --threads 3\n");
	assert_said("log", "c2c report -i ");
	assert_said("stdout", "the report");
	assert_int_equal(run(stat_command, "stat", "sharded", "--mix", "0:100:0"), COMMAND_OK);
	assert_said("log", "stat -d -- /");
	assert_said("log", "bench --impl sharded --repetitions 1 --threads ");
	assert_said("log", "--mix 0:100:0\n");
}

/* The program that perf is to run is this one, not perf, which /proc/self/exe would be once it runs. */
static void test_runs_this_program(void **state)
{
	char *text;

	(void)state;
	install(LOGS, false);
	assert_int_equal(run(stat_command, "stat", "rcu", NULL, NULL), COMMAND_OK);
	text = scratch_read(scratch_path("log"));
	assert_null(strstr(text, "/proc/self/exe"));
	assert_non_null(strstr(text, "c2c_test bench"));
	free(text);
}

static void test_no_hardware(void **state)
{
	(void)state;
	install("#!/bin/sh\necho one line >&2\necho failed: memory events not supported >&2\nexit 255\n", false);
	assert_int_equal(run(c2c_command, "c2c", "rcu", NULL, NULL), COMMAND_UNAVAILABLE);
	assert_said("stderr", "exit status 255: failed: memory events not supported");
	assert_said("stderr", "pmu: ");
	assert_said("stderr", "perf_event_paranoid: ");
	assert_said("stderr", "capacitor coherence --impl rcu");
}

/* perf stat succeeds where nothing is counted. */
static void test_counts_nothing(void **state)
{
	(void)state;
	install("#!/bin/sh\necho '   <not supported>      cycles:u' >&2\n", false);
	assert_int_equal(run(stat_command, "stat", "rcu", NULL, NULL), COMMAND_UNAVAILABLE);
	assert_said("stderr", "perf counts no cycles");
	assert_said("stderr", "capacitor bench --impl rcu");
}

static void test_no_perf(void **state)
{
	(void)state;
	install(NULL, true);
	assert_int_equal(run(c2c_command, "c2c", "rcu", NULL, NULL), COMMAND_UNAVAILABLE);
	assert_said("stderr", "linux-perf");
	assert_said("stderr", "capacitor coherence");
}

/* It works on nothing, and fails on the point. */
static void test_point_fails(void **state)
{
	(void)state;
	install("#!/bin/sh\ncase \"$*\" in *nonsense*) exit 2;; *bench*) exit 1;; esac\n", false);
	assert_int_equal(run(c2c_command, "c2c", "rcu", NULL, NULL), COMMAND_FAIL);
	assert_said("stderr", "perf ended with exit status 1");
	assert_int_equal(run(stat_command, "stat", "rcu", "--nonsense", NULL), COMMAND_USAGE); /* as bench said */
}

static void test_arguments(void **state)
{
	(void)state;
	install(LOGS, false);
	assert_int_equal(run(c2c_command, "c2c", NULL, NULL, NULL), COMMAND_USAGE);
	assert_said("stderr", "sharded");
	assert_int_equal(run(stat_command, "stat", "nonesuch", NULL, NULL), COMMAND_USAGE);
	assert_said("stderr", "nonesuch");
	assert_int_equal(run(stat_command, "stat", "--help", NULL, NULL), COMMAND_OK);
	assert_said("stdout", "usage: capacitor stat IMPL");
	assert_false(scratch_exists(scratch_path("log")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_works, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_runs_this_program, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_hardware, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_counts_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_perf, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_point_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_arguments, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("c2c and stat", tests, NULL, NULL);
}
