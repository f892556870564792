# SPDX-License-Identifier: BSD-2-Clause
# what: replace stores a key that is not there
# file: common/segment.c
# impl: rwlock
# class: wrong condition
# conformance: yes
s/mode == STORE_REPLACE && !there/mode == STORE_REPLACE \&\& false/
