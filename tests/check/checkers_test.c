/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checkers of linearizability: against the definition on all short histories, on random ones that are mutated, on the
 * anomalies of the literature; and checkers that are wrong on purpose, which the same comparison must notice.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "brute.h"
#include "check.h"
#include "checkers_exhaustive.h"
#include "shrink.h"

#define SHORT_MAX 7
#define LONG      100000

#define NEVER_WRITTEN ((uint64_t)1 << 40)

static struct exhaustive_tools tools;

static int open_tools(void **state)
{
	(void)state;
	tools.wing_gong = wing_gong_new();
	tools.sweep = sweep_new(HISTORY_STRICT);
	return !tools.wing_gong || !tools.sweep;
}

static int close_tools(void **state)
{
	(void)state;
	wing_gong_free(tools.wing_gong);
	sweep_free(tools.sweep);
	return 0;
}

/* ---- All short histories ----------------------------------------------------------------------------------------- */

static exhaustive_check *const all_checks[] = {exhaustive_wing_gong, exhaustive_sweep, exhaustive_sweep_windows, NULL};

static void all_histories(unsigned operations, bool all_calls, uint64_t expected)
{
	struct exhaustive exhaustive = {
		.operations = operations, .all_calls = all_calls, .threads = 1, .checks = all_checks,
	};
	struct history history = {exhaustive.disagreement, operations, HISTORY_STRICT, &exhaustive.initial, 1};

	if (!exhaustive_run(&exhaustive)) {
		history.model = exhaustive.model;
		history_print(stderr, &history);
		fail_msg("check %u is wrong about it", exhaustive.disagreed);
	}
	printf("# %u operations, %s: %" PRIu64 " histories, %" PRIu64 " of them linearizable\n", operations,
	       all_calls ? "all calls and results" : "a call for each effect", exhaustive.histories, exhaustive.linearizable);
	assert_int_equal(exhaustive.histories, expected);
}

/* One operation: 6 that read nothing, and a read of one value, or of two if there is an initial one: 7 + 8, in 2 models.
 * Two, in order: 125 by the same count; at the same time: (125 + 15 that are their own mirror image) / 2. */
static void test_all_histories(void **state)
{
	(void)state;
	all_histories(1, false, 30);
	all_histories(2, false, 390);
	all_histories(3, false, 7606);
	all_histories(4, false, 205996);
	all_histories(3, true, 64438);
	if (check_sanitized())
		return;
	all_histories(4, true, 3392680);
	all_histories(5, false, 7328458);
}

/* ---- Checkers that are wrong ------------------------------------------------------------------------------------- */

static bool accept_all(const struct exhaustive_tools *with, const struct history_operation *operations, size_t count,
                       enum history_model model, uint64_t initial)
{
	(void)with, (void)operations, (void)count, (void)model, (void)initial;
	return true;
}

static bool reject_all(const struct exhaustive_tools *with, const struct history_operation *operations, size_t count,
                       enum history_model model, uint64_t initial)
{
	return !accept_all(with, operations, count, model, initial);
}

/* A right checker that is given a changed history. */
static bool check_changed(const struct exhaustive_tools *with, const struct history_operation *operations, size_t count,
                          enum history_model model, uint64_t initial,
                          void (*change)(struct history_operation *operation))
{
	struct history_operation changed[EXHAUSTIVE_OPERATIONS_MAX];

	for (size_t i = 0; i < count; i++) {
		changed[i] = operations[i];
		change(&changed[i]);
	}
	return wing_gong_check(with->wing_gong, changed, count, model, initial);
}

