# SPDX-License-Identifier: BSD-2-Clause
# what: a lock that its last owner takes again counts as handed over
# file: coherence/locks.c
# scenarios: mutex_padded
s/ \&\& lock->last_core != (int)self->core//
