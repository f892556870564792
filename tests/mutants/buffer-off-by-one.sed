# SPDX-License-Identifier: BSD-2-Clause
# what: a value is copied into a buffer that is one byte too short
# file: common/operation.h
# impl: unsync
# class: wrong bound
# matrix: yes
# conformance: yes
# ci: yes
s/entry->value_bytes > buffer_bytes)/entry->value_bytes > buffer_bytes + 1)/
