/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Codecs: what is encoded comes back; what is no encoded record is refused, or is some record, and nothing is read out of
 * bounds or lost (for which this runs under AddressSanitizer, too). The checkers are tried on codecs that are broken on
 * purpose.
 */
#include "harness/codec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capacitor/cache.h"
#include "harness/codec_point.h"
#include "harness/commands.h"
#include "harness/tidy.h"
#include "tests/unit/scratch.h"

/* msgpack-c believes lengths and asks malloc for them: which is to say no, as it does elsewhere, not to end the test. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1:max_allocation_size_mb=64";
}

/* A record by hand; its lists have one member each where they are not empty. */
static struct record_text text(const char *bytes)
{
	return (struct record_text){bytes, strlen(bytes)};
}

static struct record plain(void)
{
	static const struct record_text tags[] = {{"new", 3}, {"", 0}};
	static const struct record_item items[] = {{7, -1, 2.5, {"first", 5}}, {8, 3, -0.0, {"", 0}}};

	return (struct record){.id = 42, .modified_ns = 1700000000000000001, .stock = -5, .price = 19.99, .rating = 4.25,
	                       .active = true, .verified = false, .name = text("name"), .sku = text("sku-1"),
	                       .description = text("what it is"), .tags = tags, .tag_count = 2, .items = items,
	                       .item_count = 2, .has_discount = true, .discount = 0.1, .has_note = true,
	                       .note = text("a note")};
}

/* ---- Round trips ------------------------------------------------------------------------------------------------- */

static void comes_back(const struct codec *codec, const struct record *record)
{
	struct codec_bytes encoded;
	void *state = codec->open();
	const char *differs;

	assert_non_null(state);
	differs = codec_round_trip(codec, state, record, &encoded);
	if (differs)
		fail_msg("%s: %s", codec->name, differs);
	codec->close(state);
}

static void test_edges(void **unused)
{
	static const char *const texts[] = {
		"", "\"", "\\", "\"quoted\" and \\ back", "\x01\x1f\t\r\n\b\f", "/", "</script>", "é ß € 漢字 😀", "\x7f",
		"\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", " ", "null", "0",
	};
	static const int64_t integers[] = {0, 1, -1, 127, 128, -32, -33, -128, 255, 65535, INT32_MAX, INT32_MIN, UINT32_MAX,
	                                   INT64_MAX, INT64_MIN, INT64_MIN + 1};
	static const double doubles[] = {0.0, -0.0, 1.0, -1.0, 0.1, 1e300, -1e-300, 5e-324, 2.2250738585072014e-308,
	                                 1.7976931348623157e308, 3.141592653589793, 1e22, 123456789012345680.0};

	(void)unused;
	for (size_t c = 0; codecs[c]; c++) {
		struct record record = plain();

		comes_back(codecs[c], &record);
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
			struct record_item item = {1, 1, 1, text(texts[i])};
			struct record_text tag = text(texts[i]);

			record = plain();
			record.name = record.sku = record.description = record.note = tag;
			record.tags = &tag;
			record.items = &item;
			record.tag_count = record.item_count = 1;
			comes_back(codecs[c], &record);
		}
		for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
			struct record_item item = {integers[i], integers[i], 1, text("")};

			record = plain();
			record.id = record.modified_ns = record.stock = integers[i];
			record.items = &item;
			record.item_count = 1;
			comes_back(codecs[c], &record);
		}
		for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
			struct record_item item = {1, 1, doubles[i], text("")};

			record = plain();
			record.price = record.rating = record.discount = doubles[i];
			record.items = &item;
			record.item_count = 1;
			comes_back(codecs[c], &record);
		}
		record = plain();
		record.tag_count = record.item_count = 0;
		record.has_discount = record.has_note = false;
		record.discount = 0;
		record.name = record.sku = record.description = record.note = text("");
		comes_back(codecs[c], &record);
	}
}

/* JSON has no infinities and no NaN: refused. The others keep them, bit by bit. */
static void test_what_is_not_finite(void **unused)
{
	const double odd[] = {INFINITY, -INFINITY, NAN};

	(void)unused;
	for (size_t c = 0; codecs[c]; c++)
		for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
			struct record record = plain();
			struct codec_bytes encoded;
			void *state = codecs[c]->open();

			record.rating = odd[i];
			if (codecs[c]->finite_only)
				assert_false(codecs[c]->encode(state, &record, &encoded));
			else
				assert_null(codec_round_trip(codecs[c], state, &record, &encoded));
			codecs[c]->close(state);
		}
}

