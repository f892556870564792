/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"
const struct check linearizability_checks[] = {{.name = NULL}};
