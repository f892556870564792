# SPDX-License-Identifier: BSD-2-Clause
# what: rcu reclaims without waiting for readers
# file: impl/rcu/rcu.c
# impl: rcu
# class: missing grace period
# schedules: rcu one-key
# matrix: yes
# conformance: yes
/^static bool grace_over/,/^}/s/return .*/(void)grace, (void)number; return true;/
