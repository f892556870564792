/* SPDX-License-Identifier: BSD-2-Clause */
/* A measured run; see runner.h. */
#include "harness/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "harness/futex.h"
#include "harness/heap.h"
#include "harness/profile_window.h"

/* ---- Runners ----------------------------------------------------------------------------------------------------- */

static bool count_lock(void *context, const struct capacitor_lock *lock)
{
	(void)lock;
	++*(size_t *)context;
	return true;
}

bool runner_run_init(struct runner_run *run, struct capacitor *cache, unsigned threads, size_t buffer_bytes,
                     unsigned sample_every)
{
	memset(run, 0, sizeof(*run));
	run->cache = cache;
	run->threads = threads;
	run->runners = aligned_alloc(alignof(struct runner), threads * sizeof(*run->runners));
	if (!run->runners)
		return false;
	memset(run->runners, 0, threads * sizeof(*run->runners));
	capacitor_each_lock(cache, count_lock, &run->lock_count);
	run->locks = calloc(run->lock_count, sizeof(*run->locks));
	run->futex_unavailable = "not asked for: --futex-calls yes";
	if (!run->locks) {
		runner_run_free(run);
		return false;
	}
	for (unsigned i = 0; i < threads; i++) {
		struct runner *runner = &run->runners[i];

		runner->clock = latency_clock();
		runner->futex_counter = -1;
		runner->sample_every = sample_every;
		runner->until_sample = 1 + i % sample_every; /* threads do not sample in step */
		runner->buffer_bytes = buffer_bytes > 0 ? buffer_bytes : 1;
		runner->buffer = malloc(runner->buffer_bytes);
		if (!runner->buffer) {
			runner_run_free(run);
			return false;
		}
	}
	return true;
}

void runner_run_free(struct runner_run *run)
{
	for (unsigned i = 0; run->runners && i < run->threads; i++)
		free(run->runners[i].buffer);
	free(run->runners);
	free(run->locks);
	run->runners = NULL;
	run->locks = NULL;
}

void runner_count_futexes(struct runner_run *run)
{
	run->futex_unavailable = futex_unavailable();
}

/* Where each_lock has come. */
struct lock_reading {
	struct runner_run *run;
	size_t at;
	bool closes;
};

static bool read_lock(void *context, const struct capacitor_lock *lock)
{
	struct lock_reading *reading = context;
	struct runner_lock *read = &reading->run->locks[reading->at++];

	*(reading->closes ? &read->closed : &read->opened) = *lock;
	return true;
}

/* What profiles, where that was asked for: on for just the window. */
static void watch(const struct runner_run *run, bool closes)
{
	const char *implementation = capacitor_cache_info(run->cache)->name;

	heap_window(implementation, closes);
	profile_window(implementation, closes);
}

void runner_edge(void *argument, bool closes)
{
	struct runner_run *run = argument;
	struct lock_reading reading = {.run = run, .closes = closes};

	if (closes) {
		steady_read(&run->machine_closed);
		watch(run, true);
	}
	capacitor_each_lock(run->cache, read_lock, &reading);
	capacitor_stats(run->cache, closes ? &run->closed : &run->opened);
	if (!closes) {
		watch(run, false);
		steady_read(&run->machine_opened);
	}
}

struct runner *runner_enter(struct runner_run *run, struct team_member *member)
{
	struct runner *runner = &run->runners[member->index];
	enum capacitor_result result = capacitor_enter(run->cache, &runner->handle);

	runner->member = member;
	if (result != CAPACITOR_OK) {
		team_fail(member, "thread %u of %u cannot enter the cache: %s", member->index + 1, member->threads,
		          capacitor_result_string(result));
		return NULL;
	}
	if (!run->futex_unavailable)
		runner->futex_counter = futex_open();
	/* Touched here, not in the window. */
	memset(runner->buffer, 0, runner->buffer_bytes);
	return runner;
}

