/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traces: every format is written here, by the test, as its description has it, and must come back; and everything that
 * can be wrong with a file must be said, with nothing loaded. The recorded traces are checked where they are at hand.
 */
#include "harness/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <lzma.h>
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/unit/trace_files.h"

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static char folder[4096];

static int make_folder(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof(folder), "%s/capacitor-trace-XXXXXX", parent && *parent ? parent : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static const char *path_of(const char *name)
{
	static char path[4400];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const void *data, size_t bytes)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

/* Writes a file, loads it, removes it. */
static bool load(const char *name, const void *data, size_t bytes, const char *format, uint64_t requests_max,
                 struct trace *trace, char error[TRACE_ERROR_BYTES])
{
	bool loaded;

	error[0] = '\0';
	write_file(name, data, bytes);
	loaded = trace_load(path_of(name), format, requests_max, trace, error);
	unlink(path_of(name));
	return loaded;
}

static void loads(const char *name, const void *data, size_t bytes, const char *format, struct trace *trace)
{
	char error[TRACE_ERROR_BYTES];

	if (!load(name, data, bytes, format, 0, trace, error))
		fail_msg("%s", error);
}

static void loads_text(const char *name, const char *text, const char *format, struct trace *trace)
{
	loads(name, text, strlen(text), format, trace);
}

/* It must fail, name the file, say `what`, and leave nothing. */
static void fails(const char *name, const void *data, size_t bytes, const char *format, const char *what)
{
	static const struct trace nothing;
	struct trace trace;
	char error[TRACE_ERROR_BYTES];

	memset(&trace, 0xAA, sizeof(trace));
	if (load(name, data, bytes, format, 0, &trace, error))
		fail_msg("%s loads, expected: %s", name, what);
	if (!strstr(error, what) || !strstr(error, name))
		fail_msg("the error is: %s, expected: %s", error, what);
	assert_memory_equal(&trace, &nothing, sizeof(trace));
}

static void fails_text(const char *name, const char *text, const char *format, const char *what)
{
	fails(name, text, strlen(text), format, what);
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

#define REQUESTS 50

struct request {
	uint64_t object;
	uint32_t size_bytes;
	int64_t next; /* the number of the next request of that object, or -1 */
};

/* 20 objects in a fixed order that is not the order of their ids; sizes from 0 on, large ids and sizes among them. */
static void make_requests(struct request requests[REQUESTS])
{
	for (int i = 0; i < REQUESTS; i++) {
		int object = i * i % 20;

		requests[i].object = object == 4 ? UINT64_MAX : object == 9 ? 0 : 1000003u * (uint64_t)object;
		requests[i].size_bytes = object == 1 ? 0 : object == 5 ? UINT32_MAX : 512u * (uint32_t)object;
		requests[i].next = -1;
		for (int j = REQUESTS - 1; j > i; j--)
			if (j * j % 20 == object)
				requests[i].next = j;
	}
}

static void put_little(unsigned char *to, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (unsigned char)(value >> 8 * i);
}

static size_t make_oracle_general(unsigned char *to)
{
	struct request requests[REQUESTS];

	make_requests(requests);
	for (int i = 0; i < REQUESTS; i++, to += 24) {
		put_little(to, (uint64_t)i / 10, 4);
		put_little(to + 4, requests[i].object, 8);
		put_little(to + 12, requests[i].size_bytes, 4);
		put_little(to + 16, (uint64_t)requests[i].next, 8);
	}
	return REQUESTS * 24;
}

static size_t make_vscsi(unsigned char *to)
{
	struct request requests[REQUESTS];

	make_requests(requests);
	for (int i = 0; i < REQUESTS; i++, to += 32) {
		put_little(to, 0x80000000u + (uint64_t)i, 4);
		put_little(to + 4, requests[i].size_bytes, 4);
		put_little(to + 8, 1, 4);
		put_little(to + 12, 0x2A, 2);
		put_little(to + 14, 0x0100, 2);
		put_little(to + 16, requests[i].object, 8);
		put_little(to + 24, 1000000u * (uint64_t)i, 8);
	}
	return REQUESTS * 32;
}

static void check_requests(const struct trace *trace, const char *format)
{
	struct request requests[REQUESTS];
	uint64_t bytes = 0;
	size_t objects = 0, none = 0;

	make_requests(requests);
	assert_string_equal(trace->format, format);
	assert_true(trace->has_sizes);
	assert_int_equal(trace->requests, REQUESTS);
	for (size_t i = 0; i < REQUESTS; i++) {
		size_t first = 0;

		assert_int_equal(trace->object[i], requests[i].object);
		assert_int_equal(trace->size_bytes[i], requests[i].size_bytes);
		while (requests[first].object != requests[i].object)
			first++;
		assert_int_equal(trace->index[i], first == i ? objects : trace->index[first]);
		objects += first == i;
		bytes += requests[i].size_bytes;
		none += requests[i].size_bytes == 0;
	}
	assert_int_equal(trace->objects, objects);
	assert_int_equal(trace->requested_bytes, bytes);
	assert_int_equal(trace->requests_of_no_bytes, none);
	assert_true(none > 0);
}

/* ---- Compression ------------------------------------------------------------------------------------------------- */

enum { XZ, ZSTD, GZIP, COMPRESSIONS };
static const char *const suffix[] = {".xz", ".zst", ".gz"};

#define COMPRESSED_BYTES 65536

static size_t compress_xz(const void *data, size_t bytes, unsigned char *to)
{
	size_t used = 0;

	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, data, bytes, to, &used, COMPRESSED_BYTES),
	                 LZMA_OK);
	return used;
}

