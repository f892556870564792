/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes are a trace or a clear error. The first byte chooses the format (or none: recognised) and whether the file is
 * compressed on its way; the second how the file's name ends, and how many requests to load; the rest is the file.
 *
 * What is loaded has to be whole and consistent; fewer requests of the same file have to be the first of them; and a
 * compressed file has to be the same trace as the plain one.
 */
#include <ctype.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "harness/trace.h"

#define FORMATS      6
#define REQUESTS_MAX 100000 /* a line of ARC's format may be very many */
#define FILE_BYTES_MAX 65536

static const char *const suffixes[] = {"",      ".xz",   ".zst",           ".gz",    ".lis",
                                       ".csv", ".keys", ".oracleGeneral", ".vscsi", ".trc.bin"};
#define SUFFIXES (sizeof suffixes / sizeof suffixes[0])

enum compression { PLAIN, GZIP, ZSTD, XZ, COMPRESSIONS };
static const char *const compressions[COMPRESSIONS] = {"", ".gz", ".zst", ".xz"};

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes);

static void fail(const char *what)
{
	fprintf(stderr, "trace_fuzz: %s\n", what);
	abort();
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static size_t compress_as(enum compression compression, const unsigned char *data, size_t bytes, unsigned char *out,
                          size_t room)
{
	z_stream gzip = {.next_in = (unsigned char *)data, .avail_in = (unsigned)bytes, .next_out = out,
	                 .avail_out = (unsigned)room};
	size_t used = 0;

	switch (compression) {
	case GZIP:
		if (deflateInit2(&gzip, 1, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
		    deflate(&gzip, Z_FINISH) != Z_STREAM_END || deflateEnd(&gzip) != Z_OK)
			fail("cannot compress (gzip)");
		return room - gzip.avail_out;
	case ZSTD:
		used = ZSTD_compress(out, room, data, bytes, 1);
		if (ZSTD_isError(used))
			fail("cannot compress (zstd)");
		return used;
	default:
		if (lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, data, bytes, out, &used, room) != LZMA_OK)
			fail("cannot compress (xz)");
		return used;
	}
}

/* Does a file that begins so count as compressed? */
static bool looks_compressed(const unsigned char *data, size_t bytes)
{
	return (bytes >= 6 && memcmp(data, "\xFD" "7zXZ", 6) == 0) || (bytes >= 4 && memcmp(data, "\x28\xB5\x2F\xFD", 4) == 0) ||
	       (bytes >= 2 && memcmp(data, "\x1F\x8B", 2) == 0);
}

static bool names_compression(const char *suffix)
{
	for (enum compression compression = GZIP; compression < COMPRESSIONS; compression++)
		if (strcmp(suffix, compressions[compression]) == 0)
			return true;
	return false;
}

static void write_file(const char *path, const unsigned char *data, size_t bytes)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0)
		fail("cannot write a file; TMPDIR names the folder, or it is /dev/shm");
}

/* ---- What a trace is ----------------------------------------------------------------------------------------------- */

static void check_objects(const struct trace *trace)
{
	uint64_t *object = malloc(trace->objects * sizeof *object);
	size_t seen = 0;

	if (!object)
		fail("no memory");
	for (size_t i = 0; i < trace->requests; i++) {
		if (trace->index[i] > seen || trace->index[i] >= trace->objects)
			fail("objects are not numbered by their first appearance");
		if (trace->index[i] == seen)
			object[seen++] = trace->object[i];
		else if (object[trace->index[i]] != trace->object[i])
			fail("two objects have the same number");
	}
	if (seen != trace->objects)
		fail("the number of objects is wrong");
	for (size_t i = 0; i < seen && seen <= 200; i++) /* quadratic */
		for (size_t j = 0; j < i; j++)
			if (object[i] == object[j])
				fail("an object has two numbers");
	free(object);
}

static void check_trace(const struct trace *trace, const char *format, uint64_t requests_max)
{
	uint64_t sum = 0;
	size_t of_no_bytes = 0, name_bytes = strnlen(trace->name, sizeof trace->name);

	if (trace->requests == 0 || trace->requests > requests_max || !trace->object || !trace->index || !trace->size_bytes)
		fail("a trace was loaded that is not whole, or too long");
	if (!trace->format || !trace_is_format(trace->format) || (format && strcmp(format, trace->format) != 0))
		fail("a trace was loaded in another format than was asked for");
	if (name_bytes == 0 || name_bytes == sizeof trace->name || strpbrk(trace->name, "/:"))
		fail("a trace has a name that is none");
	for (size_t i = 0; i < trace->requests; i++) {
		sum += trace->size_bytes[i];
		of_no_bytes += trace->size_bytes[i] == 0;
		if (!trace->has_sizes && trace->size_bytes[i] != 1)
			fail("a format without sizes has some");
	}
	if (sum != trace->requested_bytes || of_no_bytes != trace->requests_of_no_bytes)
		fail("the sums of the sizes are wrong");
	check_objects(trace);
}