bool runner_leave(struct runner *runner)
{
	futex_close(runner->futex_counter);
	capacitor_leave(runner->handle);
	runner->handle = NULL;
	if (runner->failure == CAPACITOR_OK)
		return true;
	return team_fail(runner->member, "an operation returned '%s'", capacitor_result_string(runner->failure));
}

static struct runner_note note(const struct runner *runner)
{
	struct allocations now = allocations_now();
	struct rusage usage = {.ru_nvcsw = 0};
	struct timespec processor = {0, 0};
	struct runner_note noted;
	uint64_t cpu_wait_ns = steady_cpu_wait_ns();

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &processor);
	getrusage(RUSAGE_THREAD, &usage);
	noted = (struct runner_note){
		.time_ns = latency_monotonic_ns(),
		.processor_ns = (uint64_t)processor.tv_sec * 1000000000u + (uint64_t)processor.tv_nsec,
		.cpu_wait_ns = cpu_wait_ns,
		.voluntary_switches = usage.ru_nvcsw,
		.involuntary_switches = usage.ru_nivcsw,
		.futex_calls = runner->futex_counter < 0 ? 0 : futex_calls(runner->futex_counter),
		.allocations = {now.count - runner->excluded.count, now.bytes - runner->excluded.bytes},
	};
	for (unsigned i = 0; i < TEAM_COUNTS; i++)
		noted.count[i] = team_counted(runner->member, i);
	return noted;
}

void runner_note_phase(struct runner *runner, enum team_phase phase)
{
	/* A thread that was not running when the window opened learns of both at once: it has measured nothing. */
	if (runner->phase == TEAM_WARMUP) {
		memset(runner->latency, 0, sizeof(runner->latency));
		runner->opened = note(runner);
		runner->closed = runner->opened;
	}
	if (phase == TEAM_STOP)
		runner->closed = note(runner);
	runner->phase = phase;
}

/* ---- Metrics ----------------------------------------------------------------------------------------------------- */

void runner_counts(const struct runner_run *run, uint64_t count[TEAM_COUNTS])
{
	memset(count, 0, TEAM_COUNTS * sizeof(count[0]));
	for (unsigned i = 0; i < run->threads; i++)
		for (unsigned j = 0; j < TEAM_COUNTS; j++)
			count[j] += run->runners[i].closed.count[j] - run->runners[i].opened.count[j];
}

static void report_rates(const struct runner_run *run, const struct team_result *result, struct metrics *metrics)
{
	double operations = (double)result->count[RUNNER_OPERATIONS];
	uint64_t noted[TEAM_COUNTS];
	double gets, bytes_per_op;

	runner_counts(run, noted);
	gets = (double)noted[RUNNER_GETS];
	bytes_per_op = (double)noted[RUNNER_VALUE_BYTES] / (double)noted[RUNNER_OPERATIONS];
	metrics_set(metrics, METRIC_WINDOW_S, result->window_s);
	metrics_set(metrics, METRIC_OPERATIONS, operations);
	metrics_set(metrics, METRIC_OVERSUBSCRIBED, result->oversubscribed);
	metrics_set(metrics, METRIC_FAIRNESS, result->fairness);
	metrics_set(metrics, METRIC_OPS_PER_S, operations / result->window_s);
	metrics_set(metrics, METRIC_NS_PER_OP, result->window_s * 1e9 * run->threads / operations);
	metrics_set(metrics, METRIC_BYTES_PER_S, bytes_per_op * operations / result->window_s);
	if (gets == 0)
		metrics_lack(metrics, METRIC_HIT_RATIO, "there was no get in the window");
	if (capacitor_cache_info(run->cache)->lacks & CAPACITOR_LACKS_STORAGE) {
		metrics_lack(metrics, METRIC_HIT_RATIO, "the implementation stores nothing");
		metrics_lack(metrics, METRIC_BYTES_PER_S, "the implementation stores nothing");
	} else if (gets > 0) {
		metrics_set(metrics, METRIC_HIT_RATIO, (double)noted[RUNNER_HITS] / gets);
	}
}

