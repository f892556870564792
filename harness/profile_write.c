/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists, tables and pictures of what profilers left; see profile.h. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/profile.h"
#include "harness/profile_offcpu.h"
#include "harness/profile_samples.h"
#include "harness/results.h"
#include "harness/table.h"

#define TOP_SHOWN    60   /* functions of a list for people */
#define GRAPH_LEAST  0.01 /* share below which the call graph leaves out */
#define STACK_BYTES  16384

static const char *const flamegraphs[] = {
	"/usr/share/perl5/Devel/NYTProf/flamegraph.pl", /* Debian's libdevel-nytprof-perl */
	"/usr/local/bin/flamegraph.pl",
};

void profile_path(const struct profile *profile, const struct profile_subject *subject, const char *name,
                  char path[PROFILE_PATH_BYTES])
{
	snprintf(path, PROFILE_PATH_BYTES, "%.3600s/%.64s.%.100s", profile->folder, subject->implementation, name);
}

static bool open_file(struct profile *profile, const struct profile_subject *subject, const char *view, const char *suffix,
                      struct results_file *file)
{
	char path[PROFILE_PATH_BYTES], name[128];

	snprintf(name, sizeof name, "%s%s", view, suffix);
	profile_path(profile, subject, name, path);
	return results_open(file, path, profile->error, sizeof profile->error);
}

