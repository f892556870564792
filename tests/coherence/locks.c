/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Concurrency Kit's spin locks: code under study, every access is seen. Each lock, each queue's node and the word that
 * they guard have lines of their own; but Anderson's slots are an array, as Concurrency Kit has them.
 */
#include "tests/coherence/locks.h"

#include <ck_spinlock.h>
#include <stddef.h>

#define ALIGNED __attribute__((aligned(128)))

static struct {
	ck_spinlock_fas_t fas ALIGNED;
	ck_spinlock_cas_t cas ALIGNED;
	ck_spinlock_dec_t dec ALIGNED;
	ck_spinlock_ticket_t ticket ALIGNED;
	ck_spinlock_mcs_t mcs ALIGNED;
	ck_spinlock_clh_t *clh ALIGNED;
	ck_spinlock_anderson_t anderson ALIGNED;
	long sum ALIGNED;
} the ALIGNED;

static struct {
	ck_spinlock_mcs_context_t mcs ALIGNED;
	ck_spinlock_clh_t clh ALIGNED;
	ck_spinlock_clh_t *own ALIGNED; /* CLH: nodes change hands */
} nodes[LOCK_WORKERS_MAX + 1];

static ck_spinlock_anderson_thread_t slots[LOCK_WORKERS_MAX] ALIGNED;

long locks_sum(void)
{
	return the.sum;
}

/* ---- One word ---------------------------------------------------------------------------------------------------- */

#define OF_ONE_WORD(kind)                                                                                              \
	static void kind##_init(unsigned workers)                                                                      \
	{                                                                                                              \
		(void)workers;                                                                                         \
		ck_spinlock_##kind##_init(&the.kind);                                                                  \
	}                                                                                                              \
	static void kind##_pass(unsigned worker)                                                                       \
	{                                                                                                              \
		(void)worker;                                                                                          \
		ck_spinlock_##kind##_lock(&the.kind);                                                                  \
		the.sum++;                                                                                             \
		ck_spinlock_##kind##_unlock(&the.kind);                                                                \
	}

OF_ONE_WORD(fas)
OF_ONE_WORD(cas)
OF_ONE_WORD(dec)
OF_ONE_WORD(ticket)

/* ---- Queues ------------------------------------------------------------------------------------------------------ */

static void mcs_init(unsigned workers)
{
	(void)workers;
	ck_spinlock_mcs_init(&the.mcs);
}

static void mcs_pass(unsigned worker)
{
	ck_spinlock_mcs_lock(&the.mcs, &nodes[worker].mcs);
	the.sum++;
	ck_spinlock_mcs_unlock(&the.mcs, &nodes[worker].mcs);
}

static void clh_init(unsigned workers)
{
	ck_spinlock_clh_init(&the.clh, &nodes[workers].clh);
	for (unsigned i = 0; i < workers; i++)
		nodes[i].own = &nodes[i].clh;
}

static void clh_pass(unsigned worker)
{
	ck_spinlock_clh_lock(&the.clh, nodes[worker].own);
	the.sum++;
	ck_spinlock_clh_unlock(&nodes[worker].own);
}

/* It wants as many slots as there are workers, and a power of two of them. */
static void anderson_init(unsigned workers)
{
	ck_spinlock_anderson_init(&the.anderson, slots, workers);
}

static void anderson_pass(unsigned worker)
{
	ck_spinlock_anderson_thread_t *slot;

	(void)worker;
	ck_spinlock_anderson_lock(&the.anderson, &slot);
	the.sum++;
	ck_spinlock_anderson_unlock(&the.anderson, slot);
}

#define KIND(kind) {#kind, kind##_init, kind##_pass}

const struct lock_kind lock_kinds[] = {
	KIND(fas), KIND(cas), KIND(dec), KIND(ticket), KIND(mcs), KIND(clh), KIND(anderson), {NULL, NULL, NULL},
};