#define CHANGED(name, statement)                                                                                       \
	static void change_##name(struct history_operation *operation)                                                 \
	{                                                                                                              \
		statement;                                                                                             \
	}                                                                                                              \
	static bool name(const struct exhaustive_tools *with, const struct history_operation *operations, size_t count, \
	                 enum history_model model, uint64_t initial)                                                   \
	{                                                                                                              \
		return check_changed(with, operations, count, model, initial, change_##name);                          \
	}

CHANGED(ignore_time, operation->invoked = operation->returned = 0)
CHANGED(forget_response, operation->returned = 1000)
CHANGED(forget_invocation, operation->invoked = 0)
CHANGED(take_no_time, operation->returned = operation->invoked)
CHANGED(equal_times_in_order, operation->invoked = 2 * operation->invoked + 1; operation->returned *= 2)
CHANGED(any_value_will_do, operation->call = operation->call == HISTORY_GET ? HISTORY_CONTAINS : operation->call)
CHANGED(forget_misses, operation->result = operation->result == CAPACITOR_MISS ? CAPACITOR_BUSY : operation->result)
CHANGED(forget_deletes, operation->result = operation->call == HISTORY_DELETE ? CAPACITOR_BUSY : operation->result)
CHANGED(replace_is_set, operation->call = operation->call == HISTORY_REPLACE ? HISTORY_SET : operation->call)
CHANGED(add_is_set,
        operation->call = operation->call == HISTORY_ADD && operation->result == CAPACITOR_STORED ? HISTORY_SET : operation->call)

static bool one_model_is_strict(const struct exhaustive_tools *with, const struct history_operation *operations, size_t count,
                                enum history_model model, uint64_t initial)
{
	(void)model;
	return wing_gong_check(with->wing_gong, operations, count, HISTORY_STRICT, initial);
}

static bool one_model_is_evicting(const struct exhaustive_tools *with, const struct history_operation *operations,
                                  size_t count, enum history_model model, uint64_t initial)
{
	(void)model;
	return wing_gong_check(with->wing_gong, operations, count, HISTORY_EVICTING, initial);
}

static bool forget_initial(const struct exhaustive_tools *with, const struct history_operation *operations, size_t count,
                           enum history_model model, uint64_t initial)
{
	(void)initial;
	return wing_gong_check(with->wing_gong, operations, count, model, 0);
}

/* The state after a window is forgotten: each begins as the first. */
static bool forget_windows(const struct exhaustive_tools *with, const struct history_operation *operations, size_t count,
                           enum history_model model, uint64_t initial)
{
	bool good = true;

	for (size_t i = 0; i < count; i++) {
		sweep_reset_to(with->sweep, model, &initial, 1);
		good = sweep_window(with->sweep, &operations[i], 1) && good;
	}
	return good;
}

static void test_wrong_checkers_are_noticed(void **state)
{
	static exhaustive_check *const wrong[] = {
		accept_all, reject_all, ignore_time, forget_response, forget_invocation, take_no_time, equal_times_in_order,
		any_value_will_do, forget_misses, forget_deletes, replace_is_set, add_is_set, one_model_is_strict,
		one_model_is_evicting, forget_initial, forget_windows,
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		exhaustive_check *const checks[] = {wrong[i], NULL};
		bool agrees = true;

		for (unsigned operations = 1; operations <= 3 && agrees; operations++) {
			struct exhaustive exhaustive = {.operations = operations, .threads = 1, .checks = checks};

			agrees = exhaustive_run(&exhaustive);
		}
		if (agrees)
			fail_msg("wrong checker %zu is not noticed", i);
	}
}

/* ---- Random histories -------------------------------------------------------------------------------------------- */

/* A key whose calls take effect at a moment that is drawn between invocation and response. */
struct reference {
	uint64_t random;
	uint64_t values; /* the last that was written */
	uint64_t state;
	enum history_model model;
};

struct moment {
	uint64_t time;
	size_t operation;
};

static int by_time(const void *a, const void *b)
{
	uint64_t x = ((const struct moment *)a)->time, y = ((const struct moment *)b)->time;

	return x < y ? -1 : x > y;
}

static void take_effect(struct reference *reference, struct history_operation *operation)
{
	uint64_t before = reference->state;
	bool present = before != 0;

	if (reference->model == HISTORY_EVICTING && check_below(&reference->random, 8) == 0)
		present = (before = reference->state = 0);
	operation->call = (uint8_t)check_below(&reference->random, HISTORY_CALLS);
	if (operation->call == HISTORY_SET || operation->call == HISTORY_ADD || operation->call == HISTORY_REPLACE ||
	    operation->call == HISTORY_LOAD)
		operation->written = ++reference->values;
	operation->result = present ? CAPACITOR_HIT : CAPACITOR_MISS;
	if (operation->call == HISTORY_SET || (operation->call == HISTORY_REPLACE && present))
		operation->result = CAPACITOR_STORED;
	if (operation->call == HISTORY_ADD)
		operation->result = present ? CAPACITOR_EXISTS : CAPACITOR_STORED;
	if (operation->call == HISTORY_LOAD && !present && check_below(&reference->random, 2))
		operation->result = CAPACITOR_STORED;
	if (operation->result == CAPACITOR_HIT)
		operation->read = before;
	if (operation->result == CAPACITOR_STORED)
		reference->state = operation->written;
	if (operation->call == HISTORY_DELETE)
		reference->state = 0;
}

/* A linearizable history of some threads, from time `from` on; returns when all have returned. */
static uint64_t generate(struct reference *reference, struct history_operation *operations, size_t count, unsigned threads,
                         uint64_t from)
{
	struct moment *moments = malloc((count + 1) * sizeof *moments);
	uint64_t *at = malloc(threads * sizeof *at), end = from;

	assert_true(moments && at);
	for (unsigned i = 0; i < threads; i++)
		at[i] = from + check_below(&reference->random, 8);
	for (size_t i = 0; i < count; i++) {
		uint64_t *now = &at[i * threads / count], length = check_below(&reference->random, 16);

		operations[i] = (struct history_operation){
			.invoked = *now, .returned = *now + length, .thread = (uint16_t)(i * threads / count),
		};
		moments[i] = (struct moment){*now + check_below(&reference->random, length + 1), i};
		*now += length + 1 + check_below(&reference->random, 8);
		end = *now > end ? *now : end;
	}
	qsort(moments, count, sizeof *moments, by_time);
	for (size_t i = 0; i < count; i++)
		take_effect(reference, &operations[moments[i].operation]);
	free(moments);
	free(at);
	return end;
}

/* Some change that may make a violation, or may not. Written values stay unique. */
static void mutate(struct reference *reference, struct history_operation *operations, size_t count)
{
	struct history_operation *operation = &operations[check_below(&reference->random, count)];

	switch (check_below(&reference->random, 7)) {
	case 0: /* an older or a newer value is read */
	case 1:
		operation->read = operations[check_below(&reference->random, count)].written;
		break;
	case 2: /* one that was never written */
		operation->read = NEVER_WRITTEN;
		break;
	case 3: /* a write has no effect */
		operation->result = CAPACITOR_BUSY;
		break;
	case 4: /* what was there is missed, and the reverse */
		operation->result = operation->result == CAPACITOR_HIT ? CAPACITOR_MISS : CAPACITOR_HIT;
		break;
	case 5: /* a read comes later: an evicted value is revived */
		operation->invoked = operation->returned = operation->returned + check_below(&reference->random, 64);
		break;
	default: /* a call takes less time */
		operation->returned -= (operation->returned - operation->invoked) / 2;
		operation->invoked += (operation->returned - operation->invoked) / 2;
		break;
	}
	if (operation->read == 0) /* values are never 0 */
		operation->read = NEVER_WRITTEN;
}

static size_t sort_out(uint64_t *states, size_t count, enum history_model model)
{
	size_t kept = 0;

	/* In the evicting model a value stands for absent, too. */
	for (size_t i = 0; i < count; i++)
		if (states[i] || model == HISTORY_STRICT || count == 1)
			states[kept++] = states[i];
	for (size_t i = 1; i < kept; i++)
		for (size_t j = i; j > 0 && states[j - 1] > states[j]; j--) {
			uint64_t state = states[j];

			states[j] = states[j - 1];
			states[j - 1] = state;
		}
	return kept;
}

static void compare_states(const struct history_operation *operations, size_t count, enum history_model model,
                           uint64_t initial)
{
	uint64_t expected[SHORT_MAX + 2], found[SHORT_MAX + 2];
	size_t expected_count, found_count;
	const uint64_t *after;

	assert_true(exhaustive_sweep(&tools, operations, count, model, initial));
	expected_count = sort_out(expected, brute_states(operations, count, model, initial, expected), model);
	after = sweep_after(tools.sweep, &found_count);
	assert_true(found_count <= SHORT_MAX + 2);
	memcpy(found, after, found_count * sizeof *found);
	found_count = sort_out(found, found_count, model);
	assert_int_equal(found_count, expected_count);
	assert_memory_equal(found, expected, found_count * sizeof *found);
}

/* From a state that is not known. */
static void compare_unknown(const struct history_operation *operations, size_t count, enum history_model model)
{
	bool good = brute_check(operations, count, model, 0) || brute_check(operations, count, model, 1 << 30);

	for (size_t i = 0; i < count && !good; i++) {
		bool written = false;

		for (size_t j = 0; j < count; j++)
			written = written || (operations[j].result == CAPACITOR_STORED &&
			                      operations[j].written == operations[i].read);
		good = !written && brute_check(operations, count, model, operations[i].read);
	}
	sweep_reset_to(tools.sweep, model, &(uint64_t){HISTORY_ANY}, 1);
	assert_int_equal(sweep_window(tools.sweep, operations, count), good);
}

/* Every step of shrinking leaves a history that is linearizable, if it was; and must do so to one that was shrunk. */
static void every_step_is_linearizable(const struct history *history)
{
	struct history_operation rest[SHORT_MAX];

	for (size_t first = 0; first < history->count; first++)
		for (size_t second = first; second < history->count; second++)
			assert_true(brute_check(rest, shrink_without(history, first, second, rest), history->model,
			                        history->initial[0]));
}

static void compare_shrunk(struct history_operation *operations, size_t count, enum history_model model, uint64_t initial,
                           bool good)
{
	struct history history = {operations, count, model, &initial, 1};

	assert_int_equal(shrink(&history), !good);
	assert_true(good ? history.count == count : history.count > 0 && history.count <= count);
	assert_int_equal(brute_check(operations, history.count, model, initial), good);
	every_step_is_linearizable(&history);
}

static void test_random_and_mutated(void **state)
{
	struct history_operation operations[SHORT_MAX];
	struct reference reference = {.random = 1};
	uint64_t violations = 0, rounds = check_sanitized() ? 3000 : 60000;

	(void)state;
	for (uint64_t round = 0; round < rounds; round++) {
		size_t count = 1 + check_below(&reference.random, SHORT_MAX);
		uint64_t initial;
		bool good;

		reference.model = (enum history_model)(round % 2);
		reference.values = 1;
		initial = reference.state = check_below(&reference.random, 2);
		generate(&reference, operations, count, 1 + (unsigned)check_below(&reference.random, count), 0);
		assert_true(brute_check(operations, count, reference.model, initial));
		for (uint64_t mutations = round / 2 % 3; mutations > 0; mutations--)
			mutate(&reference, operations, count);
		good = brute_check(operations, count, reference.model, initial);
		violations += !good;
		for (unsigned i = 0; all_checks[i]; i++)
			assert_int_equal(all_checks[i](&tools, operations, count, reference.model, initial), good);
		compare_unknown(operations, count, reference.model);
		if (good)
			compare_states(operations, count, reference.model, initial);
		if (round % 4 < 2)
			compare_shrunk(operations, count, reference.model, initial, good);
	}
	printf("# %" PRIu64 " random histories, of which mutations made %" PRIu64 " violations\n", rounds, violations);
	assert_in_range(violations, rounds / 8, rounds * 3 / 4);
}

/* To wing_gong, written values need not be unique. */
static void test_values_that_come_twice(void **state)
{
	struct history_operation operations[SHORT_MAX];
	struct reference reference = {.random = 2};

	(void)state;
	for (uint64_t round = 0; round < (check_sanitized() ? 3000 : 100000); round++) {
		size_t count = 1 + check_below(&reference.random, SHORT_MAX);

		reference.model = (enum history_model)(round % 2);
		reference.values = 0;
		reference.state = 0;
		generate(&reference, operations, count, 1 + (unsigned)check_below(&reference.random, count), 0);
		for (size_t i = 0; i < count; i++) {
			operations[i].written = operations[i].written ? 1 + operations[i].written % 2 : 0;
			operations[i].read = operations[i].read ? 1 + operations[i].read % 2 : 0;
		}
		if (round / 2 % 2)
			mutate(&reference, operations, count);
		assert_int_equal(wing_gong_check(tools.wing_gong, operations, count, reference.model, 0),
		                 brute_check(operations, count, reference.model, 0));
	}
}

static void test_many_keys(void **state)
{
	struct history_operation operations[4 * SHORT_MAX];
	const uint64_t initial[4] = {0, 0, 0, 0};
	struct reference reference = {.random = 3};

	(void)state;
	for (uint64_t round = 0; round < 2000; round++) {
		uint32_t bad = UINT32_MAX, found = UINT32_MAX;

		reference.model = (enum history_model)(round % 2);
		for (uint32_t key = 0; key < 4; key++) {
			struct history_operation *part = operations + key * SHORT_MAX;

			reference.state = 0;
			generate(&reference, part, SHORT_MAX, 3, 0);
			mutate(&reference, part, SHORT_MAX);
			for (size_t i = 0; i < SHORT_MAX; i++)
				part[i].key = key;
			if (bad == UINT32_MAX && !brute_check(part, SHORT_MAX, reference.model, 0))
				bad = key;
		}
		assert_int_equal(wing_gong_check_keys(tools.wing_gong, operations, 4 * SHORT_MAX, reference.model, initial, &found),
		                 bad == UINT32_MAX);
		assert_int_equal(found, bad);
	}
}

/* ---- Long streams ------------------------------------------------------------------------------------------------ */

/* Violations by construction, after a history and with nothing at the same time. Returns how many operations. */
static size_t violation_after(struct history_operation *operations, unsigned number, enum history_model model, uint64_t time)
{
	const struct history_operation sets[2] = {
		{.invoked = time + 1, .returned = time + 2, .call = HISTORY_SET, .result = CAPACITOR_STORED, .written = 1u << 30},
		{.invoked = time + 3, .returned = time + 4, .call = HISTORY_SET, .result = CAPACITOR_STORED, .written = 2u << 30},
	};
	struct history_operation last = {.invoked = time + 5, .returned = time + 6, .call = HISTORY_GET, .result = CAPACITOR_HIT};

	memcpy(operations, sets, sizeof sets);
	switch (number) {
	case 0: /* overwritten */
		last.read = 1u << 30;
		break;
	case 1: /* never written */
		last.read = 3u << 30;
		break;
	case 2: /* deleted */
		operations[1].call = HISTORY_DELETE;
		operations[1].result = CAPACITOR_HIT;
		last.read = 1u << 30;
		break;
	case 3: /* evicted: somebody has missed it */
		operations[1].call = HISTORY_GET;
		operations[1].result = CAPACITOR_MISS;
		last.read = 1u << 30;
		break;
	case 4: /* read before it is written */
		operations[0].call = HISTORY_GET;
		operations[0].result = CAPACITOR_HIT;
		operations[0].read = 2u << 30;
		last.call = HISTORY_CONTAINS;
		break;
	case 5: /* deleted twice */
		for (unsigned i = 0; i < 2; i++) {
			operations[i].call = HISTORY_DELETE;
			operations[i].result = i ? CAPACITOR_HIT : CAPACITOR_MISS;
		}
		last.call = HISTORY_SET;
		last.result = CAPACITOR_STORED;
		last.written = 3u << 30;
		break;
	default: /* a lost value, two adds: only where nothing is evicted */
		last.call = number == 6 ? HISTORY_CONTAINS : HISTORY_ADD;
		last.result = number == 6 ? CAPACITOR_MISS : CAPACITOR_STORED;
		last.written = number == 6 ? 0 : 3u << 30;
		break;
	}
	operations[2] = last;
	return model == HISTORY_EVICTING && number >= 6 ? 0 : 3;
}
#define VIOLATIONS 8

static bool long_check(const struct history_operation *operations, size_t count, enum history_model model)
{
	bool good;

	sweep_reset(tools.sweep, model);
	good = sweep_window(tools.sweep, operations, count);
	assert_int_equal(sweep_undecided(tools.sweep), 0);
	return good;
}

static void test_long_streams(void **state)
{
	struct history_operation *operations = malloc((LONG + 3) * sizeof *operations);
	size_t count = check_sanitized() ? LONG / 20 : LONG;

	(void)state;
	assert_non_null(operations);
	for (unsigned number = 0; number < 2 * VIOLATIONS; number++) {
		enum history_model model = (enum history_model)(number % 2);
		struct reference reference = {.random = number, .model = model};
		uint64_t end = generate(&reference, operations, count, 1 + number, 0);
		struct history history = {operations, count, model, &(uint64_t){0}, 1};
		size_t added = violation_after(operations + count, number / 2, model, end);

		assert_true(long_check(operations, count, model));
		assert_false(shrink(&history));
		if (added == 0)
			continue;
		history.count += added;
		assert_false(long_check(operations, history.count, model));
		assert_true(shrink(&history));
		if (history.count > 3) {
			history_print(stderr, &history);
			fail_msg("a violation of three operations was shrunk to %zu", history.count);
		}
		assert_false(brute_check(operations, history.count, model, 0));
	}
	free(operations);
}

/* The same stream, window by window, with a violation in one. */
static void test_windows(void **state)
{
	static struct history_operation operations[103];
	struct reference reference = {.random = 4};

	(void)state;
	for (unsigned model = 0; model < HISTORY_MODELS; model++) {
		uint64_t time = 0;
		size_t states;

		reference.model = (enum history_model)model;
		reference.state = 0;
		sweep_reset(tools.sweep, reference.model);
		for (unsigned window = 0; window < 1000; window++) {
			time = 1 + generate(&reference, operations, 100, 4, time);
			assert_true(sweep_window(tools.sweep, operations, 100));
			assert_true(sweep_window(tools.sweep, NULL, 0));
		}
		assert_int_equal(violation_after(operations, 0, reference.model, time), 3);
		assert_false(sweep_window(tools.sweep, operations, 3));
		assert_int_equal(sweep_after(tools.sweep, &states)[0], HISTORY_ANY);
		assert_int_equal(states, 1);
		assert_true(sweep_window(tools.sweep, operations, 1));
	}
}

/* More calls than places, or than there is room for their configurations: undecided, and then anything may be. */
static void test_undecided(void **state)
{
	struct history_operation operations[SWEEP_PENDING_MAX + 1];
	size_t states;

	(void)state;
	for (unsigned count = 24; count <= SWEEP_PENDING_MAX + 1; count += SWEEP_PENDING_MAX + 1 - 24) {
		uint64_t before = sweep_undecided(tools.sweep);

		for (unsigned i = 0; i < count; i++)
			operations[i] = (struct history_operation){
				.invoked = i, .returned = 100 + i, .written = i + 1,
				.call = HISTORY_SET, .result = CAPACITOR_STORED,
			};
		sweep_reset(tools.sweep, HISTORY_STRICT);
		assert_true(sweep_window(tools.sweep, operations, count));
		assert_int_equal(sweep_undecided(tools.sweep), before + 1);
		assert_int_equal(sweep_after(tools.sweep, &states)[0], HISTORY_ANY);
		assert_int_equal(states, 1);
	}
	close_tools(NULL);
	open_tools(NULL); /* whose count is 0 again */
}

/* ---- Histories of the literature --------------------------------------------------------------------------------- */

#define OPERATION(from, to, what, returns, value)                                                                      \
	{                                                                                                              \
		.invoked = from, .returned = to, .call = HISTORY_##what, .result = CAPACITOR_##returns,                \
		.written = HISTORY_##what == HISTORY_GET ? 0 : value, .read = value                                    \
	}

static const struct {
	const char *name;
	struct history_operation operations[4];
	size_t count;
	bool strict, evicting; /* linearizable? */
} anomalies[] = {
	{"a stale read", {OPERATION(1, 2, SET, STORED, 1), OPERATION(3, 4, SET, STORED, 2), OPERATION(5, 6, GET, HIT, 1)}, 3, 0, 0},
	{"the same at the same time",
	 {OPERATION(1, 2, SET, STORED, 1), OPERATION(3, 6, SET, STORED, 2), OPERATION(5, 7, GET, HIT, 1)}, 3, 1, 1},
	{"equal times are concurrent",
	 {OPERATION(1, 2, SET, STORED, 1), OPERATION(3, 5, SET, STORED, 2), OPERATION(5, 7, GET, HIT, 1)}, 3, 1, 1},
	{"new, then old, during one set (regular, not atomic: Lamport 1986)",
	 {OPERATION(1, 2, SET, STORED, 1), OPERATION(3, 10, SET, STORED, 2), OPERATION(4, 5, GET, HIT, 2),
	  OPERATION(6, 7, GET, HIT, 1)}, 4, 0, 0},
	{"a lost update: two replaces of one state, and the later is gone",
	 {OPERATION(1, 2, SET, STORED, 1), OPERATION(3, 4, REPLACE, STORED, 2), OPERATION(5, 6, REPLACE, STORED, 3),
	  OPERATION(7, 8, GET, HIT, 2)}, 4, 0, 0},
	{"absent, present, absent: only an eviction explains it",
	 {OPERATION(1, 2, GET, MISS, 0), OPERATION(3, 4, ADD, STORED, 1), OPERATION(5, 6, GET, MISS, 0)}, 3, 0, 1},
	{"and never does it come back",
	 {OPERATION(1, 2, ADD, STORED, 1), OPERATION(3, 4, GET, MISS, 0), OPERATION(5, 6, CONTAINS, HIT, 0)}, 3, 0, 0},
	{"a value deleted twice",
	 {OPERATION(1, 2, SET, STORED, 1), OPERATION(3, 5, DELETE, HIT, 0), OPERATION(4, 6, DELETE, HIT, 0)}, 3, 0, 0},
	{"two adds stored", {OPERATION(1, 3, ADD, STORED, 1), OPERATION(2, 4, ADD, STORED, 2)}, 2, 0, 1},
	{"two adds stored, a delete between",
	 {OPERATION(1, 5, ADD, STORED, 1), OPERATION(2, 6, ADD, STORED, 2), OPERATION(3, 7, DELETE, HIT, 0)}, 3, 1, 1},
	{"two loaders", {OPERATION(1, 3, LOAD, STORED, 1), OPERATION(2, 4, LOAD, STORED, 2)}, 2, 0, 1},
	{"replace of nothing", {OPERATION(1, 2, REPLACE, STORED, 1)}, 1, 0, 0},
	{"a failed add says that there is a value", {OPERATION(1, 2, ADD, EXISTS, 1)}, 1, 0, 0},
	{"busy says nothing", {OPERATION(1, 2, SET, BUSY, 1), OPERATION(3, 4, GET, MISS, 0)}, 2, 1, 1},
	{"busy stored nothing", {OPERATION(1, 2, SET, BUSY, 1), OPERATION(3, 4, GET, HIT, 1)}, 2, 0, 0},
};

static void test_anomalies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof anomalies / sizeof anomalies[0]; i++)
		for (unsigned model = 0; model < HISTORY_MODELS; model++) {
			bool good = model == HISTORY_STRICT ? anomalies[i].strict : anomalies[i].evicting;

			if (brute_check(anomalies[i].operations, anomalies[i].count, (enum history_model)model, 0) != good)
				fail_msg("brute: %s", anomalies[i].name);
			for (unsigned check = 0; all_checks[check]; check++)
				if (all_checks[check](&tools, anomalies[i].operations, anomalies[i].count,
				                      (enum history_model)model, 0) != good)
					fail_msg("check %u, model %u: %s", check, model, anomalies[i].name);
		}
}

