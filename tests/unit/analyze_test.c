/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of analyze: each fires on a planted case, naming what is wrong, and keeps still on the same case without the fault.
 * The cases are a table, and every rule has to be in it.
 */
#include "harness/rules.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness/analyze.h"
#include "harness/commands.h"
#include "harness/metrics.h"
#include "harness/report.h"
#include "harness/tidy.h"
#include "tests/unit/scratch.h"

/* ---- Cases ----------------------------------------------------------------------------------------------------------- */

/* Columns of each kind of table, with what they hold where nothing is wrong. An interval is 1 % around. */
static const char *const point[][2] = {
	{"suite", "custom"}, {"impl", "rcu"}, {"policy", "sieve"}, {"counters", "padded"}, {"hash", "siphash"}, {"threads", "1"},
	{"keys", "1000"}, {"key_bytes", "16"}, {"value_bytes", "100"}, {"mix", "100-0-0"}, {"skew", "0.99"},
	{"capacity_bytes", "67108864"}, {"trace", "-"}, {"partition", "-"}, {"repetitions", "10"}, {"coverage", "0.9785"},
	{"ops_per_s", "1e7"}, {"ns_per_op", "100"}, {"ns_per_op_low", "="}, {"ns_per_op_high", "="}, {"ns_per_op_cv", "0.01"},
	{"hit_ratio", "1"}, {"latency_p50_ns", "100"}, {"latency_p99_ns", "200"}, {"latency_p999_ns", "500"},
	{"allocations_per_op", "0"}, {"allocated_bytes_per_op", "0"}, {"entries", "1000"}, {"bytes_per_entry", "150"},
	{"ideal_bytes_per_entry", "116"}, {"retired_peak_bytes", "0"}, {"locks_per_op", "0"}, {"lock_waits_per_op", "0"},
	{"lock_wait_ns_per_op", "0"}, {"hottest_lock_share", "unavailable: no lock was waited for"}, {"room_wait_ns_per_op", "0"},
	{"grace_period_ns", "10000"}, {"grace_periods_per_s", "100"}, {"involuntary_switches_per_s", "0"}, {"fairness", "1"},
	{"table_rebuilds", "0"}, {"busy_per_op", "0"}, {"null_ns_per_op", "10"}, {"operations", "1e6"}, {"oversubscribed", "0"},
	{"steal_share", "0"}, {"other_load", "0"}, {"throttles", "unavailable: x"}, {"window_s", "1"},
	{NULL, NULL},
};
static const char *const coherence[][2] = {
	{"impl", "rcu"}, {"threads", "4"}, {"mix", "100:0:0"}, {"counters", "padded"}, {"policy", "sieve"}, {"line_bytes", "64"},
	{"shift_bytes", "0"}, {"schedule", "coop"}, {"operation", "get"}, {"transactions", "0"}, {"true", "0"}, {"late", "0"},
	{"false", "0"}, {"upgrade_true", "0"}, {"upgrade_false", "0"}, {"cold", "0"}, {"cycles", "100"},
	{"latency_cycles", "hit=1,dirty=60,upgrade=45"}, {NULL, NULL},
};
static const char *const field[][2] = {
	{"impl", "rcu"}, {"threads", "4"}, {"mix", "100:0:0"}, {"counters", "padded"}, {"policy", "sieve"}, {"line_bytes", "64"},
	{"shift_bytes", "0"}, {"schedule", "coop"}, {"field", "struct a.b"}, {"function", "f"}, {"code", "a.c:1"},
	{"transactions", "0"}, {"true", "0"}, {"late", "0"}, {"false", "0"}, {"upgrade_true", "0"}, {"upgrade_false", "0"},
	{NULL, NULL},
};
static const char *const simulated[][2] = {
	{"source", "zipf"}, {"policy", "fifo"}, {"capacity_bytes", "1000"}, {"requests", "1000"}, {"misses", "400"},
	{"hit_ratio", "0.6"}, {NULL, NULL},
};
static const char *const cpu[][2] = {
	{"function", "rcu_get"}, {"file", "rcu.c"}, {"self_samples", "10"}, {"self_percent", "10"}, {"total_samples", "20"},
	{"total_percent", "20"}, {NULL, NULL},
};
static const char *const offcpu[][2] = {
	{"site", "lock_shard"}, {"file", "rcu.c"}, {"line", "7"}, {"waits_in", "lll_lock_wait"}, {"samples", "9"}, {"percent",
		"90"},
	{"seconds", "1"}, {"thread_percent", "1"}, {"stack", "start;member_main;lock_shard"}, {NULL, NULL},
};
static const char *const heap[][2] = {
	{"site", "nowhere"}, {"stack", "main"}, {"count", "1"}, {"bytes", "10"}, {"live_count", "0"}, {"live_bytes", "0"},
	{NULL, NULL},
};
static const char *const locks[][2] = {
	{"lock", "shard 3"}, {"site", "lock_shard at rcu.c:7"}, {"stack", "-"}, {"acquisitions", "9"}, {"contended", "5"},
	{"wait_ns", "123"}, {NULL, NULL},
};
static const char *const allocations[][2] = {
	{"implementation", "rcu"}, {"operation", "get"}, {"calls", "100"}, {"mean", "0"}, {"max", "0"}, {"allowed", "0"},
	{"site", "-"}, {NULL, NULL},
};
static const char *const codec[][2] = {
	{"codec", "json"}, {"record", "medium"}, {"operation", "get_decode"}, {"repetitions", "10"}, {"ns_per_op", "1000"},
	{"ns_per_op_low", "="}, {"ns_per_op_high", "="}, {"codec_share_percent", "10"}, {"impl", "sharded"}, {NULL, NULL},
};

