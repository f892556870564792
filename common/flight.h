/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One loader per key at a time (get_or_load).
 *
 * A board of stripes, each a mutex, a condition and a list of the flights under way. Who misses a key looks for its
 * flight: there is none, then it takes off and loads; there is one, then it boards, waits until that has landed and
 * takes its outcome. Flights live on the stacks of their loaders, so that nothing is allocated; a flight is gone only
 * after its last passenger has read the outcome.
 *
 *     open ---- flight_close ----> closed ---- flight_land ----> landed
 *       \----------------------- flight_cancel -----------------/
 *
 * A flight closes before its outcome takes effect on the cache: who comes later must not take it, because the key may
 * have been deleted or overwritten since. It waits for the landing and looks into the cache again. So a passenger's
 * outcome takes effect while its own call runs, which linearizability wants.
 */
#ifndef COMMON_FLIGHT_H
#define COMMON_FLIGHT_H

#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>

#include "capacitor/cache.h"
#include "common/atomics.h"
#include "common/contention.h"
#include "common/entry.h"
#include "common/layout.h"

#define FLIGHT_STRIPES 16

struct flight {
	struct key key;
	struct flight *next;
	unsigned passengers; /* and those who wait to look again */
	bool closed;
	bool landed;
	bool cancelled; /* it has landed without an outcome */
	enum capacitor_result outcome;
	const void *value; /* on HIT: in the loader's buffer */
	size_t value_bytes;
};

struct flight_stripe {
	alignas(LINE_PAIR_BYTES) pthread_mutex_t mutex;
	pthread_cond_t landed;
	struct flight *flights;
	struct contention waits; /* for the mutex */
};

LAYOUT_TOGETHER(struct flight_stripe, mutex, waits, "used by who holds the mutex");
LAYOUT_OWN_LINES(struct flight_stripe, "stripes are for keys that have nothing to do with each other");

struct flight_board {
	struct flight_stripe stripe[FLIGHT_STRIPES];
};

void flight_board_init(struct flight_board *board);
void flight_board_destroy(struct flight_board *board);

enum flight_part {
	FLIGHT_LOADS,  /* there was no flight: this thread loads, and must call flight_close and flight_land */
	FLIGHT_TAKES,  /* another thread loaded; *outcome is what get_or_load returns, buffer and *value_bytes are filled */
	FLIGHT_AGAIN,  /* another thread's flight has landed, and was closed or had no outcome: look into the cache again */
};
enum flight_part flight_board_enter(struct flight_board *board, const struct key *key, struct flight *flight, void *buffer,
                                    size_t buffer_bytes, size_t *value_bytes, enum capacitor_result *outcome);

/* Nobody boards from here on. */
void flight_close(struct flight_board *board, struct flight *flight);

/* Lands without an outcome. */
void flight_cancel(struct flight_board *board, struct flight *flight);

/* The loader is done: wakes those who wait, and returns when they have taken the outcome. */
void flight_land(struct flight_board *board, struct flight *flight, enum capacitor_result outcome, const void *value,
                 size_t value_bytes);

#endif