/* A percentile is one when at least one sample is beyond it. */
static void report_percentile(struct metrics *metrics, enum metric metric, const struct latency_histogram *histogram,
                              double share)
{
	if (histogram->samples == 0)
		metrics_lack(metrics, metric, "no operation of this kind was sampled");
	else if ((1 - share) * (double)histogram->samples < 1 - 1e-9)
		metrics_lack(metrics, metric, "too few operations were sampled for this percentile");
	else
		metrics_set(metrics, metric, latency_percentile(histogram, share) * latency_clock()->ns_per_tick);
}

static void report_latency(const struct runner_run *run, struct metrics *metrics)
{
	static const struct {
		enum metric p50, p99;
	} kind[WORKLOAD_KINDS] = {
		[WORKLOAD_GET] = {METRIC_GET_LATENCY_P50_NS, METRIC_GET_LATENCY_P99_NS},
		[WORKLOAD_SET] = {METRIC_SET_LATENCY_P50_NS, METRIC_SET_LATENCY_P99_NS},
		[WORKLOAD_DELETE] = {METRIC_DELETE_LATENCY_P50_NS, METRIC_DELETE_LATENCY_P99_NS},
	};
	struct latency_histogram all, one;

	memset(&all, 0, sizeof(all));
	for (unsigned i = 0; i < WORKLOAD_KINDS; i++) {
		memset(&one, 0, sizeof(one));
		for (unsigned thread = 0; thread < run->threads; thread++)
			latency_merge(&one, &run->runners[thread].latency[i]);
		latency_merge(&all, &one);
		report_percentile(metrics, kind[i].p50, &one, 0.5);
		report_percentile(metrics, kind[i].p99, &one, 0.99);
	}
	report_percentile(metrics, METRIC_LATENCY_P50_NS, &all, 0.5);
	report_percentile(metrics, METRIC_LATENCY_P90_NS, &all, 0.9);
	report_percentile(metrics, METRIC_LATENCY_P99_NS, &all, 0.99);
	report_percentile(metrics, METRIC_LATENCY_P999_NS, &all, 0.999);
	if (all.samples > 0)
		metrics_set(metrics, METRIC_LATENCY_MAX_NS, (double)all.max * latency_clock()->ns_per_tick);
	else
		metrics_lack(metrics, METRIC_LATENCY_MAX_NS, "no operation was sampled");
	metrics_set(metrics, METRIC_LATENCY_SAMPLES, (double)all.samples);
	metrics_set(metrics, METRIC_LATENCY_SAMPLE_COST_NS, latency_clock()->sample_cost_ns);
}

/* From the threads' own notes: their windows are a little apart, so each is divided by its own. */
static void report_threads(const struct runner_run *run, struct metrics *metrics)
{
	double operations = 0, allocations = 0, bytes = 0, voluntary = 0, involuntary = 0, time_s = 0;
	double running_s = 0, waiting_s = 0;
	bool knows_waiting = true;

	for (unsigned i = 0; i < run->threads; i++) {
		const struct runner_note *opened = &run->runners[i].opened, *closed = &run->runners[i].closed;

		operations += (double)(closed->count[RUNNER_OPERATIONS] - opened->count[RUNNER_OPERATIONS]);
		allocations += (double)(closed->allocations.count - opened->allocations.count);
		bytes += (double)(closed->allocations.bytes - opened->allocations.bytes);
		voluntary += (double)(closed->voluntary_switches - opened->voluntary_switches);
		involuntary += (double)(closed->involuntary_switches - opened->involuntary_switches);
		time_s += (double)(closed->time_ns - opened->time_ns) / 1e9 / run->threads;
		knows_waiting = knows_waiting && opened->cpu_wait_ns != STEADY_UNKNOWN && closed->cpu_wait_ns != STEADY_UNKNOWN;
		waiting_s += (double)(closed->cpu_wait_ns - opened->cpu_wait_ns) / 1e9 / run->threads;
		running_s += (double)(closed->processor_ns - opened->processor_ns) / 1e9 / run->threads;
	}
	metrics_set(metrics, METRIC_ON_CPU_SHARE, running_s / time_s);
	if (knows_waiting)
		metrics_set(metrics, METRIC_CPU_WAIT_SHARE, waiting_s / time_s);
	else
		metrics_lack(metrics, METRIC_CPU_WAIT_SHARE, "this kernel keeps no account of it (/proc/thread-self/schedstat)");
	steady_report(&run->machine_opened, &run->machine_closed, metrics);
	metrics_set(metrics, METRIC_VOLUNTARY_SWITCHES_PER_S, voluntary / time_s);
	metrics_set(metrics, METRIC_INVOLUNTARY_SWITCHES_PER_S, involuntary / time_s);
	if (allocations_unavailable()) {
		metrics_lack(metrics, METRIC_ALLOCATIONS_PER_OP, allocations_unavailable());
		metrics_lack(metrics, METRIC_ALLOCATED_BYTES_PER_OP, allocations_unavailable());
	} else {
		metrics_set(metrics, METRIC_ALLOCATIONS_PER_OP, allocations / operations);
		metrics_set(metrics, METRIC_ALLOCATED_BYTES_PER_OP, bytes / operations);
	}
}

