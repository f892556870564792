# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: what is retired waits for a grace period that has begun already
# file: impl/rcu/rcu.c
# impl: rcu
# class: missing grace period
# schedules: rcu one-key
# matrix: yes
s/number = grace->started + 1;/number = grace->started + (load_relaxed(\&grace->completed) == grace->started);/
