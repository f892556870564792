# SPDX-License-Identifier: BSD-2-Clause
# what: somebody counts the hits of the cache, in one word for all threads, beside what every get reads (README's walk-through)
# file: impl/rcu/rcu.c
# impl: rcu
# class: true and false sharing
/^struct rcu_cache {/,/^}/s/^\tstruct shard \*shards;/&\n\tuint64_t hits;/
/^static enum capacitor_result get_inside(/,/^}/s/^\tpolicy_hit(.*/\tfetch_add_relaxed(\&cache_of(handle)->hits, 1);\n&/
