/* SPDX-License-Identifier: BSD-2-Clause */
/* Code under study for cost.c: accesses by the million. */
#ifndef WALKS_H
#define WALKS_H

#include <stddef.h>

/* Reads and writes of a word that stays here: `rounds` times 8 accesses. */
void walk_word(unsigned long rounds);
/* A read each `stride` bytes of a block. */
void walk_block(const volatile char *block, size_t bytes, size_t stride);
/* An operation as of a cache: a lock of one of 64, 24 reads in a table, a few writes, a counter of one's own. */
void walk_operation(unsigned worker, unsigned long round);

#endif
