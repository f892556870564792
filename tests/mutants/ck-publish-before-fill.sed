# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: a store links its entry, then fills in the value
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: publish before init
# schedules: ck_hs one-key
# matrix: yes
# tsan: yes
/^static enum capacitor_result ck_hs_cache_store(/,/^}/{
s/^\tlock(handle, shard);/\tif (value_bytes > 0)\n\t\tmemset(entry_value(fresh), 0, value_bytes);\n&/
s/^\tresult = store_locked(.*/&\n\tif (result == CAPACITOR_STORED \&\& value_bytes > 0)\n\t\tmemcpy(entry_value(fresh), value, value_bytes);/
}
