/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The team: time is not divided by threads, windows count what ran in them, failures end everybody.
 *
 * Bounds on time are one-sided or wide: these tests run on loaded machines, where everything may take longer, and
 * nothing less long.
 */
#include "harness/team.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void sleep_ms(long ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

/* ---- The sleep test ---------------------------------------------------------------------------------------------- */

static bool sleep_body(struct team_member *member)
{
	if (!team_ready(member))
		return true;
	while (team_phase(member) != TEAM_STOP) {
		sleep_ms(1);
		team_count(member, TEAM_OPERATIONS, 1);
	}
	return true;
}

static double mean_ns(unsigned threads, team_body *body)
{
	struct team_plan plan = {.threads = threads, .warmup_s = 0.02, .window_s = 0.3, .body = body};
	struct team_result result;
	char error[TEAM_ERROR_BYTES];

	assert_true(team_run(&plan, &result, error));
	assert_true(result.count[TEAM_OPERATIONS] > 0);
	assert_true(result.window_s >= 0.3);
	return result.window_s * 1e9 * threads / (double)result.count[TEAM_OPERATIONS];
}

/* k threads that sleep 1 ms an operation take 1 ms an operation, not 1/k ms. At the window's ends an operation more may
 * be counted than was in it: hence 0.95. */
static void sleepers_take_a_millisecond_each(void **state)
{
	double one = mean_ns(1, sleep_body);

	(void)state;
	assert_true(one >= 0.95e6);
	for (unsigned threads = 2; threads <= 8; threads *= 2) {
		double best = mean_ns(threads, sleep_body);

		assert_true(best >= 0.95e6);
		for (int attempt = 0; attempt < 5 && best >= one * 1.5; attempt++)
			best = mean_ns(threads, sleep_body);
		assert_true(best < one * 1.9); /* 2 threads whose times were added would take 2 ms */
	}
}

/* The bug that the sleep test is to catch: time divided by threads. */
static void a_divided_time_would_be_seen(void **state)
{
	(void)state;
	assert_false(mean_ns(32, sleep_body) / 32 >= 0.95e6);
}

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

/* Member 0 does nothing but count; the others sleep between operations. */
static bool uneven_body(struct team_member *member)
{
	if (!team_ready(member))
		return true;
	while (team_phase(member) != TEAM_STOP) {
		if (member->index > 0)
			sleep_ms(2);
		team_count(member, TEAM_OPERATIONS, 1);
		team_count(member, 1, 10);
	}
	return true;
}

static void fairness_tells_who_did_the_work(void **state)
{
	struct team_plan plan = {.threads = 4, .warmup_s = 0.01, .window_s = 0.1, .body = uneven_body};
	struct team_result result;
	char error[TEAM_ERROR_BYTES];

	(void)state;
	assert_true(team_run(&plan, &result, error));
	assert_true(result.fairness >= 0.25 - 1e-9 && result.fairness < 0.3);
	assert_true(result.count[1] > 0);
	plan.body = sleep_body;
	assert_true(team_run(&plan, &result, error));
	assert_true(result.fairness > 0.5 && result.fairness <= 1 + 1e-9);
}

/* What ran in the warm-up is not counted: here everything did. */
static bool idle_in_window_body(struct team_member *member)
{
	if (!team_ready(member))
		return true;
	while (team_phase(member) == TEAM_WARMUP && team_counted(member, TEAM_OPERATIONS) < 1000) {
		team_count(member, TEAM_OPERATIONS, 1);
	}
	while (team_phase(member) != TEAM_STOP)
		sleep_ms(1);
	return true;
}

static void the_warm_up_is_not_counted(void **state)
{
	struct team_plan plan = {.threads = 2, .warmup_s = 0.05, .window_s = 0.02, .body = idle_in_window_body};
	struct team_result result;
	char error[TEAM_ERROR_BYTES];

	(void)state;
	assert_true(team_run(&plan, &result, error));
	/* One of each may be under way when the window opens. */
	assert_true(result.count[TEAM_OPERATIONS] <= 2);
}

static bool edges_closed[2];
static unsigned edges;

static void note_edge(void *context, bool closes)
{
	(void)context;
	edges_closed[edges++] = closes;
}

static void edges_are_called_in_order(void **state)
{
	struct team_plan plan = {.threads = 2, .window_s = 0.05, .body = sleep_body, .edge = note_edge};
	struct team_result result;
	char error[TEAM_ERROR_BYTES];

	(void)state;
	edges = 0;
	assert_true(team_run(&plan, &result, error));
	assert_int_equal(edges, 2);
	assert_false(edges_closed[0]);
	assert_true(edges_closed[1]);
	assert_true(result.edge_operations >= result.count[TEAM_OPERATIONS]);
	assert_true(result.edge_s >= result.window_s);
}

