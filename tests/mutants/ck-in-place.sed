# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: overwriting a value of the same length writes into the entry that readers copy
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: torn value
# schedules: ck_hs one-key
# tsan: yes
/^static enum capacitor_result store_locked/,/^}/s/^\toperation_make_room/\tif (there \&\& old->value_bytes == fresh->value_bytes) {\n\t\tmemcpy(entry_value(old), entry_value(fresh), fresh->value_bytes);\n\t\toperation_recycle(handle, fresh);\n\t\treturn CAPACITOR_STORED;\n\t}\n&/
