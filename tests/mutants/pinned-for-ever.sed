# SPDX-License-Identifier: BSD-2-Clause
# what: what was pinned once is never reclaimed
# file: common/operation.c
# impl: unsync
# class: memory leak
# conformance: yes
/^static enum capacitor_result reclaim_until/,/^}/s/operation_bury_pinned(handle);/if (0)\n\t\t\toperation_bury_pinned(handle);/
