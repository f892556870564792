/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder of its own for a test, and files in it. All functions fail the test rather than return an error. */
#ifndef UNIT_SCRATCH_H
#define UNIT_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

#define SCRATCH_PATH_BYTES 4096

/* For cmocka's setup and teardown: makes a folder under $TMPDIR or /tmp, and removes it with all that is in it. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* folder/<name, by a format>; in one of eight buffers that are used in turn. */
const char *scratch_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

void scratch_write(const char *path, const char *text);
void scratch_folder(const char *path);

/* A whole file as text, to be freed; NULL: it is not there. */
char *scratch_read(const char *path);

bool scratch_exists(const char *path);

/* How many entries a folder has, hidden ones too. */
size_t scratch_entries(const char *path);

/*
 * Runs a function in a process of its own with standard output and error in files: its exit status, 128 + n when signal n
 * ended it. What it printed is at scratch_path("stdout") and scratch_path("stderr").
 */
int scratch_run(int (*function)(int argc, char **argv), const char *const *argv);

#endif
