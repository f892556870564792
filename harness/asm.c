/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor asm IMPL OPERATION`: the machine code of an operation's hot path.
 *
 * Which path is hot is not guessed, and not sampled: the operation is stepped through once, instruction by instruction, in a child
 * (asm_steps.h), on a cache that was filled and has seen the same operation before. What is shown is what was executed, with
 * lines of source and marks; counts are of that one operation and exact. Where ptrace is not permitted, the code is shown as it
 * lies in the file: the implementation's function and what it calls in the library.
 *
 * Weights, where there are any, are samples of a CPU profile, given or taken now.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/implementation.h"
#include "harness/asm_code.h"
#include "harness/asm_steps.h"
#include "harness/commands.h"
#include "harness/debuginfo.h"
#include "harness/options.h"
#include "harness/program.h"
#include "harness/point.h"

#define PROGRAM      "/proc/self/exe"
#define FRAMES_MAX   16
#define KEY_BYTES    16
#define KEYS         1000
#define FILL_ROUNDS  4
#define FILL_PAUSE_NS 2000000

/* An operation may be the one in many that does more than others (seals a batch, grows a table): it is stepped through so often,
 * after so many and some more, and the one in the middle is shown. */
#define TAKES   3
#define WARMUPS 4

#define PATH_BYTES   4096
#define SOURCES_MAX  64

/* ---- Operations -------------------------------------------------------------------------------------------------- */

/* A cache that is ready for one operation. Used in the child only. */
struct scene {
	const struct request *request;
	struct capacitor *cache;
	struct capacitor_handle *handle;
	struct capacitor_pin pin;
	unsigned char key[KEY_BYTES], value[65536], buffer[65536];
	size_t value_bytes, found_bytes;
	enum capacitor_result result;
	unsigned more;     /* warm-ups than WARMUPS */
};

static void do_get(struct scene *scene)
{
	scene->result =
		capacitor_get(scene->handle, scene->key, KEY_BYTES, scene->buffer, sizeof scene->buffer, &scene->found_bytes);
}

static void do_set(struct scene *scene)
{
	scene->result = capacitor_set(scene->handle, scene->key, KEY_BYTES, scene->value, scene->value_bytes, CAPACITOR_TTL_NEVER);
}

static void do_delete(struct scene *scene)
{
	scene->result = capacitor_delete(scene->handle, scene->key, KEY_BYTES);
}

static void do_contains(struct scene *scene)
{
	scene->result = capacitor_contains(scene->handle, scene->key, KEY_BYTES);
}

static void do_pin(struct scene *scene)
{
	scene->result = capacitor_pin(scene->handle, scene->key, KEY_BYTES, &scene->pin);
}

static void unpin(struct scene *scene)
{
	capacitor_unpin(scene->handle, &scene->pin);
}

#define CALLED(name) (const void *)(uintptr_t)capacitor_##name
#define OWN(name)    offsetof(struct implementation, name)

enum { GET, MISS, SET, INSERT, DELETE, CONTAINS, PIN, SCENES };
static const struct operation {
	const char *name, *what;
	const void *function;
	size_t of_implementation;          /* where the implementation's own function is in its table */
	void (*act)(struct scene *scene);
	void (*undo)(struct scene *scene); /* so that it can be done again; NULL: it can anyway */
	enum capacitor_result result;
	bool there;                        /* is the key in the cache before? */
	const char *mix;                   /* of bench, to sample it; NULL: there is none */
} operations[SCENES] = {
	[GET] = {"get", "a get that hits", CALLED(get), OWN(get), do_get, NULL, CAPACITOR_HIT, true, "100:0:0"},
	[MISS] = {"miss", "a get that misses", CALLED(get), OWN(get), do_get, NULL, CAPACITOR_MISS, false, NULL},
	[SET] = {"set", "a set of a key that is there", CALLED(set), OWN(store), do_set, NULL, CAPACITOR_STORED, true, "0:100:0"},
	[INSERT] = {"insert", "a set of a new key", CALLED(set), OWN(store), do_set, do_delete, CAPACITOR_STORED, false, NULL},
	[DELETE] = {"delete", "a delete that finds its key", CALLED(delete), OWN(delete), do_delete, do_set, CAPACITOR_HIT, true,
                    "0:0:100"},
	[CONTAINS] = {"contains", "a contains that finds its key", CALLED(contains), OWN(contains), do_contains, NULL,
                      CAPACITOR_HIT, true, NULL},
	[PIN] = {"pin", "a pin that finds its key", CALLED(pin), OWN(pin), do_pin, unpin, CAPACITOR_HIT, true, NULL},
};

/* ---- Options ----------------------------------------------------------------------------------------------------- */

enum { IMPL, STATIC, ALL, LIBRARIES, INLINE, FUNCTION, WEIGHTS, SAMPLE, POLICY, HASH, COUNTS, VALUE_SIZE, FORMAT, HELP, OPTIONS };
static const struct options_known known[] = {
	[IMPL] = {"--impl", "NAME", "the implementation, where it is not the first argument"},
	[STATIC] = {"--static", NULL, "do not step: show the code as it lies in the file"},
	[ALL] = {"--all", NULL, "instructions that were not executed, too; with --static, also cold parts"},
	[LIBRARIES] = {"--libraries", NULL, "code of libraries, too; it is always counted"},
	[INLINE] = {"--inline", NULL, "beside each line the functions that it was inlined into, with their lines"},
	[FUNCTION] = {"--function", "NAME", "only this function"},
	[WEIGHTS] = {"--weights", "FILE", "a CPU profile of gperftools, of this very program: percent of its samples\n"
	             "beside each instruction"},
	[SAMPLE] = {"--sample", "TIME", "take such a profile now, of so long a run of bench: 0.1s to 1h;\nof get, set and delete"},
	[POLICY] = {"--policy", "NAME", "the eviction policy; default: sieve"},
	[HASH] = {"--hash", "NAME", "siphash or xxh3; default: siphash"},
	[COUNTS] = {"--counters", "NAME", "where statistics are counted: global, packed, padded; default: padded"},
	[VALUE_SIZE] = {"--value-size", "SIZE", "bytes of a value, 0 to 64K; default: 100"},
	[FORMAT] = {"--format", "NAME", "text; tsv: a row for each instruction; counts: a row for each function; default: text"},
	[HELP] = {"--help", NULL, "this text"},
	[OPTIONS] = {NULL, NULL, NULL},
};

enum format { TEXT, TSV, COUNTS_ONLY };

struct request {
	const char *impl, *function, *weights;
	const struct implementation *implementation;
	const struct operation *operation;
	bool still, all, libraries, inlined, colour;
	enum format format;
	double sample_s;
	uint64_t value_bytes;
	size_t policy, hash, counters;
	char error[OPTIONS_ERROR_BYTES];
};

static void print_help(void)
{
	puts("usage: capacitor asm IMPL OPERATION [OPTION...]\n"
	     "\n"
	     "Shows the machine code of an operation's hot path, with lines of source. One operation is stepped through, on a\n"
	     "cache that was filled and has seen it before: what is shown and counted is what that one executed. Atomics,\n"
	     "fences, calls, pauses and system calls are marked. Operations:\n");
	for (size_t i = 0; i < SCENES; i++)
		printf("  %-22s%s\n", operations[i].name, operations[i].what);
	fputs("\nOptions:\n", stdout);
	options_print(stdout, known);
	puts("\nMarks say what is in the machine code. On x86-64 a load with acquire and a store with release are plain moves\n"
	     "and are marked as nothing; on aarch64 they are instructions of their own, marked 'ordered'.\n"
	     "\n"
	     "The table (--format tsv) has a row for each instruction: function, module, address, bytes, executed, samples,\n"
	     "percent, mark, instruction, goes_to, file, line, inlined. Counts (--format counts) are of the program, of\n"
	     "libraries, of all, and of each function: function, module, instructions, atomics, fences, ordered, calls, jumps,\n"
	     "pauses, syscalls, bytes, lines.");
}

static bool fail(struct request *request, const char *what, const char *why)
{
	snprintf(request->error, sizeof request->error, "%.200s: %.250s", what, why);
	return false;
}

static bool read_impl(struct request *request, const char *text)
{
	if (request->impl)
		return fail(request, text, "the implementation is given twice");
	request->impl = text;
	for (size_t i = 0; implementation_table[i]; i++)
		if (strcmp(implementation_table[i]->info.name, text) == 0)
			request->implementation = implementation_table[i];
	if (request->implementation)
		return true;
	snprintf(request->error, sizeof request->error, "'%.100s' is no implementation; they are:", text);
	for (size_t i = 0; implementation_table[i]; i++) {
		size_t used = strlen(request->error);

		snprintf(request->error + used, sizeof request->error - used, " %s", implementation_table[i]->info.name);
	}
	return false;
}

static bool read_operation(struct request *request, const char *text)
{
	const char *names[SCENES + 1] = {NULL};
	size_t index;

	for (size_t i = 0; i < SCENES; i++)
		names[i] = operations[i].name;
	if (!options_name("OPERATION", text, names, &index, request->error))
		return false;
	request->operation = &operations[index];
	return true;
}

static bool read_option(struct request *request, int option, const char *text)
{
	static const char *const formats[] = {[TEXT] = "text", [TSV] = "tsv", [COUNTS_ONLY] = "counts", NULL};
	size_t index;

	switch (option) {
	case IMPL:
		return read_impl(request, text);
	case STATIC:
		return request->still = true;
	case ALL:
		return request->all = true;
	case LIBRARIES:
		return request->libraries = true;
	case INLINE:
		return request->inlined = true;
	case FUNCTION:
		request->function = text;
		return true;
	case WEIGHTS:
		request->weights = text;
		return true;
	case SAMPLE:
		return options_seconds("--sample", text, 0.1, 3600, &request->sample_s, request->error);
	case POLICY:
		return options_name("--policy", text, options_policies(), &request->policy, request->error);
	case HASH:
		return options_name("--hash", text, options_hashes(), &request->hash, request->error);
	case COUNTS:
		return options_name("--counters", text, options_counters(), &request->counters, request->error);
	case VALUE_SIZE:
		return options_number("--value-size", text, 0, 65536, &request->value_bytes, request->error);
	default:
		if (!options_name("--format", text, formats, &index, request->error))
			return false;
		request->format = (enum format)index;
		return true;
	}
}

static bool read_options(struct request *request, int argc, char **argv)
{
	struct options_reader reader = {.command = "asm", .known = known, .argc = argc, .argv = argv, .at = 1};
	int option;

	if (reader.at < argc && argv[reader.at][0] != '-' && !read_impl(request, argv[reader.at++]))
		return false;
	if (reader.at < argc && argv[reader.at][0] != '-' && !read_operation(request, argv[reader.at++]))
		return false;
	while ((option = options_read(&reader)) != OPTIONS_END) {
		if (option == OPTIONS_ERROR)
			return fail(request, "options", reader.error);
		if (!read_option(request, option, reader.value))
			return false;
	}
	if (!request->impl || !request->operation)
		return fail(request, !request->impl ? "the implementation is missing" : "the operation is missing",
		            "capacitor asm IMPL OPERATION, such as: capacitor asm rcu get");
	if (!(request->implementation->info.policies & 1u << request->policy))
		return fail(request, request->impl, "it does not have this eviction policy");
	if (request->weights && request->sample_s > 0)
		return fail(request, "--weights and --sample", "only one of them");
	if (request->sample_s > 0 && !request->operation->mix)
		return fail(request, "--sample", "only of get, set and delete");
	return true;
}

/* ---- Stepping ---------------------------------------------------------------------------------------------------- */

static void make_key(unsigned char key[KEY_BYTES], unsigned number)
{
	memset(key, 0, KEY_BYTES);
	memcpy(key, &number, sizeof number);
}

static const char *make_cache(struct scene *scene)
{
	const struct request *request = scene->request;
	static struct capacitor_error error;
	struct capacitor_config config;

	capacitor_config_init(&config);
	config.capacity_bytes = point_capacity_bytes(KEYS, KEY_BYTES, (size_t)request->value_bytes);
	config.expected_entries = KEYS;
	config.policy = (enum capacitor_policy)request->policy;
	config.hash = (enum capacitor_hash)request->hash;
	config.counters = (enum capacitor_counters)request->counters;
	config.hash_seed_set = true; /* the same path each time */
	if (capacitor_create(request->impl, &config, &scene->cache, &error) != CAPACITOR_OK)
		return error.message;
	return capacitor_enter(scene->cache, &scene->handle) == CAPACITOR_OK ? NULL : "the cache cannot be entered";
}

static void *wait_for_ever(void *unused)
{
	while (pause() != 0)
		;
	return unused;
}

/* Every key is set several times, with pauses: there is memory to use again, also where that takes a grace period. */
static void fill(struct scene *scene)
{
	for (unsigned round = 0; round < FILL_ROUNDS; round++) {
		for (unsigned i = 0; i < KEYS; i++) {
			make_key(scene->key, i);
			do_set(scene);
		}
		nanosleep(&(struct timespec){.tv_nsec = FILL_PAUSE_NS}, NULL);
	}
}

/* In the child: fills the cache, and does the operation some times, so that it finds everything as it is in the steady state. */
static const char *prepare(void *context)
{
	struct scene *scene = context;
	const struct operation *operation = scene->request->operation;
	const char *reason = make_cache(scene);
	pthread_t other;

	/* In a process of one thread the C library leaves the atomics out of its locks. */
	if (!reason && pthread_create(&other, NULL, wait_for_ever, NULL) != 0)
		reason = "a second thread cannot be made";

	if (reason)
		return reason;
	if (scene->request->implementation->info.lacks & CAPACITOR_LACKS_STORAGE) {
		operation->act(scene);
		return NULL;
	}
	scene->value_bytes = (size_t)scene->request->value_bytes;
	fill(scene);
	make_key(scene->key, operation->there ? KEYS / 2 : KEYS);
	for (unsigned i = 0; i < WARMUPS + scene->more; i++) {
		operation->act(scene);
		if (scene->result != operation->result)
			return capacitor_result_string(scene->result);
		if (operation->undo)
			operation->undo(scene);
	}
	return NULL;
}

static void call(void *context)
{
	struct scene *scene = context;

	scene->request->operation->act(scene);
}

/* Code of the library only, and no cold parts but with --all. */
struct filter {
	const struct request *request;
	struct debuginfo *info;
	uintptr_t base;
};

static bool of_library(void *context, uintptr_t address)
{
	const struct filter *filter = context;
	struct debuginfo_frame frame[FRAMES_MAX];
	size_t frames = debuginfo_code(filter->info, address - filter->base, frame, FRAMES_MAX);

	if (frames == 0 || frames > FRAMES_MAX || !frame[frames - 1].file)
		return false;
	return strncmp(frame[frames - 1].file, "common/", 7) == 0 || strncmp(frame[frames - 1].file, "impl/", 5) == 0;
}

/* ---- Listing ----------------------------------------------------------------------------------------------------- */

/* Lines of source files, read as they are needed. */
struct sources {
	struct source {
		char *name, *text, **line;
		size_t lines;
	} source[SOURCES_MAX];
	size_t count;
	char root[PATH_BYTES]; /* where build/ is */
};

struct listing {
	struct request *request;
	struct asm_code code;
	struct debuginfo *info;
	struct sources sources;
	struct asm_weights weights;
	bool executed, weighed;
	size_t fewest, most; /* instructions, of all that were stepped through */
};

static void load_source(struct sources *sources, struct source *source)
{
	char path[2 * PATH_BYTES];
	FILE *file;
	size_t room = 0, bytes = 0;

	snprintf(path, sizeof path, "%s/%s", sources->root, source->name);
	file = fopen(source->name[0] == '/' ? source->name : path, "re");
	if (!file)
		return;
	for (int byte; (byte = fgetc(file)) != EOF;) {
		if (bytes + 2 > room) {
			char *more = realloc(source->text, room = room ? 2 * room : 65536);

			if (!more)
				break;
			source->text = more;
		}
		source->text[bytes++] = (char)byte;
		source->lines += byte == '\n';
	}
	fclose(file);
	source->line = calloc(source->lines + 1, sizeof *source->line);
	if (!source->text || !source->line) {
		source->lines = 0;
		return;
	}
	source->text[bytes] = '\0';
	for (size_t i = 0, at = 0; i < source->lines; i++) {
		source->line[i] = source->text + at;
		at += strcspn(source->text + at, "\n");
		source->text[at++] = '\0';
	}
}

/* NULL: it cannot be read. */
static const char *source_line(struct sources *sources, const char *file, unsigned line)
{
	struct source *source = NULL;

	for (size_t i = 0; i < sources->count && !source; i++)
		if (strcmp(sources->source[i].name, file) == 0)
			source = &sources->source[i];
	if (!source) {
		if (sources->count == SOURCES_MAX || !(sources->source[sources->count].name = strdup(file)))
			return NULL;
		source = &sources->source[sources->count++];
		load_source(sources, source);
	}
	return line > 0 && line <= source->lines ? source->line[line - 1] + strspn(source->line[line - 1], "\t ") : NULL;
}

static void sources_open(struct sources *sources)
{
	char path[PATH_BYTES] = "";
	ssize_t length = readlink(PROGRAM, path, sizeof path - 1);

	path[length > 0 ? length : 0] = '\0';
	for (int i = 0; i < 3 && strrchr(path, '/'); i++) /* build/release-gcc/capacitor */
		*strrchr(path, '/') = '\0';
	snprintf(sources->root, sizeof sources->root, "%s", path);
}

static void sources_close(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		free(sources->source[i].name);
		free(sources->source[i].text);
		free(sources->source[i].line);
	}
}

static size_t frames_of(struct listing *listing, const struct asm_function *function, const struct asm_instruction *instruction,
                        struct debuginfo_frame frame[FRAMES_MAX])
{
	size_t frames =
		function->ours ? debuginfo_code(listing->info, instruction->address - listing->code.base, frame, FRAMES_MAX) : 0;

	return frames < FRAMES_MAX ? frames : FRAMES_MAX;
}

static bool same_place(const struct debuginfo_frame *one, const struct debuginfo_frame *other)
{
	return one->line == other->line && one->file && other->file && strcmp(one->file, other->file) == 0 &&
	       strcmp(one->function, other->function) == 0;
}

static const char *paint(const struct listing *listing, const char *how)
{
	return listing->request->colour ? how : "";
}

#define BOLD "\033[1m"
#define DIM  "\033[2m"
#define RED  "\033[31m"
#define BLUE "\033[34m"
#define OFF  "\033[0m"

/* "impl/rcu/rcu.c:151 get_inside: if (!entry)" when the place is another than that of the line before. */
static void print_place(struct listing *listing, const struct debuginfo_frame *frame, size_t frames)
{
	const char *text = frame->file ? source_line(&listing->sources, frame->file, frame->line) : NULL;

	printf("  %s%s:%u %s%s%s", paint(listing, BLUE), frame->file ? frame->file : "?", frame->line, frame->function,
	       text ? ": " : "", text ? text : "");
	for (size_t i = 1; i < frames && listing->request->inlined; i++)
		printf("\n      in %s, %s:%u", frame[i].function, frame[i].file ? frame[i].file : "?", frame[i].line);
	printf("%s\n", paint(listing, OFF));
}

static double percent_of(const struct listing *listing, const struct asm_instruction *instruction)
{
	return listing->weights.samples > 0 ? 100.0 * (double)instruction->samples / (double)listing->weights.samples : 0;
}

/* What a call or jump goes to, when the text does not say: it is indirect. */
static void target_of(const struct listing *listing, const struct asm_instruction *instruction, char text[ASM_TEXT_BYTES])
{
	uint64_t target;

	text[0] = '\0';
	if ((instruction->mark == ASM_CALL || instruction->mark == ASM_JUMP) && instruction->went != 0 &&
	    !asm_mark_target(instruction->text, &target))
		asm_code_name(&listing->code, instruction->went, text);
}

static void print_instruction(const struct listing *listing, const struct asm_function *function,
                              const struct asm_instruction *instruction)
{
	bool noted = instruction->mark != ASM_PLAIN && instruction->mark != ASM_JUMP && instruction->mark != ASM_RETURN;
	bool idle = listing->executed && instruction->executed == 0;
	char target[ASM_TEXT_BYTES];

	target_of(listing, instruction, target);
	if (idle)
		printf("%s%7s", paint(listing, DIM), ".");
	else if (listing->executed)
		printf("%7" PRIu64, instruction->executed);
	if (listing->weighed && instruction->samples > 0)
		printf(" %6.2f %%", percent_of(listing, instruction));
	else if (listing->weighed)
		printf(" %8s", "");
	printf("  %6jx  %s%-8s%s%s%s%s%s%s\n", (uintmax_t)(instruction->address - function->base),
	       noted ? paint(listing, instruction->mark == ASM_CALL ? BOLD : RED) : "",
	       noted ? asm_mark_string(instruction->mark) : "", instruction->text, target[0] ? "  -> " : "", target,
	       noted ? paint(listing, OFF) : "", idle ? paint(listing, OFF) : "", "");
}

static void print_function(struct listing *listing, const struct asm_function *function)
{
	struct debuginfo_frame before = {.line = 0}, frame[FRAMES_MAX];
	struct asm_counts counts = asm_function_counts(&listing->code, function, listing->executed);
	size_t left_out = 0;

	printf("\n%s%s%s%s%s: %" PRIu64 " instructions%s, %" PRIu64 " lines of code\n", paint(listing, BOLD), function->name,
	       paint(listing, OFF), function->ours ? "" : " in ", function->ours ? "" : function->module, counts.instructions,
	       listing->executed ? " executed" : "", counts.lines);
	for (size_t i = 0; i < function->count; i++) {
		const struct asm_instruction *instruction = &function->instruction[i];
		size_t frames;

		if (listing->executed && instruction->executed == 0 && !listing->request->all) {
			left_out++;
			continue;
		}
		if (left_out > 0)
			printf("  %s%5s  %zu instructions that were not executed%s\n", paint(listing, DIM), "...", left_out,
			       paint(listing, OFF));
		left_out = 0;
		frames = frames_of(listing, function, instruction, frame);
		if (frames > 0 && !same_place(&frame[0], &before))
			print_place(listing, frame, frames);
		if (frames > 0)
			before = frame[0];
		print_instruction(listing, function, instruction);
	}
	if (left_out > 0)
		printf("  %s%5s  %zu instructions that were not executed%s\n", paint(listing, DIM), "...", left_out,
		       paint(listing, OFF));
}

static void print_counts(const char *what, const struct asm_counts *counts)
{
	printf("%-44s %12" PRIu64 " %8" PRIu64 " %7" PRIu64 " %6" PRIu64 " %7" PRIu64 " %8" PRIu64 " %7" PRIu64 " %6" PRIu64, what,
	       counts->instructions, counts->mark[ASM_ATOMIC], counts->mark[ASM_FENCE], counts->mark[ASM_CALL],
	       counts->mark[ASM_PAUSE], counts->mark[ASM_SYSCALL], counts->bytes, counts->lines);
	if (ASM_HERE == ASM_AARCH64)
		printf(" %8" PRIu64, counts->mark[ASM_ORDERED]);
	putchar('\n');
}

static bool is_shown(const struct listing *listing, const struct asm_function *function)
{
	const struct request *request = listing->request;

	if (request->function)
		return strcmp(function->name, request->function) == 0;
	if (!listing->executed && !request->all && strstr(function->name, ".cold"))
		return false;
	/* An entry of the PLT is part of the call. */
	return request->libraries || (function->ours && !strstr(function->name, "@plt"));
}

/* Has a function of that name been before? Then this is a part of it. */
static bool is_part(const struct listing *listing, size_t number)
{
	const struct asm_function *function = &listing->code.function[number];

	for (size_t i = 0; i < number; i++)
		if (strcmp(listing->code.function[i].name, function->name) == 0 &&
		    strcmp(listing->code.function[i].module, function->module) == 0)
			return true;
	return false;
}

static void print_summary(const struct listing *listing)
{
	struct asm_counts ours = asm_code_counts(&listing->code, ASM_OURS, listing->executed);
	struct asm_counts libraries = asm_code_counts(&listing->code, ASM_LIBRARIES, listing->executed);
	struct asm_counts all = asm_code_counts(&listing->code, ASM_ALL, listing->executed);

	printf("\n%-44s %12s %8s %7s %6s %7s %8s %7s %6s%s\n", "", "instructions", "atomics", "fences", "calls", "pauses",
	       "syscalls", "bytes", "lines", ASM_HERE == ASM_AARCH64 ? "  ordered" : "");
	print_counts("the program's", &ours);
	print_counts("libraries'", &libraries);
	print_counts("all", &all);
	putchar('\n');
	for (size_t i = 0; i < listing->code.count; i++) {
		const struct asm_function *function = &listing->code.function[i];
		struct asm_counts counts = asm_function_counts(&listing->code, function, listing->executed);
		char name[64];

		if (strstr(function->name, "@plt") || is_part(listing, i) || (!listing->executed && !is_shown(listing, function)))
			continue;
		if (function->ours || strncmp(function->name, function->module, strlen(function->module)) == 0)
			snprintf(name, sizeof name, "%.62s", function->name);
		else
			snprintf(name, sizeof name, "%.40s, %.20s", function->name, function->module);
		print_counts(name, &counts);
	}
}

static void print_text(struct listing *listing)
{
	const struct request *request = listing->request;
	struct asm_counts all = asm_code_counts(&listing->code, ASM_ALL, listing->executed);
	bool stores = !(request->implementation->info.lacks & CAPACITOR_LACKS_STORAGE);
	const char *what = stores ? request->operation->what : "an operation (it stores nothing)";

	if (listing->executed)
		printf("%s: %s: %" PRIu64 " instructions executed; atomics %" PRIu64 ", fences %" PRIu64 ", calls %" PRIu64
		       ", code %" PRIu64 " bytes in %" PRIu64 " lines of %d\n", request->impl, what, all.instructions,
		       all.mark[ASM_ATOMIC], all.mark[ASM_FENCE], all.mark[ASM_CALL], all.bytes, all.lines, ASM_LINE_BYTES);
	else
		printf("%s: %s: the code as it lies in the file, of which an operation executes a part\n", request->impl,
		       request->operation->name);
	if (listing->fewest < listing->most)
		printf("(the one in the middle of %d; they executed %zu to %zu instructions)\n", TAKES, listing->fewest,
		       listing->most);
	print_summary(listing);
	if (listing->weighed)
		printf("\nweights: percent of %" PRIu64 " samples, of which %.1f %% are in this code\n", listing->weights.samples,
		       100.0 * (double)listing->weights.found / (double)(listing->weights.samples + !listing->weights.samples));
	for (size_t i = 0; i < listing->code.count; i++)
		if (is_shown(listing, &listing->code.function[i]))
			print_function(listing, &listing->code.function[i]);
}

static void print_row(struct listing *listing, const struct asm_function *function, const struct asm_instruction *instruction)
{
	struct debuginfo_frame frame[FRAMES_MAX];
	size_t frames = frames_of(listing, function, instruction, frame);
	char target[ASM_TEXT_BYTES];

	target_of(listing, instruction, target);
	printf("%s\t%s\t0x%jx\t%u\t", function->name, function->module, (uintmax_t)(instruction->address - function->base),
	       instruction->bytes);
	if (listing->executed)
		printf("%" PRIu64, instruction->executed);
	else
		fputs("unavailable: not stepped", stdout);
	if (listing->weighed)
		printf("\t%" PRIu64 "\t%.4f", instruction->samples, percent_of(listing, instruction));
	else
		fputs("\tunavailable: no profile\tunavailable: no profile", stdout);
	printf("\t%s\t%s\t%s\t%s\t%u\t", asm_mark_string(instruction->mark), instruction->text, target,
	       frames > 0 && frame[0].file ? frame[0].file : "", frames > 0 ? frame[0].line : 0);
	for (size_t i = 0; i < frames; i++)
		printf("%s%s:%u", i > 0 ? "<" : "", frame[i].function, frame[i].line);
	putchar('\n');
}

static void print_tsv(struct listing *listing)
{
	puts("function\tmodule\taddress\tbytes\texecuted\tsamples\tpercent\tmark\tinstruction\tgoes_to\tfile\tline\tinlined");
	for (size_t i = 0; i < listing->code.count; i++) {
		const struct asm_function *function = &listing->code.function[i];

		for (size_t j = 0; is_shown(listing, function) && j < function->count; j++)
			if (!listing->executed || listing->request->all || function->instruction[j].executed > 0)
				print_row(listing, function, &function->instruction[j]);
	}
}

static void print_counts_row(const char *function, const char *module, struct asm_counts counts)
{
	printf("%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
	       "\t%" PRIu64 "\t%" PRIu64 "\n",
	       function, module, counts.instructions, counts.mark[ASM_ATOMIC], counts.mark[ASM_FENCE], counts.mark[ASM_ORDERED],
	       counts.mark[ASM_CALL], counts.mark[ASM_JUMP], counts.mark[ASM_PAUSE], counts.mark[ASM_SYSCALL], counts.bytes,
	       counts.lines);
}

static void print_counts_table(const struct listing *listing)
{
	puts("function\tmodule\tinstructions\tatomics\tfences\tordered\tcalls\tjumps\tpauses\tsyscalls\tbytes\tlines");
	print_counts_row("all", "program", asm_code_counts(&listing->code, ASM_OURS, listing->executed));
	print_counts_row("all", "libraries", asm_code_counts(&listing->code, ASM_LIBRARIES, listing->executed));
	print_counts_row("all", "all", asm_code_counts(&listing->code, ASM_ALL, listing->executed));
	for (size_t i = 0; i < listing->code.count; i++) {
		const struct asm_function *function = &listing->code.function[i];

		if (!is_part(listing, i))
			print_counts_row(function->name, function->module,
			                 asm_function_counts(&listing->code, function, listing->executed));
	}
}

/* ---- Sampling ---------------------------------------------------------------------------------------------------- */

/* Runs bench under libprofiler, whose timer needs no hardware. */
static bool sample(struct request *request, char path[PATH_BYTES])
{
	char seconds[32], policy[64], size[32];
	struct stat status;
	int file;

	snprintf(path, PATH_BYTES, "%s/capacitor-asm-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	file = mkstemp(path);
	if (file < 0)
		return fail(request, path, strerror(errno));
	close(file);
	snprintf(seconds, sizeof seconds, "%g", request->sample_s);
	snprintf(policy, sizeof policy, "%s", capacitor_policy_string((enum capacitor_policy)request->policy));
	snprintf(size, sizeof size, "%" PRIu64, request->value_bytes);
	if (program_run((const char *const[]){PROGRAM, "bench", "--impl", request->impl, "--mix", request->operation->mix,
	                                      "--seconds",
	                                      seconds, "--policy", policy, "--counters", options_counters()[request->counters],
	                                      "--hash", options_hashes()[request->hash], "--value-size", size, "--keys", "1000",
	                                      "--repetitions", "1", NULL},
	                &(struct program_ends){.settings = (const char *const[]){"LD_PRELOAD", "libprofiler.so.0", "CPUPROFILE",
	                                                                         path,
	                                                                         "CPUPROFILE_FREQUENCY", "1000", NULL}}) != 0)
		return fail(request, "--sample", "the run of bench failed");
	if (stat(path, &status) != 0 || status.st_size == 0)
		return fail(request, "--sample",
		            "no profile was written: libprofiler.so.0 is in Debian's package libgoogle-perftools4");
	return true;
}

/* A profile has addresses, and a program that was built since may have other code at them. */
static void warn_of_age(const char *profile)
{
	struct stat taken, built;

	if (stat(profile, &taken) == 0 && stat("/proc/self/exe", &built) == 0 && built.st_mtime > taken.st_mtime)
		fprintf(stderr, "capacitor asm: %s: this program was built after that: its addresses may be those of other code "
		        "now\n",
		        profile);
}

static bool weigh(struct listing *listing)
{
	struct request *request = listing->request;
	char path[PATH_BYTES] = "";
	bool done = true;

	if (request->sample_s > 0)
		done = sample(request, path);
	else if (request->weights)
		warn_of_age(request->weights);
	if (done && (request->weights || request->sample_s > 0)) {
		done = asm_code_weigh(&listing->code, path[0] ? path : request->weights, &listing->weights, request->error,
		                      sizeof request->error);
		listing->weighed = done;
	}
	if (path[0])
		unlink(path);
	return done;
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

static int by_count(const void *a, const void *b)
{
	const struct asm_steps *one = a, *other = b;

	return (one->count > other->count) - (one->count < other->count);
}

/* Steps through the operation some times, and keeps the one in the middle. */
static bool take_steps(struct listing *listing, struct asm_steps *steps, bool *forbidden)
{
	static struct scene scene;
	struct request *request = listing->request;
	const struct asm_call one = {.prepare = prepare, .call = call, .context = &scene, .function = request->operation->function};
	struct asm_steps take[TAKES];
	unsigned takes = 0;

	scene.request = request;
	for (; takes < TAKES; takes++) {
		scene.more = takes;
		if (!asm_steps_take(&one, &take[takes], forbidden, request->error, sizeof request->error))
			break;
	}
	if (takes == TAKES) {
		qsort(take, TAKES, sizeof *take, by_count);
		listing->fewest = take[0].count;
		listing->most = take[TAKES - 1].count;
		*steps = take[TAKES / 2];
		take[TAKES / 2] = (struct asm_steps){0};
	}
	for (unsigned i = 0; i < takes; i++)
		asm_steps_free(&take[i]);
	return takes == TAKES;
}

/* By steps, or where that cannot be, as the code lies in the file. */
static int disassemble(struct listing *listing)
{
	struct request *request = listing->request;
	const void *own = *(const void *const *)((const char *)request->implementation + request->operation->of_implementation);
	const void *const roots[] = {request->operation->function, own};
	struct filter filter = {.request = request, .info = listing->info};
	bool no_objdump = false, forbidden = false, done;
	struct asm_steps steps;
	struct asm_code none;

	listing->executed = !request->still && take_steps(listing, &steps, &forbidden);
	if (!request->still && !listing->executed) {
		if (!forbidden)
			return COMMAND_FAIL;
		fprintf(stderr, "capacitor asm: the code as it lies in the file: %s\n", request->error);
		request->error[0] = '\0';
	}
	if (listing->executed) {
		done = asm_code_of_steps(&steps, &listing->code, &no_objdump, request->error, sizeof request->error);
		asm_steps_free(&steps);
	} else {
		/* Where the program lies is needed to ask for lines; asked for nothing, that is told. */
		done = asm_code_of_calls(NULL, 0, of_library, &filter, &none, &no_objdump, request->error, sizeof request->error);
		filter.base = none.base;
		done = done && asm_code_of_calls(roots, 2, of_library, &filter, &listing->code, &no_objdump, request->error,
		                                 sizeof request->error);
	}
	return done ? COMMAND_OK : no_objdump ? COMMAND_UNAVAILABLE : COMMAND_FAIL;
}

static int show(struct request *request)
{
	struct listing listing = {.request = request};
	int status = COMMAND_FAIL;
	bool shown = !request->function;

	listing.info = debuginfo_open(PROGRAM, request->error, sizeof request->error);
	if (!listing.info)
		return COMMAND_UNAVAILABLE;
	status = disassemble(&listing);
	for (size_t i = 0; status == COMMAND_OK && i < listing.code.count; i++)
		shown |= request->function && strcmp(listing.code.function[i].name, request->function) == 0;
	if (status == COMMAND_OK && !shown) {
		fail(request, request->function, "no function of this name is on the path");
		status = COMMAND_USAGE;
	}
	if (status == COMMAND_OK && !weigh(&listing))
		status = COMMAND_FAIL;
	if (status == COMMAND_OK) {
		sources_open(&listing.sources);
		if (request->format == TSV)
			print_tsv(&listing);
		else if (request->format == COUNTS_ONLY)
			print_counts_table(&listing);
		else
			print_text(&listing);
		sources_close(&listing.sources);
	}
	asm_code_free(&listing.code);
	debuginfo_close(listing.info);
	return status;
}

int asm_command(int argc, char **argv)
{
	static struct request request;
	int status = COMMAND_USAGE;

	if (options_want_help(argc, argv)) {
		print_help();
		return COMMAND_OK;
	}
	memset(&request, 0, sizeof request);
	request.value_bytes = 100;
	request.policy = CAPACITOR_SIEVE;
	request.counters = CAPACITOR_COUNTERS_PADDED;
	request.colour = isatty(STDOUT_FILENO) == 1 && !getenv("NO_COLOR");
	if (read_options(&request, argc, argv))
		status = show(&request);
	if (status != COMMAND_OK)
		fprintf(stderr, "capacitor asm: %s\n", request.error);
	return status;
}
