/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"

const struct check stress_checks[] = {{.name = NULL}};
