/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of everything that the interface numbers. */
#include <assert.h>
#include <string.h>

#include "capacitor/cache.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char *name_of(const char *const *names, size_t count, size_t number, const char *unknown)
{
	return number < count ? names[number] : unknown;
}

static bool number_of(const char *const *names, size_t count, const char *name, size_t *number)
{
	for (size_t i = 0; name && i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			*number = i;
			return true;
		}
	}
	return false;
}

static const char *const results[] = {
	"ok", "hit", "miss", "stored", "exists", "too large", "no memory", "buffer too small", "invalid", "busy",
};
static_assert(LENGTH(results) == CAPACITOR_RESULTS, "every result has a name");

const char *capacitor_result_string(enum capacitor_result result)
{
	return name_of(results, LENGTH(results), (size_t)result, "unknown result");
}

static const char *const operations[] = {"get", "pin", "contains", "set", "delete", "get_many", "each"};
static_assert(LENGTH(operations) == CAPACITOR_OPERATIONS, "every operation has a name");

const char *capacitor_operation_string(enum capacitor_operation operation)
{
	return name_of(operations, LENGTH(operations), (size_t)operation, "unknown operation");
}

static const char *const progresses[] = {"blocking", "lock-free", "wait-free", "single-threaded"};

const char *capacitor_progress_string(enum capacitor_progress progress)
{
	return name_of(progresses, LENGTH(progresses), (size_t)progress, "unknown progress");
}

static const char *const policies[] = {"fifo", "lru", "clock", "sieve", "s3fifo"};
static_assert(LENGTH(policies) == CAPACITOR_POLICIES, "every policy has a name");

const char *capacitor_policy_string(enum capacitor_policy policy)
{
	return name_of(policies, LENGTH(policies), (size_t)policy, "unknown policy");
}

bool capacitor_policy_find(const char *name, enum capacitor_policy *policy)
{
	size_t number;

	if (!number_of(policies, LENGTH(policies), name, &number))
		return false;
	*policy = (enum capacitor_policy)number;
	return true;
}

static const char *const layouts[] = {"global", "packed", "padded"};
static_assert(LENGTH(layouts) == CAPACITOR_COUNTER_LAYOUTS, "every layout has a name");

const char *capacitor_counters_string(enum capacitor_counters counters)
{
	return name_of(layouts, LENGTH(layouts), (size_t)counters, "unknown layout");
}

bool capacitor_counters_find(const char *name, enum capacitor_counters *counters)
{
	size_t number;

	if (!number_of(layouts, LENGTH(layouts), name, &number))
		return false;
	*counters = (enum capacitor_counters)number;
	return true;
}

static const struct {
	const char *name, *unit, *meaning;
} stats[] = {
	[CAPACITOR_STAT_HITS] = {"hits", "1", "lookups that found their key"},
	[CAPACITOR_STAT_MISSES] = {"misses", "1", "lookups that did not find their key"},
	[CAPACITOR_STAT_STORES] = {"stores", "1", "values stored"},
	[CAPACITOR_STAT_DELETES] = {"deletes", "1", "keys deleted"},
	[CAPACITOR_STAT_EVICTIONS] = {"evictions", "1", "entries evicted by the policy"},
	[CAPACITOR_STAT_EXPIRATIONS] = {"expirations", "1", "expired entries removed"},
	[CAPACITOR_STAT_LOADS] = {"loads", "1", "loader calls"},
	[CAPACITOR_STAT_BUSY] = {"busy", "1", "calls that returned busy"},
	[CAPACITOR_STAT_LOCKS] = {"locks", "1", "lock acquisitions"},
	[CAPACITOR_STAT_LOCK_WAITS] = {"lock_waits", "1", "lock acquisitions that had to wait"},
	[CAPACITOR_STAT_LOCK_WAIT_NS] = {"lock_wait_ns", "ns", "time spent waiting for locks, summed over threads"},
	[CAPACITOR_STAT_CAS_FAILURES] = {"cas_failures", "1", "compare-and-swap attempts that lost"},
	[CAPACITOR_STAT_GRACE_PERIODS] = {"grace_periods", "1", "grace periods or epochs that passed"},
	[CAPACITOR_STAT_TABLE_REBUILDS] = {"table_rebuilds", "1", "table arrays allocated after creation"},
	[CAPACITOR_STAT_ROOM_WAIT_NS] = {"room_wait_ns", "ns", "time spent waiting for memory to be reclaimed, of all threads"},
	[CAPACITOR_STAT_GRACE_NS] = {"grace_ns", "ns", "time that grace periods took"},
	[CAPACITOR_STAT_ENTRIES] = {"entries", "1", "entries that can be reached"},
	[CAPACITOR_STAT_LIVE_BYTES] = {"live_bytes", "bytes", "bytes of entries that can be reached"},
	[CAPACITOR_STAT_RETIRED_BYTES] = {"retired_bytes", "bytes", "bytes unlinked, not reclaimed yet"},
	[CAPACITOR_STAT_RETIRED_PEAK_BYTES] = {"retired_peak_bytes", "bytes", "the most that retired_bytes has been"},
	[CAPACITOR_STAT_TABLE_BYTES] = {"table_bytes", "bytes", "bytes of tables"},
	[CAPACITOR_STAT_CAPACITY_BYTES] = {"capacity_bytes", "bytes", "the capacity"},
};
static_assert(LENGTH(stats) == CAPACITOR_STATS, "every statistic has a name");

const char *capacitor_stat_string(enum capacitor_stat stat)
{
	return (size_t)stat < LENGTH(stats) ? stats[stat].name : "unknown statistic";
}

const char *capacitor_stat_unit(enum capacitor_stat stat)
{
	return (size_t)stat < LENGTH(stats) ? stats[stat].unit : "unknown unit";
}

const char *capacitor_stat_meaning(enum capacitor_stat stat)
{
	return (size_t)stat < LENGTH(stats) ? stats[stat].meaning : "unknown statistic";
}
