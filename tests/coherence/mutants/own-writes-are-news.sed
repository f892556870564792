# SPDX-License-Identifier: BSD-2-Clause
# what: an owner is told of its own writes
# file: coherence/directory.c
# scenarios: packed
s/if (copy->core != line->owner)/if (copy)/
