/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G8: what is declared to be lock-free or wait-free goes on while another thread is stopped at the worst places: inside
 * the visitor of each, which holds the lock of a shard; inside a store, and inside a get, at the moment when they look
 * at the clock to tell whether an entry has expired. There is one shard, so that everybody meets there.
 */
#include "crew.h"

struct probe {
	struct rig *rig;
	struct gate parked;  /* where the first thread is stopped */
	struct gate probed;  /* where the second arrives when all its calls came back */
	enum capacitor_operation park;
	const char *wrong;
};

static _Thread_local bool parks_at_clock;

static uint64_t parking_clock(void *context)
{
	struct probe *probe = context;

	if (parks_at_clock) {
		parks_at_clock = false;
		gate_pass(&probe->parked);
	}
	return rig_clock(probe->rig);
}

static bool parking_visitor(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	struct probe *probe = context;

	(void)key, (void)key_bytes, (void)value, (void)value_bytes;
	gate_pass(&probe->parked);
	return false;
}

static void *parked_main(void *argument)
{
	struct probe *probe = argument;
	struct capacitor_handle *handle;
	uint64_t version;
	bool whole;

	if (capacitor_enter(probe->rig->cache, &handle) != CAPACITOR_OK)
		return NULL;
	switch (probe->park) {
	case CAPACITOR_OP_EACH:
		capacitor_each(handle, parking_visitor, probe);
		break;
	case CAPACITOR_OP_SET:
		parks_at_clock = true;
		tagged_write(capacitor_replace, handle, 1, 2, 100);
		break;
	default:
		parks_at_clock = true;
		tagged_get(handle, 1, &version, NULL, &whole);
	}
	parks_at_clock = false;
	capacitor_leave(handle);
	return NULL;
}

static bool goes_on(const struct capacitor_info *info, enum capacitor_operation operation)
{
	return info->progress[operation] == CAPACITOR_LOCK_FREE || info->progress[operation] == CAPACITOR_WAIT_FREE;
}

static bool something_goes_on(const struct capacitor_info *info)
{
	for (unsigned operation = 0; operation < CAPACITOR_OPERATIONS; operation++)
		if (goes_on(info, (enum capacitor_operation)operation))
			return true;
	return false;
}

/* A call of that kind on a key that is there. NULL, or what was wrong. */
static const char *probe_call(struct capacitor_handle *handle, enum capacitor_operation operation, uint64_t key)
{
	struct label label = label_of(key);
	char buffer[128];
	struct capacitor_request request = {label.text, label.bytes, buffer, sizeof buffer, 0, CAPACITOR_BUSY};
	struct capacitor_pin pin;
	uint64_t version;
	bool whole;

	switch (operation) {
	case CAPACITOR_OP_GET:
		return tagged_get(handle, key, &version, NULL, &whole) == CAPACITOR_HIT && whole ? NULL : "get";
	case CAPACITOR_OP_PIN:
		return label_pin(handle, key, &pin) == CAPACITOR_HIT &&
		       capacitor_unpin(handle, &pin) == CAPACITOR_OK ? NULL : "pin";
	case CAPACITOR_OP_CONTAINS:
		return label_contains(handle, key) == CAPACITOR_HIT ? NULL : "contains";
	case CAPACITOR_OP_GET_MANY:
		return capacitor_get_many(handle, &request, 1) == CAPACITOR_OK && request.result == CAPACITOR_HIT
		               ? NULL : "get_many";
	case CAPACITOR_OP_SET:
		return tagged_set(handle, key, 3, 100) == CAPACITOR_STORED ? NULL : "set";
	case CAPACITOR_OP_DELETE:
		return label_delete(handle, key + 1000) == CAPACITOR_MISS ? NULL : "delete";
	case CAPACITOR_OP_EACH:
		break;
	}
	return NULL;
}

static void *probe_main(void *argument)
{
	struct probe *probe = argument;
	struct capacitor_handle *handle;

	if (capacitor_enter(probe->rig->cache, &handle) != CAPACITOR_OK) {
		probe->wrong = "enter";
		return NULL;
	}
	for (unsigned operation = 0; operation < CAPACITOR_OPERATIONS; operation++)
		for (uint64_t round = 0; round < 100 && !probe->wrong; round++)
			if (goes_on(probe->rig->info, (enum capacitor_operation)operation))
				probe->wrong = probe_call(handle, (enum capacitor_operation)operation, 1 + round % 10);
	gate_pass(&probe->probed);
	capacitor_leave(handle);
	return NULL;
}

static void run_probe(struct rig *rig, enum capacitor_operation park)
{
	struct probe probe = {.rig = rig, .park = park};
	pthread_t parked, prober;
	bool did_park, did_probe;

	gate_init(&probe.parked);
	gate_init(&probe.probed);
	rig->config.shards = 1;
	rig->config.default_ttl_ns = 1000000000;
	rig->config.clock_ns = parking_clock;
	rig->config.clock_context = &probe;
	rig_open(rig);
	for (uint64_t key = 1; key <= 10; key++)
		expect_result(tagged_set(rig->handle, key, 1, 100), CAPACITOR_STORED);
	expect(pthread_create(&parked, NULL, parked_main, &probe) == 0, "no thread");
	did_park = gate_await(&probe.parked, 1, PATIENCE_NS);
	if (pthread_create(&prober, NULL, probe_main, &probe) != 0)
		abort(); /* a thread is parked in this frame */
	did_probe = gate_await(&probe.probed, 1, PATIENCE_NS);
	gate_open(&probe.parked);
	gate_open(&probe.probed);
	pthread_join(parked, NULL);
	pthread_join(prober, NULL);
	gate_destroy(&probe.parked);
	gate_destroy(&probe.probed);
	expect(did_park, "the thread did not stop where it should: the test tests nothing");
	expect(did_probe, "a call that is declared lock-free waits for a thread that is stopped");
	expect(!probe.wrong, "%s gave a wrong result beside a thread that is stopped", probe.wrong);
}

static void test_beside_each(struct rig *rig)
{
	run_probe(rig, CAPACITOR_OP_EACH);
}

static void test_beside_store(struct rig *rig)
{
	run_probe(rig, CAPACITOR_OP_SET);
}

static void test_beside_get(struct rig *rig)
{
	run_probe(rig, CAPACITOR_OP_GET);
}

const struct suite_test progress_tests[] = {
	{.name = "G8 what is declared lock-free goes on beside a stopped each", .run = test_beside_each,
	 .scope = SUITE_ALL, .without = SHARED, .applies = something_goes_on},
	{.name = "G8 what is declared lock-free goes on beside a stopped store", .run = test_beside_store,
	 .scope = SUITE_ALL, .without = SHARED, .applies = something_goes_on},
	{.name = "G8 what is declared lock-free goes on beside a stopped get", .run = test_beside_get,
	 .scope = SUITE_ALL, .without = SHARED, .applies = something_goes_on},
	{.name = NULL},
};
