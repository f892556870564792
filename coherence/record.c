/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes what was measured; record.h has the form. */
#include "coherence/record.h"

#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coherence/counts.h"
#include "coherence/locks.h"
#include "coherence/memory.h"
#include "coherence/names.h"
#include "coherence/threads.h"

#define LINES_MAX  200
#define SITES_MAX  200
#define FIELDS_MAX 400
#define PLACES_MAX 8

static const char *kind_names[COHERENCE_OPERATIONS_MAX] = {"between"};

void coherence_operation_name(unsigned kind, const char *name)
{
	if (kind < COHERENCE_OPERATIONS_MAX)
		kind_names[kind] = name;
}

/* ---- Rankings ---------------------------------------------------------------------------------------------------- */

struct classes {
	uint64_t of[COHERENCE_CLASSES];
};

static uint64_t transactions(const struct classes *classes)
{
	uint64_t sum = 0;

	for (unsigned class = 0; class < COHERENCE_CLASSES; class++)
		if (class != COHERENCE_COLD)
			sum += classes->of[class];
	return sum;
}

static void add_site(struct classes *classes, const struct line_site *site)
{
	for (unsigned class = 0; class < COHERENCE_CLASSES; class++)
		classes->of[class] += site->class[class];
}

struct hot_line {
	struct line *line;
	struct classes classes;
	uint64_t score;
};

static int hotter_line(const void *left, const void *right)
{
	const struct hot_line *a = left, *b = right;

	if (a->score != b->score)
		return a->score < b->score ? 1 : -1;
	return (a->line->made > b->line->made) - (a->line->made < b->line->made);
}

struct hot_site {
	uintptr_t site;
	struct classes classes;
	uint64_t score, words;
};

/* By score, then by place in the file. */
static int hotter_site(const void *left, const void *right)
{
	const struct hot_site *a = left, *b = right;

	if (a->score != b->score)
		return a->score < b->score ? 1 : -1;
	return (a->site > b->site) - (a->site < b->site);
}

static int by_site(const void *left, const void *right)
{
	const struct hot_site *a = left, *b = right;

	return (a->site > b->site) - (a->site < b->site);
}

/* Sites in their order of heat; those of no transaction are dropped. Sites outside the program are one, 0. */
static size_t rank_sites(struct hot_site *sites, size_t count)
{
	size_t kept = 0;

	qsort(sites, count, sizeof(*sites), by_site);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && sites[kept - 1].site == sites[i].site) {
			for (unsigned class = 0; class < COHERENCE_CLASSES; class++)
				sites[kept - 1].classes.of[class] += sites[i].classes.of[class];
			sites[kept - 1].words |= sites[i].words;
		} else {
			sites[kept++] = sites[i];
		}
	}
	count = kept;
	kept = 0;
	for (size_t i = 0; i < count; i++) {
		sites[i].score = transactions(&sites[i].classes);
		if (sites[i].score > 0)
			sites[kept++] = sites[i];
	}
	qsort(sites, kept, sizeof(*sites), hotter_site);
	return kept;
}

static struct hot_site of_line_site(const struct line_site *from)
{
	struct hot_site site = {.site = names_in_file(from->site), .words = from->words};

