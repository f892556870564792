/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks of functions and what they weigh; see profile_stacks.h. */
#include "harness/profile_stacks.h"

#include <inttypes.h>
#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_OF_ADDRESS 32 /* that were inlined into one another */

struct function {
	char *name, *file;
	size_t index;
	uint64_t seen; /* the last stack that counted it */
	double self, total, code;
};

/* A line of a function. */
struct frame {
	struct function *function;
	unsigned line;
	uint64_t seen;
	double self, total;
};

struct record {
	double weight;
	size_t depth;
	struct frame *frame[]; /* innermost first */
};

struct list {
	void **item;
	size_t count, room;
};

struct stacks {
	void *functions, *frames, *records; /* trees of tsearch(3), to find what is there already */
	struct list function, frame, record;
	double total;
};

struct stacks *stacks_new(void)
{
	return calloc(1, sizeof(struct stacks));
}

static void keep(void *item)
{
	(void)item; /* the lists own what the trees hold */
}

void stacks_free(struct stacks *stacks)
{
	if (!stacks)
		return;
	tdestroy(stacks->functions, keep);
	tdestroy(stacks->frames, keep);
	tdestroy(stacks->records, keep);
	for (size_t i = 0; i < stacks->function.count; i++) {
		struct function *function = stacks->function.item[i];

		free(function->name);
		free(function->file);
		free(function);
	}
	for (size_t i = 0; i < stacks->frame.count; i++)
		free(stacks->frame.item[i]);
	for (size_t i = 0; i < stacks->record.count; i++)
		free(stacks->record.item[i]);
	free(stacks->function.item);
	free(stacks->frame.item);
	free(stacks->record.item);
	free(stacks);
}

/* ---- What is there already --------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct function *one = a, *other = b;
	int order = strcmp(one->name, other->name);

	return order ? order : strcmp(one->file, other->file);
}

static int by_line(const void *a, const void *b)
{
	const struct frame *one = a, *other = b;

	if (one->function != other->function)
		return one->function->index < other->function->index ? -1 : 1;
	return (one->line > other->line) - (one->line < other->line);
}

static int by_frames(const void *a, const void *b)
{
	const struct record *one = a, *other = b;

	if (one->depth != other->depth)
		return one->depth < other->depth ? -1 : 1;
	return memcmp(one->frame, other->frame, one->depth * sizeof one->frame[0]);
}

static bool append(struct list *list, void *item)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		void **larger = realloc(list->item, room * sizeof *larger);

		if (!larger)
			return false;
		list->item = larger;
		list->room = room;
	}
	list->item[list->count++] = item;
	return true;
}

/* Puts an item into a list and its tree. False: no memory, and it is in neither. */
static bool enter(struct list *list, void **tree, void *item, int (*order)(const void *, const void *))
{
	if (!append(list, item))
		return false;
	if (tsearch(item, tree, order))
		return true;
	list->count--;
	return false;
}

static struct function *function_of(struct stacks *stacks, const char *name, const char *file)
{
	struct function wanted = {.name = (char *)(uintptr_t)name, .file = (char *)(uintptr_t)(file ? file : "")};
	void *found = tfind(&wanted, &stacks->functions, by_name);
	struct function *function;

	if (found)
		return *(struct function **)found;
	function = calloc(1, sizeof *function);
	if (!function)
		return NULL;
	function->name = strdup(wanted.name);
	function->file = strdup(wanted.file);
	function->index = stacks->function.count;
	if (function->name && function->file && enter(&stacks->function, &stacks->functions, function, by_name))
		return function;
	free(function->name);
	free(function->file);
	free(function);
	return NULL;
}

static struct frame *frame_of(struct stacks *stacks, const struct debuginfo_frame *told)
{
	struct function *function = function_of(stacks, told->function ? told->function : "(unknown)", told->file);
	struct frame wanted = {.function = function, .line = told->line}, *frame;
	void *found = function ? tfind(&wanted, &stacks->frames, by_line) : NULL;

	if (!function || found)
		return found ? *(struct frame **)found : NULL;
	frame = calloc(1, sizeof *frame);
	if (!frame)
		return NULL;
	*frame = wanted;
	if (enter(&stacks->frame, &stacks->frames, frame, by_line))
		return frame;
	free(frame);
	return NULL;
}

