/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of bench under profilers.
 *
 * Every run is a process of its own, so that none inherits what another left in memory, and every kind is one, so that they do
 * not disturb each other. The samplers are on in the windows only: profile_window.h.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/profile.h"
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

struct setting {
	const char *name, *value;
};

/* Runs a command with its output in files (NULL: nowhere): its status as wait(2) tells it, or -1. */
static int run(const char *const *arguments, const struct setting *settings, size_t count, const char *out, const char *log)
{
	int status = -1;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);
		int standard = out ? open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666) : null;
		int errors = log ? open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666) : null;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < count; i++)
			setenv(settings[i].name, settings[i].value, 1);
		if (dup2(null, STDIN_FILENO) >= 0 && dup2(standard, STDOUT_FILENO) >= 0 && dup2(errors, STDERR_FILENO) >= 0)
			execvp(arguments[0], (char *const *)(uintptr_t)arguments);
		_exit(127);
	}
	if (child < 0)
		return -1;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

bool profile_tool(const char *const *arguments, const char *out)
{
	int status = run(arguments, NULL, 0, out, NULL);

	return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
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
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
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

bool profile_try_options(struct profile *profile)
{
	static struct command command;
	char names[512] = "", log[] = "/tmp/capacitor-profile-XXXXXX";
	int descriptor = mkstemp(log), status;

	for (size_t i = 0; i < profile->impl.count; i++)
		snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? "," : "",
		         options_implementations()[profile->impl.item[i]]);
	add(&command, profile->program);
	add(&command, "bench");
	add_bench(profile, &command, names);
	add(&command, "--benchmark_list_tests=true");
	add(&command, NULL);
	status = run(command.argument, NULL, 0, NULL, descriptor >= 0 ? log : NULL);
	last_words(log, profile->error, sizeof profile->error);
	if (descriptor >= 0) {
		close(descriptor);
		unlink(log);
	}
	return status == 0;
}

/* What bench left: the geometric mean over its points of the time per operation, 0 when there is none. */
static double time_per_op(const char *path)
{
	json_t *json = json_load_file(path, 0, NULL);
	const json_t *runs = json_object_get(json, "benchmarks");
	double sum = 0;
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(runs); i++) {
		double ns = json_number_value(json_object_get(json_array_get(runs, i), "ns_per_op"));

		if (ns > 0) {
			sum += log(ns);
			count++;
		}
	}
	json_decref(json);
	return count > 0 ? exp(sum / (double)count) : 0;
}

/* ---- One run ----------------------------------------------------------------------------------------------------- */

/* What perf recorded, as a file of the kind that gperftools leaves. */
static bool convert_perf(const char *script, const char *path)
{
	FILE *in = fopen(script, "r"), *out = fopen(path, "wb");
	char line[4096], *maps = NULL;
	size_t maps_bytes = 0, depth = 0;
	FILE *kept = open_memstream(&maps, &maps_bytes);
	void *address[SAMPLES_DEPTH_MAX];
	bool fine = in && out && kept;

	if (fine)
		samples_write_begin(out, 0);
	while (fine && fgets(line, sizeof line, in)) {
		const char *mapped = strstr(line, ": [0x");
		uint64_t begin, bytes, offset, at;
		char permissions[8], file[2048];

		if (mapped && sscanf(mapped, ": [%" SCNx64 "(%" SCNx64 ") @ %" SCNx64 " %*[^]]]: %7s %2047[^\n]", &begin, &bytes,
		                     &offset, permissions, file) == 5) {
			fprintf(kept, "%" PRIx64 "-%" PRIx64 " %s %" PRIx64 " 00:00 0 %s\n", begin, begin + bytes, permissions,
			        offset, file);
		} else if (line[0] == '\n' && depth > 0) {
			samples_write_stack(out, 1, address, depth);
			depth = 0;
		} else if ((line[0] == ' ' || line[0] == '\t') && depth < SAMPLES_DEPTH_MAX &&
		           sscanf(line, "%" SCNx64, &at) == 1 && !mapped) {
			/* perf takes 1 off return addresses, as who reads this file will. */
			address[depth] = (void *)(uintptr_t)(at + (depth > 0));
			depth++;
		}
	}
	if (kept)
		fclose(kept);
	if (fine && depth > 0)
		samples_write_stack(out, 1, address, depth);
	fine = fine && samples_write_end(out, maps);
	free(maps);
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
	const char *const arguments[] = {"perf", "script", "-i", recorded, "--no-inline", "--show-mmap-events", "-F", "ip,sym,dso",
	                                 NULL};
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

void profile_run(struct profile *profile, struct profile_subject *subject, unsigned kind, unsigned round)
{
	static struct command command;
	struct profile_result *result = &subject->result[kind];
	char raw[PROFILE_PATH_BYTES], json[PROFILE_PATH_BYTES], log[PROFILE_PATH_BYTES], words[320];
	struct setting settings[8];
	size_t count;
	double ns;

	if (result->unavailable[0] || (kind == PROFILE_LOCKS && result->locks_by_label))
		return;
	command.count = command.made_count = 0;
	profile_raw_path(profile, subject, kind, round, "", raw);
	profile_raw_path(profile, subject, kind, round, kind == PROFILE_LOCKS ? ".tsv" : ".json", json);
	profile_raw_path(profile, subject, kind, round, ".log", log);
	if (kind == PROFILE_CPU && profile->perf && !wrap_in_perf(profile, &command, raw)) {
		fail(result, "perf", "its pipes cannot be made");
		return;
	}
	add(&command, kind == PROFILE_LOCKS ? profile->traced : profile->program);
	add(&command, kind == PROFILE_LOCKS ? "locks" : "bench");
	add_bench(profile, &command, subject->implementation);
	add(&command, "--seconds");
	add(&command, made(&command, "%g", profile->seconds / (double)profile->rounds));
	add(&command, "--seed");
	add(&command, made(&command, "%" PRIu64, profile->seed + round));
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
	ns = time_per_op(json);
	if (ns > 0)
		result->ns_per_op[result->rounds++] = ns;
}
