/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doctor on machines that are made up file by file: a clean one, of which it finds no fault in what comes from files, and
 * for each rule one that differs from it in a file or two, and in nothing but the verdict of that rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness/commands.h"
#include "harness/doctor.h"
#include "harness/environment.h"
#include "tests/unit/scratch.h"

#define CPU "sys/devices/system/cpu/"
#define CLOCK "sys/devices/system/clocksource/clocksource0/"

struct plant {
	const char *path, *text; /* text NULL: the file is not there */
};

static const struct plant clean[] = {
	{CPU "cpu0/cpufreq/scaling_governor", "performance\n"},
	{CPU "cpu1/cpufreq/scaling_governor", "performance\n"},
	{CPU "cpu0/cpufreq/cpuinfo_max_freq", "3600000\n"},
	{CPU "cpu1/cpufreq/cpuinfo_max_freq", "3600000\n"},
	{CPU "intel_pstate/no_turbo", "1\n"},
	{CPU "cpu0/thermal_throttle/core_throttle_count", "0\n"},
	{CPU "cpu1/thermal_throttle/core_throttle_count", "0\n"},
	{CPU "vulnerabilities/spectre_v2", "Mitigation: Retpolines\n"},
	{CPU "vulnerabilities/meltdown", "Not affected\n"},
	{CPU "isolated", "\n"},
	{CPU "nohz_full", "(null)\n"},
	{"sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"},
	{CLOCK "current_clocksource", "tsc\n"},
	{CLOCK "available_clocksource", "tsc hpet acpi_pm\n"},
	{"sys/fs/cgroup/cpu.max", "max 100000\n"},
	{"sys/fs/cgroup/memory.max", "max\n"},
	{"proc/self/cgroup", "0::/\n"},
	{"proc/loadavg", "0.10 0.20 0.30 1/200 4711\n"},
	{"proc/stat", "cpu  1000 0 500 90000 100 0 10 20 0 0\n"},
	{"proc/meminfo", "MemTotal: 65536000 kB\nMemAvailable: 60000000 kB\nSwapTotal: 1000 kB\nSwapFree: 1000 kB\n"
			 "HugePages_Total: 0\nHugepagesize: 2048 kB\n"},
	{"proc/cmdline", "root=/dev/vda1 quiet\n"},
	{"proc/sys/kernel/randomize_va_space", "2\n"},
	{"proc/sys/kernel/perf_event_paranoid", "2\n"},
	{"proc/sys/kernel/numa_balancing", "0\n"},
};

/* What is judged by these files alone, whatever machine the test runs on. */
static const char *const judged[] = {"cpu limit", "governor", "turbo", "speeds", "throttling", "numa balancing", "memory",
                                     "huge pages", "huge pages reserved", "mitigations", "perf", "isolation", "load"};

static void plant(const struct plant *file)
{
	char path[SCRATCH_PATH_BYTES];

	strcpy(path, scratch_path("%s", file->path));
	if (!file->text) {
		assert_int_equal(remove(path), 0);
		return;
	}
	for (char *slash = strstr(path, "capacitor test."); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		mkdir(path, 0777);
		*slash = '/';
	}
	scratch_write(path, file->text);
}

static int plant_clean(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	for (size_t i = 0; i < sizeof clean / sizeof clean[0]; i++)
		plant(&clean[i]);
	return 0;
}

static void replant(const char *path)
{
	for (size_t i = 0; i < sizeof clean / sizeof clean[0]; i++)
		if (strcmp(clean[i].path, path) == 0) {
			plant(&clean[i]);
			return;
		}
	assert_int_equal(remove(scratch_path("%s", path)), 0);
}

static const char *part(const json_t *result, const char *key)
{
	const char *text = json_string_value(json_object_get(result, key));

	return text ? text : "";
}

static json_t *checks_of_planted(void)
{
	json_t *items = environment_planted(scratch_path("."));
	json_t *results = doctor_checks(items);

	json_decref(items);
	assert_non_null(results);
	return results;
}

static const json_t *find(const json_t *results, const char *item)
{
	json_t *result;
	size_t i;

	json_array_foreach(results, i, result)
		if (strcmp(part(result, "item"), item) == 0)
			return result;
	fail_msg("there is no check of %s", item);
	return NULL;
}

static void test_clean(void **state)
{
	json_t *results = checks_of_planted();

	(void)state;
	for (size_t i = 0; i < sizeof judged / sizeof judged[0]; i++) {
		const json_t *result = find(results, judged[i]);

		if (strcmp(part(result, "verdict"), "ok") != 0)
			fail_msg("%s: %s: %s", judged[i], part(result, "verdict"), part(result, "reason"));
	}
	json_decref(results);
}