/* One line that names the file, and nothing else is left. */
static void check_error(const struct trace *trace, const char *path, const char *error)
{
	static const struct trace none;

	if (memchr(error, '\0', TRACE_ERROR_BYTES) == NULL || strchr(error, '\n'))
		fail("the error is not one line");
	if (!strstr(error, path) || strlen(error) < strlen(path) + 5)
		fail("the error does not say what is wrong with which file");
	for (const char *letter = error; *letter; letter++)
		if (!isprint((unsigned char)*letter))
			fail("the error has letters that are not to be printed");
	if (memcmp(trace, &none, sizeof none) != 0)
		fail("a trace that was refused is not cleared");
}

static bool load(const char *path, const char *format, uint64_t requests_max, struct trace *trace)
{
	char error[TRACE_ERROR_BYTES];

	memset(error, 'x', sizeof error);
	if (trace_load(path, format, requests_max, trace, error)) {
		check_trace(trace, format, requests_max);
		return true;
	}
	check_error(trace, path, error);
	return false;
}

static bool same(const struct trace *one, const struct trace *other, size_t requests)
{
	return memcmp(one->object, other->object, requests * sizeof *one->object) == 0 &&
	       memcmp(one->index, other->index, requests * sizeof *one->index) == 0 &&
	       memcmp(one->size_bytes, other->size_bytes, requests * sizeof *one->size_bytes) == 0;
}

/* ---- A run ------------------------------------------------------------------------------------------------------- */

struct file {
	char folder[400];
	char name[64]; /* without the suffix of compression */
	const char *format;
	const unsigned char *data;
	size_t bytes;
};

static void file_path(const struct file *file, enum compression compression, char path[512])
{
	snprintf(path, 512, "%s/%s%s", file->folder, file->name, compressions[compression]);
}

/* The first requests of a file are the first of its trace, whatever comes behind them. */
static void check_limit(const struct file *file, const struct trace *trace, uint64_t requests_max)
{
	size_t requests = trace->requests < requests_max ? trace->requests : requests_max;
	struct trace first;
	char path[512];

	file_path(file, PLAIN, path);
	if (!load(path, file->format, requests_max, &first))
		fail("a trace of which all can be loaded, but not the first requests");
	if (first.requests != requests || !same(&first, trace, requests))
		fail("the first requests are others than those of all");
	trace_free(&first);
}

static void check_compressed(const struct file *file, enum compression compression, const struct trace *trace, bool loaded)
{
	static unsigned char packed[FILE_BYTES_MAX + 4096];
	struct trace unpacked;
	char path[512];
	bool also;

	file_path(file, compression, path);
	write_file(path, packed, compress_as(compression, file->data, file->bytes, packed, sizeof packed));
	also = load(path, file->format, REQUESTS_MAX, &unpacked);
	unlink(path);
	if (also != loaded || (also && (unpacked.requests != trace->requests || !same(&unpacked, trace, trace->requests))))
		fail("a compressed file is another trace than the plain one");
	trace_free(&unpacked);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes)
{
	const char *folder = getenv("TMPDIR");
	enum compression compression;
	struct trace trace;
	struct file file;
	char path[512];
	bool loaded;

	if (bytes < 2 || bytes > FILE_BYTES_MAX)
		return -1;
	snprintf(file.folder, sizeof file.folder, "%s", folder ? folder : "/dev/shm");
	snprintf(file.name, sizeof file.name, "trace_fuzz.%d%s", (int)getpid(), suffixes[data[1] % SUFFIXES]);
	file.format = data[0] % (FORMATS + 1) < FORMATS ? trace_formats[data[0] % (FORMATS + 1)] : NULL;
	file.data = data + 2;
	file.bytes = bytes - 2;
	compression = (enum compression)(data[0] / (FORMATS + 1) % COMPRESSIONS);
	file_path(&file, PLAIN, path);
	write_file(path, file.data, file.bytes);
	loaded = load(path, file.format, REQUESTS_MAX, &trace);
	if (loaded && data[1] >= SUFFIXES)
		check_limit(&file, &trace, data[1] / SUFFIXES);
	unlink(path);
	if (compression != PLAIN && !names_compression(suffixes[data[1] % SUFFIXES]) && !looks_compressed(file.data, file.bytes))
		check_compressed(&file, compression, &trace, loaded);
	trace_free(&trace);
	return 0;
}
