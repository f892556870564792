# SPDX-License-Identifier: BSD-2-Clause
# what: rwlock: a hit reorders lru under the shared lock
# file: impl/rwlock/rwlock.c
# impl: rwlock
# class: lost update
# matrix: yes
# tsan: yes
/^static struct segment \*lock_for_use/,/^}/s/return .*/return lock_shared(handle);/