static bool commit(struct profile *profile, struct results_file *file)
{
	return results_commit(file, profile->error, sizeof profile->error);
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

/* ---- Lists of functions ------------------------------------------------------------------------------------------ */

static bool write_functions(struct profile *profile, const struct profile_subject *subject, const struct profile_view *view)
{
	size_t count;
	struct stacks_function *functions = stacks_functions(view->stacks, &count);
	double total = stacks_total(view->stacks);
	struct results_file text = {0};
	size_t left = count > TOP_SHOWN ? count - TOP_SHOWN : 0;
	char amount[64];

	if (!open_file(profile, subject, view->name, ".txt", &text)) {
		free(functions);
		return false;
	}
	profile_amount(view, total, amount);
	fprintf(text.stream, "%s, %s: %s\n%s\n\n%12s %7s %12s %7s  function\n", view->title, subject->implementation, amount,
	        view->what, "self", "%", "total", "%");
	for (size_t i = 0; i < count - left; i++)
		fprintf(text.stream, "%12.0f %6.1f%% %12.0f %6.1f%%  %s%s%s%s\n", functions[i].self,
		        percent(functions[i].self, total), functions[i].total, percent(functions[i].total, total),
		        functions[i].function, functions[i].file[0] ? " (" : "", functions[i].file,
		        functions[i].file[0] ? ")" : "");
	if (left > 0)
		fprintf(text.stream, "and %zu more functions\n", left);
	free(functions);
	return commit(profile, &text);
}

static bool write_cpu_table(struct profile *profile, const struct profile_subject *subject, const struct stacks *stacks)
{
	size_t count;
	struct stacks_function *functions = stacks_functions(stacks, &count);
	double total = stacks_total(stacks);
	struct results_file tsv = {0};
	bool fine = open_file(profile, subject, "cpu", ".tsv", &tsv);

	if (fine) {
		fputs("function\tfile\tself_samples\tself_percent\ttotal_samples\ttotal_percent\tpart\n", tsv.stream);
		for (size_t i = 0; i < count; i++)
			fprintf(tsv.stream, "%s\t%s\t%.0f\t%.4g\t%.0f\t%.4g\t%s\n", functions[i].function,
			        functions[i].file[0] ? functions[i].file : "-", functions[i].self,
			        percent(functions[i].self, total), functions[i].total, percent(functions[i].total, total),
			        names_part(functions[i].file));
		fine = commit(profile, &tsv);
	}
	free(functions);
	return fine;
}

/* ---- Addresses --------------------------------------------------------------------------------------------------- */

struct counted {
	struct samples_address at;
	uint64_t count;
};

static int by_address(const void *a, const void *b)
{
	const struct counted *one = a, *other = b;

	if (one->at.object != other->at.object)
		return one->at.object < other->at.object ? -1 : 1;
	return (one->at.address > other->at.address) - (one->at.address < other->at.address);
}

/* Where the samples fell, instruction by instruction: weights for who shows machine code. */
static bool write_addresses(struct profile *profile, const struct profile_subject *subject, const struct samples *samples)
{
	struct counted *counted = calloc(samples->stack_count ? samples->stack_count : 1, sizeof *counted);
	struct results_file tsv = {0};

	if (!counted || !open_file(profile, subject, "cpu", ".addresses.tsv", &tsv)) {
		free(counted);
		return false;
	}
	for (size_t i = 0; i < samples->stack_count; i++)
		counted[i] = (struct counted){samples->addresses[samples->stacks[i].first], samples->stacks[i].count};
	qsort(counted, samples->stack_count, sizeof *counted, by_address);
	fputs("object\taddress\tsamples\tfunction\tfile\tline\n", tsv.stream);
	for (size_t i = 0; i < samples->stack_count; i++) {
		struct debuginfo_frame frame[8];
		const char *object = counted[i].at.object == SAMPLES_NOWHERE ? "-" : samples->objects[counted[i].at.object];
		uint64_t sum = counted[i].count;
		const char *slash;

		while (i + 1 < samples->stack_count && by_address(&counted[i], &counted[i + 1]) == 0)
			sum += counted[++i].count;
		names_code(profile->names, counted[i].at.object == SAMPLES_NOWHERE ? NULL : object, counted[i].at.address,
		           frame, 8);
		slash = strrchr(object, '/');
		fprintf(tsv.stream, "%s\t0x%" PRIx64 "\t%" PRIu64 "\t%s\t%s\t%u\n", slash ? slash + 1 : object,
		        counted[i].at.address, sum, frame[0].function, frame[0].file ? frame[0].file : "-", frame[0].line);
	}
	free(counted);
	return commit(profile, &tsv);
}

static bool write_lines(struct profile *profile, const struct profile_subject *subject, const struct stacks *stacks)
{
	size_t count;
	struct stacks_line *lines = stacks_lines(stacks, &count);
	struct results_file tsv = {0};
	bool fine = open_file(profile, subject, "cpu", ".lines.tsv", &tsv);

	if (fine) {
		fputs("file\tline\tfunction\tself_samples\ttotal_samples\n", tsv.stream);
		for (size_t i = 0; i < count; i++)
			if (lines[i].line > 0)
				fprintf(tsv.stream, "%s\t%u\t%s\t%.0f\t%.0f\n", lines[i].file, lines[i].line, lines[i].function,
				        lines[i].self, lines[i].total);
		fine = commit(profile, &tsv);
	}
	free(lines);
	return fine;
}

/* ---- Source ------------------------------------------------------------------------------------------------------ */

bool profile_hottest(const struct stacks *stacks, const char *part, char function[128], char file[256])
{
	size_t count;
	struct stacks_function *functions = stacks_functions(stacks, &count);
	double most = 0;

	for (size_t i = 0; i < count; i++)
		if (functions[i].code > most && strcmp(names_part(functions[i].file), part) == 0) {
			snprintf(function, 128, "%.127s", functions[i].function);
			snprintf(file, 256, "%.255s", functions[i].file);
			most = functions[i].code;
		}
	free(functions);
	return most > 0;
}

/* A file's lines; [0] is line 1. NULL: it cannot be read. */
static char **read_source(const char *path, size_t *count)
{
	FILE *file = fopen(path, "r");
	char **lines = NULL, *line = NULL;
	size_t room = 0, bytes = 0;

	*count = 0;
	while (file && getline(&line, &bytes, file) >= 0) {
		if (*count == room) {
			char **larger = realloc(lines, (room = room ? room * 2 : 256) * sizeof *lines);

			if (!larger)
				break;
			lines = larger;
		}
		line[strcspn(line, "\r\n")] = '\0';
		lines[(*count)++] = strdup(line);
	}
	free(line);
	if (file)
		fclose(file);
	return lines;
}

/* Can the line be one of a function before its closing brace? Comments above it cannot, nor what ends another. */
static bool belongs(const char *line)
{
	return line && line[0] != '\0' && line[0] != '}' && line[0] != '#' && strncmp(line, " *", 2) != 0 &&
	       strncmp(line, "/*", 2) != 0;
}

/* A function's first line is not indented, and neither is its last, a brace. */
static void extent(char **source, size_t count, size_t *first, size_t *last)
{
	while (*first > 1 && belongs(source[*first - 2]))
		--*first;
	/* Blank lines also stand between statements. */
	while (*first > 1 && source[*first - 1] && (isspace((unsigned char)source[*first - 1][0]) || source[*first - 1][0] == '{' ||
	                                            source[*first - 1][0] == '\0'))
		--*first;
	while (*first > 1 && belongs(source[*first - 2]))
		--*first;
	while (*last < count && source[*last - 1] && source[*last - 1][0] != '}')
		++*last;
}

static void write_source_line(FILE *out, const struct stacks_line *lines, size_t count, const char *function, const char *file,
                              size_t number, const char *text)
{
	double self = 0, total = 0;
	char texts[2][24] = {".", "."};

	for (size_t i = 0; i < count; i++)
		if (lines[i].line == number && strcmp(lines[i].function, function) == 0 && strcmp(lines[i].file, file) == 0) {
			self += lines[i].self;
			total += lines[i].total;
		}

	if (self > 0)
		snprintf(texts[0], sizeof texts[0], "%.0f", self);
	if (total > 0)
		snprintf(texts[1], sizeof texts[1], "%.0f", total);
	fprintf(out, "%8s %8s %5zu  %s\n", texts[0], texts[1], number, text ? text : "");
}

bool profile_write_source(FILE *out, const char *root, const struct stacks *stacks, const char *function, const char *file)
{
	char path[PROFILE_PATH_BYTES];
	size_t count, source_count, first = SIZE_MAX, last = 0;
	struct stacks_line *lines = stacks_lines(stacks, &count);
	char **source;

	for (size_t i = 0; i < count; i++)
		if (lines[i].line > 0 && strcmp(lines[i].function, function) == 0 && strcmp(lines[i].file, file) == 0) {
			first = lines[i].line < first ? lines[i].line : first;
			last = lines[i].line > last ? lines[i].line : last;
		}
	snprintf(path, sizeof path, "%.3000s/%.1000s", root, file);
	source = last > 0 ? read_source(path, &source_count) : NULL;
	if (source && last <= source_count) {
		extent(source, source_count, &first, &last);
		fprintf(out, "%s, %s\n\n%8s %8s %5s\n", function, file, "self", "total", "line");
		for (size_t number = first; number <= last; number++)
			write_source_line(out, lines, count, function, file, number, source[number - 1]);
	}
	for (size_t i = 0; source && i < source_count; i++)
		free(source[i]);
	free(lines);
	if (source && last > source_count)
		last = 0;
	free(source);
	return source && last > 0;
}

/* The file of the heaviest function of that name. */
static bool find_function(const struct stacks *stacks, const char *name, char file[256])
{
	size_t count;
	struct stacks_function *functions = stacks_functions(stacks, &count);
	bool found = false;

	for (size_t i = 0; i < count && !found; i++)
		if (strcmp(functions[i].function, name) == 0) {
			snprintf(file, 256, "%.255s", functions[i].file);
			found = true;
		}
	free(functions);
	return found;
}

static bool write_source(struct profile *profile, const struct profile_subject *subject, struct profile_view *view)
{
	char function[128], file[256];
	struct results_file text = {0};

	if (profile->function && !find_function(view->stacks, profile->function, file)) {
		snprintf(view->source, sizeof view->source, "no sample fell into a function called %.200s", profile->function);
		fprintf(stderr, "capacitor profile: --function: %s\n", view->source);
		return true;
	}
	if (profile->function)
		snprintf(function, sizeof function, "%.127s", profile->function);
	else if (!profile_hottest(view->stacks, "library", function, file)) {
		snprintf(view->source, sizeof view->source, "no sample fell into the library's own code");
		return true;
	}
	if (!open_file(profile, subject, view->name, ".source.txt", &text))
		return false;
	view->has_source = profile_write_source(text.stream, profile->root, view->stacks, function, file);
	if (view->has_source) {
		snprintf(view->source, sizeof view->source, "%.127s (%.255s)", function, file);
		return commit(profile, &text);
	}
	results_abort(&text);
	snprintf(view->source, sizeof view->source, "the source of %.127s (%.255s) is not at hand", function, file);
	return true;
}

/* ---- Pictures ---------------------------------------------------------------------------------------------------- */

static void lack(struct profile_view *view, const char *why)
{
	if (view->pictures[0])
		strncat(view->pictures, "; ", sizeof view->pictures - strlen(view->pictures) - 1);
	strncat(view->pictures, why, sizeof view->pictures - strlen(view->pictures) - 1);
}

void profile_amount(const struct profile_view *view, double amount, char text[64])
{
	if (strcmp(view->unit, "ns") == 0)
		snprintf(text, 64, "%.4g ms", amount / 1e6);
	else if (strcmp(view->unit, "bytes") == 0 && amount >= 1 << 20)
		snprintf(text, 64, "%.4g MiB", amount / (1 << 20));
	else
		snprintf(text, 64, "%.0f %s", amount, view->unit);
}

/* A tool's output takes the place of the file only when the tool did well. */
static bool draw(const char *const *arguments, const char *path)
{
	char part[PROFILE_PATH_BYTES + 8];

	snprintf(part, sizeof part, "%s.part", path);
	if (profile_tool(arguments, part) && rename(part, path) == 0)
		return true;
	unlink(part);
	return false;
}

/* Processor time is warm, memory green, waiting cold. */
static const char *colours(const char *view)
{
	return strcmp(view, "cpu") == 0 ? "hot" : strncmp(view, "heap", 4) == 0 ? "green" : "blue";
}

static bool write_flame(struct profile *profile, const struct profile_subject *subject, struct profile_view *view)
{
	char folded[PROFILE_PATH_BYTES], svg[PROFILE_PATH_BYTES], name[128], title[256];
	const char *script = NULL;
	struct results_file file = {0};

	if (!open_file(profile, subject, view->name, ".folded", &file))
		return false;
	stacks_write_folded(file.stream, view->stacks);
	if (!commit(profile, &file))
		return false;
	for (size_t i = 0; i < sizeof flamegraphs / sizeof flamegraphs[0] && !script; i++)
		if (access(flamegraphs[i], R_OK) == 0)
			script = flamegraphs[i];
	snprintf(name, sizeof name, "%s.folded", view->name);
	profile_path(profile, subject, name, folded);
	snprintf(name, sizeof name, "%s.flame.svg", view->name);
	profile_path(profile, subject, name, svg);
	snprintf(title, sizeof title, "%s: %s, by calls from below", subject->implementation, view->title);
	if (script) {
		const char *const arguments[] = {
			"perl", script, "--hash", "--width", "1200", "--fonttype", "Helvetica, Arial, sans-serif",
			"--colors", colours(view->name), "--countname", view->unit, "--title", title, folded, NULL,
		};

		view->has_flame = draw(arguments, svg);
	}
	if (!view->has_flame)
		lack(view, script ? "flamegraph.pl failed (perl is needed)" : "no flame graph: package libdevel-nytprof-perl");
	return true;
}

static bool write_calls(struct profile *profile, const struct profile_subject *subject, struct profile_view *view)
{
	char dot[PROFILE_PATH_BYTES], svg[PROFILE_PATH_BYTES], name[128], title[256];
	const char *const arguments[] = {"dot", "-Tsvg", dot, NULL};
	const char *const there[] = {"dot", "-V", NULL};
	struct results_file file = {0};
	char amount[64];
	bool drawn;

	if (!open_file(profile, subject, view->name, ".calls.dot", &file))
		return false;
	profile_amount(view, stacks_total(view->stacks), amount);
	snprintf(title, sizeof title, "%s: %s, %s", subject->implementation, view->title, amount);
	drawn = stacks_write_dot(file.stream, view->stacks, title, view->unit, GRAPH_LEAST);
	if (!commit(profile, &file))
		return false;
	snprintf(name, sizeof name, "%s.calls.dot", view->name);
	profile_path(profile, subject, name, dot);
	snprintf(name, sizeof name, "%s.calls.svg", view->name);
	profile_path(profile, subject, name, svg);
	view->has_calls = drawn && draw(arguments, svg);
	if (!view->has_calls)
		lack(view, !drawn ? "no function has a share of the call graph"
		           : profile_tool(there, NULL) ? "dot failed" : "no call graph: package graphviz");
	return true;
}

static bool write_view(struct profile *profile, const struct profile_subject *subject, struct profile_view *view)
{
	return write_functions(profile, subject, view) && write_flame(profile, subject, view) &&
	       write_calls(profile, subject, view);
}

/* ---- CPU --------------------------------------------------------------------------------------------------------- */

static void unavailable(struct profile_result *result, const char *why)
{
	snprintf(result->unavailable, sizeof result->unavailable, "%.500s", why);
}

/* Adds what all windows of a kind left, FILE.<window><suffix>. False: nothing can be read, and the result says so. */
static bool gather(struct profile *profile, struct profile_subject *subject, unsigned kind, const char *suffix,
                   struct samples *samples)
{
	struct profile_result *result = &subject->result[kind];
	char path[PROFILE_PATH_BYTES], ending[64], error[PROFILE_ERROR_BYTES];
	size_t files = 0;

	for (unsigned round = 0; round < profile->rounds; round++)
		for (unsigned window = 0;; window++) {
			snprintf(ending, sizeof ending, ".%u%s", window, suffix);
			profile_raw_path(profile, subject, kind, round, ending, path);
			if (access(path, F_OK) != 0)
				break;
			if (!samples_read(samples, path, error, sizeof error)) {
				unavailable(result, error);
				return false;
			}
			files++;
		}
	if (files == 0)
		unavailable(result, "the profiler left nothing; raw/*.log has what it said");
	return files > 0;
}

static bool write_cpu(struct profile *profile, struct profile_subject *subject)
{
	struct profile_result *result = &subject->result[PROFILE_CPU];
	struct profile_view *view = &result->view[0];
	struct samples samples = {0};
	struct results_file file = {0};
	bool fine = true;

	if (!gather(profile, subject, PROFILE_CPU, "", &samples) || samples.total == 0) {
		if (!result->unavailable[0])
			unavailable(result, "no sample was taken: the windows are too short");
		samples_free(&samples);
		return true;
	}
	*view = (struct profile_view){
		.name = "cpu", .title = "CPU time", .unit = "samples", .stacks = stacks_new(),
		.what = profile->perf ? "A sample is a moment at which a thread ran (perf, cpu-clock, user code only)."
		                      : "A sample is a moment at which a thread ran (gperftools, by processor time).",
	};
	result->views = 1;
	if (!view->stacks || !stacks_add_samples(view->stacks, &samples, profile->names)) {
		unavailable(result, "no memory for its stacks");
		samples_free(&samples);
		return true;
	}
	snprintf(result->note, sizeof result->note, "%.1f %% of the stacks reach the beginning of their thread.",
	         100 * stacks_complete(view->stacks));
	result->facts = json_pack("{s:s, s:I, s:I, s:f}", "sampler", profile->perf ? "perf cpu-clock:u" : "gperftools",
	                          "frequency_hz",
	                          (json_int_t)profile->frequency, "samples", (json_int_t)samples.total, "complete_stacks_percent",
	                          100 * stacks_complete(view->stacks));
	fine = write_cpu_table(profile, subject, view->stacks) && write_lines(profile, subject, view->stacks) &&
	       write_addresses(profile, subject, &samples) && write_source(profile, subject, view) &&
	       write_view(profile, subject, view);
	if (fine && (fine = open_file(profile, subject, "cpu", ".prof", &file))) {
		samples_write(file.stream, &samples);
		fine = commit(profile, &file);
	}
	samples_free(&samples);
	return fine;
}

/* ---- Off-CPU ----------------------------------------------------------------------------------------------------- */

/* What the kernel said of all threads, in all windows. */
struct sleep {
	double window_s, ran_s, waited_s, blocked_s;
	double looks, asleep, stacks, missed, unanswered;
	bool told; /* the kernel's figures are there */
};

static void add_threads(struct sleep *sleep, const char *path)
{
	struct table table;

	if (!table_load(&table, path))
		return;
	for (size_t row = 0; row < table.rows; row++) {
		double *const sums[] = {&sleep->window_s, &sleep->ran_s, &sleep->waited_s, &sleep->blocked_s, &sleep->looks,
		                        &sleep->asleep, &sleep->stacks, &sleep->missed, &sleep->unanswered};
		static const char *const columns[] = {"window_s", "ran_s", "waited_s", "blocked_s", "looks",
		                                      "asleep", "stacks", "missed", "unanswered"};

		for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
			double number;

			if (table_number(&table, row, columns[i], &number))
				*sums[i] += number;
			else
				sleep->told = false;
		}
	}
	table_free(&table);
}

