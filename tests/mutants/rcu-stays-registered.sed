# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: a thread that leaves stays registered
# file: impl/rcu/rcu.c
# impl: rcu
# class: forgotten unregister
# matrix: yes
# conformance: yes
/^static void rcu_leave(/,/^}/s/rcu_unregister_thread();/return;/
