/* SPDX-License-Identifier: BSD-2-Clause */
/* Every short history; see checkers_exhaustive.h. */
#include "checkers_exhaustive.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "brute.h"
#include "common/atomics.h"

#define N             EXHAUSTIVE_OPERATIONS_MAX
#define SEQUENCES_MAX 10395 /* of the events of 6 operations: 11 * 9 * 7 * 5 * 3 */
#define ORDERS_MAX    217
#define PERMUTATIONS  720

#define INITIAL_VALUE 100
#define NEVER_WRITTEN 999

/* ---- Kinds of operations ----------------------------------------------------------------------------------------- */

static const struct {
	uint8_t call, result;
} kinds[] = {
	/* One of each effect. */
	{HISTORY_GET, CAPACITOR_HIT},
	{HISTORY_GET, CAPACITOR_MISS},
	{HISTORY_CONTAINS, CAPACITOR_HIT},
	{HISTORY_SET, CAPACITOR_STORED},
	{HISTORY_ADD, CAPACITOR_STORED},
	{HISTORY_REPLACE, CAPACITOR_STORED},
	{HISTORY_DELETE, CAPACITOR_HIT},
	/* The others. */
	{HISTORY_CONTAINS, CAPACITOR_MISS},
	{HISTORY_ADD, CAPACITOR_EXISTS},
	{HISTORY_REPLACE, CAPACITOR_MISS},
	{HISTORY_DELETE, CAPACITOR_MISS},
	{HISTORY_LOAD, CAPACITOR_HIT},
	{HISTORY_LOAD, CAPACITOR_STORED},
	{HISTORY_LOAD, CAPACITOR_MISS},
	{HISTORY_SET, CAPACITOR_BUSY},
};
#define KINDS         15
#define KINDS_EFFECTS 7

static bool kind_reads(unsigned kind)
{
	return (kinds[kind].call == HISTORY_GET || kinds[kind].call == HISTORY_LOAD) && kinds[kind].result == CAPACITOR_HIT;
}

static bool kind_writes(unsigned kind)
{
	return kinds[kind].result == CAPACITOR_STORED;
}

/* ---- Interval orders --------------------------------------------------------------------------------------------- */

struct permutation {
	uint8_t to[N];
};

/* When the operations of a history are invoked and return. */
struct sequence {
	uint8_t invoked[2][N], returned[2][N]; /* without equal times, and with as many as the order allows */
};

struct order {
	uint64_t before; /* bit i * N + j: i returns before j is invoked */
	struct permutation *automorphisms;
	size_t automorphisms_count;
	struct sequence *sequences;
	size_t sequences_count;
};

struct orders {
	unsigned operations;
	struct order order[ORDERS_MAX];
	size_t count;
	struct permutation permutation[PERMUTATIONS];
	size_t permutations;
	_Atomic size_t next; /* of the work: an order and the kind of its first operation */
};

static void add_permutations(struct orders *orders, struct permutation *permutation, unsigned from)
{
	if (from == orders->operations)
		orders->permutation[orders->permutations++] = *permutation;
	for (unsigned i = from; i < orders->operations; i++) {
		struct permutation swapped = *permutation;

		swapped.to[from] = permutation->to[i];
		swapped.to[i] = permutation->to[from];
		add_permutations(orders, &swapped, from + 1);
	}
}

static uint64_t permute(const struct orders *orders, uint64_t before, const struct permutation *permutation)
{
	uint64_t permuted = 0;

	for (unsigned i = 0; i < orders->operations; i++)
		for (unsigned j = 0; j < orders->operations; j++)
			permuted |= (before >> (i * N + j) & 1) << (permutation->to[i] * N + permutation->to[j]);
	return permuted;
}

static void *need(void *memory)
{
	if (!memory) {
		fputs("checkers_exhaustive: no memory\n", stderr);
		abort();
	}
	return memory;
}

static struct order *find_order(struct orders *orders, uint64_t before)
{
	struct order *order = orders->order;

	while (order < orders->order + orders->count && order->before != before)
		order++;
	if (order < orders->order + orders->count)
		return order;
	orders->count++;
	order->before = before;
	order->sequences = need(malloc(SEQUENCES_MAX * sizeof *order->sequences));
	order->automorphisms = need(malloc(PERMUTATIONS * sizeof *order->automorphisms));
	for (size_t i = 0; i < orders->permutations; i++)
		if (permute(orders, before, &orders->permutation[i]) == before)
			order->automorphisms[order->automorphisms_count++] = orders->permutation[i];
	return order;
}

