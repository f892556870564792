/* SPDX-License-Identifier: BSD-2-Clause */
/* Waits for locks; see contention.h. */
#include "common/contention.h"

#include "common/operation.h"

void contention_wait(pthread_mutex_t *mutex, struct contention *contention)
{
	uint64_t from_ns = monotonic_ns();

	pthread_mutex_lock(mutex);
	contention_add(contention, monotonic_ns() - from_ns);
}

bool contention_show(const struct contention *contention, const char *name, unsigned index, bool in_statistics,
                     capacitor_lock_visitor *visitor, void *context)
{
	struct capacitor_lock lock = {
		.name = name,
		.index = index,
		.in_statistics = in_statistics,
		.waits = load_relaxed(&contention->waits), /* relaxed: amounts */
		.wait_ns = load_relaxed(&contention->wait_ns),
	};

	return visitor(context, &lock);
}