	add_site(&site.classes, from);
	return site;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void write_classes(FILE *file, const struct classes *classes)
{
	for (unsigned class = 0; class < COHERENCE_CLASSES; class++)
		fprintf(file, "%s\"%s\": %llu", class ? ", " : "", coherence_count_names[class],
		        (unsigned long long)classes->of[class]);
}

static void write_places(FILE *file, uintptr_t first, uintptr_t end)
{
	struct place places[PLACES_MAX];
	unsigned count = names_at(first, end, places, PLACES_MAX);

	fprintf(file, "\"objects\": [");
	for (unsigned i = 0; i < count; i++) {
		const struct place *place = &places[i];

		fprintf(file, "%s{\"kind\": ", i ? ", " : "");
		switch (place->kind) {
		case PLACE_HEAP:
			fprintf(file, "\"heap\", \"site\": %zu, \"bytes\": %zu, \"offset\": %lld", (size_t)place->site,
			        (size_t)(place->end - place->first), (long long)(first - place->first));
			break;
		case PLACE_STATIC:
			fprintf(file, "\"static\", \"address\": %zu, \"offset\": %lld", (size_t)place->address,
			        (long long)(first - place->first));
			break;
		case PLACE_STACK:
			fprintf(file, "\"stack\", \"core\": %u", place->core);
			break;
		case PLACE_UNKNOWN:
			fprintf(file, "\"unknown\"");
			break;
		}
		if (place->type)
			fprintf(file, ", \"type\": \"%s\"", place->type);
		if (place->element_bytes)
			fprintf(file, ", \"element_bytes\": %zu", place->element_bytes);
		fprintf(file, "}");
	}
	fprintf(file, "]");
}

static void write_settings(FILE *file)
{
	const struct coherence_latency *latency = &settings.latency;

	fprintf(file,
	        "\"settings\": {\"schedule\": \"%s\", \"seed\": %llu, \"line_bytes\": %u, \"shift_bytes\": %u, "
	        "\"processors\": %u, \"quantum\": %u, \"pct_depth\": %u, \"pct_steps\": %llu, \"slack\": %u,\n"
	        "  \"latency\": {\"hit\": %u, \"rmw\": %u, \"clean\": %u, \"dirty\": %u, \"upgrade\": %u, \"cold\": %u, "
	        "\"wake\": %u, \"pause\": %u, \"per_1000_ns\": %u}},\n",
	        coherence_schedule_names[settings.schedule], (unsigned long long)settings.seed, settings.line_bytes,
	        settings.shift_bytes, settings.processors, settings.quantum, settings.pct_depth,
	        (unsigned long long)settings.pct_steps, settings.slack, latency->hit, latency->rmw, latency->clean,
	        latency->dirty, latency->upgrade, latency->cold, latency->wake, latency->pause, latency->per_1000_ns);
}

static void write_operations(FILE *file)
{
	bool first = true;

	fprintf(file, "\"operations\": [");
	for (unsigned kind = 0; kind < COHERENCE_OPERATIONS_MAX; kind++) {
		const uint64_t *of = counts.of[kind];

		if (of[COHERENCE_READS] + of[COHERENCE_WRITES] + of[COHERENCE_RMWS] + of[COHERENCE_OPERATIONS] == 0)
			continue;
		fprintf(file, "%s\n  {\"name\": \"%s\"", first ? "" : ",", kind_names[kind] ? kind_names[kind] : "unnamed");
		for (unsigned count = 0; count < COHERENCE_COUNTS; count++)
			fprintf(file, ", \"%s\": %llu", coherence_count_names[count], (unsigned long long)of[count]);
		fprintf(file, "}");
		first = false;
	}
	fprintf(file, "],\n");
}

static void write_heat(FILE *file, const struct line *line)
{
	bool first = true;

	fprintf(file, "\"heat\": [");
	for (unsigned core = 0; core < COHERENCE_CORES_MAX; core++) {
		const struct copy *copy = line->first;
		uint64_t any = 0;

		while (copy && copy->core != core)
			copy = copy->next;
		for (unsigned word = 0; copy && copy->heat && word < WORDS_PER_LINE; word++)
			any |= copy->heat->reads[word] | copy->heat->writes[word];
		if (!any)
			continue;
		fprintf(file, "%s{\"core\": %u, \"reads\": [", first ? "" : ", ", core);
		for (unsigned word = 0; word < WORDS_PER_LINE; word++)
			fprintf(file, "%s%u", word ? ", " : "", copy->heat->reads[word]);
		fprintf(file, "], \"writes\": [");
		for (unsigned word = 0; word < WORDS_PER_LINE; word++)
			fprintf(file, "%s%u", word ? ", " : "", copy->heat->writes[word]);
		fprintf(file, "]}");
		first = false;
	}
	fprintf(file, "]");
}

static size_t count_sites(const struct line *line)
{
	size_t count = 0;

	for (const struct line_site *site = line->detail ? line->detail->sites : NULL; site; site = site->next)
		count++;
	return count;
}

static void write_line(FILE *file, const struct hot_line *hot)
{
	const struct line *line = hot->line;
	uintptr_t address = directory_address(line);
	struct hot_site *sites = memory_take(count_sites(line) * sizeof(*sites) + 1);
	size_t count = 0;

	fprintf(file, "  {");
	write_classes(file, &hot->classes);
	fprintf(file,
	        ", \"transfers\": %u, \"invalidations\": %u, \"cas_failures\": %u, \"queue_cycles\": %llu, \"cores\": %u,\n   ",
	        line->detail->transfers, line->detail->invalidations, line->detail->cas_failures,
	        (unsigned long long)line->detail->queue_cycles, line->copies);
	write_places(file, address, address + settings.line_bytes);
	fprintf(file, ",\n   ");
	write_heat(file, line);
	for (const struct line_site *site = line->detail->sites; site; site = site->next)
		sites[count++] = of_line_site(site);
	count = rank_sites(sites, count);
	fprintf(file, ",\n   \"sites\": [");
	for (size_t i = 0; i < count; i++) {
		fprintf(file, "%s{\"site\": %zu, ", i ? ", " : "", (size_t)sites[i].site);
		write_classes(file, &sites[i].classes);
		fprintf(file, ", \"words\": [%d, %d]}", __builtin_ctzll(sites[i].words), 63 - __builtin_clzll(sites[i].words));
	}
	fprintf(file, "]}");
}

static void write_lines(FILE *file)
{
	struct hot_line *lines = memory_take((directory_lines() + 1) * sizeof(*lines));
	size_t count = 0;

	for (struct line *line = directory_first(); line; line = line->next) {
		struct hot_line *hot = &lines[count];

		if (!line->detail)
			continue;
		*hot = (struct hot_line){.line = line};
		for (const struct line_site *site = line->detail->sites; site; site = site->next)
			add_site(&hot->classes, site);
		for (const struct copy *copy = line->first; copy; copy = copy->next)
			hot->classes.of[COHERENCE_COLD] += copy->cold;
		hot->score = transactions(&hot->classes);
		count += hot->score > 0;
	}
	qsort(lines, count, sizeof(*lines), hotter_line);
	fprintf(file, "\"lines\": [");
	for (size_t i = 0; i < count && i < LINES_MAX; i++) {
		fprintf(file, i ? ",\n" : "\n");
		write_line(file, &lines[i]);
	}
	fprintf(file, "],\n");
}

static void write_sites(FILE *file)
{
	struct hot_site *sites;
	size_t count = 0;

	for (struct line *line = directory_first(); line; line = line->next)
		count += count_sites(line);
	sites = memory_take((count + 1) * sizeof(*sites));
	count = 0;
	for (struct line *line = directory_first(); line; line = line->next)
		for (const struct line_site *site = line->detail ? line->detail->sites : NULL; site; site = site->next)
			sites[count++] = of_line_site(site);
	count = rank_sites(sites, count);
	fprintf(file, "\"sites\": [");
	for (size_t i = 0; i < count && i < SITES_MAX; i++) {
		fprintf(file, "%s\n  {\"site\": %zu, ", i ? "," : "", (size_t)sites[i].site);
		write_classes(file, &sites[i].classes);
		fprintf(file, "}");
	}
	fprintf(file, "],\n");
}

/* What one piece of code met at one field of one type. */
struct field {
	const char *type;
	uintptr_t allocated, address; /* where there is no type */
	int64_t offset;               /* -1: of no interest */
	uintptr_t site;
	struct classes classes;
	uint64_t score;
};

static int by_field(const void *left, const void *right)
{
	const struct field *a = left, *b = right;
	int types = strcmp(a->type ? a->type : "", b->type ? b->type : "");

	if (types != 0)
		return types;
	if (a->allocated != b->allocated)
		return a->allocated < b->allocated ? -1 : 1;
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return (a->site > b->site) - (a->site < b->site);
}

static int hotter_field(const void *left, const void *right)
{
	const struct field *a = left, *b = right;

	if (a->score != b->score)
		return a->score < b->score ? 1 : -1;
	return by_field(left, right);
}

/* Offsets into larger objects say little, and are many. */
#define FIELDS_OF_BYTES_MAX 4096

static struct field field_of(const struct line *line, const struct line_site *site)
{
	unsigned word_bytes = settings.line_bytes / WORDS_PER_LINE;
	uintptr_t touched = directory_address(line) + (unsigned)__builtin_ctz(site->words) * word_bytes;
	struct field field = {.offset = -1, .site = names_in_file(site->site)};
	struct place place;
	size_t bytes;

