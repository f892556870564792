# SPDX-License-Identifier: BSD-2-Clause
# what: add stores over a key that is there
# file: common/segment.c
# impl: rwlock
# class: wrong condition
# conformance: yes
s/mode == STORE_ADD && there/mode == STORE_ADD \&\& false/
