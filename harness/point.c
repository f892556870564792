/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measuring a point; see point.h.
 *
 * The steps: draw the streams (or take those of the point before, when they are the same); make the cache; fill it, by
 * the whole team, which first proves by a marker that it shares one cache; measure; and measure the same streams
 * against null, for a fifth of the time, so that each figure comes with what the harness itself costs.
 *
 * The loop of a mix runs through the thread's stream until the coordinator says stop. A mix of deletes
 * only would soon find nothing to delete. So there each thread works on keys of its own, in rounds: delete some
 * thousand of them, all threads at the same time, which is measured; put them back, which is not. Where each thread has
 * a processor for itself, its own time counts. Where threads share processors, that would leave out that they wait for
 * each other: there the time of a round is that from its first thread's beginning to its last one's end.
 */
#include "harness/point.h"

#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/runner.h"

/* Deletes of one round, by all threads: few enough for many rounds in a window, and those of one thread long beside
 * what it takes to begin at the same time. */
#define ROUND     16384
#define ROUND_MIN 512

/* A set that is refused while memory is reclaimed is tried again so often while filling. */
#define FILL_ATTEMPTS  20

/* The part of the keys that may be missing after filling where all should fit. */
#define FILL_MISSING_SHARE 0.01

/* What an entry takes in tables, at most: chains and buckets at their emptiest. */
#define TABLE_BYTES_PER_ENTRY 64

/* Shorter windows say nothing: a thread may be off its processor for all of it. */
#define WINDOW_MIN_S 0.01

#define MEBIBYTE ((size_t)1 << 20)

/* What a team has to know, beside the runners (which come first: see runner_edge). */
struct job {
	struct runner_run run;
	const struct point *point;
	struct workload *workload;
	uint64_t fill_keys;
	bool fill;

	/* Of rounds of deletes; all relaxed: the meetings of the team order them. */
	bool oversubscribed;
	_Atomic uint64_t arrived;        /* threads that were ready to begin, in all rounds */
	_Atomic uint64_t round_begin_ns; /* 0: nobody has begun this round */
	_Atomic uint64_t round_end_ns;   /* when the last thread so far ended */
};

struct point_workspace {
	struct workload workload;
	bool drawn;
};

/* ---- Operations -------------------------------------------------------------------------------------------------- */

static enum capacitor_result set(struct runner *runner, const struct workload *workload, uint32_t number,
                                 const unsigned char *key)
{
	enum capacitor_result result = capacitor_set(runner->handle, key, workload->key_bytes,
	                                             workload_value(workload, number), workload->value_bytes,
	                                             CAPACITOR_TTL_DEFAULT);

	if (result == CAPACITOR_STORED)
		runner_count(runner, RUNNER_VALUE_BYTES, workload->value_bytes);
	else
		runner_check(runner, result);
	return result;
}

static inline void perform(struct runner *runner, const struct job *job, uint32_t operation)
{
	const struct workload *workload = job->workload;
	uint32_t number = workload_key_number(operation);
	const unsigned char *key = workload_key(workload, number, runner->scratch);
	enum capacitor_result result;
	size_t value_bytes;

	switch (workload_kind(operation)) {
	case WORKLOAD_GET:
		result = capacitor_get(runner->handle, key, workload->key_bytes, runner->buffer, runner->buffer_bytes,
		                       &value_bytes);
		runner_count(runner, RUNNER_GETS, 1);
		if (result == CAPACITOR_HIT) {
			runner_count(runner, RUNNER_HITS, 1);
			runner_count(runner, RUNNER_VALUE_BYTES, value_bytes);
		} else if (result != CAPACITOR_MISS) {
			runner_check(runner, result);
		} else if (job->fill) {
			set(runner, workload, number, key);
		}
		break;
	case WORKLOAD_SET:
		set(runner, workload, number, key);
		break;
	case WORKLOAD_DELETE:
		result = capacitor_delete(runner->handle, key, workload->key_bytes);
		if (result == CAPACITOR_MISS)
			runner_count(runner, RUNNER_DELETE_MISSES, 1);
		else if (result != CAPACITOR_HIT)
			runner_check(runner, result);
		break;
	}
	runner_count(runner, RUNNER_OPERATIONS, 1);
}

