# SPDX-License-Identifier: BSD-2-Clause
# what: who has a copy and writes is taken for one who has none
# file: coherence/directory.c
# scenarios: header_one
s/^\tif (cores_has(&line->holders, copy->core)) {/\tif (!copy) {/
