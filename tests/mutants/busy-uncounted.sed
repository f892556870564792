# SPDX-License-Identifier: BSD-2-Clause
# what: the 65th pin is not counted as busy
# file: common/operation.h
# impl: unsync
# class: wrong count
# conformance: yes
/^static inline enum capacitor_result operation_pin/,/^}/s/count(handle, CAPACITOR_STAT_BUSY, 1);//