/* ---- Full runs --------------------------------------------------------------------------------------------------- */

static bool finite_body(struct team_member *member)
{
	sleep_ms(50); /* to prepare: before the gate, so not part of the time */
	if (!team_ready(member))
		return true;
	for (unsigned i = 0; i <= member->index; i++) {
		sleep_ms(5);
		team_count(member, TEAM_OPERATIONS, 1);
	}
	return true;
}

static void a_full_run_lasts_until_the_last_has_ended(void **state)
{
	struct team_plan plan = {.threads = 4, .body = finite_body};
	struct team_result result;
	char error[TEAM_ERROR_BYTES];
	double best_s = 1;

	(void)state;
	for (int attempt = 0; attempt < 20 && best_s >= 0.05; attempt++) {
		assert_true(team_run(&plan, &result, error));
		assert_int_equal(result.count[TEAM_OPERATIONS], 1 + 2 + 3 + 4);
		assert_true(result.window_s >= 0.02);
		if (result.window_s < best_s)
			best_s = result.window_s;
	}
	assert_true(best_s < 0.05); /* without the preparation */
}

/* ---- Meetings ---------------------------------------------------------------------------------------------------- */

static _Atomic unsigned here;

static bool meeting_body(struct team_member *member)
{
	bool together = true;

	if (!team_ready(member))
		return true;
	while (team_agree(member) != TEAM_STOP) { /* all leave in the same round, or some would wait for ever */
		fetch_add_relaxed(&here, 1);
		team_meet(member);
		together &= load_relaxed(&here) % member->threads == 0;
		team_meet(member);
		team_count(member, TEAM_OPERATIONS, 1);
	}
	return together || team_fail(member, "somebody was missing at the meeting");
}

static void members_meet_and_agree(void **state)
{
	struct team_plan plan = {.threads = 6, .window_s = 0.05, .body = meeting_body};
	struct team_result result;
	char error[TEAM_ERROR_BYTES];

	(void)state;
	atomic_store_explicit(&here, 0, memory_order_relaxed);
	assert_true(team_run(&plan, &result, error));
	assert_true(result.fairness > 0.9);
}

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

static bool fails_before_body(struct team_member *member)
{
	if (member->index == 2)
		return team_fail(member, "member %u had to fail", member->index);
	team_ready(member);
	return true;
}

static bool fails_within_body(struct team_member *member)
{
	if (!sleep_body(member))
		return false;
	return member->index != 1 || team_fail(member, "member 1 failed at the end");
}

static bool fails_at_once_body(struct team_member *member)
{
	team_ready(member);
	return member->index == 0 ? team_fail(member, "it did not even start") : sleep_body(member);
}

static void a_failure_ends_everybody(void **state)
{
	struct team_plan plan = {.threads = 4, .window_s = 0.03, .body = fails_before_body};
	struct team_result result;
	char error[TEAM_ERROR_BYTES] = "";

	(void)state;
	assert_false(team_run(&plan, &result, error));
	assert_string_equal(error, "member 2 had to fail");
	plan.window_s = 0;
	assert_false(team_run(&plan, &result, error));
	plan.window_s = 0.03;
	plan.body = fails_within_body;
	assert_false(team_run(&plan, &result, error));
	assert_string_equal(error, "member 1 failed at the end");
	plan.threads = 1;
	plan.body = fails_at_once_body;
	assert_false(team_run(&plan, &result, error));
	assert_string_equal(error, "it did not even start");
}

static void oversubscription_is_told(void **state)
{
	struct team_plan plan = {.threads = team_processors(), .window_s = 0.02, .body = sleep_body};
	struct team_result result;
	char error[TEAM_ERROR_BYTES];

	(void)state;
	assert_true(team_processors() >= 1);
	if (plan.threads > 64)
		plan.threads = 64;
	assert_true(team_run(&plan, &result, error));
	assert_false(result.oversubscribed);
	plan.threads = team_processors() + 1;
	assert_true(team_run(&plan, &result, error));
	assert_true(result.oversubscribed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleepers_take_a_millisecond_each),
		cmocka_unit_test(a_divided_time_would_be_seen),
		cmocka_unit_test(fairness_tells_who_did_the_work),
		cmocka_unit_test(the_warm_up_is_not_counted),
		cmocka_unit_test(edges_are_called_in_order),
		cmocka_unit_test(a_full_run_lasts_until_the_last_has_ended),
		cmocka_unit_test(members_meet_and_agree),
		cmocka_unit_test(a_failure_ends_everybody),
		cmocka_unit_test(oversubscription_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
