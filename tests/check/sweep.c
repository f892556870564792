/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checker of long streams; see sweep.h.
 *
 * A configuration is a state and the set of pending operations that are linearized. Pending operations have places in a
 * word, so that sets are words. Values are numbered within a window; number 0 is absent.
 *
 * Why it is enough to linearize writers at responses: given an order that explains the history, let each operation take
 * effect as late as the order allows, which is at some response; the last of those that take effect at a response is the
 * operation that returns. Evictions are writers that are always pending. An observation can be moved forward in the order
 * to where its state is first seen after its invocation, since it changes nothing. A state whose value is read by a call
 * yet to come cannot be left, since nobody writes the value again.
 */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

#define OPERATIONS_MIN     64
#define CONFIGURATIONS_MIN 32

/* The key of an event: time and kind. Of equal times, invocations come first: such operations are concurrent. */
#define INVOCATION(time) ((time) << 1)
#define RESPONSE(time)   ((time) << 1 | 1)

struct event {
	uint64_t key;
	uint32_t operation;
};

/* An operation of the window. */
struct action {
	uint8_t effect;
	uint8_t place;  /* while it is pending */
	uint32_t value; /* what it reads or writes */
};

/* A value of the window. */
struct value {
	uint64_t value;
	uint64_t last_read; /* the key of the last invocation that reads it; 0: none */
	uint64_t readers;   /* pending reads */
	bool written;       /* in this window */
};

struct configuration {
	uint64_t done;
	uint32_t state;
};

/* An open-addressed hash table of indices. Slots of another generation are free. */
struct index {
	struct {
		uint32_t generation;
		uint32_t at;
	} *slots;
	size_t mask;
	uint32_t generation;
};

struct sweep {
	enum history_model model;
	uint64_t undecided;
	/* The possible states at the last cut, and at the one before. */
	uint64_t *before, *after;
	size_t before_count, after_count;
	size_t states_capacity;
	/* The window. */
	size_t operations_capacity;
	struct action *actions;
	struct event *events, *merged;
	size_t *runs; /* where each sorted run of events begins, and the end */
	size_t events_count, runs_count;
	struct value *values; /* the first is absent */
	size_t values_capacity, values_count;
	struct index value_index;
	/* What is pending: places. */
	uint64_t pending;
	uint64_t pending_of[HISTORY_EFFECTS];
	uint32_t becomes[SWEEP_PENDING_MAX]; /* the state after a writer */
	/* The configurations. */
	struct configuration *configurations;
	size_t configurations_capacity, configurations_count;
	struct index configuration_index;
	bool full; /* of configurations, or of pending calls */
};

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static void *resize(void *array, size_t count, size_t size)
{
	void *resized = reallocarray(array, count, size);

	if (!resized) {
		fputs("sweep: no memory\n", stderr);
		abort();
	}
	return resized;
}

/* Empty, with two slots for each index to come. */
static void index_resize(struct index *index, size_t count)
{
	size_t slots = 2;

	while (slots < 2 * count)
		slots *= 2;
	free(index->slots);
	index->slots = resize(NULL, slots, sizeof *index->slots);
	memset(index->slots, 0, slots * sizeof *index->slots);
	index->mask = slots - 1;
	index->generation = 1;
}

static void index_clear(struct index *index)
{
	if (++index->generation == 0) {
		memset(index->slots, 0, (index->mask + 1) * sizeof *index->slots);
		index->generation = 1;
	}
}

static size_t hash(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15;
	return (size_t)(x ^ x >> 32);
}

static size_t larger(size_t capacity, size_t needed)
{
	while (capacity < needed)
		capacity *= 2;
	return capacity;
}

static void make_room_for_operations(struct sweep *sweep, size_t count)
{
	size_t capacity = larger(sweep->operations_capacity ? sweep->operations_capacity : OPERATIONS_MIN, count);

	if (capacity == sweep->operations_capacity)
		return;
	sweep->actions = resize(sweep->actions, capacity, sizeof *sweep->actions);
	sweep->events = resize(sweep->events, 2 * capacity, sizeof *sweep->events);
	sweep->merged = resize(sweep->merged, 2 * capacity, sizeof *sweep->merged);
	sweep->runs = resize(sweep->runs, capacity + 1, sizeof *sweep->runs);
	sweep->operations_capacity = capacity;
}

static void make_room_for_values(struct sweep *sweep, size_t count)
{
	size_t capacity = larger(sweep->values_capacity ? sweep->values_capacity : OPERATIONS_MIN, count);

	if (capacity == sweep->values_capacity)
		return;
	sweep->values = resize(sweep->values, capacity, sizeof *sweep->values);
	sweep->values_capacity = capacity;
	index_resize(&sweep->value_index, capacity);
}

