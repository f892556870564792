/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of bench under profilers.
 *
 * Every run is a process of its own, so that none inherits what another left in memory, and every kind is one, so that they do
 * not disturb each other. The samplers are on in the windows only: profile_window.h.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/profile.h"
#include "harness/program.h"
#include "harness/profile_samples.h"

#define PROFILER "libprofiler.so.0"
#define ARGUMENTS_MAX (PROFILE_BENCH_MAX + 48)

/* An argument list that grows; texts that were made for it are its own. */
struct command {
	const char *argument[ARGUMENTS_MAX];
	char made[12][PROFILE_PATH_BYTES + 64];
	size_t count, made_count;
};

static void add(struct command *command, const char *argument)
{
	if (command->count + 1 < ARGUMENTS_MAX)
		command->argument[command->count++] = argument;
}

static const char *made(struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *made(struct command *command, const char *format, ...)
{
	char *text = command->made[command->made_count++];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof command->made[0], format, arguments);
	va_end(arguments);
	return text;
}

/* ---- Children ---------------------------------------------------------------------------------------------------- */

#define SETTINGS_MAX 8

struct setting {
	const char *name, *value;
};

/* Runs a command with its output in files (NULL: nowhere): its exit status, as program_run. */
static int run(const char *const *arguments, const struct setting *settings, size_t count, const char *out, const char *log)
{
	const char *pairs[2 * SETTINGS_MAX + 1];

	for (size_t i = 0; i < count; i++) {
		pairs[2 * i] = settings[i].name;
		pairs[2 * i + 1] = settings[i].value;
	}
	pairs[2 * count] = NULL;
	if (log)
		unlink(log);
	return program_run(arguments, &(struct program_ends){.settings = pairs, .out = out, .errors = log});
}

bool profile_tool(const char *const *arguments, const char *out)
{
	return run(arguments, NULL, 0, out, NULL) == 0;
}

/* The last line of a log that says something. */
static void last_words(const char *log, char *words, size_t bytes)
{
	FILE *file = fopen(log, "r");
	char line[1024];

	snprintf(words, bytes, "it said nothing");
	while (file && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && !strstr(line, "PROFILE: interrupts/evictions"))
			snprintf(words, bytes, "%.300s", line);
	}
	if (file)
		fclose(file);
}

void profile_raw_path(const struct profile *profile, const struct profile_subject *subject, unsigned kind, unsigned round,
                      const char *suffix, char path[PROFILE_PATH_BYTES])
{
	snprintf(path, PROFILE_PATH_BYTES, "%.3600s/raw/%.64s.%s.%u%.64s", profile->folder, subject->implementation,
	         profile_kinds[kind], round, suffix);
}

/* ---- What there is ----------------------------------------------------------------------------------------------- */

/* Looked for in a child: loading it is not without effects. */
static bool can_load(const char *library)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(dlopen(library, RTLD_LAZY) ? 0 : 1);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static const char *no_perf(const struct profile *profile)
{
	static const char *const arguments[] = {"perf", "record", "-q", "-e", "cpu-clock:u", "-o", "/dev/null", "true", NULL};
	int status = run(arguments, NULL, 0, NULL, NULL);

	(void)profile;
	if (status == 127)
		return "perf is not installed: package linux-perf";
	if (status != 0)
		return "perf record may not sample cpu-clock here (see /proc/sys/kernel/perf_event_paranoid: at most 2 is needed)";
	return NULL;
}

void profile_look_for_tools(struct profile *profile)
{
	const char *lacking[PROFILE_KINDS] = {NULL};
	bool by_label = access(profile->traced, X_OK) != 0;

	if (profile->perf)
		lacking[PROFILE_CPU] = no_perf(profile);
	else if (!can_load(PROFILER))
		lacking[PROFILE_CPU] = PROFILER " is not installed: package libgoogle-perftools4";
	for (size_t i = 0; i < profile->subjects; i++) {
		struct profile_result *result = profile->subject[i].result;

		for (unsigned kind = 0; kind < PROFILE_KINDS; kind++)
			if (result[kind].wanted && lacking[kind])
				snprintf(result[kind].unavailable, sizeof result[kind].unavailable, "%s", lacking[kind]);
		result[PROFILE_LOCKS].locks_by_label = by_label;
	}
}

