/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measuring what a codec takes, alone and beside a cache.
 *
 * One thread, bound to a processor, goes through records in random order. What it does with each is one of the operations
 * below. An operation on the cache with encoding or decoding is measured as such, not added up; in turn with it, in slices
 * of the same window, the operation on the cache alone: the difference is the codec's share, whatever the machine did meanwhile.
 */
#ifndef HARNESS_CODEC_POINT_H
#define HARNESS_CODEC_POINT_H

#include "harness/codec.h"
#include "harness/metrics.h"

#define CODEC_ERROR_BYTES 256

enum codec_operation {
	CODEC_ENCODE,
	CODEC_DECODE,
	CODEC_FIELD,
	CODEC_GET,
	CODEC_PIN,
	CODEC_SET,
	CODEC_GET_DECODE,
	CODEC_PIN_DECODE,
	CODEC_PIN_FIELD,
	CODEC_SET_ENCODE,
};
#define CODEC_OPERATIONS 10

/* Names ("encode", "get+decode"), ended by NULL; and what each does. */
extern const char *const codec_operation_names[];
const char *codec_operation_meaning(enum codec_operation operation);

struct codec_point {
	const struct codec *codec;
	const struct capacitor_info *implementation;
	struct record_shape shape;
	enum codec_operation operation;
	uint64_t keys; /* each has a record of its own */
	double warmup_s, window_s;
	uint64_t seed;
};

/* NULL: the codec gives back what it was given; else the member that differs, or what failed. *encoded has the bytes, until the
 * next record is encoded. */
const char *codec_round_trip(const struct codec *codec, void *state, const struct record *record,
                             struct codec_bytes *encoded);

/* The memory that measuring the point takes, about. */
uint64_t codec_point_memory(const struct codec_point *point);

/* Measures. False: `error` says what failed; *metrics has nothing then. A codec that does not give back what it was
 * given fails. */
bool codec_point_run(const struct codec_point *point, struct metrics *metrics, char error[CODEC_ERROR_BYTES]);

#endif
