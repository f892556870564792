# SPDX-License-Identifier: BSD-2-Clause
# what: what was written before a first contact stays new
# file: coherence/directory.c
# scenarios: remember
/^static void meet/,/^}/ { /stale.* = 0;/d }