static inline void perform_timed(struct runner *runner, const struct job *job, uint32_t operation)
{
	if (runner_samples(runner)) {
		uint64_t begin = latency_begin(runner->clock);

		perform(runner, job, operation);
		latency_record(&runner->latency[workload_kind(operation)], latency_end(runner->clock) - begin);
	} else {
		perform(runner, job, operation);
	}
}

/* ---- Bodies ------------------------------------------------------------------------------------------------------ */

static bool draw_body(struct team_member *member)
{
	if (team_ready(member))
		workload_draw(member->context, member->index);
	return true;
}

bool point_marker(struct team_member *member, struct capacitor_handle *handle)
{
	static const char key[] = "capacitor's marker", value[] = "set by one thread, seen by all";
	char seen[sizeof(value)] = "";
	size_t seen_bytes = 0;
	bool sees = true;

	if (member->index == 0)
		sees = capacitor_set(handle, key, sizeof(key), value, sizeof(value), CAPACITOR_TTL_NEVER) ==
		       CAPACITOR_STORED;
	team_meet(member);
	if (sees)
		sees = capacitor_get(handle, key, sizeof(key), seen, sizeof(seen), &seen_bytes) == CAPACITOR_HIT &&
		       seen_bytes == sizeof(value) && memcmp(seen, value, sizeof(value)) == 0;
	team_meet(member);
	if (member->index == 0)
		capacitor_delete(handle, key, sizeof(key));
	return sees;
}

/* Adds a key if it is not there. What is refused while memory is reclaimed is tried again. */
static enum capacitor_result fill_key(struct runner *runner, const struct workload *workload, uint32_t number)
{
	const unsigned char *key = workload_key(workload, number, runner->scratch);
	enum capacitor_result result = CAPACITOR_BUSY;

	for (int i = 0; i < FILL_ATTEMPTS && result == CAPACITOR_BUSY; i++)
		result = capacitor_add(runner->handle, key, workload->key_bytes, workload_value(workload, number),
		                       workload->value_bytes, CAPACITOR_TTL_DEFAULT);
	return result;
}

static bool fill_body(struct team_member *member)
{
	struct job *job = member->context;
	struct runner *runner = runner_enter(&job->run, member);
	uint64_t first, end;
	bool sees;

	if (!runner)
		return false;
	if (!team_ready(member)) {
		runner_leave(runner);
		return true;
	}
	sees = point_marker(member, runner->handle);
	first = job->fill_keys * member->index / member->threads;
	end = job->fill_keys * (member->index + 1) / member->threads;
	for (uint64_t i = first; i < end && sees && runner->failure == CAPACITOR_OK; i++) {
		enum capacitor_result result = fill_key(runner, job->workload, (uint32_t)i);

		if (result != CAPACITOR_STORED && result != CAPACITOR_EXISTS)
			runner->failure = result;
	}
	if (!runner_leave(runner))
		return false;
	return sees || team_fail(member, "thread %u does not see what thread 1 has set: they do not share one cache",
	                         member->index + 1);
}

static bool mix_body(struct team_member *member)
{
	struct job *job = member->context;
	struct runner *runner = runner_enter(&job->run, member);
	const uint32_t *stream = job->workload->stream[member->index];

	if (!runner)
		return false;
	if (!team_ready(member)) {
		runner_leave(runner);
		return true;
	}
	for (size_t i = 0; runner->phase != TEAM_STOP; i = i + 1 < job->workload->length ? i + 1 : 0) {
		perform_timed(runner, job, stream[i]);
		if (team_phase(member) != runner->phase)
			runner_note_phase(runner, team_phase(member));
	}
	return runner_leave(runner);
}

/* Puts back what a round deleted. Its allocations are not those of deletes. */
static void put_back(struct runner *runner, const struct job *job, uint64_t first_rank, uint64_t ranks)
{
	const struct workload *workload = job->workload;
	struct allocations before = allocations_now(), after;

	for (uint64_t i = 0; i < ranks; i++) {
		enum capacitor_result result = fill_key(
			runner, workload, workload_key_of_rank(first_rank + i, workload->key_step, workload->keys));

		if (result != CAPACITOR_STORED && result != CAPACITOR_EXISTS)
			runner_check(runner, result);
	}
	after = allocations_now();
	runner->excluded.count += after.count - before.count;
	runner->excluded.bytes += after.bytes - before.bytes;
}

