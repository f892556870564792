/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a figure can be trusted; see steady.h. */
#include "harness/steady.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/tidy.h"

#define REPETITIONS_MIN 3 /* below, a coefficient of variation means nothing */
#define GAP_NS          5000
#define NAME_BYTES      256

/*
 * From which values on a figure is not to be trusted. Judgement, not theory: what is looked for begins at 5 %, so what
 * can move a figure by as much is too much.
 *
 *   varies       what is looked for would drown in it
 *   cpu wait     the threads did not run for that part of the window, and whoever waits for a lock that one of them held waited,
 *                too. Where there are more threads than processors, that is what is measured, and no fault
 *   steal        is of all processors; one of them may have lost several times as much. A tick is told late: one of two
 *                processors is added
 *   other load   shares caches and memory even where it leaves the processors alone. Three ticks are added: ours and those of
 *                the others begin and end beside the window's edges
 *   throttled    counted once per excess of heat, however long it took
 */
static const struct bound {
	enum metric metric; /* METRICS: the coefficient of variation of ns_per_op */
	const char *column;
	double bound;
	double resolved_s; /* added, in parts of the window: what /proc/stat with its ticks of 10 ms cannot tell from it */
	const char *format; /* of the value times `scale` */
	double scale;
	const char *short_format; /* of a count of points, for bench */
} bounds[] = {
	{(enum metric)METRICS, "ns_per_op_cv", 0.05, 0, "varies by %.0f %%", 100, "%zu vary by more than 5 %% between repetitions"},
	{METRIC_CPU_WAIT_SHARE, "cpu_wait_share", 0.05, 0, "waited for processors %.0f %%", 100,
	 "%zu kept off their processors for more than 5 %% of the time"},
	{METRIC_STEAL_SHARE, "steal_share", 0.01, 0.005, "steal %.1f %%", 100, "%zu with stolen time"},
	{METRIC_OTHER_LOAD, "other_load", 0.2, 0.03, "other load %.1f processors", 1, "%zu beside other load"},
	{METRIC_THROTTLES, "throttles", 0.5, 0, "throttled %.0f times", 1, "%zu throttled"},
};
#define BOUNDS (sizeof bounds / sizeof bounds[0])

static double bound_of(const struct bound *bound, double window_s, double oversubscribed)
{
	if (bound->metric == METRIC_CPU_WAIT_SHARE && oversubscribed > 0)
		return INFINITY;
	return window_s > 0 ? bound->bound + bound->resolved_s / window_s : bound->bound;
}

/* Is a run's metric beyond its bound? Not where it is unknown. */
static bool beyond(const struct bound *bound, const struct metrics *metrics)
{
	return bound->metric < METRICS && !metrics->unavailable[bound->metric] &&
	       metrics->value[bound->metric] >
	               bound_of(bound, metrics->value[METRIC_WINDOW_S], metrics->value[METRIC_OVERSUBSCRIBED]);
}

/* ---- While a window is open --------------------------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now = {0, 0};

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The beginning of a small file, without an allocation: whoever counts those must not count ours. */
static bool read_text(const char *path, char *text, size_t bytes)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = file >= 0 ? read(file, text, bytes - 1) : -1;

	if (file >= 0)
		close(file);
	if (got <= 0)
		return false;
	text[got] = '\0';
	return true;
}

/* user nice system idle iowait irq softirq steal */
static bool read_ticks(struct steady_reading *reading)
{
	char text[512], *next = text + 3;
	uint64_t tick[8];

	if (!read_text("/proc/stat", text, sizeof text) || strncmp(text, "cpu ", 4) != 0)
		return false;
	for (size_t i = 0; i < 8; i++) {
		char *begin = next;

		tick[i] = strtoull(begin, &next, 10);
		if (next == begin)
			return false; /* a kernel that does not count stolen time */
	}
	reading->busy_ticks = tick[0] + tick[1] + tick[2] + tick[5] + tick[6];
	reading->steal_ticks = tick[7];
	reading->ticks = reading->busy_ticks + tick[3] + tick[4] + tick[7];
	return true;
}

/* How often processors were slowed down for their heat; false: this machine does not say. Those that are switched off have no such
 * file, wherever they are among the others. */