/* ---- bench ------------------------------------------------------------------------------------------------------- */

static void add_bench(const struct profile *profile, struct command *command, const char *implementations)
{
	add(command, "--impl");
	add(command, implementations);
	for (size_t i = 0; i < profile->bench_count; i++)
		add(command, profile->bench[i]);
}

static void print_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[1024];

	while (file && fgets(line, sizeof line, file))
		fputs(line, stderr);
	if (file)
		fclose(file);
}

/* The names of the points, one a line. False: no memory. */
static bool read_points(struct profile_subject *subject, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[1024];
	bool fine = file != NULL;

	while (fine && fgets(line, sizeof line, file)) {
		char **larger = realloc(subject->point, (subject->points + 1) * sizeof *larger);

		line[strcspn(line, "\n")] = '\0';
		fine = larger && (subject->point = larger, larger[subject->points] = strdup(line)) != NULL;
		subject->points += fine;
	}
	if (file)
		fclose(file);
	return fine && subject->points > 0;
}

/* Has bench list the points of an implementation. False: there are none; its complaint is printed where `aloud`. */
static bool list_points(struct profile *profile, const char *names, struct profile_subject *subject, bool aloud)
{
	static struct command command;
	char out[] = "/tmp/capacitor-profile-XXXXXX", log[] = "/tmp/capacitor-profile-XXXXXX";
	int files[] = {mkstemp(out), mkstemp(log)};
	bool fine;

	command.count = 0;
	add(&command, profile->program);
	add(&command, "bench");
	add_bench(profile, &command, names);
	add(&command, "--benchmark_list_tests=true");
	add(&command, NULL);
	fine = files[0] >= 0 && files[1] >= 0 && run(command.argument, NULL, 0, out, log) == 0;
	if (!fine && aloud)
		print_file(log);
	if (fine && subject)
		fine = read_points(subject, out);
	for (size_t i = 0; i < 2; i++)
		if (files[i] >= 0) {
			close(files[i]);
			unlink(i == 0 ? out : log);
		}
	return fine;
}

bool profile_try_options(struct profile *profile)
{
	char names[512] = "";

	for (size_t i = 0; i < profile->impl.count; i++)
		snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? "," : "",
		         options_implementations()[profile->impl.item[i]]);
	profile->subject = calloc(profile->impl.count, sizeof *profile->subject);
	if (!profile->subject || !list_points(profile, names, NULL, true))
		return false;
	for (size_t i = 0; i < profile->impl.count; i++) {
		struct profile_subject *subject = &profile->subject[profile->subjects];

		subject->implementation = options_implementations()[profile->impl.item[i]];
		if (list_points(profile, subject->implementation, subject, false))
			profile->subjects++;
		else
			fprintf(stderr, "capacitor profile: left out: %s: it cannot be run with these options\n",
			        subject->implementation);
	}
	return profile->subjects > 0;
}

/* Times per operation, to be averaged. */
struct times {
	double logarithms;
	size_t count;
};

/* What bench left: the time per operation of each of its points. */
static void add_times(struct times *times, const char *path)
{
	json_t *json = json_load_file(path, 0, NULL);
	const json_t *runs = json_object_get(json, "benchmarks");

	for (size_t i = 0; i < json_array_size(runs); i++) {
		double ns = json_number_value(json_object_get(json_array_get(runs, i), "ns_per_op"));

		if (ns > 0) {
			times->logarithms += log(ns);
			times->count++;
		}
	}
	json_decref(json);
}

/* ---- One run ----------------------------------------------------------------------------------------------------- */

/* A frame as perf script prints it: an offset in a file, a name, the file in parentheses. Return addresses have lost 1 already,
 * and get it back, because who reads them takes it off. */
static bool perf_frame(struct samples *samples, char *line, bool returns)
{
	char *open = strrchr(line, '('), *close = open ? strrchr(open, ')') : NULL;
	uint64_t offset;

	if (!close || sscanf(line, "%" SCNx64, &offset) != 1)
		return false;
	*close = '\0';
	return samples_add_address(samples, open + 1, offset, returns);
}

