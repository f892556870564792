# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: get reads outside a read section
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: no read section
# schedules: ck_hs one-key
# tsan: yes
/^static enum capacitor_result ck_hs_cache_get(/,/^}/{
/^\tread_begin(/d
/^\tread_end(/d
}