static struct sleep read_sleep(const struct profile *profile, const struct profile_subject *subject)
{
	struct sleep sleep = {.told = true};
	char path[PROFILE_PATH_BYTES], ending[64];

	for (unsigned round = 0; round < profile->rounds; round++)
		for (unsigned window = 0;; window++) {
			snprintf(ending, sizeof ending, ".%u.threads", window);
			profile_raw_path(profile, subject, PROFILE_OFFCPU, round, ending, path);
			if (access(path, F_OK) != 0)
				break;
			add_threads(&sleep, path);
		}
	return sleep;
}

/* Where a stack stands: the innermost frame of the library, else of the harness, else the innermost. */
static const struct debuginfo_frame *site_of(const struct debuginfo_frame *frames, size_t depth, const char **part)
{
	static const char *const parts[] = {"library", "harness"};

	for (size_t p = 0; p < 2; p++)
		for (size_t i = 0; i < depth; i++)
			if (strcmp(names_part(frames[i].file), parts[p]) == 0) {
				*part = parts[p];
				return &frames[i];
			}
	*part = "other";
	return &frames[0];
}

static void write_frames(FILE *out, const struct debuginfo_frame *frames, size_t depth)
{
	for (size_t i = depth; i-- > 0;) {
		fputs(frames[i].function, out);
		if (frames[i].file && frames[i].file[0] && frames[i].line > 0)
			fprintf(out, " (%s:%u)", frames[i].file, frames[i].line);
		else if (frames[i].file && frames[i].file[0])
			fprintf(out, " (%s)", frames[i].file);
		if (i > 0)
			fputc(';', out);
	}
}

