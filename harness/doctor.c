/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor doctor`: what this machine can measure, what it cannot and why, and what to change.
 *
 * Each check is a function that reads items of the environment (harness/environment.h) and gives a verdict:
 *
 *   ok    nothing to say
 *   warn  figures can be had, but they are biased or scattered by this
 *   no    cannot be measured, or cannot be known, here
 *
 * A verdict other than ok has a reason (what it does to measurements) and a change (what to do about it), so that the
 * text tells a reader who knows nothing about the item what to do.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/commands.h"
#include "harness/doctor.h"
#include "harness/environment.h"
#include "harness/options.h"
#include "harness/steady.h"

#define TEXT_BYTES 512

/* Beyond these a machine is not quiet enough. Judgement, not theory: the effects that we look for begin at 5 %. */
#define BUSY_PERCENT_MAX   10.0
#define STEAL_PERCENT_MAX  1.0
#define CLOCK_READ_NS_MAX  100.0
#define LOAD_MAX           0.5
#define JITTER_PERCENT_MAX 1.0
#define JITTER_NS_MAX      1e6
#define JITTER_S           0.2
#define AVAILABLE_BYTES_MIN ((uint64_t)2 << 30)
#define SPEED_SHARE_MIN    0.98 /* of the fastest processor's clock */
#define RESERVED_SHARE_MAX 0.25 /* of the memory, set aside as huge pages */
#define PARANOID_MAX       2

enum verdict { OK, WARN, NO };
static const char *const verdicts[] = {"ok", "warn", "no"};

struct check {
	enum verdict verdict;
	char value[TEXT_BYTES];
	char reason[TEXT_BYTES];
	char change[TEXT_BYTES];
	char fix[TEXT_BYTES]; /* a command for the shell that changes it; "": there is none */
	char undo[TEXT_BYTES];
};

/* ---- Reading items ----------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *items, const char *key)
{
	const char *text = json_string_value(json_object_get(items, key));

	return text ? text : "";
}

/* False: it is a text ("none", "unavailable: ..."). */
static bool number_of(const json_t *items, const char *key, double *number)
{
	const json_t *item = json_object_get(items, key);

	*number = json_number_value(item);
	return json_is_number(item);
}

static bool is_unavailable(const json_t *items, const char *key)
{
	return strncmp(text_of(items, key), "unavailable", 11) == 0;
}

/* An item as people read it: bytes in the largest unit that is not below 1. */
static const char *shown(const json_t *items, const char *key, char *text, size_t text_bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t key_bytes = strlen(key), unit = 0;
	double number;

	if (!number_of(items, key, &number)) {
		snprintf(text, text_bytes, "%s", is_unavailable(items, key) ? "unknown" : text_of(items, key));
		return text;
	}
	if (key_bytes > 6 && strcmp(key + key_bytes - 6, "_bytes") == 0) {
		for (; number >= 1024 && unit < 4; unit++)
			number /= 1024;
		snprintf(text, text_bytes, "%.4g %s", number, units[unit]);
	} else {
		snprintf(text, text_bytes, "%.3g", number);
	}
	return text;
}

/* ---- Giving verdicts --------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void value(struct check *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(check->value, sizeof(check->value), format, arguments);
	va_end(arguments);
}

static void judge(struct check *check, enum verdict verdict, const char *reason, const char *change)
{
	check->verdict = verdict;
	snprintf(check->reason, sizeof(check->reason), "%s", reason);
	snprintf(check->change, sizeof(check->change), "%s", change);
}

/* The command that changes it, and the one that puts it back; %s in either is `was`. For a check that found fault. */
static void command(struct check *check, const char *fix, const char *undo, const char *was)
{
	const char *at = strstr(undo, "%s");

	if (check->verdict == OK)
		return;
	snprintf(check->fix, sizeof(check->fix), "%s", fix);
	if (at)
		snprintf(check->undo, sizeof(check->undo), "%.*s%.100s%s", (int)(at - undo), undo, was, at + 2);
	else
		snprintf(check->undo, sizeof(check->undo), "%s", undo);
}

/* The value is the item's text; where it is unavailable, the verdict is no, the reason is the item's, and true. */
static bool judge_unavailable(struct check *check, const json_t *items, const char *key, const char *change)
{
	char text[TEXT_BYTES];

	value(check, "%s", shown(items, key, text, sizeof(text)));
	if (!is_unavailable(items, key))
		return false;
	value(check, "unavailable");
	judge(check, NO, text_of(items, key) + strlen("unavailable: "), change);
	return true;
}

/* ---- The checks -------------------------------------------------------------------------------------------------- */

static void check_cores(const json_t *items, struct check *check)
{
	char cores_text[TEXT_BYTES], threads_text[TEXT_BYTES], allowed_text[TEXT_BYTES];
	double cores, allowed;

	value(check, "%s cores, %s hardware threads, %s of them allowed to us",
	      shown(items, "cores", cores_text, sizeof(cores_text)),
	      shown(items, "hardware_threads", threads_text, sizeof(threads_text)),
	      shown(items, "threads_allowed", allowed_text, sizeof(allowed_text)));
	if (!number_of(items, "threads_allowed", &allowed))
		judge(check, NO, "how many processors we may use is unknown", "see why sched_getaffinity fails here");
	else if (allowed < 2)
		judge(check, WARN,
		      "threads take turns on one processor: neither scaling nor contention nor false sharing shows",
		      "run on a machine, or with a processor set (taskset), of 2 or more");
	else if (number_of(items, "cores", &cores) && allowed < cores)
		judge(check, WARN, "points with more threads than allowed processors are oversubscribed and marked so",
		      "widen the processor set (taskset, cpuset) to all cores");
}

static void check_cpu_limit(const json_t *items, struct check *check)
{
	double limit, allowed;

	if (is_unavailable(items, "cpu_limit_cores")) {
		value(check, "no control group seen");
		return;
	}
	judge_unavailable(check, items, "cpu_limit_cores", "");
	if (number_of(items, "cpu_limit_cores", &limit) && number_of(items, "threads_allowed", &allowed) &&
	    limit < allowed)
		judge(check, WARN,
		      "the control group stops all threads when its share of a period is used up: latencies get "
		      "tails of tens of ms",
		      "raise cpu.max of the control group (docker: --cpus) or use fewer threads than the limit");
}

static void check_topology(const json_t *items, struct check *check)
{
	char packages[TEXT_BYTES], nodes[TEXT_BYTES], l1[TEXT_BYTES], l2[TEXT_BYTES], l3[TEXT_BYTES],
	    caches[TEXT_BYTES];
	double number;

	value(check, "%s package(s), %s NUMA node(s), L1d %s, L2 %s, L3 %s in %s part(s)",
	      shown(items, "packages", packages, sizeof(packages)), shown(items, "numa_nodes", nodes, sizeof(nodes)),
	      shown(items, "l1d_bytes", l1, sizeof(l1)), shown(items, "l2_bytes", l2, sizeof(l2)),
	      shown(items, "l3_bytes", l3, sizeof(l3)), shown(items, "l3_caches", caches, sizeof(caches)));
	if (is_unavailable(items, "l1d_bytes") || is_unavailable(items, "l3_bytes"))
		judge(check, NO, "the sizes of some caches are hidden: plots cannot show where the data outgrows them",
		      "show the host's topology to the guest (QEMU: -cpu host,host-cache-info=on), or run on the host");
	else if (number_of(items, "numa_nodes", &number) && number > 1)
		judge(check, WARN, "memory of another node is slower: figures depend on where threads and data are",
		      "compare runs inside one node (numactl --cpunodebind=0 --membind=0) with runs over all of them");
}

static void check_smt(const json_t *items, struct check *check)
{
	if (!judge_unavailable(check, items, "smt", "see whether hwloc's lstopo finds the cores") &&
	    strncmp(text_of(items, "smt"), "on", 2) == 0)
		judge(check, WARN,
		      "two threads of one core share its caches and units: scaling bends at the number of cores",
		      "read points up to the number of cores apart, or: "
		      "echo off > /sys/devices/system/cpu/smt/control");
	if (check->verdict == WARN)
		command(check, "echo off | sudo tee /sys/devices/system/cpu/smt/control",
		        "echo on | sudo tee /sys/devices/system/cpu/smt/control", "");
}

static void check_governor(const json_t *items, struct check *check)
{
	if (!judge_unavailable(check, items, "governor",
	                       "ask whoever runs the host for the governor `performance`; "
	                       "trust intervals, not single figures") &&
	    strcmp(text_of(items, "governor"), "performance") != 0)
		judge(check, WARN, "the clock follows the load: the first points of a run are slower",
		      "cpupower frequency-set -g performance");
	if (check->verdict == WARN && strcspn(text_of(items, "governor"), ", ") > 0) {
		char first[32];

		snprintf(first, sizeof(first), "%.*s", (int)strcspn(text_of(items, "governor"), ", "), text_of(items, "governor"));
		command(check, "sudo cpupower frequency-set -g performance", "sudo cpupower frequency-set -g %s", first);
	}
}

static void check_turbo(const json_t *items, struct check *check)
{
	if (!judge_unavailable(check, items, "turbo",
	                       "ask whoever runs the host; expect fewer GHz as more cores work") &&
	    strcmp(text_of(items, "turbo"), "on") == 0)
		judge(check, WARN, "few busy cores run at a higher clock than many: scaling looks worse than it is",
		      "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo, or "
		      "echo 0 > /sys/devices/system/cpu/cpufreq/boost");
	if (check->verdict == WARN)
		command(check,
		        "if [ -e /sys/devices/system/cpu/intel_pstate/no_turbo ]; then echo 1 | sudo tee "
		        "/sys/devices/system/cpu/intel_pstate/no_turbo; else echo 0 | sudo tee "
			"/sys/devices/system/cpu/cpufreq/boost; fi",
		        "if [ -e /sys/devices/system/cpu/intel_pstate/no_turbo ]; then echo 0 | sudo tee "
		        "/sys/devices/system/cpu/intel_pstate/no_turbo; else echo 1 | sudo tee "
		        "/sys/devices/system/cpu/cpufreq/boost; fi", "");
}

static void check_huge_pages(const json_t *items, struct check *check)
{
	const char *choice = text_of(items, "transparent_huge_pages");

	if (judge_unavailable(check, items, "transparent_huge_pages",
	                      "use a kernel with transparent huge pages to compare them"))
		return;
	if (strcmp(choice, "never") == 0)
		judge(check, WARN, "the configuration's huge_pages has no effect",
		      "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
	else if (strcmp(choice, "always") == 0)
		judge(check, WARN,
		      "the kernel merges pages when it likes, also inside a measurement, and for every implementation",
		      "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
	command(check, "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
	        "echo %s | sudo tee /sys/kernel/mm/transparent_hugepage/enabled", choice);
}

/* Not those of madvise: a pool that is there for whoever maps it by name (hugetlbfs), and for nobody else. */
static void check_reserved(const json_t *items, struct check *check)
{
	char text[TEXT_BYTES];
	double reserved, all;

	if (judge_unavailable(check, items, "huge_pages_reserved_bytes", "see whether /proc is mounted"))
		return;
	value(check, "%s", shown(items, "huge_pages_reserved_bytes", text, sizeof(text)));
	if (!number_of(items, "huge_pages_reserved_bytes", &reserved) || !number_of(items, "memory_bytes", &all) ||
	    reserved <= RESERVED_SHARE_MAX * all)
		return;
	judge(check, WARN, "memory that caches here never get: a sweep over capacities ends sooner, or swaps",
	      "sysctl vm.nr_hugepages=0, unless something else on this machine needs them");
}

static void check_aslr(const json_t *items, struct check *check)
{
	if (!judge_unavailable(check, items, "aslr", "see whether /proc is mounted") &&
	    strncmp(text_of(items, "aslr"), "off", 3) == 0)
		judge(check, WARN,
		      "every run has the same addresses: a lucky or unlucky layout stays, and "
		      "repetitions do not show it",
		      "run without setarch -R, or: echo 2 > /proc/sys/kernel/randomize_va_space");
}

static void check_pmu(const json_t *items, struct check *check)
{
	judge_unavailable(check, items, "pmu",
	                  "run on the host, or give the guest a PMU (QEMU: -cpu host,pmu=on); where it is not "
	                  "permitted: sysctl kernel.perf_event_paranoid=2 or less; all else is measured without it");
}

static void check_benchmark(const json_t *items, struct check *check)
{
	value(check, "%s, %s build", text_of(items, "benchmark_version"), text_of(items, "benchmark_build_type"));
	if (is_unavailable(items, "benchmark_build_type"))
		judge(check, NO, text_of(items, "benchmark_build_type") + strlen("unavailable: "),
		      "see `capacitor bench`'s own context");
	else if (strcmp(text_of(items, "benchmark_build_type"), "release") != 0)
		judge(check, WARN,
		      "Google Benchmark prints a warning; the figures do not pass through it, for the "
		      "measured loop is our own",
		      "nothing needs changing; a release build of the library silences the warning");
}

static void check_build(const json_t *items, struct check *check)
{
	const char *configuration = text_of(items, "build_configuration");

	value(check, "%s, %s", configuration, text_of(items, "compiler"));
	if (strcmp(configuration, "release") != 0)
		judge(check, WARN, "this build has assertions or instrumentation: its times mean nothing",
		      "make CONF=release");
}

static void check_commit(const json_t *items, struct check *check)
{
	const char *dirty = text_of(items, "git_dirty");

	value(check, "%s%s", text_of(items, "git_commit"), strcmp(dirty, "yes") == 0 ? ", with changes" : "");
	if (strcmp(dirty, "yes") == 0)
		judge(check, WARN, "results will name a commit that is not what was measured",
		      "commit, then build and measure");
	else if (strcmp(dirty, "no") != 0)
		judge(check, NO, "the build knew no git commit: results cannot be traced to their source",
		      "build from a git clone");
}

static void check_load(const json_t *items, struct check *check)
{
	char load_text[TEXT_BYTES], busy_text[TEXT_BYTES];
	double load, busy;
	bool knows_load = number_of(items, "load_1min", &load), knows_busy = number_of(items, "busy_percent", &busy);

	value(check, "load of the last minute %s, processors busy now %s %%",
	      shown(items, "load_1min", load_text, sizeof(load_text)),
	      shown(items, "busy_percent", busy_text, sizeof(busy_text)));
	if (!knows_load && !knows_busy)
		judge(check, NO, "whether others use this machine is unknown", "see whether /proc is mounted");
	else if ((knows_busy && busy > BUSY_PERCENT_MAX) || (knows_load && load > LOAD_MAX))
		judge(check, WARN, "others compete for processors and caches, now or a minute ago",
		      "stop them, or wait until they are done");
	if (check->verdict == WARN)
		command(check, "ps -eo pcpu,pid,comm --sort=-pcpu | head", "it only shows who runs", "");
}

static void check_steal(const json_t *items, struct check *check)
{
	char now_text[TEXT_BYTES], boot_text[TEXT_BYTES];
	double now, boot;
	bool stolen = (number_of(items, "steal_percent", &now) && now > STEAL_PERCENT_MAX) ||
	              (number_of(items, "steal_since_boot_percent", &boot) && boot > STEAL_PERCENT_MAX);

	if (!stolen && judge_unavailable(check, items, "steal_percent", "compare repetitions: a neighbour shows as scatter"))
		return;
	value(check, "%s %% now, %s %% since boot", shown(items, "steal_percent", now_text, sizeof(now_text)),
	      shown(items, "steal_since_boot_percent", boot_text, sizeof(boot_text)));
	if (stolen)
		judge(check, WARN,
		      "the hypervisor gives our processors to others: latency tails and throughput are theirs, too",
		      "use a dedicated machine, or more repetitions at a quiet time");
}

static void check_hypervisor(const json_t *items, struct check *check)
{
	if (!judge_unavailable(check, items, "hypervisor", "see lscpu") &&
	    strcmp(text_of(items, "hypervisor"), "none") != 0)
		judge(check, WARN,
		      "a virtual machine: clock speed, cache sharing and neighbours are the host's affair "
		      "and may be hidden",
		      "for figures that are to be published, repeat on real hardware; comparisons "
		      "inside one run stand");
}

static void check_clock(const json_t *items, struct check *check)
{
	char cost_text[TEXT_BYTES];
	double cost_ns = 0;

	static const char *const slow[] = {"hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"};
	bool is_slow = false;

	if (judge_unavailable(check, items, "clock_source", "see whether /sys is mounted"))
		return;
	for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++)
		is_slow = is_slow || strcmp(text_of(items, "clock_source"), slow[i]) == 0;
	value(check, "%s, %s ns a reading", text_of(items, "clock_source"),
	      shown(items, "clock_read_ns", cost_text, sizeof(cost_text)));
	if (is_slow || (number_of(items, "clock_read_ns", &cost_ns) && cost_ns > CLOCK_READ_NS_MAX))
		judge(check, WARN, "each latency sample costs two readings: latencies of cache hits drown in them",
		      "choose the time stamp counter where it is stable: echo tsc > "
		      "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	if (strstr(text_of(items, "clock_sources"), "tsc")) /* the kernel takes it off the list where it is not stable */
		command(check, "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource",
		        "echo %s | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource",
		        text_of(items, "clock_source"));
}

/* Looked at now, by the doctor only: results have what happened while they were measured. */
static void check_jitter(const json_t *items, struct check *check)
{
	double lost, longest;

	if (!number_of(items, "jitter_lost_percent", &lost) || !number_of(items, "jitter_longest_ns", &longest)) {
		value(check, "not looked at");
		return;
	}
	value(check, "%.2g %% of the time a spinning thread did not run, at most %.3g ms at a time", lost, longest / 1e6);
	if (lost > JITTER_PERCENT_MAX || longest > JITTER_NS_MAX)
		judge(check, WARN,
		      "threads are taken off their processors: who holds a lock then keeps all others waiting, and tails grow",
		      "stop other load; on a machine of your own, keep the system off some processors (see isolation)");
}

/* Isolated processors are of use to who is bound to them, as the threads of a team are. */
static void check_isolation(const json_t *items, struct check *check)
{
	char isolated[TEXT_BYTES], tickless[TEXT_BYTES];
	double lost = 0, longest = 0;

	value(check, "isolated processors: %s, without a tick: %s", shown(items, "isolated_cpus", isolated, sizeof(isolated)),
	      shown(items, "tickless_cpus", tickless, sizeof(tickless)));
	if (strcmp(text_of(items, "isolated_cpus"), "none") != 0 || !number_of(items, "jitter_lost_percent", &lost) ||
	    !number_of(items, "jitter_longest_ns", &longest))
		return;
	/* Where threads were left alone without it, there is nothing to gain. */
	if (lost > JITTER_PERCENT_MAX || longest > JITTER_NS_MAX)
		judge(check, WARN, "the system works on every processor, and threads here were seen to lose time to others",
		      "on a machine of your own, by the kernel's command line: isolcpus=1-N nohz_full=1-N rcu_nocbs=1-N, and "
		      "measure there (taskset -c 1-N capacitor ...); needs a reboot");
}

static void check_speeds(const json_t *items, struct check *check)
{
	double highest, slowest;

	if (judge_unavailable(check, items, "cpu_max_mhz", "ask whoever runs the host; compare runs bound to one processor each"))
		return;
	if (!number_of(items, "cpu_max_mhz", &highest) || !number_of(items, "cpu_max_mhz_slowest", &slowest))
		return;
	value(check, "%.0f MHz at most", highest);
	if (slowest >= SPEED_SHARE_MIN * highest)
		return;
	value(check, "%.0f to %.0f MHz at most", slowest, highest);
	judge(check, WARN,
	      "processors differ: a point with more threads has slower ones among them, and scaling looks worse than it is",
	      "bind to processors of one kind (taskset -c; lscpu -e shows MAXMHZ)");
}

static void check_mitigations(const json_t *items, struct check *check)
{
	if (!judge_unavailable(check, items, "mitigations", "see whether /sys is mounted") &&
	    strcmp(text_of(items, "mitigations"), "off") == 0)
		judge(check, WARN,
		      "system calls and switches are cheaper than on machines that others use: locks that sleep look better than "
		      "they are",
		      "boot without mitigations=off for figures that are to hold elsewhere");
}

static void check_perf(const json_t *items, struct check *check)
{
	double level;

	if (judge_unavailable(check, items, "perf_event_paranoid", "use a kernel with perf events to profile by hardware counters"))
		return;
	if (!number_of(items, "perf_event_paranoid", &level))
		return;
	value(check, "perf_event_paranoid %.0f", level);
	if (level > PARANOID_MAX) {
		char was[16];

		snprintf(was, sizeof(was), "%.0f", level);
		judge(check, WARN, "perf is for root only here: hardware counters, where there are any, cannot be read by others",
		      "sysctl kernel.perf_event_paranoid=2");
		command(check, "sudo sysctl kernel.perf_event_paranoid=2", "sudo sysctl kernel.perf_event_paranoid=%s", was);
	}
}

static void check_throttling(const json_t *items, struct check *check)
{
	double count;

	if (judge_unavailable(check, items, "throttles_since_boot",
	                      "watch for repetitions that become slower one after the other (sensors shows temperatures)"))
		return;
	if (!number_of(items, "throttles_since_boot", &count))
		return;
	value(check, "%.0f times since boot", count);
	if (count > 0)
		judge(check, WARN, "processors were slowed down for their heat: the longer a run, the slower it gets",
		      "better cooling, or a lower fixed clock: cpupower frequency-set -u");
}

static void check_numa_balancing(const json_t *items, struct check *check)
{
	bool on = strcmp(text_of(items, "numa_balancing"), "on") == 0;
	double nodes;

	value(check, "%s", is_unavailable(items, "numa_balancing") ? "not in this kernel" : text_of(items, "numa_balancing"));
	if (!on || !number_of(items, "numa_nodes", &nodes) || nodes < 2)
		return;
	judge(check, WARN, "the kernel unmaps pages to see who uses them, and moves them, in the middle of a measurement",
	      "sysctl kernel.numa_balancing=0");
	command(check, "sudo sysctl kernel.numa_balancing=0", "sudo sysctl kernel.numa_balancing=1", "");
}

static void check_membarrier(const json_t *items, struct check *check)
{
	judge_unavailable(check, items, "membarrier",
	                  "use a kernel with membarrier (4.14 or later) that no filter hides; until then impl/rcu's "
	                  "readers pay a fence");
}

static void check_memory(const json_t *items, struct check *check)
{
	char total_text[TEXT_BYTES], available_text[TEXT_BYTES], limit_text[TEXT_BYTES];
	double available, swapped, limit;

	value(check, "%s, %s available, limit of the control group %s",
	      shown(items, "memory_bytes", total_text, sizeof(total_text)),
	      shown(items, "memory_available_bytes", available_text, sizeof(available_text)),
	      shown(items, "memory_limit_bytes", limit_text, sizeof(limit_text)));
	if ((number_of(items, "memory_available_bytes", &available) && available < (double)AVAILABLE_BYTES_MIN) ||
	    (number_of(items, "memory_limit_bytes", &limit) && limit < (double)AVAILABLE_BYTES_MIN))
		judge(check, WARN, "below 2 GiB: large capacities and large traces do not fit",
		      "free memory, or use --tier smoke");
	else if (number_of(items, "swap_used_bytes", &swapped) && swapped > 0) {
		judge(check, WARN, "some memory is swapped out: page faults go to a disk",
		      "swapoff -a, or free memory");
		command(check, "sudo swapoff -a", "sudo swapon -a", "");
	}
}

static const struct {
	const char *item;
	void (*check)(const json_t *items, struct check *check);
} checks[] = {
	{"cores", check_cores},
	{"cpu limit", check_cpu_limit},
	{"topology", check_topology},
	{"smt", check_smt},
	{"hypervisor", check_hypervisor},
	{"governor", check_governor},
	{"turbo", check_turbo},
	{"speeds", check_speeds},
	{"load", check_load},
	{"steal", check_steal},
	{"jitter", check_jitter},
	{"isolation", check_isolation},
	{"throttling", check_throttling},
	{"numa balancing", check_numa_balancing},
	{"memory", check_memory},
	{"huge pages", check_huge_pages},
	{"huge pages reserved", check_reserved},
	{"aslr", check_aslr},
	{"clock", check_clock},
	{"membarrier", check_membarrier},
	{"mitigations", check_mitigations},
	{"pmu", check_pmu},
	{"perf", check_perf},
	{"libbenchmark", check_benchmark},
	{"build", check_build},
	{"commit", check_commit},
};
#define CHECKS (sizeof(checks) / sizeof(checks[0]))

json_t *doctor_checks(const json_t *environment)
{
	json_t *results = json_array();

	for (size_t i = 0; i < CHECKS; i++) {
		struct check check = {0};
		json_t *result;

		checks[i].check(environment, &check);
		result = json_pack("{s:s, s:s, s:s}", "item", checks[i].item, "verdict", verdicts[check.verdict],
		                   "value", check.value);
		if (check.verdict != OK) {
			json_object_set_new(result, "reason", json_string(check.reason));
			json_object_set_new(result, "change", json_string(check.change));
		}
		if (*check.fix) {
			json_object_set_new(result, "fix", json_string(check.fix));
			json_object_set_new(result, "undo", json_string(check.undo));
		}
		if (json_array_append_new(results, result) != 0) {
			json_decref(results);
			return NULL;
		}
	}
	return results;
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

enum { JSON, FIX, STRICT, SYSROOT, HELP };

static const struct options_known known[] = {
	[JSON] = {"--json", NULL, "all of it as one JSON object: checks, and the whole environment as results record it"},
	[FIX] = {"--fix", NULL,
		"a script for the shell instead, with what would make this machine steadier, and how to undo\n"
		"each: read it, then run what you want. Nothing is run by capacitor"},
	[STRICT] = {"--strict", NULL, "exit status 1 where something is `warn`, for scripts; else it is 0 whatever is found"},
	[SYSROOT] = {"--sysroot", "DIR",
		"for tests: take the files of /proc, /sys and /etc from below this folder (what does not come\n"
		"from files is still this machine's, and nothing is measured)"},
	[HELP] = {"--help", NULL, "this text"},
	{NULL, NULL, NULL},
};

static void print_help(void)
{
	puts("usage: capacitor doctor [OPTION...]\n"
	     "\n"
	     "Says what this machine can measure, what it cannot and why, and what to change. A line per item:\n"
	     "\n"
	     "  ok    item: value\n"
	     "  warn  item: value - what it does to measurements - what to change\n"
	     "  no    item: value - why it cannot be measured or known - what to change\n");
	options_print(stdout, known);
	puts("\nChanges nothing. The exit status is 0 whatever it finds (but see --strict), 2 for a wrong argument.");
}

static void print_text(const json_t *results)
{
	size_t count[3] = {0}, i;
	json_t *result;

	json_array_foreach(results, i, result) {
		const char *verdict = text_of(result, "verdict");

		printf("%-4s  %s: %s", verdict, text_of(result, "item"), text_of(result, "value"));
		if (strcmp(verdict, verdicts[OK]) != 0)
			printf(" - %s - %s", text_of(result, "reason"), text_of(result, "change"));
		putchar('\n');
		for (size_t which = 0; which < 3; which++)
			count[which] += strcmp(verdict, verdicts[which]) == 0;
	}
	printf("%zu ok, %zu warn, %zu no\n", count[OK], count[WARN], count[NO]);
}

/* Text as comments, so that a newline in it cannot become a command. */
static void print_comment(const char *label, const char *text)
{
	printf("# %s", label);
	for (; *text; text++)
		putchar((unsigned char)*text < ' ' ? ' ' : *text);
	putchar('\n');
}

static void print_fixes(const json_t *results)
{
	char label[64];
	size_t fixes = 0, i;
	json_t *result;

	puts("#!/bin/sh\n# What would make this machine steadier for measuring, by `capacitor doctor --fix`. Read it, then run "
	     "what you want:\n"
	     "# each command is a line of its own. Nothing was run.");
	json_array_foreach(results, i, result) {
		if (strcmp(text_of(result, "verdict"), verdicts[WARN]) != 0 && !*text_of(result, "fix"))
			continue;
		putchar('\n');
		snprintf(label, sizeof(label), "%.60s: ", text_of(result, "item"));
		print_comment(label, text_of(result, "value"));
		print_comment("why: ", text_of(result, "reason"));
		if (*text_of(result, "fix")) {
			puts(text_of(result, "fix"));
			print_comment("undo: ", text_of(result, "undo"));
			fixes++;
		} else {
			print_comment("no command: ", text_of(result, "change"));
		}
	}
	printf("\n# %zu commands\n", fixes);
}

/* What only the doctor looks at: it takes a moment, and all processors. */
static void look_closer(json_t *items)
{
	double lost, longest;

	if (steady_jitter(JITTER_S, &lost, &longest)) {
		json_object_set_new(items, "jitter_lost_percent", json_real(100 * lost));
		json_object_set_new(items, "jitter_longest_ns", json_real(longest));
	}
}

static bool finds_fault(const json_t *results)
{
	json_t *result;
	size_t i;

	json_array_foreach(results, i, result)
		if (strcmp(text_of(result, "verdict"), verdicts[WARN]) == 0)
			return true;
	return false;
}

static void print_json(const json_t *results, const json_t *items)
{
	json_t *whole = json_pack("{s:O, s:O}", "checks", results, "environment", items);

	json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(whole);
}

struct request {
	bool json, fix, strict;
	const char *sysroot;
};

static bool read_request(int argc, char **argv, struct request *request)
{
	struct options_reader reader = {.command = "doctor", .known = known, .argc = argc, .argv = argv, .at = 1};
	int option;

	while ((option = options_read(&reader)) != OPTIONS_END) {
		if (option == OPTIONS_ERROR) {
			fprintf(stderr, "capacitor doctor: %s\n", reader.error);
			return false;
		}
		request->json |= option == JSON;
		request->fix |= option == FIX;
		request->strict |= option == STRICT;
		if (option == SYSROOT)
			request->sysroot = reader.value;
	}
	if (request->json && request->fix) {
		fprintf(stderr, "capacitor doctor: --fix and --json are two ways to say it: give one\n");
		return false;
	}
	if (request->sysroot && access(request->sysroot, X_OK) != 0) {
		fprintf(stderr, "capacitor doctor: --sysroot %.300s: %s\n", request->sysroot, strerror(errno));
		return false;
	}
	return true;
}

int doctor_command(int argc, char **argv)
{
	struct request request = {.sysroot = NULL};
	json_t *items, *results;
	int status;

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	if (!read_request(argc, argv, &request))
		return COMMAND_USAGE;
	items = request.sysroot ? environment_planted(request.sysroot) : environment_json();
	if (items && !request.sysroot)
		look_closer(items);
	results = items ? doctor_checks(items) : NULL;
	if (!results) {
		fprintf(stderr, "capacitor doctor: no memory\n");
		json_decref(items);
		return COMMAND_FAIL;
	}
	if (request.json)
		print_json(results, items);
	else if (request.fix)
		print_fixes(results);
	else
		print_text(results);
	status = request.strict && finds_fault(results) ? COMMAND_FAIL : COMMAND_OK;
	json_decref(results);
	json_decref(items);
	return status;
}
