# SPDX-License-Identifier: BSD-2-Clause
# what: each visits expired entries
# file: common/operation.c
# impl: unsync
# class: wrong condition
# conformance: yes
/^bool operation_each/,/^}/s/!operation_expired(handle->cache, entry)/handle/