static void report_futexes(const struct runner_run *run, struct metrics *metrics)
{
	double calls = 0, operations = 0;

	if (run->futex_unavailable) {
		metrics_lack(metrics, METRIC_FUTEX_CALLS_PER_OP, run->futex_unavailable);
		return;
	}
	for (unsigned i = 0; i < run->threads; i++) {
		const struct runner_note *opened = &run->runners[i].opened, *closed = &run->runners[i].closed;

		if (run->runners[i].futex_counter < 0) {
			metrics_lack(metrics, METRIC_FUTEX_CALLS_PER_OP, "some threads got no counter: too many files are open");
			return;
		}
		calls += (double)(closed->futex_calls - opened->futex_calls);
		operations += (double)(closed->count[RUNNER_OPERATIONS] - opened->count[RUNNER_OPERATIONS]);
	}
	metrics_set(metrics, METRIC_FUTEX_CALLS_PER_OP, calls / operations);
}

/* The locks that were waited for in the window. */
static void report_locks(const struct runner_run *run, struct metrics *metrics)
{
	double longest = 0, all = 0;

	metrics->locks = 0;
	for (size_t i = 0; i < run->lock_count; i++) {
		const struct capacitor_lock *opened = &run->locks[i].opened, *closed = &run->locks[i].closed;
		struct metrics_lock lock = {closed->name, closed->index, closed->waits - opened->waits,
		                            closed->wait_ns - opened->wait_ns};

		metrics_add_lock(metrics, &lock);
		all += (double)lock.wait_ns;
		if ((double)lock.wait_ns > longest)
			longest = (double)lock.wait_ns;
	}
	if (all > 0)
		metrics_set(metrics, METRIC_HOTTEST_LOCK_SHARE, longest / all);
	else
		metrics_lack(metrics, METRIC_HOTTEST_LOCK_SHARE, "no lock was waited for");
}

/* A statistic that grew between the edges, divided; or the implementation's reason why it has none. */
static void report_growth(const struct runner_run *run, struct metrics *metrics, enum metric metric,
                          enum capacitor_stat stat, double divisor)
{
	const char *reason = capacitor_cache_info(run->cache)->unavailable[stat];

	if (reason)
		metrics_lack(metrics, metric, reason);
	else
		metrics_set(metrics, metric, (double)(run->closed.value[stat] - run->opened.value[stat]) / divisor);
}

static void report_gauge(const struct runner_run *run, struct metrics *metrics, enum metric metric,
                         enum capacitor_stat stat, double value)
{
	const char *reason = capacitor_cache_info(run->cache)->unavailable[stat];

	if (reason)
		metrics_lack(metrics, metric, reason);
	else
		metrics_set(metrics, metric, value);
}

