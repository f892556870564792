/* SPDX-License-Identifier: BSD-2-Clause */
/* Measuring codecs; see codec_point.h. */
#include "harness/codec_point.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capacitor/cache.h"
#include "harness/allocations.h"
#include "harness/point.h"
#include "harness/team.h"

/* The clock is read once for a batch of operations, which takes this at least: its cost is below a thousandth. */
#define BATCH_NS 50000

/* Slices of a window, so that what is compared alternates. */
#define SLICES 8

/* Of the window, measured with an operation that does nothing: what the loop costs. */
#define NULL_SHARE 0.05

/* Positions in the order of keys, which repeats. */
#define ORDER 4096

#define KEY_BYTES 16

const char *const codec_operation_names[] = {
	"encode", "decode", "field", "get", "pin", "set", "get+decode", "pin+decode", "pin+field", "set+encode", NULL,
};

static const char *const meanings[CODEC_OPERATIONS] = {
	[CODEC_ENCODE] = "a record becomes bytes",
	[CODEC_DECODE] = "bytes become a record, all of it",
	[CODEC_FIELD] = "one integer is read from the bytes",
	[CODEC_GET] = "the bytes are copied out of the cache",
	[CODEC_PIN] = "the bytes are pinned in the cache and unpinned",
	[CODEC_SET] = "bytes that are there already are put into the cache",
	[CODEC_GET_DECODE] = "the bytes are copied out and decoded",
	[CODEC_PIN_DECODE] = "the bytes are pinned, decoded where they lie, and unpinned",
	[CODEC_PIN_FIELD] = "the bytes are pinned, one integer is read where they lie, and they are unpinned",
	[CODEC_SET_ENCODE] = "a record is encoded and put into the cache",
};

const char *codec_operation_meaning(enum codec_operation operation)
{
	return meanings[operation];
}

/* What the measuring thread works on. */
struct job {
	const struct codec_point *point;
	void *state;
	struct arena arena;
	struct record *record;
	struct codec_bytes *encoded;
	uint32_t order[ORDER];
	size_t at;
	struct capacitor *cache;
	struct capacitor_handle *handle;
	void *buffer; /* for the longest */
	size_t buffer_bytes;
	struct record decoded;
	int64_t stock;
	double encoded_mean;
	struct metrics *metrics;
};

/* ---- Operations: each does it for one key; false: it failed --------------------------------------------------------- */

struct key {
	char text[KEY_BYTES + 1];
};

static struct key key_of(size_t number)
{
	static const char digits[] = "0123456789abcdef";
	struct key key = {"product:00000000"};

	for (size_t at = KEY_BYTES; number > 0; number >>= 4)
		key.text[--at] = digits[number & 15];
	return key;
}

static bool do_nothing(struct job *job, size_t number)
{
	(void)job;
	(void)number;
	return true;
}

static bool do_encode(struct job *job, size_t number)
{
	struct codec_bytes encoded;

	return job->point->codec->encode(job->state, &job->record[number], &encoded);
}

static bool do_decode(struct job *job, size_t number)
{
	return job->point->codec->decode(job->state, job->encoded[number].data, job->encoded[number].bytes, &job->decoded);
}

static bool do_field(struct job *job, size_t number)
{
	return job->point->codec->field(job->state, job->encoded[number].data, job->encoded[number].bytes, &job->stock);
}

static bool get(struct job *job, size_t number, size_t *bytes)
{
	struct key key = key_of(number);

	return capacitor_get(job->handle, key.text, KEY_BYTES, job->buffer, job->buffer_bytes, bytes) == CAPACITOR_HIT;
}

static bool pin(struct job *job, size_t number, struct capacitor_pin *pinned)
{
	struct key key = key_of(number);

	return capacitor_pin(job->handle, key.text, KEY_BYTES, pinned) == CAPACITOR_HIT;
}

static bool set(struct job *job, size_t number, const struct codec_bytes *value)
{
	struct key key = key_of(number);

	return capacitor_set(job->handle, key.text, KEY_BYTES, value->data, value->bytes, CAPACITOR_TTL_NEVER) ==
	       CAPACITOR_STORED;
}

static bool do_get(struct job *job, size_t number)
{
	size_t bytes;

	return get(job, number, &bytes);
}

static bool do_pin(struct job *job, size_t number)
{
	struct capacitor_pin pinned;

	return pin(job, number, &pinned) && capacitor_unpin(job->handle, &pinned) == CAPACITOR_OK;
}

