# SPDX-License-Identifier: BSD-2-Clause
# what: only the first 64 cores lose their copies
# file: coherence/directory.c
# scenarios: seqlock
/^static uint64_t take/,/^}/ s/part < COHERENCE_CORES_MAX \/ 64/part < 1/
