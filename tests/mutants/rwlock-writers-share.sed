# SPDX-License-Identifier: BSD-2-Clause
# what: rwlock: writers take the lock shared
# file: impl/rwlock/rwlock.c
# impl: rwlock
# class: two unlocked writers
# schedules: rwlock one-key
# tsan: yes
/^static struct segment \*lock_exclusive/,/^}/s/pthread_rwlock_trywrlock, pthread_rwlock_wrlock/pthread_rwlock_tryrdlock, pthread_rwlock_rdlock/