struct offcpu_table {
	FILE *out;
	double window_s; /* of all threads together */
	double total, seconds; /* of samples; that all of them stand for */
};

static void write_offcpu_row(void *context, const struct debuginfo_frame *frames, size_t depth, double weight)
{
	const struct offcpu_table *table = context;
	const char *part;
	const struct debuginfo_frame *site = site_of(frames, depth, &part);

	fprintf(table->out, "%s\t%s\t%u\t%s\t%s\t%.0f\t%.4g\t%.6g\t%.4g\t", site->function,
	        site->file && site->file[0] ? site->file : "-", site->line, part, frames[0].function, weight,
	        percent(weight, table->total), weight / table->total * table->seconds,
	        percent(weight / table->total * table->seconds, table->window_s));
	write_frames(table->out, frames, depth);
	fputc('\n', table->out);
}

static void tell_sleep(struct profile_result *result, const struct sleep *sleep, double asleep_s, double samples)
{
	static const char no_times[] = "unavailable: the kernel keeps no schedstat";

	if (sleep->told)
		snprintf(result->note, sizeof result->note,
		         "Of the threads' %.3g s the kernel counts %.1f %% running, %.1f %% ready without a processor "
		         "(preempted), %.1f %% "
		         "asleep; %.0f of %.0f looks found them asleep, %.0f stacks came too late.",
		         sleep->window_s, percent(sleep->ran_s, sleep->window_s), percent(sleep->waited_s, sleep->window_s),
		         percent(sleep->blocked_s, sleep->window_s), sleep->asleep, sleep->looks, sleep->missed);
	else
		snprintf(result->note, sizeof result->note, "The kernel keeps no times of threads here (schedstat): seconds "
		         "are estimated "
		         "from %.0f of %.0f looks.", sleep->asleep, sleep->looks);
	result->facts = json_pack("{s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "period_us", OFFCPU_PERIOD_US, "thread_s", sleep->window_s,
	                          "asleep_s", asleep_s, "looks", sleep->looks, "found_asleep", sleep->asleep, "samples", samples,
	                          "missed", sleep->missed);
	json_object_set_new(result->facts, "unanswered", json_real(sleep->unanswered));
	json_object_set_new(result->facts, "running_s", sleep->told ? json_real(sleep->ran_s) : json_string(no_times));
	json_object_set_new(result->facts, "ready_s", sleep->told ? json_real(sleep->waited_s) : json_string(no_times));
}

