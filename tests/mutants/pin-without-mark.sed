# SPDX-License-Identifier: BSD-2-Clause
# what: a pin does not mark its entry
# file: common/operation.h
# impl: unsync
# class: early free
# conformance: yes
/^static inline enum capacitor_result operation_pin/,/^}/s/fetch_or_relaxed(&entry->marks, ENTRY_PINNED);/(void)entry;/