static void make_room_for_states(struct sweep *sweep, size_t count)
{
	size_t capacity = larger(sweep->states_capacity ? sweep->states_capacity : 1, count);

	if (capacity == sweep->states_capacity)
		return;
	sweep->before = resize(sweep->before, capacity, sizeof *sweep->before);
	sweep->after = resize(sweep->after, capacity, sizeof *sweep->after);
	sweep->states_capacity = capacity;
}

static void index_configuration(struct sweep *sweep, size_t at);

static void double_configurations(struct sweep *sweep)
{
	size_t capacity = sweep->configurations_capacity ? 2 * sweep->configurations_capacity : CONFIGURATIONS_MIN;

	sweep->configurations = resize(sweep->configurations, capacity, sizeof *sweep->configurations);
	sweep->configurations_capacity = capacity;
	index_resize(&sweep->configuration_index, capacity);
	for (size_t i = 0; i < sweep->configurations_count; i++)
		index_configuration(sweep, i);
}

struct sweep *sweep_new(enum history_model model)
{
	struct sweep *sweep = calloc(1, sizeof *sweep);

	if (sweep) {
		double_configurations(sweep);
		sweep_reset(sweep, model);
	}
	return sweep;
}

void sweep_free(struct sweep *sweep)
{
	if (!sweep)
		return;
	free(sweep->before);
	free(sweep->after);
	free(sweep->actions);
	free(sweep->events);
	free(sweep->merged);
	free(sweep->runs);
	free(sweep->values);
	free(sweep->value_index.slots);
	free(sweep->configurations);
	free(sweep->configuration_index.slots);
	free(sweep);
}

/* ---- Values ------------------------------------------------------------------------------------------------------ */

static uint32_t add_value(struct sweep *sweep, uint64_t value)
{
	sweep->values[sweep->values_count] = (struct value){.value = value};
	return (uint32_t)sweep->values_count++;
}

static uint32_t number_of(struct sweep *sweep, uint64_t value)
{
	struct index *index = &sweep->value_index;

	for (size_t at = hash(value) & index->mask;; at = (at + 1) & index->mask) {
		if (index->slots[at].generation != index->generation) {
			index->slots[at].generation = index->generation;
			index->slots[at].at = add_value(sweep, value);
			return index->slots[at].at;
		}
		if (sweep->values[index->slots[at].at].value == value)
			return index->slots[at].at;
	}
}

/* ---- The events of a window, in order ---------------------------------------------------------------------------- */

static void read_operation(struct sweep *sweep, const struct history_operation *operation, uint32_t i)
{
	struct action *action = &sweep->actions[i];

	action->effect = (uint8_t)history_effect(operation);
	action->value = 0;
	if (action->effect == HISTORY_READS) {
		struct value *value;

		action->value = number_of(sweep, operation->read);
		value = &sweep->values[action->value];
		if (value->last_read < INVOCATION(operation->invoked))
			value->last_read = INVOCATION(operation->invoked);
	} else if (action->effect >= HISTORY_PUTS && action->effect != HISTORY_REMOVES) {
		action->value = number_of(sweep, operation->written);
		sweep->values[action->value].written = true;
	}
}

static void read_operations(struct sweep *sweep, const struct history_operation *operations, size_t count)
{
	uint64_t last = UINT64_MAX;
	size_t events = 0, runs = 0;

	for (size_t i = 0; i < count; i++) {
		if (history_effect(&operations[i]) == HISTORY_NOTHING)
			continue;
		read_operation(sweep, &operations[i], (uint32_t)i);
		if (INVOCATION(operations[i].invoked) <= last)
			sweep->runs[runs++] = events;
		last = RESPONSE(operations[i].returned);
		sweep->events[events++] = (struct event){.key = INVOCATION(operations[i].invoked), .operation = (uint32_t)i};
		sweep->events[events++] = (struct event){.key = last, .operation = (uint32_t)i};
	}
	sweep->runs[runs] = events;
	sweep->runs_count = runs;
	sweep->events_count = events;
}

static void merge_two(const struct event *events, size_t from, size_t middle, size_t to, struct event *merged)
{
	size_t a = from, b = middle;

	while (a < middle && b < to) {
		bool second = events[b].key < events[a].key;

		*merged++ = events[second ? b : a];
		b += second;
		a += !second;
	}
	memcpy(merged, events + a, (middle - a) * sizeof *events);
	memcpy(merged + (middle - a), events + b, (to - b) * sizeof *events);
}

/* Merges neighbouring runs until there is one: a thread's operations are one run, or few. */
static void merge_runs(struct sweep *sweep)
{
	while (sweep->runs_count > 1) {
		struct event *merged = sweep->merged;
		size_t *runs = sweep->runs, end = sweep->events_count, made = 0;

		for (size_t run = 0; run < sweep->runs_count; run += 2) {
			size_t from = runs[run], middle = runs[run + 1];

			merge_two(sweep->events, from, middle, run + 2 <= sweep->runs_count ? runs[run + 2] : end, merged + from);
			runs[made++] = from;
		}
		runs[made] = end;
		sweep->runs_count = made;
		sweep->merged = sweep->events;
		sweep->events = merged;
	}
}

