/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of a cache that are written down: what linearizability is checked on.
 *
 * Each value carries a number that no other value has, and its length and every byte follow from that number, so that a
 * hit tells which write it read, and whether it is whole.
 */
#ifndef CALLS_H
#define CALLS_H

#include "check.h"
#include "history.h"

#define CALLS_VALUE_BYTES_MAX 256

/* A thread that makes calls. */
struct caller {
	struct check_run *run;
	struct capacitor_handle *handle;
	uint64_t random;
	uint64_t numbers; /* of values: the next; different in each thread */
	uint16_t thread;
	_Atomic uint64_t *ticks; /* a clock that orders calls: NULL is CLOCK_MONOTONIC */
	_Atomic uint64_t *clock; /* the cache's (calls_clock): some stores get a TTL of a few of its ticks; NULL: none does */
	unsigned char buffer[CALLS_VALUE_BYTES_MAX];
};

void caller_init(struct caller *caller, struct check_run *run, struct capacitor_handle *handle, uint16_t thread,
                 uint64_t seed);

/* How often each call is made, of 100. Of gets, a third are pins and a third come as a get_many. */
struct call_mix {
	unsigned char percent[HISTORY_CALLS];
};
enum history_call call_draw(struct caller *caller, const struct call_mix *mix);

/* Makes one call and writes it down. What is wrong with it alone (a torn value) fails the run. */
void call_make(struct caller *caller, enum history_call call, uint32_t key, struct history_operation *operation);

/* A clock for the cache's configuration, which every call moves on by one; its context is the counter. */
uint64_t calls_clock(void *counter);

#endif