/* A file of a case: its columns, and rows that say what differs from them: "threads=4 ns_per_op=200". */
struct planted {
	const char *file;
	const char *const (*columns)[2];
	const char *rows[6];
};

static const struct {
	const char *rule;
	const char *says; /* in the evidence or the point */
	struct planted wrong[2], right[2];
} cases[] = {
	{"lock-wait", "1: 0 ns, 4: 60 ns",
	 {{"x.summary.tsv", point, {"impl=rwlock threads=4 ns_per_op=100 lock_wait_ns_per_op=60", "impl=rwlock"}}},
	 {{"x.summary.tsv", point, {"impl=rwlock threads=4 ns_per_op=100 lock_wait_ns_per_op=6", "impl=rwlock"}}}},
	{"lock-wait", "lock_shard at rcu.c:7", /* with a profile, the site */
	 {{"x.summary.tsv", point, {"threads=4 lock_wait_ns_per_op=60"}}, {"rcu.locks.tsv", locks, {"", "site=other wait_ns=5"}}},
	 {{"x.summary.tsv", point, {"threads=8 oversubscribed=1 lock_wait_ns_per_op=60"}}, {"rcu.locks.tsv", locks, {""}}}},
	{"hot-lock", "70 %",
	 {{"x.summary.tsv", point, {"impl=sharded threads=4 lock_wait_ns_per_op=20 hottest_lock_share=0.7"}}},
	 {{"x.summary.tsv", point, {"impl=sharded threads=4 lock_wait_ns_per_op=20 hottest_lock_share=0.1",
	                            "impl=rwlock threads=4 lock_wait_ns_per_op=20 hottest_lock_share=1"}}}},
	{"locked-hits", "ck_hs takes none",
	 {{"x.summary.tsv", point, {"impl=sharded threads=2 locks_per_op=1 ns_per_op=200", "impl=ck_hs threads=2"}}},
	 {{"x.summary.tsv", point, {"impl=sharded threads=2 locks_per_op=1", "impl=ck_hs threads=2"}}}},
	{"writes-on-hit", "struct a.b, by f at a.c:1",
	 {{"c.summary.tsv", coherence, {"true=1 upgrade_true=1 transactions=2 cycles=150"}},
	  {"c.fields.tsv", field, {"true=1 upgrade_true=1 transactions=2"}}},
	 {{"c.summary.tsv", coherence, {"true=0.1 transactions=0.1", "mix=90:9:1 true=3 transactions=3", "operation=set true=3"}},
	  {"c.fields.tsv", field, {"true=0.1"}}}},
	{"false-sharing", "struct a.hot, by f at a.c:1",
	 {{"c.summary.tsv", coherence, {"false=1 transactions=1 cycles=150"}},
	  {"c.fields.tsv", field, {"true=1", "field=struct~a.hot false=1"}}},
	 {{"c.summary.tsv", coherence, {"false=0.01 transactions=0.01", "threads=1 false=1"}},
	  {"c.fields.tsv", field, {"false=0.01"}}}},
	{"shared-counters", "packed: 200 ns",
	 {{"x.summary.tsv", point, {"threads=2 counters=packed ns_per_op=200", "threads=2"}}},
	 {{"x.summary.tsv", point, {"threads=2 counters=packed ns_per_op=101", "threads=2",
	                            "threads=1 counters=packed ns_per_op=200"}}}},
	{"shared-counters", "2 coherence transactions",
	 {{"c.summary.tsv", coherence, {"counters=global transactions=2 true=2 cycles=220", ""}}},
	 {{"c.summary.tsv", coherence, {"counters=global transactions=0.1 true=0.1 cycles=106", ""}}}},
	{"policy-writes", "lru: 200 ns",
	 {{"x.summary.tsv", point, {"impl=sharded threads=4 policy=lru ns_per_op=200", "impl=sharded threads=4"}}},
	 {{"x.summary.tsv", point, {"impl=sharded threads=4 policy=lru ns_per_op=200 hit_ratio=0.9",
	                            "impl=sharded threads=4 hit_ratio=0.8"}}}},
	{"no-scaling", "one thread alone takes 100 ns",
	 {{"x.summary.tsv", point, {"threads=4 ns_per_op=300", ""}}},
	 {{"x.summary.tsv", point, {"threads=4 ns_per_op=300 lock_wait_ns_per_op=195", ""}}}},
	{"oversubscribed", "8 threads: 4 M operations/s",
	 {{"x.summary.tsv", point, {"threads=8 oversubscribed=1 ops_per_s=4e6", "threads=4 ops_per_s=1e7",
	                            "threads=2 ops_per_s=2e7"}}},
	 {{"x.summary.tsv", point, {"threads=8 oversubscribed=1 ops_per_s=9.9e6", "threads=4 ops_per_s=1e7"}}}},
	{"allocating-hits", "most often: copy at get.c:9",
	 {{"x.summary.tsv", point, {"allocations_per_op=1 allocated_bytes_per_op=100"}},
	  {"rcu.heap.tsv", heap, {"", "site=copy~at~get.c:9 count=1000000"}}},
	 {{"x.summary.tsv", point, {"allocations_per_op=0", "mix=50-45-5 allocations_per_op=0.2"}}, {"rcu.heap.tsv", heap, {""}}}},
	{"allocating-hits", "delete: up to 1 allocations",
	 {{"a.tsv", allocations, {"operation=delete max=1 site=bury~at~b.c:3"}}},
	 {{"a.tsv", allocations, {"", "operation=set max=1 allowed=1"}}}},
	{"allocating-stores", "2 allocations for each store",
	 {{"x.summary.tsv", point, {"mix=50-45-5 allocations_per_op=0.9"}}},
	 {{"x.summary.tsv", point, {"mix=50-45-5 allocations_per_op=0.45"}}}},
	{"allocating-stores", "set: up to 2 allocations",
	 {{"a.tsv", allocations, {"operation=set max=2 allowed=1 site=twice~at~b.c:3"}}},
	 {{"a.tsv", allocations, {"operation=set max=1 allowed=1"}}}},
	{"table-rebuilds", "one for each 1000 operations",
	 {{"x.summary.tsv", point, {"impl=ck_hs table_rebuilds=1000"}}},
	 {{"x.summary.tsv", point, {"impl=ck_hs table_rebuilds=3"}}}},
	{"copies-twice", "a ratio of 2",
	 {{"x.summary.tsv", point, {"value_bytes=1000000 ns_per_op=100000", "", "impl=unsync",
	                            "impl=unsync value_bytes=1000000 ns_per_op=50050"}}},
	 {{"x.summary.tsv", point, {"value_bytes=1000000 ns_per_op=51000", "", "impl=unsync",
	                            "impl=unsync value_bytes=1000000 ns_per_op=50050"}}}},
	{"backlog", "stores waited 30 of the 100 ns",
	 {{"x.summary.tsv", point, {"room_wait_ns_per_op=30"}}}, {{"x.summary.tsv", point, {"room_wait_ns_per_op=0.3"}}}},
	{"backlog", "10 of a million",
	 {{"x.summary.tsv", point, {"busy_per_op=1e-5"}}}, {{"x.summary.tsv", point, {"impl=unsync busy_per_op=1e-5"}}}},
	{"overhead", "300 bytes are charged",
	 {{"x.summary.tsv", point, {"bytes_per_entry=300"}}}, {{"x.summary.tsv", point, {"bytes_per_entry=300 entries=10"}}}},
	{"memory-bound", "without any synchronisation: 100",
	 {{"x.summary.tsv", point, {"entries=1e6 ns_per_op=110", "impl=unsync"}}},
	 {{"x.summary.tsv", point, {"entries=1e6 ns_per_op=210", "entries=100 keys=100 ns_per_op=110", "impl=unsync"}}}},
	{"keyed-hash", "siphash: 100 ns an operation; xxh3: 80",
	 {{"x.summary.tsv", point, {"", "hash=xxh3 ns_per_op=80"}}}, {{"x.summary.tsv", point, {"", "hash=xxh3 ns_per_op=99"}}}},
	{"keyed-hash", "in crypto_shorthash",
	 {{"rcu.cpu.tsv", cpu, {"function=crypto_shorthash self_percent=16"}}}, {{"rcu.cpu.tsv", cpu,
	 	{"function=crypto_shorthash self_percent=1"}}}},
	{"tail", "640 times the median",
	 {{"x.summary.tsv", point, {"latency_p999_ns=64000"}}},
	 {{"x.summary.tsv", point, {"threads=8 oversubscribed=1 latency_p999_ns=64000"}}}},
	{"unfair", "0.5",
	 {{"x.summary.tsv", point, {"threads=4 fairness=0.5"}}}, {{"x.summary.tsv", point, {"threads=4 fairness=0.99"}}}},
	{"policy-misses", "of sieve 0.7",
	 {{"x.summary.tsv", simulated, {"", "policy=sieve hit_ratio=0.7"}}},
	 {{"x.summary.tsv", simulated, {"", "policy=sieve hit_ratio=0.61", "source=other policy=sieve hit_ratio=0.9"}}}},
	{"policy-misses", "of sieve 0.7",
	 {{"x.summary.tsv", point, {"policy=fifo hit_ratio=0.6", "hit_ratio=0.7"}}},
	 {{"x.summary.tsv", point, {"policy=fifo", ""}}}},
	{"codec", "80 % are the codec's",
	 {{"x.summary.tsv", codec, {"codec_share_percent=80"}}}, {{"x.summary.tsv", codec, {""}}}},
	{"hot-function", "crypto_shorthash",
	 {{"rcu.cpu.tsv", cpu, {"", "function=crypto_shorthash self_percent=45"}}}, {{"rcu.cpu.tsv", cpu, {""}}}},
	{"off-cpu", "lll_lock_wait, called by lock_shard at rcu.c:7",
	 {{"rcu.offcpu.tsv", offcpu, {"thread_percent=40"}}},
	 {{"rcu.offcpu.tsv", offcpu, {"", "thread_percent=40 stack=start;grace_main"}}}},
	{"harness", "of 100 ns an operation 40 are the harness's",
	 {{"x.summary.tsv", point, {"null_ns_per_op=40"}}}, {{"x.summary.tsv", point, {"impl=null null_ns_per_op=100"}}}},
	{"noise", "is 18.0 %",
	 {{"x.summary.tsv", point, {"ns_per_op_cv=0.18"}}}, {{"x.summary.tsv", point, {"ns_per_op_cv=0.03"}}}},
	{"disturbed", "measured: steal 5.0 %, other load 1.5 processors",
	 {{"x.summary.tsv", point, {"steal_share=0.05 other_load=1.5"}}}, {{"x.summary.tsv", point,
	 	{"steal_share=0.001 other_load=0.2"}}}},
	{"few", "3 repetitions", {{"x.summary.tsv", point, {"repetitions=3"}}}, {{"x.summary.tsv", point, {"repetitions=6"}}}},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

/* The value that a row's text gives a column; NULL: none. A ~ stands for a blank. */
static const char *given(const char *row, const char *column, char value[64])
{
	size_t length = strlen(column);

	for (const char *at = row; at && *at; at = strchr(at, ' '), at = at ? at + 1 : NULL)
		if (strncmp(at, column, length) == 0 && at[length] == '=') {
			snprintf(value, 64, "%.*s", (int)strcspn(at + length + 1, " "), at + length + 1);
			return value;
		}
	return NULL;
}

static void write_table(const struct planted *planted)
{
	FILE *out = fopen(scratch_path("%s", planted->file), "w");
	char value[64], time[64];

	assert_non_null(out);
	for (size_t i = 0; planted->columns[i][0]; i++)
		fprintf(out, "%s%s", i ? "\t" : "", planted->columns[i][0]);
	fputc('\n', out);
	for (size_t row = 0; row < 6 && planted->rows[row]; row++) {
		const char *text = planted->rows[row];

		for (size_t i = 0; planted->columns[i][0]; i++) {
			const char *name = planted->columns[i][0], *cell = given(text, name, value);

			cell = cell ? cell : planted->columns[i][1];
			fputs(i ? "\t" : "", out);
			if (strcmp(cell, "=") == 0) /* an end of the interval of ns_per_op */
				fprintf(out, "%g", atof(given(text, "ns_per_op", time) ? time : "100") *
				                   (strstr(name, "low") ? 0.99 : 1.01));
			else
				for (const char *at = cell; *at; at++)
					fputc(*at == '~' ? ' ' : *at, out);
		}
		fputc('\n', out);
	}
	assert_int_equal(fclose(out), 0);
}

/* What the rules find in a folder with these tables. */
static void apply(const struct planted tables[2], struct evidence *evidence, struct findings *findings)
{
	char error[EVIDENCE_ERROR_BYTES];

	scratch_teardown(NULL);
	scratch_setup(NULL);
	for (size_t i = 0; i < 2 && tables[i].file; i++)
		write_table(&tables[i]);
	scratch_write(scratch_path("env.json"), "{\"l2_bytes\": 1048576}\n");
	if (!evidence_add(evidence, ".", scratch_path("."), error))
		fail_msg("%s", error);
	assert_true(rules_apply(evidence, findings));
}

static const struct finding *find(const struct findings *findings, const char *rule)
{
	for (size_t i = 0; i < findings->count; i++)
		if (strcmp(findings->item[i].rule->name, rule) == 0)
			return &findings->item[i];
	return NULL;
}

static bool mentions(const struct finding *finding, const char *text)
{
	for (unsigned i = 0; i < finding->evidences; i++)
		if (strstr(finding->evidence[i], text))
			return true;
	return false;
}

static void test_planted(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		struct evidence evidence = {0};
		struct findings findings = {0};
		const struct finding *finding;

		apply(cases[i].wrong, &evidence, &findings);
		finding = find(&findings, cases[i].rule);
		if (!finding)
			fail_msg("case %zu: %s does not fire on what was planted for it", i, cases[i].rule);
		if (!mentions(finding, cases[i].says))
			fail_msg("case %zu: %s does not say \"%s\" but \"%s\"", i, cases[i].rule, cases[i].says,
			         finding->evidence[0]);
		assert_null(strchr(finding->verify, '{'));
		if (finding->basis <= FINDING_ESTIMATED)
			assert_true(finding->weight > 0 && finding->weight <= 1);
		findings_free(&findings);
		evidence_free(&evidence);
	}
}

