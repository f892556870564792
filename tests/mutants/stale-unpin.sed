# SPDX-License-Identifier: BSD-2-Clause
# what: unpin releases whatever is in the slot
# file: common/capacitor.c
# impl: unsync
s/if (!entry || entry_value(entry) != pin->value)/if (!entry)/
