/* SPDX-License-Identifier: BSD-2-Clause */
/* Flights (common/flight.h), step by step: who boards, who has to look again, and what a passenger is given. */
#include "common/flight.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BUFFER_BYTES 16

static const struct key key = {.data = "key", .bytes = 3, .hash = 5};

/* Somebody who misses the same key while a flight is under way. */
struct passenger {
	struct flight_board *board;
	struct flight flight;
	pthread_t thread;
	unsigned char buffer[BUFFER_BYTES];
	size_t buffer_bytes;
	size_t value_bytes;
	enum flight_part part;
	enum capacitor_result outcome;
};

static void *travel(void *argument)
{
	struct passenger *passenger = argument;

	passenger->part = flight_board_enter(passenger->board, &key, &passenger->flight, passenger->buffer, passenger->buffer_bytes,
	                                     &passenger->value_bytes, &passenger->outcome);
	return NULL;
}

static unsigned waiting(struct flight_board *board, const struct flight *flight)
{
	struct flight_stripe *stripe = &board->stripe[key.hash % FLIGHT_STRIPES];
	unsigned passengers;

	pthread_mutex_lock(&stripe->mutex);
	passengers = flight->passengers;
	pthread_mutex_unlock(&stripe->mutex);
	return passengers;
}

/* Returns when the passenger waits for the flight. */
static void board(struct passenger *passenger, struct flight_board *flights, struct flight *flight, size_t buffer_bytes)
{
	unsigned before = waiting(flights, flight);

	*passenger = (struct passenger){.board = flights, .buffer_bytes = buffer_bytes, .value_bytes = 99};
	assert_int_equal(pthread_create(&passenger->thread, NULL, travel, passenger), 0);
	while (waiting(flights, flight) == before)
		sched_yield();
}

static void arrive(struct passenger *passenger, enum flight_part part)
{
	assert_int_equal(pthread_join(passenger->thread, NULL), 0);
	assert_int_equal(passenger->part, part);
}

static void take_off(struct flight_board *flights, const struct key *of, struct flight *flight)
{
	enum capacitor_result outcome = CAPACITOR_OK;
	size_t value_bytes = 0;

	assert_int_equal(flight_board_enter(flights, of, flight, NULL, 0, &value_bytes, &outcome), FLIGHT_LOADS);
}

/* ---- The tests --------------------------------------------------------------------------------------------------- */

static void test_passengers_take_the_value(void **state)
{
	struct passenger roomy, exact, tight;
	struct flight_board flights;
	struct flight flight;

	(void)state;
	flight_board_init(&flights);
	take_off(&flights, &key, &flight);
	board(&roomy, &flights, &flight, BUFFER_BYTES);
	board(&exact, &flights, &flight, 5);
	board(&tight, &flights, &flight, 4);
	flight_close(&flights, &flight);
	flight_land(&flights, &flight, CAPACITOR_HIT, "value", 5);
	arrive(&roomy, FLIGHT_TAKES);
	arrive(&exact, FLIGHT_TAKES);
	arrive(&tight, FLIGHT_TAKES);
	assert_int_equal(roomy.outcome, CAPACITOR_HIT);
	assert_int_equal(roomy.value_bytes, 5);
	assert_memory_equal(roomy.buffer, "value", 5);
	assert_int_equal(exact.outcome, CAPACITOR_HIT);
	assert_memory_equal(exact.buffer, "value", 5);
	assert_int_equal(tight.outcome, CAPACITOR_BUFFER_TOO_SMALL);
	assert_int_equal(tight.value_bytes, 5);
	flight_board_destroy(&flights);
}

static void test_empty_value_needs_no_buffer(void **state)
{
	struct flight_board flights;
	struct passenger passenger;
	struct flight flight;

	(void)state;
	flight_board_init(&flights);
	take_off(&flights, &key, &flight);
	board(&passenger, &flights, &flight, 0);
	flight_land(&flights, &flight, CAPACITOR_HIT, NULL, 0);
	arrive(&passenger, FLIGHT_TAKES);
	assert_int_equal(passenger.outcome, CAPACITOR_HIT);
	assert_int_equal(passenger.value_bytes, 0);
	flight_board_destroy(&flights);
}

