/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file read from beginning to end through a window, decompressed on the way where its first bytes say that it is
 * compressed (xz, zstd, gzip; several streams, frames or members one after the other are one file, as their own
 * tools have it).
 *
 * The window is input->window + input->begin to input->end. input_fill makes it longer; the reader takes bytes by
 * moving begin. What the file was cut off in, or damaged, is an error and never looks like the end.
 */
#ifndef HARNESS_INPUT_H
#define HARNESS_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest window that input_fill can be asked for. */
#define INPUT_WINDOW_BYTES 262144

struct input_decoder;

struct input {
	unsigned char *window;
	size_t begin;
	size_t end;
	uint64_t offset; /* of begin in the decoded file; the reader keeps it up through input_take */
	bool ended;      /* nothing comes after the window */
	const char *compression; /* "xz", "zstd", "gzip" or NULL */
	struct input_decoder *decoder;
};

/* Opens a file. False: `error` has what was wrong, without the file's name. */
bool input_open(const char *path, struct input *input, char *error, size_t error_bytes);

/* Makes the window at least `bytes` long, or as long as there is something left. False: damaged, cut off or unreadable,
 * and `error` has what was wrong. */
bool input_fill(struct input *input, size_t bytes, char *error, size_t error_bytes);

static inline size_t input_length(const struct input *input)
{
	return input->end - input->begin;
}

static inline const unsigned char *input_data(const struct input *input)
{
	return input->window + input->begin;
}

static inline void input_take(struct input *input, size_t bytes)
{
	input->begin += bytes;
	input->offset += bytes;
}

/* Closes the file. A cleared *input is allowed. */
void input_close(struct input *input);

#endif
