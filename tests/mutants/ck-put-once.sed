# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: a store tries once, and takes an eviction for success
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: missing retry
# matrix: yes
# conformance: yes
/^static void put(/,/^}/s/while (!ck_hs_put/if (!ck_hs_put/