static size_t compress_zstd(const void *data, size_t bytes, unsigned char *to)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t used;

	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	used = ZSTD_compress2(context, to, COMPRESSED_BYTES, data, bytes);
	ZSTD_freeCCtx(context);
	assert_false(ZSTD_isError(used));
	return used;
}

static size_t compress_gzip(const void *data, size_t bytes, unsigned char *to)
{
	z_stream stream = {0};
	size_t used;

	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = (z_const Bytef *)data;
	stream.avail_in = (unsigned)bytes;
	stream.next_out = to;
	stream.avail_out = COMPRESSED_BYTES;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	used = stream.total_out;
	deflateEnd(&stream);
	return used;
}

static size_t compress_by(int compression, const void *data, size_t bytes, unsigned char *to)
{
	switch (compression) {
	case XZ:
		return compress_xz(data, bytes, to);
	case ZSTD:
		return compress_zstd(data, bytes, to);
	default:
		return compress_gzip(data, bytes, to);
	}
}

/* ---- Formats ----------------------------------------------------------------------------------------------------- */

static void test_oracle_general(void **state)
{
	unsigned char data[REQUESTS * 24];
	size_t bytes = make_oracle_general(data);
	struct trace trace;

	(void)state;
	loads("t.oracleGeneral", data, bytes, NULL, &trace);
	check_requests(&trace, "oracleGeneral");
	assert_string_equal(trace.name, "t.oracleGeneral");
	trace_free(&trace);
	loads("by content", data, bytes, NULL, &trace);
	check_requests(&trace, "oracleGeneral");
	assert_string_equal(trace.name, "by_content");
	trace_free(&trace);
	put_little(data + 16, INT64_MAX, 8); /* another way to say "none" */
	loads("t.csv", data, bytes, "oracleGeneral", &trace);
	check_requests(&trace, "oracleGeneral");
	trace_free(&trace);
}

static void test_vscsi(void **state)
{
	unsigned char data[REQUESTS * 32];
	size_t bytes = make_vscsi(data);
	struct trace trace;

	(void)state;
	loads("t.vscsi", data, bytes, NULL, &trace);
	check_requests(&trace, "vscsi");
	trace_free(&trace);
	loads("t", data, bytes, NULL, &trace);
	check_requests(&trace, "vscsi");
	trace_free(&trace);
	data[15 + 32 * 7] = 2;
	fails("t.vscsi", data, bytes, NULL, "vscsi record at byte 224: the version is 2, expected 1");
}