static bool read_throttles(uint64_t *throttles)
{
	long processors = sysconf(_SC_NPROCESSORS_CONF);
	bool any = false;

	*throttles = 0;
	for (long processor = 0; processor < processors; processor++) {
		char path[96], text[32];

		snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%ld/thermal_throttle/core_throttle_count", processor);
		if (!read_text(path, text, sizeof text))
			continue;
		*throttles += strtoull(text, NULL, 10);
		any = true;
	}
	return any;
}

/* "ran waited slices", the first two in ns. */
uint64_t steady_cpu_wait_ns(void)
{
	char text[96], *next, *end;
	uint64_t waited_ns;

	if (!read_text("/proc/thread-self/schedstat", text, sizeof text))
		return STEADY_UNKNOWN;
	strtoull(text, &next, 10);
	waited_ns = strtoull(next, &end, 10);
	return end == next ? STEADY_UNKNOWN : waited_ns;
}

void steady_read(struct steady_reading *reading)
{
	memset(reading, 0, sizeof *reading);
	reading->knows_ticks = read_ticks(reading);
	reading->knows_throttles = read_throttles(&reading->throttles);
	reading->own_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	reading->at_ns = clock_ns(CLOCK_MONOTONIC);
}

void steady_report(const struct steady_reading *opened, const struct steady_reading *closed, struct metrics *metrics)
{
	double ticks = (double)(closed->ticks - opened->ticks), time_s = (double)(closed->at_ns - opened->at_ns) / 1e9;
	double busy_s = (double)(closed->busy_ticks - opened->busy_ticks) / (double)sysconf(_SC_CLK_TCK);
	double own_s = (double)(closed->own_ns - opened->own_ns) / 1e9;

	if (!opened->knows_ticks || !closed->knows_ticks) {
		metrics_lack(metrics, METRIC_STEAL_SHARE, "/proc/stat has no line of ticks with stolen ones");
		metrics_lack(metrics, METRIC_OTHER_LOAD, "/proc/stat has no line of ticks");
	} else if (ticks <= 0 || time_s <= 0) {
		metrics_lack(metrics, METRIC_STEAL_SHARE, "the window was shorter than a tick of /proc/stat");
		metrics_lack(metrics, METRIC_OTHER_LOAD, "the window was shorter than a tick of /proc/stat");
	} else {
		metrics_set(metrics, METRIC_STEAL_SHARE, (double)(closed->steal_ticks - opened->steal_ticks) / ticks);
		metrics_set(metrics, METRIC_OTHER_LOAD, fmax(0, busy_s - own_s) / time_s);
	}
	if (!opened->knows_throttles || !closed->knows_throttles)
		metrics_lack(metrics, METRIC_THROTTLES, "this machine does not say how often it slows down for its heat");
	else
		metrics_set(metrics, METRIC_THROTTLES, (double)(closed->throttles - opened->throttles));
}

/* ---- Verdicts ------------------------------------------------------------------------------------------------------ */

static void add_reason(char text[STEADY_BYTES], const struct bound *bound, double value)
{
	size_t used = strlen(text);

	used += (size_t)snprintf(text + used, STEADY_BYTES - used, "%s", used ? ", " : "");
	if (used < STEADY_BYTES)
		snprintf(text + used, STEADY_BYTES - used, bound->format, value * bound->scale);
}

bool steady_metrics(const struct metrics *metrics, char text[STEADY_BYTES])
{
	char reasons[STEADY_BYTES] = "";

	for (size_t i = 0; i < BOUNDS; i++)
		if (beyond(&bounds[i], metrics))
			add_reason(reasons, &bounds[i], metrics->value[bounds[i].metric]);
	snprintf(text, STEADY_BYTES, "%s%.200s", *reasons ? "no: " : "yes", reasons);
	return !*reasons;
}

bool steady_known(const struct table *summary, size_t row)
{
	double variation;

	return table_number(summary, row, "ns_per_op_cv", &variation);
}

/* The same of a row; *value is what it has. */
static bool row_beyond(const struct bound *bound, const struct table *summary, size_t row, double *value)
{
	double window_s = 0, oversubscribed = 0;

	table_number(summary, row, "window_s", &window_s);
	table_number(summary, row, "oversubscribed", &oversubscribed);
	return table_number(summary, row, bound->column, value) && *value > bound_of(bound, window_s, oversubscribed);
}

