# SPDX-License-Identifier: BSD-2-Clause
# what: entries do not expire
# file: common/operation.h
# impl: unsync
# class: wrong condition
# conformance: yes
s/entry->expires_ns != ENTRY_NEVER_EXPIRES && operation_now_ns(cache) >= entry->expires_ns/false \&\& cache \&\& entry/
