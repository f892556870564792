# SPDX-License-Identifier: BSD-2-Clause
# what: a pin is released with a relaxed store
# file: common/capacitor.c
# impl: rcu
# class: relaxed publish
# tsan: yes
/^enum capacitor_result capacitor_unpin/,/^}/s/store_release(/store_relaxed(/
