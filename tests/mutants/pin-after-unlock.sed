# SPDX-License-Identifier: BSD-2-Clause
# what: pin marks its entry after it released the lock
# file: impl/sharded/sharded.c
# impl: sharded
# class: use after unlock
# schedules: sharded one-key
# conformance: yes
/sharded_pin(struct/,/^}/{
s/^\t\tresult = operation_pin/\t\tunlock(shard);\n&/
s/^\t\tresult = operation_miss/\t\tunlock(shard);\n&/
/^\tunlock(shard);/d
}
