/* SPDX-License-Identifier: BSD-2-Clause */
/* Experiments and the points that they come down to. */
#include "harness/plan.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "capacitor/cache.h"
#include "tests/unit/scratch.h"

static char error[PLAN_ERROR_BYTES];

/* experiments/<slug>/experiment.json under the scratch folder. */
static void write_experiment(const char *slug, const char *text)
{
	mkdir(scratch_path("experiments"), 0777);
	scratch_folder(scratch_path("experiments/%s", slug));
	scratch_write(scratch_path("experiments/%s/experiment.json", slug), text);
}

static bool load(struct plan *plan, const char *tier, const char *only, const char *traces)
{
	return plan_load(plan, scratch_path("."), tier, only, traces, error);
}

static const char *argument(const struct plan_step *step, const char *option)
{
	for (size_t i = 1; i + 1 < json_array_size(step->arguments); i += 2)
		if (strcmp(json_string_value(json_array_get(step->arguments, i)), option) == 0)
			return json_string_value(json_array_get(step->arguments, i + 1));
	return NULL;
}

static size_t implementations(void)
{
	size_t count = 0;

	while (capacitor_info(count))
		count++;
	return count;
}

static size_t shareable_implementations(void)
{
	size_t count = 0;

	for (size_t i = 0; capacitor_info(i); i++)
		count += !(capacitor_info(i)->lacks & CAPACITOR_LACKS_CONCURRENCY);
	return count;
}

/* A new folder under impl/ is in every sweep with no other change. */
static void test_all_implementations(void **state)
{
	size_t all = implementations(), shareable = shareable_implementations();
	struct plan plan;

	(void)state;
	assert_true(all > shareable); /* else the next lines prove nothing */
	write_experiment("one", "{\"command\": \"bench\", \"options\": {\"--impl\": \"all\", \"--threads\": \"1,2\"},"
	                        " \"tiers\": {\"tiny\": {\"repetitions\": 3, \"--seconds\": \"0.5\"}}}");
	assert_true(load(&plan, "tiny", NULL, NULL));
	assert_int_equal(plan.experiments, 1);
	assert_int_equal(plan.experiment[0].repetitions, 3);
	assert_int_equal(plan.steps, all + shareable);
	assert_int_equal(plan.experiment[0].steps, all + shareable);
	for (size_t i = 0; i < plan.steps; i++) {
		const struct capacitor_info *info = capacitor_find(argument(&plan.step[i], "--impl"));

		assert_non_null(info);
		assert_string_equal(json_string_value(json_array_get(plan.step[i].arguments, 0)), "bench");
		assert_string_equal(argument(&plan.step[i], "--seconds"), "0.5");
		if (info->lacks & CAPACITOR_LACKS_CONCURRENCY)
			assert_string_equal(argument(&plan.step[i], "--threads"), "1");
		assert_true(plan.step[i].expected_s > 0.5);
	}
	assert_true(plan.expected_s > 0.5 * 3 * (double)plan.steps);
	plan_free(&plan);
}

/* Only policies that an implementation has. */
static void test_policies(void **state)
{
	size_t expected = 0;
	struct plan plan;

	(void)state;
	write_experiment("one", "{\"command\": \"bench\", \"options\": {\"--impl\": \"all\", \"--policy\": \"lru,sieve\"},"
	                        " \"tiers\": {\"tiny\": {}}}");
	for (size_t i = 0; capacitor_info(i); i++)
		expected += !!(capacitor_info(i)->policies & 1u << CAPACITOR_LRU) +
		            !!(capacitor_info(i)->policies & 1u << CAPACITOR_SIEVE);
	assert_true(load(&plan, "tiny", NULL, NULL));
	assert_int_equal(plan.steps, expected);
	assert_true(expected < 2 * implementations());
	assert_int_equal(plan.experiment[0].repetitions, 1);
	plan_free(&plan);
}

