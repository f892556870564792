/* SPDX-License-Identifier: BSD-2-Clause */
/* Points measured for a moment: every implementation; what the metrics must be on any machine; failures. */
#include "harness/point.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/allocations.h"
#include "harness/team.h"

static struct point_workspace *workspace;

static int set_up(void **state)
{
	(void)state;
	workspace = point_workspace_new();
	return workspace ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	point_workspace_free(workspace);
	return 0;
}

static struct point sample(const struct capacitor_info *implementation)
{
	return (struct point){
		.implementation = implementation,
		.policy = CAPACITOR_SIEVE,
		.counters = CAPACITOR_COUNTERS_PADDED,
		.threads = implementation->lacks & CAPACITOR_LACKS_CONCURRENCY ? 1 : 2,
		.keys = 2000,
		.key_bytes = 16,
		.value_bytes = 100,
		.get_percent = 90,
		.set_percent = 10,
		.skew = 0.99,
		.capacity_bytes = point_capacity_bytes(2000, 16, 100),
		.warmup_s = 0.01,
		.window_s = 0.03,
		.seed = 7,
	};
}

static struct metrics run(const struct point *point)
{
	struct metrics metrics;
	char error[POINT_ERROR_BYTES] = "";

	if (!point_run(point, workspace, &metrics, error))
		fail_msg("%s: %s", point->implementation->name, error);
	return metrics;
}

static double value(const struct metrics *metrics, enum metric metric)
{
	if (metrics->unavailable[metric])
		fail_msg("%s is unavailable: %s", metric_info(metric)->name, metrics->unavailable[metric]);
	return metrics->value[metric];
}

/* ---- Every implementation ---------------------------------------------------------------------------------------- */

static void check_formulas(const struct point *point, const struct metrics *metrics)
{
	double operations = value(metrics, METRIC_OPERATIONS), window_s = value(metrics, METRIC_WINDOW_S);
	double ns = value(metrics, METRIC_NS_PER_OP), fairness = value(metrics, METRIC_FAIRNESS);

	assert_true(operations > 0);
	assert_true(fabs(ns / (window_s * 1e9 * point->threads / operations) - 1) < 1e-9);
	assert_true(fabs(value(metrics, METRIC_OPS_PER_S) / (operations / window_s) - 1) < 1e-9);
	assert_true(fairness > 0 && fairness <= 1 + 1e-9);
	assert_true(value(metrics, METRIC_SEED) == (double)point->seed);
	assert_true(value(metrics, METRIC_NULL_NS_PER_OP) > 0);
	assert_true(value(metrics, METRIC_LATENCY_SAMPLES) > 0);
	assert_true(value(metrics, METRIC_LATENCY_P50_NS) <= value(metrics, METRIC_LATENCY_MAX_NS));
	for (int i = 0; i < METRICS; i++)
		assert_true(metrics->unavailable[i] ? metrics->unavailable[i][0] != '\0' : isfinite(metrics->value[i]));
}

static void check_storage(const struct point *point, const struct metrics *metrics)
{
	if (point->implementation->lacks & CAPACITOR_LACKS_STORAGE) {
		assert_non_null(metrics->unavailable[METRIC_HIT_RATIO]);
		assert_non_null(metrics->unavailable[METRIC_ENTRIES]);
		assert_non_null(metrics->unavailable[METRIC_BYTES_PER_S]);
		return;
	}
	assert_true(value(metrics, METRIC_HIT_RATIO) == 1);
	assert_true(value(metrics, METRIC_ENTRIES) == (double)point->keys);
	assert_true(value(metrics, METRIC_IDEAL_BYTES_PER_ENTRY) == 116);
	assert_true(value(metrics, METRIC_BYTES_PER_ENTRY) > 116);
	assert_true(value(metrics, METRIC_EVICTIONS_PER_OP) == 0);
	/* Every operation moves one value. */
	assert_true(fabs(value(metrics, METRIC_BYTES_PER_S) / (value(metrics, METRIC_OPS_PER_S) * 100) - 1) < 0.05);
}

static void every_implementation_is_measured(void **state)
{
	(void)state;
	for (size_t i = 0; capacitor_info(i); i++) {
		struct point point = sample(capacitor_info(i));
		struct metrics metrics = run(&point);

		check_formulas(&point, &metrics);
		check_storage(&point, &metrics);
	}
}

/* G5 through the harness: the metric that says so is 0, not merely small. */
static void gets_allocate_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; capacitor_info(i); i++) {
		struct point point = sample(capacitor_info(i));
		struct metrics metrics;

		point.get_percent = 100;
		point.set_percent = 0;
		metrics = run(&point);
		if (allocations_unavailable()) {
			assert_non_null(metrics.unavailable[METRIC_ALLOCATIONS_PER_OP]);
			continue;
		}
		assert_true(value(&metrics, METRIC_ALLOCATIONS_PER_OP) == 0);
		assert_true(value(&metrics, METRIC_ALLOCATED_BYTES_PER_OP) == 0);
	}
}