static void test_clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		struct evidence evidence = {0};
		struct findings findings = {0};
		const struct finding *finding;

		apply(cases[i].right, &evidence, &findings);
		finding = find(&findings, cases[i].rule);
		if (finding)
			fail_msg("case %zu: %s fires on a clean one: \"%s\"", i, cases[i].rule, finding->evidence[0]);
		findings_free(&findings);
		evidence_free(&evidence);
	}
}

static void test_every_rule_has_a_case(void **state)
{
	(void)state;
	for (const struct rule *rule = rules; rule->name; rule++) {
		size_t count = 0;

		for (size_t i = 0; i < CASES; i++)
			count += strcmp(cases[i].rule, rule->name) == 0;
		if (count == 0)
			fail_msg("%s has no case", rule->name);
		assert_non_null(strstr(rule->when, "%g"));
		assert_true(rule->mechanism && rule->advice && rule->verify && rule->title);
	}
}

/* A clean point gives no finding at all. */
static void test_nothing(void **state)
{
	static const struct planted clean[2] = {{"x.summary.tsv", point, {"", "impl=unsync", "impl=null ns_per_op=10"}}};
	struct evidence evidence = {0};
	struct findings findings = {0};

	(void)state;
	apply(clean, &evidence, &findings);
	if (findings.count)
		fail_msg("%s: %s", findings.item[0].rule->name, findings.item[0].evidence[0]);
	findings_free(&findings);
	evidence_free(&evidence);
}

