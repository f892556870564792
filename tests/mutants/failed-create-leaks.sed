# SPDX-License-Identifier: BSD-2-Clause
# what: a cache that cannot be made leaves its first part behind
# file: common/capacitor.c
# impl: sharded
# class: memory leak
# matrix: yes
# conformance: yes
# ci: yes
/^enum capacitor_result capacitor_create(/,/^}/s/^\t\tcache_fini(\*cache);//
