# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: pin marks its entry after its read section
# file: impl/rcu/rcu.c
# impl: rcu
# class: use after unlock
# schedules: rcu one-key
# tsan: yes
/^static enum capacitor_result rcu_pin(/,/^}/{
/^\tread_end(/d
s/^\tif (entry) {/\tread_end();\n&/
}
