/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short histories that show a violation; see shrink.h.
 *
 * The rule. Let H be a history and K a part of it. A removed operation is one of H that is not in K. A writer is an
 * operation that changes the state. A writer W cannot be the last before an operation o, if o returned before W was
 * invoked, or if another operation of H lies between them in real time that is a writer, or that shows that W is not the
 * last: if W wrote a value, one that needs absence; if it deleted, one that found a value. If
 *   (a) for each read in K, all writers of H of the value that it returned are in K,
 *   (b) no removed writer of a value can be the last before an operation of K that needs a present value (contains, replace
 *       and delete that found one, add that found one),
 *   (c) in the strict model, no removed delete can be the last before an operation of K that needs absence,
 * then K is linearizable if H is; so when K is not, H is not either.
 *
 * Proof. Take an order of H that the model allows, with its evictions, and leave out what is removed. In the evicting model,
 * let the key be evicted at each removed writer. Then, after each step whose last writer of H so far is in K (or was none at
 * all), the state is that of H, since that writer made it; if the last writer is removed, the state is absent in the evicting
 * model. An operation of K was allowed in H: it is allowed now if it finds the same state. A set is allowed anyhow. Before
 * a read, the last writer wrote its value, and is in K by (a), or there was none, and the value is the initial one. Before an
 * operation that needs a present value, the last writer was one of a value (not a delete), and is in K by (b). Before one
 * that needs absence, in the strict model, it was a delete, and is in K by (c); in the evicting model, if the last writer is
 * removed, the state is absent. So each operation is allowed. The same holds for each initial state. (An operation that needs
 * absence lies between W and o, and o finds a value: it is not W's, which was gone, or has been overwritten.)
 *
 * The way. Remove pieces of the history, halves first, single operations last (Zeller and Hildebrandt, IEEE Trans. Software
 * Eng. 28, 2002), each together with what else the rule then asks for, while what is left is not linearizable.
 */
#include "shrink.h"

#include <stdlib.h>
#include <string.h>

#include "sweep.h"
#include "wing_gong.h"

/* In a history as short as this, pairs are tried, too. */
#define PAIRS_MAX 24

struct shrinking {
	enum history_model model;
	struct history_operation *operations; /* in the order of their invocations; what is left so far */
	size_t count;
	const uint64_t *initial;
	size_t initials;
	uint64_t *candidates; /* the same, with HISTORY_ANY spelled out */
	size_t candidates_count;
	struct wing_gong *wing_gong;
	struct sweep *sweep;
	/* Of the operations, by their places. */
	/* Of the operations from here on that show that a writer of a value (0) or a delete (1) is not the last any more, the
	 * earliest response; UINT64_MAX: there is none. */
	uint64_t *earliest[2];
	uint64_t *latest;   /* the latest response of the operations up to here */
	uint64_t *values;   /* all values read or written, in order */
	size_t values_count;
	/* An attempt. */
	bool *removed;       /* by place */
	bool *value_removed; /* by place in `values`: a writer of it is removed */
	size_t *writers;     /* the places of the removed writers */
	struct history_operation *rest;
};

/* ---- What operations do ------------------------------------------------------------------------------------------ */

static bool is_writer(const struct history_operation *operation)
{
	return history_effect(operation) >= HISTORY_PUTS;
}

static bool writes_value(const struct history_operation *operation)
{
	return is_writer(operation) && history_effect(operation) != HISTORY_REMOVES;
}

static bool needs_presence(const struct history_operation *operation)
{
	enum history_effect effect = history_effect(operation);

	return effect == HISTORY_PRESENT || effect == HISTORY_RENEWS || effect == HISTORY_REMOVES;
}

static bool needs_absence(const struct history_operation *operation)
{
	enum history_effect effect = history_effect(operation);

	return effect == HISTORY_ABSENT || effect == HISTORY_ADDS;
}

/* Is it a writer, or something that cannot be seen after a delete, or after a writer of a value? */
static bool ends(const struct history_operation *operation, bool after_delete)
{
	enum history_effect effect = history_effect(operation);

	if (is_writer(operation))
		return true;
	return after_delete ? effect == HISTORY_READS || effect == HISTORY_PRESENT : effect == HISTORY_ABSENT;
}

/* ---- Is it linearizable? ----------------------------------------------------------------------------------------- */

static bool violates(struct shrinking *shrinking, const struct history_operation *operations, size_t count)
{
	if (count > WING_GONG_OPERATIONS_MAX) {
		sweep_reset_to(shrinking->sweep, shrinking->model, shrinking->initial, shrinking->initials);
		return !sweep_window(shrinking->sweep, operations, count);
	}
	for (size_t i = 0; i < shrinking->candidates_count; i++)
		if (wing_gong_check(shrinking->wing_gong, operations, count, shrinking->model, shrinking->candidates[i]))
			return false;
	return true;
}

/* ---- The rule ---------------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int by_invocation(const void *a, const void *b)
{
	const struct history_operation *x = a, *y = b;

	return x->invoked < y->invoked ? -1 : x->invoked > y->invoked;
}

/* Reads what is left so far. */
static void survey(struct shrinking *shrinking)
{
	uint64_t latest = 0, earliest[2] = {UINT64_MAX, UINT64_MAX};

	shrinking->values_count = 0;
	for (size_t i = 0; i < shrinking->count; i++) {
		const struct history_operation *operation = &shrinking->operations[i];

		latest = operation->returned > latest ? operation->returned : latest;
		shrinking->latest[i] = latest;
		if (history_effect(operation) == HISTORY_READS)
			shrinking->values[shrinking->values_count++] = operation->read;
		else if (writes_value(operation))
			shrinking->values[shrinking->values_count++] = operation->written;
	}
	for (size_t i = shrinking->count; i-- > 0;)
		for (unsigned deletes = 0; deletes < 2; deletes++) {
			const struct history_operation *operation = &shrinking->operations[i];

			if (ends(operation, deletes) && operation->returned < earliest[deletes])
				earliest[deletes] = operation->returned;
			shrinking->earliest[deletes][i] = earliest[deletes];
		}
	qsort(shrinking->values, shrinking->values_count, sizeof *shrinking->values, by_number);
}

/* The first place whose operation was invoked after a time; the count, if there is none. */
static size_t first_after(const struct shrinking *shrinking, uint64_t time)
{
	size_t from = 0, to = shrinking->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (shrinking->operations[middle].invoked > time)
			to = middle;
		else
			from = middle + 1;
	}
	return from;
}

