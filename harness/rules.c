/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules; see rules.h. The table is at the end: read it first. Above it, one function for each rule, which looks at all rows
 * of the evidence and reports where the rule fires.
 *
 * A rule that compares two points fires only where their whole intervals lie apart: what could be noise is no finding.
 */
#include "harness/rules.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/steady.h"

/* ---- What several rules ask --------------------------------------------------------------------------------------------- */

#define FOR_EACH(row, kind) for (struct point_row row = {0}; evidence_next(evidence, kind, &row);)
#define FOR_EACH_SIBLING(other, row, parameter) \
	for (struct point_row other = {0}; row_sibling(row, parameter, &other);)

/* null has no cache in it, and unsync no threads: what is wrong with them is nobody's concern. */
static bool is_yardstick(struct point_row row)
{
	return row_is(row, "impl", "null") || row_is(row, "impl", "unsync");
}

static double threads_of(struct point_row row)
{
	return row_or(row, "threads", 1);
}

static bool fits(struct point_row row)
{
	return row_or(row, "oversubscribed", 0) == 0;
}

static bool is_get_only(struct point_row row)
{
	double get, set, delete;

	return row_mix(row, &get, &set, &delete) && get == 100;
}

/* Was it measured to be compared with: counters that nobody would choose, beside those that one would? */
static bool is_control(struct point_row row)
{
	struct point_row padded;

	return !row_is(row, "counters", "-") && !row_is(row, "counters", "padded") &&
	       row_partner(row, "counters", "padded", &padded);
}

#define FOR_EACH_CHOSEN(row, kind) FOR_EACH(row, kind) if (!is_control(row))

/* A metric at the other numbers of threads, as evidence: "1 thread 0 ns, 2 threads 20 ns, 4 threads 94 ns". */
static void add_over_threads(struct finding *finding, struct point_row row, const char *metric, const char *unit)
{
	char text[RULES_LINE_BYTES];
	size_t used = 0, points = 0;
	double before = 0;

	for (;;) { /* in order of threads, whatever the table's */
		struct point_row next = {0};
		double least = 0, value;

		if (threads_of(row) > before) {
			next = row;
			least = threads_of(row);
		}
		FOR_EACH_SIBLING(other, row, "threads")
			if (threads_of(other) > before && (!next.of || threads_of(other) < least)) {
				next = other;
				least = threads_of(other);
			}
		if (!next.of)
			break;
		before = least;
		if (row_number(next, metric, &value) && used < sizeof text) {
			used += (size_t)snprintf(text + used, sizeof text - used, "%s%g: %s %s", points ? ", " : "", least,
			                         figure(value), unit);
			points++;
		}
	}
	if (points > 1)
		finding_add(finding, "%s by threads: %s", metric, text);
}

/* A column of a table whose rows are stacks, added up over the rows of the same place, in stacks with this function (NULL: in
 * all). */
static double sum_of_place(struct point_row row, const char *const place[], const char *within, const char *column)
{
	double sum = 0;

	for (struct point_row other = {row.of, 0}; other.row < row.of->table.rows; other.row++) {
		size_t i = 0;

		while (place[i] && row_is(other, place[i], row_text(row, place[i])))
			i++;
		if (!place[i] && (!within || strstr(row_text(other, "stack"), within)))
			sum += row_or(other, column, 0);
	}
	return sum;
}

/* The place with the largest sum in a column of the tables of an implementation: a row of it, and the sum. */
static double largest_place(const struct evidence *evidence, enum evidence_kind kind, const char *impl, const char *const place[],
                            const char *column, struct point_row *best)
{
	double most = 0;

	FOR_EACH(row, kind) {
		double sum = strcmp(row.of->name, impl) == 0 ? sum_of_place(row, place, NULL, column) : 0;

		if (sum > most) {
			most = sum;
			*best = row;
		}
	}
	return most;
}

/* A number out of a latency vector: "hit=1,rmw=18,dirty=60,...". */
static double latency(struct point_row row, const char *name)
{
	const char *text = row_text(row, "latency_cycles");
	size_t length = strlen(name);

	for (const char *at = text; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return atof(at + length + 1);
	return 0;
}

/* ---- Locks -------------------------------------------------------------------------------------------------------------- */

static void add_lock_site(struct finding *finding, const struct evidence *evidence)
{
	static const char *const place[] = {"lock", "site", NULL};
	struct point_row site;
	double wait = largest_place(evidence, EVIDENCE_LOCKS, finding->about, place, "wait_ns", &site);

	if (wait > 0)
		finding_add(finding, "waited for longest: %s, from %s: contended %s times, %s ns (%s)",
		            row_text(site, "lock"), row_text(site, "site"), figure(sum_of_place(site, place, NULL, "contended")),
		            figure(wait), site.of->file);
}

static void find_lock_wait(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double wait, time;
		struct finding *finding;

		if (!fits(row) || !row_number(row, "lock_wait_ns_per_op", &wait) || !row_number(row, "ns_per_op", &time) ||
		    wait < rule->bound * time)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_MEASURED, wait / time);
		if (!finding)
			continue;
		finding_add(finding, "of the %s ns of an operation %s go by waiting; %s waits in 100 operations",
		            figure(time), figure(wait), figure(100 * row_or(row, "lock_waits_per_op", 0)));
		add_over_threads(finding, row, "lock_wait_ns_per_op", "ns");
		add_lock_site(finding, evidence);
	}
}

static void find_hot_lock(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double wait, time, share;
		struct finding *finding;

		if (!row_number(row, "lock_wait_ns_per_op", &wait) || !row_number(row, "ns_per_op", &time) || wait < 0.02 * time ||
		    !row_number(row, "hottest_lock_share", &share) || share < rule->bound || share >= 0.9999)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_MEASURED, share * wait / time);
		if (!finding)
			continue;
		finding_add(finding, "of the time spent waiting, %s %% is spent at one lock", figure(100 * share));
		finding_add(finding, "keys are drawn with skew %s: the hottest one alone decides which",
		            row_text(row, "skew"));
		add_lock_site(finding, evidence);
	}
}

