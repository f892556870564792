# SPDX-License-Identifier: BSD-2-Clause
# what: a lock counts who waited for it, and not how long
# file: common/contention.h
# impl: rwlock
# class: wrong statistic
# conformance: yes
s/fetch_add_relaxed(&contention->wait_ns, wait_ns);/fetch_add_relaxed(\&contention->wait_ns, wait_ns - wait_ns);/