/* The first place up to which some operation returned at a time or later. */
static size_t first_not_over(const struct shrinking *shrinking, uint64_t time)
{
	size_t from = 0, to = shrinking->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (shrinking->latest[middle] >= time)
			to = middle;
		else
			from = middle + 1;
	}
	return from;
}

static bool *value_removed(struct shrinking *shrinking, uint64_t value)
{
	const uint64_t *found = bsearch(&value, shrinking->values, shrinking->values_count, sizeof value, by_number);

	while (found > shrinking->values && found[-1] == value)
		found--;
	return &shrinking->value_removed[found - shrinking->values];
}

static bool needs_the_writer(const struct shrinking *shrinking, const struct history_operation *operation,
                             const struct history_operation *writer)
{
	if (writes_value(writer))
		return needs_presence(operation);
	return shrinking->model == HISTORY_STRICT && needs_absence(operation);
}

static size_t remove_one(struct shrinking *shrinking, size_t place, size_t writers)
{
	if (shrinking->removed[place])
		return writers;
	shrinking->removed[place] = true;
	if (is_writer(&shrinking->operations[place]))
		shrinking->writers[writers++] = place;
	return writers;
}

/* Removes the operations that need a removed writer, which may be the last before them: (b) and (c). */
static size_t remove_what_needs(struct shrinking *shrinking, size_t place, size_t writers)
{
	const struct history_operation *writer = &shrinking->operations[place];
	size_t follower = first_after(shrinking, writer->returned);
	const uint64_t *earliest = shrinking->earliest[!writes_value(writer)];
	uint64_t over = follower < shrinking->count ? earliest[follower] : UINT64_MAX;

	for (size_t i = first_not_over(shrinking, writer->invoked); i < shrinking->count; i++) {
		const struct history_operation *operation = &shrinking->operations[i];

		if (operation->invoked > over)
			break;
		if (operation->returned >= writer->invoked && needs_the_writer(shrinking, operation, writer))
			writers = remove_one(shrinking, i, writers);
	}
	return writers;
}

