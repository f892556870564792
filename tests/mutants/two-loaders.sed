# SPDX-License-Identifier: BSD-2-Clause
# what: two loaders of a key run at the same time
# file: common/flight.c
# impl: rwlock
s/^\tif (!other) {/\tif (other || !other) {/