static void test_passengers_share_a_failure(void **state)
{
	static const struct {
		enum capacitor_result outcome;
		size_t told_bytes;
	} failures[] = {{CAPACITOR_MISS, 0}, {CAPACITOR_NO_MEMORY, 0}, {CAPACITOR_BUFFER_TOO_SMALL, 40}};
	struct flight_board flights;

	(void)state;
	flight_board_init(&flights);
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
		struct passenger passenger;
		struct flight flight;

		take_off(&flights, &key, &flight);
		board(&passenger, &flights, &flight, BUFFER_BYTES);
		flight_land(&flights, &flight, failures[i].outcome, NULL, 40);
		arrive(&passenger, FLIGHT_TAKES);
		assert_int_equal(passenger.outcome, failures[i].outcome);
		assert_int_equal(passenger.value_bytes, failures[i].told_bytes);
	}
	flight_board_destroy(&flights);
}

/* Whoever boarded before the gate closed takes the outcome, whoever came later looks again. */
static void test_latecomers_look_again(void **state)
{
	struct passenger early, late;
	struct flight_board flights;
	struct flight flight;

	(void)state;
	flight_board_init(&flights);
	take_off(&flights, &key, &flight);
	board(&early, &flights, &flight, BUFFER_BYTES);
	flight_close(&flights, &flight);
	board(&late, &flights, &flight, BUFFER_BYTES);
	flight_land(&flights, &flight, CAPACITOR_HIT, "value", 5);
	arrive(&early, FLIGHT_TAKES);
	arrive(&late, FLIGHT_AGAIN);
	assert_int_equal(late.value_bytes, 99); /* untouched */
	flight_board_destroy(&flights);
}

static void test_cancelled_flights_have_no_outcome(void **state)
{
	struct flight_board flights;
	struct passenger passenger;
	struct flight flight;

	(void)state;
	flight_board_init(&flights);
	take_off(&flights, &key, &flight);
	board(&passenger, &flights, &flight, BUFFER_BYTES);
	flight_cancel(&flights, &flight);
	arrive(&passenger, FLIGHT_AGAIN);
	assert_int_equal(passenger.value_bytes, 99);
	take_off(&flights, &key, &flight); /* the key is free again */
	flight_cancel(&flights, &flight);
	flight_board_destroy(&flights);
}

/* Keys of one hash, of other lengths or bytes, are other keys; flights may end in any order. */
static void test_colliding_keys_fly_apart(void **state)
{
	const struct key keys[] = {key, {"ke", 2, key.hash}, {"kez", 3, key.hash}, {"other", 5, key.hash + FLIGHT_STRIPES}};
	static const unsigned orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}};
	struct flight_board flights;
	struct flight flight[4];

	(void)state;
	flight_board_init(&flights);
	for (size_t order = 0; order < sizeof orders / sizeof orders[0]; order++) {
		struct passenger passenger;

		for (unsigned i = 0; i < 4; i++)
			take_off(&flights, &keys[i], &flight[i]);
		board(&passenger, &flights, &flight[0], BUFFER_BYTES);
		for (unsigned i = 0; i < 4; i++)
			flight_land(&flights, &flight[orders[order][i]], CAPACITOR_HIT, keys[orders[order][i]].data, 2);
		arrive(&passenger, FLIGHT_TAKES);
		assert_memory_equal(passenger.buffer, "ke", 2);
	}
	flight_board_destroy(&flights);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passengers_take_the_value),
		cmocka_unit_test(test_empty_value_needs_no_buffer),
		cmocka_unit_test(test_passengers_share_a_failure),
		cmocka_unit_test(test_latecomers_look_again),
		cmocka_unit_test(test_cancelled_flights_have_no_outcome),
		cmocka_unit_test(test_colliding_keys_fly_apart),
	};

	return cmocka_run_group_tests_name("flight", tests, NULL, NULL);
}
