# SPDX-License-Identifier: BSD-2-Clause
# what: counters that threads share are added to without an atomic
# file: common/counters.h
# impl: sharded
# class: plain counter
# matrix: yes
# tsan: yes
s/fetch_add_relaxed(counter, n);/*(uint64_t *)(void *)counter += n;/
