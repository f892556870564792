# SPDX-License-Identifier: BSD-2-Clause
# what: a loader that is done does not wake those who wait for its value
# file: common/flight.c
# impl: sharded
# class: lost wake-up
# schedules: sharded loads
# matrix: yes
/^static void end(/,/^}/s/pthread_cond_broadcast(&stripe->landed);//
