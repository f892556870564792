# SPDX-License-Identifier: BSD-2-Clause
# what: s3fifo does not know who comes back
# file: common/policy.c
# impl: unsync
# class: wrong order
# conformance: yes
/^static bool ghost_recall/,/^}/s/^\t\t\treturn true;/\t\t\treturn false;/
