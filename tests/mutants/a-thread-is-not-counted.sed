# SPDX-License-Identifier: BSD-2-Clause
# what: the counters of the last thread are left out
# file: common/counters.c
# impl: null
# class: wrong bound
# conformance: yes
s/thread < threads; thread++/thread + (threads > 1) < threads; thread++/
