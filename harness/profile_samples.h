/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks of addresses as a sampler leaves them: gperftools' CPU profiles, read, put together, and written.
 *
 * An address is kept as an object (a file that was mapped) and an address of that file as nm and addr2line count them, so that
 * the stacks of several processes can be added although each was loaded elsewhere.
 */
#ifndef HARNESS_PROFILE_SAMPLES_H
#define HARNESS_PROFILE_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SAMPLES_DEPTH_MAX 256

struct samples_address {
	unsigned object;  /* index into objects; SAMPLES_NOWHERE: in no file */
	uint64_t address; /* of that file */
};
#define SAMPLES_NOWHERE UINT32_MAX

/* Innermost first. The first is where the thread was, the others are return addresses. */
struct samples_stack {
	uint64_t count;
	size_t first; /* index into addresses */
	unsigned depth;
};

struct samples {
	char **objects;
	size_t object_count;
	struct samples_address *addresses;
	size_t address_count, address_room;
	struct samples_stack *stacks;
	size_t stack_count, stack_room;
	uint64_t period_us; /* as the last file read says */
	uint64_t total;     /* the sum of all counts */
};

/* Adds a file's stacks. False: it is none, or damaged, and `error` says why; nothing of it was added. */
bool samples_read(struct samples *samples, const char *path, char *error, size_t error_bytes);

/* Adds an address by its place in a file; then the last `depth` of them as a stack, innermost first. False: no memory. `returns`:
 * it is a return address less 1. */
bool samples_add_address(struct samples *samples, const char *object, uint64_t offset, bool returns);
bool samples_add_stack(struct samples *samples, uint64_t count, unsigned depth);

/* A cleared one is allowed, and what is left is cleared. */
void samples_free(struct samples *samples);

/*
 * For who makes such a file: its beginning, a stack (innermost first), its end. `maps` is what /proc/<pid>/maps had to say
 * (NULL: this process's).
 */
void samples_write_begin(FILE *out, uint64_t period_us);
void samples_write_stack(FILE *out, uint64_t count, void *const *address, size_t depth);
bool samples_write_end(FILE *out, const char *maps);

/* Writes all of it as one file, as if of one process: for google-pprof. */
void samples_write(FILE *out, const struct samples *samples);

#endif
