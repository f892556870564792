/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the recorded traces are, for tests that use them when they are at hand. */
#ifndef TESTS_UNIT_TRACE_FILES_H
#define TESTS_UNIT_TRACE_FILES_H

/* The path of a recorded trace, looked for in $CAPACITOR_TRACES, or where that is not set in ../shared/traces; valid
 * until the next call. NULL, after saying so on stderr: it is not at hand, and the test is to be skipped. */
const char *trace_file(const char *name);

#endif
