/* SPDX-License-Identifier: BSD-2-Clause */
/* The checks of faults, by file. */
#ifndef FAULTS_H
#define FAULTS_H

#include "check.h"

/* faults_memory.c */
void run_allocations(struct check_run *run);
void run_allocations_by_all(struct check_run *run);

/* faults_parked.c */
void run_parked_pin(struct check_run *run);
void run_parked_reader(struct check_run *run);
void run_parked_thread(struct check_run *run);

/* faults_arguments.c */
void run_clock(struct check_run *run);
void run_sizes(struct check_run *run);

#endif
