/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that make a mix of all calls on a cache, and what must be left of it; see stress.h. */
#include "stress.h"

#include <inttypes.h>
#include <stdlib.h>

#include "perturb.h"

#define STEPS         16   /* between two looks at the clock */
#define STEPS_MIN     128  /* that each thread does, however late it came to begin */
#define PATIENCE_NS   20000000000 /* for what can only be slow */
#define GROWTH_MAX    8    /* of tables that were made for all keys, when all of these come to one shard */

bool stress_goes_on(const struct stress *stress)
{
	return !check_failed(stress->run) && check_now_ns() < stress->until_ns;
}

void stress_steps(struct stress_thread *thread, uint64_t steps)
{
	bool endless = steps == 0;

	for (uint64_t i = 0; endless || i < steps; i++) {
		if (i % STEPS == 0 && check_failed(thread->stress->run))
			break;
		if (i % STEPS == 0 && endless && i >= STEPS_MIN && !stress_goes_on(thread->stress))
			break;
		stress_step(thread);
	}
}

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

void stress_thread_init(struct stress_thread *thread, struct stress *stress, unsigned index)
{
	const struct stress_plan *plan = stress->plan;

	*thread = (struct stress_thread){
		.stress = stress, .index = index, .random = check_mix(stress->run->seed ^ check_mix(index + 1)),
		.look = ledger_looks(stress->ledger), .buffer = malloc(STRESS_BATCH * plan->value_bytes_max),
	};
	for (unsigned call = 0; call < STRESS_CALLS; call++)
		thread->shares = (uint16_t)(thread->shares + plan->mix[index % 2][call]);
	if (!thread->look || !thread->buffer) {
		check_fail(stress->run, "no memory");
		exit(1);
	}
}

void stress_thread_fini(struct stress_thread *thread)
{
	struct stress *stress = thread->stress;

	fetch_add_relaxed(&stress->calls, thread->calls); /* relaxed: sums */
	fetch_add_relaxed(&stress->hits, thread->hits);
	fetch_add_relaxed(&stress->stores, thread->stores);
	fetch_add_relaxed(&stress->deletes, thread->deletes);
	fetch_add_relaxed(&stress->loads, thread->loads);
	free(thread->look);
	free(thread->buffer);
}

/* Of four threads, one is perturbed a little and one much. */
static void thread_body(struct check_thread *self)
{
	static const enum perturb how[4] = {PERTURB_NONE, PERTURB_SOME, PERTURB_MUCH, PERTURB_NONE};
	struct stress *stress = self->context;
	struct stress_thread thread;

	stress_thread_init(&thread, stress, self->index);
	thread.random ^= self->random;
	thread.handle = self->handle;
	perturb_begin(self->random, how[self->index % 4]);
	if (stress->plan->body)
		stress->plan->body(&thread);
	else
		stress_steps(&thread, 0);
	stress_unpin_all(&thread);
	perturb_end();
	self->handle = thread.handle; /* it may have entered again */
	stress_thread_fini(&thread);
}

/* ---- A cache and its end ----------------------------------------------------------------------------------------- */

struct stress *stress_open(struct check_run *run, const struct stress_plan *plan, uint64_t ns)
{
	struct stress *stress = calloc(1, sizeof *stress + plan->keys * sizeof stress->key[0]);
	uint64_t until_ns = check_now_ns() + ns;

	if (!stress || !(stress->ledger = ledger_create(plan->keys, plan->threads + 1))) {
		check_fail(run, "no memory");
		exit(1);
	}
	stress->run = run;
	stress->plan = plan;
	stress->until_ns = ns > 0 && until_ns < run->until_ns ? until_ns : run->until_ns;
	stress->cache = check_create(run, &plan->config);
	stress->table_bytes = check_stat(stress->cache, CAPACITOR_STAT_TABLE_BYTES);
	return stress;
}

/* The sums of the statistics are those of the calls. get_or_load may count a hit more, and a store that had no room not. */
static void check_counters(struct stress *stress)
{
	struct capacitor_stats stats;
	uint64_t hits = load_relaxed(&stress->hits), stores = load_relaxed(&stress->stores); /* relaxed: all have ended */
	uint64_t deletes = load_relaxed(&stress->deletes), loads = load_relaxed(&stress->loads);

	capacitor_stats(stress->cache, &stats);
	check_expect(stress->run, stats.value[CAPACITOR_STAT_DELETES] == deletes, "%" PRIu64 " deletes are counted of %" PRIu64,
	             stats.value[CAPACITOR_STAT_DELETES], deletes);
	check_expect(stress->run,
	             stats.value[CAPACITOR_STAT_STORES] >= stores && stats.value[CAPACITOR_STAT_STORES] <= stores + loads,
	             "%" PRIu64 " stores are counted of %" PRIu64 " and %" PRIu64 " loads", stats.value[CAPACITOR_STAT_STORES],
	             stores, loads);
	check_expect(stress->run, stats.value[CAPACITOR_STAT_HITS] >= hits, "%" PRIu64 " hits are counted of %" PRIu64,
	             stats.value[CAPACITOR_STAT_HITS], hits);
}

/* When all have left nothing can be held; but on a busy machine a grace period may outlast the deadline of one call. */
static enum capacitor_result quiesce(struct stress_thread *thread)
{
	uint64_t until_ns = check_now_ns() + PATIENCE_NS;
	enum capacitor_result result;

	do
		result = capacitor_quiesce(thread->handle);
	while (result == CAPACITOR_BUSY && check_now_ns() < until_ns);
	return result;
}

