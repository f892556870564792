/* SPDX-License-Identifier: BSD-2-Clause */
/* Linearizability by its definition; see brute.h. Says what history.h says, call by call, and shares no code with the
 * checkers that it judges. */
#include "brute.h"

struct search {
	const struct history_operation *operations;
	size_t count;
	enum history_model model;
	uint64_t *states; /* NULL: the first order that works is enough */
	size_t found;
};

/* May the call return what it did in this state? Then *state is the state after it. */
static bool step(const struct history_operation *operation, uint64_t *state)
{
	enum capacitor_result result = (enum capacitor_result)operation->result;
	bool present = *state != 0;

	switch ((enum history_call)operation->call) {
	case HISTORY_GET:
		return result == CAPACITOR_HIT ? present && *state == operation->read : result != CAPACITOR_MISS || !present;
	case HISTORY_CONTAINS:
		return result == CAPACITOR_HIT ? present : result != CAPACITOR_MISS || !present;
	case HISTORY_SET:
		if (result == CAPACITOR_STORED)
			*state = operation->written;
		return true;
	case HISTORY_ADD:
		if (result == CAPACITOR_STORED)
			*state = operation->written;
		return result == CAPACITOR_STORED ? !present : result != CAPACITOR_EXISTS || present;
	case HISTORY_REPLACE:
		if (result == CAPACITOR_STORED)
			*state = operation->written;
		return result == CAPACITOR_STORED ? present : result != CAPACITOR_MISS || !present;
	case HISTORY_DELETE:
		if (result == CAPACITOR_HIT)
			*state = 0;
		return result == CAPACITOR_HIT ? present : result != CAPACITOR_MISS || !present;
	case HISTORY_LOAD:
		if (result == CAPACITOR_HIT)
			return present && *state == operation->read;
		if (result == CAPACITOR_STORED)
			*state = operation->written;
		return (result != CAPACITOR_STORED && result != CAPACITOR_MISS) || !present;
	}
	return false;
}

static bool done(struct search *search, uint64_t state)
{
	if (!search->states)
		return true;
	for (size_t i = 0; i < search->found; i++)
		if (search->states[i] == state)
			return false;
	search->states[search->found++] = state;
	return false;
}

/* Is there nothing left that returned before this one was invoked? */
static bool minimal(const struct search *search, uint32_t left, size_t i)
{
	for (size_t j = 0; j < search->count; j++)
		if ((left >> j & 1) && search->operations[j].returned < search->operations[i].invoked)
			return false;
	return true;
}

/* left: the operations that are not in the order yet. */
static bool extend(struct search *search, uint32_t left, uint64_t state)
{
	if (left == 0 && done(search, state))
		return true;
	for (size_t i = 0; i < search->count; i++) {
		uint64_t after = state;

		if ((left >> i & 1) && minimal(search, left, i) && step(&search->operations[i], &after) &&
		    extend(search, left & ~((uint32_t)1 << i), after))
			return true;
	}
	return search->model == HISTORY_EVICTING && state != 0 && extend(search, left, 0);
}

bool brute_check(const struct history_operation *operations, size_t count, enum history_model model, uint64_t initial)
{
	struct search search = {.operations = operations, .count = count, .model = model};

	return extend(&search, ((uint32_t)1 << count) - 1, initial);
}

size_t brute_states(const struct history_operation *operations, size_t count, enum history_model model, uint64_t initial,
                    uint64_t *states)
{
	struct search search = {.operations = operations, .count = count, .model = model, .states = states};

	extend(&search, ((uint32_t)1 << count) - 1, initial);
	return search.found;
}