/* The dearest first, whatever the order in the table; the worst of several points, and how many there are. */
static void test_order(void **state)
{
	static const struct planted several[2] = {{"x.summary.tsv", point, {
		"impl=rwlock threads=2 lock_wait_ns_per_op=20", "impl=rwlock threads=4 lock_wait_ns_per_op=50",
		"impl=sharded threads=4 lock_wait_ns_per_op=70", "threads=4 fairness=0.1", "threads=2 ns_per_op_cv=0.9"}}};
	struct evidence evidence = {0};
	struct findings findings = {0};

	(void)state;
	apply(several, &evidence, &findings);
	assert_int_equal(findings.count, 4);
	assert_string_equal(findings.item[0].about, "sharded");
	assert_string_equal(findings.item[1].about, "rwlock");
	assert_true(findings.item[1].weight == 0.5);
	assert_int_equal(findings.item[1].elsewhere, 1);
	assert_non_null(strstr(findings.item[1].point, "threads 4"));
	assert_string_equal(findings.item[2].rule->name, "unfair");
	assert_string_equal(findings.item[3].rule->name, "noise");
	findings_free(&findings);
	evidence_free(&evidence);
}

/* Counters that are there to be compared with are not what the other rules talk about. */
static void test_controls_are_left_out(void **state)
{
	static const struct planted control[2] = {{"x.summary.tsv", point, {
		"threads=4 counters=packed lock_wait_ns_per_op=60", "threads=4"}}};
	static const struct planted chosen[2] = {{"x.summary.tsv", point, {"threads=4 counters=packed lock_wait_ns_per_op=60"}}};
	struct evidence evidence = {0};
	struct findings findings = {0};

	(void)state;
	apply(control, &evidence, &findings);
	assert_null(find(&findings, "lock-wait"));
	findings_free(&findings);
	evidence_free(&evidence);
	apply(chosen, &evidence, &findings);
	assert_non_null(find(&findings, "lock-wait"));
	assert_string_equal(findings.item[0].about, "rcu (packed counters)");
	assert_non_null(strstr(findings.item[0].verify, "--impl rcu --threads 4"));
	findings_free(&findings);
	evidence_free(&evidence);
}

