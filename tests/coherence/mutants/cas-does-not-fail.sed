# SPDX-License-Identifier: BSD-2-Clause
# what: failures of compare-and-swap are not counted
# file: coherence/accesses.c
# scenarios: cas_fails
s/counts_add(self->operation, COHERENCE_CAS_FAILURES, 1);//