static void deletes_are_measured_in_rounds(void **state)
{
	(void)state;
	for (size_t i = 0; capacitor_info(i); i++) {
		struct point point = sample(capacitor_info(i));
		struct metrics metrics;

		point.get_percent = point.set_percent = 0;
		point.delete_percent = 100;
		metrics = run(&point);
		check_formulas(&point, &metrics);
		assert_non_null(metrics.unavailable[METRIC_HIT_RATIO]);
		/* The time of a round's deletes is less than the time in which rounds were made. */
		assert_true(value(&metrics, METRIC_WINDOW_S) < point.window_s * 10);
		assert_true(value(&metrics, METRIC_DELETE_LATENCY_P50_NS) > 0);
		/* The sets between the rounds allocate; rwlock's deletes do not. */
		if (strcmp(capacitor_info(i)->name, "rwlock") == 0 && !allocations_unavailable())
			assert_true(value(&metrics, METRIC_ALLOCATIONS_PER_OP) == 0);
	}
}

/* ---- What options change ----------------------------------------------------------------------------------------- */

static const struct capacitor_info *rwlock(void)
{
	const struct capacitor_info *info = capacitor_find("rwlock");

	assert_non_null(info);
	return info;
}

static void filling_raises_the_hit_ratio(void **state)
{
	struct point point = sample(rwlock());
	struct metrics without, with;

	(void)state;
	point.keys = 20000;
	point.value_bytes = 1000;
	point.get_percent = 100;
	point.set_percent = 0;
	point.threads = 1;
	point.capacity_bytes = 4 << 20; /* holds about a fifth */
	assert_false(point_holds_all(point.capacity_bytes, point.keys, point.key_bytes, point.value_bytes));
	without = run(&point);
	point.fill = true;
	with = run(&point);
	assert_true(value(&without, METRIC_HIT_RATIO) > 0.05 && value(&without, METRIC_HIT_RATIO) < 0.95);
	assert_true(value(&with, METRIC_HIT_RATIO) > value(&without, METRIC_HIT_RATIO) + 0.05);
	assert_true(value(&with, METRIC_EVICTIONS_PER_OP) > 0);
	assert_true(value(&without, METRIC_EVICTIONS_PER_OP) == 0);
	assert_true(value(&with, METRIC_ENTRIES) < 5000);
}

static void locks_are_counted(void **state)
{
	struct point point = sample(rwlock());
	struct metrics metrics;
	double locks;

	(void)state;
	metrics = run(&point);
	locks = value(&metrics, METRIC_LOCKS_PER_OP);
	/* One lock an operation. Statistics and counts are read one after the other, and stores may take a second. */
	assert_true(locks > 0.8 && locks < 2.5);
}

static void every_operation_can_be_sampled(void **state)
{
	struct point point = sample(rwlock());
	struct metrics metrics;

	(void)state;
	point.sample_every = 1;
	metrics = run(&point);
	assert_true(value(&metrics, METRIC_LATENCY_SAMPLES) > value(&metrics, METRIC_OPERATIONS) / 2);
	point.sample_every = 1000;
	metrics = run(&point);
	assert_true(value(&metrics, METRIC_LATENCY_SAMPLES) < value(&metrics, METRIC_OPERATIONS) / 50);
	point.sample_every = 1 << 20;
	metrics = run(&point);
	assert_non_null(metrics.unavailable[METRIC_LATENCY_P999_NS]);
}

static void large_and_empty_values(void **state)
{
	struct point point = sample(rwlock());
	struct metrics metrics;

	(void)state;
	point.keys = 16;
	point.value_bytes = 1000000;
	point.capacity_bytes = point_capacity_bytes(16, 16, 1000000);
	metrics = run(&point);
	assert_true(value(&metrics, METRIC_HIT_RATIO) == 1);
	point.keys = 1000;
	point.value_bytes = 0;
	point.key_bytes = 65536;
	point.capacity_bytes = point_capacity_bytes(1000, 65536, 0);
	metrics = run(&point);
	assert_true(value(&metrics, METRIC_HIT_RATIO) == 1);
	assert_true(value(&metrics, METRIC_BYTES_PER_S) == 0);
}

/* ---- The shared table -------------------------------------------------------------------------------------------- */

struct caches {
	struct capacitor *cache[4];
};

static bool marker_body(struct team_member *member)
{
	const struct caches *caches = member->context;
	struct capacitor_handle *handle;
	bool sees;

	if (capacitor_enter(caches->cache[member->index], &handle) != CAPACITOR_OK)
		return team_fail(member, "cannot enter");
	if (!team_ready(member))
		return true;
	sees = point_marker(member, handle);
	capacitor_leave(handle);
	return sees || team_fail(member, "not shared");
}

