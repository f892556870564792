/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recorded access traces; see trace.h for the formats.
 *
 * A format is a row of a table: what its names end in, whether content looks like it, and the function that parses one
 * record (binary formats) or one line (text formats) and adds its requests. The loops over records and lines, and all
 * that can go wrong with them, stand once.
 *
 * None of the binary formats has a magic number. What can be checked of a record is checked, so that a file of
 * something else fails at its first records instead of becoming a meaningless trace: vscsi's version, and in
 * oracleGeneral that the next request of an object lies behind this one.
 */
#include "harness/trace.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "harness/environment.h"
#include "harness/input.h"

/*
 * Memory per request while loading, at its worst (every object requested once, the table of trace_count just doubled):
 * 16 bytes of arrays, 16 of the table and 8 of the one before. Half of the memory is for the trace; the rest is for the
 * caches that replay it.
 */
#define LOADING_BYTES_PER_REQUEST 40
#define MEMORY_SHARE              2

/* Requests and objects are numbered in 32 bits, 0 meaning none. */
#define REQUESTS_MAX (UINT32_MAX - 1)

/* How many records or lines are looked at to recognise a format. */
#define RECOGNISED_BY 64

/* No recording has 2^48 requests; text read as a number has more. */
#define NEXT_REQUEST_MAX ((int64_t)1 << 48)

struct loader {
	const char *path;
	const struct format *format;
	struct input input;
	struct trace *trace;
	uint64_t requests_max;
	size_t limit;    /* as many as memory allows */
	size_t room;     /* allocated */
	uint64_t line;   /* the number of the current line, from 1; 0 in binary formats */
	char *error;
};

struct format {
	const char *name;
	const char *suffixes[3]; /* of file names, without regard to case */
	const char *prefix;
	bool has_sizes;
	size_t record_bytes;     /* 0: text */
	bool (*parse)(struct loader *loader, const unsigned char *record, size_t bytes);
	/* Does this record look like one? Counted over the first records or lines. NULL: there is no telling. */
	bool (*recognise)(const unsigned char *record, size_t bytes, size_t number);
};

/* ---- Errors ------------------------------------------------------------------------------------------------------ */

/* Of a long path the end is shown: the message behind it must fit. */
#define PATH_SHOWN_BYTES 100

__attribute__((format(printf, 2, 3))) static bool fail(struct loader *loader, const char *format, ...)
{
	size_t path_bytes = strlen(loader->path);
	bool whole = path_bytes <= PATH_SHOWN_BYTES;
	int used = snprintf(loader->error, TRACE_ERROR_BYTES, "%s%s: ", whole ? "" : "...",
	                    whole ? loader->path : loader->path + path_bytes - PATH_SHOWN_BYTES);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(loader->error + used, TRACE_ERROR_BYTES - (size_t)used, format, arguments);
	va_end(arguments);
	return false;
}

