# SPDX-License-Identifier: BSD-2-Clause
# what: a hit by get tells the policy nothing
# file: impl/sharded/sharded.c
# impl: mutant
/sharded_get(struct/,/^}/s/segment_use(.*);/(void)0;/