/* ---- Adding ------------------------------------------------------------------------------------------------------ */

/* Functions and lines that the stack is in, each once. */
static void weigh(const struct record *record, double weight, uint64_t number)
{
	for (size_t i = 0; i < record->depth; i++) {
		struct frame *frame = record->frame[i];

		if (frame->seen != number)
			frame->total += weight;
		if (frame->function->seen != number)
			frame->function->total += weight;
		frame->seen = number;
		frame->function->seen = number;
	}
	record->frame[0]->self += weight;
	record->frame[0]->function->self += weight;
}

/* `inlined`: so many of the innermost frames were inlined into the one behind them. */
static bool add(struct stacks *stacks, const struct debuginfo_frame *frames, size_t depth, double weight, size_t inlined)
{
	static uint64_t number; /* of stacks, whichever they belong to */
	struct record *record;
	void *found;

	if (depth == 0)
		return true;
	record = malloc(sizeof *record + depth * sizeof record->frame[0]);
	if (!record)
		return false;
	record->depth = depth;
	record->weight = 0;
	for (size_t i = 0; i < depth; i++)
		if (!(record->frame[i] = frame_of(stacks, &frames[i]))) {
			free(record);
			return false;
		}
	found = tfind(record, &stacks->records, by_frames);
	if (found) {
		free(record);
		record = *(struct record **)found;
	} else if (!enter(&stacks->record, &stacks->records, record, by_frames)) {
		free(record);
		return false;
	}
	record->weight += weight;
	stacks->total += weight;
	weigh(record, weight, ++number);
	if (inlined < depth)
		record->frame[inlined]->function->code += weight;
	return true;
}

bool stacks_add(struct stacks *stacks, const struct debuginfo_frame *frames, size_t depth, double weight)
{
	return add(stacks, frames, depth, weight, depth);
}

static bool same_function(const struct debuginfo_frame *one, const struct debuginfo_frame *other)
{
	return strcmp(one->function, other->function) == 0 && one->file && other->file && strcmp(one->file, other->file) == 0;
}

/*
 * Appends the frames of one address behind `depth` others. Compilers cut a function in two and inline the first part (.part.0): it
 * would look as if it called itself, so an inlined frame whose callee is the same function is left out. Returns the depth.
 */
static size_t append_address(struct names *names, const char *object, uint64_t address, struct debuginfo_frame *frames,
                             size_t depth)
{
	struct debuginfo_frame own[FRAMES_OF_ADDRESS];
	size_t count = names_code(names, object, address, own, FRAMES_OF_ADDRESS);

	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || depth == 0 || !same_function(&own[i], &frames[depth - 1]))
			frames[depth++] = own[i];
	return depth;
}

bool stacks_add_samples(struct stacks *stacks, const struct samples *samples, struct names *names)
{
	static struct debuginfo_frame frames[SAMPLES_DEPTH_MAX * 4];
	const size_t room = sizeof frames / sizeof frames[0];

	for (size_t i = 0; i < samples->stack_count; i++) {
		const struct samples_stack *stack = &samples->stacks[i];
		size_t depth = 0, innermost = 0;

		for (size_t j = 0; j < stack->depth && depth + FRAMES_OF_ADDRESS <= room; j++) {
			const struct samples_address *at = &samples->addresses[stack->first + j];
			const char *object = at->object == SAMPLES_NOWHERE ? NULL : samples->objects[at->object];

			/* A return address may belong to what comes behind the call. */
			depth = append_address(names, object, at->address - (j > 0), frames, depth);
			if (j == 0)
				innermost = depth - 1;
		}
		if (!add(stacks, frames, depth, (double)stack->count, innermost))
			return false;
	}
	return true;
}

