/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Histories: what calls of a cache were made, when, and what they returned; and the two models they are held against.
 *
 * A model is per key, because linearizability is local (Herlihy and Wing, TOPLAS 1990, section 3.1): a history is
 * linearizable when its part of each key is. The state of a key is a value, or 0: absent.
 *
 *   strict     a register. Right where nothing is evicted and nothing expires.
 *   evicting   the same, but a present value may become absent at any time by itself. It never comes back.
 *
 * What the calls do to a state s (v: `written`, r: `read`)
 *   get        HIT: s is r. MISS: s is absent.
 *   contains   HIT: s is present. MISS: s is absent.
 *   set        STORED: s becomes v.
 *   add        STORED: s is absent, and becomes v. EXISTS: s is present.
 *   replace    STORED: s is present, and becomes v. MISS: s is absent.
 *   delete     HIT: s is present, and becomes absent. MISS: s is absent.
 *   load       get_or_load, whose loader makes v. HIT: s is r. STORED: s is absent, and becomes v. MISS: s is absent.
 * Any other result (BUSY, NO_MEMORY, TOO_LARGE): the call changed nothing.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "capacitor/cache.h"

enum history_call {
	HISTORY_GET, /* pin and get_many, too */
	HISTORY_CONTAINS,
	HISTORY_SET,
	HISTORY_ADD,
	HISTORY_REPLACE,
	HISTORY_DELETE,
	HISTORY_LOAD,
};
#define HISTORY_CALLS 7
const char *history_call_string(enum history_call call);

enum history_model { HISTORY_STRICT, HISTORY_EVICTING };
#define HISTORY_MODELS 2

/* Values are never 0. a comes before b when a.returned < b.invoked; equal times are concurrent. */
struct history_operation {
	uint64_t invoked;
	uint64_t returned;
	uint64_t written; /* set, add, replace: the value; load: what its loader makes */
	uint64_t read;    /* get, load: the value that HIT returned */
	uint32_t key;
	uint16_t thread;
	uint8_t call;   /* enum history_call */
	uint8_t result; /* enum capacitor_result */
};

/* ---- What the checkers see of an operation (history.c) ------------------------------------------------------------ */

/* Calls with the same effect cannot be told apart by the state of their key. The first four change nothing. */
enum history_effect {
	HISTORY_NOTHING, /* changed nothing, and says nothing about the state */
	HISTORY_READS,   /* the state is `read` */
	HISTORY_PRESENT, /* the state is a value */
	HISTORY_ABSENT,  /* the state is absent */
	HISTORY_PUTS,    /* any state becomes `written` */
	HISTORY_ADDS,    /* absent becomes `written` */
	HISTORY_RENEWS,  /* a value becomes `written` */
	HISTORY_REMOVES, /* a value becomes absent */
};
#define HISTORY_EFFECTS 8
extern const uint8_t history_effects[HISTORY_CALLS][CAPACITOR_RESULTS]; /* enum history_effect */

static inline enum history_effect history_effect(const struct history_operation *operation)
{
	return (enum history_effect)history_effects[operation->call][operation->result];
}

/* Among the initial states: any value, or absent. No operation reads or writes it. */
#define HISTORY_ANY UINT64_MAX

/* The history of one key, whose state before it is one of `initial`. */
struct history {
	struct history_operation *operations;
	size_t count;
	enum history_model model;
	const uint64_t *initial;
	size_t initials;
};

/* Writes a history as a table in the order of the invocations: one line per operation with thread, call, key, values,
 * result and times, and a picture of the intervals. Times count from the first invocation. */
void history_print(FILE *out, const struct history *history);

#endif
