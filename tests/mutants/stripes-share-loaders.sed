# SPDX-License-Identifier: BSD-2-Clause
# what: who waits for a loader takes any loader of the stripe
# file: common/flight.c
# impl: rwlock
# class: wrong condition
# conformance: yes
/^static struct flight \*flight_find/,/^}/s/memcmp(.*) != 0))/false))/