/* "function (file:line)", cut into its parts. */
static void read_frame(char *text, struct debuginfo_frame *frame)
{
	char *open = strrchr(text, '('), *colon, *end;

	*frame = (struct debuginfo_frame){.function = text};
	if (!open || open == text || open[-1] != ' ' || text[strlen(text) - 1] != ')')
		return;
	open[-1] = '\0';
	open++;
	open[strlen(open) - 1] = '\0';
	frame->file = open;
	colon = strrchr(open, ':');
	if (!colon)
		return;
	frame->line = (unsigned)strtoul(colon + 1, &end, 10);
	if (*end == '\0' && end > colon + 1)
		*colon = '\0';
	else
		frame->line = 0;
}

bool stacks_add_text(struct stacks *stacks, const char *text, double weight)
{
	struct debuginfo_frame frames[SAMPLES_DEPTH_MAX];
	char *copy = strdup(text), *rest = copy;
	size_t depth = 0;
	bool added;

	if (!copy)
		return false;
	/* From the innermost, which comes last. */
	while (rest && depth < SAMPLES_DEPTH_MAX) {
		char *last = strrchr(copy, ';');

		rest = last;
		if (last)
			*last++ = '\0';
		if (*(last ? last : copy))
			read_frame(last ? last : copy, &frames[depth++]);
	}
	added = stacks_add(stacks, frames, depth, weight);
	free(copy);
	return added;
}

/* ---- Reading off ------------------------------------------------------------------------------------------------- */

double stacks_total(const struct stacks *stacks)
{
	return stacks->total;
}

double stacks_complete(const struct stacks *stacks)
{
	static const char *const beginnings[] = {"clone3", "clone", "_start", "start_thread"};
	double complete = 0;

	for (size_t i = 0; i < stacks->record.count; i++) {
		const struct record *record = stacks->record.item[i];

		for (size_t j = 0; j < sizeof beginnings / sizeof beginnings[0]; j++)
			if (strcmp(record->frame[record->depth - 1]->function->name, beginnings[j]) == 0) {
				complete += record->weight;
				break;
			}
	}
	return stacks->total > 0 ? complete / stacks->total : 0;
}

static int descending(double one, double other)
{
	return (one < other) - (one > other);
}

static int by_weight(const void *a, const void *b)
{
	const struct stacks_function *one = a, *other = b;
	int order = descending(one->self, other->self);

	order = order ? order : descending(one->total, other->total);
	order = order ? order : strcmp(one->function, other->function);
	return order ? order : strcmp(one->file, other->file);
}

struct stacks_function *stacks_functions(const struct stacks *stacks, size_t *count)
{
	struct stacks_function *list = calloc(stacks->function.count ? stacks->function.count : 1, sizeof *list);

	*count = list ? stacks->function.count : 0;
	for (size_t i = 0; i < *count; i++) {
		const struct function *function = stacks->function.item[i];

		list[i] = (struct stacks_function){function->name, function->file, function->self, function->total, function->code};
	}
	if (*count > 0)
		qsort(list, *count, sizeof *list, by_weight);
	return list;
}

static int by_place(const void *a, const void *b)
{
	const struct stacks_line *one = a, *other = b;
	int order = strcmp(one->file, other->file);

	if (order == 0)
		order = (one->line > other->line) - (one->line < other->line);
	return order ? order : strcmp(one->function, other->function);
}

struct stacks_line *stacks_lines(const struct stacks *stacks, size_t *count)
{
	struct stacks_line *list = calloc(stacks->frame.count ? stacks->frame.count : 1, sizeof *list);

	*count = list ? stacks->frame.count : 0;
	for (size_t i = 0; i < *count; i++) {
		const struct frame *frame = stacks->frame.item[i];

		list[i] = (struct stacks_line){frame->function->name, frame->function->file, frame->line, frame->self,
		                               frame->total};
	}
	if (*count > 0)
		qsort(list, *count, sizeof *list, by_place);
	return list;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

/* A call by the indices of both functions, and the stack that has it. */
struct call {
	size_t caller, callee, record;
	double weight;
};

static int by_call(const void *a, const void *b)
{
	const struct call *one = a, *other = b;

	if (one->caller != other->caller)
		return one->caller < other->caller ? -1 : 1;
	if (one->callee != other->callee)
		return one->callee < other->callee ? -1 : 1;
	return (one->record > other->record) - (one->record < other->record);
}

static struct call *all_calls(const struct stacks *stacks, size_t *count)
{
	size_t all = 0;
	struct call *calls;

