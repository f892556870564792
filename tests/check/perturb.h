/* SPDX-License-Identifier: BSD-2-Clause */
/* Small random delays at the points where threads meet (points.h): races become far likelier. For the calling thread. */
#ifndef PERTURB_H
#define PERTURB_H

#include <stdint.h>

enum perturb { PERTURB_NONE, PERTURB_SOME, PERTURB_MUCH };

void perturb_begin(uint64_t seed, enum perturb how);
void perturb_end(void);

#endif
