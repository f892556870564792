/* SPDX-License-Identifier: BSD-2-Clause */
/* Traces; see spans.h. */
#include "harness/traced/spans.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capacitor/cache.h"
#include "harness/traced/record.h"
#include "harness/traced/sites.h"

#define PROCESS 1

enum category { OPERATION, LOCK_WAIT, LOCK_HOLD, IDLE, GRACE, EVICTION, RECLAIM, ROOM, CATEGORIES };

static const struct {
	const char *name, *heading;
} categories[CATEGORIES] = {
	[OPERATION] = {"operation", "operations"}, [LOCK_WAIT] = {"lock", "lock waits"}, [LOCK_HOLD] = {"lock", "lock holds"},
	[IDLE] = {"idle", "idle"},                 [GRACE] = {"grace", "grace"},          [EVICTION] = {"eviction", "evictions"},
	[RECLAIM] = {"reclaim", "reclaim"},              [ROOM] = {"room", "room waits"},
};

static const struct kind {
	const char *name;
	enum category category;
	const char *argument; /* NULL: none, or one that is written in its own way */
} kinds[RECORD_KINDS] = {
	[RECORD_GET] = {"get", OPERATION, NULL},
	[RECORD_SET] = {"set", OPERATION, NULL},
	[RECORD_ADD] = {"add", OPERATION, NULL},
	[RECORD_REPLACE] = {"replace", OPERATION, NULL},
	[RECORD_DELETE] = {"delete", OPERATION, NULL},
	[RECORD_CONTAINS] = {"contains", OPERATION, NULL},
	[RECORD_LOCK_WAIT] = {"wait", LOCK_WAIT, NULL},
	[RECORD_LOCK_HOLD] = {"hold", LOCK_HOLD, NULL},
	[RECORD_IDLE] = {"idle", IDLE, NULL},
	[RECORD_GRACE] = {"grace period", GRACE, NULL},
	[RECORD_EPOCH_POLL] = {"epoch poll", GRACE, NULL},
	[RECORD_EVICT] = {"evict", EVICTION, "entries"},
	[RECORD_BURY] = {"reclaim", RECLAIM, "entries"},
	[RECORD_ROOM_WAIT] = {"wait for room", ROOM, "bytes"},
	[RECORD_SLEEP] = {"sleep", ROOM, "ns"},
};

struct span {
	struct record_span raw;
	bool unfinished;
};

struct thread {
	char name[RECORD_NAME_BYTES];
	const struct record *record;
	struct span *span;
	size_t count;
	uint64_t left_out;    /* there was no room */
	uint64_t not_nested;  /* it ended within one that it had begun before */
};

struct spans {
	struct thread *thread;
	size_t threads;
	uint64_t from, to; /* the window, in ticks */
	struct sites *sites;
};

/* ---- Gathering --------------------------------------------------------------------------------------------------- */

/* As they begin; of two that begin together the longer one, which holds the other. */
static int by_begin(const void *a, const void *b)
{
	const struct record_span *one = &((const struct span *)a)->raw, *other = &((const struct span *)b)->raw;

	if (one->begin != other->begin)
		return one->begin < other->begin ? -1 : 1;
	if (one->end != other->end)
		return one->end > other->end ? -1 : 1;
	return one->kind < other->kind ? -1 : one->kind > other->kind;
}

/* Leaves out what does not nest: a lock that was let go before one that was taken later. */
static void nest(struct thread *thread)
{
	uint64_t end[RECORD_DEPTH_MAX * 4];
	size_t depth = 0, kept = 0;

	for (size_t i = 0; i < thread->count; i++) {
		const struct record_span *raw = &thread->span[i].raw;

		while (depth > 0 && end[depth - 1] <= raw->begin)
			depth--;
		if ((depth > 0 && raw->end > end[depth - 1]) || depth == sizeof end / sizeof end[0]) {
			thread->not_nested++;
			continue;
		}
		end[depth++] = raw->end;
		thread->span[kept++] = thread->span[i];
	}
	thread->count = kept;
}

