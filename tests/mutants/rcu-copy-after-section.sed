# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: get copies the value after its read section
# file: impl/rcu/rcu.c
# impl: rcu
# class: use after unlock
# schedules: rcu one-key
# matrix: yes
# tsan: yes
/^static enum capacitor_result rcu_get(/,/^}/{
s/^\tresult = get_inside(.*/\tstruct entry *entry = find(handle, \&key);\n\n\tread_end();\n\tresult = entry ? operation_copy(handle, entry, buffer, buffer_bytes, value_bytes) : operation_miss(handle);/
/^\tread_end(/d
}