/* The identity of a point names its files: unique, and nothing in it that a path could trip over. */
static void test_identities(void **state)
{
	struct plan plan;

	(void)state;
	write_experiment("one", "{\"command\": \"bench\", \"options\": {\"--impl\": \"all\", \"--mix\": \"95:4:1,100:0:0\","
	                        " \"--skew\": \"0,0.99\", \"--keys\": \"1000\"}, \"tiers\": {\"tiny\": {}}}");
	assert_true(load(&plan, "tiny", NULL, NULL));
	assert_int_equal(plan.steps, implementations() * 4);
	for (size_t i = 0; i < plan.steps; i++) {
		const char *id = plan.step[i].id;

		assert_null(strstr(id, "keys")); /* the same for all */
		assert_non_null(strstr(id, "mix="));
		for (const char *at = id; *at; at++)
			assert_true(isalnum((unsigned char)*at) || strchr(".,=_-", *at));
		for (size_t other = 0; other < i; other++)
			assert_string_not_equal(id, plan.step[other].id);
	}
	plan_free(&plan);
}

/* 1, 2, 4, ... , and twice what there is. */
static void test_auto_threads(void **state)
{
	long before = 0, threads = 0;
	struct plan plan;

	(void)state;
	write_experiment("one", "{\"command\": \"bench\", \"options\": {\"--impl\": \"null\", \"--threads\": \"auto\"},"
	                        " \"tiers\": {\"tiny\": {}}}");
	assert_true(load(&plan, "tiny", NULL, NULL));
	assert_true(plan.steps >= 2);
	assert_string_equal(argument(&plan.step[0], "--threads"), "1");
	for (size_t i = 0; i < plan.steps; i++) {
		assert_int_equal(sscanf(argument(&plan.step[i], "--threads"), "%ld", &threads), 1);
		assert_true(threads > before && (i == 0 || threads <= 2 * before));
		before = threads;
	}
	plan_free(&plan);
}

static void test_traces(void **state)
{
	struct plan plan;

	(void)state;
	write_experiment("one", "{\"command\": \"simulate\", \"options\": {\"--trace\": \"TRACES\"}, \"tiers\": {\"tiny\": {}}}");
	assert_true(load(&plan, "tiny", NULL, NULL));
	assert_int_equal(plan.steps, 0);
	assert_non_null(plan.experiment[0].left_out);
	plan_free(&plan);

	scratch_folder(scratch_path("tr aces"));
	scratch_write(scratch_path("tr aces/a b.keys"), "x\n");
	scratch_write(scratch_path("tr aces/c.csv"), "x,1\n");
	scratch_write(scratch_path("tr aces/README.md"), "what they are\n");
	scratch_write(scratch_path("tr aces/.hidden"), "");
	assert_true(load(&plan, "tiny", NULL, scratch_path("tr aces")));
	assert_int_equal(plan.steps, 2);
	assert_null(plan.experiment[0].left_out);
	assert_string_equal(argument(&plan.step[0], "--trace"), scratch_path("tr aces/a b.keys"));
	assert_string_equal(plan.step[0].id, "trace=a-b.keys");
	plan_free(&plan);
}

/* What is not a folder (a README) is no experiment; a list chooses among those that are. */
static void test_only(void **state)
{
	static const char text[] = "{\"command\": \"bench\", \"options\": {\"--impl\": \"null\"}, \"tiers\": {\"tiny\": {}}}";
	struct plan plan;

	(void)state;
	write_experiment("mix", text);
	write_experiment("mixture", text);
	write_experiment("skew", text);
	scratch_write(scratch_path("experiments/README"), "what they are\n");
	assert_true(load(&plan, "tiny", NULL, NULL));
	assert_int_equal(plan.experiments, 3);
	plan_free(&plan);
	assert_true(load(&plan, "tiny", "mix,skew", NULL));
	assert_int_equal(plan.experiments, 2);
	assert_string_equal(plan.experiment[0].slug, "mix");
	assert_string_equal(plan.experiment[1].slug, "skew");
	plan_free(&plan);

	assert_false(load(&plan, "tiny", "mix,no-such", NULL));
	assert_non_null(strstr(error, "no-such"));
	assert_non_null(strstr(error, "skew")); /* what is allowed */
	assert_false(load(&plan, "tiny", "", NULL));
	assert_false(load(&plan, "tiny", "mix,", NULL));
}

