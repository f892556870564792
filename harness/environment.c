/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a measurement was made on; see environment.h.
 *
 * Topology, caches and NUMA come from hwloc; the rest from where Linux keeps it. Each item is asked for by one
 * function, which either sets it or says why it could not. What varies while a program runs (load, stolen time) is
 * sampled at the call.
 */
#include "harness/environment.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <gnu/libc-version.h>
#include <hwloc.h>
#include <inttypes.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <lzma.h>
#include <sched.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "build_info.h"
#include "harness/benchmark_library.h"

#define TEXT_BYTES 512

/* Long enough for 20 of the kernel's ticks (10 ms) on each processor, short enough to wait for. */
#define SAMPLE_NS 200000000

/* ---- Setting items ----------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void put_text(json_t *items, const char *key, const char *format, ...)
{
	char text[4096];
	va_list arguments;
	json_t *value;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	value = json_string(text);
	json_object_set_new(items, key, value ? value : json_string("unavailable: not valid UTF-8"));
}

static void put_integer(json_t *items, const char *key, uint64_t value)
{
	json_object_set_new(items, key, json_integer((json_int_t)value));
}

static void put_real(json_t *items, const char *key, double value)
{
	json_object_set_new(items, key, json_real(value));
}

/* Before the path of every file that is looked at: "", or a folder that a test made; see environment_planted(). */
static const char *root = "";

static FILE *open_file(const char *path)
{
	char full[12288];

	if ((size_t)snprintf(full, sizeof(full), "%s%s", root, path) < sizeof(full))
		return fopen(full, "re");
	errno = ENAMETOOLONG;
	return NULL;
}

/* Files by a pattern; their paths are without the root. */
struct found {
	glob_t glob;
	size_t count;
};

static struct found find_files(const char *pattern)
{
	struct found found = {.count = 0};
	char full[12288];

	snprintf(full, sizeof(full), "%s%s", root, pattern);
	found.count = glob(full, 0, NULL, &found.glob) == 0 ? found.glob.gl_pathc : 0;
	return found;
}

static const char *found_path(const struct found *found, size_t i)
{
	return found->glob.gl_pathv[i] + strlen(root);
}

/* Reads a file's first line, or up to text_bytes - 1 bytes of it. False: errno says why; an empty file has no line. */
static bool read_line(const char *path, char *text, size_t text_bytes)
{
	FILE *file = open_file(path);
	bool got;

	if (!file)
		return false;
	errno = ENODATA;
	got = fgets(text, (int)text_bytes, file) != NULL;
	fclose(file);
	if (got)
		text[strcspn(text, "\n")] = '\0';
	return got;
}

static bool read_number(const char *path, uint64_t *number)
{
	char text[TEXT_BYTES], *end;

	if (!read_line(path, text, sizeof(text)) || !isdigit((unsigned char)text[0]))
		return false;
	*number = strtoull(text, &end, 10);
	return *end == '\0' || isspace((unsigned char)*end);
}

/* An item that is the line of a file. */
static void put_line(json_t *items, const char *key, const char *path, const char *when_empty)
{
	char text[TEXT_BYTES];

	if (!read_line(path, text, sizeof(text)))
		put_text(items, key, "unavailable: %s: %s", path, strerror(errno));
	else
		put_text(items, key, "%s", text[0] ? text : when_empty);
}

/* ---- Processors -------------------------------------------------------------------------------------------------- */

static void put_cache(json_t *items, hwloc_topology_t topology, const char *key, hwloc_obj_type_t type,
                      const char *name)
{
	hwloc_obj_t cache = hwloc_get_obj_by_type(topology, type, 0);

	if (cache && cache->attr->cache.size)
		put_integer(items, key, cache->attr->cache.size);
	else
		put_text(items, key, "unavailable: hwloc finds no %s cache", name);
}

static void put_objects(json_t *items, hwloc_topology_t topology, const char *key, hwloc_obj_type_t type,
                        const char *name)
{
	int count = hwloc_get_nbobjs_by_type(topology, type);

	if (count > 0)
		put_integer(items, key, (uint64_t)count);
	else
		put_text(items, key, "unavailable: hwloc finds no %s", name);
}

