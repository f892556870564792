# SPDX-License-Identifier: BSD-2-Clause
# what: threads add to a shared counter without an atomic
# file: common/counters.h
# impl: rwlock
s/if (slot->shared)/if (false)/
