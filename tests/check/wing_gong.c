/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The search of Wing and Gong with Lowe's memo; see wing_gong.h.
 *
 * Sets of operations are words. Operations are numbered in the order of their responses: of those that are left, the
 * lowest returned first, and the next to be linearized must have been invoked before that (`open`). Values are numbered
 * by their first appearance, so that what a state allows is a word, too.
 *
 * Three things make it quick. Observations are linearized as soon as the state allows them, which takes nothing from any
 * other order, so that only writers branch. A branch that leaves a value with reads left to do, and nobody left to write
 * it again, is not entered. A node is remembered when it has failed, so that a search that goes straight to its end
 * neither writes nor reads the memo.
 */
#include "wing_gong.h"

#include <stdlib.h>
#include <string.h>

#define MEMO_SLOTS_MIN 1024
#define STATES_MAX     (WING_GONG_OPERATIONS_MAX + 2) /* absent, the initial value, and what is read or written */

struct slot {
	uint64_t done;
	uint32_t generation; /* another one's: free */
	uint32_t state;
};

struct wing_gong {
	/* The history at hand. */
	unsigned count;
	enum history_model model;
	struct history_operation operations[WING_GONG_OPERATIONS_MAX]; /* in the order of their responses */
	uint64_t open[WING_GONG_OPERATIONS_MAX];  /* invoked no later than this one's response */
	uint8_t becomes[WING_GONG_OPERATIONS_MAX]; /* the state after a writer */
	unsigned states;
	uint64_t value[STATES_MAX];      /* of a state; absent is number 0, and no value */
	uint64_t reads[STATES_MAX];      /* the operations that read a state's value */
	uint64_t writes[STATES_MAX];     /* and that write it */
	uint64_t effect[HISTORY_EFFECTS]; /* the operations of an effect */
	/* The memo of nodes that failed. */
	struct slot *slots;
	size_t slots_count; /* a power of two */
	size_t used;
	uint32_t generation;
};

struct wing_gong *wing_gong_new(void)
{
	struct wing_gong *checker = calloc(1, sizeof *checker);
	struct slot *slots = calloc(MEMO_SLOTS_MIN, sizeof *slots);

	if (!checker || !slots) {
		free(checker);
		free(slots);
		return NULL;
	}
	checker->slots = slots;
	checker->slots_count = MEMO_SLOTS_MIN;
	return checker;
}

void wing_gong_free(struct wing_gong *checker)
{
	if (checker)
		free(checker->slots);
	free(checker);
}

/* ---- The memo ---------------------------------------------------------------------------------------------------- */

static void memo_clear(struct wing_gong *checker)
{
	checker->used = 0;
	if (++checker->generation == 0) { /* once in 2^32: no slot may seem to be of this generation */
		memset(checker->slots, 0, checker->slots_count * sizeof *checker->slots);
		checker->generation = 1;
	}
}

static struct slot *memo_find(const struct wing_gong *checker, uint64_t done, uint32_t state)
{
	uint64_t hash = (done ^ (uint64_t)state << 57) * 0x9e3779b97f4a7c15;
	size_t at = (size_t)((hash ^ hash >> 32) & (checker->slots_count - 1));

	for (;; at = (at + 1) & (checker->slots_count - 1)) {
		struct slot *slot = &checker->slots[at];

		if (slot->generation != checker->generation || (slot->done == done && slot->state == state))
			return slot;
	}
}

/* Twice as many slots. False: no memory. */
static bool memo_grow(struct wing_gong *checker)
{
	struct slot *old = checker->slots;
	size_t old_count = checker->slots_count;

	checker->slots = calloc(2 * old_count, sizeof *old);
	if (!checker->slots) {
		checker->slots = old;
		return false;
	}
	checker->slots_count = 2 * old_count;
	for (size_t i = 0; i < old_count; i++)
		if (old[i].generation == checker->generation)
			*memo_find(checker, old[i].done, old[i].state) = old[i];
	free(old);
	return true;
}

/* Without memory it forgets, and the search takes longer. */
static void memo_add(struct wing_gong *checker, uint64_t done, uint32_t state)
{
	if (2 * (checker->used + 1) > checker->slots_count && !memo_grow(checker))
		return;
	*memo_find(checker, done, state) = (struct slot){.done = done, .generation = checker->generation, .state = state};
	checker->used++;
}

static bool memo_has(const struct wing_gong *checker, uint64_t done, uint32_t state)
{
	return checker->used > 0 && memo_find(checker, done, state)->generation == checker->generation;
}

/* ---- Reading a history ------------------------------------------------------------------------------------------- */

static uint8_t state_of(struct wing_gong *checker, uint64_t value)
{
	unsigned state = 1;

	while (state < checker->states && checker->value[state] != value)
		state++;
	if (state == checker->states) {
		checker->value[state] = value;
		checker->reads[state] = 0;
		checker->writes[state] = 0;
		checker->states++;
	}
	return (uint8_t)state;
}

