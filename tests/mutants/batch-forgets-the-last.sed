# SPDX-License-Identifier: BSD-2-Clause
# what: get_many leaves the last request of a batch out
# file: impl/sharded/sharded.c
# impl: sharded
# class: off by one
# conformance: yes
/sharded_get_many(struct/,/^}/s/i < requested/i + 1 < requested/
