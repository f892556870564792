/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of locks that the traced program writes. */
#ifndef HARNESS_TRACED_LOCKS_H
#define HARNESS_TRACED_LOCKS_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Writes what the threads have recorded, the longest waits first, tab separated:
 *
 *   lock          as capacitor_each_lock names it: "shard[3]"; "mutex 2" when it shows none
 *   site          function and line that took it: "sharded_get (impl/sharded/sharded.c:84)"; what only takes locks for others
 *                 is passed over
 *   stack         functions of the library, inlined ones too, the outermost first, between semicolons. After a wait it begins
 *                 with what the harness called; else it is the function that took the lock, and who called that
 *   acquisitions  how often, from there, by that stack
 *   contended     of these, how often it had to wait
 *   wait_ns       how long, in total
 *   max_wait_ns   the longest
 *   hold_ns       how long it was held, on average
 *
 * Acquisitions of one site are spread over several rows: one for those that got the lock at once, one for each stack that
 * waited. They add up. False: `error` says why not.
 */
bool locks_write(FILE *out, char *error, size_t error_bytes);

/* A few lines for people. */
void locks_summary(FILE *out);

#endif
