# SPDX-License-Identifier: BSD-2-Clause
# what: a hit marks its entry as visited without an atomic
# file: common/policy.h
# impl: rcu
# class: non-atomic visited mark
# matrix: yes
# tsan: yes
s/fetch_or_relaxed(&entry->marks, \(.*\));/*(volatile uint8_t *)\&entry->marks |= \1;/