/* ---- Configurations ---------------------------------------------------------------------------------------------- */

/* The slot of an equal configuration, or the one where it belongs. */
static size_t slot_of(const struct sweep *sweep, uint64_t done, uint32_t state)
{
	const struct index *index = &sweep->configuration_index;
	size_t at = hash(done + (uint64_t)state * 0x632be59bd9b4e019) & index->mask;

	for (; index->slots[at].generation == index->generation; at = (at + 1) & index->mask) {
		const struct configuration *there = &sweep->configurations[index->slots[at].at];

		if (there->done == done && there->state == state)
			break;
	}
	return at;
}

static void index_configuration(struct sweep *sweep, size_t i)
{
	struct index *index = &sweep->configuration_index;
	size_t at = slot_of(sweep, sweep->configurations[i].done, sweep->configurations[i].state);

	index->slots[at].generation = index->generation;
	index->slots[at].at = (uint32_t)i;
}

/* The pending observations that a state satisfies. */
static uint64_t satisfied(const struct sweep *sweep, uint32_t state)
{
	return state ? sweep->values[state].readers | sweep->pending_of[HISTORY_PRESENT] : sweep->pending_of[HISTORY_ABSENT];
}

/* Adds the configuration, unless it is there. */
static void reach(struct sweep *sweep, uint64_t done, uint32_t state)
{
	struct index *index = &sweep->configuration_index;

	done |= satisfied(sweep, state);
	if (index->slots[slot_of(sweep, done, state)].generation == index->generation)
		return;
	if (sweep->configurations_count == SWEEP_CONFIGURATIONS_MAX) {
		sweep->full = true;
		return;
	}
	if (sweep->configurations_count == sweep->configurations_capacity)
		double_configurations(sweep);
	sweep->configurations[sweep->configurations_count++] = (struct configuration){.done = done, .state = state};
	index_configuration(sweep, sweep->configurations_count - 1);
}