/* Removes the reads of values whose writers are removed: (a). */
static void remove_reads(struct shrinking *shrinking, size_t writers)
{
	memset(shrinking->value_removed, 0, shrinking->values_count * sizeof *shrinking->value_removed);
	for (size_t i = 0; i < writers; i++)
		if (writes_value(&shrinking->operations[shrinking->writers[i]]))
			*value_removed(shrinking, shrinking->operations[shrinking->writers[i]].written) = true;
	for (size_t i = 0; i < shrinking->count; i++)
		if (history_effect(&shrinking->operations[i]) == HISTORY_READS &&
		    *value_removed(shrinking, shrinking->operations[i].read))
			shrinking->removed[i] = true;
}

/* ---- The way ----------------------------------------------------------------------------------------------------- */

/* Removes two pieces (of `size` operations from each of these places on), and what must go with them. The rest is in
 * `rest`; returns how many they are. */
static size_t without(struct shrinking *shrinking, size_t first, size_t second, size_t size)
{
	size_t writers = 0, count = 0;

	memset(shrinking->removed, 0, shrinking->count * sizeof *shrinking->removed);
	for (size_t i = 0; i < size; i++) {
		if (first + i < shrinking->count)
			writers = remove_one(shrinking, first + i, writers);
		if (second + i < shrinking->count)
			writers = remove_one(shrinking, second + i, writers);
	}
	for (size_t i = 0; i < writers; i++)
		writers = remove_what_needs(shrinking, shrinking->writers[i], writers);
	remove_reads(shrinking, writers);
	for (size_t i = 0; i < shrinking->count; i++)
		if (!shrinking->removed[i])
			shrinking->rest[count++] = shrinking->operations[i];
	return count;
}

/* Leaves what is then left. False, and nothing changed: that is linearizable. */
static bool try_without(struct shrinking *shrinking, size_t first, size_t second, size_t size)
{
	size_t count = without(shrinking, first, second, size);

	if (!violates(shrinking, shrinking->rest, count))
		return false;
	memcpy(shrinking->operations, shrinking->rest, count * sizeof *shrinking->rest);
	shrinking->count = count;
	survey(shrinking);
	return true;
}

/* Removes each piece of a size that can be removed. Did one go? */
static bool remove_pieces(struct shrinking *shrinking, size_t size)
{
	bool removed = false;

	for (size_t first = 0; first < shrinking->count;)
		if (try_without(shrinking, first, first, size))
			removed = true;
		else
			first += size;
	return removed;
}

static bool remove_pair(struct shrinking *shrinking)
{
	for (size_t first = 0; first < shrinking->count && shrinking->count <= PAIRS_MAX; first++)
		for (size_t second = first + 1; second < shrinking->count; second++)
			if (try_without(shrinking, first, second, 1))
				return true;
	return false;
}