/* Files a sequence under its order, whose least form over all permutations stands for it. */
static void add_sequence(struct orders *orders, const struct sequence *sequence)
{
	const struct permutation *best = orders->permutation;
	uint64_t before = 0, least;
	struct order *order;
	struct sequence *filed;

	for (unsigned i = 0; i < orders->operations; i++)
		for (unsigned j = 0; j < orders->operations; j++)
			before |= (uint64_t)(sequence->returned[0][i] < sequence->invoked[0][j]) << (i * N + j);
	least = permute(orders, before, best);
	for (size_t i = 1; i < orders->permutations; i++) {
		uint64_t permuted = permute(orders, before, &orders->permutation[i]);

		if (permuted < least) {
			least = permuted;
			best = &orders->permutation[i];
		}
	}
	order = find_order(orders, least);
	filed = &order->sequences[order->sequences_count++];
	for (unsigned ties = 0; ties < 2; ties++)
		for (unsigned i = 0; i < orders->operations; i++) {
			filed->invoked[ties][best->to[i]] = sequence->invoked[ties][i];
			filed->returned[ties][best->to[i]] = sequence->returned[ties][i];
		}
}

/* All sequences of events; operations are numbered as they are invoked. tie: the time, if equal times are taken. */
static void add_sequences(struct orders *orders, struct sequence *sequence, uint8_t time, uint8_t tie, unsigned invoked,
                          uint32_t pending, bool after_response)
{
	if (time == 2 * orders->operations)
		add_sequence(orders, sequence);
	if (invoked < orders->operations) {
		uint8_t now = (uint8_t)(tie + after_response);

		sequence->invoked[0][invoked] = time;
		sequence->invoked[1][invoked] = now;
		add_sequences(orders, sequence, (uint8_t)(time + 1), now, invoked + 1, pending | 1u << invoked, false);
	}
	for (unsigned i = 0; i < invoked; i++)
		if (pending >> i & 1) {
			sequence->returned[0][i] = time;
			sequence->returned[1][i] = tie;
			add_sequences(orders, sequence, (uint8_t)(time + 1), tie, invoked, pending & ~(1u << i), true);
		}
}

static struct orders *orders_new(unsigned operations)
{
	struct orders *orders = need(calloc(1, sizeof *orders));
	struct permutation identity;
	struct sequence sequence;

	orders->operations = operations;
	for (unsigned i = 0; i < N; i++)
		identity.to[i] = (uint8_t)i;
	memset(&sequence, 0, sizeof sequence);
	add_permutations(orders, &identity, 0);
	add_sequences(orders, &sequence, 0, 0, 0, 0, false);
	return orders;
}

static void orders_free(struct orders *orders)
{
	for (size_t i = 0; i < orders->count; i++) {
		free(orders->order[i].automorphisms);
		free(orders->order[i].sequences);
	}
	free(orders);
}

/* ---- Labellings -------------------------------------------------------------------------------------------------- */

struct worker {
	struct exhaustive *exhaustive;
	struct orders *orders;
	struct exhaustive_tools tools;
	pthread_t thread;
	_Atomic bool *stop;
	pthread_mutex_t *mutex; /* of the findings */
	uint64_t histories, linearizable;
	/* The history at hand. */
	const struct order *order;
	uint8_t kind[N];
	uint8_t source[N]; /* of a read: a writer, or one of the two below */
	uint64_t initial;
	struct permutation stabilizer[PERMUTATIONS]; /* the automorphisms that keep the kinds */
	size_t stabilizers;
};
#define FROM_INITIAL N
#define FROM_NOWHERE (N + 1)

static uint64_t value_written_by(unsigned i)
{
	return i + 1;
}

static void make_history(const struct worker *worker, struct history_operation *operations)
{
	const struct sequence *sequence = &worker->order->sequences[worker->histories / 2 % worker->order->sequences_count];
	unsigned ties = (unsigned)(worker->histories / 2 / worker->order->sequences_count % 2);

	for (unsigned i = 0; i < worker->orders->operations; i++) {
		unsigned source = worker->source[i];

		operations[i] = (struct history_operation){
			.invoked = sequence->invoked[ties][i], .returned = sequence->returned[ties][i], .thread = (uint16_t)i,
			.call = kinds[worker->kind[i]].call, .result = kinds[worker->kind[i]].result,
		};
		if (kind_writes(worker->kind[i]))
			operations[i].written = value_written_by(i);
		if (kind_reads(worker->kind[i]))
			operations[i].read = source == FROM_NOWHERE   ? NEVER_WRITTEN
			                     : source == FROM_INITIAL ? INITIAL_VALUE
			                                              : value_written_by(source);
	}
}