/* Drawn records of all shapes, one state for all: what a call leaves behind must not get into the next. */
static void test_drawn_records(void **unused)
{
	(void)unused;
	for (size_t c = 0; codecs[c]; c++) {
		void *state = codecs[c]->open();

		for (uint64_t seed = 0; seed < 400; seed++) {
			struct record_shape shape = record_shapes[seed % 100 == 0 ? 3 : seed % 20 == 0 ? 2 : seed % 2];
			struct workload_random random;
			struct codec_bytes encoded;
			struct arena arena = {0};
			struct record record;
			const char *differs;

			workload_random_init(&random, seed, 0);
			assert_true(record_draw(&record, &shape, &random, &arena));
			differs = codec_round_trip(codecs[c], state, &record, &encoded);
			if (differs)
				fail_msg("%s, seed %d: %s", codecs[c]->name, (int)seed, differs);
			arena_free(&arena);
		}
		codecs[c]->close(state);
	}
}

/* The decoded record no longer needs the bytes, as those of a pin that has ended. */
static void test_the_record_outlives_the_bytes(void **unused)
{
	(void)unused;
	for (size_t c = 0; codecs[c]; c++) {
		struct record record = plain(), decoded;
		void *state = codecs[c]->open();
		struct codec_bytes encoded;
		char *copy;

		assert_true(codecs[c]->encode(state, &record, &encoded));
		copy = malloc(encoded.bytes);
		memcpy(copy, encoded.data, encoded.bytes);
		assert_true(codecs[c]->decode(state, copy, encoded.bytes, &decoded));
		memset(copy, 'x', encoded.bytes);
		free(copy);
		assert_null(record_difference(&record, &decoded));
		codecs[c]->close(state);
	}
}

static void test_drawing_repeats(void **unused)
{
	struct workload_random random;
	struct arena arena = {0};
	struct record a, b, other;

	(void)unused;
	workload_random_init(&random, 7, 0);
	assert_true(record_draw(&a, &record_shapes[1], &random, &arena));
	assert_true(record_draw(&other, &record_shapes[1], &random, &arena));
	workload_random_init(&random, 7, 0);
	assert_true(record_draw(&b, &record_shapes[1], &random, &arena));
	assert_null(record_difference(&a, &b));
	assert_non_null(record_difference(&a, &other));
	arena_free(&arena);
}

/* ---- Planted ------------------------------------------------------------------------------------------------------ */

/* Codecs that lose something: as flat, but for a member of what is decoded. */
static size_t lost;

static const char *const lossy[] = {"id", "modified_ns", "stock", "price", "rating", "active", "verified", "name", "sku",
                                    "description", "tags", "items", "discount", "note", "items.id", "items.quantity",
                                    "items.price", "items.title", "tags", NULL};

static bool lossy_decode(void *state, const void *data, size_t bytes, struct record *record)
{
	static struct record_item items[2];
	static struct record_text tags[2];

	if (!codec_flat.decode(state, data, bytes, record))
		return false;
	memcpy(items, record->items, sizeof(items));
	memcpy(tags, record->tags, sizeof(tags));
	record->items = items;
	record->tags = tags;
	switch (lost) {
	case 0: record->id = 0; break;
	case 1: record->modified_ns = (int64_t)(double)record->modified_ns; break; /* through a double */
	case 2: record->stock = (uint32_t)record->stock; break; /* the sign */
	case 3: record->price = (float)record->price; break;
	case 4: record->rating = 0; break;
	case 5: record->active = false; break;
	case 6: record->verified = true; break;
	case 7: record->name = text("Name"); break;
	case 8: record->sku.length--; break;
	case 9: record->description = text(""); break;
	case 10: record->tag_count--; break;
	case 11: record->item_count--; break;
	case 12: record->has_discount = false; break;
	case 13: record->has_note = false; break;
	case 14: items[1].id = 0; break;
	case 15: items[0].quantity = 1; break;
	case 16: items[1].price = 0.0; break; /* was -0.0 */
	case 17: items[0].title = text("firsT"); break;
	default: tags[1] = text("x"); break;
	}
	return true;
}

