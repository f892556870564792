# SPDX-License-Identifier: BSD-2-Clause
# what: get_or_load returns its own value when another was there and is gone again
# file: common/capacitor.c
# impl: rcu
# class: missing retry
# schedules: rcu loads
# matrix: yes
s/while (stored == CAPACITOR_EXISTS && result == CAPACITOR_MISS);/while (false);/
