# SPDX-License-Identifier: BSD-2-Clause
# what: what a core had used in earlier stays counts as used in this one
# file: coherence/directory.c
# scenarios: ring
/copy->used = 0;/d
