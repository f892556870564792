# SPDX-License-Identifier: BSD-2-Clause
# what: a loaded value overwrites one that was stored meanwhile
# file: common/capacitor.c
# impl: rwlock
# class: lost update
# schedules: rwlock one-key
# conformance: yes
/^static enum capacitor_result load_store/,/^}/s/capacitor_add(/capacitor_set(/
