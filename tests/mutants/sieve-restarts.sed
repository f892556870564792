# SPDX-License-Identifier: BSD-2-Clause
# what: the hand of sieve starts at the oldest each time
# file: common/policy.c
# impl: unsync
# class: wrong order
# conformance: yes
/evict_sieve(struct/,/^}/s/policy->hand = entry->prev;/policy->hand = NULL;/
