/* SPDX-License-Identifier: BSD-2-Clause */
/* One loader per key at a time; see flight.h. */
#include "common/flight.h"

static struct flight_stripe *stripe_of(struct flight_board *board, const struct key *key)
{
	return &board->stripe[key->hash % FLIGHT_STRIPES];
}

void flight_board_init(struct flight_board *board)
{
	for (int i = 0; i < FLIGHT_STRIPES; i++) {
		pthread_mutex_init(&board->stripe[i].mutex, NULL);
		pthread_cond_init(&board->stripe[i].landed, NULL);
		board->stripe[i].flights = NULL;
		board->stripe[i].waits = (struct contention){0};
	}
}

void flight_board_destroy(struct flight_board *board)
{
	for (int i = 0; i < FLIGHT_STRIPES; i++) {
		assert(!board->stripe[i].flights);
		pthread_mutex_destroy(&board->stripe[i].mutex);
		pthread_cond_destroy(&board->stripe[i].landed);
	}
}

static struct flight *flight_find(struct flight_stripe *stripe, const struct key *key)
{
	struct flight *flight = stripe->flights;

	while (flight && (flight->key.bytes != key->bytes || memcmp(flight->key.data, key->data, key->bytes) != 0))
		flight = flight->next;
	return flight;
}

/* What a passenger gets: the loaded value, if it fits his buffer, or the loader's failure. */
static enum capacitor_result flight_take(const struct flight *flight, void *buffer, size_t buffer_bytes,
                                         size_t *value_bytes)
{
	if (flight->outcome != CAPACITOR_HIT) {
		*value_bytes = flight->outcome == CAPACITOR_BUFFER_TOO_SMALL ? flight->value_bytes : 0;
		return flight->outcome;
	}
	*value_bytes = flight->value_bytes;
	if (flight->value_bytes > buffer_bytes)
		return CAPACITOR_BUFFER_TOO_SMALL;
	if (flight->value_bytes > 0)
		memcpy(buffer, flight->value, flight->value_bytes);
	return CAPACITOR_HIT;
}

enum flight_part flight_board_enter(struct flight_board *board, const struct key *key, struct flight *flight, void *buffer,
                                    size_t buffer_bytes, size_t *value_bytes, enum capacitor_result *outcome)
{
	struct flight_stripe *stripe = stripe_of(board, key);
	struct flight *other;
	bool boards;

	contention_lock(&stripe->mutex, &stripe->waits);
	other = flight_find(stripe, key);
	if (!other) {
		*flight = (struct flight){.key = *key, .next = stripe->flights};
		stripe->flights = flight;
		pthread_mutex_unlock(&stripe->mutex);
		return FLIGHT_LOADS;
	}
	boards = !other->closed;
	other->passengers++;
	while (!other->landed)
		pthread_cond_wait(&stripe->landed, &stripe->mutex);
	boards = boards && !other->cancelled;
	if (boards)
		*outcome = flight_take(other, buffer, buffer_bytes, value_bytes);
	if (--other->passengers == 0)
		pthread_cond_broadcast(&stripe->landed);
	pthread_mutex_unlock(&stripe->mutex);
	return boards ? FLIGHT_TAKES : FLIGHT_AGAIN;
}

void flight_close(struct flight_board *board, struct flight *flight)
{
	struct flight_stripe *stripe = stripe_of(board, &flight->key);

	contention_lock(&stripe->mutex, &stripe->waits);
	flight->closed = true;
	pthread_mutex_unlock(&stripe->mutex);
}

/* Off the board, and gone when its passengers are. */
static void end(struct flight_stripe *stripe, struct flight *flight)
{
	struct flight **at;

	for (at = &stripe->flights; *at != flight; at = &(*at)->next)
		;
	*at = flight->next; /* who misses from now on takes off anew */
	flight->landed = true;
	pthread_cond_broadcast(&stripe->landed);
	while (flight->passengers > 0)
		pthread_cond_wait(&stripe->landed, &stripe->mutex);
}

void flight_cancel(struct flight_board *board, struct flight *flight)
{
	struct flight_stripe *stripe = stripe_of(board, &flight->key);

	contention_lock(&stripe->mutex, &stripe->waits);
	flight->cancelled = true;
	end(stripe, flight);
	pthread_mutex_unlock(&stripe->mutex);
}

void flight_land(struct flight_board *board, struct flight *flight, enum capacitor_result outcome, const void *value,
                 size_t value_bytes)
{
	struct flight_stripe *stripe = stripe_of(board, &flight->key);

	contention_lock(&stripe->mutex, &stripe->waits);
	flight->outcome = outcome;
	flight->value = value;
	flight->value_bytes = value_bytes;
	end(stripe, flight);
	pthread_mutex_unlock(&stripe->mutex);
}