/* What the thread is in the middle of, which may go on while we look: what does not fit together is not taken. */
static void take_open(const struct spans *spans, struct thread *thread, const struct record *record)
{
	unsigned depth = load_acquire(&record->depth); /* PAIRS: record_open_span() */

	for (unsigned i = 0; i < depth && i < RECORD_DEPTH_MAX; i++) {
		const struct record_open *open = &record->open[i];
		struct span *span = &thread->span[thread->count];

		/* Relaxed: the depth published them. */
		span->raw = (struct record_span){.begin = load_relaxed(&open->begin), .end = UINT64_MAX,
		                                 .argument = load_relaxed(&open->argument), .site = load_relaxed(&open->site),
		                                 .kind = (uint16_t)load_relaxed(&open->kind)};
		span->unfinished = true;
		if (span->raw.begin >= record->from && span->raw.begin < spans->to)
			thread->count++;
	}
}

static bool take(struct spans *spans, const struct record *record)
{
	struct thread *thread = &spans->thread[spans->threads];
	uint64_t count = load_acquire(&record->spans); /* PAIRS: record_whole_span() */

	if (!record->span || record->from == UINT64_MAX)
		return true;
	if (count > record_plan()->spans_max)
		count = record_plan()->spans_max; /* a ring: any order will do */
	thread->record = record;
	thread->span = calloc((size_t)count + RECORD_DEPTH_MAX, sizeof *thread->span);
	if (!thread->span)
		return false;
	for (; thread->count < count; thread->count++)
		thread->span[thread->count].raw = record->span[thread->count];
	take_open(spans, thread, record);
	thread->left_out = load_relaxed(&record->dropped); /* relaxed: an amount */
	if (record->name[0])
		memcpy(thread->name, record->name, sizeof thread->name);
	else
		snprintf(thread->name, sizeof thread->name, "helper %d", record->tid);
	if (thread->count == 0 && !record->member) {
		free(thread->span);
		memset(thread, 0, sizeof *thread);
		return true;
	}
	qsort(thread->span, thread->count, sizeof *thread->span, by_begin);
	nest(thread);
	spans->threads++;
	return true;
}

/* Members by number, then the others. */
static int by_member(const void *a, const void *b)
{
	const struct record *one = ((const struct thread *)a)->record, *other = ((const struct thread *)b)->record;

	if (one->member != other->member)
		return one->member ? -1 : 1;
	if (one->member)
		return one->index < other->index ? -1 : 1;
	return one->tid < other->tid ? -1 : 1;
}

struct spans *spans_gather(char *error, size_t error_bytes)
{
	struct spans *spans = calloc(1, sizeof *spans);
	size_t records = 0;
	bool done = spans;

	for (const struct record *record = record_all(); record; record = record->next)
		records++;
	if (spans)
		spans->thread = calloc(records + 1, sizeof *spans->thread);
	done = spans && spans->thread;
	if (done) {
		spans->from = record_started();
		spans->to = record_stopped();
	}
	for (const struct record *record = record_all(); done && record; record = record->next)
		done = take(spans, record);
	if (!done)
		snprintf(error, error_bytes, "no memory for the trace");
	else
		spans->sites = sites_open(error, error_bytes);
	if (!done || !spans->sites) {
		spans_free(spans);
		return NULL;
	}
	qsort(spans->thread, spans->threads, sizeof *spans->thread, by_member);
	return spans;
}

void spans_free(struct spans *spans)
{
	if (!spans)
		return;
	for (size_t i = 0; i < spans->threads; i++)
		free(spans->thread[i].span);
	free(spans->thread);
	sites_close(spans->sites);
	free(spans);
}

/* ---- Times ------------------------------------------------------------------------------------------------------- */

/* Whole nanoseconds, so that what nests goes on nesting. */
static uint64_t ns_of(uint64_t ticks)
{
	return (uint64_t)((double)ticks * latency_clock()->ns_per_tick);
}

