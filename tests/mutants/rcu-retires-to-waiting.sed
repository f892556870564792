# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: what is retired joins those whose grace period is under way
# file: impl/rcu/rcu.c
# impl: rcu
# class: wrong retire list
# schedules: rcu one-key
# matrix: yes
/^static int64_t retire(struct/,/^}/s/&shard->limbo.open, entry/shard->limbo.waiting.first ? \&shard->limbo.waiting : \&shard->limbo.open, entry/
