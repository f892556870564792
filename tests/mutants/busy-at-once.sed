# SPDX-License-Identifier: BSD-2-Clause
# what: a writer does not wait for memory
# file: common/operation.c
# impl: unsync
# class: missing retry
# matrix: yes
# conformance: yes
s/} else if (monotonic_ns() >= deadline_ns) {/} else if (deadline_ns) {/