static void find_locked_hits(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		struct point_row best = {0};
		struct finding *finding;
		double locks = row_or(row, "locks_per_op", 0);

		if (!is_get_only(row) || is_yardstick(row) || !fits(row) || threads_of(row) < 2 || locks < rule->bound)
			continue;
		FOR_EACH_SIBLING(other, row, "impl")
			if (!is_yardstick(other) && row_or(other, "locks_per_op", 1) < 0.01 && row_above(row, other, "ns_per_op") &&
			    (!best.of || row_or(other, "ns_per_op", 0) < row_or(best, "ns_per_op", 0)))
				best = other;
		if (!best.of)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_MEASURED,
		                         1 - row_or(best, "ns_per_op", 0) / row_or(row, "ns_per_op", 1));
		if (!finding)
			continue;
		finding_add(finding, "%s locks taken in a get that hits", figure(locks));
		finding_add(finding, "%s takes none: %s ns instead of %s at the same point", row_text(best, "impl"),
		            figure_of(best, "ns_per_op"), figure_of(row, "ns_per_op"));
		add_over_threads(finding, row, "ns_per_op", "ns");
	}
}

/* ---- Lines --------------------------------------------------------------------------------------------------------------- */

/* Of the schedules, clock estimates and coop counts: where there are both, the counts are looked at. */
static bool is_exact(struct point_row row)
{
	struct point_row exact;

	return row_is(row, "schedule", "coop") || !row_partner(row, "schedule", "coop", &exact);
}

/* The cycles of an operation but for those in which it queues: how long a queue is, counts (coop) cannot tell, so that what is
 * estimated
 * of them is what it costs at least. */
static double own_cycles(struct point_row row)
{
	return fmax(0, row_or(row, "cycles", 0) - row_or(row, "queue_cycles", 0) - row_or(row, "wait_cycles", 0));
}

/* Is it a field of this cell? */
static bool is_of_cell(struct point_row row, struct point_row cell)
{
	static const char *const same[] = {"impl", "threads", "mix", "counters", "policy", "line_bytes", "shift_bytes", "schedule"};

	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		if (!row_is(row, same[i], row_text(cell, same[i])))
			return false;
	return strcmp(row.of->name, cell.of->name) == 0 && strcmp(row.of->folder, cell.of->folder) == 0;
}

/* The two fields that most such transactions were on: those of `columns`, added up. */
static void add_fields(struct finding *finding, const struct evidence *evidence, struct point_row cell, const char *const columns[])
{
	struct point_row most[2] = {{0}};
	double count[2] = {0};

	FOR_EACH(row, EVIDENCE_FIELDS) {
		unsigned place = 2;
		double sum = 0;

		for (size_t i = 0; columns[i]; i++)
			sum += row_or(row, columns[i], 0);
		while (place > 0 && sum > count[place - 1])
			place--;
		if (place == 2 || !is_of_cell(row, cell))
			continue;
		if (place == 0) {
			most[1] = most[0];
			count[1] = count[0];
		}
		most[place] = row;
		count[place] = sum;
	}
	for (unsigned i = 0; i < 2; i++)
		if (most[i].of && count[i] >= 0.05 * count[0])
			finding_add(finding, "%s an operation: %s, by %s at %s", figure(count[i]), row_text(most[i], "field"),
			            row_text(most[i], "function"), row_text(most[i], "code"));
}

/* What the observatory has to say of an implementation, at the most cores: the fields with the most transactions. */
static void add_worst_fields(struct finding *finding, const struct evidence *evidence, struct point_row point)
{
	static const char *const columns[] = {"transactions", NULL};
	struct point_row cell = {0};

	FOR_EACH(row, EVIDENCE_COHERENCE)
		if (row_is(row, "impl", row_text(point, "impl")) && row_is(row, "counters", row_text(point, "counters")) &&
		    row_is(row, "operation", "all") && is_exact(row) && (!cell.of || threads_of(row) > threads_of(cell)))
			cell = row;
	if (!cell.of || row_or(cell, "transactions", 0) <= 0)
		return;
	finding_add(finding, "on %g virtual cores, mix %s: %s coherence transactions an operation, of which", threads_of(cell),
	            row_text(cell, "mix"), figure_of(cell, "transactions"));
	add_fields(finding, evidence, cell, columns);
}

static void find_writes_on_hit(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	static const char *const columns[] = {"true", "late", "upgrade_true", NULL};

	FOR_EACH_CHOSEN(row, EVIDENCE_COHERENCE) {
		double shared = row_or(row, "true", 0) + row_or(row, "late", 0) + row_or(row, "upgrade_true", 0);
		double cycles = own_cycles(row), lost;
		struct finding *finding;

		if (!row_is(row, "operation", "get") || !is_exact(row) || !is_get_only(row) || threads_of(row) < 2 ||
		    shared < rule->bound)
			continue;
		lost = (row_or(row, "true", 0) + row_or(row, "late", 0)) * latency(row, "dirty") +
		       row_or(row, "upgrade_true", 0) * latency(row, "upgrade");
		finding = finding_report(findings, rule, NULL, row, cycles > 0 ? FINDING_ESTIMATED : FINDING_UNPRICED,
		                         cycles > 0 ? fmin(lost / fmax(cycles, lost), 1) : shared);
		if (!finding)
			continue;
		finding_add(finding, "%s coherence transactions in a get, though nobody stores anything (exact, on %g "
		            "virtual cores)", figure(shared), threads_of(row));
		add_fields(finding, evidence, row, columns);
	}
}

static void find_false_sharing(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	static const char *const columns[] = {"false", "upgrade_false", NULL};

	FOR_EACH_CHOSEN(row, EVIDENCE_COHERENCE) {
		double misses = row_or(row, "false", 0), upgrades = row_or(row, "upgrade_false", 0);
		double cycles = own_cycles(row);
		double lost = misses * latency(row, "dirty") + upgrades * latency(row, "upgrade");
		struct finding *finding;

		if (!row_is(row, "operation", "get") || !is_exact(row) || threads_of(row) < 2 || misses + upgrades < rule->bound)
			continue;
		finding = finding_report(findings, rule, NULL, row, cycles > 0 ? FINDING_ESTIMATED : FINDING_UNPRICED,
		                         cycles > 0 ? fmin(lost / fmax(cycles, lost), 1) : misses + upgrades);
		if (!finding)
			continue;
		finding_add(finding, "a get misses %s times, and upgrades %s times, a line of which others wrote only what "
		            "it does not use (exact, on %g virtual cores)", figure(misses), figure(upgrades), threads_of(row));
		add_fields(finding, evidence, row, columns);
	}
}

