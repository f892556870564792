# SPDX-License-Identifier: BSD-2-Clause
# what: a deadline beyond the end of time is in the past
# file: common/operation.c
# impl: unsync
# class: overflow
# conformance: yes
s/return ttl_ns < ENTRY_NEVER_EXPIRES - now_ns ? now_ns + ttl_ns : ENTRY_NEVER_EXPIRES;/return now_ns + ttl_ns;/