static void shorten(struct shrinking *shrinking)
{
	for (size_t size = (shrinking->count + 1) / 2; size > 1; size = (size + 1) / 2)
		remove_pieces(shrinking, size);
	while (remove_pieces(shrinking, 1) || remove_pair(shrinking))
		;
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static bool is_written(const struct shrinking *shrinking, uint64_t value)
{
	for (size_t i = 0; i < shrinking->count; i++)
		if (writes_value(&shrinking->operations[i]) && shrinking->operations[i].written == value)
			return true;
	return false;
}

/* The initial states; instead of HISTORY_ANY: absent, a value that nobody reads, and what is read but not written. */
static void spell_out_initial(struct shrinking *shrinking)
{
	bool any = false;

	for (size_t i = 0; i < shrinking->initials; i++) {
		any = any || shrinking->initial[i] == HISTORY_ANY;
		shrinking->candidates[shrinking->candidates_count++] = shrinking->initial[i];
	}
	if (!any)
		return;
	shrinking->candidates[shrinking->candidates_count++] = 0;
	for (size_t i = 0; i < shrinking->count; i++) {
		const struct history_operation *operation = &shrinking->operations[i];

		if (history_effect(operation) == HISTORY_READS && !is_written(shrinking, operation->read))
			shrinking->candidates[shrinking->candidates_count++] = operation->read;
	}
}

static bool open_shrinking(struct shrinking *shrinking, const struct history *history)
{
	size_t count = history->count + 1;

	*shrinking = (struct shrinking){
		.model = history->model, .count = history->count, .initial = history->initial, .initials = history->initials,
		.operations = malloc(count * sizeof *shrinking->operations), .rest = malloc(count * sizeof *shrinking->rest),
		.earliest = {malloc(count * sizeof(uint64_t)), malloc(count * sizeof(uint64_t))},
		.latest = malloc(count * sizeof *shrinking->latest),
		.values = malloc(count * sizeof *shrinking->values), .removed = malloc(count * sizeof *shrinking->removed),
		.value_removed = malloc(count * sizeof *shrinking->value_removed),
		.writers = malloc(count * sizeof *shrinking->writers),
		.candidates = malloc((count + history->initials) * sizeof *shrinking->candidates),
		.wing_gong = wing_gong_new(), .sweep = sweep_new(history->model),
	};
	if (!shrinking->operations || !shrinking->rest || !shrinking->earliest[0] || !shrinking->earliest[1] ||
	    !shrinking->latest || !shrinking->values || !shrinking->removed || !shrinking->value_removed ||
	    !shrinking->writers || !shrinking->candidates || !shrinking->wing_gong || !shrinking->sweep)
		return false;
	memcpy(shrinking->operations, history->operations, history->count * sizeof *history->operations);
	qsort(shrinking->operations, shrinking->count, sizeof *shrinking->operations, by_invocation);
	survey(shrinking);
	spell_out_initial(shrinking);
	return true;
}

static void close_shrinking(struct shrinking *shrinking)
{
	free(shrinking->operations);
	free(shrinking->rest);
	free(shrinking->earliest[0]);
	free(shrinking->earliest[1]);
	free(shrinking->latest);
	free(shrinking->values);
	free(shrinking->removed);
	free(shrinking->value_removed);
	free(shrinking->writers);
	free(shrinking->candidates);
	wing_gong_free(shrinking->wing_gong);
	sweep_free(shrinking->sweep);
}

bool shrink(struct history *history)
{
	struct shrinking shrinking;
	bool good = open_shrinking(&shrinking, history) && violates(&shrinking, shrinking.operations, shrinking.count);

	if (good) {
		shorten(&shrinking);
		memcpy(history->operations, shrinking.operations, shrinking.count * sizeof *shrinking.operations);
		history->count = shrinking.count;
	}
	close_shrinking(&shrinking);
	return good;
}

size_t shrink_without(const struct history *history, size_t first, size_t second, struct history_operation *rest)
{
	struct shrinking shrinking;
	size_t count = 0;

	if (open_shrinking(&shrinking, history)) {
		count = without(&shrinking, first, second, 1);
		memcpy(rest, shrinking.rest, count * sizeof *rest);
	}
	close_shrinking(&shrinking);
	return count;
}
