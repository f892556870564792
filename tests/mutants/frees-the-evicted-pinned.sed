# SPDX-License-Identifier: BSD-2-Clause
# what: an entry that is evicted or deleted is recycled although it is pinned
# file: common/operation.c
# impl: sharded
# class: evict a pinned entry
# matrix: yes
# conformance: yes
/^static size_t bury(/,/^}/s/if (operation_pinned(cache, entry))/if (retired \&\& operation_pinned(cache, entry))/
/^static struct entry \*evict_one(/,/^}/s/if (!operation_pinned(handle->cache, victim))/if (victim)/
