# SPDX-License-Identifier: BSD-2-Clause
# what: overwriting an expired entry keeps its place in the order
# file: common/operation.c
# impl: unsync
# class: wrong order
# conformance: yes
s/if (old && !old_expired && /if (old \&\& (old_expired || true) \&\& /
