# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: a handle that is used again registers its record again
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: registered twice
# matrix: yes
/^static enum capacitor_result ck_hs_cache_enter(/,/^}/s/^\tif (first)/\tif (first || handle)/