static void disagree(struct worker *worker, unsigned check, const struct history_operation *operations, enum history_model model)
{
	struct exhaustive *exhaustive = worker->exhaustive;

	pthread_mutex_lock(worker->mutex);
	if (!load_relaxed(worker->stop)) { /* relaxed: written inside the lock only */
		exhaustive->disagreed = check;
		memcpy(exhaustive->disagreement, operations, exhaustive->operations * sizeof *operations);
		exhaustive->model = model;
		exhaustive->initial = worker->initial;
		store_relaxed(worker->stop, true); /* relaxed: the findings are read after the threads have ended */
	}
	pthread_mutex_unlock(worker->mutex);
}

static void compare(struct worker *worker)
{
	const struct exhaustive *exhaustive = worker->exhaustive;
	unsigned count = exhaustive->operations;
	struct history_operation operations[N];

	make_history(worker, operations);
	for (unsigned model = 0; model < HISTORY_MODELS; model++) {
		bool good = brute_check(operations, count, (enum history_model)model, worker->initial);

		for (unsigned i = 0; exhaustive->checks[i]; i++)
			if (exhaustive->checks[i](&worker->tools, operations, count, (enum history_model)model,
			                          worker->initial) != good)
				disagree(worker, i, operations, (enum history_model)model);
		worker->histories++;
		worker->linearizable += good;
	}
}

/* Is it the least of those that the automorphisms make of it? */
static bool sources_are_least(const struct worker *worker)
{
	unsigned count = worker->orders->operations;

	for (size_t a = 0; a < worker->stabilizers; a++) {
		const uint8_t *to = worker->stabilizer[a].to;
		uint8_t image[N];

		for (unsigned i = 0; i < count; i++)
			image[to[i]] = worker->source[i] < N ? to[worker->source[i]] : worker->source[i];
		if (memcmp(image, worker->source, count) < 0)
			return false;
	}
	return true;
}

static void label_sources(struct worker *worker, unsigned i)
{
	unsigned count = worker->orders->operations;

	if (i == count) {
		if (sources_are_least(worker))
			compare(worker);
		return;
	}
	worker->source[i] = FROM_NOWHERE;
	label_sources(worker, i + 1);
	if (!kind_reads(worker->kind[i]))
		return;
	for (unsigned source = 0; source <= FROM_INITIAL; source++) {
		if (source == FROM_INITIAL ? worker->initial == 0 : source >= count || !kind_writes(worker->kind[source]))
			continue;
		worker->source[i] = (uint8_t)source;
		label_sources(worker, i + 1);
	}
}

/* The same for the kinds; collects the automorphisms that keep them. */
static bool kinds_are_least(struct worker *worker)
{
	unsigned count = worker->orders->operations;

	worker->stabilizers = 0;
	for (size_t a = 0; a < worker->order->automorphisms_count; a++) {
		const struct permutation *automorphism = &worker->order->automorphisms[a];
		uint8_t image[N];
		int difference;

		for (unsigned i = 0; i < count; i++)
			image[automorphism->to[i]] = worker->kind[i];
		difference = memcmp(image, worker->kind, count);
		if (difference < 0)
			return false;
		if (difference == 0)
			worker->stabilizer[worker->stabilizers++] = *automorphism;
	}
	return true;
}

static void label_kinds(struct worker *worker, unsigned i)
{
	unsigned kinds_count = worker->exhaustive->all_calls ? KINDS : KINDS_EFFECTS;

	if (load_relaxed(worker->stop)) /* relaxed: a hint */
		return;
	if (i == worker->orders->operations) {
		if (!kinds_are_least(worker))
			return;
		worker->initial = 0;
		label_sources(worker, 0);
		worker->initial = INITIAL_VALUE;
		label_sources(worker, 0);
		return;
	}
	for (unsigned kind = 0; kind < kinds_count; kind++) {
		worker->kind[i] = (uint8_t)kind;
		label_kinds(worker, i + 1);
	}
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	unsigned kinds_count = worker->exhaustive->all_calls ? KINDS : KINDS_EFFECTS;

	for (;;) {
		size_t task = fetch_add_relaxed(&worker->orders->next, 1); /* relaxed: shares out numbers */

		if (task >= worker->orders->count * kinds_count)
			return NULL;
		worker->order = &worker->orders->order[task / kinds_count];
		worker->kind[0] = (uint8_t)(task % kinds_count);
		label_kinds(worker, 1);
	}
}