/* Points that differ by nothing but noise: no comparison of them is a finding. Lognormal, by Box and Muller, from a fixed seed. */
static double noise(uint64_t *state)
{
	double uniform[2];

	for (int i = 0; i < 2; i++) {
		*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		uniform[i] = ((double)(*state >> 11) + 0.5) * 0x1p-53;
	}
	return exp(0.1 * sqrt(-2 * log(uniform[0])) * cos(6.283185307179586 * uniform[1]));
}

static size_t findings_in_noise(unsigned repetitions, uint64_t seed)
{
	static const char *const impls[] = {"rcu", "ck_hs", "sharded", "rwlock", "unsync"}, *const policies[] = {"sieve", "lru",
		"clock"};
	static const char *const counters[] = {"padded", "packed"}, *const hashes[] = {"siphash", "xxh3"};
	struct evidence evidence = {0};
	struct findings findings = {0};
	char error[EVIDENCE_ERROR_BYTES];
	size_t measured = 0;
	FILE *out;

	scratch_teardown(NULL);
	scratch_setup(NULL);
	out = fopen(scratch_path("x.summary.tsv"), "w");
	assert_non_null(out);
	fputs("suite\timpl\tpolicy\tcounters\thash\tthreads\tkeys\tkey_bytes\tvalue_bytes\tmix\tskew\tcapacity_bytes\trepetitions\t"
	      "ns_per_op\tns_per_op_low\tns_per_op_high\thit_ratio\tlocks_per_op\toversubscribed\n", out);
	for (unsigned i = 0; i < 5 * 3 * 2 * 2 * 3; i++) {
		double low = 1e9, high = 0;

		for (unsigned r = 0; r < repetitions; r++) {
			double time = 100 * noise(&seed);

			low = fmin(low, time);
			high = fmax(high, time);
		}
		fprintf(out, "c\t%s\t%s\t%s\t%s\t%u\t1000\t16\t100\t100-0-0\t0.99\t67108864\t%u\t%g\t%g\t%g\t1\t%d\t0\n",
		        impls[i % 5],
		        policies[i / 5 % 3], counters[i / 15 % 2], hashes[i / 30 % 2], 1u << i / 60, repetitions, (low + high) / 2,
		        	low,
		        high, i % 5 == 2 || i % 5 == 3);
	}
	assert_int_equal(fclose(out), 0);
	assert_true(evidence_add(&evidence, ".", scratch_path("."), error));
	assert_true(rules_apply(&evidence, &findings));
	for (size_t i = 0; i < findings.count; i++)
		measured += findings.item[i].basis == FINDING_MEASURED;
	findings_free(&findings);
	evidence_free(&evidence);
	return measured;
}

