# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: get leaves its read section and begins another between finding an entry and copying it
# file: impl/rcu/rcu.c
# impl: rcu
# class: quiescent state while holding a pointer
# schedules: rcu one-key
# matrix: yes
# tsan: yes
/^static enum capacitor_result get_inside(/,/^}/s/^\tpolicy_hit(.*/\tread_end();\n\tread_begin();\n&/
