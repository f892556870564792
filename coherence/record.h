/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record of a run: JSON, the same bytes for the same run. Addresses of code and of static objects are those of the
 * program's own ELF file (as nm and addr2line count them), so that they do not depend on where it was loaded.
 *
 * {
 *   "format": "capacitor-coherence 1",
 *   "subject": { ... },                       as given to coherence_record
 *   "settings": { "schedule": "coop", "seed": 1, "line_bytes": 64, "shift_bytes": 0, "processors": 8,
 *                 "latency": { "hit": 1, "rmw": 18, ..., "per_1000_ns": 2500 } },
 *   "totals": { "steps": n, "switches": n, "lines": n, "cycles": n },
 *   "operations": [                           kinds that have any access; the first may be "between" (kind 0)
 *     { "name": "get", "true": n, "late": n, "false": n, "cold": n, "upgrade_true": n, "upgrade_false": n,
 *       "operations": n, "reads": n, ... }    every name of coherence_count_names
 *   ],
 *   "lines": [                                hottest first: by transactions without the cold; at most 200, that have any
 *     { "true": n, ..., "upgrade_false": n, "transfers": n, "invalidations": n, "cas_failures": n, "queue_cycles": n,
 *       "cores": n,                           that ever met it
 *       "objects": [                          what lies in it, by address
 *         { "kind": "heap", "type": "struct shard", "site": 4660, "bytes": 640, "offset": 128 },
 *         { "kind": "static", "address": 8192 },
 *         { "kind": "stack", "core": 3 },     a thread's stack or thread-local variables
 *         { "kind": "unknown" }
 *       ],
 *         type: absent where coherence_object did not tell; site: the return address of the allocation; offset: of the
 *         line's first byte in the object (negative where the object begins inside the line). Arrays have "element_bytes".
 *       "heat": [ { "core": 1, "reads": [8 numbers], "writes": [8 numbers] } ],     per eighth of the line
 *       "sites": [ { "site": 4660, "true": n, ..., "upgrade_false": n, "words": [first, last] } ]
 *         which code met it: return addresses (the access is just before), the eighths of the line it touched, hottest first
 *     } ],
 *   "sites": [ { "site": 4660, "true": n, ... "upgrade_false": n } ],   hottest first, over all lines; at most 200
 *   "fields": [                               over all lines, by what was touched and by which code; hottest first; at most 400
 *     { "site": 4660, "true": n, ..., "upgrade_false": n, "type": "struct shard[]", "offset": 40 }
 *         type: as above, or absent: then "allocated": the site of the allocation, or "address", or neither. offset: of the
 *         first eighth of a line that was touched, from the first byte of the object, or of the array's element; absent for
 *         objects of more than 4 KiB
 *   ],
 *   "locks": [ { "objects": [ as above, one ], "locks": n, "waits": n, "handovers": n, "wait_cycles": n } ],  most waited for first
 *   "unseen": [ "libsodium", ... ]            libraries that are linked, whose accesses are not seen
 * }
 */
#ifndef COHERENCE_RECORD_H
#define COHERENCE_RECORD_H

#define COHERENCE_RECORD_FORMAT "capacitor-coherence 1"

#endif