static void put_model(json_t *items, hwloc_topology_t topology)
{
	hwloc_obj_t package = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0);
	const char *model = package ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;

	if (!model)
		model = hwloc_obj_get_info_by_name(hwloc_get_root_obj(topology), "CPUModel");
	put_text(items, "cpu_model", "%s", model ? model : "unavailable: hwloc finds no name of the processor");
}

static void put_smt(json_t *items, hwloc_topology_t topology)
{
	int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
	int threads = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);

	if (cores <= 0)
		put_text(items, "smt", "unavailable: hwloc finds no cores");
	else if (threads > cores)
		put_text(items, "smt", "on: %d hardware threads on %d cores", threads, cores);
	else
		put_text(items, "smt", "off: one hardware thread per core");
}

static bool load_topology(hwloc_topology_t *topology)
{
	if (hwloc_topology_init(topology) != 0)
		return false;
	if (hwloc_topology_load(*topology) == 0)
		return true;
	hwloc_topology_destroy(*topology);
	return false;
}

static void put_topology(json_t *items)
{
	hwloc_topology_t topology;
	hwloc_obj_t l1;

	if (!load_topology(&topology)) {
		static const char *const keys[] = {"cpu_model",        "packages",  "numa_nodes",      "cores",
		                                   "hardware_threads", "smt",       "l1d_bytes",       "l2_bytes",
		                                   "l3_bytes",         "l3_caches", "cache_line_bytes"};

		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			put_text(items, keys[i], "unavailable: hwloc cannot read the topology: %s", strerror(errno));
		return;
	}
	put_model(items, topology);
	put_objects(items, topology, "packages", HWLOC_OBJ_PACKAGE, "package");
	put_objects(items, topology, "numa_nodes", HWLOC_OBJ_NUMANODE, "NUMA node");
	put_objects(items, topology, "cores", HWLOC_OBJ_CORE, "core");
	put_objects(items, topology, "hardware_threads", HWLOC_OBJ_PU, "hardware thread");
	put_smt(items, topology);
	put_cache(items, topology, "l1d_bytes", HWLOC_OBJ_L1CACHE, "L1 data");
	put_cache(items, topology, "l2_bytes", HWLOC_OBJ_L2CACHE, "L2");
	put_cache(items, topology, "l3_bytes", HWLOC_OBJ_L3CACHE, "L3");
	put_objects(items, topology, "l3_caches", HWLOC_OBJ_L3CACHE, "L3 cache");
	l1 = hwloc_get_obj_by_type(topology, HWLOC_OBJ_L1CACHE, 0);
	if (l1 && l1->attr->cache.linesize)
		put_integer(items, "cache_line_bytes", l1->attr->cache.linesize);
	else
		put_text(items, "cache_line_bytes", "unavailable: hwloc finds no line size");
	hwloc_topology_destroy(topology);
}

static void put_affinity(json_t *items)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		put_integer(items, "threads_allowed", (uint64_t)CPU_COUNT(&set));
	else
		put_text(items, "threads_allowed", "unavailable: sched_getaffinity: %s", strerror(errno));
}

/* Bit 31 of leaf 1's ecx is set under every hypervisor that does not hide; the leaf 0x40000000 then has its name. */
static void put_hypervisor(json_t *items)
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned eax, ebx, ecx, edx;
	char name[13] = "";

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) {
		put_text(items, "hypervisor", "unavailable: the processor has no cpuid leaf 1");
		return;
	}
	if (!(ecx & 1u << 31)) {
		put_text(items, "hypervisor", "none");
		return;
	}
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(name, &ebx, 4);
	memcpy(name + 4, &ecx, 4);
	memcpy(name + 8, &edx, 4);
	for (char *letter = name; *letter; letter++)
		if (!isprint((unsigned char)*letter))
			*letter = '?';
	put_text(items, "hypervisor", "%s", name[0] ? name : "yes, without a name");
#else
	put_line(items, "hypervisor", "/sys/hypervisor/type", "none");
#endif
}

static const char no_scaling[] = "no frequency scaling driver shows itself (usual in virtual machines)";

/* All processors' governor, or all of them when they differ. */
static void put_governor(json_t *items)
{
	struct found found = find_files("/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor");
	char governors[TEXT_BYTES] = "";

	for (size_t i = 0; i < found.count; i++) {
		char governor[32];
		size_t used = strlen(governors);

		if (read_line(found_path(&found, i), governor, sizeof(governor)) && !strstr(governors, governor))
			snprintf(governors + used, sizeof(governors) - used, "%s%s", used ? ", " : "", governor);
	}
	if (found.count == 0)
		put_text(items, "governor", "unavailable: %s", no_scaling);
	else
		put_text(items, "governor", "%s", governors[0] ? governors : "unavailable: scaling_governor cannot be read");
	globfree(&found.glob);
}

