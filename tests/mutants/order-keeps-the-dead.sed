# SPDX-License-Identifier: BSD-2-Clause
# what: delete leaves the entry in the order of the policy
# file: common/segment.c
# impl: rwlock
# class: stale order
# conformance: yes
/^enum capacitor_result segment_delete/,/^}/s/policy_remove(&segment->policy, entry);//