static bool wrong_field(void *state, const void *data, size_t bytes, int64_t *stock)
{
	if (!codec_flat.field(state, data, bytes, stock))
		return false;
	*stock += 1;
	return true;
}

static void test_lost_members_are_found(void **unused)
{
	struct codec planted = codec_flat, field = codec_flat;
	struct record record = plain();
	struct codec_bytes encoded;
	void *state = codec_flat.open();

	(void)unused;
	planted.decode = lossy_decode;
	for (lost = 0; lossy[lost]; lost++)
		assert_string_equal(codec_round_trip(&planted, state, &record, &encoded), lossy[lost]);
	field.field = wrong_field;
	assert_string_equal(codec_round_trip(&field, state, &record, &encoded), "the field that it reads alone");
	codec_flat.close(state);
}

/* And a point that is to measure such a codec fails, and says what was lost. */
static void test_a_lossy_codec_is_not_measured(void **unused)
{
	struct codec planted = codec_flat;
	struct codec_point point = {.codec = &planted, .implementation = capacitor_find("unsync"),
	                            .shape = record_shapes[1], .operation = CODEC_DECODE, .keys = 3, .window_s = 0.01,
	                            .seed = 1};
	char error[CODEC_ERROR_BYTES] = "";
	struct metrics metrics;

	(void)unused;
	planted.name = "planted";
	planted.decode = lossy_decode;
	lost = 4;
	assert_false(codec_point_run(&point, &metrics, error));
	assert_string_equal(error, "planted: record 0 does not come back as it was: rating");
}

/* ---- Damage ------------------------------------------------------------------------------------------------------- */

static volatile uint64_t sum; /* so that the reads below are done */

static void read_text(const struct record_text *read)
{
	for (size_t i = 0; i <= read->length; i++)
		sum += (unsigned char)read->bytes[i];
	assert_int_equal(read->bytes[read->length], 0);
}

/* Every byte of what was decoded can be read. */
static void read_all(const struct record *record)
{
	read_text(&record->name);
	read_text(&record->sku);
	read_text(&record->description);
	read_text(&record->note);
	assert_true(record->has_note || record->note.length == 0);
	assert_true(record->has_discount || !(record->discount < 0 || record->discount > 0));
	for (size_t i = 0; i < record->tag_count; i++)
		read_text(&record->tags[i]);
	for (size_t i = 0; i < record->item_count; i++) {
		sum += (uint64_t)record->items[i].id + (uint64_t)record->items[i].quantity;
		read_text(&record->items[i].title);
	}
}

/* Decodes bytes that end where their memory ends. True: it was some record. */
static bool decodes(const struct codec *codec, void *state, const unsigned char *data, size_t bytes)
{
	unsigned char *exact = malloc(bytes ? bytes : 1);
	struct record record;
	int64_t stock;
	bool fine;

	memcpy(exact, data, bytes);
	codec->field(state, exact, bytes, &stock);
	fine = codec->decode(state, exact, bytes, &record);
	free(exact);
	if (fine)
		read_all(&record);
	return fine;
}

static unsigned char *encoded_plain(const struct codec *codec, void *state, size_t *bytes)
{
	struct record record = plain();
	struct codec_bytes encoded;
	unsigned char *copy;

	assert_true(codec->encode(state, &record, &encoded));
	copy = malloc(encoded.bytes + 1);
	memcpy(copy, encoded.data, encoded.bytes);
	*bytes = encoded.bytes;
	return copy;
}

/* No beginning of an encoded record is one, nor one with more behind it. proto2 wants all required members, which come before
 * lists and what may be absent: a message that ends between members behind those is one, by definition. */
static void test_every_truncation(void **unused)
{
	(void)unused;
	for (size_t c = 0; codecs[c]; c++) {
		void *state = codecs[c]->open();
		size_t bytes, records = 0;
		unsigned char *data = encoded_plain(codecs[c], state, &bytes);

		for (size_t length = 0; length < bytes; length++)
			records += decodes(codecs[c], state, data, length);
		assert_int_equal(records, codecs[c] == &codec_protobuf ? 6 : 0); /* 2 tags, 2 items, discount; not the note */
		assert_true(decodes(codecs[c], state, data, bytes));
		data[bytes] = 'x';
		assert_false(decodes(codecs[c], state, data, bytes + 1));
		free(data);
		codecs[c]->close(state);
	}
}

