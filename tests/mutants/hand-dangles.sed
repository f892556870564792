# SPDX-License-Identifier: BSD-2-Clause
# what: the hand of sieve stays on an entry that is deleted
# file: common/policy.c
# impl: sharded
# class: early free
# schedules: sharded no-room
# matrix: yes
# conformance: yes
# ci: yes
/^void policy_remove(/,/^}/s/if (policy->hand == entry)/if (policy->hand == entry \&\& false)/