static void test_cache2k(void **state)
{
	static const unsigned char data[] = {0, 0, 0, 1, 0xFF, 0, 0, 2, 0, 0, 0, 1};
	struct trace trace;

	(void)state;
	loads("cache2k-t.bin", data, sizeof(data), NULL, &trace);
	assert_string_equal(trace.format, "cache2k");
	assert_false(trace.has_sizes);
	assert_int_equal(trace.requests, 3);
	assert_int_equal(trace.objects, 2);
	assert_int_equal(trace.object[0], 1);
	assert_int_equal(trace.object[1], 0xFF000002u);
	assert_int_equal(trace.requested_bytes, 3);
	trace_set_size(&trace, 1000);
	assert_int_equal(trace.requested_bytes, 3000);
	assert_int_equal(trace.size_bytes[2], 1000);
	trace_free(&trace);
	loads("t.trc.bin", data, sizeof(data), NULL, &trace);
	trace_free(&trace);
	fails("t", data, sizeof(data), NULL,
	      "neither its name nor its content tells its format; name it: one of oracleGeneral");
}

static void test_arc(void **state)
{
	static const uint64_t blocks[] = {100, 7, 8, 9, 100, 101};
	struct trace trace;

	(void)state;
	loads_text("t.lis", "100 1 0 0\n7 3 0 1\r\n\t100  2 5  2 \n", NULL, &trace);
	assert_string_equal(trace.format, "arc");
	assert_false(trace.has_sizes);
	assert_int_equal(trace.requests, 6);
	assert_int_equal(trace.objects, 5);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(trace.object[i], blocks[i]);
	trace_free(&trace);
	loads_text("t", "1 1 0 0\n18446744073709551615 1 0 1", NULL, &trace);
	assert_string_equal(trace.format, "arc");
	assert_int_equal(trace.object[1], UINT64_MAX);
	trace_free(&trace);
	fails_text("t.lis", "1 1 0 0\n1 1 0\n", NULL, "line 2: expected four numbers");
	fails_text("t.lis", "1 1 0 0 9\n", NULL, "line 1: expected four numbers");
	fails_text("t.lis", "1 1 0 x\n", NULL, "line 1: expected four numbers");
	fails_text("t.lis", "-1 1 0 0\n", NULL, "line 1: expected four numbers");
	fails_text("t.lis", "1 1 0 0\n\n", NULL, "line 2: expected four numbers");
	fails_text("t.lis", "18446744073709551616 1 0 0\n", NULL, "line 1: expected four numbers");
	fails_text("t.lis", "1 0 0 0\n", NULL, "line 1: 0 blocks from block 1 on, expected 1 block or more");
	fails_text("t.lis", "0 0 0 0\n", NULL, "line 1: 0 blocks from block 0 on");
	fails_text("t.lis", "18446744073709551615 2 0 0\n", NULL,
	           "line 1: 2 blocks from block 18446744073709551615 on");
	/* At once, and not after filling the memory. */
	fails_text("t.lis", "1 1 0 0\n1 9000000000 0 0\n", NULL, "which is what this machine's memory allows");
}

static void test_csv(void **state)
{
	struct trace trace;

	(void)state;
	loads_text("t.csv", "key,size\na,10\nb,c,0\r\n\x80 \"x\",4294967295\na,11", NULL, &trace);
	assert_string_equal(trace.format, "csv");
	assert_true(trace.has_sizes);
	assert_int_equal(trace.requests, 4);
	assert_int_equal(trace.objects, 3);
	assert_int_equal(trace.object[0], XXH3_64bits("a", 1));
	assert_int_equal(trace.object[1], XXH3_64bits("b,c", 3));
	assert_int_equal(trace.object[3], trace.object[0]);
	assert_int_equal(trace.requested_bytes, 10 + 0 + UINT64_C(4294967295) + 11);
	assert_int_equal(trace.requests_of_no_bytes, 1);
	trace_free(&trace);
	loads_text("t", "1,2\n", NULL, &trace);
	assert_string_equal(trace.format, "csv");
	trace_free(&trace);
	fails_text("t.csv", "a,1\nb\n", NULL, "line 2: expected key,size");
	fails_text("t.csv", "a,1\nb,\n", NULL, "line 2: expected key,size");
	fails_text("t.csv", "a,1\nkey,size\n", NULL, "line 2: expected key,size");
	fails_text("t.csv", "a,1\nb,-1\n", NULL, "line 2: expected key,size");
	fails_text("t.csv", "a,1.5\n", NULL, "line 1: expected key,size");
	fails_text("t.csv", ",1\n", NULL, "line 1: the key is empty");
	fails_text("t.csv", "a,4294967296\n", NULL,
	           "line 1: the size is 4294967296 bytes, expected at most 4294967295");
	fails_text("t.csv", "a,99999999999999999999\n", NULL, "line 1: expected key,size");
	fails_text("t.csv", "key,size\n", NULL, "has no request");
}

