# SPDX-License-Identifier: BSD-2-Clause
# what: an owner may go on writing when others have read
# file: coherence/directory.c
# scenarios: header_one
s/line->owner = nobody_holds(&line->holders) ? (int16_t)core : NO_OWNER;/line->owner = nobody_holds(\&line->holders) ? (int16_t)core : line->owner;/