/* What perf recorded, as a file of the kind that gperftools leaves. */
static bool convert_perf(const char *script, const char *path)
{
	FILE *in = fopen(script, "r"), *out = fopen(path, "wb");
	struct samples samples = {0};
	char line[4096];
	unsigned depth = 0;
	bool fine = in && out;

	while (fine && fgets(line, sizeof line, in)) {
		if (line[0] == '\n' && depth > 0) {
			fine = samples_add_stack(&samples, 1, depth);
			depth = 0;
		} else if ((line[0] == ' ' || line[0] == '\t') && depth < SAMPLES_DEPTH_MAX) {
			depth += perf_frame(&samples, line, depth > 0);
		}
	}
	if (fine && depth > 0)
		fine = samples_add_stack(&samples, 1, depth);
	if (fine)
		samples_write(out, &samples);
	samples_free(&samples);
	if (in)
		fclose(in);
	return out && fclose(out) == 0 && fine;
}

/* perf record around the program; its two pipes are made first. */
static bool wrap_in_perf(const struct profile *profile, struct command *command, const char *raw)
{
	const char *control = made(command, "%.4000s.control", raw), *ack = made(command, "%.4000s.ack", raw);

	if (mkfifo(control, 0600) != 0 || mkfifo(ack, 0600) != 0)
		return false;
	add(command, "perf");
	add(command, "record");
	add(command, "-q");
	add(command, "-e");
	add(command, "cpu-clock:u");
	add(command, "-F");
	add(command, made(command, "%" PRIu64, profile->frequency));
	add(command, "--call-graph");
	add(command, "dwarf,8192");
	add(command, "-D");
	add(command, "-1");
	add(command, made(command, "--control=fifo:%.4000s,%.4000s", control, ack));
	add(command, "-o");
	add(command, made(command, "%.4000s.perf", raw));
	add(command, "--");
	return true;
}

static bool unwrap_perf(const char *raw)
{
	char recorded[PROFILE_PATH_BYTES + 16], script[PROFILE_PATH_BYTES + 16], profile[PROFILE_PATH_BYTES + 16];
	const char *const arguments[] = {"perf", "script", "-i", recorded, "--no-inline", "-F", "ip,sym,dso", NULL};
	bool fine;

	snprintf(recorded, sizeof recorded, "%s.perf", raw);
	snprintf(script, sizeof script, "%s.script", raw);
	snprintf(profile, sizeof profile, "%s.0", raw);
	fine = profile_tool(arguments, script) && convert_perf(script, profile);
	unlink(script);
	snprintf(script, sizeof script, "%s.control", raw);
	unlink(script);
	snprintf(script, sizeof script, "%s.ack", raw);
	unlink(script);
	return fine;
}

/* The settings of a kind; what they point to lives in `command`. */
static size_t settle(const struct profile *profile, const struct profile_subject *subject, unsigned kind, const char *raw,
                     struct command *command, struct setting settings[8])
{
	const char *preloaded = getenv("LD_PRELOAD");
	size_t count = 0;

	settings[count++] = (struct setting){"CAPACITOR_ENVIRONMENT", made(command, "%.4000s/env.json", profile->folder)};
	settings[count++] = (struct setting){"CAPACITOR_PROFILE_IMPL", subject->implementation};
	settings[count++] = (struct setting){"CAPACITOR_PROFILE_FILE", raw};
	if (kind == PROFILE_CPU && profile->perf) {
		settings[count++] = (struct setting){"CAPACITOR_PROFILE", "perf"};
		settings[count++] = (struct setting){"CAPACITOR_PROFILE_CONTROL", made(command, "%.4000s.control", raw)};
		settings[count++] = (struct setting){"CAPACITOR_PROFILE_ACK", made(command, "%.4000s.ack", raw)};
	} else if (kind == PROFILE_CPU) {
		settings[count++] = (struct setting){"CAPACITOR_PROFILE", "cpu"};
		settings[count++] = (struct setting){"CPUPROFILE_FREQUENCY", made(command, "%" PRIu64, profile->frequency)};
		settings[count++] = (struct setting){"LD_PRELOAD", made(command, "%s%s%.3000s", PROFILER, preloaded ? ":" : "",
		                                                        preloaded ? preloaded : "")};
	} else if (kind == PROFILE_HEAP) {
		settings[count++] = (struct setting){"CAPACITOR_HEAP_PROFILE", made(command, "%.4000s.heap", raw)};
	} else if (kind == PROFILE_OFFCPU) {
		settings[count++] = (struct setting){"CAPACITOR_PROFILE", "offcpu"};
	}
	return count;
}

