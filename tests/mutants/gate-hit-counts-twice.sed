# SPDX-License-Identifier: BSD-2-Clause
# what: a hit adds to a word that all threads share
# file: impl/rcu/rcu.c
# impl: rcu
# class: true sharing
# gate: rcu, hits: get
# says: get_inside()
/^static enum capacitor_result get_inside(/,/^}/s/^\tpolicy_hit(.*/\tfetch_add_relaxed(\&cache_of(handle)->grace.completed, 0);\n&/
