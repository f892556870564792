# SPDX-License-Identifier: BSD-2-Clause
# what: rwlock: the eviction order lies on the line of the table's pointers
# file: impl/rwlock/rwlock.c
# impl: rwlock
# class: false sharing
# gate: rwlock, mixed: get
# says: struct rwlock_cache.segment
/^\talignas(LINE_PAIR_BYTES) char unused/d
s/^\tstruct segment segment;/\talignas(LINE_PAIR_BYTES) struct segment segment;/
/^LAYOUT_APART(struct rwlock_cache, segment.chain_mask/d