static void test_keys(void **state)
{
	static const char binary[] = "a\0b\n\xFF\r\na\0b\nlast";
	struct trace trace;

	(void)state;
	loads("t.keys", binary, sizeof(binary) - 1, NULL, &trace);
	assert_string_equal(trace.format, "keys");
	assert_false(trace.has_sizes);
	assert_int_equal(trace.requests, 4);
	assert_int_equal(trace.objects, 3);
	assert_int_equal(trace.object[0], XXH3_64bits("a\0b", 3));
	assert_int_equal(trace.object[1], XXH3_64bits("\xFF\r", 2));
	assert_int_equal(trace.object[3], XXH3_64bits("last", 4));
	trace_free(&trace);
	loads_text("t", "12\nuser:7\n12\n", NULL, &trace);
	assert_string_equal(trace.format, "keys");
	assert_int_equal(trace.objects, 2);
	trace_free(&trace);
	loads_text("T.KEYS", "looks like a csv,7\n", NULL, &trace);
	assert_string_equal(trace.format, "keys");
	trace_free(&trace);
	fails_text("t.keys", "a\n\nb\n", NULL, "line 2: the key is empty");
}

static void test_long_lines(void **state)
{
	char *text = malloc(4 * TRACE_LINE_BYTES_MAX);
	struct trace trace;

	(void)state;
	/* The longest key, beginning before and ending behind what is read at once. */
	memset(text, 'x', 4 * TRACE_LINE_BYTES_MAX);
	for (size_t line = 1; line < 4; line++)
		text[line * TRACE_LINE_BYTES_MAX + line - 1] = '\n';
	loads("t.keys", text, 3 * TRACE_LINE_BYTES_MAX + 3, NULL, &trace);
	assert_int_equal(trace.requests, 3);
	assert_int_equal(trace.objects, 1);
	assert_int_equal(trace.object[2], XXH3_64bits(text, TRACE_LINE_BYTES_MAX));
	trace_free(&trace);
	text[TRACE_LINE_BYTES_MAX] = 'x';
	text[TRACE_LINE_BYTES_MAX + 1] = '\n';
	fails("t.keys", text, TRACE_LINE_BYTES_MAX + 2, NULL, "line 1: it is longer than 65536 bytes");
	fails("t.keys", text, TRACE_LINE_BYTES_MAX + 1, NULL, "line 1: it is longer than 65536 bytes");
	free(text);
}

/* Enough of them to outgrow every buffer and table that begins small. */
static void test_many_requests(void **state)
{
	enum { MANY = 300000 };
	unsigned char *data = malloc(4 * MANY);
	struct trace trace;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		for (int byte = 0; byte < 4; byte++)
			data[4 * i + (uint32_t)byte] = (unsigned char)(i % 100000 * 7 >> (24 - 8 * byte));
	loads("t", data, 4 * MANY, "cache2k", &trace);
	assert_int_equal(trace.requests, MANY);
	assert_int_equal(trace.objects, 100000);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(trace.object[i], i % 100000 * 7);
		assert_int_equal(trace.index[i], i % 100000);
	}
	trace_free(&trace);
	free(data);
}

