# SPDX-License-Identifier: BSD-2-Clause
# what: pinned memory leaves as much room as there was
# file: common/budget.h
# impl: unsync
# class: wrong bound
# conformance: yes
/^static inline int64_t budget_room/,/^}/s/load_relaxed(&budget->pinned_bytes)/0/