static uint64_t begin_ns(const struct spans *spans, const struct span *span)
{
	return span->raw.begin < spans->from ? 0 : ns_of(span->raw.begin - spans->from);
}

static uint64_t end_ns(const struct spans *spans, const struct span *span)
{
	return ns_of((span->raw.end < spans->to ? span->raw.end : spans->to) - spans->from);
}

/* Its length, also outside of the window. */
static uint64_t length_ns(const struct spans *spans, const struct span *span)
{
	return span->unfinished ? end_ns(spans, span) - begin_ns(spans, span) : ns_of(span->raw.end - span->raw.begin);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void write_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if ((unsigned char)*text < 0x20)
			fprintf(out, "\\u%04x", (unsigned)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

/* The names of locks and sites repeat: looked up once. */
struct names {
	struct {
		const void *site;
		char *text;
	} known[256];
};

static const char *site_name(struct names *names, const struct spans *spans, const void *site)
{
	size_t slot = (uintptr_t)site * UINT64_C(0x9e3779b97f4a7c15) >> 56;

	if (names->known[slot].site != site) {
		free(names->known[slot].text);
		names->known[slot].text = sites_text(spans->sites, site, NULL, 0);
		names->known[slot].site = site;
	}
	return names->known[slot].text ? names->known[slot].text : "?";
}

static void write_key(FILE *out, uint64_t word)
{
	unsigned char byte[sizeof word];

	memcpy(byte, &word, sizeof word);
	fputs("\"key\":\"", out);
	for (size_t i = 0; i < sizeof byte; i++)
		fprintf(out, "%02x", byte[i]);
	fputc('"', out);
}

static void write_arguments(FILE *out, struct names *names, const struct spans *spans, const struct span *span)
{
	const struct kind *kind = &kinds[span->raw.kind];

	fputs(",\"args\":{", out);
	if (kind->category == OPERATION) {
		write_key(out, span->raw.argument);
		if (!span->unfinished) {
			fputs(",\"result\":", out);
			write_text(out, capacitor_result_string((enum capacitor_result)span->raw.result));
		}
	} else if (kind->category == LOCK_WAIT || kind->category == LOCK_HOLD) {
		fputs("\"site\":", out);
		write_text(out, site_name(names, spans, span->raw.site));
	} else {
		fprintf(out, "\"%s\":%" PRIu64, kind->argument ? kind->argument : "argument", span->raw.argument);
	}
	if (span->raw.begin < spans->from)
		fprintf(out, ",\"before_ns\":%" PRIu64, ns_of(spans->from - span->raw.begin));
	if (span->unfinished)
		fputs(",\"unfinished\":true", out);
	else if (span->raw.end > spans->to)
		fprintf(out, ",\"after_ns\":%" PRIu64, ns_of(span->raw.end - spans->to));
	fputc('}', out);
}

static void write_span(FILE *out, struct names *names, const struct spans *spans, int tid, const struct span *span)
{
	const struct kind *kind = &kinds[span->raw.kind];
	uint64_t begin = begin_ns(spans, span), end = end_ns(spans, span);
	char lock[RECORD_LOCK_NAME_BYTES], name[RECORD_LOCK_NAME_BYTES + 16];

	snprintf(name, sizeof name, "%s", kind->name);
	if (kind->category == LOCK_WAIT || kind->category == LOCK_HOLD) {
		record_lock_name((const void *)(uintptr_t)span->raw.argument, lock);
		snprintf(name, sizeof name, "%s %s", kind->name, lock);
	}
	fprintf(out,
	        ",\n{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"ts\":%" PRIu64 ".%03u,\"dur\":%" PRIu64 ".%03u,\"cat\":\"%s\",\"name\":",
	        PROCESS, tid, begin / 1000, (unsigned)(begin % 1000), (end - begin) / 1000, (unsigned)((end - begin) % 1000),
	        categories[kind->category].name);
	write_text(out, name);
	write_arguments(out, names, spans, span);
	fputc('}', out);
}

static void write_metadata(FILE *out, const char *what, int tid, const char *name)
{
	fprintf(out, "{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"ts\":0,\"name\":\"%s\",\"args\":{\"name\":", PROCESS, tid, what);
	write_text(out, name);
	fputs("}}", out);
}

/* What is a JSON number stays one. */
static bool is_number(const char *text)
{
	char *end;

	if (!isdigit((unsigned char)*text) && (*text != '-' || !isdigit((unsigned char)text[1])))
		return false;
	if (*text == '0' && text[1] && text[1] != '.')
		return false;
	if (text[strspn(text, "-.0123456789")] != '\0')
		return false; /* 6537e9721756 is a commit, which strtod would take for a number */
	strtod(text, &end);
	return *end == '\0';
}

static void write_counts(FILE *out, const struct thread *thread)
{
	const struct record *record = thread->record;
	bool first = true;

	fprintf(out, "{\"tid\":%d,\"name\":", record->tid);
	write_text(out, thread->name);
	fprintf(out, ",\"spans\":%zu,\"left_out\":%" PRIu64 ",\"not_nested\":%" PRIu64 ",\"recorded\":{", thread->count,
	        thread->left_out, thread->not_nested);
	for (unsigned kind = 0; kind < RECORD_KINDS; kind++) {
		uint64_t calls = load_relaxed(&record->calls[kind]); /* relaxed: an amount */

		if (calls > 0)
			fprintf(out, "%s\"%s\":%" PRIu64, first ? "" : ",", kinds[kind].name, calls);
		first &= calls == 0;
	}
	fputs("}", out);
	if (record->harness_counted)
		fprintf(out, ",\"harness_operations\":%" PRIu64 ",\"harness_gets\":%" PRIu64, record->harness_operations,
		        record->harness_gets);
	fputs("}", out);
}

void spans_write(FILE *out, const struct spans *spans, const struct spans_fact *facts, size_t count)
{
	struct names names;

	memset(&names, 0, sizeof names);
	fputs("{\"displayTimeUnit\":\"ns\",\"otherData\":{", out);
	for (size_t i = 0; i < count; i++) {
		write_text(out, facts[i].key);
		fputc(':', out);
		if (strcmp(facts[i].key, "commit") != 0 && is_number(facts[i].value)) /* a hash may have digits only */
			fputs(facts[i].value, out);
		else
			write_text(out, facts[i].value);
		fputs(",\n", out);
	}
	fprintf(out, "\"window_us\":%.3f,\n\"clock\":\"%s\",\n\"threads\":[", (double)ns_of(spans->to - spans->from) / 1e3,
	        latency_clock()->name);
	for (size_t i = 0; i < spans->threads; i++) {
		fputs(i > 0 ? ",\n" : "\n", out);
		write_counts(out, &spans->thread[i]);
	}
	fputs("]},\n\"traceEvents\":[\n", out);
	write_metadata(out, "process_name", 0, "capacitor");
	for (size_t i = 0; i < spans->threads; i++) {
		const struct thread *thread = &spans->thread[i];

		fputs(",\n", out);
		write_metadata(out, "thread_name", thread->record->tid, thread->name);
		fprintf(out, ",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"ts\":0,\"name\":\"thread_sort_index\"", PROCESS,
		        thread->record->tid);
		fprintf(out, ",\"args\":{\"sort_index\":%zu}}", i);
	}
	for (size_t i = 0; i < spans->threads; i++)
		for (size_t j = 0; j < spans->thread[i].count; j++)
			write_span(out, &names, spans, spans->thread[i].record->tid, &spans->thread[i].span[j]);
	fputs("\n]}\n", out);
	for (size_t i = 0; i < sizeof names.known / sizeof names.known[0]; i++)
		free(names.known[i].text);
}

/* ---- Summary ----------------------------------------------------------------------------------------------------- */

/* The time that a thread spent in spans of a category; one within another counts once. */
static uint64_t covered_ns(const struct spans *spans, const struct thread *thread, enum category category)
{
	uint64_t sum = 0, until = 0;

	for (size_t i = 0; i < thread->count; i++) {
		const struct span *span = &thread->span[i];
		uint64_t begin = begin_ns(spans, span), end = end_ns(spans, span);

		if (kinds[span->raw.kind].category != category || end <= until)
			continue;
		sum += end - (begin > until ? begin : until);
		until = end;
	}
	return sum;
}

/* So much of the window is what was kept of a thread: all, or to the end of the last span that had room. */
static double kept_ns(const struct spans *spans, const struct thread *thread)
{
	uint64_t last = 0;

	if (thread->left_out == 0 || thread->count == 0)
		return (double)ns_of(spans->to - spans->from);
	for (size_t i = 0; i < thread->count; i++)
		if (end_ns(spans, &thread->span[i]) > last)
			last = end_ns(spans, &thread->span[i]);
	return (double)(last > 0 ? last : 1);
}

static void print_shares(FILE *out, const struct spans *spans)
{
	fprintf(out, "%-16s", "thread");
	for (unsigned category = 0; category < CATEGORIES; category++)
		fprintf(out, " %10s", categories[category].heading);
	fputs("   recorded\n", out);
	for (size_t i = 0; i < spans->threads; i++) {
		const struct thread *thread = &spans->thread[i];

		fprintf(out, "%-16s", thread->name);
		for (unsigned category = 0; category < CATEGORIES; category++)
			fprintf(out, " %8.1f %%", 100 * (double)covered_ns(spans, thread, category) / kept_ns(spans, thread));
		fprintf(out, "   %zu", thread->count);
		if (thread->left_out > 0)
			fprintf(out, ", %" PRIu64 " left out", thread->left_out);
		fputc('\n', out);
	}
}

static void print_longest(FILE *out, const struct spans *spans, unsigned kind)
{
	const struct span *longest = NULL;
	const struct thread *by = NULL;
	char lock[RECORD_LOCK_NAME_BYTES] = "";
	size_t count = 0;

	for (size_t i = 0; i < spans->threads; i++)
		for (size_t j = 0; j < spans->thread[i].count; j++) {
			const struct span *span = &spans->thread[i].span[j];

			if (span->raw.kind != kind)
				continue;
			count++;
			if (!longest || length_ns(spans, span) > length_ns(spans, longest)) {
				longest = span;
				by = &spans->thread[i];
			}
		}
	if (!longest)
		return;
	if (kinds[kind].category == LOCK_WAIT || kinds[kind].category == LOCK_HOLD)
		record_lock_name((const void *)(uintptr_t)longest->raw.argument, lock);
	fprintf(out, "%-14s %10zu %14.3f us %14.3f us   %s%s%s%s\n", kinds[kind].name, count,
	        (double)length_ns(spans, longest) / 1e3, (double)begin_ns(spans, longest) / 1e3, by->name, lock[0] ? ", " : "",
	        lock, longest->unfinished ? ", unfinished" : "");
}

void spans_summary(FILE *out, const struct spans *spans)
{
	uint64_t left_out = 0, not_nested = 0;

	fprintf(out, "shares of a window of %.3f ms (an operation's includes what it waits, holds and evicts):\n",
	        (double)ns_of(spans->to - spans->from) / 1e6);
	print_shares(out, spans);
	fprintf(out, "\n%-14s %10s %17s %17s   %s\n", "kind", "spans", "longest", "at", "thread");
	for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
		print_longest(out, spans, kind);
	for (size_t i = 0; i < spans->threads; i++) {
		left_out += spans->thread[i].left_out;
		not_nested += spans->thread[i].not_nested;
	}
	if (left_out > 0)
		fprintf(out,
		        "\n%" PRIu64
		        " spans were left out: a thread keeps %zu (--spans N keeps more, a shorter --window needs less)\n",
		        left_out, record_plan()->spans_max);
	if (not_nested > 0)
		fprintf(out, "\n%" PRIu64 " spans were left out: they do not nest\n", not_nested);
}
