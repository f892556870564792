# SPDX-License-Identifier: BSD-2-Clause
# what: overwriting a value of the same length keeps the old one
# file: common/segment.c
# impl: rwlock
# class: stale after overwrite
# matrix: yes
# conformance: yes
# ci: yes
/^enum capacitor_result segment_store/,/^}/s/^\toperation_make_room/\tif (there \&\& old->value_bytes == fresh->value_bytes)\n\t\treturn entry_list_push(dead, fresh), CAPACITOR_STORED;\n&/
