# SPDX-License-Identifier: BSD-2-Clause
# what: a deleted entry stays charged
# file: common/segment.c
# impl: rwlock
# class: double charge
# schedules: rwlock no-room
# conformance: yes
/^enum capacitor_result segment_delete/,/^}/s/budget_live_add(.*);//
