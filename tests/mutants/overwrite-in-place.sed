# SPDX-License-Identifier: BSD-2-Clause
# what: overwriting a value of the same length writes into the old entry
# file: common/segment.c
# impl: rwlock
# class: in-place write
# schedules: rwlock one-key
# matrix: yes
# conformance: yes
/^enum capacitor_result segment_store/,/^}/s/^\toperation_make_room/\tif (there \&\& old->value_bytes == fresh->value_bytes) {\n\t\tmemcpy(entry_value(old), entry_value(fresh), fresh->value_bytes);\n\t\told->expires_ns = fresh->expires_ns;\n\t\treturn entry_list_push(dead, fresh), CAPACITOR_STORED;\n\t}\n&/
