# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: who wants a grace period does not wake the thread that waits for one
# file: impl/rcu/rcu.c
# impl: rcu
# class: lost wake-up
# matrix: yes
/^static uint64_t grace_request(/,/^}/s/pthread_cond_signal(&grace->wanted);//
