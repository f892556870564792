# SPDX-License-Identifier: BSD-2-Clause
# what: a handle is published to reclaimers with a relaxed store
# file: common/capacitor.c
# impl: rcu
# class: relaxed publish
# matrix: yes
s/store_release(&cache->handles\[mine->slot\], mine);/store_relaxed(\&cache->handles[mine->slot], mine);/
