# SPDX-License-Identifier: BSD-2-Clause
# what: who gives back a mutex wakes everybody who waits for it
# file: coherence/locks.c
# scenarios: mutex_held
s/schedule_wake(mutex, 1);/schedule_wake(mutex, UINT_MAX);/
