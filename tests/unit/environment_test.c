/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The environment: every item that results promise is there, is a figure or "unavailable: reason", and agrees with
 * another source where there is one. The doctor: each verdict is provoked by an environment made up for it.
 */
#include "harness/environment.h"

#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/commands.h"
#include "harness/doctor.h"

static json_t *environment;

static int get_environment(void **state)
{
	(void)state;
	environment = environment_json();
	return environment ? 0 : -1;
}

static int free_environment(void **state)
{
	(void)state;
	json_decref(environment);
	return 0;
}

/* ---- Items ------------------------------------------------------------------------------------------------------- */

static void test_items_are_there(void **state)
{
	static const char *const keys[] = {
		"cpu_model", "packages", "numa_nodes", "cores", "hardware_threads", "threads_allowed",
		"cpu_limit_cores", "smt", "l1d_bytes", "l2_bytes", "l3_bytes", "l3_caches", "cache_line_bytes",
		"hypervisor", "governor", "turbo", "cpu_max_mhz", "cpu_max_mhz_slowest", "throttles_since_boot",
		"huge_pages_reserved_bytes", "clock_sources", "tickless_cpus", "mitigations", "memory_bytes", "memory_limit_bytes",
		"memory_available_bytes", "swap_used_bytes", "page_bytes", "transparent_huge_pages", "aslr",
		"load_1min", "steal_percent", "steal_since_boot_percent", "busy_percent", "clock_source",
		"clock_read_ns", "pmu", "perf_event_paranoid", "membarrier", "kernel", "os", "isolated_cpus",
		"numa_balancing", "compiler", "cflags", "build_configuration", "git_commit", "git_dirty",
		"libc_version", "liburcu_version", "ck_version", "benchmark_version", "benchmark_build_type",
		"sodium_version", "xxhash_version", "hwloc_version", "hwloc_api_version", "jansson_version",
		"zstd_version", "lzma_version", "zlib_version", "time_utc",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!json_object_get(environment, keys[i]))
			fail_msg("the item %s is missing", keys[i]);
	assert_int_equal(json_object_size(environment), sizeof(keys) / sizeof(keys[0]));
}

static void test_items_are_figures_or_reasons(void **state)
{
	const char *key;
	json_t *item;

	(void)state;
	json_object_foreach(environment, key, item) {
		const char *text = json_string_value(item);

		if (json_is_number(item)) {
			assert_true(isfinite(json_number_value(item)));
		} else if (!text || !*text || strchr(text, '\n')) {
			fail_msg("the item %s is neither a number nor a line", key);
		} else if (strncmp(text, "unavailable", 11) == 0) {
			assert_memory_equal(text, "unavailable: ", 13);
			assert_true(strlen(text) > 20);
		}
	}
}

static void check_integer(const char *key, long long expected)
{
	const json_t *item = json_object_get(environment, key);

	assert_true(json_is_integer(item));
	assert_int_equal(json_integer_value(item), expected);
}