	add_site(&field.classes, site);
	field.score = transactions(&field.classes);
	names_at(touched, touched + word_bytes, &place, 1);
	field.type = place.type;
	if (!place.type && place.kind == PLACE_HEAP)
		field.allocated = place.site;
	if (!place.type && place.kind == PLACE_STATIC)
		field.address = place.address;
	bytes = place.element_bytes ? place.element_bytes : place.end - place.first;
	if ((place.kind == PLACE_HEAP || place.type) && bytes <= FIELDS_OF_BYTES_MAX)
		field.offset = touched > place.first ? (int64_t)((touched - place.first) % bytes) : 0;
	return field;
}

static void write_fields(FILE *file)
{
	struct field *fields;
	size_t count = 0, merged = 0;

	for (struct line *line = directory_first(); line; line = line->next)
		count += count_sites(line);
	fields = memory_take((count + 1) * sizeof(*fields));
	count = 0;
	for (struct line *line = directory_first(); line; line = line->next) {
		for (const struct line_site *site = line->detail ? line->detail->sites : NULL; site; site = site->next) {
			struct classes classes = {0};

			add_site(&classes, site);
			if (transactions(&classes) > 0)
				fields[count++] = field_of(line, site);
		}
	}
	qsort(fields, count, sizeof(*fields), by_field);
	for (size_t i = 0; i < count; i++) {
		if (merged > 0 && by_field(&fields[merged - 1], &fields[i]) == 0) {
			for (unsigned class = 0; class < COHERENCE_CLASSES; class++)
				fields[merged - 1].classes.of[class] += fields[i].classes.of[class];
			fields[merged - 1].score += fields[i].score;
		} else {
			fields[merged++] = fields[i];
		}
	}
	qsort(fields, merged, sizeof(*fields), hotter_field);
	fprintf(file, "\"fields\": [");
	for (size_t i = 0; i < merged && i < FIELDS_MAX; i++) {
		fprintf(file, "%s\n  {\"site\": %zu, ", i ? "," : "", (size_t)fields[i].site);
		write_classes(file, &fields[i].classes);
		if (fields[i].type)
			fprintf(file, ", \"type\": \"%s\"", fields[i].type);
		if (fields[i].allocated)
			fprintf(file, ", \"allocated\": %zu", (size_t)fields[i].allocated);
		if (fields[i].address)
			fprintf(file, ", \"address\": %zu", (size_t)fields[i].address);
		if (fields[i].offset >= 0)
			fprintf(file, ", \"offset\": %lld", (long long)fields[i].offset);
		fprintf(file, "}");
	}
	fprintf(file, "],\n");
}

struct hot_lock {
	const struct lock *lock;
	unsigned made;
};

static int hotter_lock(const void *left, const void *right)
{
	const struct hot_lock *a = left, *b = right;

	if (a->lock->wait_cycles != b->lock->wait_cycles)
		return a->lock->wait_cycles < b->lock->wait_cycles ? 1 : -1;
	if (a->lock->locks != b->lock->locks)
		return a->lock->locks < b->lock->locks ? 1 : -1;
	return (a->made > b->made) - (a->made < b->made);
}

static void write_locks(FILE *file)
{
	struct hot_lock *hot;
	unsigned count = 0;

	for (const struct lock *lock = locks_first(); lock; lock = lock->next)
		count++;
	hot = memory_take((count + 1) * sizeof(*hot));
	count = 0;
	for (const struct lock *lock = locks_first(); lock; lock = lock->next) {
		hot[count].lock = lock;
		hot[count].made = count;
		count += lock->locks > 0;
	}
	qsort(hot, count, sizeof(*hot), hotter_lock);
	fprintf(file, "\"locks\": [");
	for (unsigned i = 0; i < count; i++) {
		const struct lock *lock = hot[i].lock;

		fprintf(file, "%s\n  {\"locks\": %llu, \"waits\": %llu, \"handovers\": %llu, \"wait_cycles\": %llu, ", i ? "," : "",
		        (unsigned long long)lock->locks, (unsigned long long)lock->waits, (unsigned long long)lock->handovers,
		        (unsigned long long)lock->wait_cycles);
		write_places(file, lock->address, lock->address + 1);
		fprintf(file, "}");
	}
	fprintf(file, "],\n");
}

/* Libraries, but for the system's own. */
static int write_library(struct dl_phdr_info *info, size_t bytes, void *context)
{
	static const char *const system[] = {"linux-vdso", "ld-linux", "libc.so", "libm.so", "libgcc_s", "libstdc++"};
	struct {
		FILE *file;
		unsigned count;
	} *list = context;
	const char *name = strrchr(info->dlpi_name, '/');
	bool known = false;

	(void)bytes;
	name = name ? name + 1 : info->dlpi_name;
	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		known |= strncmp(name, system[i], strlen(system[i])) == 0;
	if (!known && *name)
		fprintf(list->file, "%s\"%.*s\"", list->count++ ? ", " : "", (int)strcspn(name, "."), name);
	return 0;
}

static void write_unseen(FILE *file)
{
	struct {
		FILE *file;
		unsigned count;
	} list = {.file = file};

	fprintf(file, "\"unseen\": [");
	dl_iterate_phdr(write_library, &list);
	fprintf(file, "]\n");
}

bool coherence_record(const char *path, const char *subject, char *error, size_t error_bytes)
{
	struct thread *writer = self;
	char temporary[PATH_MAX];
	FILE *file;
	bool good;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= sizeof(temporary)) {
		snprintf(error, error_bytes, "%s: the path is too long", path);
		return false;
	}
	coherence_measure(false);
	self = NULL; /* what the writing itself calls is the system's */
	file = fopen(temporary, "w");
	if (file) {
		fprintf(file, "{\"format\": \"%s\",\n", COHERENCE_RECORD_FORMAT);
		if (subject)
			fprintf(file, "\"subject\": %s,\n", subject);
		write_settings(file);
		fprintf(file, "\"totals\": {\"steps\": %llu, \"switches\": %llu, \"lines\": %llu, \"cycles\": %llu},\n",
		        (unsigned long long)schedule.steps, (unsigned long long)schedule.switches,
		        (unsigned long long)directory_lines(), (unsigned long long)coherence_cycles());
		write_operations(file);
		write_lines(file);
		write_sites(file);
		write_fields(file);
		write_locks(file);
		write_unseen(file);
		fprintf(file, "}\n");
	}
	good = file && !ferror(file);
	good = file && fclose(file) == 0 && good;
	good = good && rename(temporary, path) == 0;
	if (!good) {
		snprintf(error, error_bytes, "%s: %s", path, strerror(errno));
		unlink(temporary);
	}
	self = writer;
	return good;
}
