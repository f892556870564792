# SPDX-License-Identifier: BSD-2-Clause
# what: blocks of dead entries are freed, not used again
# file: common/operation.c
# impl: unsync
# class: wrong allocation
# conformance: yes
s/if (block_bytes <= SPARE_BYTES_MAX) {/if (block_bytes == 0) {/