static void report_stats(const struct runner_run *run, const struct team_result *result, struct metrics *metrics)
{
	double operations = (double)result->edge_operations;
	struct capacitor_stats now;
	uint64_t periods;
	double entries;

	report_growth(run, metrics, METRIC_EVICTIONS_PER_OP, CAPACITOR_STAT_EVICTIONS, operations);
	report_growth(run, metrics, METRIC_LOCKS_PER_OP, CAPACITOR_STAT_LOCKS, operations);
	report_growth(run, metrics, METRIC_LOCK_WAITS_PER_OP, CAPACITOR_STAT_LOCK_WAITS, operations);
	report_growth(run, metrics, METRIC_LOCK_WAIT_NS_PER_OP, CAPACITOR_STAT_LOCK_WAIT_NS, operations);
	report_growth(run, metrics, METRIC_CAS_FAILURES_PER_OP, CAPACITOR_STAT_CAS_FAILURES, operations);
	report_growth(run, metrics, METRIC_BUSY_PER_OP, CAPACITOR_STAT_BUSY, operations);
	report_growth(run, metrics, METRIC_TABLE_REBUILDS, CAPACITOR_STAT_TABLE_REBUILDS, 1);
	report_growth(run, metrics, METRIC_GRACE_PERIODS_PER_S, CAPACITOR_STAT_GRACE_PERIODS, result->edge_s);
	report_growth(run, metrics, METRIC_ROOM_WAIT_NS_PER_OP, CAPACITOR_STAT_ROOM_WAIT_NS, operations);
	periods = run->closed.value[CAPACITOR_STAT_GRACE_PERIODS] - run->opened.value[CAPACITOR_STAT_GRACE_PERIODS];
	report_growth(run, metrics, METRIC_GRACE_PERIOD_NS, CAPACITOR_STAT_GRACE_NS, (double)periods);
	if (periods == 0 && !capacitor_cache_info(run->cache)->unavailable[CAPACITOR_STAT_GRACE_NS])
		metrics_lack(metrics, METRIC_GRACE_PERIOD_NS, "no grace period ended in the window");

	/* Nobody is inside any more: these are exact. */
	capacitor_stats(run->cache, &now);
	entries = (double)now.value[CAPACITOR_STAT_ENTRIES];
	report_gauge(run, metrics, METRIC_RETIRED_PEAK_BYTES, CAPACITOR_STAT_RETIRED_PEAK_BYTES,
	             (double)now.value[CAPACITOR_STAT_RETIRED_PEAK_BYTES]);
	if (capacitor_cache_info(run->cache)->lacks & CAPACITOR_LACKS_STORAGE) {
		metrics_lack(metrics, METRIC_ENTRIES, "the implementation stores nothing");
		metrics_lack(metrics, METRIC_BYTES_PER_ENTRY, "the implementation stores nothing");
		return;
	}
	metrics_set(metrics, METRIC_ENTRIES, entries);
	if (entries > 0)
		metrics_set(metrics, METRIC_BYTES_PER_ENTRY,
		            (double)(now.value[CAPACITOR_STAT_LIVE_BYTES] + now.value[CAPACITOR_STAT_TABLE_BYTES]) /
		                    entries);
	else
		metrics_lack(metrics, METRIC_BYTES_PER_ENTRY, "the cache was empty at the end");
}

void runner_report(const struct runner_run *run, const struct team_result *result, struct metrics *metrics)
{
	report_rates(run, result, metrics);
	report_latency(run, metrics);
	report_threads(run, metrics);
	report_futexes(run, metrics);
	report_locks(run, metrics);
	report_stats(run, result, metrics);
}

/* ---- Resident memory --------------------------------------------------------------------------------------------- */

const char *runner_resident_reset(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "we");
	bool written;

	if (!file)
		return "/proc/self/clear_refs cannot be written, so that the peak is of the whole run of the program";
	written = fputs("5", file) >= 0;
	written &= fclose(file) == 0;
	return written ? NULL : "this kernel cannot forget the peak of resident memory";
}

const char *runner_resident_peak(double *bytes)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long kilobytes;
	char line[128];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "VmHWM: %lu kB", &kilobytes) == 1;
	if (file)
		fclose(file);
	if (!found)
		return "/proc/self/status has no VmHWM";
	*bytes = (double)kilobytes * 1024;
	return NULL;
}
