# SPDX-License-Identifier: BSD-2-Clause
# what: an item of a list may be longer than its room
# file: harness/options.c
# fuzz: options
/^static bool next_item/,/^}/s/if (length >= ITEM_BYTES)/if (length >= 4 * ITEM_BYTES)/