static void test_noise_is_no_finding(void **state)
{
	(void)state;
	for (unsigned repetitions = 1; repetitions <= 10; repetitions++)
		for (uint64_t seed = 1; seed <= 3; seed++) {
			size_t found = findings_in_noise(repetitions, seed);

			if (found > 1) /* the intervals are of 95 %: among hundreds of pairs, one may lie apart */
				fail_msg("%zu findings in noise, %u repetitions, seed %u", found, repetitions, (unsigned)seed);
		}
}

/* The columns that the cases have by hand are those of real tables: of metrics, and of alloc-check's. */
static void test_columns_are_real(void **state)
{
	const char *const argv[] = {"alloc-check", "--impl", "rwlock", "--threads", "1", "--out", scratch_path("a.tsv"), NULL};
	enum metric metric;
	struct table table;

	(void)state;
	for (size_t i = 0; point[i][0]; i++) {
		const char *name = point[i][0], *end = name + strlen(name);
		char plain[64];
		bool known = strcmp(name, "repetitions") == 0 || strcmp(name, "coverage") == 0;

		if (strcmp(end - 4, "_low") == 0 || strcmp(end - 3, "_cv") == 0 || strcmp(end - 5, "_high") == 0)
			end = strrchr(name, '_');
		snprintf(plain, sizeof plain, "%.*s", (int)(end - name), name);
		for (size_t j = 0; tidy_parameters[j]; j++)
			known = known || strcmp(plain, tidy_parameters[j]) == 0;
		if (!known && !metric_find(plain, &metric))
			fail_msg("%s is no column of measured points", name);
	}
	assert_true(metric_find("codec_share_percent", &metric));
	if (scratch_run(alloc_check_command, argv) != COMMAND_OK)
		return; /* under a sanitizer nothing can be counted */
	assert_true(table_load(&table, scratch_path("a.tsv")));
	for (size_t i = 0; allocations[i][0]; i++)
		assert_non_null(table_cell(&table, 0, allocations[i][0]));
	table_free(&table);
}