/* Two points that differ in one parameter: the worse one, with the time that the better saves. */
static struct finding *report_saving(struct findings *findings, const struct rule *rule, struct point_row row,
                                     struct point_row better)
{
	double time = row_or(row, "ns_per_op", 0), of_better = row_or(better, "ns_per_op", 0);

	if (!row_above(row, better, "ns_per_op") || of_better > (1 - rule->bound) * time)
		return NULL;
	return finding_report(findings, rule, NULL, row, FINDING_MEASURED, 1 - of_better / time);
}

static void find_shared_counters(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH(row, EVIDENCE_POINTS) {
		struct point_row padded;
		struct finding *finding;

		if (!fits(row) || threads_of(row) < 2 || row_is(row, "impl", "null") || row_is(row, "counters", "padded") ||
		    !row_partner(row, "counters", "padded", &padded))
			continue;
		finding = report_saving(findings, rule, row, padded);
		if (!finding)
			continue;
		finding_add(finding, "%s: %s ns an operation; padded, and all else the same: %s", row_text(row, "counters"),
		            figure_of(row, "ns_per_op"), figure_of(padded, "ns_per_op"));
		add_over_threads(finding, row, "ns_per_op", "ns");
	}
	FOR_EACH(row, EVIDENCE_COHERENCE) {
		double count = row_or(row, "transactions", 0), cycles = own_cycles(row), saved;
		struct point_row padded;
		struct finding *finding;

		if (!row_is(row, "operation", "get") || !is_exact(row) || row_is(row, "counters", "padded") ||
		    !row_partner(row, "counters", "padded", &padded) ||
		    count - row_or(padded, "transactions", 0) < 0.5 || cycles <= 0)
			continue;
		saved = 1 - own_cycles(padded) / cycles;
		if (saved < rule->bound)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_ESTIMATED, saved);
		if (finding)
			finding_add(finding, "%s: %s coherence transactions in a get; padded: %s (exact, on %g virtual cores)",
			            row_text(row, "counters"), figure(count), figure_of(padded, "transactions"),
			            threads_of(row));
	}
}

static void find_policy_writes(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		struct point_row best = {0};
		struct finding *finding;
		double get = 0, set, delete;

		if (!fits(row) || is_yardstick(row) || threads_of(row) < 2 || !row_mix(row, &get, &set, &delete) || get < 50)
			continue;
		FOR_EACH_SIBLING(other, row, "policy")
			if (row_or(other, "hit_ratio", 0) >= row_or(row, "hit_ratio", 0) - 0.005 &&
			    (!best.of || row_or(other, "ns_per_op", 0) < row_or(best, "ns_per_op", 0)))
				best = other;
		finding = best.of ? report_saving(findings, rule, row, best) : NULL;
		if (!finding)
			continue;
		finding_add(finding, "%s: %s ns an operation, hit ratio %s; %s: %s ns, hit ratio %s", row_text(row, "policy"),
		            figure_of(row, "ns_per_op"), figure_of(row, "hit_ratio"),
		            row_text(best, "policy"), figure_of(best, "ns_per_op"),
		            figure_of(best, "hit_ratio"));
		finding_add(finding, "locks per operation: %s against %s", figure_of(row, "locks_per_op"),
		            figure_of(best, "locks_per_op"));
	}
}

static void find_no_scaling(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double time = row_or(row, "ns_per_op", 0), alone, of_alone;
		double wait = row_or(row, "lock_wait_ns_per_op", 0) + row_or(row, "room_wait_ns_per_op", 0);
		struct finding *finding;
		struct point_row one;
		double unknown; /* where waiting was not counted, nobody can say that it does not explain it */

		if (!row_number(row, "lock_wait_ns_per_op", &unknown) || !fits(row) || is_yardstick(row) || threads_of(row) < 2 ||
		    !row_partner(row, "threads", "1", &one) ||
		    !row_above(row, one, "ns_per_op"))
			continue;
		alone = row_or(one, "ns_per_op", 0);
		of_alone = time - wait - alone; /* what neither the operation itself nor waiting for locks explains */
		if (of_alone < rule->bound * time)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_MEASURED, of_alone / time);
		if (!finding)
			continue;
		finding_add(finding, "one thread alone takes %s ns an operation, each of %g takes %s, of which %s wait for "
		            "locks", figure(alone), threads_of(row), figure(time), figure(wait));
		add_over_threads(finding, row, "ops_per_s", "/s");
		add_worst_fields(finding, evidence, row);
	}
}

static void find_oversubscribed(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		struct point_row fit = {0};
		struct finding *finding;
		double rate = row_or(row, "ops_per_s", 0), of_fit;

		if (fits(row) || is_yardstick(row))
			continue;
		FOR_EACH_SIBLING(other, row, "threads")
			if (fits(other) && (!fit.of || threads_of(other) > threads_of(fit)))
				fit = other;
		if (!fit.of || !row_above(fit, row, "ops_per_s"))
			continue;
		of_fit = row_or(fit, "ops_per_s", 0);
		if (rate > (1 - rule->bound) * of_fit)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_MEASURED, 1 - rate / of_fit);
		if (!finding)
			continue;
		finding_add(finding, "%g threads: %s operations/s; %g threads, all that have a processor: %s",
		            threads_of(row), figure(rate), threads_of(fit), figure(of_fit));
		finding_add(finding, "waiting for locks: %s ns an operation instead of %s",
		            figure_of(row, "lock_wait_ns_per_op"), figure_of(fit, "lock_wait_ns_per_op"));
	}
}

/* ---- Memory --------------------------------------------------------------------------------------------------------------- */

static void add_heap_site(struct finding *finding, const struct evidence *evidence)
{
	static const char *const place[] = {"site", NULL};
	struct point_row site;
	double count = largest_place(evidence, EVIDENCE_HEAP, finding->about, place, "count", &site);

	if (count > 0)
		finding_add(finding, "most often: %s, %s times, %s bytes (%s)", row_text(site, "site"), figure(count),
		            figure(sum_of_place(site, place, NULL, "bytes")), site.of->file);
}

