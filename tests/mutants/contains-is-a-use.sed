# SPDX-License-Identifier: BSD-2-Clause
# what: contains counts as a use for the policy
# file: impl/sharded/sharded.c
# impl: sharded
# class: wrong order
# conformance: yes
/sharded_contains(struct/,/^}/{
s/bool found = segment_find(.*/struct entry *found = segment_find(segment, handle->cache, \&key);\n\tif (found)\n\t\tsegment_use(segment, handle->cache, found);/
}
