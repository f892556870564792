# SPDX-License-Identifier: BSD-2-Clause
# what: who waited for a loader with a smaller buffer does not try again
# file: common/capacitor.c
# impl: rwlock
# class: missing retry
# matrix: yes
s/if (part == FLIGHT_TAKES && (result != .*/if (part == FLIGHT_TAKES)/
