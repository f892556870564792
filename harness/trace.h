/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recorded access traces, read whole into memory, so that a replay or a simulation never waits for a decoder.
 *
 *   oracleGeneral  libCacheSim's: packed little-endian records of 24 bytes: u32 time in s, u64 object, u32 size in
 *                  bytes, i64 number of the next request of that object (negative: none).
 *   vscsi          CloudPhysics', version 1: little-endian records of 32 bytes: u32 serial, u32 length in bytes, u32
 *                  scatter-gather elements, u16 command, u16 version (high byte 1), u64 block, u64 time in us. The
 *                  object is the block.
 *   cache2k        u32 big-endian key per request. No sizes.
 *   arc            text (.lis), a line per request: first block, number of blocks, ignored, sequence number. A line is
 *                  as many requests as it names blocks. No sizes.
 *   csv            text, a line per request: key,size in bytes. The last comma separates; the key is any bytes; a first
 *                  line whose size begins with a letter is a header. A carriage return before the line's end is not
 *                  part of it.
 *   keys           a key per line, any bytes. No sizes.
 *
 * Keys that are text become 64-bit objects by XXH3 (two of a million keys collide with probability 3e-8). Files may
 * be compressed by xz, zstd or gzip (see input.h), and are decoded as a stream.
 *
 * The recording is taken as it is: a size of 0 stays 0 (caches hold values of 0 bytes; requests_of_no_bytes counts
 * them), and an object may change its size between two requests.
 *
 * A trace is loaded whole or not at all: a record cut off, a field out of range, an empty trace, or more requests than
 * half of the machine's memory holds, is an error that names the file, the place and what was expected.
 */
#ifndef HARNESS_TRACE_H
#define HARNESS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_ERROR_BYTES 256

/* Lines of text are keys, and keys of a cache are at most this long. */
#define TRACE_LINE_BYTES_MAX 65536

struct trace {
	uint64_t *object;            /* of each request: the object's id in the recording */
	uint32_t *index;             /* of each request: the object's number, 0 to objects - 1, by first appearance */
	uint32_t *size_bytes;        /* of each request; all 1 when the format has no sizes */
	size_t requests;
	size_t objects;              /* distinct ones */
	uint64_t requested_bytes;    /* the sum of size_bytes */
	size_t requests_of_no_bytes; /* how many size_bytes are 0 */
	bool has_sizes;              /* does the format record sizes? */
	const char *format;          /* one of trace_formats */
	char name[64];               /* the file's name without folder and .xz, .zst, .gz; has no '/', no ':' */
};

/* The names of the formats, ended by NULL, and the same in one line for messages: "oracleGeneral, vscsi, ...". */
extern const char *const trace_formats[];
extern const char trace_formats_text[];

bool trace_is_format(const char *format);

/*
 * Reads a trace.
 *   format        one of trace_formats, or NULL: recognised by the file's name (.oracleGeneral, .vscsi, .lis, .csv,
 *                 .keys, .trc.bin, before a suffix of compression; names that begin with cache2k), else by its content
 *                 (which tells neither cache2k nor keys of unprintable bytes)
 *   requests_max  read so many requests and stop, without looking at what follows; 0: all
 * True, and *trace is to be freed with trace_free; or false, with a line in `error` and *trace all zero.
 */
bool trace_load(const char *path, const char *format, uint64_t requests_max, struct trace *trace,
                char error[TRACE_ERROR_BYTES]);

/* Gives every request the same size: for formats without sizes. */
void trace_set_size(struct trace *trace, uint32_t size_bytes);

/*
 * Fills in index, objects, requested_bytes and requests_of_no_bytes of a trace whose object and size_bytes were filled
 * in by the caller (a generated stream). False: no memory.
 */
bool trace_count(struct trace *trace);

/* Frees what trace_load made and clears *trace. A cleared one is allowed. */
void trace_free(struct trace *trace);

#endif
