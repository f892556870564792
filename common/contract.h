/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a reclamation scheme promises, told to ThreadSanitizer.
 *
 * liburcu and Concurrency Kit order memory with inline assembly that ThreadSanitizer cannot see. These annotations state
 * the contract that the library gives, per object, and nothing more:
 *
 *   contract_publish(object)   right before it is linked          happens before   contract_found(object)
 *   contract_found(object)     first thing on reaching an object, inside a read section
 *   contract_read_end()        right before the real end of the section   happens before   contract_reclaim(object)
 *                              for every object found in it
 *   contract_retire(object)    after unlinking, before handing it to the reclaimer     happens before   reclaim
 *   contract_reclaim(object)   first thing once the grace period is over
 *   contract_exclusive(token)  after taking a writer lock: a plain store, so that two writers at once are a data race
 *
 * A forgotten annotation gives a false report or an abort, never a missed bug. In other builds all of it is empty. An
 * object is at least 16 bytes, aligned to 8: its first word carries publish to found, its second section-end to reclaim.
 */
#ifndef COMMON_CONTRACT_H
#define COMMON_CONTRACT_H

#include <stdint.h>

#if defined(COHERENCE) /* compiled as for ThreadSanitizer, but for a runtime to which nothing has to be told */
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CONTRACT_CHECKED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) && !defined(COHERENCE)
#define CONTRACT_CHECKED 1
#endif

#if defined(CONTRACT_CHECKED)

void contract_read_begin(void);
void contract_read_end(void);
void contract_found(const void *object);
void contract_publish(void *object);
void contract_retire(void *object);
void contract_reclaim(void *object);

static inline void contract_exclusive(char *token)
{
	*(volatile char *)token = 1;
}

#else

static inline void contract_read_begin(void) {}
static inline void contract_read_end(void) {}
static inline void contract_found(const void *object) { (void)object; }
static inline void contract_publish(void *object) { (void)object; }
static inline void contract_retire(void *object) { (void)object; }
static inline void contract_reclaim(void *object) { (void)object; }
static inline void contract_exclusive(char *token) { (void)token; }

#endif
#endif