static void find_allocating_hits(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double count = row_or(row, "allocations_per_op", 0);
		struct finding *finding;

		if (!is_get_only(row) || is_yardstick(row) || row_or(row, "hit_ratio", 0) < 1 || count <= rule->bound)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_UNPRICED, count);
		if (!finding)
			continue;
		finding_add(finding, "%s allocations of %s bytes together in a get that hits", figure(count),
		            figure_of(row, "allocated_bytes_per_op"));
		add_heap_site(finding, evidence);
	}
	FOR_EACH(row, EVIDENCE_ALLOCATIONS) {
		double most = row_or(row, "max", 0), allowed = row_or(row, "allowed", 0);
		struct finding *finding;

		if (most <= allowed || allowed > 0)
			continue;
		finding = finding_report(findings, rule, row_text(row, "implementation"), row, FINDING_UNPRICED, most);
		if (finding)
			finding_add(finding, "%s: up to %g allocations in a call, %g are allowed; at %s",
			            row_text(row, "operation"), most, allowed, row_text(row, "site"));
	}
}

static void find_allocating_stores(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double count = row_or(row, "allocations_per_op", 0), get = 0, set = 0, delete = 0, stores;
		struct finding *finding;

		if (is_yardstick(row) || !row_mix(row, &get, &set, &delete))
			continue;
		stores = (set + get * (1 - row_or(row, "hit_ratio", 1))) / 100; /* where misses are filled, that is a store, too */
		if (stores <= 0 || count <= rule->bound * stores)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_UNPRICED, count / stores);
		if (!finding)
			continue;
		finding_add(finding, "%s allocations for each store (%s an operation, %s stores an operation)",
		            figure(count / stores), figure(count), figure(stores));
		add_heap_site(finding, evidence);
	}
	FOR_EACH(row, EVIDENCE_ALLOCATIONS) {
		double most = row_or(row, "max", 0), allowed = row_or(row, "allowed", 0);
		struct finding *finding;

		if (most <= allowed || allowed < 1)
			continue;
		finding = finding_report(findings, rule, row_text(row, "implementation"), row, FINDING_UNPRICED, most);
		if (finding)
			finding_add(finding, "%s: up to %g allocations in a call, %g are allowed; at %s",
			            row_text(row, "operation"), most, allowed, row_text(row, "site"));
	}
}

static void find_rebuilds(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double rebuilds = row_or(row, "table_rebuilds", 0), operations = row_or(row, "operations", 0);
		struct finding *finding;

		if (is_yardstick(row) || operations <= 0 || rebuilds < rule->bound * operations)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_UNPRICED, rebuilds / operations);
		if (!finding)
			continue;
		finding_add(finding, "%s tables made anew in the window: one for each %s operations, while %s entries were "
		            "in the cache", figure(rebuilds), figure(operations / rebuilds),
		            figure_of(row, "entries"));
		finding_add(finding, "99.9 %% of the operations took at most %s ns, half of them %s",
		            figure_of(row, "latency_p999_ns"), figure_of(row, "latency_p50_ns"));
	}
}

/* Time for each further byte of a value, from the smallest to this one: at least `low`, about `slope`, at most `high`. */
struct slope {
	struct point_row small;
	double low, slope, high;
};

static bool slope_of(struct point_row large, struct slope *slope)
{
	double bytes, low, high, small_low, small_high;

	*slope = (struct slope){{0}, 0, 0, 0};
	FOR_EACH_SIBLING(other, large, "value_bytes")
		if (!slope->small.of || row_or(other, "value_bytes", 0) < row_or(slope->small, "value_bytes", 0))
			slope->small = other;
	if (!slope->small.of || row_or(large, "value_bytes", 0) < 16 * row_or(slope->small, "value_bytes", 1) ||
	    !row_interval(large, "ns_per_op", &low, &high) || !row_interval(slope->small, "ns_per_op", &small_low, &small_high))
		return false;
	bytes = row_or(large, "value_bytes", 0) - row_or(slope->small, "value_bytes", 0);
	slope->low = (low - small_high) / bytes;
	slope->high = (high - small_low) / bytes;
	slope->slope = (row_or(large, "ns_per_op", 0) - row_or(slope->small, "ns_per_op", 0)) / bytes;
	return slope->slope > 0;
}

static void find_copies(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		struct point_row limit;
		struct slope own, of_limit;
		struct finding *finding;
		double bytes;

		if (is_yardstick(row) || threads_of(row) != 1 || row_or(row, "value_bytes", 0) < 4096 ||
		    !row_partner(row, "impl", "unsync", &limit) || !row_above(row, limit, "ns_per_op") ||
		    !slope_of(row, &own) || !slope_of(limit, &of_limit) || own.low < rule->bound * of_limit.high)
			continue;
		bytes = row_or(row, "value_bytes", 0) - row_or(own.small, "value_bytes", 0);
		finding = finding_report(findings, rule, NULL, row, FINDING_MEASURED,
		                         (own.slope - of_limit.slope) * bytes / row_or(row, "ns_per_op", 1));
		if (!finding)
			continue;
		finding_add(finding, "%s ps for each further byte of a value, unsync: %s, a ratio of %.2f",
		            figure(1000 * own.slope), figure(1000 * of_limit.slope), own.slope / of_limit.slope);
		finding_add(finding, "from %s to %s bytes an operation grows from %s to %s ns",
		            row_text(own.small, "value_bytes"), row_text(row, "value_bytes"),
		            figure_of(own.small, "ns_per_op"), figure_of(row, "ns_per_op"));
	}
}

static void find_backlog(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double wait = row_or(row, "room_wait_ns_per_op", 0), time = row_or(row, "ns_per_op", 0);
		double busy = row_or(row, "busy_per_op", 0);
		struct finding *finding;

		if (is_yardstick(row) || time <= 0 || (wait < rule->bound * time && busy <= 0))
			continue;
		finding = finding_report(findings, rule, NULL, row, wait > 0 ? FINDING_MEASURED : FINDING_UNPRICED,
		                         wait > 0 ? wait / time : busy);
		if (!finding)
			continue;
		finding_add(finding, "stores waited %s of the %s ns of an operation for memory to come back; %s of a "
		            "million operations were refused", figure(wait), figure(time), figure(1e6 * busy));
		finding_add(finding, "at most %s bytes were unlinked and not yet free, of a capacity of %s",
		            figure_of(row, "retired_peak_bytes"), row_text(row, "capacity_bytes"));
		if (row_or(row, "grace_period_ns", 0) > 0)
			finding_add(finding, "a grace period took %s ns, %s passed in a second",
			            figure_of(row, "grace_period_ns"), figure_of(row, "grace_periods_per_s"));
	}
}

