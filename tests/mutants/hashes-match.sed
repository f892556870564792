# SPDX-License-Identifier: BSD-2-Clause
# what: keys with the same hash and length are the same
# file: common/entry.h
# impl: unsync
# class: wrong condition
# conformance: yes
s/memcmp(entry->bytes, key->data, key->bytes) == 0/true/