static bool write_offcpu(struct profile *profile, struct profile_subject *subject)
{
	struct profile_result *result = &subject->result[PROFILE_OFFCPU];
	struct sleep sleep = read_sleep(profile, subject);
	struct profile_view *view = &result->view[0];
	struct samples samples = {0};
	struct results_file tsv = {0};
	struct offcpu_table table;
	bool named;

	if (!gather(profile, subject, PROFILE_OFFCPU, ".stacks", &samples) || sleep.looks == 0) {
		if (!result->unavailable[0])
			unavailable(result, "nobody was looked at: the windows are too short");
		samples_free(&samples);
		return true;
	}
	*view = (struct profile_view){
		.name = "offcpu", .title = "Where threads sleep", .unit = "samples", .stacks = stacks_new(),
		.what = "A sample is a moment at which a thread was found asleep in a system call. Being ready without a "
		        "processor is no sleep.",
	};
	result->views = 1;
	named = view->stacks && stacks_add_samples(view->stacks, &samples, profile->names);
	table = (struct offcpu_table){.total = (double)samples.total, .window_s = sleep.window_s,
	                              .seconds = sleep.told ? sleep.blocked_s : sleep.asleep / sleep.looks * sleep.window_s};
	samples_free(&samples);
	if (!named) {
		unavailable(result, "no memory for its stacks");
		return true;
	}
	tell_sleep(result, &sleep, table.seconds, table.total);
	if (!open_file(profile, subject, "offcpu", ".tsv", &tsv))
		return false;
	fputs("site\tfile\tline\tpart\twaits_in\tsamples\tpercent\tseconds\tthread_percent\tstack\n", tsv.stream);
	table.out = tsv.stream;
	stacks_each(view->stacks, write_offcpu_row, &table);
	if (!commit(profile, &tsv))
		return false;
	if (table.total > 0)
		return write_view(profile, subject, view);
	stacks_free(view->stacks); /* nobody was asleep: nothing to draw */
	result->views = 0;
	return true;
}