/* OK says that it is done. */
static void check_resize(struct stress_thread *thread)
{
	struct stress *stress = thread->stress;
	size_t low_bytes = stress->plan->low_bytes;
	uint64_t used;

	if (low_bytes == 0 || capacitor_resize(thread->handle, low_bytes) != CAPACITOR_OK) /* the tables may have grown */
		return;
	used = stress_used_bytes(stress->cache);
	check_expect(stress->run, used <= low_bytes, "%" PRIu64 " bytes are used after a resize to %zu", used, low_bytes);
}

/* Nobody is inside but this thread: what is charged is what there is, and it is within the capacity. */
static void check_rest(struct stress_thread *thread)
{
	struct stress *stress = thread->stress;
	struct capacitor_stats stats;
	struct stress_visit visit;
	enum capacitor_result result = quiesce(thread);

	check_expect(stress->run, result == CAPACITOR_OK, "quiesce, when all have left: %s", capacitor_result_string(result));
	stress_visit(thread, &visit);
	capacitor_stats(stress->cache, &stats);
	check_expect(stress->run, visit.entries == stats.value[CAPACITOR_STAT_ENTRIES],
	             "%" PRIu64 " entries are counted, %" PRIu64 " are there", stats.value[CAPACITOR_STAT_ENTRIES],
	             visit.entries);
	check_expect(stress->run, visit.bytes == stats.value[CAPACITOR_STAT_LIVE_BYTES],
	             "%" PRIu64 " bytes are charged, the entries have %" PRIu64, stats.value[CAPACITOR_STAT_LIVE_BYTES],
	             visit.bytes);
	check_expect(stress->run, stats.value[CAPACITOR_STAT_RETIRED_BYTES] == 0,
	             "%" PRIu64 " bytes stay retired, and nothing is pinned", stats.value[CAPACITOR_STAT_RETIRED_BYTES]);
	check_expect(stress->run, stress_used_bytes(stress->cache) <= stats.value[CAPACITOR_STAT_CAPACITY_BYTES],
	             "%" PRIu64 " bytes are used of %" PRIu64 ", at rest", stress_used_bytes(stress->cache),
	             stats.value[CAPACITOR_STAT_CAPACITY_BYTES]);
}

/* Adds less deletes is whether it is there. */
static void check_balance(struct stress_thread *thread)
{
	struct stress *stress = thread->stress;

	for (uint64_t key = 0; key < stress->plan->keys; key++) {
		int64_t balance = load_relaxed(&stress->key[key].balance); /* relaxed: all have ended */
		bool there;

		if (!stress_balanced(stress->plan, key))
			continue;
		there = stress_there(thread, key);
		check_expect(stress->run, balance == there,
		             "key %" PRIu64 " was added %" PRId64 " times more than deleted, and is %s", key, balance,
		             there ? "there" : "not there");
	}
}

static void check_empty(struct stress_thread *thread)
{
	struct stress *stress = thread->stress;
	struct capacitor_stats stats;
	enum capacitor_result result;

	stress_clear(thread);
	result = quiesce(thread);
	capacitor_stats(stress->cache, &stats);
	check_expect(stress->run, result == CAPACITOR_OK && stats.value[CAPACITOR_STAT_ENTRIES] == 0 &&
	             stats.value[CAPACITOR_STAT_LIVE_BYTES] == 0 && stats.value[CAPACITOR_STAT_RETIRED_BYTES] == 0,
	             "cleared (%s), with %" PRIu64 " entries of %" PRIu64 " bytes and %" PRIu64 " bytes retired",
	             capacitor_result_string(result), stats.value[CAPACITOR_STAT_ENTRIES],
	             stats.value[CAPACITOR_STAT_LIVE_BYTES], stats.value[CAPACITOR_STAT_RETIRED_BYTES]);
	check_expect(stress->run, stress->plan->keys > stress->plan->config.expected_entries ||
	             stats.value[CAPACITOR_STAT_TABLE_BYTES] <= GROWTH_MAX * stress->table_bytes,
	             "tables for all keys grew from %" PRIu64 " to %" PRIu64 " bytes", stress->table_bytes,
	             stats.value[CAPACITOR_STAT_TABLE_BYTES]);
}

void stress_close(struct stress *stress)
{
	struct check_run *run = stress->run;
	struct stress_thread thread;
	uint64_t calls = load_relaxed(&stress->calls); /* relaxed: all have ended */

	stress_thread_init(&thread, stress, stress->plan->threads);
	thread.handle = check_enter(run, stress->cache);
	if (!check_failed(run))
		check_resize(&thread);
	if (!check_failed(run))
		check_rest(&thread);
	if (!check_failed(run))
		check_balance(&thread);
	if (!check_failed(run))
		check_counters(stress);
	if (!check_failed(run))
		check_empty(&thread);
	if (calls > 1000 && load_relaxed(&stress->stores) == 0) /* relaxed: as above */
		check_fail(run, "of %" PRIu64 " calls none has stored: nothing was checked", calls);
	capacitor_leave(thread.handle);
	stress_thread_fini(&thread);
	check_count(run, CHECK_OPERATIONS, calls);
	check_count(run, CHECK_CHECKED, calls);
	capacitor_destroy(stress->cache);
	ledger_destroy(stress->ledger);
	free(stress);
}

void stress_run(struct check_run *run, const struct stress_plan *plan, uint64_t ns)
{
	struct stress *stress = stress_open(run, plan, ns);

	check_threads(run, stress->cache, plan->threads, thread_body, stress);
	stress_close(stress);
}

void stress_rounds(struct check_run *run, const struct stress_plan *plan, uint64_t ns)
{
	do
		stress_run(run, plan, ns);
	while (check_goes_on(run));
}
