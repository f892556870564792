# SPDX-License-Identifier: BSD-2-Clause
# what: what a core has seen stays new to it
# file: coherence/directory.c
# scenarios: forget
/^void directory_judge/,/^}/ { /stale.* = 0;/d }
