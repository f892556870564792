# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: get reads outside a read section
# file: impl/rcu/rcu.c
# impl: rcu
# class: no read section
# schedules: rcu one-key
# matrix: yes
# tsan: yes
/^static enum capacitor_result rcu_get(/,/^}/{
/^\tread_begin(/d
/^\tread_end(/d
}
