# SPDX-License-Identifier: BSD-2-Clause
# what: s3fifo moves nobody to the main queue
# file: common/policy.c
# impl: unsync
# class: wrong order
# conformance: yes
s/if (!visited(entry, SMALL_PROMOTION)) {/if (entry) {/
