# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: get leaves its read section and begins another between finding an entry and copying it
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: quiescent state while holding a pointer
# schedules: ck_hs one-key
# tsan: yes
/^static enum capacitor_result get_inside(/,/^}/s/^\tpolicy_hit(.*/\tread_end(handle);\n\tread_begin(handle);\n&/