/* At the current record or line. */
__attribute__((format(printf, 2, 3))) static bool fail_here(struct loader *loader, const char *format, ...)
{
	char what[TRACE_ERROR_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	if (loader->line)
		return fail(loader, "line %" PRIu64 ": %s", loader->line, what);
	return fail(loader, "%s record at byte %" PRIu64 ": %s", loader->format->name, loader->input.offset, what);
}

static bool fill(struct loader *loader, size_t bytes)
{
	char what[TRACE_ERROR_BYTES];

	return input_fill(&loader->input, bytes, what, sizeof(what)) || fail(loader, "%s", what);
}

/* ---- Adding requests --------------------------------------------------------------------------------------------- */

static bool full(const struct loader *loader)
{
	return loader->requests_max && loader->trace->requests >= loader->requests_max;
}

static bool grow(struct loader *loader)
{
	struct trace *trace = loader->trace;
	size_t room = loader->room ? 2 * loader->room : 65536;
	uint64_t *object;
	uint32_t *size_bytes;

	if (room > loader->limit)
		room = loader->limit;
	object = realloc(trace->object, room * sizeof(*object));
	if (object)
		trace->object = object;
	size_bytes = realloc(trace->size_bytes, room * sizeof(*size_bytes));
	if (size_bytes)
		trace->size_bytes = size_bytes;
	if (!object || !size_bytes)
		return fail(loader, "no memory for %zu requests; load fewer of them", room);
	loader->room = room;
	return true;
}

/* Does memory allow so many more? */
static bool allowed(struct loader *loader, uint64_t requests)
{
	return requests <= loader->limit - loader->trace->requests ||
	       fail(loader,
	            "has more than %zu requests, which is what this machine's memory allows; load fewer of them",
	            loader->limit);
}

static bool add(struct loader *loader, uint64_t object, uint32_t size_bytes)
{
	struct trace *trace = loader->trace;

	if (!allowed(loader, 1))
		return false;
	if (trace->requests == loader->room && !grow(loader))
		return false;
	trace->object[trace->requests] = object;
	trace->size_bytes[trace->requests] = size_bytes;
	trace->requests++;
	return true;
}

/* ---- Binary formats ---------------------------------------------------------------------------------------------- */

static uint32_t little_u32(const unsigned char *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t little_u64(const unsigned char *bytes)
{
	return little_u32(bytes) | (uint64_t)little_u32(bytes + 4) << 32;
}

static uint32_t big_u32(const unsigned char *bytes)
{
	return bytes[3] | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[0] << 24;
}

/* Negative and the largest number both mean that no request follows: converters differ. */
static bool recognise_oracle_general(const unsigned char *record, size_t bytes, size_t number)
{
	int64_t next = (int64_t)little_u64(record + 16);

	(void)bytes;
	return next < 0 || next == INT64_MAX || (next > (int64_t)number && next < NEXT_REQUEST_MAX);
}

static bool parse_oracle_general(struct loader *loader, const unsigned char *record, size_t bytes)
{
	if (!recognise_oracle_general(record, bytes, loader->trace->requests))
		return fail_here(loader,
		                 "the next request of the object is number %" PRId64 ", expected more than %zu, or -1",
		                 (int64_t)little_u64(record + 16), loader->trace->requests);
	return add(loader, little_u64(record + 4), little_u32(record + 12));
}

static bool recognise_vscsi(const unsigned char *record, size_t bytes, size_t number)
{
	(void)bytes;
	(void)number;
	return record[15] == 1;
}

static bool parse_vscsi(struct loader *loader, const unsigned char *record, size_t bytes)
{
	if (!recognise_vscsi(record, bytes, 0))
		return fail_here(loader, "the version is %u, expected 1 (version 2 has another layout and is not read)",
		                 record[15]);
	return add(loader, little_u64(record + 16), little_u32(record + 4));
}

static bool parse_cache2k(struct loader *loader, const unsigned char *record, size_t bytes)
{
	(void)bytes;
	return add(loader, big_u32(record), 1);
}

/* ---- Text formats ------------------------------------------------------------------------------------------------ */

/* Reads decimal digits. NULL: there are none, or they make more than 64 bits. */
static const unsigned char *digits(const unsigned char *text, const unsigned char *end, uint64_t *number)
{
	const unsigned char *first = text;

	*number = 0;
	for (; text < end && isdigit(*text); text++)
		if (__builtin_mul_overflow(*number, 10, number) || __builtin_add_overflow(*number, *text - '0', number))
			return NULL;
	return text > first ? text : NULL;
}

static size_t without_carriage_return(const unsigned char *line, size_t bytes)
{
	return bytes > 0 && line[bytes - 1] == '\r' ? bytes - 1 : bytes;
}

/* Four numbers with blanks between them. */
static bool split_arc(const unsigned char *line, size_t bytes, uint64_t field[4])
{
	const unsigned char *end = line + bytes;

	for (int i = 0; i < 4; i++) {
		while (line < end && (*line == ' ' || *line == '\t'))
			line++;
		line = digits(line, end, &field[i]);
		if (!line || (line < end && !isspace(*line)))
			return false;
	}
	while (line < end && isspace(*line))
		line++;
	return line == end;
}

static bool recognise_arc(const unsigned char *line, size_t bytes, size_t number)
{
	uint64_t field[4];

	(void)number;
	return split_arc(line, bytes, field);
}

static bool parse_arc(struct loader *loader, const unsigned char *line, size_t bytes)
{
	uint64_t field[4], first, count, last;

	if (!split_arc(line, bytes, field))
		return fail_here(loader,
		                 "expected four numbers: first block, number of blocks, ignored, sequence number");
	first = field[0];
	count = field[1];
	if (count == 0 || __builtin_add_overflow(first, count - 1, &last))
		return fail_here(loader,
		                 "%" PRIu64 " blocks from block %" PRIu64 " on, expected 1 block or more, below 2^64",
		                 count, first);
	if (loader->requests_max && count > loader->requests_max - loader->trace->requests)
		count = loader->requests_max - loader->trace->requests;
	if (!allowed(loader, count))
		return false;
	for (uint64_t block = first; count > 0; block++, count--)
		if (!add(loader, block, 1))
			return false;
	return true;
}

/* The size behind the last comma: NULL when there is none. */
static const unsigned char *split_csv(const unsigned char *line, size_t bytes, uint64_t *size)
{
	const unsigned char *end = line + without_carriage_return(line, bytes);
	const unsigned char *comma = memrchr(line, ',', (size_t)(end - line));

	return comma && digits(comma + 1, end, size) == end ? comma : NULL;
}

static bool is_csv_header(const unsigned char *line, size_t bytes, uint64_t number)
{
	const unsigned char *comma = memrchr(line, ',', bytes);

	return number == 1 && comma && comma + 1 < line + bytes && isalpha(comma[1]);
}

static bool recognise_csv(const unsigned char *line, size_t bytes, size_t number)
{
	uint64_t size;

	return split_csv(line, bytes, &size) || is_csv_header(line, bytes, number + 1);
}

static bool parse_csv(struct loader *loader, const unsigned char *line, size_t bytes)
{
	uint64_t size;
	const unsigned char *comma = split_csv(line, bytes, &size);

	if (!comma && is_csv_header(line, bytes, loader->line))
		return true;
	if (!comma)
		return fail_here(loader, "expected key,size with the size in bytes, a decimal number");
	if (comma == line)
		return fail_here(loader, "the key is empty, expected at least 1 byte before the comma");
	if (size > UINT32_MAX)
		return fail_here(loader, "the size is %" PRIu64 " bytes, expected at most %" PRIu32, size, UINT32_MAX);
	return add(loader, XXH3_64bits(line, (size_t)(comma - line)), (uint32_t)size);
}

static bool parse_keys(struct loader *loader, const unsigned char *line, size_t bytes)
{
	if (bytes == 0)
		return fail_here(loader, "the key is empty, expected at least 1 byte");
	return add(loader, XXH3_64bits(line, bytes), 1);
}

/* ---- The table of formats ---------------------------------------------------------------------------------------- */

static const struct format formats[] = {
	{"oracleGeneral", {".oracleGeneral", ".oracleGeneral.bin"}, NULL, true, 24, parse_oracle_general,
	 recognise_oracle_general},
	{"vscsi", {".vscsi", ".vscsitrace"}, NULL, true, 32, parse_vscsi, recognise_vscsi},
	{"cache2k", {".trc.bin"}, "cache2k", false, 4, parse_cache2k, NULL},
	{"arc", {".lis"}, NULL, false, 0, parse_arc, recognise_arc},
	{"csv", {".csv"}, NULL, true, 0, parse_csv, recognise_csv},
	{"keys", {".keys"}, NULL, false, 0, parse_keys, NULL},
};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

const char *const trace_formats[] = {"oracleGeneral", "vscsi", "cache2k", "arc", "csv", "keys", NULL};
const char trace_formats_text[] = "oracleGeneral, vscsi, cache2k, arc, csv, keys";
_Static_assert(sizeof(trace_formats) / sizeof(trace_formats[0]) == FORMATS + 1, "a name for each format");

static const struct format *find_format(const char *name)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

bool trace_is_format(const char *format)
{
	return find_format(format) != NULL;
}

/* ---- Recognising a format ---------------------------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *suffix)
{
	size_t name_bytes = strlen(name), suffix_bytes = strlen(suffix);

	return name_bytes > suffix_bytes && strcasecmp(name + name_bytes - suffix_bytes, suffix) == 0;
}

/* The file's name without its folder and its suffix of compression; the compression that the suffix names, or NULL. */
static const char *plain_name(const char *path, char *name, size_t name_bytes)
{
	static const char *const suffixes[][2] = {{".xz", "xz"}, {".zst", "zstd"}, {".gz", "gzip"}};
	const char *slash = strrchr(path, '/');

	snprintf(name, name_bytes, "%s", slash ? slash + 1 : path);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (ends_in(name, suffixes[i][0])) {
			name[strlen(name) - strlen(suffixes[i][0])] = '\0';
			return suffixes[i][1];
		}
	}
	return NULL;
}

static const struct format *recognise_by_name(const char *name)
{
	for (size_t i = 0; i < FORMATS; i++) {
		for (size_t j = 0; j < sizeof(formats[i].suffixes) / sizeof(formats[i].suffixes[0]); j++)
			if (formats[i].suffixes[j] && ends_in(name, formats[i].suffixes[j]))
				return &formats[i];
		if (formats[i].prefix && strncmp(name, formats[i].prefix, strlen(formats[i].prefix)) == 0)
			return &formats[i];
	}
	return NULL;
}

static bool is_text(const unsigned char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (data[i] == 127 || (data[i] < ' ' && data[i] != '\t' && data[i] != '\n' && data[i] != '\r'))
			return false;
	return true;
}

/* How many of the first lines look like this format; *lines: how many there are. A last line that is cut off by the end
 * of the window does not count, unless it is the only one. */
static size_t count_lines(const struct format *format, const unsigned char *data, size_t bytes, size_t *lines)
{
	const unsigned char *end = data + bytes;
	size_t matches = 0;

	for (*lines = 0; data < end && *lines < RECOGNISED_BY; (*lines)++) {
		const unsigned char *newline = memchr(data, '\n', (size_t)(end - data));

		if (!newline && *lines > 0)
			break;
		matches += format->recognise(data, (size_t)((newline ? newline : end) - data), *lines);
		data = newline ? newline + 1 : end;
	}
	return matches;
}

static bool all_records_match(const struct format *format, const unsigned char *data, size_t bytes)
{
	size_t records = bytes / format->record_bytes;

	if (records > RECOGNISED_BY)
		records = RECOGNISED_BY;
	for (size_t i = 0; i < records; i++)
		if (!format->recognise(data + i * format->record_bytes, format->record_bytes, i))
			return false;
	return records > 0;
}

/* Text is keys only when none of its lines looks like another format: half a file of one is somebody's mistake. */
static const struct format *recognise_text(const unsigned char *data, size_t bytes)
{
	bool some = false;

	for (size_t i = 0; i < FORMATS; i++) {
		size_t lines, matches;

		if (formats[i].record_bytes || !formats[i].recognise)
			continue;
		matches = count_lines(&formats[i], data, bytes, &lines);
		if (matches == lines)
			return &formats[i];
		some = some || matches > 0;
	}
	return some ? NULL : find_format("keys");
}

/* vscsi before oracleGeneral: its check is the stricter one. */
static const struct format *recognise_by_content(const unsigned char *data, size_t bytes)
{
	static const char *const binary[] = {"vscsi", "oracleGeneral"};

	if (is_text(data, bytes))
		return recognise_text(data, bytes);
	for (size_t i = 0; i < sizeof(binary) / sizeof(binary[0]); i++) {
		const struct format *format = find_format(binary[i]);

		if (all_records_match(format, data, bytes))
			return format;
	}
	return NULL;
}

/* Names go into tables and into the names of points, whose parts '/' and ':' separate. */
static void set_name(struct trace *trace, const char *name)
{
	memcpy(trace->name, name, strnlen(name, sizeof(trace->name) - 1)); /* the rest is zero */
	for (char *letter = trace->name; *letter; letter++)
		if (!isgraph((unsigned char)*letter) || strchr("/:\"\\", *letter))
			*letter = '_';
}

static bool find_out_format(struct loader *loader, const char *format)
{
	char name[4096];
	const char *compression = plain_name(loader->path, name, sizeof(name));

	set_name(loader->trace, name);
	if (format && !trace_is_format(format))
		return fail(loader, "trace format '%s' is unknown; it is one of %s", format, trace_formats_text);
	if (compression && !loader->input.compression)
		return fail(loader, "is named like %s data but does not begin like it", compression);
	if (!fill(loader, 1))
		return false;
	if (input_length(&loader->input) == 0)
		return fail(loader, "is empty, expected at least one request");
	loader->format = format ? find_format(format) : recognise_by_name(name);
	if (!loader->format) {
		if (!fill(loader, INPUT_WINDOW_BYTES))
			return false;
		loader->format = recognise_by_content(input_data(&loader->input), input_length(&loader->input));
	}
	if (!loader->format)
		return fail(loader, "neither its name nor its content tells its format; name it: one of %s",
		            trace_formats_text);
	loader->trace->format = loader->format->name;
	loader->trace->has_sizes = loader->format->has_sizes;
	return true;
}

/* ---- Loading ----------------------------------------------------------------------------------------------------- */

static bool load_records(struct loader *loader)
{
	struct input *input = &loader->input;
	size_t record_bytes = loader->format->record_bytes;

	while (!full(loader)) {
		if (input_length(input) < record_bytes && !fill(loader, record_bytes))
			return false;
		if (input_length(input) == 0)
			break;
		if (input_length(input) < record_bytes)
			return fail_here(loader, "it is cut off after %zu bytes, expected %zu", input_length(input),
			                 record_bytes);
		if (!loader->format->parse(loader, input_data(input), record_bytes))
			return false;
		input_take(input, record_bytes);
	}
	return true;
}

static bool load_lines(struct loader *loader)
{
	struct input *input = &loader->input;

	for (loader->line = 1; !full(loader); loader->line++) {
		const unsigned char *newline = memchr(input_data(input), '\n', input_length(input));
		size_t bytes;

		if (!newline) {
			if (!fill(loader, TRACE_LINE_BYTES_MAX + 1))
				return false;
			newline = memchr(input_data(input), '\n', input_length(input));
		}
		if (input_length(input) == 0)
			break;
		bytes = newline ? (size_t)(newline - input_data(input)) : input_length(input);
		if (bytes > TRACE_LINE_BYTES_MAX)
			return fail_here(loader, "it is longer than %d bytes", TRACE_LINE_BYTES_MAX);
		if (!loader->format->parse(loader, input_data(input), bytes))
			return false;
		input_take(input, newline ? bytes + 1 : bytes);
	}
	return true;
}

static bool load(struct loader *loader, const char *format)
{
	char what[TRACE_ERROR_BYTES];
	uint64_t limit = environment_memory_bytes() / MEMORY_SHARE / LOADING_BYTES_PER_REQUEST;

	loader->limit = limit < REQUESTS_MAX ? limit : REQUESTS_MAX;
	if (!input_open(loader->path, &loader->input, what, sizeof(what)))
		return fail(loader, "%s", what);
	if (!find_out_format(loader, format))
		return false;
	if (!(loader->format->record_bytes ? load_records(loader) : load_lines(loader)))
		return false;
	if (loader->trace->requests == 0)
		return fail(loader, "has no request, expected at least one");
	if (!trace_count(loader->trace))
		return fail(loader, "no memory to count the objects of %zu requests; load fewer of them",
		            loader->trace->requests);
	return true;
}

bool trace_load(const char *path, const char *format, uint64_t requests_max, struct trace *trace,
                char error[TRACE_ERROR_BYTES])
{
	struct loader loader = {.path = path, .trace = trace, .requests_max = requests_max, .error = error};
	bool loaded;

	*trace = (struct trace){0};
	loaded = load(&loader, format);
	input_close(&loader.input);
	if (!loaded)
		trace_free(trace);
	return loaded;
}

/* ---- Counting ---------------------------------------------------------------------------------------------------- */

/* A table from objects to the number of their first request, plus 1; open addressing, at most half full. */
struct objects {
	uint32_t *first;
	size_t slots; /* a power of two */
};

/* The finaliser of SplitMix64: neighbouring blocks spread over the table. */
static uint64_t spread(uint64_t object)
{
	object = (object ^ object >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	object = (object ^ object >> 27) * UINT64_C(0x94D049BB133111EB);
	return object ^ object >> 31;
}

static uint32_t *find_slot(const struct objects *objects, const struct trace *trace, uint64_t object)
{
	size_t slot = spread(object) & (objects->slots - 1);

	while (objects->first[slot] && trace->object[objects->first[slot] - 1] != object)
		slot = (slot + 1) & (objects->slots - 1);
	return &objects->first[slot];
}

static bool double_slots(struct objects *objects, const struct trace *trace)
{
	struct objects doubled = {.slots = objects->slots ? 2 * objects->slots : 1024};

	doubled.first = calloc(doubled.slots, sizeof(*doubled.first));
	if (!doubled.first)
		return false;
	for (size_t slot = 0; slot < objects->slots; slot++)
		if (objects->first[slot])
			*find_slot(&doubled, trace, trace->object[objects->first[slot] - 1]) = objects->first[slot];
	free(objects->first);
	*objects = doubled;
	return true;
}

static void sum_sizes(struct trace *trace)
{
	trace->requested_bytes = 0;
	trace->requests_of_no_bytes = 0;
	for (size_t i = 0; i < trace->requests; i++) {
		trace->requested_bytes += trace->size_bytes[i];
		trace->requests_of_no_bytes += trace->size_bytes[i] == 0;
	}
}

bool trace_count(struct trace *trace)
{
	struct objects objects = {0};
	uint32_t *index = realloc(trace->index, trace->requests * sizeof(*index));

	if (!index)
		return false;
	trace->index = index;
	trace->objects = 0;
	for (size_t i = 0; i < trace->requests; i++) {
		uint32_t *first;

		if (2 * trace->objects >= objects.slots && !double_slots(&objects, trace)) {
			free(objects.first);
			return false;
		}
		first = find_slot(&objects, trace, trace->object[i]);
		if (*first == 0) {
			*first = (uint32_t)i + 1;
			index[i] = (uint32_t)trace->objects++;
		} else {
			index[i] = index[*first - 1];
		}
	}
	free(objects.first);
	sum_sizes(trace);
	return true;
}

void trace_set_size(struct trace *trace, uint32_t size_bytes)
{
	for (size_t i = 0; i < trace->requests; i++)
		trace->size_bytes[i] = size_bytes;
	sum_sizes(trace);
}

void trace_free(struct trace *trace)
{
	free(trace->object);
	free(trace->index);
	free(trace->size_bytes);
	*trace = (struct trace){0};
}
