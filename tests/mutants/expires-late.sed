# SPDX-License-Identifier: BSD-2-Clause
# what: entries expire a nanosecond late
# file: common/operation.h
# impl: unsync
# class: TTL off by one tick
# matrix: yes
# conformance: yes
# ci: yes
s/operation_now_ns(cache) >= entry->expires_ns/operation_now_ns(cache) > entry->expires_ns/
