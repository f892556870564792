# SPDX-License-Identifier: BSD-2-Clause
# what: two loaders of a key run at the same time
# file: common/flight.c
# impl: rwlock
# class: missing exclusion
# schedules: rwlock loads
# conformance: yes
s/^\tif (!other) {/\tif (other || !other) {/
