# SPDX-License-Identifier: BSD-2-Clause
# what: eviction takes the pinned, too
# file: common/operation.c
# impl: sharded
# class: evict a pinned entry
# matrix: yes
/^static struct entry \*evict_one(/,/^}/s/if (!operation_pinned(handle->cache, victim))/if (victim)/