static void find_overhead(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double bytes = row_or(row, "bytes_per_entry", 0), ideal = row_or(row, "ideal_bytes_per_entry", 0);
		struct finding *finding;

		if (is_yardstick(row) || ideal <= 0 || row_or(row, "entries", 0) < 1000 || bytes < rule->bound * ideal)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_UNPRICED, bytes / ideal);
		if (finding)
			finding_add(finding, "%s bytes are charged for an entry whose key and value have %s", figure(bytes),
			            figure(ideal));
	}
}

/* The first number of a text in the environment, "33554432" or 33554432. */
static double environment_number(const struct evidence *evidence, const char *key)
{
	const json_t *value = json_object_get(evidence->environment, key);

	if (json_is_number(value))
		return json_number_value(value);
	return json_is_string(value) && isdigit((unsigned char)*json_string_value(value)) ? atof(json_string_value(value)) : 0;
}

static void find_memory_bound(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	double cache = environment_number(evidence, "l2_bytes");

	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double bytes = row_or(row, "entries", 0) * row_or(row, "bytes_per_entry", 0), time = row_or(row, "ns_per_op", 0);
		struct point_row limit;
		struct finding *finding;

		if (cache <= 0 || is_yardstick(row) || threads_of(row) != 1 || bytes < 4 * cache ||
		    row_or(row, "value_bytes", 0) > 1024 || !row_partner(row, "impl", "unsync", &limit) ||
		    time > (1 + rule->bound) * row_or(limit, "ns_per_op", 0))
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_UNPRICED, bytes);
		if (!finding)
			continue;
		finding_add(finding, "%s ns an operation; the same table without any synchronisation: %s", figure(time),
		            figure_of(limit, "ns_per_op"));
		finding_add(finding, "%s bytes of entries and tables; a core's own cache holds %s", figure(bytes),
		            figure(cache));
	}
}

/* ---- The rest of an operation ------------------------------------------------------------------------------------------- */

static void find_keyed_hash(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		struct point_row plain;
		struct finding *finding;

		if (!row_is(row, "hash", "siphash") || row_is(row, "impl", "null") || !row_partner(row, "hash", "xxh3", &plain))
			continue;
		finding = report_saving(findings, rule, row, plain);
		if (finding)
			finding_add(finding, "siphash: %s ns an operation; xxh3: %s", figure_of(row, "ns_per_op"),
			            figure_of(plain, "ns_per_op"));
	}
	FOR_EACH(row, EVIDENCE_CPU) {
		double self = row_or(row, "self_percent", 0) / 100;
		struct finding *finding;

		if (!strstr(row_text(row, "function"), "shorthash") || self < rule->bound)
			continue;
		finding = finding_report(findings, rule, row.of->name, row, FINDING_MEASURED, self);
		if (finding)
			finding_add(finding, "%s %% of the samples are in %s (%s)", figure(100 * self), row_text(row, "function"),
			            row.of->file);
	}
}

static void find_tail(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double median = row_or(row, "latency_p50_ns", 0), tail = row_or(row, "latency_p999_ns", 0);
		struct finding *finding;

		if (is_yardstick(row) || !fits(row) || median <= 0 || tail < rule->bound * median)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_UNPRICED, tail / median);
		if (!finding)
			continue;
		finding_add(finding, "p50 %s ns, p99 %s, p99.9 %s: %.0f times the median", figure(median),
		            figure_of(row, "latency_p99_ns"), figure(tail), tail / median);
		finding_add(finding, "in the window: %s tables made, %s ns an operation waiting for locks, %s for memory, "
		            "%s times a second a thread was taken off its core", figure_of(row, "table_rebuilds"),
		            figure_of(row, "lock_wait_ns_per_op"), figure_of(row, "room_wait_ns_per_op"),
		            figure_of(row, "involuntary_switches_per_s"));
	}
}

static void find_unfair(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double fairness = row_or(row, "fairness", 1);
		struct finding *finding;

		if (!fits(row) || is_yardstick(row) || fairness >= rule->bound)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_UNPRICED, 1 - fairness);
		if (finding)
			finding_add(finding, "Jain's index of the threads' operations: %s (1: all alike, %s: one did "
			            "everything)", figure(fairness), figure(1 / threads_of(row)));
	}
}

/* Of simulated policies, and of measured ones. */
static void find_policy_misses(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	static const enum evidence_kind from[] = {EVIDENCE_POINTS, EVIDENCE_SIMULATED};

	for (size_t i = 0; i < 2; i++)
		FOR_EACH_CHOSEN(row, from[i]) {
			struct point_row best = {0};
			struct finding *finding;
			double hits = row_or(row, "hit_ratio", 1), most = hits;

			FOR_EACH_SIBLING(other, row, "policy")
				if (row_or(other, "hit_ratio", 0) > most) {
					best = other;
					most = row_or(other, "hit_ratio", 0);
				}
			if (!best.of || most - hits < rule->bound)
				continue;
			finding = finding_report(findings, rule, row_text(row, "policy"), row, FINDING_UNPRICED, most - hits);
			if (finding)
				finding_add(finding, "hit ratio %s, of %s %s on the same requests: %s %% of this policy's "
				            "misses are for want of a better one", figure(hits), row_text(best, "policy"),
				            figure(most), figure(100 * (most - hits) / (1 - hits)));
		}
}

static void find_codec(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH(row, EVIDENCE_CODEC) {
		double share = row_or(row, "codec_share_percent", 0) / 100;
		struct finding *finding;

		if (share < rule->bound)
			continue;
		finding = finding_report(findings, rule, row_text(row, "codec"), row, FINDING_MEASURED, share);
		if (finding)
			finding_add(finding, "%s of the record %s: %s ns, of which %s %% are the codec's",
			            row_text(row, "operation"), row_text(row, "record"), figure_of(row, "ns_per_op"),
			            figure(100 * share));
	}
}

/* ---- Profiles ------------------------------------------------------------------------------------------------------------- */

static void find_hot_function(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH(row, EVIDENCE_CPU) {
		double self = row_or(row, "self_percent", 0) / 100;
		struct finding *finding;

		if (self < rule->bound || row_is(row, "part", "harness"))
			continue;
		finding = finding_report(findings, rule, row.of->name, row, FINDING_MEASURED, self);
		if (finding)
			finding_add(finding, "%s %% of the samples are in %s (%s) itself (%s)", figure(100 * self),
			            row_text(row, "function"), row_text(row, "file"), row.of->file);
	}
}

