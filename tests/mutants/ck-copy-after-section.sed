# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: get copies the value after its read section
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: use after unlock
# schedules: ck_hs one-key
# tsan: yes
/^static enum capacitor_result ck_hs_cache_get(/,/^}/{
s/^\tresult = get_inside(.*/\tstruct entry *entry = find(handle, \&key);\n\n\tread_end(handle);\n\tresult = entry ? operation_copy(handle, entry, buffer, buffer_bytes, value_bytes) : operation_miss(handle);/
/^\tread_end(/d
}
