# SPDX-License-Identifier: BSD-2-Clause
# what: a thread that dies inside is not made to leave
# file: common/capacitor.c
# impl: rwlock
# class: forgotten unregister
# conformance: yes
s/pthread_key_create(&cache->thread_key, leave_slot)/pthread_key_create(\&cache->thread_key, NULL)/
