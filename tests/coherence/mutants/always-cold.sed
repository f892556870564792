# SPDX-License-Identifier: BSD-2-Clause
# what: every miss is a first contact
# file: coherence/directory.c
# scenarios: shared
s/copy->met = true;/copy->met = false;/