/* Insertion sort: threads come one after the other, each in order. What changed nothing and says nothing is left out. */
static void sort_by_response(struct wing_gong *checker, const struct history_operation *operations, size_t count)
{
	checker->count = 0;
	for (size_t i = 0; i < count; i++) {
		unsigned at = checker->count;

		if (history_effect(&operations[i]) == HISTORY_NOTHING)
			continue;
		for (; at > 0 && checker->operations[at - 1].returned > operations[i].returned; at--)
			checker->operations[at] = checker->operations[at - 1];
		checker->operations[at] = operations[i];
		checker->count++;
	}
}

static void read_operation(struct wing_gong *checker, unsigned i)
{
	const struct history_operation *operation = &checker->operations[i];
	enum history_effect effect = history_effect(operation);
	uint64_t bit = (uint64_t)1 << i;

	checker->effect[effect] |= bit;
	if (effect == HISTORY_READS) {
		checker->reads[state_of(checker, operation->read)] |= bit;
	} else if (effect == HISTORY_REMOVES) {
		checker->becomes[i] = 0;
	} else if (effect >= HISTORY_PUTS) {
		checker->becomes[i] = state_of(checker, operation->written);
		checker->writes[checker->becomes[i]] |= bit;
	}
}

static void find_open(struct wing_gong *checker)
{
	for (unsigned i = 0; i < checker->count; i++) {
		uint64_t returned = checker->operations[i].returned, open = 0;

		for (unsigned j = i; j < checker->count; j++)
			open |= (uint64_t)(checker->operations[j].invoked <= returned) << j;
		checker->open[i] = open;
	}
}

/* Returns the number of the initial state. */
static uint8_t read_history(struct wing_gong *checker, const struct history_operation *operations, size_t count,
                            enum history_model model, uint64_t initial)
{
	uint8_t state;

	checker->model = model;
	checker->states = 1;
	checker->reads[0] = 0;
	checker->writes[0] = 0;
	memset(checker->effect, 0, sizeof checker->effect);
	sort_by_response(checker, operations, count);
	state = initial ? state_of(checker, initial) : 0;
	for (unsigned i = 0; i < checker->count; i++)
		read_operation(checker, i);
	find_open(checker);
	return state;
}

/* ---- The search -------------------------------------------------------------------------------------------------- */

static uint64_t all(const struct wing_gong *checker)
{
	return checker->count == 64 ? UINT64_MAX : ((uint64_t)1 << checker->count) - 1;
}

/* What may be linearized next, when `left` is left; never empty. */
static uint64_t candidates(const struct wing_gong *checker, uint64_t left)
{
	return checker->open[__builtin_ctzll(left)] & left;
}

/* Linearizes what the state satisfies and what changes nothing; returns what is left. */
static uint64_t observe(const struct wing_gong *checker, uint64_t left, unsigned state)
{
	uint64_t satisfied = state ? checker->reads[state] | checker->effect[HISTORY_PRESENT] : checker->effect[HISTORY_ABSENT];
	uint64_t now;

	while (left && (now = candidates(checker, left) & satisfied))
		left &= ~now;
	return left;
}

/* May the state be left for good, or come back? */
static bool may_leave(const struct wing_gong *checker, uint64_t left, unsigned state)
{
	return !(checker->reads[state] & left) || (checker->writes[state] & left);
}

static bool search(struct wing_gong *checker, uint64_t left, unsigned state)
{
	uint64_t writers, node;

	left = observe(checker, left, state);
	if (left == 0)
		return true;
	node = ~left;
	if (memo_has(checker, node, state))
		return false;
	writers = checker->effect[HISTORY_PUTS] |
	          (state ? checker->effect[HISTORY_RENEWS] | checker->effect[HISTORY_REMOVES] : checker->effect[HISTORY_ADDS]);
	writers &= candidates(checker, left);
	if (may_leave(checker, left, state)) {
		for (; writers; writers &= writers - 1) {
			unsigned next = (unsigned)__builtin_ctzll(writers);

			if (search(checker, left & ~((uint64_t)1 << next), checker->becomes[next]))
				return true;
		}
		if (checker->model == HISTORY_EVICTING && state && search(checker, left, 0))
			return true;
	}
	memo_add(checker, node, state);
	return false;
}

bool wing_gong_check(struct wing_gong *checker, const struct history_operation *operations, size_t count,
                     enum history_model model, uint64_t initial)
{
	uint8_t state = read_history(checker, operations, count, model, initial);

	memo_clear(checker);
	return search(checker, all(checker), state);
}

bool wing_gong_check_keys(struct wing_gong *checker, const struct history_operation *operations, size_t count,
                          enum history_model model, const uint64_t *initial, uint32_t *key)
{
	struct history_operation part[WING_GONG_OPERATIONS_MAX];
	uint64_t from = 0; /* keys from here on are left */

	for (;;) {
		uint64_t lowest = UINT64_MAX;
		size_t size = 0;

		for (size_t i = 0; i < count; i++)
			if (operations[i].key >= from && operations[i].key < lowest)
				lowest = operations[i].key;
		if (lowest == UINT64_MAX)
			return true;
		for (size_t i = 0; i < count; i++)
			if (operations[i].key == lowest)
				part[size++] = operations[i];
		if (!wing_gong_check(checker, part, size, model, initial[lowest])) {
			*key = (uint32_t)lowest;
			return false;
		}
		from = lowest + 1;
	}
}
