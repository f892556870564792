# SPDX-License-Identifier: BSD-2-Clause
# what: who comes after a loaded value took effect takes it all the same
# file: common/flight.c
# impl: sharded
# class: stale after overwrite
# schedules: sharded one-key
# matrix: yes
s/boards = !other->closed;/boards = true;/