static void test_items_agree_with_other_sources(void **state)
{
	struct utsname name;
	cpu_set_t set;
	const char *type = json_string_value(json_object_get(environment, "benchmark_build_type"));
	double steal = json_number_value(json_object_get(environment, "steal_percent"));
	double busy = json_number_value(json_object_get(environment, "busy_percent"));

	(void)state;
	assert_int_equal(uname(&name), 0);
	assert_non_null(strstr(json_string_value(json_object_get(environment, "kernel")), name.release));
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	check_integer("threads_allowed", CPU_COUNT(&set));
	check_integer("memory_bytes", (long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
	assert_in_range(environment_memory_bytes(), 1,
	                json_integer_value(json_object_get(environment, "memory_bytes")));
	assert_true(strcmp(type, "debug") == 0 || strcmp(type, "release") == 0);
	assert_true(steal >= 0 && steal <= 100 && busy >= 0 && busy <= 100);
	assert_true(json_number_value(json_object_get(environment, "clock_read_ns")) > 0);
}

/* The affinity of the process is asked at the call, not once. */
static void test_affinity_is_seen(void **state)
{
	cpu_set_t before, one;
	json_t *narrow;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	narrow = environment_json();
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(json_integer_value(json_object_get(narrow, "threads_allowed")), 1);
	json_decref(narrow);
}

/* ---- The doctor -------------------------------------------------------------------------------------------------- */

/* A machine without a fault. JSON wants double quotes, which C wants escaped; single ones read better. */
static const char healthy[] =
	"{'cores': 8, 'hardware_threads': 8, 'threads_allowed': 8, 'cpu_limit_cores': 'none', 'packages': 1,"
	" 'numa_nodes': 1, 'smt': 'off: one hardware thread per core', 'l1d_bytes': 32768, 'l2_bytes': 1048576,"
	" 'l3_bytes': 33554432, 'l3_caches': 1, 'hypervisor': 'none', 'governor': 'performance', 'turbo': 'off',"
	" 'memory_bytes': 68719476736, 'memory_limit_bytes': 'none', 'memory_available_bytes': 60000000000,"
	" 'swap_used_bytes': 0, 'transparent_huge_pages': 'madvise', 'aslr': 'on', 'load_1min': 0.1,"
	" 'busy_percent': 1.0, 'steal_percent': 0.0, 'steal_since_boot_percent': 0.0, 'clock_source': 'tsc',"
	" 'clock_read_ns': 20.0, 'pmu': 'available', 'membarrier': 'available', 'benchmark_version': '1.7.1',"
	" 'benchmark_build_type': 'release', 'build_configuration': 'release', 'compiler': 'gcc',"
	" 'git_commit': '0123456789ab', 'git_dirty': 'no', 'isolated_cpus': '1-7', 'numa_balancing': 'off',"
	" 'jitter_lost_percent': 0.1, 'jitter_longest_ns': 50000.0, 'throttles_since_boot': 0, 'tickless_cpus': '1-7',"
	" 'cpu_max_mhz': 3600.0, 'cpu_max_mhz_slowest': 3600.0, 'mitigations': 'on: 3 of 5 kinds', 'clock_sources': 'tsc hpet',"
	" 'perf_event_paranoid': 2, 'huge_pages_reserved_bytes': 0}";

static json_t *from_single_quotes(const char *text)
{
	char *copy = strdup(text);
	json_t *value;

	for (char *letter = copy; *letter; letter++)
		if (*letter == '\'')
			*letter = '"';
	value = json_loads(copy, JSON_DECODE_ANY, NULL);
	free(copy);
	assert_non_null(value);
	return value;
}

static const char *part(const json_t *result, const char *key)
{
	const char *text = json_string_value(json_object_get(result, key));

	return text ? text : "";
}

static void test_doctor_finds_no_fault(void **state)
{
	json_t *items = from_single_quotes(healthy), *results = doctor_checks(items), *result;
	size_t i;

	(void)state;
	assert_true(json_array_size(results) > 10);
	json_array_foreach(results, i, result) {
		if (strcmp(part(result, "verdict"), "ok") != 0)
			fail_msg("%s: %s - %s", part(result, "item"), part(result, "verdict"), part(result, "reason"));
		assert_true(*part(result, "value") != '\0');
		assert_null(json_object_get(result, "reason"));
	}
	json_decref(results);
	json_decref(items);
}

/* One fault each: the item's verdict changes, with a reason and a change, and no other item's. */
static void test_doctor_finds_each_fault(void **state)
{
	static const struct {
		const char *key;
		const char *value;
		const char *item;
		const char *verdict;
		const char *words; /* in the value, the reason or the change */
	} faults[] = {
		{"threads_allowed", "1", "cores", "warn", "take turns"},
		{"threads_allowed", "4", "cores", "warn", "widen the processor set"},
		{"threads_allowed", "'unavailable: sched_getaffinity: no'", "cores", "no", "sched_getaffinity"},
		{"cpu_limit_cores", "2.5", "cpu limit", "warn", "raise cpu.max"},
		{"l3_bytes", "'unavailable: hwloc finds no L3 cache'", "topology", "no", "hidden"},
		{"numa_nodes", "2", "topology", "warn", "numactl"},
		{"smt", "'on: 16 hardware threads on 8 cores'", "smt", "warn", "smt/control"},
		{"smt", "'unavailable: hwloc finds no cores'", "smt", "no", "hwloc finds no cores"},
		{"hypervisor", "'KVMKVMKVM'", "hypervisor", "warn", "real hardware"},
		{"governor", "'powersave'", "governor", "warn", "frequency-set -g performance"},
		{"governor", "'performance, powersave'", "governor", "warn", "frequency-set -g performance"},
		{"governor", "'unavailable: no driver'", "governor", "no", "no driver"},
		{"turbo", "'on'", "turbo", "warn", "no_turbo"},
		{"turbo", "'unavailable: nobody tells'", "turbo", "no", "nobody tells"},
		{"load_1min", "0.9", "load", "warn", "compete"},
		{"busy_percent", "30.0", "load", "warn", "compete"},
		{"steal_percent", "2.0", "steal", "warn", "hypervisor"},
		{"steal_since_boot_percent", "2.0", "steal", "warn", "hypervisor"},
		{"steal_percent", "'unavailable: stands still'", "steal", "no", "stands still"},
		{"memory_available_bytes", "1073741824", "memory", "warn", "below 2 GiB"},
		{"memory_limit_bytes", "1073741824", "memory", "warn", "below 2 GiB"},
		{"swap_used_bytes", "4096", "memory", "warn", "swapoff"},
		{"transparent_huge_pages", "'always'", "huge pages", "warn", "echo madvise"},
		{"transparent_huge_pages", "'never'", "huge pages", "warn", "echo madvise"},
		{"transparent_huge_pages", "'unavailable: absent'", "huge pages", "no", "absent"},
		{"aslr", "'off for this process'", "aslr", "warn", "setarch"},
		{"clock_read_ns", "800.0", "clock", "warn", "drown"},
		{"clock_source", "'unavailable: absent'", "clock", "no", "absent"},
		{"membarrier", "'unavailable: not implemented'", "membarrier", "no", "fence"},
		{"pmu", "'unavailable: no counters'", "pmu", "no", "no counters"},
		{"benchmark_build_type", "'debug'", "libbenchmark", "warn", "debug build"},
		{"benchmark_build_type", "'unavailable: untold'", "libbenchmark", "no", "untold"},
		{"build_configuration", "'asan'", "build", "warn", "make CONF=release"},
		{"jitter_lost_percent", "4.0", "jitter", "warn", "stop other load"},
		{"jitter_longest_ns", "5e6", "jitter", "warn", "taken off"},
		{"throttles_since_boot", "7", "throttling", "warn", "heat"},
		{"numa_balancing", "'on'", "numa balancing", "ok", "on"},
		{"cpu_max_mhz_slowest", "2000.0", "speeds", "warn", "taskset"},
		{"mitigations", "'off'", "mitigations", "warn", "cheaper"},
		{"perf_event_paranoid", "3", "perf", "warn", "root only"},
		{"huge_pages_reserved_bytes", "60000000000", "huge pages reserved", "warn", "nr_hugepages"},
		{"git_dirty", "'yes'", "commit", "warn", "commit, then build"},
		{"git_dirty", "'unknown'", "commit", "no", "git clone"},
	};

	(void)state;
	for (size_t f = 0; f < sizeof(faults) / sizeof(faults[0]); f++) {
		json_t *items = from_single_quotes(healthy), *results, *result;
		size_t i, found = 0;

		json_object_set_new(items, faults[f].key, from_single_quotes(faults[f].value));
		results = doctor_checks(items);
		json_array_foreach(results, i, result) {
			bool meant = strcmp(part(result, "item"), faults[f].item) == 0;

			if (strcmp(part(result, "verdict"), meant ? faults[f].verdict : "ok") != 0)
				fail_msg("%s = %s: %s is %s", faults[f].key, faults[f].value, part(result, "item"),
				         part(result, "verdict"));
			if (!meant)
				continue;
			found++;
			assert_true(strcmp(faults[f].verdict, "ok") == 0 ||
			            (*part(result, "reason") != '\0' && *part(result, "change") != '\0'));
			if (!strstr(part(result, "reason"), faults[f].words) &&
			    !strstr(part(result, "change"), faults[f].words) &&
			    !strstr(part(result, "value"), faults[f].words))
				fail_msg("%s = %s: nothing says %s", faults[f].key, faults[f].value, faults[f].words);
		}
		assert_int_equal(found, 1);
		json_decref(results);
		json_decref(items);
	}
}

/* The command that changes what was found, and the one that puts back what was there before. */
static void test_doctor_knows_commands(void **state)
{
	static const struct {
		const char *key, *value, *item, *fix, *undo;
	} faults[] = {
		{"governor", "'powersave, performance'", "governor", "sudo cpupower frequency-set -g performance",
		 "sudo cpupower frequency-set -g powersave"},
		{"smt", "'on: 16 hardware threads on 8 cores'", "smt", "echo off | sudo tee /sys/devices/system/cpu/smt/control",
		 "echo on | sudo tee /sys/devices/system/cpu/smt/control"},
		{"transparent_huge_pages", "'always'", "huge pages",
		 "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
		 "echo always | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"},
		{"swap_used_bytes", "4096", "memory", "sudo swapoff -a", "sudo swapon -a"},
	};

	(void)state;
	for (size_t f = 0; f < sizeof(faults) / sizeof(faults[0]); f++) {
		json_t *items = from_single_quotes(healthy), *results, *result;
		size_t i;

		json_object_set_new(items, faults[f].key, from_single_quotes(faults[f].value));
		results = doctor_checks(items);
		json_array_foreach(results, i, result) {
			bool meant = strcmp(part(result, "item"), faults[f].item) == 0;

			assert_string_equal(part(result, "fix"), meant ? faults[f].fix : "");
			assert_string_equal(part(result, "undo"), meant ? faults[f].undo : "");
		}
		json_decref(results);
		json_decref(items);
	}
}

/* Runs the command with stdout in a file; what it wrote. The caller frees it. */
static char *run_doctor(int argc, char **argv, int *status)
{
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	char *text;
	long bytes;

	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	*status = doctor_command(argc, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	bytes = lseek(fileno(file), 0, SEEK_END);
	rewind(file);
	text = calloc(1, (size_t)bytes + 1);
	assert_int_equal(fread(text, 1, (size_t)bytes, file), bytes);
	fclose(file);
	return text;
}

static void test_doctor_command(void **state)
{
	char name[] = "doctor", json[] = "--json", wrong[] = "--jsn", fix[] = "--fix", *as_script[] = {name, fix, NULL};
	char *plain[] = {name, NULL}, *as_json[] = {name, json, NULL}, *misspelt[] = {name, wrong, NULL};
	char *text;
	json_t *whole;
	int status;

	(void)state;
	text = run_doctor(1, plain, &status);
	assert_int_equal(status, 0);
	assert_non_null(strstr(text, "libbenchmark: "));
	assert_non_null(strstr(text, " no\n"));
	free(text);
	text = run_doctor(2, as_json, &status);
	assert_int_equal(status, 0);
	whole = json_loads(text, 0, NULL);
	assert_non_null(whole);
	assert_true(json_array_size(json_object_get(whole, "checks")) > 10);
	assert_true(json_object_size(json_object_get(whole, "environment")) > 40);
	json_decref(whole);
	free(text);
	text = run_doctor(2, misspelt, &status);
	assert_int_equal(status, 2);
	assert_string_equal(text, "");
	free(text);
	text = run_doctor(2, as_script, &status);
	assert_int_equal(status, 0);
	assert_memory_equal(text, "#!/bin/sh\n", 10);
	assert_non_null(strstr(text, " commands\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items_are_there),
		cmocka_unit_test(test_items_are_figures_or_reasons),
		cmocka_unit_test(test_items_agree_with_other_sources),
		cmocka_unit_test(test_affinity_is_seen),
		cmocka_unit_test(test_doctor_finds_no_fault),
		cmocka_unit_test(test_doctor_finds_each_fault),
		cmocka_unit_test(test_doctor_knows_commands),
		cmocka_unit_test(test_doctor_command),
	};

	return cmocka_run_group_tests(tests, get_environment, free_environment);
}
