# SPDX-License-Identifier: BSD-2-Clause
# what: replace stores over an expired entry
# file: common/segment.c
# impl: unsync
# class: wrong condition
# conformance: yes
s/mode == STORE_REPLACE && !there/mode == STORE_REPLACE \&\& !old/