/* ---- Heap and locks: tables that other programs left ------------------------------------------------------------- */

/* How the tables of several runs are added: key columns come first, then amounts. */
struct sums {
	const char *const *columns;
	size_t keys, count;
	size_t largest; /* index of the column that is no sum but the greatest of all; SIZE_MAX: none */
	size_t mean;    /* of the column that is a mean per what the first amount counts; SIZE_MAX: none */
	bool by_point;  /* there is a table for each point of a run */
};

struct row {
	char *key; /* cells, each ended by a tab */
	double value[8];
};

struct rows {
	struct row *row;
	size_t count, room;
	size_t tables; /* that they came from */
};

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

static bool add_row(struct rows *rows, const struct table *table, size_t at, const struct sums *sums)
{
	char key[STACK_BYTES + 2048] = "";
	size_t used = 0;
	struct row *row;

	if (rows->count == rows->room) {
		struct row *larger = realloc(rows->row, (rows->room = rows->room ? 2 * rows->room : 256) * sizeof *larger);

		if (!larger)
			return false;
		rows->row = larger;
	}
	row = &rows->row[rows->count];
	memset(row, 0, sizeof *row);
	for (size_t i = 0; i < sums->keys; i++) {
		const char *cell = table_cell(table, at, sums->columns[i]);

		if (!cell)
			return false;
		used += (size_t)snprintf(key + used, sizeof key - used, "%.*s\t", STACK_BYTES, cell);
		if (used >= sizeof key)
			return false;
	}
	for (size_t i = sums->keys; i < sums->count; i++)
		if (!table_number(table, at, sums->columns[i], &row->value[i - sums->keys]))
			row->value[i - sums->keys] = 0;
	if (sums->mean < sums->count) /* until all is added up, the sum */
		row->value[sums->mean - sums->keys] *= row->value[0];
	row->key = strdup(key);
	rows->count += row->key != NULL;
	return row->key != NULL;
}

static void add_up(struct rows *rows, const struct sums *sums)
{
	size_t kept = 0;

	if (rows->count > 0)
		qsort(rows->row, rows->count, sizeof *rows->row, by_key);
	for (size_t i = 0; i < rows->count; i++) {
		if (kept == 0 || strcmp(rows->row[kept - 1].key, rows->row[i].key) != 0) {
			rows->row[kept++] = rows->row[i];
			continue;
		}
		for (size_t j = 0; j < sums->count - sums->keys; j++) {
			double *sum = &rows->row[kept - 1].value[j], value = rows->row[i].value[j];

			*sum = j + sums->keys == sums->largest ? (value > *sum ? value : *sum) : *sum + value;
		}
		free(rows->row[i].key);
	}
	rows->count = kept;
}

static void free_rows(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->row[i].key);
	free(rows->row);
}

/* Adds a table's rows; one that is not there has none. */
static bool add_table(struct profile *profile, const char *path, const struct sums *sums, struct rows *rows)
{
	struct table table;
	bool fine = true;

	if (!table_load(&table, path))
		return true;
	rows->tables++;
	for (size_t row = 0; fine && row < table.rows; row++)
		fine = add_row(rows, &table, row, sums);
	table_free(&table);
	if (!fine)
		snprintf(profile->error, sizeof profile->error, "%.300s: not the columns that were expected, or no memory", path);
	return fine;
}

static void write_row(FILE *out, const struct row *row, const struct sums *sums)
{
	fputs(row->key, out);
	for (size_t i = sums->keys; i < sums->count; i++) {
		double value = row->value[i - sums->keys];

		if (i == sums->mean)
			fprintf(out, "%.1f", row->value[0] > 0 ? value / row->value[0] : 0);
		else
			fprintf(out, "%.0f", value);
		fputc(i + 1 < sums->count ? '\t' : '\n', out);
	}
}

/* The rows of all runs of a kind, and, where there are tables, the file that holds their sums. False: it cannot be written. */
static bool gather_rows(struct profile *profile, struct profile_subject *subject, unsigned kind, const char *suffix,
                        const struct sums *sums, struct rows *rows)
{
	char path[PROFILE_PATH_BYTES], ending[64];
	struct results_file tsv = {0};

	for (unsigned round = 0; round < profile->rounds; round++)
		for (size_t point = 0; point < (sums->by_point ? subject->points : 1); point++) {
			if (sums->by_point)
				snprintf(ending, sizeof ending, ".%zu%s", point, suffix);
			profile_raw_path(profile, subject, kind, round, sums->by_point ? ending : suffix, path);
			if (!add_table(profile, path, sums, rows))
				return false;
		}
	add_up(rows, sums);
	if (rows->tables == 0)
		return true;
	if (!open_file(profile, subject, profile_kinds[kind], ".tsv", &tsv))
		return false;
	for (size_t i = 0; i < sums->count; i++)
		fprintf(tsv.stream, "%s%c", sums->columns[i], i + 1 < sums->count ? '\t' : '\n');
	for (size_t i = 0; i < rows->count; i++)
		write_row(tsv.stream, &rows->row[i], sums);
	return commit(profile, &tsv);
}

