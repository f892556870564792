# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: what is unlinked is used again at once
# file: impl/rcu/rcu.c
# impl: rcu
# class: early free
# schedules: rcu one-key
# matrix: yes
# tsan: yes
/^static int64_t retire(struct/,/^}/{
s/contract_retire(entry);//
s/&shard->limbo.open, entry/\&shard->limbo.ready, entry/
}
