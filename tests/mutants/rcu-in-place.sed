# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: overwriting a value of the same length writes into the entry that readers copy
# file: impl/rcu/rcu.c
# impl: rcu
# class: torn value
# schedules: rcu one-key
# matrix: yes
# tsan: yes
/^static enum capacitor_result store_locked/,/^}/s/^\toperation_make_room/\tif (there \&\& old->value_bytes == fresh->value_bytes) {\n\t\tmemcpy(entry_value(old), entry_value(fresh), fresh->value_bytes);\n\t\toperation_recycle(handle, fresh);\n\t\treturn CAPACITOR_STORED;\n\t}\n&/