/* The cell of a row's key. */
static void cell_of(const struct row *row, size_t column, char *text, size_t bytes)
{
	const char *at = row->key;

	for (size_t i = 0; i < column && (at = strchr(at, '\t')); i++)
		at++;
	snprintf(text, bytes, "%.*s", at ? (int)strcspn(at, "\t") : 0, at ? at : "");
}

/* Stacks that weigh what one column says. NULL: none weighs anything. */
static struct stacks *weigh(const struct rows *rows, size_t stack_column, size_t value)
{
	struct stacks *stacks = stacks_new();
	static char text[STACK_BYTES];

	for (size_t i = 0; stacks && i < rows->count; i++) {
		cell_of(&rows->row[i], stack_column, text, sizeof text);
		if (rows->row[i].value[value] > 0 && !stacks_add_text(stacks, text, rows->row[i].value[value]))
			break;
	}
	if (stacks && stacks_total(stacks) > 0)
		return stacks;
	stacks_free(stacks);
	return NULL;
}

static bool write_heap(struct profile *profile, struct profile_subject *subject)
{
	static const char *const columns[] = {"site", "stack", "count", "bytes", "live_count", "live_bytes"};
	static const struct sums sums = {columns, 2, 6, SIZE_MAX, SIZE_MAX, false};
	struct profile_result *result = &subject->result[PROFILE_HEAP];
	struct rows rows = {0};
	double total[4] = {0};
	bool fine = gather_rows(profile, subject, PROFILE_HEAP, ".heap.tsv", &sums, &rows);

	for (size_t i = 0; i < rows.count; i++)
		for (size_t j = 0; j < 4; j++)
			total[j] += rows.row[i].value[j];
	if (fine && rows.tables == 0)
		unavailable(result, "the runs left no table of allocations; raw/*.log has what they said");
	if (fine && rows.tables > 0) {
		static const struct profile_view views[] = {
			{.name = "heap", .title = "Memory allocated", .unit = "bytes",
			 .what = "Bytes that were asked of malloc and its kin within the windows, whether or not they were "
			 "freed since."},
			{.name = "heap-live", .title = "Memory still held at the end", .unit = "bytes",
			 .what = "Bytes that were asked for within the windows and not freed when they closed."},
		};

		for (size_t i = 0; i < 2; i++) {
			struct stacks *stacks = weigh(&rows, 1, i == 0 ? 1 : 3);

			if (!stacks)
				continue;
			result->view[result->views] = views[i];
			result->view[result->views++].stacks = stacks;
		}
		snprintf(result->note, sizeof result->note, "%.0f allocations of %.0f bytes in the windows, %.0f of %.0f bytes "
		         "of them not freed "
		         "when they closed.", total[0], total[1], total[2], total[3]);
		result->facts = json_pack("{s:f, s:f, s:f, s:f}", "allocations", total[0], "bytes", total[1], "live_allocations",
		                          total[2],
		                          "live_bytes", total[3]);
	}
	free_rows(&rows);
	for (size_t i = 0; fine && i < result->views; i++)
		fine = write_view(profile, subject, &result->view[i]);
	return fine;
}

/* ---- Locks ------------------------------------------------------------------------------------------------------- */

/* "shard 1 waits 6713 ns 2638909" */
static void add_wait(struct rows *rows, char *text)
{
	static const char reason[] = "unavailable: only the library's own count";
	char *behind = strstr(text, " waits ");
	struct row *larger = realloc(rows->row, (rows->count + 1) * sizeof *larger);
	struct row *row;

	if (!larger)
		return;
	rows->row = larger;
	row = &larger[rows->count];
	memset(row, 0, sizeof *row);
	if (!behind || sscanf(behind, " waits %lf ns %lf", &row->value[1], &row->value[2]) != 2)
		return;
	*behind = '\0';
	if (asprintf(&row->key, "%s\t%s\t%s\t", text + strspn(text, " "), reason, reason) >= 0)
		rows->count++;
}

/* The waits that the library counts by itself stand in the label of each run of bench: "locks: shard 1 waits ...; shard 2 ...". */
static void add_label(struct rows *rows, const char *label)
{
	const char *locks = strstr(label, "locks: ");
	char *copy = locks ? strdup(locks + 7) : NULL, *rest = copy;

	for (char *one; copy && (one = strsep(&rest, ";"));)
		add_wait(rows, one);
	free(copy);
}

