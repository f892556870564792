/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which probes the library is built with: code that only measures. All of them are, unless PROBES says otherwise.
 *
 * The switch is one of compile time: to look at run time whether to measure would be paid by every lock, also where nothing is
 * measured, and hide that cost in both of what is compared. Builds without a probe are for `make probes` alone, which tells
 * what each costs; their statistics are 0.
 */
#ifndef COMMON_PROBES_H
#define COMMON_PROBES_H

#define PROBE_LOCKS 1 /* locks taken, and waits for them: counted, timed, per lock */
#define PROBE_ROOM  2 /* time that stores wait for room */
#define PROBE_GRACE 4 /* time that grace periods take */

#if !defined(PROBES)
#define PROBES (PROBE_LOCKS | PROBE_ROOM | PROBE_GRACE)
#endif

#define PROBED(probe) ((PROBES & (probe)) != 0)

#endif
