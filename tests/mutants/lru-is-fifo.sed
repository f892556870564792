# SPDX-License-Identifier: BSD-2-Clause
# what: lru does not reorder
# file: common/policy.c
# impl: unsync
# class: wrong order
# conformance: yes
/^void policy_touch/,/^}/s/if (policy->main.front == entry)/if (entry)/
