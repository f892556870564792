# SPDX-License-Identifier: BSD-2-Clause
# what: a buffer that is too small is told its own length
# file: common/operation.h
# impl: unsync
# class: wrong result
# conformance: yes
s/\*value_bytes = entry->value_bytes;/*value_bytes = entry->value_bytes > buffer_bytes ? buffer_bytes : entry->value_bytes;/