/* ---- Compressed files -------------------------------------------------------------------------------------------- */

static void test_compressed(void **state)
{
	static unsigned char compressed[COMPRESSED_BYTES];
	unsigned char data[REQUESTS * 24];
	size_t bytes = make_oracle_general(data);

	(void)state;
	for (int compression = 0; compression < COMPRESSIONS; compression++) {
		size_t used = compress_by(compression, data, bytes, compressed), half;
		struct trace trace;
		char name[64];

		snprintf(name, sizeof(name), "t.oracleGeneral%s", suffix[compression]);
		loads(name, compressed, used, NULL, &trace);
		check_requests(&trace, "oracleGeneral");
		assert_string_equal(trace.name, "t.oracleGeneral");
		trace_free(&trace);
		/* By content, both the compression and the format. */
		loads("t", compressed, used, NULL, &trace);
		check_requests(&trace, "oracleGeneral");
		trace_free(&trace);
		/* Two in one file, split in the middle of a record. */
		half = compress_by(compression, data, 500, compressed);
		used = half + compress_by(compression, data + 500, bytes - 500, compressed + half);
		loads(name, compressed, used, NULL, &trace);
		check_requests(&trace, "oracleGeneral");
		trace_free(&trace);
		memset(compressed + used, 'x', 40);
		fails(name, compressed, used + 40, NULL, "is damaged");
		fails_text(name, "not compressed", NULL, "is named like ");
	}
}

static void test_compressed_cut_off(void **state)
{
	static unsigned char compressed[COMPRESSED_BYTES];
	unsigned char data[REQUESTS * 24];
	size_t bytes = make_oracle_general(data);

	(void)state;
	for (int compression = 0; compression < COMPRESSIONS; compression++) {
		size_t used = compress_by(compression, data, bytes, compressed);

		for (size_t cut = 6; cut < used; cut++)
			fails("t", compressed, cut, "oracleGeneral", "is cut off");
	}
}

/* Every bit of a compressed file matters: turned, it is found, or (a bit that names the system in gzip's header, say)
 * it changes nothing. */
