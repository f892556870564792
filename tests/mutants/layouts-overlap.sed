# SPDX-License-Identifier: BSD-2-Clause
# what: packed counters of a thread share a word with its neighbour
# file: common/counters.c
# impl: null
# class: wrong bound
# conformance: yes
s/counters->stat_step = threads \* sizeof(uint64_t);/counters->stat_step = (threads - 1) * sizeof(uint64_t);/
