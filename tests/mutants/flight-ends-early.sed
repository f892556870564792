# SPDX-License-Identifier: BSD-2-Clause
# what: a loader returns before those who wait have taken its value
# file: common/flight.c
# impl: sharded
# class: early free
# schedules: sharded loads
# matrix: yes
/^static void end(/,/^}/{
/^\twhile (flight->passengers > 0)/d
/^\t\tpthread_cond_wait(/d
}