/* All threads begin at the same time. They have just met, but a meeting wakes them one after the other: those with a
 * processor for themselves wait for the last without sleeping again. */
static uint64_t begin_round(struct runner *runner, struct job *job)
{
	uint64_t threads = runner->member->threads, begin_ns = 0, now_ns;

	if (!job->oversubscribed) {
		uint64_t all = fetch_add_relaxed(&job->arrived, 1) / threads * threads + threads;

		while (load_relaxed(&job->arrived) < all)
			;
		return latency_monotonic_ns();
	}
	now_ns = latency_monotonic_ns();
	return compare_exchange_relaxed(&job->round_begin_ns, &begin_ns, now_ns) ? now_ns : begin_ns;
}

/* The end of the round that began then: of this thread's part, or of everybody's. Afterwards all have ended. */
static uint64_t end_round(struct runner *runner, struct job *job)
{
	uint64_t now_ns = latency_monotonic_ns(), last_ns = load_relaxed(&job->round_end_ns);

	while (now_ns > last_ns && !compare_exchange_relaxed(&job->round_end_ns, &last_ns, now_ns))
		;
	team_meet(runner->member);
	if (runner->member->index == 0)
		store_relaxed(&job->round_begin_ns, 0);
	return job->oversubscribed ? load_relaxed(&job->round_end_ns) : now_ns;
}

static void delete_round(struct runner *runner, struct job *job, uint64_t first_rank, uint64_t ranks)
{
	const struct workload *workload = job->workload;
	uint64_t begin_ns = begin_round(runner, job);

	for (uint64_t i = 0; i < ranks; i++) {
		uint32_t key = workload_key_of_rank(first_rank + i, workload->key_step, workload->keys);

		perform_timed(runner, job, (uint32_t)WORKLOAD_DELETE << WORKLOAD_KEY_BITS | key);
	}
	runner_count(runner, RUNNER_BATCH_NS, end_round(runner, job) - begin_ns);
}