static void test_broken(void **state)
{
	struct plan plan;

	(void)state;
	assert_false(load(&plan, "tiny", NULL, NULL)); /* no folder experiments/ */
	assert_non_null(strstr(error, "experiments"));
	write_experiment("one", "{\"command\": \"bench\",\n \"options\": {\"--impl\": \"all\"}");
	assert_false(load(&plan, "tiny", NULL, NULL));
	assert_non_null(strstr(error, "one/experiment.json"));
	assert_non_null(strstr(error, "line 2"));
	scratch_write(scratch_path("experiments/one/experiment.json"), "{\"options\": {}, \"tiers\": {\"tiny\": {}}}");
	assert_false(load(&plan, "tiny", NULL, NULL));
	assert_non_null(strstr(error, "command"));
	scratch_write(scratch_path("experiments/one/experiment.json"), "{\"command\": \"bench\", \"tiers\": {\"full\": {}}}");
	assert_false(load(&plan, "tiny", NULL, NULL));
	assert_non_null(strstr(error, "tiny"));
}

/* Options that are no options are refused by name, and not read as if they were. */
static void test_broken_options(void **state)
{
	static const char *const options[] = {
		"\"--seconds\": 1", "\"\": \"1,2\"", "\"-\": \"1,2\"", "\"--\": \"1\"", "\"--impl\": null", "\"repetitions\": -1",
		"\"repetitions\": 4294967297", "\"repetitions\": \"3\"",
	};
	char text[256];
	struct plan plan;

	(void)state;
	write_experiment("one", "{}");
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
		snprintf(text, sizeof text, "{\"command\": \"bench\", \"options\": {}, \"tiers\": {\"tiny\": {%s}}}", options[i]);
		scratch_write(scratch_path("experiments/one/experiment.json"), text);
		assert_false(load(&plan, "tiny", NULL, NULL));
		assert_true(strstr(error, "wants a name") || strstr(error, "repetitions is"));
	}
}

/* The experiments that we ship, in every tier. */
static void test_ours(void **state)
{
	(void)state;
	if (!scratch_exists("experiments")) {
		print_message("skipped: not run from the root of the project\n");
		skip();
	}
	for (size_t tier = 0; plan_tiers[tier]; tier++) {
		struct plan plan;

		assert_true(plan_load(&plan, ".", plan_tiers[tier], NULL, NULL, error));
		assert_true(plan.experiments >= 8);
		for (size_t i = 0; i < plan.experiments; i++) {
			const json_t *json = plan.experiment[i].json, *figure;
			size_t index;

			assert_true(plan.experiment[i].steps > 0 || plan.experiment[i].left_out);
			assert_true(json_is_string(json_object_get(json, "title")));
			assert_true(json_is_string(json_object_get(json, "hypothesis")));
			assert_true(json_is_string(json_object_get(json, "expected")));
			assert_true(json_array_size(json_object_get(json, "figures")) > 0);
			json_array_foreach(json_object_get(json, "figures"), index, figure) {
				assert_true(json_is_string(json_object_get(figure, "caption")));
				char script[256];

				snprintf(script, sizeof(script), "plots/%s", json_string_value(json_object_get(figure, "script")));
				assert_true(scratch_exists(script));
			}
		}
		plan_free(&plan);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_implementations), TEST(test_policies), TEST(test_identities), TEST(test_auto_threads),
		TEST(test_traces), TEST(test_only), TEST(test_broken), TEST(test_broken_options), TEST(test_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
