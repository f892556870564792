/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an experiment is, read from experiments/<slug>/experiment.json, and the steps that it comes down to on this machine.
 *
 *   title, hypothesis, expected   texts for the report
 *   command                       "bench", "replay", "codec", "simulate": the subcommand that measures a point; "coherence"
 *                                 sweeps by itself
 *   options                       its options; a value is a list to sweep, as on the command line
 *   tiers                         tiny, smoke, laptop, full: options that differ, and `repetitions`
 *   figures                       {script, caption}: gnuplot files under plots/, what the figure shows; of coherence's other
 *                                 tables (heat, fields, lines, locks) by {"table": name}
 *
 * `"--impl": "all"` means every implementation there is, `"--threads": "auto"` the sweep to twice the cores, and
 * `"--trace": "TRACES"` every trace that was found; without one, the experiment is left out, and says so.
 */
#ifndef HARNESS_PLAN_H
#define HARNESS_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define PLAN_ERROR_BYTES 512
#define PLAN_EXPERIMENTS_MAX 64
#define PLAN_ID_BYTES 200

struct plan_step {
	size_t experiment;      /* index into plan.experiment */
	char id[PLAN_ID_BYTES]; /* names the point's files: letters, digits and .,=_- */
	json_t *arguments;      /* array of strings: the subcommand and its options but for --out and --seed */
	double expected_s;
};

struct plan_experiment {
	char slug[64];
	json_t *json;
	unsigned repetitions;
	size_t steps;        /* points; each runs `repetitions` times */
	const char *left_out; /* NULL, or why it has no steps */
};

struct plan {
	const char *tier;
	struct plan_experiment experiment[PLAN_EXPERIMENTS_MAX];
	size_t experiments;
	struct plan_step *step;
	size_t steps;
	double expected_s; /* of all steps and repetitions */
};

/* The repository's root: --root, or two folders above the program's. */
bool plan_root(char *root, size_t root_bytes);

/*
 * Reads the experiments under root/experiments (only: NULL for all, or a list of slugs) and expands them for a tier.
 * traces: NULL, or a folder. False: a line in error.
 */
bool plan_load(struct plan *plan, const char *root, const char *tier, const char *only, const char *traces,
               char error[PLAN_ERROR_BYTES]);
void plan_free(struct plan *plan);

extern const char *const plan_tiers[]; /* ended by NULL */

#endif
