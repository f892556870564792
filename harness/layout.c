/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor layout`: how the structs that an implementation's threads share lie in lines, and what was declared of them.
 *
 * The declarations are those of common/layout.h, which the compiler has checked and left in a section of this program. The
 * fields come from this program's own debug information: so what is printed is what is running.
 */
#include "common/layout.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/commands.h"
#include "harness/debuginfo.h"
#include "harness/options.h"

#define PROGRAM "/proc/self/exe"

/* Of one struct that is shown. */
struct row {
	const char *name; /* NULL: a hole */
	const char *type;
	uint64_t offset;
	uint64_t bytes;
	unsigned bit, bits; /* of a bit field */
	bool alternative;   /* lies where another member of a union does */
};

struct shown {
	const char *type;
	const char *unit; /* where it is declared, or where to look for it */
	const struct layout_declaration **declarations;
	size_t declared;
	bool found;
	struct debuginfo_layout layout;
	struct row *rows;
	size_t row_count;
};

struct request {
	const char *implementation;
	const char *type; /* NULL: all */
	unsigned line_bytes;
	bool json;
};

struct listing {
	const struct request *request;
	struct debuginfo *info;
	const struct layout_declaration **declarations; /* sorted, each once */
	size_t declared;
	struct shown *shown;
	size_t count;
};

/* ---- What was declared ------------------------------------------------------------------------------------------- */

/* As the debug information has it. */
static const char *declared_file(const struct layout_declaration *declaration)
{
	return strncmp(declaration->file, "./", 2) == 0 ? declaration->file + 2 : declaration->file;
}

static bool is_common(const struct layout_declaration *declaration)
{
	return strncmp(declared_file(declaration), "common/", 7) == 0;
}

static bool is_of(const struct layout_declaration *declaration, const char *implementation)
{
	const char *file = declared_file(declaration);
	size_t length = strlen(implementation);

	return is_common(declaration) ||
	       (strncmp(file, "impl/", 5) == 0 && strncmp(file + 5, implementation, length) == 0 && file[5 + length] == '/');
}

/* The implementation's own come first; then by place. */
static int declaration_compare(const void *a, const void *b)
{
	const struct layout_declaration *one = *(const struct layout_declaration *const *)a;
	const struct layout_declaration *other = *(const struct layout_declaration *const *)b;
	int order = (int)is_common(one) - (int)is_common(other);

	if (order == 0)
		order = strcmp(declared_file(one), declared_file(other));
	if (order == 0)
		order = one->line < other->line ? -1 : one->line > other->line;
	return order;
}

/* Those that are of the implementation, each once: a header leaves a record in every file that includes it. */
static bool collect_declarations(struct listing *listing)
{
	size_t all = (size_t)(__stop_capacitor_layout - __start_capacitor_layout), kept = 0;

	listing->declarations = calloc(all + 1, sizeof *listing->declarations);
	if (!listing->declarations)
		return false;
	for (size_t i = 0; i < all; i++)
		if (is_of(__start_capacitor_layout[i], listing->request->implementation))
			listing->declarations[kept++] = __start_capacitor_layout[i];
	qsort(listing->declarations, kept, sizeof *listing->declarations, declaration_compare);
	for (size_t i = 0; i < kept; i++)
		if (listing->declared == 0 ||
		    declaration_compare(&listing->declarations[listing->declared - 1], &listing->declarations[i]) != 0)
			listing->declarations[listing->declared++] = listing->declarations[i];
	return true;
}

/* ---- What there is ----------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct request *request, const char *type)
{
	const char *bare = strncmp(type, "struct ", 7) == 0 ? type + 7 : type;

	return !request->type || strcmp(request->type, type) == 0 || strcmp(request->type, bare) == 0;
}

static struct shown *shown_find(struct listing *listing, const char *type)
{
	for (size_t i = 0; i < listing->count; i++)
		if (strcmp(listing->shown[i].type, type) == 0)
			return &listing->shown[i];
	return NULL;
}

/* Is a member shown as one, and not by its own members? Those that have a picture of their own are, and the C library's. */
static bool is_closed(struct listing *listing, const struct shown *shown, const char *type)
{
	struct debuginfo_layout layout;
	bool closed;

	for (size_t i = 0; i < listing->declared; i++)
		if (strcmp(listing->declarations[i]->type, type) == 0)
			return true;
	if (!debuginfo_layout(listing->info, type, shown->unit, &layout))
		return false;
	closed = layout.file && layout.file[0] == '/';
	debuginfo_layout_free(&layout);
	return closed;
}

/* Members side by side, and the holes between them. */
static bool make_rows(struct listing *listing, struct shown *shown)
{
	const struct debuginfo_layout *layout = &shown->layout;
	uint64_t end = 0;

	shown->rows = calloc(2 * layout->count + 1, sizeof *shown->rows);
	if (!shown->rows)
		return false;
	for (size_t i = 0; i < layout->count; i++) {
		const struct debuginfo_member *member = &layout->members[i];

		if (member->holds_members) {
			if (!is_closed(listing, shown, member->type))
				continue;
			while (i + 1 < layout->count && layout->members[i + 1].depth > member->depth)
				i++;
		}
		if (!member->alternative && member->offset > end)
			shown->rows[shown->row_count++] = (struct row){.offset = end, .bytes = member->offset - end};
		shown->rows[shown->row_count++] = (struct row){
			.name = member->name, .type = member->type, .offset = member->offset, .bytes = member->bytes,
			.bit = member->bit, .bits = member->bits, .alternative = member->alternative};
		if (member->offset + member->bytes > end)
			end = member->offset + member->bytes;
	}
	if (end < layout->bytes)
		shown->rows[shown->row_count++] = (struct row){.offset = end, .bytes = layout->bytes - end};
	return true;
}

static bool add_shown(struct listing *listing, const char *type, const char *unit)
{
	struct shown *shown = &listing->shown[listing->count++];

	*shown = (struct shown){.type = type, .unit = unit};
	shown->declarations = calloc(listing->declared + 1, sizeof *shown->declarations);
	if (!shown->declarations)
		return false;
	for (size_t i = 0; i < listing->declared; i++)
		if (strcmp(listing->declarations[i]->type, type) == 0)
			shown->declarations[shown->declared++] = listing->declarations[i];
	shown->found = debuginfo_layout(listing->info, type, unit, &shown->layout);
	return !shown->found || make_rows(listing, shown);
}

static bool collect_shown(struct listing *listing)
{
	const char *type = listing->request->type;

	listing->shown = calloc(listing->declared + 1, sizeof *listing->shown);
	if (!listing->shown)
		return false;
	for (size_t i = 0; i < listing->declared; i++) {
		const struct layout_declaration *declaration = listing->declarations[i];

		if (is_wanted(listing->request, declaration->type) && !shown_find(listing, declaration->type) &&
		    !add_shown(listing, declaration->type, declared_file(declaration)))
			return false;
	}
	if (type && listing->count == 0) { /* of which nothing is declared */
		char unit[128];

		snprintf(unit, sizeof unit, "impl/%s/%s.c", listing->request->implementation, listing->request->implementation);
		if (!add_shown(listing, type, unit))
			return false;
		listing->shown[0].unit = NULL;
	}
	return true;
}

static void listing_free(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		free(listing->shown[i].declarations);
		free(listing->shown[i].rows);
		debuginfo_layout_free(&listing->shown[i].layout);
	}
	free(listing->shown);
	free(listing->declarations);
	debuginfo_close(listing->info);
}

/* ---- Declarations in words --------------------------------------------------------------------------------------- */

static const char *const kind_names[] = {
	[LAYOUT_IS_TOGETHER] = "together", [LAYOUT_IS_WITHIN] = "within",       [LAYOUT_IS_SPAN] = "span",
	[LAYOUT_IS_APART] = "apart",       [LAYOUT_IS_OWN_LINES] = "own_lines", [LAYOUT_IS_FOREIGN] = "foreign",
};

static void declaration_words(const struct layout_declaration *declaration, char *text, size_t bytes)
{
	const char *first = declaration->first, *last = declaration->last;
	bool one = first && strcmp(first, last) == 0;

	switch (declaration->kind) {
	case LAYOUT_IS_TOGETHER:
		snprintf(text, bytes, "%s%s%s in one pair of lines", first, one ? "" : " to ", one ? "" : last);
		break;
	case LAYOUT_IS_WITHIN:
		snprintf(text, bytes, "%s%s%s in %u lines", first, one ? "" : " to ", one ? "" : last, declaration->amount);
		break;
	case LAYOUT_IS_SPAN:
		snprintf(text, bytes, "%s%s%s in %u bytes", first, one ? "" : " to ", one ? "" : last, declaration->amount);
		break;
	case LAYOUT_IS_APART:
		snprintf(text, bytes, "%s and %s in no common pair of lines", first, last);
		break;
	case LAYOUT_IS_OWN_LINES:
		snprintf(text, bytes, "no pair of lines in common with its neighbours");
		break;
	case LAYOUT_IS_FOREIGN:
		snprintf(text, bytes, "a library's");
		break;
	}
}

static const struct debuginfo_member *member_find(const struct shown *shown, const char *name)
{
	for (size_t i = 0; name && i < shown->layout.count; i++)
		if (strcmp(shown->layout.members[i].name, name) == 0)
			return &shown->layout.members[i];
	return NULL;
}

static bool meets(const struct row *row, uint64_t begin, uint64_t end)
{
	return row->offset < end && row->offset + (row->bytes ? row->bytes : 1) > begin;
}

/* Is a declaration about that row? Of APART, about either side. */
static bool is_about(const struct shown *shown, const struct layout_declaration *declaration, const struct row *row)
{
	const struct debuginfo_member *first = member_find(shown, declaration->first);
	const struct debuginfo_member *last = member_find(shown, declaration->last);

	if (!row->name || !first || !last)
		return false;
	if (declaration->kind == LAYOUT_IS_APART)
		return meets(row, first->offset, first->offset + first->bytes) ||
		       meets(row, last->offset, last->offset + last->bytes);
	return meets(row, first->offset, last->offset + last->bytes);
}

/* "AC": the letters of the declarations about a row. */
static void row_marks(const struct shown *shown, const struct row *row, char marks[27])
{
	size_t used = 0;

	for (size_t i = 0; i < shown->declared && i < 26; i++)
		if (is_about(shown, shown->declarations[i], row))
			marks[used++] = (char)('A' + i);
	marks[used] = '\0';
}

/* ---- As text ----------------------------------------------------------------------------------------------------- */

static void print_declarations(const struct shown *shown)
{
	for (size_t i = 0; i < shown->declared; i++) {
		char words[256];

		declaration_words(shown->declarations[i], words, sizeof words);
		printf("  %c  %s: %s\n", i < 26 ? (int)('A' + i) : '-', words, shown->declarations[i]->why);
	}
}

static void print_row(const struct shown *shown, const struct row *row, int name_width, int type_width)
{
	char marks[27], size[24] = "-";

	row_marks(shown, row, marks);
	if (row->bytes > 0)
		snprintf(size, sizeof size, "%llu", (unsigned long long)row->bytes);
	printf("  %6llu %6s  ", (unsigned long long)row->offset, size);
	if (!row->name)
		printf("(hole)");
	else
		printf("%-*s  %-*s", name_width, row->name, marks[0] ? type_width : 0, row->type);
	if (row->bits > 0)
		printf(" : %u, from bit %u", row->bits, row->bit);
	if (row->alternative)
		printf("  (or)");
	printf("%s%s\n", marks[0] ? "  " : "", marks);
}

static void print_line_head(uint64_t first, uint64_t last, bool pairs)
{
	if (first == last)
		printf("  line %llu", (unsigned long long)first);
	else
		printf("  lines %llu to %llu", (unsigned long long)first, (unsigned long long)last);
	if (pairs) {
		if (first / 2 == last / 2)
			printf(", pair %llu", (unsigned long long)(first / 2));
		else
			printf(", pairs %llu to %llu", (unsigned long long)(first / 2), (unsigned long long)(last / 2));
	}
	putchar('\n');
}

static bool row_begins_in(const struct row *row, uint64_t begin, uint64_t end)
{
	return row->offset >= begin && row->offset < end;
}

/* The row that began before a line and reaches into it; NULL: none. */
static const struct row *row_reaching(const struct shown *shown, uint64_t begin)
{
	for (size_t i = 0; i < shown->row_count; i++)
		if (shown->rows[i].offset < begin && shown->rows[i].offset + shown->rows[i].bytes > begin)
			return &shown->rows[i];
	return NULL;
}

/* From which line on does nothing but that row follow, and to which? */
static uint64_t line_end_of(const struct row *row, uint64_t line, unsigned line_bytes)
{
	uint64_t last = (row->offset + row->bytes) / line_bytes; /* the first that it does not fill */

	return last > line ? last - 1 : line;
}

static void print_lines(const struct shown *shown, unsigned line_bytes)
{
	int name_width = 0, type_width = 0;
	uint64_t lines = (shown->layout.bytes + line_bytes - 1) / line_bytes;
	bool pairs = line_bytes == LAYOUT_LINE_BYTES && shown->layout.alignment % LINE_PAIR_BYTES == 0; /* else: who knows */

	for (size_t i = 0; i < shown->row_count; i++) {
		if (!shown->rows[i].name)
			continue;
		if ((int)strlen(shown->rows[i].name) > name_width)
			name_width = (int)strlen(shown->rows[i].name);
		if ((int)strlen(shown->rows[i].type) > type_width)
			type_width = (int)strlen(shown->rows[i].type);
	}
	for (uint64_t line = 0; line < lines; line++) {
		uint64_t begin = line * line_bytes;
		const struct row *reaching = row_reaching(shown, begin);
		uint64_t last = reaching ? line_end_of(reaching, line, line_bytes) : line;

		print_line_head(line, last, pairs);
		if (reaching)
			printf("  %6s %6s  %s%s goes on\n", "", "", reaching->alternative ? "or " : "",
			       reaching->name ? reaching->name : "(hole)");
		for (size_t i = 0; i < shown->row_count; i++)
			if (row_begins_in(&shown->rows[i], begin, begin + line_bytes) && last == line)
				print_row(shown, &shown->rows[i], name_width, type_width);
		line = last;
	}
}

static void print_shown(const struct shown *shown, unsigned line_bytes)
{
	if (!shown->found) {
		printf("%s: not in the debug information of this program\n", shown->type);
		print_declarations(shown);
		return;
	}
	printf("%s, %s:%u: %llu bytes, aligned to %llu\n", shown->type, shown->layout.file ? shown->layout.file : "?",
	       shown->layout.line, (unsigned long long)shown->layout.bytes, (unsigned long long)shown->layout.alignment);
	if (shown->layout.alignment % line_bytes != 0)
		printf("  begins anywhere: lines are counted from its beginning\n");
	print_declarations(shown);
	print_lines(shown, line_bytes);
}

/* ---- As JSON ----------------------------------------------------------------------------------------------------- */

static json_t *row_json(const struct row *row, unsigned line_bytes)
{
	json_t *object = json_pack("{s:s?, s:s?, s:I, s:I, s:I}", "name", row->name, "type", row->type, "offset",
	                           (json_int_t)row->offset, "bytes", (json_int_t)row->bytes, "line",
	                           (json_int_t)(row->offset / line_bytes));

	if (row->bits > 0) {
		json_object_set_new(object, "bit", json_integer(row->bit));
		json_object_set_new(object, "bits", json_integer(row->bits));
	}
	if (row->alternative)
		json_object_set_new(object, "alternative", json_true());
	return object;
}

static json_t *declaration_json(const struct layout_declaration *declaration)
{
	return json_pack("{s:s, s:s?, s:s?, s:i, s:s, s:s, s:i}", "kind", kind_names[declaration->kind], "first",
	                 declaration->first, "last", declaration->last, "amount", (int)declaration->amount, "why",
	                 declaration->why, "file", declared_file(declaration), "line", (int)declaration->line);
}

static json_t *shown_json(const struct shown *shown, unsigned line_bytes)
{
	json_t *rows = json_array(), *declarations = json_array();

	for (size_t i = 0; i < shown->row_count; i++)
		json_array_append_new(rows, row_json(&shown->rows[i], line_bytes));
	for (size_t i = 0; i < shown->declared; i++)
		json_array_append_new(declarations, declaration_json(shown->declarations[i]));
	return json_pack("{s:s, s:b, s:s?, s:I, s:I, s:I, s:o, s:o}", "type", shown->type, "found", (int)shown->found, "file",
	                 shown->layout.file, "line", (json_int_t)shown->layout.line, "bytes",
	                 (json_int_t)shown->layout.bytes, "alignment", (json_int_t)shown->layout.alignment, "fields", rows,
	                 "declarations", declarations);
}

static void print_json(const struct listing *listing)
{
	unsigned line_bytes = listing->request->line_bytes;
	json_t *structs = json_array(), *document;

	for (size_t i = 0; i < listing->count; i++)
		json_array_append_new(structs, shown_json(&listing->shown[i], line_bytes));
	document = json_pack("{s:s, s:i, s:o}", "implementation", listing->request->implementation, "line_bytes",
	                     (int)line_bytes, "structs", structs);
	json_dumpf(document, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(document);
}

/* ---- The subcommand ---------------------------------------------------------------------------------------------- */

enum { OPTION_STRUCT, OPTION_LINE_BYTES, OPTION_JSON, OPTION_HELP };

static const struct options_known known[] = {
	[OPTION_STRUCT] = {"--struct", "NAME", "only this one; any struct that the program knows (default: those of which\n"
	                                       "something is declared, in common/ and in the implementation)"},
	[OPTION_LINE_BYTES] = {"--line-bytes", "N", "bytes of a line: 64 or 128 (default: 64)"},
	[OPTION_JSON] = {"--json", NULL, "as JSON; a field without a name is a hole"},
	[OPTION_HELP] = {"--help", NULL, "this text"},
	{NULL, NULL, NULL},
};

static void print_help(void)
{
	fputs("usage: capacitor layout IMPLEMENTATION [OPTION...]\n"
	      "\n"
	      "Prints how the structs that an implementation's threads share lie in lines of the cache, with the holes, and\n"
	      "what is declared of them: which fields lie together, which apart, and why. The letters behind a field are those\n"
	      "of the declarations about it. The compiler has checked the declarations; the fields are those of this program's\n"
	      "own debug information. Lines come in pairs, because processors fetch neighbours.\n"
	      "\n",
	      stdout);
	options_print(stdout, known);
	fputs("\nExit status: 0; 1 when this program has no debug information; 2 when an argument was wrong.\n", stdout);
}

static bool read_arguments(int argc, char **argv, struct request *request)
{
	struct options_reader reader = {.command = "layout", .known = known, .argc = argc, .argv = argv, .at = 2};
	const char *const *names = options_implementations();
	uint64_t line_bytes = request->line_bytes;
	size_t index;
	int option;

	if (argc < 2 || argv[1][0] == '-') {
		fprintf(stderr, "capacitor layout: which implementation? They are:");
		for (size_t i = 0; names[i]; i++)
			fprintf(stderr, " %s", names[i]);
		fprintf(stderr, "; capacitor layout IMPLEMENTATION [OPTION...]\n");
		return false;
	}
	if (!options_name("implementation", argv[1], names, &index, reader.error)) {
		fprintf(stderr, "capacitor layout: %s\n", reader.error);
		return false;
	}
	request->implementation = names[index];
	while ((option = options_read(&reader)) >= 0) {
		switch (option) {
		case OPTION_STRUCT:
			request->type = reader.value;
			break;
		case OPTION_LINE_BYTES:
			if (!options_number("--line-bytes", reader.value, 64, 128, &line_bytes, reader.error) ||
			    (line_bytes != 64 && line_bytes != 128)) {
				fprintf(stderr, "capacitor layout: --line-bytes is '%s'; it is 64 or 128\n", reader.value);
				return false;
			}
			break;
		case OPTION_JSON:
			request->json = true;
			break;
		}
	}
	request->line_bytes = (unsigned)line_bytes;
	if (option == OPTIONS_ERROR)
		fprintf(stderr, "capacitor layout: %s\n", reader.error);
	return option == OPTIONS_END;
}

static int no_such_struct(const struct listing *listing)
{
	struct listing all = *listing;
	struct request request = *listing->request;

	fprintf(stderr, "capacitor layout: no struct '%s' in this program; of %s something is declared of:", request.type,
	        request.implementation);
	for (size_t i = 0; i < all.declared; i++) {
		bool told = false;

		for (size_t j = 0; j < i && !told; j++)
			told = strcmp(all.declarations[i]->type, all.declarations[j]->type) == 0;
		if (!told)
			fprintf(stderr, "%s %s", i ? "," : "", all.declarations[i]->type);
	}
	fputc('\n', stderr);
	return COMMAND_USAGE;
}

static int print_listing(const struct listing *listing)
{
	if (listing->request->type && !listing->shown[0].found && listing->shown[0].declared == 0)
		return no_such_struct(listing);
	if (listing->request->json) {
		print_json(listing);
		return COMMAND_OK;
	}
	for (size_t i = 0; i < listing->count; i++) {
		if (i > 0)
			putchar('\n');
		print_shown(&listing->shown[i], listing->request->line_bytes);
	}
	return COMMAND_OK;
}

int layout_command(int argc, char **argv)
{
	struct request request = {.line_bytes = LAYOUT_LINE_BYTES};
	struct listing listing = {.request = &request};
	char error[OPTIONS_ERROR_BYTES];
	int status = COMMAND_FAIL;

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	if (!read_arguments(argc, argv, &request))
		return COMMAND_USAGE;
	listing.info = debuginfo_open(PROGRAM, error, sizeof error);
	if (!listing.info)
		fprintf(stderr, "capacitor layout: %s\n", error);
	else if (!collect_declarations(&listing) || !collect_shown(&listing))
		fprintf(stderr, "capacitor layout: no memory\n");
	else
		status = print_listing(&listing);
	listing_free(&listing);
	return status;
}
