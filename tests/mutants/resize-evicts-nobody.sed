# SPDX-License-Identifier: BSD-2-Clause
# what: a smaller capacity evicts nobody until the next store
# file: common/capacitor.c
# impl: unsync
# class: wrong bound
# conformance: yes
/^enum capacitor_result capacitor_resize/,/^}/s/return operation_admit_slowly(handle, 0);/return CAPACITOR_OK;/
