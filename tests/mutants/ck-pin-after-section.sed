# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: pin marks its entry after its read section
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: use after unlock
# schedules: ck_hs one-key
# matrix: yes
# tsan: yes
/^static enum capacitor_result ck_hs_cache_pin(/,/^}/{
/^\tread_end(/d
s/^\tif (entry) {/\tread_end(handle);\n&/
}
