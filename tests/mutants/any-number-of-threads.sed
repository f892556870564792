# SPDX-License-Identifier: BSD-2-Clause
# what: threads_max is not kept
# file: common/capacitor.c
# impl: rwlock
# class: wrong bound
# conformance: yes
s/if (cache->threads_inside == cache->config.threads_max) {/if (cache->threads_inside + 1 == 0) {/
