# SPDX-License-Identifier: BSD-2-Clause
# what: reclaiming looks at the first pin of a thread only
# file: common/operation.c
# impl: unsync
# class: early free
# conformance: yes
# ci: yes
s/pin < CAPACITOR_PINS_MAX; pin++)/pin < 1; pin++)/
