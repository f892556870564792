/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a measurement was made on: machine, system, build, load. Every item that cannot be had is the string
 * "unavailable: reason"; nothing is written as 0 that was not measured as 0.
 */
#ifndef HARNESS_ENVIRONMENT_H
#define HARNESS_ENVIRONMENT_H

#include <jansson.h>
#include <stdint.h>

/*
 * All items, as one flat object. Keys are snake_case with the unit last. Takes about a quarter of a second: the share
 * of time that the hypervisor took away is sampled over that. NULL: no memory.
 */
json_t *environment_json(void);

/*
 * The same, but with each file of /proc, /sys and /etc taken from below a folder: a machine that a test made up. What does not come
 * from files (topology, affinity, the hypervisor, the PMU, membarrier, the build) is this machine's. By one thread at a time.
 */
json_t *environment_planted(const char *folder);

/* The memory that this process may use: the machine's, or the control group's limit where that is less. */
uint64_t environment_memory_bytes(void);

#endif