static void separate_caches_are_seen(void **state)
{
	struct caches caches = {{NULL}};
	struct team_plan plan = {.threads = 4, .body = marker_body, .context = &caches};
	struct capacitor *shared, *other;
	struct team_result result;
	char error[TEAM_ERROR_BYTES] = "";

	(void)state;
	assert_int_equal(capacitor_create("sharded", NULL, &shared, NULL), CAPACITOR_OK);
	assert_int_equal(capacitor_create("sharded", NULL, &other, NULL), CAPACITOR_OK);
	for (int i = 0; i < 4; i++)
		caches.cache[i] = shared;
	assert_true(team_run(&plan, &result, error));
	caches.cache[3] = other; /* the bug */
	assert_false(team_run(&plan, &result, error));
	assert_string_equal(error, "not shared");
	capacitor_destroy(shared);
	capacitor_destroy(other);
}

/* ---- What cannot be measured ------------------------------------------------------------------------------------- */

static void what_is_unsupported_says_why(void **state)
{
	const struct capacitor_info *unsync = capacitor_find("unsync"), *rcu = capacitor_find("rcu");

	(void)state;
	assert_non_null(unsync);
	assert_non_null(rcu);
	assert_null(point_unsupported(unsync, CAPACITOR_SIEVE, 1));
	assert_non_null(point_unsupported(unsync, CAPACITOR_SIEVE, 2));
	assert_non_null(point_unsupported(rcu, CAPACITOR_LRU, 1));
	assert_null(point_unsupported(rwlock(), CAPACITOR_LRU, 8));
}

static void failures_name_what_is_wrong(void **state)
{
	struct point point = sample(rwlock());
	struct metrics metrics;
	char error[POINT_ERROR_BYTES] = "";

	(void)state;
	point.capacity_bytes = 1;
	assert_false(point_run(&point, workspace, &metrics, error));
	assert_non_null(strstr(error, "capacity"));
	for (int i = 0; i < METRICS; i++)
		assert_non_null(metrics.unavailable[i]);

	point = sample(rwlock());
	point.value_bytes = 100000;
	point.keys = 100;
	point.capacity_bytes = 65536;
	assert_false(point_run(&point, workspace, &metrics, error));
	assert_non_null(strstr(error, "too large"));

	point = sample(rwlock());
	point.keys = 1;
	point.get_percent = point.set_percent = 0;
	point.delete_percent = 100;
	assert_false(point_run(&point, workspace, &metrics, error));
	assert_non_null(strstr(error, "a key for each"));

	point = sample(rwlock());
	point.policy = CAPACITOR_LRU;
	point.implementation = capacitor_find("rcu");
	assert_false(point_run(&point, workspace, &metrics, error));
	assert_non_null(strstr(error, "lru"));
}

static void deletes_need_room_for_all_keys(void **state)
{
	struct point point = sample(rwlock());
	struct metrics metrics;
	char error[POINT_ERROR_BYTES] = "";

	(void)state;
	point.get_percent = point.set_percent = 0;
	point.delete_percent = 100;
	point.value_bytes = 1000;
	point.capacity_bytes = 1 << 20; /* half of the keys */
	assert_false(point_run(&point, workspace, &metrics, error));
	assert_non_null(strstr(error, "found nothing"));
}

static void sizes_saturate(void **state)
{
	struct point point = sample(rwlock());

	(void)state;
	assert_int_equal(point_capacity_bytes(1000, 16, 64), 64 << 20);
	assert_true(point_capacity_bytes(1000000, 16, 100) > 1000000 * capacitor_entry_bytes(16, 100));
	assert_true(point_holds_all(point_capacity_bytes(1000000, 16, 100), 1000000, 16, 100));
	assert_false(point_holds_all(1000000 * capacitor_entry_bytes(16, 100), 1000000, 16, 100));
	point.keys = (uint64_t)1 << 30;
	point.value_bytes = CAPACITOR_VALUE_BYTES_MAX;
	point.capacity_bytes = point_capacity_bytes(point.keys, 16, point.value_bytes);
	assert_true(point_memory_bytes(&point) > (uint64_t)1 << 59);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_implementation_is_measured),
		cmocka_unit_test(gets_allocate_nothing),
		cmocka_unit_test(deletes_are_measured_in_rounds),
		cmocka_unit_test(filling_raises_the_hit_ratio),
		cmocka_unit_test(locks_are_counted),
		cmocka_unit_test(every_operation_can_be_sampled),
		cmocka_unit_test(large_and_empty_values),
		cmocka_unit_test(separate_caches_are_seen),
		cmocka_unit_test(what_is_unsupported_says_why),
		cmocka_unit_test(failures_name_what_is_wrong),
		cmocka_unit_test(deletes_need_room_for_all_keys),
		cmocka_unit_test(sizes_saturate),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
