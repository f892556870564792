/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for addresses of code in files: by debug information where a file has it (this program does: inlined functions and
 * lines are told), else by symbols, whose size is believed: code that no symbol covers has no name, rather than the name of
 * whatever comes before it.
 *
 * One thread at a time. Strings that are returned live until names_close.
 */
#ifndef HARNESS_PROFILE_NAMES_H
#define HARNESS_PROFILE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/debuginfo.h"

struct names;

/* NULL: no memory. */
struct names *names_open(void);
/* NULL is allowed. */
void names_close(struct names *names);

/* As debuginfo_code: innermost function first. Always at least one frame; one that has no name is called after its object,
 * "(in libc.so.6)". Of files without debug information, `file` is the object's name. */
size_t names_code(struct names *names, const char *object, uint64_t address, struct debuginfo_frame *frames, size_t room);

/* Is this source file one of the library's, of the harness's, or neither ("library", "harness", "other")? What the library
 * itself stands on (liburcu, Concurrency Kit, libsodium, xxHash) is "other". */
const char *names_part(const char *file);

#endif
