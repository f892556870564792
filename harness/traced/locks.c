/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of locks; see locks.h. */
#include "harness/traced/locks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/traced/record.h"
#include "harness/traced/sites.h"

struct row {
	char lock[RECORD_LOCK_NAME_BYTES];
	char *site, *stack;
	uint64_t acquisitions, contended, wait, max_wait, hold;
};

struct rows {
	struct row *row;
	size_t count, room;
};

static bool same(const struct row *one, const struct row *other)
{
	return strcmp(one->lock, other->lock) == 0 && strcmp(one->site, other->site) == 0 && strcmp(one->stack, other->stack) == 0;
}

static void free_rows(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->row[i].site);
		free(rows->row[i].stack);
	}
	free(rows->row);
}

/* Takes the row's texts. */
static bool add(struct rows *rows, struct row *fresh)
{
	for (size_t i = 0; i < rows->count; i++)
		if (same(&rows->row[i], fresh)) {
			struct row *row = &rows->row[i];

			row->acquisitions += fresh->acquisitions;
			row->contended += fresh->contended;
			row->wait += fresh->wait;
			row->hold += fresh->hold;
			if (fresh->max_wait > row->max_wait)
				row->max_wait = fresh->max_wait;
			free(fresh->site);
			free(fresh->stack);
			return true;
		}
	if (rows->count == rows->room) {
		size_t room = rows->room ? rows->room * 2 : 256;
		struct row *more = realloc(rows->row, room * sizeof *more);

		if (!more)
			return false;
		rows->row = more;
		rows->room = room;
	}
	rows->row[rows->count++] = *fresh;
	return true;
}

static int by_wait(const void *a, const void *b)
{
	const struct row *one = a, *other = b;

	if (one->wait != other->wait)
		return one->wait < other->wait ? 1 : -1;
	if (one->acquisitions != other->acquisitions)
		return one->acquisitions < other->acquisitions ? 1 : -1;
	return strcmp(one->lock, other->lock);
}

static bool gather(struct rows *rows, struct sites *sites)
{
	for (const struct record *record = record_all(); record; record = record->next)
		for (unsigned i = 0; record->site && i < RECORD_SITES; i++) {
			const struct record_site *slot = &record->site[i];
			struct row row = {.acquisitions = slot->acquisitions, .contended = slot->contended, .wait = slot->wait,
			                  .max_wait = slot->max_wait, .hold = slot->hold};

			if (!slot->lock)
				continue;
			record_lock_name(slot->lock, row.lock);
			row.site = sites_text(sites, slot->site, slot->frame, slot->frames);
			row.stack = sites_stack(sites, slot->site, slot->frame, slot->frames);
			if (!row.site || !row.stack || !add(rows, &row)) {
				free(row.site);
				free(row.stack);
				return false;
			}
		}
	qsort(rows->row, rows->count, sizeof *rows->row, by_wait);
	return true;
}

bool locks_write(FILE *out, char *error, size_t error_bytes)
{
	double ns = latency_clock()->ns_per_tick;
	struct rows rows = {0};
	struct sites *sites = sites_open(error, error_bytes);
	bool done = sites && gather(&rows, sites);

	if (sites && !done)
		snprintf(error, error_bytes, "no memory for the table of locks");
	if (done)
		fputs("lock\tsite\tstack\tacquisitions\tcontended\twait_ns\tmax_wait_ns\thold_ns\n", out);
	for (size_t i = 0; done && i < rows.count; i++) {
		const struct row *row = &rows.row[i];

		fprintf(out, "%s\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%.0f\t%.0f\t%.1f\n", row->lock, row->site, row->stack,
		        row->acquisitions, row->contended, (double)row->wait * ns, (double)row->max_wait * ns,
		        (double)row->hold * ns / (double)row->acquisitions);
	}
	free_rows(&rows);
	sites_close(sites);
	return done;
}

void locks_summary(FILE *out)
{
	uint64_t acquisitions = 0, contended = 0, wait = 0, dropped = 0, window = record_stopped() - record_started();
	double ns = latency_clock()->ns_per_tick;
	unsigned threads = 0, proofs;

	for (const struct record *record = record_all(); record; record = record->next) {
		threads += record->member;
		dropped += record->sites_dropped;
		for (unsigned i = 0; record->site && i < RECORD_SITES; i++) {
			acquisitions += record->site[i].acquisitions;
			contended += record->site[i].contended;
			wait += record->site[i].wait;
		}
	}
	fprintf(out, "%" PRIu64 " acquisitions in %.1f ms by %u threads, %" PRIu64 " of them contended: waits of %.3f ms, %.2f %% "
	        "of the threads' time\n",
	        acquisitions, (double)window * ns / 1e6, threads, contended, (double)wait * ns / 1e6,
	        threads > 0 && window > 0 ? 100.0 * (double)wait / (double)window / threads : 0);
	if (dropped > 0)
		fprintf(out, "%" PRIu64 " acquisitions came from more places than there was room for: they are left out\n",
		        dropped);
	if (record_lock_contradictions(&proofs) > 0)
		fputs("the names of some locks are wrong: they were waited for with words of others\n", out);
}