/* Every byte by every other value. */
static void test_every_byte_by_every_other(void **unused)
{
	(void)unused;
	for (size_t c = 0; codecs[c]; c++) {
		void *state = codecs[c]->open();
		size_t bytes, refused = 0;
		unsigned char *data = encoded_plain(codecs[c], state, &bytes);

		for (size_t at = 0; at < bytes; at++) {
			unsigned char was = data[at];

			for (unsigned other = 1; other < 256; other++) {
				data[at] = was ^ (unsigned char)other;
				refused += !decodes(codecs[c], state, data, bytes);
			}
			data[at] = was;
		}
		assert_true(refused > 0);
		assert_true(decodes(codecs[c], state, data, bytes)); /* the state still works */
		free(data);
		codecs[c]->close(state);
	}
}

/* Several bytes changed, inserted or taken away, at random; and bytes that were nothing. */
static void test_drawn_damage(void **unused)
{
	struct workload_random random;

	(void)unused;
	workload_random_init(&random, 1, 0);
	for (size_t c = 0; codecs[c]; c++) {
		void *state = codecs[c]->open();
		size_t bytes;
		unsigned char *data = encoded_plain(codecs[c], state, &bytes), *work = malloc(bytes);

		for (int round = 0; round < 4000; round++) {
			size_t changes = 1 + workload_random_below(&random, 8), from, to, length;

			memcpy(work, data, bytes);
			for (size_t i = 0; i < changes; i++)
				work[workload_random_below(&random, bytes)] = (unsigned char)workload_random_next(&random);
			from = workload_random_below(&random, bytes);
			to = workload_random_below(&random, bytes);
			length = workload_random_below(&random, bytes - (from > to ? from : to));
			if (round % 2)
				memmove(work + to, work + from, length);
			decodes(codecs[c], state, work, bytes);
			if (round % 4 == 0) {
				for (size_t i = 0; i < bytes; i++)
					work[i] = (unsigned char)workload_random_next(&random);
				decodes(codecs[c], state, work, workload_random_below(&random, bytes));
			}
		}
		free(work);
		free(data);
		codecs[c]->close(state);
	}
}

/* What the flat layout checks, one by one: place, width, value that must be refused. */
static void test_flat_checks(void **unused)
{
	static const struct {
		size_t at, bytes;
		uint64_t value;
	} wrong[] = {
		{0, 1, 'c'}, {4, 2, 0}, {4, 2, 2}, {6, 2, 16}, {6, 2, 0x8000}, {6, 2, 1} /* a note without its flag */,
		{8, 4, 0}, {8, 4, 111}, {8, 4, UINT32_MAX}, {12, 4, UINT32_MAX}, {12, 4, 1000}, {64, 4, 0}, {64, 4, 111},
		{64, 4, UINT32_MAX}, {68, 4, UINT32_MAX}, {68, 4, 1000}, {68, 4, 3}, {80, 4, 100000}, {92, 4, UINT32_MAX - 1},
		{96, 4, 0}, {96, 4, 100000}, {96, 4, UINT32_MAX}, {100, 4, 111}, {100, 4, UINT32_MAX}, {104, 4, UINT32_MAX},
		{104, 4, 1000}, {108, 4, 1},
	};
	void *state = codec_flat.open();
	size_t bytes;
	unsigned char *data = encoded_plain(&codec_flat, state, &bytes), *work = malloc(bytes);

	(void)unused;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(work, data, bytes);
		for (size_t b = 0; b < wrong[i].bytes; b++)
			work[wrong[i].at + b] = (unsigned char)(wrong[i].value >> 8 * b);
		if (decodes(&codec_flat, state, work, bytes))
			fail_msg("%zu at %zu is taken for a record", (size_t)wrong[i].value, wrong[i].at);
	}
	free(work);
	free(data);
	codec_flat.close(state);
}

/* ---- Measuring ---------------------------------------------------------------------------------------------------- */