static void fail(struct profile_result *result, const char *what, const char *why)
{
	snprintf(result->unavailable, sizeof result->unavailable, "%.100s: %.380s", what, why);
}

/* The options of bench for one run. */
static void add_run(const struct profile *profile, const struct profile_subject *subject, struct command *command, unsigned round)
{
	add_bench(profile, command, subject->implementation);
	add(command, "--seconds");
	add(command, made(command, "%g", profile->seconds / (double)profile->rounds));
	add(command, "--seed");
	add(command, made(command, "%" PRIu64, profile->seed + round));
}

/* The program that records locks does one point at a time. */
static void run_locks(struct profile *profile, struct profile_subject *subject, unsigned round)
{
	static struct command command;
	struct profile_result *result = &subject->result[PROFILE_LOCKS];
	char table[PROFILE_PATH_BYTES], metrics[PROFILE_PATH_BYTES], log[PROFILE_PATH_BYTES], suffix[32], words[320];
	struct setting settings[SETTINGS_MAX];
	struct times times = {0};

	for (size_t i = 0; i < subject->points; i++) {
		size_t count;

		snprintf(suffix, sizeof suffix, ".%zu.tsv", i);
		profile_raw_path(profile, subject, PROFILE_LOCKS, round, suffix, table);
		snprintf(suffix, sizeof suffix, ".%zu.json", i);
		profile_raw_path(profile, subject, PROFILE_LOCKS, round, suffix, metrics);
		profile_raw_path(profile, subject, PROFILE_LOCKS, round, ".log", log);
		command.count = command.made_count = 0;
		add(&command, profile->traced);
		add(&command, "locks");
		add_run(profile, subject, &command, round);
		if (subject->points > 1)
			add(&command, made(&command, "--benchmark_filter=^%s$", subject->point[i]));
		add(&command, "--out");
		add(&command, table);
		add(&command, "--metrics");
		add(&command, metrics);
		add(&command, NULL);
		count = settle(profile, subject, PROFILE_LOCKS, table, &command, settings);
		if (run(command.argument, settings, count, NULL, log) != 0) {
			last_words(log, words, sizeof words);
			fail(result, "the program that records locks failed", words);
			return;
		}
		add_times(&times, metrics);
	}
	if (times.count > 0)
		result->ns_per_op[result->rounds++] = exp(times.logarithms / (double)times.count);
}

void profile_run(struct profile *profile, struct profile_subject *subject, unsigned kind, unsigned round)
{
	static struct command command;
	struct profile_result *result = &subject->result[kind];
	char raw[PROFILE_PATH_BYTES], json[PROFILE_PATH_BYTES], log[PROFILE_PATH_BYTES], words[320];
	struct setting settings[SETTINGS_MAX];
	struct times times = {0};
	size_t count;

	if (result->unavailable[0])
		return;
	if (kind == PROFILE_LOCKS) {
		run_locks(profile, subject, round);
		return;
	}
	command.count = command.made_count = 0;
	profile_raw_path(profile, subject, kind, round, "", raw);
	profile_raw_path(profile, subject, kind, round, ".json", json);
	profile_raw_path(profile, subject, kind, round, ".log", log);
	if (kind == PROFILE_CPU && profile->perf && !wrap_in_perf(profile, &command, raw)) {
		fail(result, "perf", "its pipes cannot be made");
		return;
	}
	add(&command, profile->program);
	add(&command, "bench");
	add_run(profile, subject, &command, round);
	add(&command, "--repetitions");
	add(&command, "1");
	add(&command, "--out");
	add(&command, json);
	add(&command, NULL);
	count = settle(profile, subject, kind, raw, &command, settings);
	if (run(command.argument, settings, count, NULL, log) != 0) {
		last_words(log, words, sizeof words);
		fail(result, kind == PROFILE_PLAIN ? "bench failed" : "the run under the profiler failed", words);
		return;
	}
	if (kind == PROFILE_CPU && profile->perf && !unwrap_perf(raw))
		fail(result, "perf", "what it recorded cannot be read");
	add_times(&times, json);
	if (times.count > 0)
		result->ns_per_op[result->rounds++] = exp(times.logarithms / (double)times.count);
}
