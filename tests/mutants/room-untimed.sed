# SPDX-License-Identifier: BSD-2-Clause
# what: the time that a store waits for room is not counted
# file: common/operation.c
# impl: sharded
# class: wrong statistic
# conformance: yes
s/count(handle, CAPACITOR_STAT_ROOM_WAIT_NS, monotonic_ns() - from_ns);/count(handle, CAPACITOR_STAT_ROOM_WAIT_NS, from_ns - from_ns);/