/* Every operation of every codec, in a short window: figures that there are, and reasons where there are none. */
static void test_points(void **unused)
{
	(void)unused;
	for (size_t c = 0; codecs[c]; c++)
		for (int operation = 0; operation < CODEC_OPERATIONS; operation++) {
			struct codec_point point = {.codec = codecs[c], .implementation = capacitor_find("sharded"),
			                            .shape = record_shapes[0], .operation = (enum codec_operation)operation,
			                            .keys = 20, .window_s = 0.002, .seed = 1};
			bool both = strchr(codec_operation_names[operation], '+') != NULL;
			char error[CODEC_ERROR_BYTES] = "";
			struct metrics metrics;

			if (!codec_point_run(&point, &metrics, error))
				fail_msg("%s: %s", codec_operation_names[operation], error);
			assert_null(metrics.unavailable[METRIC_NS_PER_OP]);
			assert_true(metrics.value[METRIC_NS_PER_OP] > 0);
			assert_true(metrics.value[METRIC_ENCODED_BYTES] > 50);
			assert_true(metrics.value[METRIC_OPERATIONS] >= 8);
			assert_int_equal(metrics.unavailable[METRIC_CODEC_SHARE_PERCENT] == NULL, both);
			assert_non_null(metrics.unavailable[METRIC_HIT_RATIO]);
			if (!metrics.unavailable[METRIC_ALLOCATIONS_PER_OP] && operation == CODEC_DECODE)
				assert_int_equal(metrics.value[METRIC_ALLOCATIONS_PER_OP] > 0,
				                 codecs[c] == &codec_json || codecs[c] == &codec_msgpack);
		}
}

/* `capacitor codec` with these arguments, and --out where there is a path, in a process of its own. */
static int codec(const char *arguments, const char *out)
{
	char copy[512], *rest = copy;
	const char *argv[32] = {"codec"};
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", arguments);
	while (rest && argc < 29)
		argv[argc++] = strsep(&rest, " ");
	if (out) {
		argv[argc++] = "--out";
		argv[argc++] = out;
	}
	return scratch_run(codec_command, argv);
}

static void test_wrong_options(void **unused)
{
	static const char *const wrong[] = {
		"--codec xml", "--codec json,json", "--record tiny", "--items -1", "--items 2000000", "--operation read",
		"--impl nobody", "--impl null", "--keys 0", "--keys x", "--seconds 1ms", "--repetitions 0", "--seed -1",
		"--nothing", "--codec", "more", "--record small --record small", "--benchmark_filter=nothing_like_it",
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (codec(wrong[i], NULL) != COMMAND_USAGE)
			fail_msg("accepted: %s", wrong[i]);
	assert_int_equal(codec("--seconds 10ms --operation field --codec flat --record small --repetitions 1",
	                       "/nowhere/there/is.json"), COMMAND_USAGE);
	assert_int_equal(codec("--help", NULL), COMMAND_OK);
	assert_int_equal(codec("--list", NULL), COMMAND_OK);
}

/* What the command writes can be made a table, with a column for each of its parameters. */
static void test_json_and_table(void **unused)
{
	const char *path = scratch_path("codec.json");
	char value[64], *text_of_table = NULL;
	size_t failed = 0, length;
	json_t *document;
	FILE *table;

	(void)unused;
	assert_int_equal(codec("--seconds 10ms --warmup 0 --repetitions 2 --record small --items 3 --codec flat,json "
	                       "--operation get+decode --keys 16", path), COMMAND_OK);
	document = json_load_file(path, 0, NULL);
	assert_non_null(document);
	assert_int_equal(json_array_size(json_object_get(document, "benchmarks")), 2 * 2 * 2);
	table = open_memstream(&text_of_table, &length);
	assert_true(tidy_rows(table, "codec", document, &failed));
	fclose(table);
	assert_int_equal(failed, 0);
	assert_non_null(strstr(text_of_table, "\tflat\tsmall\tget+decode\t"));
	assert_non_null(strstr(text_of_table, "\tjson\titems-3\tget+decode\t"));
	assert_true(tidy_parameter(json_string_value(json_object_get(json_array_get(json_object_get(document, "benchmarks"), 0),
	                                                             "name")), "codec", value, sizeof(value)));
	assert_string_equal(value, "flat");
	free(text_of_table);
	json_decref(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_what_is_not_finite),
		cmocka_unit_test(test_drawn_records),
		cmocka_unit_test(test_the_record_outlives_the_bytes),
		cmocka_unit_test(test_drawing_repeats),
		cmocka_unit_test(test_lost_members_are_found),
		cmocka_unit_test(test_a_lossy_codec_is_not_measured),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_byte_by_every_other),
		cmocka_unit_test(test_drawn_damage),
		cmocka_unit_test(test_flat_checks),
		cmocka_unit_test(test_points),
		cmocka_unit_test_setup_teardown(test_wrong_options, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_json_and_table, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
