/* SPDX-License-Identifier: BSD-2-Clause */
/* What Google Benchmark's library says about itself; see benchmark_library.cc. */
#ifndef HARNESS_BENCHMARK_LIBRARY_H
#define HARNESS_BENCHMARK_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the library was built: "release" or "debug". False: it does not tell. */
bool benchmark_library_build_type(char *type, size_t type_bytes);

#ifdef __cplusplus
}
#endif

#endif