static bool do_set(struct job *job, size_t number)
{
	return set(job, number, &job->encoded[number]);
}

static bool do_get_decode(struct job *job, size_t number)
{
	size_t bytes;

	return get(job, number, &bytes) && job->point->codec->decode(job->state, job->buffer, bytes, &job->decoded);
}

static bool do_pin_decode(struct job *job, size_t number)
{
	struct capacitor_pin pinned;
	bool decoded;

	if (!pin(job, number, &pinned))
		return false;
	decoded = job->point->codec->decode(job->state, pinned.value, pinned.value_bytes, &job->decoded);
	return capacitor_unpin(job->handle, &pinned) == CAPACITOR_OK && decoded;
}

static bool do_pin_field(struct job *job, size_t number)
{
	struct capacitor_pin pinned;
	bool found;

	if (!pin(job, number, &pinned))
		return false;
	found = job->point->codec->field(job->state, pinned.value, pinned.value_bytes, &job->stock);
	return capacitor_unpin(job->handle, &pinned) == CAPACITOR_OK && found;
}

static bool do_set_encode(struct job *job, size_t number)
{
	struct codec_bytes encoded;

	return job->point->codec->encode(job->state, &job->record[number], &encoded) && set(job, number, &encoded);
}

typedef bool step(struct job *job, size_t number);

/* What an operation does, and what of it is the cache's: NULL where the cache has no part, the same where it has all. */
static const struct {
	step *all, *of_cache;
} steps[CODEC_OPERATIONS] = {
	[CODEC_ENCODE] = {do_encode, NULL},
	[CODEC_DECODE] = {do_decode, NULL},
	[CODEC_FIELD] = {do_field, NULL},
	[CODEC_GET] = {do_get, do_get},
	[CODEC_PIN] = {do_pin, do_pin},
	[CODEC_SET] = {do_set, do_set},
	[CODEC_GET_DECODE] = {do_get_decode, do_get},
	[CODEC_PIN_DECODE] = {do_pin_decode, do_pin},
	[CODEC_PIN_FIELD] = {do_pin_field, do_pin},
	[CODEC_SET_ENCODE] = {do_set_encode, do_set},
};

/* ---- Preparing --------------------------------------------------------------------------------------------------- */

const char *codec_round_trip(const struct codec *codec, void *state, const struct record *record, struct codec_bytes *encoded)
{
	struct record decoded;
	int64_t stock;

	if (!codec->encode(state, record, encoded))
		return "it does not encode";
	if (!codec->decode(state, encoded->data, encoded->bytes, &decoded))
		return "it does not decode what it encoded";
	/* The cheapest last: the bytes stay, whatever is decoded; see codec.h. */
	if (record_difference(record, &decoded))
		return record_difference(record, &decoded);
	if (!codec->field(state, encoded->data, encoded->bytes, &stock))
		return "it reads no field";
	return stock == record->stock ? NULL : "the field that it reads alone";
}

uint64_t codec_point_memory(const struct codec_point *point)
{
	/* The record, its encoded bytes (JSON's are twice the estimate), and what is in the cache. */
	return (uint64_t)(5 * record_estimate(&point->shape) + 1024) * point->keys + (64u << 20);
}

static bool fails(const struct codec_point *point, char error[CODEC_ERROR_BYTES], const char *what)
{
	snprintf(error, CODEC_ERROR_BYTES, "%s: %s", point->codec->name, what);
	return false;
}

/* Draws all records, encodes each, and looks whether it comes back. */
static bool draw(struct job *job, char error[CODEC_ERROR_BYTES])
{
	const struct codec_point *point = job->point;
	struct workload_random random;
	double bytes = 0;

	workload_random_init(&random, point->seed, 0);
	job->record = arena_take(&job->arena, point->keys * sizeof(*job->record));
	job->encoded = arena_take(&job->arena, point->keys * sizeof(*job->encoded));
	if (!job->record || !job->encoded)
		return fails(point, error, "no memory for the records");
	for (size_t i = 0; i < point->keys; i++) {
		struct codec_bytes encoded;
		const char *differs;
		void *copy;

		if (!record_draw(&job->record[i], &point->shape, &random, &job->arena))
			return fails(point, error, "no memory for the records");
		differs = codec_round_trip(point->codec, job->state, &job->record[i], &encoded);
		if (differs) {
			snprintf(error, CODEC_ERROR_BYTES, "%s: record %zu does not come back as it was: %s", point->codec->name,
			         i, differs);
			return false;
		}
		copy = arena_take(&job->arena, encoded.bytes);
		if (!copy)
			return fails(point, error, "no memory for the encoded records");
		memcpy(copy, encoded.data, encoded.bytes);
		job->encoded[i] = (struct codec_bytes){copy, encoded.bytes};
		bytes += (double)encoded.bytes;
		if (encoded.bytes > job->buffer_bytes)
			job->buffer_bytes = encoded.bytes;
	}
	job->encoded_mean = bytes / (double)point->keys;
	for (size_t i = 0; i < ORDER; i++)
		job->order[i] = (uint32_t)workload_random_below(&random, point->keys);
	job->buffer = malloc(job->buffer_bytes);
	return job->buffer || fails(point, error, "no memory for a value");
}