static const struct {
	struct plant plant[2];
	const char *item, *verdict, *value, *fix, *undo; /* fix and undo NULL: there is no command */
} faults[] = {
	{{{"sys/fs/cgroup/cpu.max", "50000 100000\n"}}, "cpu limit", "warn", "0.5", NULL, NULL},
	{{{CPU "cpu1/cpufreq/scaling_governor", "powersave\n"}}, "governor", "warn", "performance, powersave",
	 "sudo cpupower frequency-set -g performance", "sudo cpupower frequency-set -g performance"},
	{{{CPU "cpu0/cpufreq/scaling_governor", NULL}, {CPU "cpu1/cpufreq/scaling_governor", NULL}}, "governor", "no",
	 "unavailable", NULL, NULL},
	{{{CPU "intel_pstate/no_turbo", "0\n"}}, "turbo", "warn", "on", "echo 1 | sudo tee ", "echo 0 | sudo tee "},
	{{{CPU "intel_pstate/no_turbo", NULL}, {CPU "cpufreq/boost", "1\n"}}, "turbo", "warn", "on", "echo 0 | sudo tee ",
	 "echo 1 | sudo tee "},
	{{{CPU "intel_pstate/no_turbo", NULL}}, "turbo", "no", "unavailable", NULL, NULL},
	{{{CPU "cpu1/cpufreq/cpuinfo_max_freq", "2400000\n"}}, "speeds", "warn", "2400 to 3600 MHz", NULL, NULL},
	/* the one of a processor that is switched off is not there: the others count all the same */
	{{{CPU "cpu0/thermal_throttle/core_throttle_count", NULL}, {CPU "cpu1/thermal_throttle/core_throttle_count", "7\n"}},
	 "throttling", "warn", "7 times", NULL, NULL},
	{{{CPU "cpu0/thermal_throttle/core_throttle_count", NULL}, {CPU "cpu1/thermal_throttle/core_throttle_count", NULL}},
	 "throttling", "no", "unavailable", NULL, NULL},
	{{{"sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n"}}, "huge pages", "warn", "always",
	 "echo madvise | sudo tee ", "echo always | sudo tee "},
	{{{"sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"}}, "huge pages", "warn", "never",
	 "echo madvise | sudo tee ", "echo never | sudo tee "},
	{{{"proc/meminfo", "MemAvailable: 60000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\nHugePages_Total: 1000000000\n"
			   "Hugepagesize: 2048 kB\n"}}, "huge pages reserved", "warn", "TiB", NULL, NULL},
	{{{"proc/meminfo", "MemAvailable: 60000000 kB\nSwapTotal: 1000 kB\nSwapFree: 400 kB\nHugePages_Total: 0\n"
			   "Hugepagesize: 2048 kB\n"}}, "memory", "warn", "available", "sudo swapoff -a", "sudo swapon -a"},
	{{{"proc/meminfo", "MemAvailable: 60000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\nHugePages_Total: 0\n"
			   "Hugepagesize: 2048 kB\n"}}, "memory", "warn", "58.59 MiB available", NULL, NULL},
	{{{"sys/fs/cgroup/memory.max", "1073741824\n"}}, "memory", "warn", "group 1 GiB", NULL, NULL},
	{{{"proc/loadavg", "3.5 2 1 1/200 4711\n"}}, "load", "warn", "3.5", "ps ", "it only shows"},
	{{{"proc/stat", "cpu  1000 0 500 9000 100 0 10 2000 0 0\n"}}, "steal", "warn", "15.9 % since boot", NULL, NULL},
	{{{"proc/cmdline", "quiet mitigations=off\n"}}, "mitigations", "warn", "off", NULL, NULL},
	{{{CLOCK "current_clocksource", "hpet\n"}}, "clock", "warn", "hpet", "echo tsc | sudo tee ", "echo hpet | sudo tee "},
	/* where the kernel found the time stamp counter unstable, it is no advice */
	{{{CLOCK "current_clocksource", "hpet\n"}, {CLOCK "available_clocksource", "hpet acpi_pm\n"}}, "clock", "warn", "hpet",
	 NULL, NULL},
	{{{"proc/sys/kernel/perf_event_paranoid", "4\n"}}, "perf", "warn", "4", "sudo sysctl kernel.perf_event_paranoid=2",
	 "sudo sysctl kernel.perf_event_paranoid=4"},
	{{{"proc/sys/kernel/randomize_va_space", "0\n"}}, "aslr", "warn", "off", NULL, NULL},
	{{{"proc/self/cgroup", NULL}}, "cpu limit", "ok", "no control group seen", NULL, NULL},
};

