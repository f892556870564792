/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Codecs: what is decoded is what was encoded, for records of all kinds; damaged bytes are refused, or are some record, and
 * nothing else happens (AddressSanitizer's build looks). A codec that loses a field is found.
 */
#include "harness/codec/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/commands.h"
#include "tests/unit/scratch.h"

#define ROOM 65536

static struct arena drawn, scratch;

static int make_arenas(void **state)
{
	(void)state;
	drawn = (struct arena){malloc(1 << 20), 1 << 20, 0};
	scratch = (struct arena){malloc(1 << 20), 1 << 20, 0};
	return drawn.memory && scratch.memory ? 0 : -1;
}

static int free_arenas(void **state)
{
	(void)state;
	free(drawn.memory);
	free(scratch.memory);
	return 0;
}

/* Bytes in a block of exactly their length, so that a read behind them is one that sanitizers see. */
static unsigned char *encode(const struct codec *codec, const struct record *record, size_t *bytes)
{
	static unsigned char room[ROOM];
	unsigned char *exact;

	*bytes = codec->encode(record, room, sizeof room);
	assert_true(*bytes > 0);
	exact = malloc(*bytes);
	memcpy(exact, room, *bytes);
	return exact;
}

static bool comes_back(const struct codec *codec, const struct record *record)
{
	unsigned char *bytes;
	struct record decoded;
	double score = 0;
	size_t count;
	bool same;

	bytes = encode(codec, record, &count);
	scratch.used = 0;
	same = codec->decode(bytes, count, &scratch, &decoded);
	memset(bytes, 0xEE, count); /* nothing of it may still be needed */
	same = same && record_equal(&decoded, record);
	free(bytes);
	bytes = encode(codec, record, &count);
	same = same && codec->score_of(bytes, count, &scratch, &score) && score == record->score;
	free(bytes);
	return same;
}

static void test_round_trips(void **state)
{
	(void)state;
	for (size_t c = 0; codecs[c]; c++)
		for (uint64_t seed = 0; seed < 300; seed++) {
			struct record record;

			drawn.used = 0;
			assert_true(record_draw(&record, &drawn, seed, (unsigned)(seed % 40)));
			if (!comes_back(codecs[c], &record))
				fail_msg("%s: record of seed %d", codecs[c]->name, (int)seed);
		}
}

/* What drawing does not come to. */
static void test_edges(void **state)
{
	static const char *const texts[] = {"", "a", "\"\\/\b\f\n\r\t", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\xb3", "\x01\x1f\x7f"};
	static const double numbers[] = {0, -0.0, 1e-308, -1.7976931348623157e308, 0.1, 4.9e-324};

	(void)state;
	for (size_t c = 0; codecs[c]; c++)
		for (size_t i = 0; i < 30; i++) {
			const char *tag = texts[i % 5];
			struct record_item item = {i % 2 ? UINT32_MAX : 0, i % 3 ? INT32_MIN : INT32_MAX, numbers[i % 6],
				texts[(i + 1) % 5]};
			struct record record = {
				.id = i % 2 ? INT64_MAX : 0, .created_ms = i % 3 ? INT64_MIN : INT64_MAX, .score = numbers[i % 6],
				.active = i % 2, .name = texts[i % 5], .email = texts[(i + 2) % 5],
					.note = i % 2 ? texts[i % 5] : NULL,
				.tags = i % 2, .items = i % 3 == 0, .tag = &tag, .item = &item,
			};

			if (!comes_back(codecs[c], &record))
				fail_msg("%s: case %zu", codecs[c]->name, i);
		}
}

/* Neither a piece of the bytes nor bytes with one changed may do more than be refused, or be some record. */
static void test_damaged(void **state)
{
	struct record record, decoded;
	double score;

	(void)state;
	for (size_t c = 0; codecs[c]; c++) {
		unsigned char *bytes;
		size_t count;

		drawn.used = 0;
		assert_true(record_draw(&record, &drawn, 7, 5));
		bytes = encode(codecs[c], &record, &count);
		for (size_t length = 0; length < count; length++) {
			unsigned char *piece = malloc(length ? length : 1);

			memcpy(piece, bytes, length);
			scratch.used = 0;
			if (codecs[c]->decode(piece, length, &scratch, &decoded) && record_equal(&decoded, &record))
				fail_msg("%s: %zu of %zu bytes are the whole record", codecs[c]->name, length, count);
			codecs[c]->score_of(piece, length, &scratch, &score);
			free(piece);
		}
		for (size_t at = 0; at < count; at++)
			for (unsigned change = 1; change < 256; change = change * 3 + 1) {
				bytes[at] ^= (unsigned char)change;
				scratch.used = 0;
				codecs[c]->decode(bytes, count, &scratch, &decoded);
				codecs[c]->score_of(bytes, count, &scratch, &score);
				bytes[at] ^= (unsigned char)change;
			}
		free(bytes);
	}
}

/* No room: refused, not cut off. */
static void test_no_room(void **state)
{
	struct record record, decoded;

	(void)state;
	for (size_t c = 0; codecs[c]; c++) {
		struct arena tiny = {scratch.memory, 64, 0};
		unsigned char *bytes, *less;
		size_t count;

		drawn.used = 0;
		assert_true(record_draw(&record, &drawn, 3, 4));
		bytes = encode(codecs[c], &record, &count);
		less = malloc(count);
		assert_int_equal(codecs[c]->encode(&record, less, count - 1), 0);
		assert_int_equal(codecs[c]->encode(&record, less, count), count);
		assert_false(codecs[c]->decode(bytes, count, &tiny, &decoded));
		free(less);
		free(bytes);
	}
}

/* Planted: one that forgets the note. */
static bool forget_note(const unsigned char *bytes, size_t count, struct arena *arena, struct record *record)
{
	bool fine = codec_flat.decode(bytes, count, arena, record);

	record->note = NULL;
	return fine;
}

static void test_planted_loss_is_found(void **state)
{
	struct codec forgetful = codec_flat;
	struct record record;
	unsigned found = 0;

	(void)state;
	forgetful.decode = forget_note;
	for (uint64_t seed = 0; seed < 20; seed++) {
		drawn.used = 0;
		assert_true(record_draw(&record, &drawn, seed, 2));
		if (!comes_back(&forgetful, &record))
			found++;
		else
			assert_null(record.note);
	}
	assert_true(found > 0);
}

static void test_command(void **state)
{
	const char *const good[] = {"codec", "--codec", "flat,protobuf", "--record", "small", "--operation", "decode,pin_field",
	                            "--seconds", "1ms", "--repetitions", "1", "--out", scratch_path("c.json"), NULL};
	const char *const wrong[][4] = {
		{"codec", "--codec", "xml", NULL}, {"codec", "--record", "huge", NULL}, {"codec", "--operation", "", NULL},
		{"codec", "--impl", "null", NULL}, {"codec", "--seconds", "0", NULL}, {"codec", "nonsense", NULL},
	};
	char *text;

	(void)state;
	assert_int_equal(scratch_run(codec_command, good), COMMAND_OK);
	text = scratch_read(scratch_path("c.json"));
	assert_non_null(strstr(text, "codec:flat/record:small/operation:pin_field"));
	assert_non_null(strstr(text, "encoded_bytes"));
	assert_non_null(strstr(text, "codec_share"));
	free(text);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		if (scratch_run(codec_command, wrong[i]) != COMMAND_USAGE)
			fail_msg("wrong arguments %zu were taken", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips), cmocka_unit_test(test_edges), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_no_room), cmocka_unit_test(test_planted_loss_is_found),
		cmocka_unit_test_setup_teardown(test_command, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests_name("codec", tests, make_arenas, free_arenas);
}
