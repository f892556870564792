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

#define REPETITIONS_MIN 3 /* below, a coefficient of variation means nothing */
#define GAP_NS          5000
#define PROCESSORS_MAX  1024

/*
 * From which values on a figure is not to be trusted. Judgement, not theory: what is looked for begins at 5 %, so what can move a
 * figure
 * by as much is too much.
 */
static const struct bound {
	enum metric metric; /* METRICS: the coefficient of variation of ns_per_op */
	const char *column;
	double bound;
	const char *format; /* of the value times `scale` */
	double scale;
	const char *short_format; /* of a count of points, for bench */
} bounds[] = {
	{(enum metric)METRICS, "ns_per_op_cv", 0.05, "varies by %.0f %%", 100, "%zu vary by more than 5 %% between repetitions"},
	{METRIC_STEAL_SHARE, "steal_share", 0.01, "steal %.1f %%", 100, "%zu with more than 1 %% of stolen time"},
	/* A tick is 10 ms: what a window cannot resolve is added, see bound_of(). */
	{METRIC_OTHER_LOAD, "other_load", 0.2, "other load %.1f processors", 1, "%zu beside other load"},
	{METRIC_THROTTLES, "throttles", 0.5, "throttled %.0f times", 1, "%zu throttled"},
};
#define BOUNDS (sizeof bounds / sizeof bounds[0])

static double bound_of(const struct bound *bound, double window_s)
{
	return bound->metric == METRIC_OTHER_LOAD && window_s > 0 ? bound->bound + 0.03 / window_s : bound->bound;
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

/* How often processors were slowed down for their heat; false: this machine does not say. */
static bool read_throttles(uint64_t *throttles)
{
	bool any = false;

	*throttles = 0;
	for (unsigned processor = 0; processor < PROCESSORS_MAX; processor++) {
		char path[96], text[32];

		snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/thermal_throttle/core_throttle_count", processor);
		if (!read_text(path, text, sizeof text))
			break;
		*throttles += strtoull(text, NULL, 10);
		any = true;
	}
	return any;
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

void steady_metrics(const struct metrics *metrics, char text[STEADY_BYTES])
{
	char reasons[STEADY_BYTES] = "";

	for (size_t i = 0; i < BOUNDS; i++)
		if (bounds[i].metric < METRICS && !metrics->unavailable[bounds[i].metric] &&
		    metrics->value[bounds[i].metric] > bound_of(&bounds[i], metrics->value[METRIC_WINDOW_S]))
			add_reason(reasons, &bounds[i], metrics->value[bounds[i].metric]);
	snprintf(text, STEADY_BYTES, "%s%.200s", *reasons ? "disturbed: " : "", reasons);
}

bool steady_known(const struct table *summary, size_t row)
{
	double variation;

	return table_number(summary, row, "ns_per_op_cv", &variation);
}

bool steady_row(const struct table *summary, size_t row, char text[STEADY_BYTES])
{
	char reasons[STEADY_BYTES] = "";
	double value, window_s = 0;

	table_number(summary, row, "window_s", &window_s);
	for (size_t i = 0; i < BOUNDS; i++)
		if (table_number(summary, row, bounds[i].column, &value) && value > bound_of(&bounds[i], window_s))
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
	bool disturbed[BOUNDS];
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

static struct tallied *tallied_of(struct steady_tally *tally, const char *point)
{
	struct tallied *grown;

	for (size_t i = 0; i < tally->count; i++)
		if (strcmp(tally->points[i].point, point) == 0)
			return &tally->points[i];
	grown = realloc(tally->points, (tally->count + 1) * sizeof *grown);
	if (!grown)
		return NULL;
	tally->points = grown;
	grown[tally->count] = (struct tallied){.point = strdup(point)};
	return grown[tally->count].point ? &grown[tally->count++] : NULL;
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
		if (bounds[i].metric < METRICS && !metrics->unavailable[bounds[i].metric])
			tallied->disturbed[i] |= metrics->value[bounds[i].metric] > bound_of(&bounds[i],
			                                                                     metrics->value[METRIC_WINDOW_S]);
}

static double variation_of(const struct tallied *tallied)
{
	if (tallied->count < REPETITIONS_MIN || tallied->mean <= 0)
		return 0;
	return sqrt(tallied->squares / (tallied->count - 1)) / tallied->mean;
}

void steady_print(FILE *stream, const struct steady_tally *tally, const char *command)
{
	size_t unsteady = 0, of_bound[BOUNDS] = {0};
	const struct tallied *worst = NULL;
	bool begun = false;

	for (size_t i = 0; tally && i < tally->count; i++) {
		const struct tallied *tallied = &tally->points[i];
		bool steady = true;

		for (size_t b = 0; b < BOUNDS; b++) {
			bool over = bounds[b].metric < METRICS ? tallied->disturbed[b] : variation_of(tallied) > bounds[b].bound;

			of_bound[b] += over;
			steady = steady && !over;
		}
		unsteady += !steady;
		if (!worst || variation_of(tallied) > variation_of(worst))
			worst = tallied;
	}
	if (unsteady == 0)
		return;
	fprintf(stream, "capacitor %s: %zu of %zu points are not steady: ", command, unsteady, tally->count);
	for (size_t b = 0; b < BOUNDS; b++)
		if (of_bound[b]) {
			fputs(begun ? "; " : "", stream);
			fprintf(stream, bounds[b].short_format, of_bound[b]);
			if (bounds[b].metric == (enum metric)METRICS)
				fprintf(stream, " (worst %.0f %%)", 100 * variation_of(worst));
			begun = true;
		}
	fputs(". Trust no small difference; `capacitor doctor --fix` tells what could be done.\n", stream);
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