	for (size_t i = 0; i < stacks->record.count; i++)
		all += ((const struct record *)stacks->record.item[i])->depth - 1;
	calls = calloc(all ? all : 1, sizeof *calls);
	*count = 0;
	for (size_t i = 0; calls && i < stacks->record.count; i++) {
		const struct record *record = stacks->record.item[i];

		for (size_t j = 0; j + 1 < record->depth; j++)
			calls[(*count)++] = (struct call){record->frame[j + 1]->function->index,
			                                  record->frame[j]->function->index, i,
			                                  record->weight};
	}
	if (calls)
		qsort(calls, *count, sizeof *calls, by_call);
	return calls;
}

static int by_edge_weight(const void *a, const void *b)
{
	const struct stacks_edge *one = a, *other = b;
	int order = descending(one->weight, other->weight);

	order = order ? order : strcmp(one->caller, other->caller);
	return order ? order : strcmp(one->callee, other->callee);
}

struct stacks_edge *stacks_edges(const struct stacks *stacks, size_t *count)
{
	size_t call_count = 0;
	struct call *calls = all_calls(stacks, &call_count);
	struct stacks_edge *edges = calls ? calloc(call_count ? call_count : 1, sizeof *edges) : NULL;

	*count = 0;
	for (size_t i = 0; edges && i < call_count; i++) {
		bool same = i > 0 && calls[i].caller == calls[i - 1].caller && calls[i].callee == calls[i - 1].callee;
		const struct function *caller = stacks->function.item[calls[i].caller];
		const struct function *callee = stacks->function.item[calls[i].callee];

		if (!same)
			edges[(*count)++] = (struct stacks_edge){caller->name, caller->file, callee->name, callee->file, 0};
		if (!same || calls[i].record != calls[i - 1].record) /* recursion counts once */
			edges[*count - 1].weight += calls[i].weight;
	}
	if (edges)
		qsort(edges, *count, sizeof *edges, by_edge_weight);
	free(calls);
	return edges;
}

/* ---- Folded stacks ----------------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *folded(const struct record *record)
{
	size_t bytes = 32;
	char *text, *at;

	for (size_t i = 0; i < record->depth; i++)
		bytes += strlen(record->frame[i]->function->name) + 1;
	text = malloc(bytes);
	at = text;
	for (size_t i = record->depth; text && i-- > 0;) {
		for (const char *c = record->frame[i]->function->name; *c; c++)
			*at++ = *c == ';' || *c == '\n' ? ':' : *c;
		*at++ = i > 0 ? ';' : ' ';
	}
	if (text)
		snprintf(at, 24, "%.0f", round(record->weight));
	return text;
}

void stacks_write_folded(FILE *out, const struct stacks *stacks)
{
	char **lines = calloc(stacks->record.count ? stacks->record.count : 1, sizeof *lines);
	size_t count = 0;

	for (size_t i = 0; lines && i < stacks->record.count; i++)
		if ((lines[count] = folded(stacks->record.item[i])))
			count++;
	if (lines)
		qsort(lines, count, sizeof *lines, by_text);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%s\n", lines[i]);
		free(lines[i]);
	}
	free(lines);
}

/* ---- The call graph ---------------------------------------------------------------------------------------------- */

static void quoted(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* White to orange, by the share of the heaviest own weight: what is read first is where the time goes. */
static void colour(double share, char text[8])
{
	double strength = sqrt(share < 0 ? 0 : share > 1 ? 1 : share);

	snprintf(text, 8, "#%02x%02x%02x", (unsigned)(255 - 3 * strength), (unsigned)(255 - 96 * strength),
	         (unsigned)(255 - 190 * strength));
}

static void write_node(FILE *out, const struct stacks *stacks, const struct stacks_function *function, double heaviest)
{
	double share = heaviest > 0 ? function->self / heaviest : 0;
	char fill[8];

	colour(share, fill);
	fputs("\t\"", out);
	quoted(out, function->function);
	fputc('@', out);
	quoted(out, function->file);
	fputs("\" [label=\"", out);
	quoted(out, function->function);
	if (function->file[0]) {
		fputs("\\n", out);
		quoted(out, function->file);
	}
	if (function->self > 0)
		fprintf(out, "\\n%.1f %% of ", 100 * function->self / stacks->total);
	else
		fputs("\\n", out);
	fprintf(out, "%.1f %%\", fillcolor=\"%s\", fontsize=%.1f, penwidth=%.1f];\n", 100 * function->total / stacks->total, fill,
	        11 + 7 * sqrt(share), 0.6 + share);
}

/* Functions that every stack begins with, and that nobody chose, with a name or without: their arrows say nothing. */
static bool is_beginning(const char *name)
{
	return strcmp(name, "clone3") == 0 || strcmp(name, "start_thread") == 0 || strcmp(name, "_start") == 0 ||
	       strcmp(name, "(in libc.so.6)") == 0 || strncmp(name, "__libc_start", 12) == 0;
}

static bool is_shown(const struct stacks_function *functions, size_t count, const char *name, const char *file)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(functions[i].function, name) == 0 && strcmp(functions[i].file, file) == 0)
			return true;
	return false;
}