/* ---- The subcommand -------------------------------------------------------------------------------------------------- */

static void test_bad_input(void **state)
{
	static const struct {
		const char *argument, *says;
	} wrong[] = {
		{"/nowhere", "No such file"}, {"--format=xml", "text"}, {"--top=many", "--top"}, {"--nonsense", "--nonsense"},
	};
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const char *const argv[] = {"analyze", "--root", ".", wrong[i].argument, NULL};

		assert_int_equal(scratch_run(analyze_command, argv), COMMAND_USAGE);
		text = scratch_read(scratch_path("stderr"));
		if (!strstr(text, wrong[i].says))
			fail_msg("%s: %s", wrong[i].argument, text);
		free(text);
	}
	scratch_write(scratch_path("bad.json"), "{\"context\": 1");
	scratch_write(scratch_path("other.json"), "{\"context\": {}, \"benchmarks\": []}");
	scratch_write(scratch_path("other.tsv"), "a\tb\n1\t2\n");
	scratch_folder(scratch_path("empty"));
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = {"bad.json", "other.json", "other.tsv", "empty"};
		const char *const argv[] = {"analyze", "--root", ".", scratch_path("%s", names[i]), NULL};

		if (scratch_run(analyze_command, argv) != COMMAND_USAGE)
			fail_msg("%s was taken", names[i]);
		text = scratch_read(scratch_path("stderr"));
		assert_non_null(strstr(text, names[i]));
		free(text);
	}
}

