/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of results, written whole or not at all.
 *
 * What is written goes to a file without a name in the target's folder (or, where the file system has none, to a hidden
 * one beside the target); committing makes it durable and gives it the target's name in one step. Whoever looks sees
 * the old file or the new one, also after Ctrl-C, a crash or a full disk, and nothing half-written stays behind.
 *
 * A symbolic link is followed. What is there and no regular file (/dev/stdout, a pipe) is written to as it is.
 *
 * Errors are one line that begins with the path.
 */
#ifndef HARNESS_RESULTS_H
#define HARNESS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct results_file {
	FILE *stream;    /* to write to; NULL: not open. It gathers in memory, so that a failed write still knows why */
	char *text;
	size_t bytes;
	int descriptor;
	char *target;    /* what it will be called */
	char *temporary; /* its name until then; NULL: it has none */
	bool direct;     /* the target is no regular file */
};

/* Opens a file to be written. False: `error` has why. */
bool results_open(struct results_file *file, const char *path, char *error, size_t error_bytes);

/* The file is complete: makes it durable and gives it its name. False: the target is what it was, and `error` has why
 * (what failed while writing to the stream, too). The file is closed either way. */
bool results_commit(struct results_file *file, char *error, size_t error_bytes);

/* Gives the file up; the target is what it was. A cleared or closed file is allowed. */
void results_abort(struct results_file *file);

/* All of it at once. */
bool results_write_file(const char *path, const void *data, size_t bytes, char *error, size_t error_bytes);

/* Makes a folder, and those above it that are missing. One that is there already is fine. */
bool results_make_folder(const char *path, char *error, size_t error_bytes);

#ifdef __cplusplus
}
#endif

#endif