/* The planted fault changes the verdict of its item, and no other's. */
static void test_faults(void **state)
{
	json_t *sound = checks_of_planted(), *result;

	(void)state;
	for (size_t f = 0; f < sizeof faults / sizeof faults[0]; f++) {
		json_t *results;
		size_t i;

		for (size_t p = 0; p < 2 && faults[f].plant[p].path; p++)
			plant(&faults[f].plant[p]);
		results = checks_of_planted();
		json_array_foreach(results, i, result) {
			const char *item = part(result, "item"), *verdict = part(find(sound, item), "verdict");

			if (strcmp(item, faults[f].item) == 0)
				verdict = faults[f].verdict;
			/* What the clock costs is measured, here and now. */
			if (strcmp(part(result, "verdict"), verdict) != 0 &&
			    (strcmp(item, "clock") != 0 || strcmp(item, faults[f].item) == 0))
				fail_msg("fault %zu: %s is %s, not %s", f, item, part(result, "verdict"), verdict);
		}
		result = (json_t *)find(results, faults[f].item);
		if (!strstr(part(result, "value"), faults[f].value))
			fail_msg("fault %zu: %s: no %s in the value %s", f, faults[f].item, faults[f].value, part(result, "value"));
		if (strcmp(faults[f].verdict, "ok") != 0)
			assert_true(*part(result, "reason") && *part(result, "change"));
		assert_int_equal(json_object_get(result, "fix") != NULL, faults[f].fix != NULL);
		if (faults[f].fix && (!strstr(part(result, "fix"), faults[f].fix) || !strstr(part(result, "undo"), faults[f].undo)))
			fail_msg("fault %zu: fix %s, undo %s", f, part(result, "fix"), part(result, "undo"));
		json_decref(results);
		for (size_t p = 0; p < 2 && faults[f].plant[p].path; p++)
			replant(faults[f].plant[p].path);
	}
	json_decref(sound);
}

/* Nodes are this machine's, by hwloc: so the environment is made up for the rule that wants two of them. */
static void test_numa_balancing(void **state)
{
	static const char *const levels[] = {"0\n", "1\n"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct plant level = {"proc/sys/kernel/numa_balancing", levels[i]};
		json_t *items, *results;

		plant(&level);
		items = environment_planted(scratch_path("."));
		json_object_set_new(items, "numa_nodes", json_integer(2));
		results = doctor_checks(items);
		assert_string_equal(part(find(results, "numa balancing"), "verdict"), i ? "warn" : "ok");
		assert_string_equal(part(find(results, "numa balancing"), "value"), i ? "on" : "off");
		assert_string_equal(part(find(results, "numa balancing"), "fix"), i ? "sudo sysctl kernel.numa_balancing=0" : "");
		json_decref(results);
		json_decref(items);
	}
	replant("proc/sys/kernel/numa_balancing");
}

/* Threads that lose time where no processor is isolated; not where some are, nor where threads are left alone. */
static void test_isolation(void **state)
{
	static const struct {
		const char *isolated;
		double lost_percent;
		const char *verdict;
	} cases[] = {{"\n", 0.1, "ok"}, {"\n", 5, "warn"}, {"1-7\n", 5, "ok"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct plant isolated = {CPU "isolated", cases[i].isolated};
		json_t *items, *results;

		plant(&isolated);
		items = environment_planted(scratch_path("."));
		json_object_set_new(items, "jitter_lost_percent", json_real(cases[i].lost_percent));
		json_object_set_new(items, "jitter_longest_ns", json_real(1e4));
		results = doctor_checks(items);
		assert_string_equal(part(find(results, "isolation"), "verdict"), cases[i].verdict);
		json_decref(results);
		json_decref(items);
	}
	replant(CPU "isolated");
}

/* The command with these options, the last of them --sysroot. */
static int run(const char *first, const char *second, const char *third)
{
	const char *argv[] = {"doctor", first, second, third ? third : scratch_path("."), third ? scratch_path(".") : NULL, NULL};

	return scratch_run(doctor_command, argv);
}

/* The command: a script that the shell can read, JSON, and the exit status. */
static void test_command(void **state)
{
	const struct plant turbo = {CPU "intel_pstate/no_turbo", "0\n"};
	char *text, command[SCRATCH_PATH_BYTES + 64];
	json_t *whole;

	(void)state;
	plant(&turbo);
	assert_int_equal(run("--fix", "--sysroot", NULL), 0);
	text = scratch_read(scratch_path("stdout"));
	assert_non_null(strstr(text, "# turbo: on\n# why: "));
	assert_non_null(strstr(text, "\nif [ -e "));
	free(text);
	snprintf(command, sizeof command, "sh -n '%s'", scratch_path("stdout"));
	assert_int_equal(system(command), 0);

	assert_int_equal(run("--strict", "--json", "--sysroot"), 1);
	whole = json_load_file(scratch_path("stdout"), 0, NULL);
	assert_string_equal(part(find(json_object_get(whole, "checks"), "turbo"), "verdict"), "warn");
	json_decref(whole);
	assert_int_equal(run("--json", "--sysroot", NULL), 0);

	assert_int_equal(scratch_run(doctor_command, (const char *[]){"doctor", "--sysroot", "/nowhere/at/all", NULL}), 2);
	assert_int_equal(scratch_run(doctor_command, (const char *[]){"doctor", "--sysroot", NULL}), 2);
	assert_int_equal(scratch_run(doctor_command, (const char *[]){"doctor", "--json", "--fix", NULL}), 2);
	replant(CPU "intel_pstate/no_turbo");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),     cmocka_unit_test(test_faults),  cmocka_unit_test(test_numa_balancing),
		cmocka_unit_test(test_isolation), cmocka_unit_test(test_command),
	};

	return cmocka_run_group_tests_name("doctor", tests, plant_clean, scratch_teardown);
}