/* Of the threads that measure: an implementation's own may rest. */
static void find_off_cpu(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	static const char *const place[] = {"site", "file", "line", "waits_in", NULL};

	FOR_EACH(row, EVIDENCE_OFFCPU) {
		double off = sum_of_place(row, place, "member_main", "thread_percent") / 100;
		struct finding *finding;

		if (off < rule->bound || !strstr(row_text(row, "stack"), "member_main"))
			continue;
		finding = finding_report(findings, rule, row.of->name, row, FINDING_MEASURED, fmin(off, 1));
		if (finding)
			finding_add(finding, "%s %% of all threads' time goes by asleep in %s, called by %s at %s:%s (%s)",
			            figure(100 * off), row_text(row, "waits_in"), row_text(row, "site"), row_text(row, "file"),
			            row_text(row, "line"), row.of->file);
	}
}

/* ---- Doubts about the figures --------------------------------------------------------------------------------------------- */

static void find_harness(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double harness = row_or(row, "null_ns_per_op", 0), time = row_or(row, "ns_per_op", 0);
		struct finding *finding;

		if (row_is(row, "impl", "null") || time <= 0 || harness < rule->bound * time)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_DOUBT, harness / time);
		if (finding)
			finding_add(finding, "of %s ns an operation %s are the harness's: the stream of operations, "
			            "counting, the call", figure(time), figure(harness));
	}
}

static void find_noise(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double variation;
		struct finding *finding;

		if (!row_number(row, "ns_per_op_cv", &variation) || variation < rule->bound)
			continue;
		finding = finding_report(findings, rule, NULL, row, FINDING_DOUBT, variation);
		if (finding)
			finding_add(finding, "%s ns an operation, but its coefficient of variation over %s repetitions is "
			            "%.1f %%", figure_of(row, "ns_per_op"), row_text(row, "repetitions"),
			            100 * variation);
	}
}

/* Its bounds are those of harness/steady.c. */
static void find_disturbed(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH(row, EVIDENCE_POINTS) {
		double share = fmax(row_or(row, "cpu_wait_share", 0), row_or(row, "steal_share", 0));
		double most = fmax(share, fmax(row_or(row, "other_load", 0), row_or(row, "throttles", 0)));
		char reasons[STEADY_BYTES];
		struct finding *finding;

		if (steady_undisturbed(&row.of->table, row.row, reasons))
			continue;
		finding = finding_report(findings, rule, "the machine", row, FINDING_DOUBT, most);
		if (finding)
			finding_add(finding, "while this was measured: %s", reasons);
	}
}

static void find_few(const struct rule *rule, const struct evidence *evidence, struct findings *findings)
{
	FOR_EACH_CHOSEN(row, EVIDENCE_POINTS) {
		double repetitions = row_or(row, "repetitions", 0);
		struct finding *finding;

		if (repetitions >= rule->bound)
			continue;
		finding = finding_report(findings, rule, "the run", row, FINDING_DOUBT, 1 / (1 + repetitions));
		if (finding)
			finding_add(finding, "%g repetitions: the interval is from the smallest to the largest, which "
			            "covers the median with %s %%", repetitions, figure(100 * row_or(row, "coverage", 0)));
	}
}

/* ---- The table ------------------------------------------------------------------------------------------------------------ */

