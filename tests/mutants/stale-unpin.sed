# SPDX-License-Identifier: BSD-2-Clause
# what: unpin releases whatever is in the slot
# file: common/capacitor.c
# impl: unsync
# class: ABA
# matrix: yes
# conformance: yes
# ci: yes
s/if (!entry || entry_value(entry) != pin->value)/if (!entry)/
