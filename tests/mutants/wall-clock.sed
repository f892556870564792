# SPDX-License-Identifier: BSD-2-Clause
# what: time is that of the wall clock
# file: common/operation.h
# impl: rcu
# class: wrong clock
# matrix: yes
s/CLOCK_MONOTONIC/CLOCK_REALTIME/