static bool delete_body(struct team_member *member)
{
	struct job *job = member->context;
	struct runner *runner = runner_enter(&job->run, member);
	uint64_t first = job->workload->keys * member->index / member->threads;
	uint64_t end = job->workload->keys * (member->index + 1) / member->threads;
	uint64_t most = ROUND / member->threads < ROUND_MIN ? ROUND_MIN : ROUND / member->threads;
	uint64_t at = first, rounds = 0;

	if (!runner)
		return false;
	if (!team_ready(member)) {
		runner_leave(runner);
		return true;
	}
	for (;;) {
		uint64_t ranks = end - at < most ? end - at : most;
		enum team_phase phase = team_agree(member);

		/* A round is measured as a whole, and one is measured at least, however short the window was. */
		if (phase == TEAM_STOP && rounds > 0)
			break;
		if (phase != TEAM_WARMUP) {
			runner_note_phase(runner, TEAM_WINDOW);
			rounds++;
		}
		delete_round(runner, job, at, ranks);
		put_back(runner, job, at, ranks);
		at = at + ranks < end ? at + ranks : first;
	}
	runner_note_phase(runner, TEAM_STOP);
	return runner_leave(runner);
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

static bool deletes_only(const struct point *point)
{
	return point->delete_percent == 100;
}

static bool same_workload(const struct workload *workload, const struct point *point)
{
	return workload->keys == point->keys && workload->key_bytes == point->key_bytes &&
	       workload->value_bytes == point->value_bytes && workload->share[WORKLOAD_GET] == point->get_percent &&
	       workload->share[WORKLOAD_SET] == point->set_percent && workload->skew == point->skew &&
	       workload->seed == point->seed && workload->threads == point->threads;
}

static struct workload describe(const struct point *point)
{
	return (struct workload){
		.keys = point->keys,
		.key_bytes = point->key_bytes,
		.value_bytes = point->value_bytes,
		.share = {point->get_percent, point->set_percent, point->delete_percent},
		.skew = point->skew,
		.seed = point->seed,
		.threads = point->threads,
	};
}

static bool draw(struct point_workspace *workspace, const struct point *point, char error[POINT_ERROR_BYTES])
{
	struct workload *workload = &workspace->workload;
	struct team_plan plan = {.threads = point->threads, .body = draw_body, .context = workload};
	struct team_result result;

	if (workspace->drawn && same_workload(workload, point))
		return true;
	workload_free(workload);
	*workload = describe(point);
	workspace->drawn = false;
	if (!workload_init(workload)) {
		snprintf(error, POINT_ERROR_BYTES, "no memory for the keys and operations of %u threads",
		         point->threads);
		return false;
	}
	workspace->drawn = team_run(&plan, &result, error);
	return workspace->drawn;
}

static size_t fitting_keys(const struct point *point)
{
	size_t per_entry = capacitor_entry_bytes(point->key_bytes, point->value_bytes) + TABLE_BYTES_PER_ENTRY;
	size_t fitting = point->capacity_bytes / per_entry;

	if (point_holds_all(point->capacity_bytes, point->keys, point->key_bytes, point->value_bytes))
		return point->keys;
	return fitting < 1 ? 1 : fitting < point->keys ? fitting : point->keys;
}

static bool create(const struct point *point, const struct capacitor_info *implementation, struct capacitor **cache,
                   char error[POINT_ERROR_BYTES])
{
	struct capacitor_config config;
	struct capacitor_error reason;

	capacitor_config_init(&config);
	config.capacity_bytes = point->capacity_bytes;
	config.policy = point->policy;
	config.counters = point->counters;
	config.hash = point->hash;
	config.threads_max = point->threads;
	config.expected_entries = fitting_keys(point);
	config.hash_seed_set = true; /* a seed given again finds the same keys in the same shards and chains */
	memcpy(config.hash_seed, &point->seed, sizeof(point->seed));
	if (capacitor_create(implementation->name, &config, cache, &reason) == CAPACITOR_OK)
		return true;
	snprintf(error, POINT_ERROR_BYTES, "%s", reason.message);
	return false;
}

/* Fills the cache with all keys, or as many as there is room for, and checks how many are there. */
static bool fill(struct job *job, char error[POINT_ERROR_BYTES])
{
	const struct point *point = job->point;
	struct team_plan plan = {.threads = point->threads, .body = fill_body, .context = job};
	struct team_result result;
	struct capacitor_stats stats;
	uint64_t entries;

	if (point->implementation->lacks & CAPACITOR_LACKS_STORAGE)
		return true;
	job->fill_keys = fitting_keys(point);
	if (!team_run(&plan, &result, error))
		return false;
	capacitor_stats(job->run.cache, &stats);
	entries = stats.value[CAPACITOR_STAT_ENTRIES];
	if (entries > 0 && entries <= job->fill_keys &&
	    (job->fill_keys < point->keys || (double)entries >= (double)point->keys * (1 - FILL_MISSING_SHARE)))
		return true;
	snprintf(error, POINT_ERROR_BYTES, "%zu keys were filled in, and %zu entries are there", (size_t)job->fill_keys,
	         (size_t)entries);
	return false;
}

/* The time of a run in rounds is the time of its rounds of deletes, and its statistics are of more than deletes. */
static bool correct_rounds(const struct job *job, struct team_result *result, struct metrics *metrics,
                           char error[POINT_ERROR_BYTES])
{
	static const enum metric mixed[] = {
		METRIC_EVICTIONS_PER_OP, METRIC_LOCKS_PER_OP, METRIC_LOCK_WAITS_PER_OP, METRIC_LOCK_WAIT_NS_PER_OP,
		METRIC_CAS_FAILURES_PER_OP, METRIC_BUSY_PER_OP, METRIC_GRACE_PERIODS_PER_S, METRIC_TABLE_REBUILDS,
		METRIC_HOTTEST_LOCK_SHARE, METRIC_GRACE_PERIOD_NS, METRIC_ROOM_WAIT_NS_PER_OP, METRIC_FUTEX_CALLS_PER_OP};
	uint64_t operations, misses;

	runner_counts(&job->run, result->count);
	operations = result->count[RUNNER_OPERATIONS];
	misses = result->count[RUNNER_DELETE_MISSES];
	if (!(job->point->implementation->lacks & CAPACITOR_LACKS_STORAGE) && misses * 100 > operations) {
		snprintf(error, POINT_ERROR_BYTES,
		         "%.1f %% of the deletes found nothing: the capacity does not hold all keys",
		         100.0 * (double)misses / (double)operations);
		return false;
	}
	result->window_s = (double)result->count[RUNNER_BATCH_NS] / 1e9 / job->run.threads;
	runner_report(&job->run, result, metrics);
	for (size_t i = 0; i < sizeof(mixed) / sizeof(mixed[0]); i++)
		if (!metrics->unavailable[mixed[i]])
			metrics_lack(metrics, mixed[i],
			             "the statistics of a mix of deletes only include the sets between rounds");
	metrics->locks = 0;
	metrics_lack(metrics, METRIC_VOLUNTARY_SWITCHES_PER_S, "threads wait for each other between rounds of deletes");
	metrics_lack(metrics, METRIC_INVOLUNTARY_SWITCHES_PER_S,
	             "threads wait for each other between rounds of deletes");
	return true;
}

/* Measures a cache that has been filled. */
static bool measure(struct job *job, double warmup_s, double window_s, struct metrics *metrics,
                    char error[POINT_ERROR_BYTES])
{
	struct team_plan plan = {
		.threads = job->run.threads,
		.warmup_s = warmup_s,
		.window_s = window_s,
		.body = deletes_only(job->point) ? delete_body : mix_body,
		.context = job,
		.edge = runner_edge,
	};
	struct team_result result;

	if (!team_run(&plan, &result, error))
		return false;
	if (deletes_only(job->point))
		return correct_rounds(job, &result, metrics, error);
	if (result.count[RUNNER_OPERATIONS] == 0) {
		snprintf(error, POINT_ERROR_BYTES, "no operation ended within the window of %g s: it is too short",
		         window_s);
		return false;
	}
	runner_report(&job->run, &result, metrics);
	return true;
}

/* Makes a cache, runs one or two teams on it, destroys it. */
static bool run_on(const struct capacitor_info *implementation, const struct point *point, struct workload *workload,
                   double share, struct metrics *metrics, char error[POINT_ERROR_BYTES])
{
	struct point on = *point;
	struct job job = {.point = &on, .workload = workload};
	struct capacitor *cache;
	double window_s;
	bool done;

	on.implementation = implementation;
	job.oversubscribed = point->threads > team_processors();
	job.fill = point->fill && !(implementation->lacks & CAPACITOR_LACKS_STORAGE);
	if (!create(&on, implementation, &cache, error))
		return false;
	window_s = point->window_s * share < WINDOW_MIN_S ? WINDOW_MIN_S : point->window_s * share;
	done = runner_run_init(&job.run, cache, point->threads, point->value_bytes,
	                       point->sample_every ? point->sample_every : point_sample_every(point->value_bytes));
	if (done && point->futex_calls)
		runner_count_futexes(&job.run);
	if (done)
		done = fill(&job, error) &&
		       measure(&job, point->warmup_s * share, window_s, metrics, error);
	else
		snprintf(error, POINT_ERROR_BYTES, "no memory for the buffers of %u threads", point->threads);
	runner_run_free(&job.run);
	capacitor_destroy(cache);
	return done;
}

static bool run_null(const struct point *point, struct workload *workload, struct metrics *metrics,
                     char error[POINT_ERROR_BYTES])
{
	const struct capacitor_info *null = capacitor_find("null");
	struct metrics of_null;

	if (!null) {
		metrics_lack(metrics, METRIC_NULL_NS_PER_OP, "the implementation null was not built in");
		return true;
	}
	if (null == point->implementation) {
		metrics_set(metrics, METRIC_NULL_NS_PER_OP, metrics->value[METRIC_NS_PER_OP]);
		return true;
	}
	metrics_clear(&of_null, "not measured");
	if (!run_on(null, point, workload, 0.2, &of_null, error))
		return false;
	metrics_set(metrics, METRIC_NULL_NS_PER_OP, of_null.value[METRIC_NS_PER_OP]);
	return true;
}

bool point_run(const struct point *point, struct point_workspace *workspace, struct metrics *metrics,
               char error[POINT_ERROR_BYTES])
{
	const char *not_reset, *not_read;
	double resident_bytes = 0;

	metrics_clear(metrics, "not measured");
	if (deletes_only(point) && point->keys < point->threads) {
		snprintf(error, POINT_ERROR_BYTES, "a mix of deletes only needs a key for each of its %u threads",
		         point->threads);
		return false;
	}
	if (!draw(workspace, point, error))
		return false;
	/* What points before have freed goes back to the system, or it would count as resident here. */
	malloc_trim(0);
	not_reset = runner_resident_reset();
	if (!run_on(point->implementation, point, &workspace->workload, 1, metrics, error))
		return false;
	not_read = runner_resident_peak(&resident_bytes);
	if (not_reset || not_read)
		metrics_lack(metrics, METRIC_RESIDENT_PEAK_BYTES, not_reset ? not_reset : not_read);
	else
		metrics_set(metrics, METRIC_RESIDENT_PEAK_BYTES, resident_bytes);
	metrics_set(metrics, METRIC_IDEAL_BYTES_PER_ENTRY, (double)(point->key_bytes + point->value_bytes));
	metrics_set(metrics, METRIC_SEED, (double)point->seed);
	metrics_lack(metrics, METRIC_BYTE_HIT_RATIO,
	             "all values of this workload are of one size: it is the hit ratio");
	return run_null(point, &workspace->workload, metrics, error);
}

struct point_workspace *point_workspace_new(void)
{
	return calloc(1, sizeof(struct point_workspace));
}

void point_workspace_free(struct point_workspace *workspace)
{
	if (workspace)
		workload_free(&workspace->workload);
	free(workspace);
}

/* ---- Before measuring -------------------------------------------------------------------------------------------- */

const char *point_unsupported(const struct capacitor_info *implementation, enum capacitor_policy policy,
                              unsigned threads)
{
	if (!(implementation->policies & 1u << policy))
		return "it does not have this eviction policy";
	if (threads > 1 && implementation->lacks & CAPACITOR_LACKS_CONCURRENCY)
		return "it is for one thread at a time";
	return NULL;
}

/* Saturates: what does not fit is refused by its size. */
static size_t entries_bytes(uint64_t keys, size_t key_bytes, size_t value_bytes)
{
	size_t bytes;

	if (__builtin_mul_overflow(keys, capacitor_entry_bytes(key_bytes, value_bytes) + TABLE_BYTES_PER_ENTRY,
	                           &bytes) ||
	    bytes > (size_t)1 << 61)
		return (size_t)1 << 61;
	return bytes;
}

size_t point_capacity_bytes(uint64_t keys, size_t key_bytes, size_t value_bytes)
{
	size_t entries = entries_bytes(keys, key_bytes, value_bytes);
	size_t bytes = (entries + entries / 10 * 3 + MEBIBYTE - 1) / MEBIBYTE * MEBIBYTE;

	return bytes < 64 * MEBIBYTE ? 64 * MEBIBYTE : bytes;
}

bool point_holds_all(size_t capacity_bytes, uint64_t keys, size_t key_bytes, size_t value_bytes)
{
	size_t entries = entries_bytes(keys, key_bytes, value_bytes);

	return entries + entries / 8 <= capacity_bytes;
}

uint64_t point_memory_bytes(const struct point *point)
{
	struct workload workload = describe(point);
	size_t entries = entries_bytes(point->keys, point->key_bytes, point->value_bytes);
	size_t cache = entries < point->capacity_bytes ? entries : point->capacity_bytes;

	return cache + workload_memory_bytes(&workload) +
	       point->threads * (point->value_bytes * 2 + sizeof(struct runner) + MEBIBYTE);
}

unsigned point_sample_every(size_t value_bytes)
{
	return value_bytes < 4096 ? 61 : value_bytes < 65536 ? 13 : 1;
}
