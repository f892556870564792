# SPDX-License-Identifier: BSD-2-Clause
# what: rcu gets under the lock of the shard
# file: impl/rcu/rcu.c
# impl: rcu
# class: not lock-free
# matrix: yes
# conformance: yes
/rcu_get(struct/,/^}/{
s/^\tread_begin();/\tlock(handle, shard_of(handle, \&key));\n&/
s/^\tread_end();/&\n\tunlock(shard_of(handle, \&key));/
}