/* JSON of bench goes the whole way: tidied, summarised, judged. */
static void test_json_of_bench(void **state)
{
	const char *name = "cache/suite:custom/impl:rwlock/policy:sieve/counters:padded/hash:siphash/threads:4/keys:1000/"
	                   "key_bytes:16/value_bytes:100/mix:95-4-1/skew:0.99/capacity_bytes:67108864";
	const char *const argv[] = {"analyze", "--root", ".", "--format", "json", scratch_path("b.json"), NULL};
	json_t *findings, *finding, *not_judged;
	FILE *out = fopen(scratch_path("b.json"), "w");

	(void)state;
	assert_non_null(out);
	fputs("{\"context\": {\"l2_bytes\": 1}, \"benchmarks\": [", out);
	for (int i = 0; i < 6; i++)
		fprintf(out, "%s{\"name\": \"%s\", \"run_type\": \"iteration\", \"repetition_index\": %d, \"ns_per_op\": %d, "
		        "\"ops_per_s\": 1e6, \"lock_wait_ns_per_op\": 50, \"oversubscribed\": 0}", i ? ", " : "", name, i,
		        100 + i % 2);
	fputs("]}\n", out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(scratch_run(analyze_command, argv), COMMAND_OK);
	findings = json_load_file(scratch_path("stdout"), 0, NULL);
	assert_non_null(findings);
	finding = json_array_get(json_object_get(findings, "findings"), 0);
	assert_string_equal(json_string_value(json_object_get(finding, "rule")), "lock-wait");
	assert_string_equal(json_string_value(json_object_get(finding, "about")), "rwlock");
	assert_true(json_real_value(json_object_get(finding, "cost_share")) > 0.4);
	not_judged = json_object_get(findings, "not_judged");
	assert_true(json_array_size(not_judged) > 0);
	json_decref(findings);
}

static void test_chapter(void **state)
{
	static const struct planted one[2] = {{"x.summary.tsv", point, {"impl=<b> threads=4 lock_wait_ns_per_op=50"}}};
	struct evidence evidence = {0};
	struct findings findings = {0};
	char error[RUN_ERROR_BYTES], *text;
	FILE *out;

	(void)state;
	apply(one, &evidence, &findings);
	findings_free(&findings);
	evidence_free(&evidence);
	out = fopen(scratch_path("chapter.html"), "w");
	assert_non_null(out);
	assert_true(analyze_write(out, ".", scratch_path("."), error));
	assert_int_equal(fclose(out), 0);
	text = scratch_read(scratch_path("chapter.html"));
	assert_non_null(strstr(text, "lock-wait"));
	assert_non_null(strstr(text, "50 % of the time (measured)"));
	assert_non_null(strstr(text, "&lt;b&gt;"));
	assert_null(strstr(text, "<b> "));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_planted, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_clean, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_every_rule_has_a_case),
		cmocka_unit_test_setup_teardown(test_nothing, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_order, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_controls_are_left_out, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_noise_is_no_finding, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_columns_are_real, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_bad_input, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_json_of_bench, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_chapter, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests_name("analyze", tests, NULL, NULL);
}
