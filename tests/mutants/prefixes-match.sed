# SPDX-License-Identifier: BSD-2-Clause
# what: a key matches those that it begins
# file: common/entry.h
# impl: unsync
# class: wrong condition
# conformance: yes
s/entry_key_bytes(entry) == key->bytes &&/entry_key_bytes(entry) >= key->bytes \&\&/
