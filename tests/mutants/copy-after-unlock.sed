# SPDX-License-Identifier: BSD-2-Clause
# what: get copies the value after it released the lock
# file: impl/sharded/sharded.c
# impl: sharded
# class: use after unlock
# schedules: sharded one-key
# conformance: yes
/sharded_get(struct/,/^}/{
s/^\t\tresult = operation_copy/\t\tunlock(shard);\n&/
s/^\t\tresult = operation_miss/\t\tunlock(shard);\n&/
/^\tunlock(shard);/d
}
