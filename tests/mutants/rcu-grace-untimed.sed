# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: the time of a grace period is taken when it is over
# file: impl/rcu/rcu.c
# impl: rcu
# class: wrong statistic
# conformance: yes
s/load_relaxed(&grace->completed_ns) + monotonic_ns() - from_ns);/load_relaxed(\&grace->completed_ns) + from_ns - from_ns);/
