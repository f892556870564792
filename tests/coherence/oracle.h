/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the classes mean, by their definition: a second, slow and simple account of random accesses, for scenario `random`. It
 * keeps times where the runtime keeps sets of bits: when each granule was last written by whom, and last used by whom.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "tests/coherence/scenarios.h"

#define ORACLE_BYTES    512 /* accesses lie in so many */
#define ORACLE_ACCESSES 5   /* of a worker in a round */

enum oracle_what {
	ORACLE_READ,  /* 1, 2, 4 or 8 bytes */
	ORACLE_WRITE, /* likewise */
	ORACLE_ADD,   /* 8 bytes: a read-modify-write */
	ORACLE_FAIL,  /* 8 bytes: a compare-and-swap that fails */
	ORACLE_SET,   /* any bytes: memset */
};
#define ORACLE_WHATS 5

/* One word, so that code under study keeps it in a register. */
struct oracle_access {
	uint8_t what, operation;
	uint16_t offset, bytes;
};

/* Of the accesses that come. */
void oracle_seed(uint64_t seed);
struct oracle_access oracle_access(unsigned worker, unsigned long round, unsigned number);

/* All of the rounds after `warm`, as the runtime has to count them. */
void oracle_count(const struct setting *setting, unsigned long rounds, unsigned long warm, struct tally tally[SCENARIO_KINDS]);

#endif