bool steady_undisturbed(const struct table *summary, size_t row, char reasons[STEADY_BYTES])
{
	double value;

	*reasons = '\0';
	for (size_t i = 0; i < BOUNDS; i++)
		if (bounds[i].metric < METRICS && row_beyond(&bounds[i], summary, row, &value))
			add_reason(reasons, &bounds[i], value);
	return !*reasons;
}

bool steady_row(const struct table *summary, size_t row, char text[STEADY_BYTES])
{
	char reasons[STEADY_BYTES] = "";
	double value;

	for (size_t i = 0; i < BOUNDS; i++)
		if (row_beyond(&bounds[i], summary, row, &value))
			add_reason(reasons, &bounds[i], value);
	if (*reasons)
		snprintf(text, STEADY_BYTES, "no: %.200s", reasons);
	else if (!steady_known(summary, row))
		snprintf(text, STEADY_BYTES, "unknown: fewer than %d repetitions", REPETITIONS_MIN);
	else
		snprintf(text, STEADY_BYTES, "yes");
	return !*reasons;
}

/* ---- The line at the end of a bench ---------------------------------------------------------------------------------- */

struct tallied {
	char *point;
	unsigned count;
	double mean, squares; /* of ns_per_op: Welford's */
	double variation;     /* of a row of a summary, which knows it */
	bool over[BOUNDS];
};

struct steady_tally {
	struct tallied *points;
	size_t count;
};

struct steady_tally *steady_tally_new(void)
{
	return calloc(1, sizeof(struct steady_tally));
}

void steady_tally_free(struct steady_tally *tally)
{
	if (!tally)
		return;
	for (size_t i = 0; i < tally->count; i++)
		free(tally->points[i].point);
	free(tally->points);
	free(tally);
}

static struct tallied *add_tallied(struct steady_tally *tally, const char *point)
{
	struct tallied *grown = realloc(tally->points, (tally->count + 1) * sizeof *grown);

	if (!grown)
		return NULL;
	tally->points = grown;
	grown[tally->count] = (struct tallied){.point = strdup(point)};
	return grown[tally->count].point ? &grown[tally->count++] : NULL;
}

static struct tallied *tallied_of(struct steady_tally *tally, const char *point)
{
	for (size_t i = 0; i < tally->count; i++)
		if (strcmp(tally->points[i].point, point) == 0)
			return &tally->points[i];
	return add_tallied(tally, point);
}

void steady_add(struct steady_tally *tally, const char *point, const struct metrics *metrics)
{
	struct tallied *tallied = tally ? tallied_of(tally, point) : NULL;
	double from_mean;

	if (!tallied || metrics->unavailable[METRIC_NS_PER_OP])
		return;
	from_mean = metrics->value[METRIC_NS_PER_OP] - tallied->mean;
	tallied->mean += from_mean / ++tallied->count;
	tallied->squares += from_mean * (metrics->value[METRIC_NS_PER_OP] - tallied->mean);
	for (size_t i = 0; i < BOUNDS; i++)
		tallied->over[i] |= beyond(&bounds[i], metrics);
}

void steady_add_row(struct steady_tally *tally, const char *point, const struct table *summary, size_t row)
{
	struct tallied *tallied = tally ? add_tallied(tally, point) : NULL;

	if (!tallied)
		return;
	for (size_t i = 0; i < BOUNDS; i++)
		tallied->over[i] = row_beyond(&bounds[i], summary, row, &tallied->variation);
	tallied->variation = 0;
	table_number(summary, row, "ns_per_op_cv", &tallied->variation);
}

static double variation_of(const struct tallied *tallied)
{
	if (tallied->count < REPETITIONS_MIN || tallied->mean <= 0)
		return tallied->variation;
	return sqrt(tallied->squares / (tallied->count - 1)) / tallied->mean;
}

/* "rcu, threads 4": what mostly tells points apart; a name without such parts as it is. */
static const char *short_name(const char *point, char name[NAME_BYTES])
{
	static const char *const parts[] = {"threads", "mix", "trace", "operation"};
	char impl[64], part[64];
	size_t used;

	if (!tidy_parameter(point, "codec", impl, sizeof impl) && !tidy_parameter(point, "impl", impl, sizeof impl))
		snprintf(impl, sizeof impl, "%.60s", point);
	used = (size_t)snprintf(name, NAME_BYTES, "%s", impl);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (tidy_parameter(point, parts[i], part, sizeof part) && used < NAME_BYTES)
			used += (size_t)snprintf(name + used, NAME_BYTES - used, ", %s %s", parts[i], part);
	return name;
}