/* A cache that holds all, so that no get misses. Entered in the thread that measures. */
static bool make_cache(struct job *job, char error[CODEC_ERROR_BYTES])
{
	const struct codec_point *point = job->point;
	struct capacitor_error reason = {""};
	struct capacitor_config config;

	capacitor_config_init(&config);
	config.capacity_bytes = 2 * point_capacity_bytes(point->keys, KEY_BYTES, job->buffer_bytes);
	config.expected_entries = point->keys;
	if (capacitor_create(point->implementation->name, &config, &job->cache, &reason) == CAPACITOR_OK)
		return true;
	snprintf(error, CODEC_ERROR_BYTES, "%.60s: %.180s", point->implementation->name, reason.message);
	return false;
}

static bool fill(struct job *job, char error[CODEC_ERROR_BYTES])
{
	for (size_t i = 0; i < job->point->keys; i++)
		if (!set(job, i, &job->encoded[i]))
			return fails(job->point, error, "the cache did not take an encoded record");
	for (size_t i = 0; i < job->point->keys; i++)
		if (!do_get(job, i))
			return fails(job->point, error, "the cache does not hold all records");
	return true;
}

/* ---- Measuring --------------------------------------------------------------------------------------------------- */

struct tally {
	uint64_t operations, ns;
	struct allocations allocations;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* So many times. */
static bool batch(struct job *job, step *perform, uint64_t count)
{
	size_t at = job->at;
	bool fine = true;

	for (uint64_t i = 0; i < count; i++)
		fine &= perform(job, job->order[at++ % ORDER]);
	job->at = at % ORDER;
	return fine;
}

/* Batches until the time is over, one at least. */
static bool slice(struct job *job, step *perform, uint64_t count, double length_ns, struct tally *tally)
{
	struct allocations before = allocations_now(), after;
	uint64_t begin_ns = now_ns(), passed_ns, operations = 0;
	bool fine = true;

	do {
		fine = batch(job, perform, count);
		operations += count;
		passed_ns = now_ns() - begin_ns;
	} while (fine && (double)passed_ns < length_ns);
	after = allocations_now();
	tally->operations += operations;
	tally->ns += passed_ns;
	tally->allocations.count += after.count - before.count;
	tally->allocations.bytes += after.bytes - before.bytes;
	return fine;
}

/* How many operations take the time of a batch; the time that it takes to find out is warm-up. */
static bool find_batch(struct job *job, step *perform, double warmup_ns, uint64_t *count)
{
	uint64_t from_ns = now_ns(), begin_ns, end_ns;

	*count = 1;
	for (;;) {
		begin_ns = now_ns();
		if (!batch(job, perform, *count))
			return false;
		end_ns = now_ns();
		if (end_ns - begin_ns < BATCH_NS && *count < (UINT64_C(1) << 30))
			*count *= 2;
		else if ((double)(end_ns - from_ns) >= warmup_ns)
			return true;
	}
}

static double ns_per_op(const struct tally *tally)
{
	return (double)tally->ns / (double)tally->operations;
}

static void report(struct job *job, const struct tally *all, const struct tally *of_cache, const struct tally *nothing)
{
	const struct codec_point *point = job->point;
	const char *uncounted = allocations_unavailable();
	struct metrics *metrics = job->metrics;
	double operations = (double)all->operations;

	metrics_set(metrics, METRIC_NS_PER_OP, ns_per_op(all));
	metrics_set(metrics, METRIC_OPS_PER_S, 1e9 / ns_per_op(all));
	metrics_set(metrics, METRIC_BYTES_PER_S, job->encoded_mean * 1e9 / ns_per_op(all));
	metrics_set(metrics, METRIC_ALLOCATIONS_PER_OP, (double)all->allocations.count / operations);
	metrics_set(metrics, METRIC_ALLOCATED_BYTES_PER_OP, (double)all->allocations.bytes / operations);
	if (uncounted) {
		metrics_lack(metrics, METRIC_ALLOCATIONS_PER_OP, uncounted);
		metrics_lack(metrics, METRIC_ALLOCATED_BYTES_PER_OP, uncounted);
	}
	metrics_set(metrics, METRIC_ENCODED_BYTES, job->encoded_mean);
	metrics_set(metrics, METRIC_NULL_NS_PER_OP, ns_per_op(nothing));
	metrics_set(metrics, METRIC_WINDOW_S, (double)all->ns * 1e-9);
	metrics_set(metrics, METRIC_OPERATIONS, operations);
	metrics_set(metrics, METRIC_OVERSUBSCRIBED, 0);
	metrics_set(metrics, METRIC_SEED, (double)point->seed);
	if (!steps[point->operation].of_cache)
		metrics_lack(metrics, METRIC_CODEC_SHARE_PERCENT, "the cache has no part in this operation");
	else if (of_cache->operations == 0)
		metrics_lack(metrics, METRIC_CODEC_SHARE_PERCENT, "the codec has no part in this operation");
	else
		metrics_set(metrics, METRIC_CODEC_SHARE_PERCENT, 100 * (1 - ns_per_op(of_cache) / ns_per_op(all)));
}

/* The window: the whole operation, and in turn with it the cache's part, where both have one. */
static bool measure(struct job *job)
{
	const struct codec_point *point = job->point;
	step *all = steps[point->operation].all, *of_cache = steps[point->operation].of_cache;
	bool both = of_cache && of_cache != all;
	double length_ns = point->window_s * 1e9 / SLICES / (both ? 2 : 1), warmup_ns = point->warmup_s * 1e9;
	struct tally tally = {0}, cache = {0}, nothing = {0};
	uint64_t count, cache_count = 1, null_count = 1;

	if (!find_batch(job, all, warmup_ns, &count) || !find_batch(job, do_nothing, 0, &null_count) ||
	    (both && !find_batch(job, of_cache, warmup_ns / 4, &cache_count)))
		return false;
	for (int i = 0; i < SLICES; i++)
		if (!slice(job, all, count, length_ns, &tally) ||
		    (both && !slice(job, of_cache, cache_count, length_ns, &cache)))
			return false;
	slice(job, do_nothing, null_count, point->window_s * 1e9 * NULL_SHARE, &nothing);
	report(job, &tally, &cache, &nothing);
	return true;
}

static bool body(struct team_member *member)
{
	struct job *job = member->context;
	char error[CODEC_ERROR_BYTES];
	bool fine;

	if (capacitor_enter(job->cache, &job->handle) != CAPACITOR_OK)
		return team_fail(member, "the cache cannot be entered");
	if (!fill(job, error)) {
		capacitor_leave(job->handle);
		return team_fail(member, "%s", error);
	}
	if (!team_ready(member)) {
		capacitor_leave(job->handle);
		return true;
	}
	fine = measure(job);
	team_count(member, TEAM_OPERATIONS, 1); /* the window is our own; the team only binds the thread */
	capacitor_leave(job->handle);
	return fine || team_fail(member, "%s: %s failed", job->point->codec->name,
	                         codec_operation_names[job->point->operation]);
}

bool codec_point_run(const struct codec_point *point, struct metrics *metrics, char error[CODEC_ERROR_BYTES])
{
	struct job *job = calloc(1, sizeof(*job));
	struct team_plan plan = {.threads = 1, .body = body, .context = job};
	struct team_result result;
	bool fine = false;

	metrics_clear(metrics, "codec does not measure it: one thread, means over a window");
	if (!job)
		return fails(point, error, "no memory");
	job->point = point;
	job->metrics = metrics;
	job->state = point->codec->open();
	if (!job->state)
		fails(point, error, "no memory");
	else
		fine = draw(job, error) && make_cache(job, error) && team_run(&plan, &result, error);
	capacitor_destroy(job->cache);
	if (job->state)
		point->codec->close(job->state);
	arena_free(&job->arena);
	free(job->buffer);
	free(job);
	return fine;
}
