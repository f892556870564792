# SPDX-License-Identifier: BSD-2-Clause
# what: deleting an expired entry is a hit
# file: common/segment.c
# impl: unsync
# class: wrong result
# conformance: yes
s/return expired ? CAPACITOR_MISS : CAPACITOR_HIT;/return CAPACITOR_HIT;/
