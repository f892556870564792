/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `capacitor`: a subcommand's name, then what the subcommand takes. All that is done here is to find the
 * subcommand.
 */
#include <stdio.h>
#include <string.h>

#include "build_info.h"
#include "harness/commands.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{"list", list_command, "implementations, policies, counter layouts and metrics, with what they mean"},
	{"doctor", doctor_command, "what this machine can measure, what it cannot, and what to change"},
	{"bench", bench_command, "measure caches on generated operations: threads, sizes, mixes, skews"},
	{"replay", replay_command, "measure caches on a recorded trace, filling on demand"},
	{"simulate", simulate_command, "hit ratios of the eviction policies alone on a recorded trace"},
	{"experiment", experiment_command, "run the experiments and write a report"},
	{"coherence", coherence_command, "coherence misses by cause, on virtual cores: exact counts, estimated times"},
	{"gate", gate_command, "coherence misses of every implementation against the baseline, exactly"},
	{"layout", layout_command, "how the structs that an implementation's threads share lie in lines, and why"},
	{"probes", probes_command, "what the library's own measuring costs: the same points with and without it"},
	{"c2c", c2c_command, "one point under perf c2c, where the hardware has it"},
	{"stat", stat_command, "one point under perf stat, where the hardware has it"},
	{"compare", compare_command, "two runs, or two implementations of one run: what changed, and whether it is sure"},
	{"regress", regress_command, "the same grid again, interleaved with the baseline's build: is anything slower?"},
	{"profile", profile_command, "where the time goes, what allocates, which lock is waited for, and what is slept on"},
	{"asm", asm_command, "the machine code of an operation's hot path, with lines, weights, atomics and fences"},
	{"timeline", timeline_command, "operations, waits, grace periods and evictions of each thread, as a trace to look at"},
	{"alloc-check", alloc_check_command, "fail when get or delete allocates, or set more than once, naming the call site"},
	{"codec", codec_command, "what encoding and decoding values costs, beside the cache"},
	{"analyze", analyze_command, "what a run found, in order of what it costs: evidence, mechanism, what to do"},
	{"tidy", tidy_command, "results in JSON to one table"},
	{"report", report_command, "draw the plots and the report of a run again"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *stream)
{
	fputs("usage: capacitor SUBCOMMAND [OPTION...]\n"
	      "\n"
	      "A laboratory for concurrent caches. The subcommands:\n\n",
	      stream);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(stream, "  %-12s %s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "capacitor SUBCOMMAND --help describes one. capacitor --version tells how this program was built.\n"
	      "Exit status: 0; 1 when a run failed; 2 when an argument was wrong; 3 when this machine cannot.\n",
	      stream);
}

/* What was said was worth saying only if it arrived. */
static int flushed(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("capacitor: standard output");
	return COMMAND_FAIL;
}

int main(int argc, char **argv)
{
	if (argc >= 2 &&
	    (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)) {
		print_help(stdout);
		return flushed(COMMAND_OK);
	}
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		printf("capacitor %s%s, %s, %s\n", BUILD_COMMIT, strcmp(BUILD_DIRTY, "yes") == 0 ? " with changes" : "",
		       BUILD_CONF, BUILD_COMPILER);
		return flushed(COMMAND_OK);
	}
	if (argc < 2) {
		print_help(stderr);
		return COMMAND_USAGE;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return flushed(commands[i].run(argc - 1, argv + 1));

	fprintf(stderr, "capacitor: '%s' is no subcommand; they are:", argv[1]);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(stderr, " %s", commands[i].name);
	fputc('\n', stderr);
	return COMMAND_USAGE;
}
