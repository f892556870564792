# SPDX-License-Identifier: BSD-2-Clause
# what: threads add to a shared counter without an atomic
# file: common/counters.h
# impl: rwlock
# class: lost update
# matrix: yes
# conformance: yes
s/if (slot->shared)/if (false)/