size_t steady_say(FILE *stream, const struct steady_tally *tally)
{
	size_t unsteady = 0, of_bound[BOUNDS] = {0};
	const struct tallied *worst = NULL;
	char name[NAME_BYTES];
	const char *between = "";

	for (size_t i = 0; tally && i < tally->count; i++) {
		const struct tallied *tallied = &tally->points[i];
		bool steady = true;

		for (size_t b = 0; b < BOUNDS; b++) {
			bool over = bounds[b].metric < METRICS ? tallied->over[b] : variation_of(tallied) > bounds[b].bound;

			of_bound[b] += over;
			steady = steady && !over;
		}
		unsteady += !steady;
		if (!worst || variation_of(tallied) > variation_of(worst))
			worst = tallied;
	}
	if (unsteady > 0)
		fprintf(stream, "%zu of %zu points are not steady: ", unsteady, tally->count);
	for (size_t b = 0; b < BOUNDS; b++)
		if (of_bound[b]) {
			fputs(between, stream);
			fprintf(stream, bounds[b].short_format, of_bound[b]);
			if (bounds[b].metric == (enum metric)METRICS)
				fprintf(stream, " (worst: %s: %.0f %%)", short_name(worst->point, name), 100 * variation_of(worst));
			between = "; ";
		}
	return unsteady;
}

void steady_print(FILE *stream, const struct steady_tally *tally, const char *command)
{
	char *text = NULL;
	size_t bytes;
	FILE *memory = open_memstream(&text, &bytes);
	size_t unsteady = memory ? steady_say(memory, tally) : 0;

	if (memory)
		fclose(memory);
	if (unsteady > 0)
		fprintf(stream, "capacitor %s: %s. Trust no small difference; `capacitor doctor --fix` tells what could be done.\n",
		        command, text);
	free(text);
}

/* ---- A machine at rest ---------------------------------------------------------------------------------------------- */

struct watcher {
	pthread_t thread;
	int processor;
	uint64_t until_ns, lost_ns, longest_ns;
};

static void *watch_clock(void *argument)
{
	struct watcher *watcher = argument;
	cpu_set_t set;
	uint64_t before, now;

	CPU_ZERO(&set);
	CPU_SET(watcher->processor, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof set, &set); /* where it fails, the kernel chooses */
	before = clock_ns(CLOCK_MONOTONIC);
	do {
		now = clock_ns(CLOCK_MONOTONIC);
		if (now - before >= GAP_NS)
			watcher->lost_ns += now - before;
		if (now - before > watcher->longest_ns)
			watcher->longest_ns = now - before;
		before = now;
	} while (now < watcher->until_ns);
	return NULL;
}

bool steady_jitter(double seconds, double *lost_share, double *longest_ns)
{
	uint64_t begin = clock_ns(CLOCK_MONOTONIC), until = begin + (uint64_t)(seconds * 1e9), lost = 0, longest = 0;
	struct watcher *watchers = calloc(CPU_SETSIZE, sizeof *watchers);
	unsigned count = 0;
	cpu_set_t allowed;

	if (!watchers || sched_getaffinity(0, sizeof allowed, &allowed) != 0)
		CPU_ZERO(&allowed);
	for (int processor = 0; watchers && processor < CPU_SETSIZE; processor++)
		if (CPU_ISSET(processor, &allowed)) {
			watchers[count] = (struct watcher){.processor = processor, .until_ns = until};
			if (pthread_create(&watchers[count].thread, NULL, watch_clock, &watchers[count]) != 0)
				break;
			count++;
		}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(watchers[i].thread, NULL);
		lost += watchers[i].lost_ns;
		if (watchers[i].longest_ns > longest)
			longest = watchers[i].longest_ns;
	}
	free(watchers);
	if (count == 0)
		return false;
	*lost_share = (double)lost / (double)(until - begin) / count;
	*longest_ns = (double)longest;
	return true;
}