static void test_compressed_damaged(void **state)
{
	static unsigned char compressed[COMPRESSED_BYTES];
	unsigned char data[REQUESTS * 24];
	size_t bytes = make_oracle_general(data);

	(void)state;
	for (int compression = 0; compression < COMPRESSIONS; compression++) {
		size_t used = compress_by(compression, data, bytes, compressed), found = 0;

		for (size_t bit = 0; bit < 8 * used; bit++) {
			struct trace trace;
			char error[TRACE_ERROR_BYTES];

			compressed[bit / 8] ^= (unsigned char)(1 << bit % 8);
			if (load("t", compressed, used, "oracleGeneral", 0, &trace, error))
				check_requests(&trace, "oracleGeneral");
			else
				found++;
			trace_free(&trace);
			compressed[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
		assert_true(found > 7 * used);
	}
}

/* ---- What can be wrong ------------------------------------------------------------------------------------------- */

static void test_cut_off(void **state)
{
	unsigned char data[REQUESTS * 32];
	static const struct {
		const char *name;
		size_t (*make)(unsigned char *to);
		size_t record_bytes;
	} formats[] = {{"oracleGeneral", make_oracle_general, 24},
	               {"vscsi", make_vscsi, 32},
	               {"cache2k", make_oracle_general, 4}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t bytes = formats[i].make(data), record_bytes = formats[i].record_bytes;

		for (size_t cut = 1; cut < bytes; cut++) {
			char what[100];
			struct trace trace;

			if (cut % record_bytes == 0) {
				loads("t", data, cut, formats[i].name, &trace);
				assert_int_equal(trace.requests, cut / record_bytes);
				trace_free(&trace);
				continue;
			}
			snprintf(what, sizeof(what),
			         "%s record at byte %zu: it is cut off after %zu bytes, expected %zu", formats[i].name,
			         cut - cut % record_bytes, cut % record_bytes, record_bytes);
			fails("t", data, cut, formats[i].name, what);
		}
	}
}

static void test_wrong_files(void **state)
{
	unsigned char data[REQUESTS * 24];
	size_t bytes = make_oracle_general(data);
	struct trace trace;
	char error[TRACE_ERROR_BYTES], deep[3000];

	(void)state;
	fails("t", "", 0, NULL, "is empty");
	fails("t", "", 0, "cache2k", "is empty");
	fails("t.lis", "", 0, NULL, "is empty");
	fails("t", data, bytes, "vscsi", "vscsi record at byte 0: the version is");
	fails_text("t.oracleGeneral", "This is a text of more than 24 bytes.", NULL,
	           "oracleGeneral record at byte 0: the next request");
	fails("t", data, bytes, "oracle",
	      "trace format 'oracle' is unknown; it is one of oracleGeneral, vscsi, cache2k, arc, csv, keys");
	fails("t", data, bytes, "", "trace format '' is unknown");
	put_little(data + 24 * 3 + 16, 3, 8);
	fails("t", data, bytes, "oracleGeneral",
	      "oracleGeneral record at byte 72: the next request of the object is number 3, expected "
	      "more than 3, or -1");
	fails_text("t", "1 1 0 0\n1 1 0 1\nx\n", NULL, "neither its name nor its content");
	fails_text("t", "a,1\nb\n", NULL, "neither its name nor its content");
	/* A last line that is cut off does not hide what the file is. */
	fails_text("t", "a,1\nb,2\nc", NULL, "line 3: expected key,size");
	assert_false(trace_load(path_of("missing"), NULL, 0, &trace, error));
	assert_non_null(strstr(error, "missing: cannot be opened: No such file"));
	assert_false(trace_load(folder, NULL, 0, &trace, error));
	assert_non_null(strstr(error, "cannot be read: Is a directory"));
	/* What was wrong must be seen, however long the path. */
	memset(deep, 'd', sizeof(deep));
	deep[sizeof(deep) - 1] = '\0';
	assert_false(trace_load(deep, NULL, 0, &trace, error));
	assert_non_null(strstr(error, "cannot be opened: "));
}

static void test_requests_max(void **state)
{
	unsigned char data[REQUESTS * 24];
	size_t bytes = make_oracle_general(data);
	struct trace trace;
	char error[TRACE_ERROR_BYTES];

	(void)state;
	assert_true(load("t", data, bytes, NULL, 7, &trace, error));
	assert_int_equal(trace.requests, 7);
	trace_free(&trace);
	assert_true(load("t", data, bytes, NULL, REQUESTS + 1, &trace, error));
	check_requests(&trace, "oracleGeneral");
	trace_free(&trace);
	/* What follows is not looked at. */
	assert_true(load("t", data, 24 * 7 + 1, "oracleGeneral", 7, &trace, error));
	trace_free(&trace);
	assert_true(load("t.lis", "5 1 0 0\n10 5000000000 0 0\nrubbish\n", 34, NULL, 4, &trace, error));
	assert_int_equal(trace.requests, 4);
	assert_int_equal(trace.object[3], 12);
	trace_free(&trace);
}

static void test_counting_by_hand(void **state)
{
	struct trace trace = {.requests = 3};

	(void)state;
	trace.object = calloc(3, sizeof(*trace.object));
	trace.size_bytes = calloc(3, sizeof(*trace.size_bytes));
	trace.object[1] = 5;
	trace.size_bytes[1] = 10;
	assert_true(trace_count(&trace));
	assert_int_equal(trace.objects, 2);
	assert_int_equal(trace.index[2], 0);
	assert_int_equal(trace.requested_bytes, 10);
	assert_int_equal(trace.requests_of_no_bytes, 2);
	trace_free(&trace);
	trace_free(&trace);
}

/* ---- Random files ------------------------------------------------------------------------------------------------ */

static uint64_t random_state;

static uint64_t random_u64(void)
{
	uint64_t value = random_state += UINT64_C(0x9E3779B97F4A7C15);

	value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
	return value ^ value >> 31;
}

/* Whatever a file holds: it loads as something whole, or fails with a line and leaves nothing. */
static void test_random_files(void **state)
{
	static const struct trace nothing;
	static const char text[] = "12 3 0 0\nkey,5\n99 1 0 1\n,\r\n7,7,7\n\t \n";
	static const char *const names[] = {"t", "t.lis", "t.csv", "t.keys", "t.vscsi", "t.oracleGeneral", "cache2k"};
	const char *seed = getenv("CAPACITOR_SEED");

	(void)state;
	random_state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	fprintf(stderr, "CAPACITOR_SEED=%llu\n", (unsigned long long)random_state);
	for (int round = 0; round < 3000; round++) {
		unsigned char data[REQUESTS * 32];
		size_t bytes = round % 2 ? make_vscsi(data) : make_oracle_general(data);
		struct trace trace;
		char error[TRACE_ERROR_BYTES];

		bytes = random_u64() % (bytes + 1);
		if (round % 3 == 0)
			for (size_t i = 0; i < bytes; i++)
				data[i] = (unsigned char)text[random_u64() % (sizeof(text) - 1)];
		for (uint64_t i = random_u64() % 4; i > 0 && bytes > 0; i--)
			data[random_u64() % bytes] = (unsigned char)random_u64();
		if (!load(names[random_u64() % 7], data, bytes, NULL, 100000, &trace, error)) {
			assert_true(error[0] != '\0' && !strchr(error, '\n'));
			assert_memory_equal(&trace, &nothing, sizeof(trace));
			continue;
		}
		assert_in_range(trace.objects, 1, trace.requests);
		for (size_t i = 0; i < trace.requests; i++)
			assert_true(trace.index[i] < trace.objects);
		trace_free(&trace);
	}
}

/* ---- Recorded traces --------------------------------------------------------------------------------------------- */

static void load_recorded(const char *name, struct trace *trace)
{
	const char *path = trace_file(name);
	char error[TRACE_ERROR_BYTES];

	if (!path)
		skip();
	if (!trace_load(path, NULL, 0, trace, error))
		fail_msg("%s", error);
}

static void test_recorded_cloudphysics(void **state)
{
	struct trace general, raw;

	(void)state;
	load_recorded("cloudphysics.oracleGeneral.xz", &general);
	assert_string_equal(general.format, "oracleGeneral");
	assert_int_equal(general.requests, 113872);
	assert_int_equal(general.objects, 48974);
	assert_int_equal(general.requested_bytes, 4368040448);
	/* The same recording in its raw form: the same objects in the same order. */
	load_recorded("cloudphysics.vscsi.xz", &raw);
	assert_string_equal(raw.format, "vscsi");
	assert_int_equal(raw.requests, general.requests);
	assert_int_equal(raw.objects, general.objects);
	assert_memory_equal(raw.object, general.object, general.requests * sizeof(*general.object));
	trace_free(&raw);
	trace_free(&general);
}

static void test_recorded_arc(void **state)
{
	struct trace trace;

	(void)state;
	load_recorded("arc-oltp.lis.zst", &trace);
	assert_string_equal(trace.format, "arc");
	assert_string_equal(trace.name, "arc-oltp.lis");
	assert_int_equal(trace.requests, 914145);
	trace_free(&trace);
}

static void test_recorded_cache2k(void **state)
{
	struct trace trace;

	(void)state;
	load_recorded("cache2k-web07.xz", &trace);
	assert_string_equal(trace.format, "cache2k");
	assert_int_equal(trace.requests, 304472 / 4);
	trace_free(&trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oracle_general),
		cmocka_unit_test(test_vscsi),
		cmocka_unit_test(test_cache2k),
		cmocka_unit_test(test_arc),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_many_requests),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_compressed_cut_off),
		cmocka_unit_test(test_compressed_damaged),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_requests_max),
		cmocka_unit_test(test_counting_by_hand),
		cmocka_unit_test(test_random_files),
		cmocka_unit_test(test_recorded_cloudphysics),
		cmocka_unit_test(test_recorded_arc),
		cmocka_unit_test(test_recorded_cache2k),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
