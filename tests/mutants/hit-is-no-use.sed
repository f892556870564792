# SPDX-License-Identifier: BSD-2-Clause
# what: a hit by get tells the policy nothing
# file: impl/sharded/sharded.c
# impl: sharded
# class: wrong order
# conformance: yes
/sharded_get(struct/,/^}/s/segment_use(.*);/(void)0;/
