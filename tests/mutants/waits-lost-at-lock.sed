# SPDX-License-Identifier: BSD-2-Clause
# what: waits in the statistics are missing at their lock
# file: common/operation.c
# impl: rcu
# class: wrong statistic
# conformance: yes
/^void operation_waited/,/^}/s/contention_add(contention, wait_ns);/(void)contention;/