static void write_edges(FILE *out, const struct stacks *stacks, const struct stacks_function *shown, size_t count, double least)
{
	size_t edge_count;
	struct stacks_edge *edges = stacks_edges(stacks, &edge_count);

	for (size_t i = 0; i < edge_count; i++) {
		const struct stacks_edge *edge = &edges[i];
		double share = edge->weight / stacks->total;

		if (share < least || !is_shown(shown, count, edge->caller, edge->caller_file) ||
		    !is_shown(shown, count, edge->callee, edge->callee_file))
			continue;
		fputs("\t\"", out);
		quoted(out, edge->caller);
		fputc('@', out);
		quoted(out, edge->caller_file);
		fputs("\" -> \"", out);
		quoted(out, edge->callee);
		fputc('@', out);
		quoted(out, edge->callee_file);
		fprintf(out, "\" [label=\" %.1f %%\", penwidth=%.1f, weight=%.0f];\n", 100 * share, 0.5 + 4 * share,
		        1 + 100 * share);
	}
	free(edges);
}

bool stacks_write_dot(FILE *out, const struct stacks *stacks, const char *title, const char *unit, double least)
{
	size_t count, shown = 0;
	struct stacks_function *functions = stacks_functions(stacks, &count);
	double heaviest = count > 0 ? functions[0].self : 0;

	for (size_t i = 0; i < count; i++)
		if (functions[i].total >= least * stacks->total && functions[i].total > 0 && !is_beginning(functions[i].function))
			functions[shown++] = functions[i];
	fputs("digraph calls {\n\tgraph [fontname=\"Helvetica\", fontsize=15, labelloc=t, labeljust=l, ranksep=0.35, nodesep=0.18, "
	      "label=\"", out);
	quoted(out, title);
	fprintf(out, "\\lA box: function, its file, own share of total share of %s. An arrow: share that passes along it. "
	        "Left out: less than %g %%.\\l\\l\"];\n", unit, 100 * least);
	fputs("\tnode [shape=box, style=\"filled,rounded\", fontname=\"Helvetica\", margin=\"0.09,0.05\", color=\"#555555\"];\n"
	      "\tedge [fontname=\"Helvetica\", fontsize=10, color=\"#555555\", arrowsize=0.6];\n", out);
	for (size_t i = 0; i < shown; i++)
		write_node(out, stacks, &functions[i], heaviest);
	write_edges(out, stacks, functions, shown, least);
	fputs("}\n", out);
	free(functions);
	return shown > 0;
}

void stacks_each(const struct stacks *stacks, stacks_visit *visit, void *context)
{
	struct debuginfo_frame frames[SAMPLES_DEPTH_MAX * 4];

	for (size_t i = 0; i < stacks->record.count; i++) {
		const struct record *record = stacks->record.item[i];
		size_t depth = 0;

		for (; depth < record->depth && depth < sizeof frames / sizeof frames[0]; depth++)
			frames[depth] = (struct debuginfo_frame){record->frame[depth]->function->name,
			                                         record->frame[depth]->function->file, record->frame[depth]->line};
		visit(context, frames, depth, record->weight);
	}
}
