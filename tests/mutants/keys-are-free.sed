# SPDX-License-Identifier: BSD-2-Clause
# what: keys are not charged
# file: common/entry.h
# impl: unsync
# class: double charge
# conformance: yes
/^static inline size_t entry_charge/,/^}/s/entry_block_bytes(entry_key_bytes(entry), /entry_block_bytes(1, /
