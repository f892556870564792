/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes are a trace or a clear error. The first byte selects the format (or none: recognised), the second the suffix
 * of the file's name, by which readers and decompressors are chosen; the rest is the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/trace.h"

static const char *const suffixes[] = {"", ".xz", ".zst", ".gz", ".lis", ".csv", ".keys", ".oracleGeneral", ".vscsi", ".trc.bin"};
#define SUFFIXES (sizeof suffixes / sizeof suffixes[0])

#define REQUESTS_MAX 100000 /* a line of ARC's format may be very many */

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes);

static void fail(const char *what)
{
	fprintf(stderr, "trace_fuzz: %s\n", what);
	abort();
}

static void look_at(const struct trace *trace)
{
	uint64_t sum = 0;

	if (trace->requests == 0 || !trace->object || !trace->index || !trace->size_bytes || !trace->format)
		fail("a trace was loaded that is not whole");
	for (size_t i = 0; i < trace->requests; i++) {
		if (trace->index[i] >= trace->objects)
			fail("an object's number is out of range");
		sum += trace->size_bytes[i];
	}
	if (sum != trace->requested_bytes)
		fail("the sum of the sizes is wrong");
	if (trace->requests > REQUESTS_MAX)
		fail("more requests than were asked for");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes)
{
	char path[64], error[TRACE_ERROR_BYTES] = "";
	const char *format = NULL;
	struct trace trace;
	FILE *file;

	if (bytes < 2)
		return 0;
	if (data[0] % 7 < 6)
		format = trace_formats[data[0] % 7];
	snprintf(path, sizeof path, "/dev/shm/trace_fuzz.%d%s", (int)getpid(), suffixes[data[1] % SUFFIXES]);
	file = fopen(path, "wb");
	if (!file || fwrite(data + 2, 1, bytes - 2, file) != bytes - 2 || fclose(file) != 0)
		fail("cannot write a file in /dev/shm");
	if (trace_load(path, format, REQUESTS_MAX, &trace, error)) {
		look_at(&trace);
		trace_free(&trace);
	} else if (!error[0] || trace.object || trace.requests) {
		fail("a trace was refused without a reason, or not cleared");
	}
	unlink(path);
	return 0;
}