/* Among 60 operations that have nothing to do with it. */
static void test_shrinks_the_short(void **state)
{
	struct history_operation operations[64];
	struct reference reference = {.random = 5};

	(void)state;
	for (unsigned round = 0; round < 40 * VIOLATIONS; round++) {
		struct history history = {operations, 60, (enum history_model)(round % 2), &(uint64_t){0}, 1};
		uint64_t end;

		reference.model = history.model;
		reference.state = 0;
		end = generate(&reference, operations, 60, 3, 0);
		history.count += violation_after(operations + 60, round / 2 % VIOLATIONS, history.model, end);
		assert_int_equal(shrink(&history), history.count < 60 || history.count == 63 || history.count <= 3);
		if (history.count > 3 && history.count != 60) {
			history_print(stderr, &history);
			fail_msg("a violation of three operations was shrunk to %zu", history.count);
		}
	}
}

static void test_prints(void **state)
{
	struct history_operation operations[] = {
		OPERATION(107, 110, GET, HIT, 1), OPERATION(101, 102, SET, STORED, 1), OPERATION(103, 109, DELETE, MISS, 0),
	};
	struct history history = {operations, 3, HISTORY_EVICTING, (const uint64_t[]){0, 7, HISTORY_ANY}, 3};
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	assert_non_null(out);
	history_print(out, &history);
	fclose(out);
	assert_string_equal(
		text,
		"evicting model; before: absent or 7 or unknown\n"
		"thread  call        key           writes             read  result        invoked   returned\n"
		"     0  set           0                1                -  stored              0          1  []\n"
		"     0  delete        0                -                -  miss                2          8    [=]\n"
		"     0  get           0                -                1  hit                 6          9     [=]\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_histories),
		cmocka_unit_test(test_wrong_checkers_are_noticed),
		cmocka_unit_test(test_random_and_mutated),
		cmocka_unit_test(test_values_that_come_twice),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_long_streams),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_undecided),
		cmocka_unit_test(test_anomalies),
		cmocka_unit_test(test_shrinks_the_short),
		cmocka_unit_test(test_prints),
	};

	return cmocka_run_group_tests(tests, open_tools, close_tools);
}
