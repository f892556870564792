# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs reads outside an epoch
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: no read section
# matrix: yes
# conformance: yes
/^static void read_begin/,/^}/s/ck_epoch_begin(.*);/(void)handle;/
/^static void read_end/,/^}/s/ck_epoch_end(.*);/(void)handle;/