static bool write_locks_by_label(struct profile *profile, struct profile_subject *subject)
{
	static const char *const columns[] = {"lock", "site", "stack", "acquisitions", "contended", "wait_ns", "max_wait_ns",
	                                      "hold_ns"};
	static const struct sums sums = {columns, 3, 8, 6, 7, true};
	struct profile_result *result = &subject->result[PROFILE_LOCKS];
	char path[PROFILE_PATH_BYTES];
	struct results_file tsv = {0};
	struct rows rows = {0};
	double waited = 0;

	for (unsigned round = 0; round < profile->rounds; round++) {
		json_t *json;
		const json_t *runs;

		profile_raw_path(profile, subject, PROFILE_PLAIN, round, ".json", path);
		json = json_load_file(path, 0, NULL);
		runs = json_object_get(json, "benchmarks");
		for (size_t i = 0; i < json_array_size(runs); i++) {
			const char *label = json_string_value(json_object_get(json_array_get(runs, i), "label"));

			add_label(&rows, label ? label : "");
		}
		json_decref(json);
	}
	add_up(&rows, &sums);
	if (!open_file(profile, subject, "locks", ".tsv", &tsv)) {
		free_rows(&rows);
		return false;
	}
	for (size_t i = 0; i < sums.count; i++)
		fprintf(tsv.stream, "%s%c", columns[i], i + 1 < sums.count ? '\t' : '\n');
	for (size_t i = 0; i < rows.count; i++) {
		fprintf(tsv.stream, "%sunavailable: not counted\t%.0f\t%.0f\tunavailable: not counted\tunavailable: not counted\n",
		        rows.row[i].key, rows.row[i].value[1], rows.row[i].value[2]);
		waited += rows.row[i].value[2];
	}
	snprintf(result->note, sizeof result->note, "Only what the library counts by itself: the program that records each "
	         "lock's callers "
	         "(traced) is not built beside this one. %zu locks were waited for, %.3g ms in all.", rows.count, waited / 1e6);
	result->facts = json_pack("{s:s, s:f}", "source", "label", "wait_ns", waited);
	free_rows(&rows);
	return commit(profile, &tsv);
}

static bool write_locks(struct profile *profile, struct profile_subject *subject)
{
	static const char *const columns[] = {"lock", "site", "stack", "acquisitions", "contended", "wait_ns", "max_wait_ns",
	                                      "hold_ns"};
	static const struct sums sums = {columns, 3, 8, 6, 7, true};
	struct profile_result *result = &subject->result[PROFILE_LOCKS];
	struct rows rows = {0};
	double total[5] = {0};
	bool fine;

	if (result->locks_by_label)
		return write_locks_by_label(profile, subject);
	fine = gather_rows(profile, subject, PROFILE_LOCKS, ".tsv", &sums, &rows);
	for (size_t i = 0; i < rows.count; i++)
		for (size_t j = 0; j < 5; j++)
			total[j] = j != 3 ? total[j] + rows.row[i].value[j]
			           : total[3] > rows.row[i].value[3] ? total[3] : rows.row[i].value[3];
	if (fine && rows.tables == 0)
		unavailable(result, "the runs left no table of locks; raw/*.log has what they said");
	if (fine && rows.tables > 0) {
		struct stacks *stacks = weigh(&rows, 2, 2);

		snprintf(result->note, sizeof result->note, "%.0f acquisitions, %.0f of them (%.2g %%) had to wait: %.4g ms in "
		         "all, longest wait "
		         "%.3g ms; locks were held for %.4g ms.", total[0], total[1], percent(total[1], total[0]), total[2] / 1e6,
		         total[3] / 1e6, total[4] / 1e6);
		result->facts = json_pack("{s:s, s:f, s:f, s:f, s:f}", "source", "traced", "acquisitions", total[0], "contended",
		                          total[1],
		                          "wait_ns", total[2], "hold_ns", total[4]);
		if (stacks) {
			result->view[0] = (struct profile_view){
				.name = "locks", .title = "Waits for locks", .unit = "ns", .stacks = stacks,
				.what = "Nanoseconds that threads waited for locks, by who wanted them.",
			};
			result->views = 1;
		}
	}
	free_rows(&rows);
	return fine && (result->views == 0 || write_view(profile, subject, &result->view[0]));
}

/* ---- All of it --------------------------------------------------------------------------------------------------- */

/* Round by round, so that a machine that was slow for a while hit both sides. */
static void compare_times(struct profile *profile, struct profile_subject *subject)
{
	const struct profile_result *plain = &subject->result[PROFILE_PLAIN];

	for (unsigned kind = 0; kind < PROFILE_KINDS; kind++) {
		struct profile_result *result = &subject->result[kind];
		double ratios[PROFILE_ROUNDS_MAX];
		unsigned count = plain->rounds < result->rounds ? plain->rounds : result->rounds;

		(void)profile;
		for (unsigned i = 0; i < count; i++)
			ratios[i] = result->ns_per_op[i] / plain->ns_per_op[i];
		if (count > 0)
			result->overhead = probes_summary(ratios, count);
	}
}

bool profile_write(struct profile *profile, struct profile_subject *subject)
{
	static bool (*const writers[PROFILE_KINDS])(struct profile *, struct profile_subject *) = {
		[PROFILE_CPU] = write_cpu,
		[PROFILE_HEAP] = write_heap,
		[PROFILE_LOCKS] = write_locks,
		[PROFILE_OFFCPU] = write_offcpu,
	};

	compare_times(profile, subject);
	for (unsigned kind = 0; kind < PROFILE_KINDS; kind++) {
		struct profile_result *result = &subject->result[kind];

		if (result->wanted && !result->unavailable[0] && !writers[kind](profile, subject))
			return false;
	}
	return true;
}