static void put_turbo(json_t *items)
{
	static const struct {
		const char *path;
		uint64_t off;
	} switches[] = {{"/sys/devices/system/cpu/intel_pstate/no_turbo", 1},
	                {"/sys/devices/system/cpu/cpufreq/boost", 0},
	                {"/sys/devices/system/cpu/cpufreq/policy0/boost", 0}};
	uint64_t value;

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (read_number(switches[i].path, &value)) {
			put_text(items, "turbo", value == switches[i].off ? "off" : "on");
			return;
		}
	}
	put_text(items, "turbo",
	         "unavailable: neither intel_pstate/no_turbo nor cpufreq/boost is there (usual in virtual machines)");
}

/* The clock that a processor can reach: the highest of all, and the lowest, for there are machines with two kinds of cores. */
static void put_frequency(json_t *items)
{
	struct found found = find_files("/sys/devices/system/cpu/cpu[0-9]*/cpufreq/cpuinfo_max_freq");
	uint64_t khz, highest = 0, lowest = UINT64_MAX;

	for (size_t i = 0; i < found.count; i++)
		if (read_number(found_path(&found, i), &khz)) {
			highest = khz > highest ? khz : highest;
			lowest = khz < lowest ? khz : lowest;
		}
	globfree(&found.glob);
	if (highest > 0) {
		put_real(items, "cpu_max_mhz", (double)highest / 1000);
		put_real(items, "cpu_max_mhz_slowest", (double)lowest / 1000);
	} else {
		put_text(items, "cpu_max_mhz", "unavailable: %s", no_scaling);
		put_text(items, "cpu_max_mhz_slowest", "unavailable: %s", no_scaling);
	}
}

/* How often processors were slowed down for their heat, all together. Those that are switched off have no such file. */
static void put_throttles(json_t *items)
{
	struct found found = find_files("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count");
	uint64_t count, sum = 0;
	bool any = false;

	for (size_t i = 0; i < found.count; i++)
		if (read_number(found_path(&found, i), &count)) {
			sum += count;
			any = true;
		}
	globfree(&found.glob);
	if (any)
		put_integer(items, "throttles_since_boot", sum);
	else
		put_text(items, "throttles_since_boot",
		         "unavailable: no thermal_throttle counts (usual in virtual machines and on AMD's processors)");
}

/* ---- Control groups ---------------------------------------------------------------------------------------------- */

typedef bool look_at(const char *folder, void *context);

/* Calls `look` on a group's folder and on every one above it up to the mount: a limit holds for all groups below. */
static bool each_folder(const char *mount, const char *group, look_at *look, void *context)
{
	char folder[8192];
	size_t mount_bytes = strlen(mount);
	bool found = false;

	snprintf(folder, sizeof(folder), "%s%s", mount, strcmp(group, "/") == 0 ? "" : group);
	for (;;) {
		if (look(folder, context))
			found = true;
		if (strlen(folder) <= mount_bytes)
			return found;
		*strrchr(folder, '/') = '\0';
	}
}

/* Is the controller in this list with commas? */
static bool lists(const char *names, const char *controller)
{
	size_t bytes = strlen(controller);

	for (const char *name = names; name; name = strchr(name, ',') ? strchr(name, ',') + 1 : NULL)
		if (strncmp(name, controller, bytes) == 0 && (name[bytes] == '\0' || name[bytes] == ','))
			return true;
	return false;
}

/*
 * Looks at this process's groups of a controller. Lines are "number:names of controllers:group", without names in
 * version 2. In a container the group's path may be that of the host: then only some of the folders exist, the mount
 * among them. True: some look succeeded.
 */