const struct rule rules[] = {
	{
		.name = "lock-wait", .title = "waits for locks", .bound = 0.1, .from = EVIDENCE_POINTS, .find = find_lock_wait,
		.when = "lock_wait_ns_per_op is at least %g of ns_per_op",
		.mechanism = "What is done under a lock is done by one thread at a time: the more threads, the longer "
		            "the queue.",
		.advice = "Shard the lock (sharded), do less under it, or read without it (rcu, ck_hs).",
		.verify = "capacitor profile --impl {impl} {point} --kinds locks; capacitor bench --impl {and_rcu} "
		          "{point} --repetitions 10 --out FILE; capacitor compare FILE --by impl",
	},
	{
		.name = "hot-lock", .title = "waits for one lock of many", .bound = 0.5,
		.from = EVIDENCE_POINTS, .find = find_hot_lock,
		.when = "hottest_lock_share is at least %g, of waits that are 2 % of the time or more",
		.mechanism = "All operations on a key go to its shard: more shards part the keys, but not the one key "
		            "that everybody wants.",
		.advice = "Read without locks (rcu, ck_hs), or keep a copy of the hottest keys in each thread; more "
		          "shards do not help.",
		.verify = "capacitor bench --impl {impl} --threads {threads} --skew 0,0.99: without skew "
		          "hottest_lock_share should fall",
	},
	{
		.name = "locked-hits", .title = "takes a lock for each hit", .bound = 0.5,
		.from = EVIDENCE_POINTS, .find = find_locked_hits,
		.when = "locks_per_op is at least %g when there are only gets, and one that takes none is faster",
		.mechanism = "Taking a lock writes its word, also for reading: the line with it wanders from core to "
		            "core, once for each get.",
		.advice = "Read without locks: rcu or ck_hs.",
		.verify = "capacitor coherence --impl {and_rcu} --mix 100:0:0: transactions of a get",
	},
	{
		.name = "writes-on-hit", .title = "writes shared memory when a get hits", .bound = 0.5,
		.from = EVIDENCE_COHERENCE, .find = find_writes_on_hit,
		.when = "a get makes at least %g coherence transactions of true sharing, with gets alone",
		.mechanism = "A line that is written has one owner: whoever writes the same one next has to fetch it "
		            "from there.",
		.advice = "Write only what is not yet as it should be, count in each thread apart, and keep locks off "
		          "the way of a hit.",
		.verify = "capacitor coherence --impl {impl} --mix 100:0:0, and make gate",
	},
	{
		.name = "false-sharing", .title = "shares lines, but not the data on them", .bound = 0.1,
		.from = EVIDENCE_COHERENCE, .find = find_false_sharing,
		.when = "a get makes at least %g misses and upgrades of false sharing",
		.mechanism = "Lines wander as a whole: a field that others write takes with it what only lies beside it.",
		.advice = "Give the field that is written a line of its own, or put it where only its writers are "
		          "(counters: --counters padded).",
		.verify = "capacitor layout {impl}; after the change: capacitor coherence --impl {impl}, and make gate",
	},
	{
		.name = "shared-counters", .title = "loses time by where its counters lie", .bound = 0.1,
		.from = EVIDENCE_POINTS, .or_from = EVIDENCE_COHERENCE, .find = find_shared_counters,
		.when = "padded counters save at least %g of ns_per_op",
		.mechanism = "Counters on one line, or one counter for all, make every operation write a line that all "
		            "cores want.",
		.advice = "--counters padded: each thread's on lines of its own.",
		.verify = "capacitor bench --impl {impl} --threads {threads} --mix 100:0:0 --counters all --repetitions "
		          "10 --out FILE; capacitor compare FILE --by counters",
	},
	{
		.name = "policy-writes", .title = "has a policy whose hits cost", .bound = 0.1,
		.from = EVIDENCE_POINTS, .find = find_policy_writes,
		.when = "another policy with a hit ratio as good saves at least %g of ns_per_op",
		.mechanism = "A policy that moves an entry on each hit (lru) needs the lock for it; one that marks it "
		            "(clock, sieve, s3fifo) writes once.",
		.advice = "Take the cheaper policy.",
		.verify = "capacitor bench --impl {impl} --threads {threads} --policy all --repetitions 10 --out FILE; "
		          "capacitor compare FILE --by policy",
	},
	{
		.name = "no-scaling", .title = "takes longer with more threads, without waiting", .bound = 0.2,
		.from = EVIDENCE_POINTS, .find = find_no_scaling,
		.when = "at least %g of ns_per_op is neither the time of one thread nor waiting for locks",
		.mechanism = "Threads that do not wait but slow down share something that is written: a line, a lock's "
		            "word, the memory's bandwidth.",
		.advice = "Find the line: capacitor coherence names it by field and function.",
		.verify = "capacitor coherence --impl {impl}; with hardware counters: capacitor c2c {impl}",
	},
	{
		.name = "oversubscribed", .title = "suffers from more threads than processors", .bound = 0.1,
		.from = EVIDENCE_POINTS, .find = find_oversubscribed,
		.when = "throughput falls by at least %g of that of as many threads as processors",
		.mechanism = "Whoever is taken off its core while it holds a lock keeps all others waiting until it runs "
		            "again.",
		.advice = "Run no more threads than processors, or read without locks.",
		.verify = "capacitor bench --impl {impl} --threads auto",
	},
	{
		.name = "allocating-hits", .title = "allocates when it reads or deletes", .bound = 0.001,
		.from = EVIDENCE_POINTS, .or_from = EVIDENCE_ALLOCATIONS, .find = find_allocating_hits,
		.when = "more than %g allocations in a get that hits; or capacitor alloc-check found one",
		.mechanism = "An allocation costs tens of nanoseconds, now and then the allocator's lock, and pushes "
		            "other things out of the caches.",
		.advice = "Copy into the caller's buffer, or pin; keep what has to be at hand in the handle.",
		.verify = "make alloc-check",
	},
	{
		.name = "allocating-stores", .title = "allocates more than once for a store", .bound = 1.05,
		.from = EVIDENCE_POINTS, .or_from = EVIDENCE_ALLOCATIONS, .find = find_allocating_stores,
		.when = "more than %g allocations for each store; or capacitor alloc-check found one",
		.mechanism = "One block for header, key and value is all that a store needs, and usually the one that "
		            "the last store replaced will do.",
		.advice = "Put what belongs together into one block, recycle blocks, make tables large enough at "
		          "creation.",
		.verify = "make alloc-check; capacitor profile --impl {impl} {point} --kinds heap",
	},
	{
		.name = "table-rebuilds", .title = "makes its tables anew, again and again", .bound = 0.0001,
		.from = EVIDENCE_POINTS, .find = find_rebuilds,
		.when = "at least %g tables in the window for each operation",
		.mechanism = "A table that is too small for its load, or full of the traces of what was deleted, is "
		            "copied, while writers wait.",
		.advice = "Make it large enough at creation (expected entries), let it reuse deleted places, or clean up "
		          "in place.",
		.verify = "capacitor bench --impl {impl} {point} --out FILE: table_rebuilds, latency_p999_ns",
	},
	{
		.name = "copies-twice", .title = "copies values more than once", .bound = 1.6,
		.from = EVIDENCE_POINTS, .find = find_copies,
		.when = "each further byte of a value costs at least %g times what it costs unsync",
		.mechanism = "A get copies a value once, to where the caller wants it; what is slower for each byte "
		            "copies it again.",
		.advice = "Copy under the protection of the lock, section or pin, straight from the entry; or hand out a "
		          "pin.",
		.verify = "capacitor bench --impl {impl},unsync --mix 100:0:0 --value-size 100,1000000; capacitor "
		          "profile --impl {impl} {point} --kinds cpu",
	},
	{
		.name = "backlog", .title = "waits for memory that is not reclaimed yet", .bound = 0.05,
		.from = EVIDENCE_POINTS, .find = find_backlog,
		.when = "room_wait_ns_per_op is at least %g of ns_per_op, or calls were refused",
		.mechanism = "What was replaced stays until every reader has left its section: stores that come faster "
		            "fill the capacity with the dead.",
		.advice = "Shorter read sections, more room (capacity), larger batches for each grace period; readers "
		          "that rest should say so (quiesce).",
		.verify = "capacitor timeline --impl {impl} {point}; then bench with twice the --capacity",
	},
	{
		.name = "overhead", .title = "takes much memory besides keys and values", .bound = 2,
		.from = EVIDENCE_POINTS, .find = find_overhead,
		.when = "bytes_per_entry is at least %g times ideal_bytes_per_entry",
		.mechanism = "Headers, links and tables have a fixed size: the smaller the values, the larger their "
		            "share.",
		.advice = "Larger values in fewer entries, or an implementation with smaller headers.",
		.verify = "capacitor layout {impl} --struct 'struct entry'",
	},
	{
		.name = "memory-bound", .title = "is as fast as memory lets it", .bound = 0.25,
		.from = EVIDENCE_POINTS, .find = find_memory_bound,
		.when = "a working set beyond the core's cache, and at most %g more time than unsync",
		.mechanism = "Each operation waits for the lines that it touches; synchronisation adds next to nothing "
		            "to that.",
		.advice = "Nothing is to be gained by other locks: prefetch in batches (get_many), huge pages, smaller "
		          "headers, fewer lines in an operation.",
		.verify = "capacitor doctor: huge pages; capacitor asm {impl} get: lines of code and data",
	},
	{
		.name = "keyed-hash", .title = "pays for the keyed hash", .bound = 0.1,
		.from = EVIDENCE_POINTS, .or_from = EVIDENCE_CPU, .find = find_keyed_hash,
		.when = "xxh3 instead of siphash saves at least %g of ns_per_op, or as large a part of a profile is the hash",
		.mechanism = "SipHash keeps whoever chooses the keys from making them collide, and takes some tens of "
		            "cycles for it.",
		.advice = "Where keys come from people you trust: --hash xxh3 (CAPACITOR_HASH_XXH3).",
		.verify = "capacitor bench --impl {impl} --threads {threads} --hash all --repetitions 10 --out FILE; "
		          "capacitor compare FILE --by hash",
	},
	{
		.name = "tail", .title = "is now and then much slower than usual", .bound = 100,
		.from = EVIDENCE_POINTS, .find = find_tail,
		.when = "latency_p999_ns is at least %g times latency_p50_ns",
		.mechanism = "One operation in a thousand pays at once for what many left behind: growth, reclamation, "
		            "eviction, or a thread that did not run.",
		.advice = "Do a bounded part of that work in each operation, or in a thread of its own.",
		.verify = "capacitor timeline --impl {impl} {point}: what is in the longest operations",
	},
	{
		.name = "unfair", .title = "lets some threads starve", .bound = 0.8,
		.from = EVIDENCE_POINTS, .find = find_unfair,
		.when = "fairness is below %g",
		.mechanism = "Whoever has just released a lock has its line still, and gets it again before those who "
		            "sleep wake up.",
		.advice = "Shorter critical sections, or a lock that hands over in order.",
		.verify = "capacitor profile --impl {impl} {point} --kinds locks",
	},
	{
		.name = "policy-misses", .title = "misses what another policy keeps", .bound = 0.02,
		.from = EVIDENCE_SIMULATED, .or_from = EVIDENCE_POINTS, .find = find_policy_misses,
		.when = "another policy's hit ratio is higher by at least %g",
		.mechanism = "A miss costs what the cache is there to save: usually more than anything that a hit can "
		            "cost.",
		.advice = "Take the better policy for this trace, if its hits cost no more.",
		.verify = "capacitor simulate --policy all on your own trace",
	},
	{
		.name = "codec", .title = "spends more on the format than on the cache", .bound = 0.5,
		.from = EVIDENCE_CODEC, .find = find_codec,
		.when = "the codec takes at least %g of an operation",
		.mechanism = "Encoding and decoding touch every field of a record, and often allocate for each; the "
		            "cache only copies bytes.",
		.advice = "A format that is read in place, or one that decodes only what is asked for; or cache the "
		          "decoded object.",
		.verify = "capacitor codec",
	},
	{
		.name = "hot-function", .title = "spends much of its time in one function", .bound = 0.3,
		.from = EVIDENCE_CPU, .find = find_hot_function,
		.when = "at least %g of the samples are in the function itself",
		.mechanism = "What takes most of the time is where a change can save most; all else cannot.",
		.advice = "Read its machine code, with the weights: where do samples pile up behind a miss, an atomic, a "
		          "division?",
		.verify = "capacitor asm {impl} get",
	},
	{
		.name = "off-cpu", .title = "sleeps", .bound = 0.1, .from = EVIDENCE_OFFCPU, .find = find_off_cpu,
		.when = "at least %g of the threads' time is slept in one place",
		.mechanism = "A thread that sleeps in a lock or a condition costs a system call to go, one to be woken, "
		            "and the time in between.",
		.advice = "Hold the lock for a shorter time, or spin a little before sleeping.",
		.verify = "capacitor timeline --impl {impl}",
	},
	{
		.name = "harness", .title = "is measured beside a large share of harness", .bound = 0.25,
		.from = EVIDENCE_POINTS, .find = find_harness,
		.when = "null_ns_per_op is at least %g of ns_per_op",
		.mechanism = "The loop that draws, calls and counts takes its time, too; nothing is subtracted.",
		.advice = "Compare differences, not ratios, of such figures: in ratios they look smaller than they are.",
		.verify = "capacitor bench --impl null,{impl}",
	},
	{
		.name = "noise", .title = "has figures that repetitions do not agree on", .bound = 0.05,
		.from = EVIDENCE_POINTS, .find = find_noise,
		.when = "the coefficient of variation of ns_per_op is at least %g",
		.mechanism = "Other load, a clock that changes, pages that fall otherwise: something else than the cache "
		            "was measured, too.",
		.advice = "A quieter machine (capacitor doctor --fix prints how), longer windows, more repetitions; "
		          "trust no difference below this.",
		.verify = "capacitor doctor; capacitor bench --impl {impl} {point} --repetitions 10",
	},
	{
		.name = "disturbed", .title = "did something else at the same time", .bound = 0.2,
		.from = EVIDENCE_POINTS, .find = find_disturbed,
		.when = "others kept %g processors busy or ours from running, time was stolen, or heat slowed them down (with the "
		        "bounds of harness/steady.c, and what the window cannot resolve)",
		.mechanism = "Whoever else runs takes processors, caches and memory bandwidth, now and then.",
		.advice = "Stop it, or wait; pin to isolated processors; compare only what was measured by turns.",
		.verify = "capacitor doctor --fix",
	},
	{
		.name = "few", .title = "was repeated too rarely", .bound = 6, .from = EVIDENCE_POINTS, .find = find_few,
		.when = "fewer than %g repetitions",
		.mechanism = "Below six repetitions no interval covers the median with 95 %, and no test can call a "
		            "difference significant.",
		.advice = "More repetitions: TIER=laptop or full, or --repetitions 10.",
		.verify = "capacitor bench --impl {impl} {point} --repetitions 10",
	},
	{.name = NULL},
};

/* The dearest first; then what has no price, then doubts; else as the table goes. */
static int by_cost(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	int of_x = x->basis <= FINDING_ESTIMATED ? 0 : (int)x->basis, of_y = y->basis <= FINDING_ESTIMATED ? 0 : (int)y->basis;

	if (of_x != of_y)
		return of_x - of_y;
	if (of_x == 0 && x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	return x->weight != y->weight ? (x->weight < y->weight ? 1 : -1) : strcmp(x->about, y->about);
}

bool rules_apply(const struct evidence *evidence, struct findings *findings)
{
	for (const struct rule *rule = rules; rule->name; rule++)
		rule->find(rule, evidence, findings);
	if (findings->count)
		qsort(findings->item, findings->count, sizeof findings->item[0], by_cost);
	return !findings->no_memory;
}
