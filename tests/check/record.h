/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run tells the program: memory that the child process shares with its parent, so that it survives a crash. */
#ifndef RECORD_H
#define RECORD_H

#include "check.h"

#define RECORD_FAILURE_BYTES 16384
#define RECORD_NOTES_BYTES   65536

struct check_record {
	_Atomic uint64_t figure[CHECK_FIGURES];
	_Atomic bool failed;
	pthread_mutex_t mutex; /* of the texts; used in the child only */
	char failure[RECORD_FAILURE_BYTES];
	char notes[RECORD_NOTES_BYTES]; /* lines */
	size_t notes_bytes;
};

/* Makes it ready for one run. */
void record_init(struct check_record *record);

#endif
