# SPDX-License-Identifier: BSD-2-Clause
# what: rcu reads outside a read section
# file: impl/rcu/rcu.c
# impl: rcu
# class: no read section
# conformance: yes
/^static void read_begin/,/^}/s/rcu_read_lock();//
/^static void read_end/,/^}/s/rcu_read_unlock();//