static bool each_group(const char *controller, look_at *look, void *context)
{
	FILE *file = open_file("/proc/self/cgroup");
	char line[4096];
	bool found = false;

	while (file && fgets(line, sizeof(line), file)) {
		char mount[4200], *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL;

		if (!group || group[1] != '/')
			continue;
		*group++ = '\0';
		names++;
		group[strcspn(group, "\n")] = '\0';
		if (names[0] && !lists(names, controller))
			continue;
		snprintf(mount, sizeof(mount), "/sys/fs/cgroup%s%s", names[0] ? "/" : "", names);
		if (each_folder(mount, group, look, context))
			found = true;
	}
	if (file)
		fclose(file);
	return found;
}

/* cpu.max of version 2 is "quota period" in us, or "max period" for none; version 1 has two files, -1 for none. */
static bool look_cpu(const char *folder, void *context)
{
	double *limit_cores = context;
	char path[8300], text[TEXT_BYTES];
	double quota = 0, period = 0;

	snprintf(path, sizeof(path), "%s/cpu.max", folder);
	if (read_line(path, text, sizeof(text))) {
		if (sscanf(text, "%lf %lf", &quota, &period) != 2)
			return true;
	} else {
		snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", folder);
		if (!read_line(path, text, sizeof(text)))
			return false;
		quota = strtod(text, NULL);
		snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder);
		if (read_line(path, text, sizeof(text)))
			period = strtod(text, NULL);
	}
	if (quota > 0 && period > 0 && quota / period < *limit_cores)
		*limit_cores = quota / period;
	return true;
}

static bool look_memory(const char *folder, void *context)
{
	static const char *const files[] = {"memory.max", "memory.limit_in_bytes"};
	uint64_t *limit_bytes = context, bytes;
	char path[8300], text[TEXT_BYTES];
	bool found = false;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		found = found || read_line(path, text, sizeof(text));
		if (read_number(path, &bytes) && bytes < *limit_bytes)
			*limit_bytes = bytes;
	}
	return found;
}