/* Adds what follows from a configuration by one writer, or by an eviction. now: the key of the event at hand. */
static void reach_from(struct sweep *sweep, struct configuration from, uint64_t now)
{
	const uint64_t *pending_of = sweep->pending_of;
	uint64_t left = ~from.done, writers;

	if (sweep->values[from.state].last_read > now)
		return;
	writers = pending_of[HISTORY_PUTS];
	writers |= from.state ? pending_of[HISTORY_RENEWS] | pending_of[HISTORY_REMOVES] : pending_of[HISTORY_ADDS];
	for (writers &= left; writers; writers &= writers - 1) {
		int place = __builtin_ctzll(writers);

		reach(sweep, from.done | (uint64_t)1 << place, sweep->becomes[place]);
	}
	if (sweep->model == HISTORY_EVICTING && from.state && ((pending_of[HISTORY_ABSENT] | pending_of[HISTORY_ADDS]) & left))
		reach(sweep, from.done, 0);
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

static void invoke(struct sweep *sweep, struct action *action)
{
	uint64_t bit;

	if (~sweep->pending == 0) {
		sweep->full = true;
		return;
	}
	action->place = (uint8_t)__builtin_ctzll(~sweep->pending);
	bit = (uint64_t)1 << action->place;
	sweep->pending |= bit;
	sweep->pending_of[action->effect] |= bit;
	if (action->effect >= HISTORY_PUTS) {
		sweep->becomes[action->place] = action->value;
		return;
	}
	if (action->effect == HISTORY_READS)
		sweep->values[action->value].readers |= bit;
	for (size_t i = 0; i < sweep->configurations_count; i++)
		sweep->configurations[i].done |= satisfied(sweep, sweep->configurations[i].state) & bit;
}

static bool all_have(const struct sweep *sweep, uint64_t bit)
{
	uint64_t done = bit;

	for (size_t i = 0; i < sweep->configurations_count; i++)
		done &= sweep->configurations[i].done;
	return done;
}

/* Goes on from every configuration, and from those that are reached, until the operation of the bit is linearized. */
static void linearize(struct sweep *sweep, uint64_t bit, uint64_t now)
{
	index_clear(&sweep->configuration_index);
	for (size_t i = 0; i < sweep->configurations_count; i++)
		index_configuration(sweep, i);
	for (size_t i = 0; i < sweep->configurations_count && !sweep->full; i++)
		if (!(sweep->configurations[i].done & bit))
			reach_from(sweep, sweep->configurations[i], now);
}

static void respond(struct sweep *sweep, const struct action *action, uint64_t now)
{
	uint64_t bit = (uint64_t)1 << action->place;
	size_t kept = 0;

	if (!all_have(sweep, bit))
		linearize(sweep, bit, now);
	for (size_t i = 0; i < sweep->configurations_count; i++)
		if (sweep->configurations[i].done & bit) {
			sweep->configurations[kept] = sweep->configurations[i];
			sweep->configurations[kept++].done &= ~bit;
		}
	sweep->configurations_count = kept;
	sweep->pending &= ~bit;
	sweep->pending_of[action->effect] &= ~bit;
	if (action->effect == HISTORY_READS)
		sweep->values[action->value].readers &= ~bit;
}

/* False: no configuration is left. */
static bool pass_events(struct sweep *sweep)
{
	for (size_t i = 0; i < sweep->events_count && !sweep->full; i++) {
		struct action *action = &sweep->actions[sweep->events[i].operation];

		if (!(sweep->events[i].key & 1)) {
			invoke(sweep, action);
			continue;
		}
		respond(sweep, action, sweep->events[i].key);
		if (sweep->configurations_count == 0)
			return false;
	}
	return true;
}

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

/* The state is unknown: absent, the one value that was read without having been written, or a value that nobody reads. */
static void begin_anywhere(struct sweep *sweep)
{
	size_t known = sweep->values_count;

	reach(sweep, 0, 0);
	for (uint32_t i = 1; i < known; i++)
		if (!sweep->values[i].written)
			reach(sweep, 0, i);
	reach(sweep, 0, add_value(sweep, HISTORY_ANY));
}

static void begin(struct sweep *sweep)
{
	bool anywhere = false;

	index_clear(&sweep->configuration_index);
	sweep->configurations_count = 0;
	sweep->pending = 0;
	memset(sweep->pending_of, 0, sizeof sweep->pending_of);
	sweep->full = false;
	for (size_t i = 0; i < sweep->before_count; i++)
		anywhere = anywhere || sweep->before[i] == HISTORY_ANY;
	if (anywhere)
		begin_anywhere(sweep);
	else
		for (size_t i = 0; i < sweep->before_count; i++)
			reach(sweep, 0, sweep->before[i] ? number_of(sweep, sweep->before[i]) : 0);
}

static void set_after(struct sweep *sweep, uint64_t state)
{
	sweep->after[0] = state;
	sweep->after_count = 1;
}

/* The states of the configurations that are left. Where things are evicted, a value stands for absent, too. */
static void end(struct sweep *sweep)
{
	bool evicting = sweep->model == HISTORY_EVICTING && sweep->configurations_count > 1;

	make_room_for_states(sweep, sweep->configurations_count);
	sweep->after_count = 0;
	for (size_t i = 0; i < sweep->configurations_count; i++) {
		uint64_t value = sweep->values[sweep->configurations[i].state].value;

		if (value == HISTORY_ANY) {
			set_after(sweep, HISTORY_ANY);
			return;
		}
		if (value || !evicting)
			sweep->after[sweep->after_count++] = value;
	}
}

bool sweep_window(struct sweep *sweep, const struct history_operation *operations, size_t count)
{
	uint64_t *states = sweep->before;
	bool good;

	sweep->before = sweep->after;
	sweep->before_count = sweep->after_count;
	sweep->after = states;
	if (count == 0) {
		memcpy(sweep->after, sweep->before, sweep->before_count * sizeof *sweep->after);
		return true;
	}
	make_room_for_operations(sweep, count);
	make_room_for_values(sweep, count + sweep->before_count + 2);
	index_clear(&sweep->value_index);
	sweep->values_count = 0;
	add_value(sweep, 0);
	read_operations(sweep, operations, count);
	merge_runs(sweep);
	begin(sweep);
	good = pass_events(sweep);
	sweep->undecided += sweep->full;
	if (good && !sweep->full)
		end(sweep);
	else
		set_after(sweep, HISTORY_ANY);
	return good || sweep->full;
}

void sweep_reset(struct sweep *sweep, enum history_model model)
{
	sweep_reset_to(sweep, model, &(uint64_t){0}, 1);
}

void sweep_reset_to(struct sweep *sweep, enum history_model model, const uint64_t *states, size_t count)
{
	make_room_for_states(sweep, count);
	sweep->model = model;
	memcpy(sweep->after, states, count * sizeof *states);
	sweep->after_count = count;
	sweep->before_count = 0;
}

uint64_t sweep_undecided(const struct sweep *sweep)
{
	return sweep->undecided;
}

const uint64_t *sweep_before(const struct sweep *sweep, size_t *count)
{
	*count = sweep->before_count;
	return sweep->before;
}

const uint64_t *sweep_after(const struct sweep *sweep, size_t *count)
{
	*count = sweep->after_count;
	return sweep->after;
}