bool exhaustive_run(struct exhaustive *exhaustive)
{
	struct orders *orders = orders_new(exhaustive->operations);
	struct worker *workers = need(calloc(exhaustive->threads, sizeof *workers));
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	_Atomic bool stop = false;

	exhaustive->histories = 0;
	exhaustive->linearizable = 0;
	for (unsigned i = 0; i < exhaustive->threads; i++) {
		workers[i] = (struct worker){
			.exhaustive = exhaustive, .orders = orders, .mutex = &mutex, .stop = &stop,
			.tools = {.wing_gong = need(wing_gong_new()), .sweep = need(sweep_new(HISTORY_STRICT))},
		};
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			need(NULL);
	}
	for (unsigned i = 0; i < exhaustive->threads; i++) {
		pthread_join(workers[i].thread, NULL);
		exhaustive->histories += workers[i].histories;
		exhaustive->linearizable += workers[i].linearizable;
		wing_gong_free(workers[i].tools.wing_gong);
		sweep_free(workers[i].tools.sweep);
	}
	free(workers);
	orders_free(orders);
	return !load_relaxed(&stop); /* relaxed: the threads have ended */
}

/* ---- The checkers ------------------------------------------------------------------------------------------------ */

bool exhaustive_wing_gong(const struct exhaustive_tools *tools, const struct history_operation *operations, size_t count,
                          enum history_model model, uint64_t initial)
{
	return wing_gong_check(tools->wing_gong, operations, count, model, initial);
}

bool exhaustive_sweep(const struct exhaustive_tools *tools, const struct history_operation *operations, size_t count,
                      enum history_model model, uint64_t initial)
{
	sweep_reset_to(tools->sweep, model, &initial, 1);
	return sweep_window(tools->sweep, operations, count) && sweep_undecided(tools->sweep) == 0;
}

/* The operations that begin before the first cut after a time, which is moved on to that cut; returns how many. */
static size_t next_window(const struct history_operation *operations, size_t count, uint64_t *from,
                          struct history_operation *window)
{
	uint64_t begins = UINT64_MAX, ends;
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		if (operations[i].invoked >= *from && operations[i].invoked < begins)
			begins = operations[i].invoked;
	ends = begins;
	for (size_t before = SIZE_MAX; before != size;) { /* until no more begin before the last of them ends */
		before = size;
		size = 0;
		for (size_t i = 0; i < count; i++)
			if (operations[i].invoked >= *from && operations[i].invoked <= ends) {
				window[size++] = operations[i];
				ends = operations[i].returned > ends ? operations[i].returned : ends;
			}
	}
	*from = ends + 1;
	return size;
}

bool exhaustive_sweep_windows(const struct exhaustive_tools *tools, const struct history_operation *operations, size_t count,
                              enum history_model model, uint64_t initial)
{
	struct history_operation window[WING_GONG_OPERATIONS_MAX];
	uint64_t from = 0;
	size_t size;

	sweep_reset_to(tools->sweep, model, &initial, 1);
	for (size_t left = count; left > 0; left -= size) {
		size = next_window(operations, count, &from, window);
		if (!sweep_window(tools->sweep, window, size))
			return false;
	}
	return sweep_undecided(tools->sweep) == 0;
}

bool checkers_exhaustive(unsigned operations, unsigned threads, uint64_t *histories)
{
	static exhaustive_check *const checks[] = {exhaustive_wing_gong, exhaustive_sweep, exhaustive_sweep_windows, NULL};
	static const char *const names[] = {"wing_gong", "sweep", "sweep, cut"};
	struct exhaustive exhaustive = {.operations = operations, .threads = threads, .checks = checks};
	bool good = exhaustive_run(&exhaustive);

	*histories = exhaustive.histories;
	if (!good) {
		struct history history = {exhaustive.disagreement, operations, exhaustive.model, &exhaustive.initial, 1};

		fprintf(stderr, "%s is wrong about this history:\n", names[exhaustive.disagreed]);
		history_print(stderr, &history);
	}
	return good;
}