static void put_cpu_limit(json_t *items)
{
	double limit_cores = 1e9;

	if (!each_group("cpu", look_cpu, &limit_cores))
		put_text(items, "cpu_limit_cores", "unavailable: no control group with a cpu controller is visible");
	else if (limit_cores < 1e9)
		put_real(items, "cpu_limit_cores", limit_cores);
	else
		put_text(items, "cpu_limit_cores", "none");
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static uint64_t physical_bytes(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t environment_memory_bytes(void)
{
	uint64_t bytes = physical_bytes();

	each_group("memory", look_memory, &bytes);
	return bytes;
}

/* A line of /proc/meminfo, "MemAvailable: 123 kB", in bytes or pages as it is there. */
static bool read_meminfo(const char *name, uint64_t *number)
{
	FILE *file = open_file("/proc/meminfo");
	size_t bytes = strlen(name);
	char line[TEXT_BYTES];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		char unit[8] = "";

		if (strncmp(line, name, bytes) != 0 || line[bytes] != ':')
			continue;
		found = sscanf(line + bytes + 1, "%" SCNu64 " %7s", number, unit) >= 1;
		if (strcmp(unit, "kB") == 0)
			*number *= 1024;
	}
	if (file)
		fclose(file);
	return found;
}

static void put_meminfo(json_t *items)
{
	uint64_t available, total, unused, pages, page;

	if (read_meminfo("MemAvailable", &available))
		put_integer(items, "memory_available_bytes", available);
	else
		put_text(items, "memory_available_bytes", "unavailable: /proc/meminfo has no MemAvailable");
	if (read_meminfo("SwapTotal", &total) && read_meminfo("SwapFree", &unused))
		put_integer(items, "swap_used_bytes", total - unused);
	else
		put_text(items, "swap_used_bytes", "unavailable: /proc/meminfo has no SwapTotal and SwapFree");
	if (read_meminfo("HugePages_Total", &pages) && read_meminfo("Hugepagesize", &page))
		put_integer(items, "huge_pages_reserved_bytes", pages * page);
	else
		put_text(items, "huge_pages_reserved_bytes", "unavailable: /proc/meminfo has no HugePages_Total");
}

static void put_memory(json_t *items)
{
	uint64_t limit_bytes = physical_bytes();

	put_integer(items, "memory_bytes", physical_bytes());
	if (!each_group("memory", look_memory, &limit_bytes))
		put_text(items, "memory_limit_bytes",
		         "unavailable: no control group with a memory controller is visible");
	else if (limit_bytes < physical_bytes())
		put_integer(items, "memory_limit_bytes", limit_bytes);
	else
		put_text(items, "memory_limit_bytes", "none");
	put_meminfo(items);
	put_integer(items, "page_bytes", (uint64_t)sysconf(_SC_PAGESIZE));
}

/* "always [madvise] never": the one in brackets is chosen. */
static void put_huge_pages(json_t *items)
{
	const char *path = "/sys/kernel/mm/transparent_hugepage/enabled";
	char text[TEXT_BYTES], *open, *close;

	if (!read_line(path, text, sizeof(text))) {
		put_text(items, "transparent_huge_pages", "unavailable: %s: %s", path, strerror(errno));
		return;
	}
	open = strchr(text, '[');
	close = open ? strchr(open, ']') : NULL;
	if (close)
		put_text(items, "transparent_huge_pages", "%.*s", (int)(close - open - 1), open + 1);
	else
		put_text(items, "transparent_huge_pages", "unavailable: %s chooses none", path);
}

static void put_aslr(json_t *items)
{
	const char *path = "/proc/sys/kernel/randomize_va_space";
	int persona = personality(0xffffffff);
	uint64_t level;

	if (persona != -1 && persona & ADDR_NO_RANDOMIZE)
		put_text(items, "aslr", "off for this process");
	else if (read_number(path, &level))
		put_text(items, "aslr", level == 0 ? "off" : level == 1 ? "on, but for the heap" : "on");
	else
		put_text(items, "aslr", "unavailable: %s: %s", path, strerror(errno));
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

/* The first line of /proc/stat: ticks since boot of all processors, by what they did. */
enum { TICK_USER, TICK_NICE, TICK_SYSTEM, TICK_IDLE, TICK_IOWAIT, TICK_IRQ, TICK_SOFTIRQ, TICK_STEAL, TICKS };

static bool read_ticks(uint64_t ticks[TICKS], uint64_t *total)
{
	char text[TEXT_BYTES], *next = text + 3;

	if (!read_line("/proc/stat", text, sizeof(text)) || strncmp(text, "cpu ", 4) != 0)
		return false;
	*total = 0;
	for (int i = 0; i < TICKS; i++) {
		char *begin = next;

		ticks[i] = strtoull(begin, &next, 10);
		if (next == begin)
			return false; /* a kernel that does not count stolen time */
		*total += ticks[i];
	}
	return true;
}

static void put_ticks(json_t *items)
{
	struct timespec sample = {0, SAMPLE_NS};
	uint64_t before[TICKS], after[TICKS], total_before, total_after;
	double total;

	if (!read_ticks(before, &total_before) || clock_nanosleep(CLOCK_MONOTONIC, 0, &sample, NULL) != 0 ||
	    !read_ticks(after, &total_after)) {
		put_text(items, "steal_percent", "unavailable: /proc/stat has no line of ticks with stolen ones");
		put_text(items, "steal_since_boot_percent",
		         "unavailable: /proc/stat has no line of ticks with stolen ones");
		put_text(items, "busy_percent", "unavailable: /proc/stat has no line of ticks");
		return;
	}
	total = (double)(total_after - total_before);
	if (total > 0) {
		double idle = (double)(after[TICK_IDLE] - before[TICK_IDLE] + after[TICK_IOWAIT] - before[TICK_IOWAIT]);

		put_real(items, "steal_percent", 100 * (double)(after[TICK_STEAL] - before[TICK_STEAL]) / total);
		put_real(items, "busy_percent", 100 * (total - idle) / total);
	} else {
		put_text(items, "steal_percent", "unavailable: the ticks of /proc/stat stand still");
		put_text(items, "busy_percent", "unavailable: the ticks of /proc/stat stand still");
	}
	if (total_after > 0)
		put_real(items, "steal_since_boot_percent", 100 * (double)after[TICK_STEAL] / (double)total_after);
	else
		put_text(items, "steal_since_boot_percent", "unavailable: the ticks of /proc/stat stand still");
}

static void put_load(json_t *items)
{
	char text[TEXT_BYTES], *end;
	double load;

	if (read_line("/proc/loadavg", text, sizeof(text)) && (load = strtod(text, &end), end != text))
		put_real(items, "load_1min", load);
	else
		put_text(items, "load_1min", "unavailable: /proc/loadavg does not tell it");
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What reading the clock costs: the fastest of some batches, for anything slower was interrupted. */
static void put_clock(json_t *items)
{
	enum { BATCHES = 20, READS = 1000 };
	uint64_t fastest_ns = UINT64_MAX;

	for (int batch = 0; batch < BATCHES; batch++) {
		uint64_t begin_ns = now_ns(), end_ns = begin_ns;

		for (int i = 0; i < READS; i++)
			end_ns = now_ns();
		if (end_ns - begin_ns < fastest_ns)
			fastest_ns = end_ns - begin_ns;
	}
	put_line(items, "clock_source", "/sys/devices/system/clocksource/clocksource0/current_clocksource", "none");
	put_line(items, "clock_sources", "/sys/devices/system/clocksource/clocksource0/available_clocksource", "none");
	put_real(items, "clock_read_ns", (double)fastest_ns / READS);
}

/* ---- What the kernel lets us do ---------------------------------------------------------------------------------- */

static const char *pmu_reason(int error)
{
	switch (error) {
	case ENOENT:
	case EOPNOTSUPP:
	case ENODEV:
		return "the processor shows no performance counters (usual in virtual machines)";
	case EACCES:
	case EPERM:
		return "not permitted: see kernel.perf_event_paranoid, or a filter of the container";
	case ENOSYS:
		return "the kernel has no perf events, or a filter of the container hides them";
	default:
		return "perf_event_open failed";
	}
}

/* Counts the cycles of a short loop; a counter that opens but stays at 0 is none. */
static void put_pmu(json_t *items)
{
	struct perf_event_attr event = {.type = PERF_TYPE_HARDWARE,
	                                .size = sizeof(event),
	                                .config = PERF_COUNT_HW_CPU_CYCLES,
	                                .exclude_kernel = 1,
	                                .exclude_hv = 1};
	long opened = syscall(SYS_perf_event_open, &event, 0, -1, -1, 0);
	int counter = (int)opened;
	uint64_t cycles = 0;

	if (opened == -1) {
		put_text(items, "pmu", "unavailable: %s (%s)", pmu_reason(errno), strerror(errno));
		return;
	}
	for (volatile int i = 0; i < 100000; i++)
		;
	if (read(counter, &cycles, sizeof(cycles)) == sizeof(cycles) && cycles > 0)
		put_text(items, "pmu", "available");
	else
		put_text(items, "pmu", "unavailable: the counter of cycles opens but does not count");
	close(counter);
}

static void put_perf_event_paranoid(json_t *items)
{
	const char *path = "/proc/sys/kernel/perf_event_paranoid";
	char text[TEXT_BYTES];

	if (read_line(path, text, sizeof(text)))
		json_object_set_new(items, "perf_event_paranoid", json_integer(strtol(text, NULL, 10)));
	else
		put_text(items, "perf_event_paranoid", "unavailable: %s: %s", path, strerror(errno));
}

static void put_membarrier(json_t *items)
{
	long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	if (commands == -1)
		put_text(items, "membarrier", "unavailable: %s", strerror(errno));
	else if (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED)
		put_text(items, "membarrier", "available");
	else
		put_text(items, "membarrier", "unavailable: the kernel has it without the private expedited command");
}

/* ---- System and build -------------------------------------------------------------------------------------------- */

static void put_numa_balancing(json_t *items)
{
	const char *path = "/proc/sys/kernel/numa_balancing";
	uint64_t level;

	if (read_number(path, &level))
		put_text(items, "numa_balancing", level ? "on" : "off");
	else
		put_text(items, "numa_balancing", "unavailable: %s: %s", path, strerror(errno));
}

/* Processors without a tick while one thread runs. The kernel writes "(null)" or nothing for none; not all have the file. */
static void put_tickless(json_t *items)
{
	char text[TEXT_BYTES];

	if (!read_line("/sys/devices/system/cpu/nohz_full", text, sizeof(text)) || !isdigit((unsigned char)text[0]))
		strcpy(text, "none");
	put_text(items, "tickless_cpus", "%s", text);
}

/* What the kernel does against faults of processors, which makes system calls and switches dearer: "12 of 17", or "off". */
static void put_mitigations(json_t *items)
{
	struct found found = find_files("/sys/devices/system/cpu/vulnerabilities/*");
	char text[4096];
	size_t active = 0;

	for (size_t i = 0; i < found.count; i++)
		active += read_line(found_path(&found, i), text, sizeof(text)) && strncmp(text, "Mitigation", 10) == 0;
	if (read_line("/proc/cmdline", text, sizeof(text)) && strstr(text, "mitigations=off"))
		put_text(items, "mitigations", "off");
	else if (found.count > 0)
		put_text(items, "mitigations", "on: %zu of %zu kinds", active, found.count);
	else
		put_text(items, "mitigations", "unavailable: /sys/devices/system/cpu/vulnerabilities is empty");
	globfree(&found.glob);
}

static void put_system(json_t *items)
{
	struct utsname name;
	FILE *file = open_file("/etc/os-release");
	char line[TEXT_BYTES], pretty[TEXT_BYTES] = "";

	if (uname(&name) == 0)
		put_text(items, "kernel", "%s %s %s %s", name.sysname, name.release, name.version, name.machine);
	else
		put_text(items, "kernel", "unavailable: uname: %s", strerror(errno));
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "PRETTY_NAME=", 12) == 0 && sscanf(line + 12, "%*[\"']%511[^\"'\n]", pretty) != 1)
			sscanf(line + 12, "%511[^\n]", pretty);
	if (file)
		fclose(file);
	put_text(items, "os", "%s", pretty[0] ? pretty : "unavailable: /etc/os-release names none");
	put_line(items, "isolated_cpus", "/sys/devices/system/cpu/isolated", "none");
	put_tickless(items);
	put_numa_balancing(items);
	put_mitigations(items);
}

static void put_benchmark_build_type(json_t *items)
{
	char type[TEXT_BYTES];

	if (benchmark_library_build_type(type, sizeof(type)))
		put_text(items, "benchmark_build_type", "%s", type);
	else
		put_text(items, "benchmark_build_type", "unavailable: the library's JSON context does not tell");
}

static void put_build(json_t *items)
{
	unsigned xxhash = XXH_versionNumber(), hwloc = hwloc_get_api_version();

	put_text(items, "compiler", "%s", BUILD_COMPILER);
	put_text(items, "cflags", "%s", BUILD_CFLAGS);
	put_text(items, "build_configuration", "%s", BUILD_CONF);
	put_text(items, "git_commit", "%s", BUILD_COMMIT);
	put_text(items, "git_dirty", "%s", BUILD_DIRTY);
	put_text(items, "libc_version", "%s", gnu_get_libc_version());
	/* These do not tell their version at run time. */
	put_text(items, "liburcu_version", "%s", BUILD_LIBURCU_VERSION);
	put_text(items, "ck_version", "%s", BUILD_CK_VERSION);
	put_text(items, "benchmark_version", "%s", BUILD_BENCHMARK_VERSION);
	put_benchmark_build_type(items);
	put_text(items, "sodium_version", "%s", sodium_version_string());
	put_text(items, "xxhash_version", "%u.%u.%u", xxhash / 10000, xxhash / 100 % 100, xxhash % 100);
	put_text(items, "hwloc_version", "%s", BUILD_HWLOC_VERSION);
	put_text(items, "hwloc_api_version", "%u.%u.%u", hwloc >> 16, hwloc >> 8 & 255, hwloc & 255);
	put_text(items, "jansson_version", "%s", jansson_version_str());
	put_text(items, "zstd_version", "%s", ZSTD_versionString());
	put_text(items, "lzma_version", "%s", lzma_version_string());
	put_text(items, "zlib_version", "%s", zlibVersion());
}

static void put_time(json_t *items)
{
	time_t now = time(NULL);
	struct tm utc;
	char text[32];

	gmtime_r(&now, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	put_text(items, "time_utc", "%s", text);
}

json_t *environment_json(void)
{
	static void (*const groups[])(json_t * items) = {
		put_time,  put_topology,   put_affinity,   put_cpu_limit, put_hypervisor, put_governor,
		put_turbo, put_frequency,  put_throttles,  put_memory,     put_huge_pages, put_aslr,      put_load,
		put_ticks, put_clock,      put_pmu,        put_perf_event_paranoid, put_membarrier, put_system,
		put_build,
	};
	json_t *items = json_object();

	if (!items)
		return NULL;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		groups[i](items);
	return items;
}

json_t *environment_planted(const char *folder)
{
	json_t *items;

	root = folder;
	items = environment_json();
	root = "";
	return items;
}
