/* SPDX-License-Identifier: BSD-2-Clause */
/* Return addresses of the running program, in words. */
#ifndef HARNESS_TRACED_SITES_H
#define HARNESS_TRACED_SITES_H

#include <stddef.h>

struct sites;
/* Of this very program. NULL: `error` says why not. */
struct sites *sites_open(char *error, size_t error_bytes);
/* NULL is allowed. */
void sites_close(struct sites *sites);

/*
 * `frame`: addresses that the callers of the function at `site` return to. Between them may be what released the lock: addresses in
 * the function at `site`, in its caller, or in one that releases for others. They are passed over. Texts are to be freed; NULL: no
 * memory.
 */

/* Function and line of a call, "sharded_get (impl/sharded/sharded.c:84)"; what only takes locks for others is passed over. */
char *sites_text(struct sites *sites, const void *site, const void *const *frame, unsigned frames);

/* Functions of the library from the outermost to the one at `site`, inlined ones too, between semicolons. */
char *sites_stack(struct sites *sites, const void *site, const void *const *frame, unsigned frames);

#endif
