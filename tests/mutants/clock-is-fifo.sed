# SPDX-License-Identifier: BSD-2-Clause
# what: clock gives no second chance
# file: common/policy.c
# impl: unsync
# class: wrong order
# conformance: yes
/evict_clock(struct/,/^}/s/walked > 0 &&/walked > SIZE_MAX - 1 \&\&/
