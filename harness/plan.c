/* SPDX-License-Identifier: BSD-2-Clause */
/* Experiments and their steps; see plan.h. */
#include "harness/plan.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capacitor/cache.h"
#include "harness/coherence_names.h"
#include "harness/trace.h"

const char *const plan_tiers[] = {"tiny", "smoke", "laptop", "full", NULL};

/* What a child process costs besides its window: start, streams, prefill, null's share, environment. Used only for the
 * first guess of the time left. */
#define STEP_OVERHEAD_S 0.16

bool plan_root(char *root, size_t root_bytes)
{
	ssize_t length = readlink("/proc/self/exe", root, root_bytes - 1);

	if (length <= 0)
		return false;
	root[length] = '\0';
	for (int up = 0; up < 3; up++) { /* build/<configuration>/capacitor */
		char *slash = strrchr(root, '/');

		if (!slash)
			return false;
		*slash = '\0';
	}
	return true;
}

/* ---- Lists -------------------------------------------------------------------------------------------------------- */

/* The items of one option's value on this machine. */
static json_t *items_of(const char *option, const char *value, const char *traces)
{
	json_t *items = json_array();
	char *copy, *rest, *item;

	if (strcmp(option, "--impl") == 0 && strcmp(value, "all") == 0) {
		for (size_t i = 0; capacitor_info(i); i++)
			json_array_append_new(items, json_string(capacitor_info(i)->name));
		return items;
	}
	if (strcmp(option, "--threads") == 0 && strcmp(value, "auto") == 0) {
		long cores = sysconf(_SC_NPROCESSORS_ONLN);

		for (long threads = 1; threads < cores; threads *= 2)
			json_array_append_new(items, json_sprintf("%ld", threads));
		json_array_append_new(items, json_sprintf("%ld", cores));
		json_array_append_new(items, json_sprintf("%ld", 2 * cores));
		return items;
	}
	if (strcmp(value, "TRACES") == 0) {
		struct dirent **entries;
		int count = traces ? scandir(traces, &entries, NULL, alphasort) : 0;

		for (int i = 0; i < count; i++) {
			const char *name = entries[i]->d_name;

			if (name[0] != '.' && !strstr(name, ".md"))
				json_array_append_new(items, json_sprintf("%s/%s", traces, name));
			free(entries[i]);
		}
		if (count > 0)
			free(entries);
		return items;
	}
	copy = rest = strdup(value);
	while ((item = strsep(&rest, ",")))
		json_array_append_new(items, json_string(item));
	free(copy);
	return items;
}

/* ---- Steps -------------------------------------------------------------------------------------------------------- */

static const char *argument_of(const json_t *arguments, const char *option)
{
	for (size_t i = 1; i + 1 < json_array_size(arguments); i += 2)
		if (strcmp(json_string_value(json_array_get(arguments, i)), option) == 0)
			return json_string_value(json_array_get(arguments, i + 1));
	return NULL;
}

/* Not every combination means something: a policy that an implementation lacks, threads where only one may be inside. */
static bool makes_sense(const json_t *arguments)
{
	const char *impl = argument_of(arguments, "--impl"), *policy = argument_of(arguments, "--policy");
	const char *threads = argument_of(arguments, "--threads");
	const struct capacitor_info *info = impl ? capacitor_find(impl) : NULL;
	enum capacitor_policy number;

	if (!info)
		return true; /* the subcommand will say what is wrong */
	if (policy && capacitor_policy_find(policy, &number) && !(info->policies & 1u << number))
		return false;
	return !(threads && strcmp(threads, "1") != 0 && info->lacks & CAPACITOR_LACKS_CONCURRENCY);
}

static void step_id(char id[PLAN_ID_BYTES], const json_t *arguments, const json_t *lists)
{
	size_t used = 0;

	id[0] = '\0';
	for (size_t i = 1; i + 1 < json_array_size(arguments) && used < PLAN_ID_BYTES; i += 2) {
		const char *option = json_string_value(json_array_get(arguments, i));
		const char *value = json_string_value(json_array_get(arguments, i + 1));
		const char *slash = strrchr(value, '/');

		if (json_array_size(json_object_get(lists, option)) < 2 && strcmp(option, "--trace") != 0)
			continue; /* the same for all points */
		used += (size_t)snprintf(id + used, PLAN_ID_BYTES - used, "%s%s=%s", used ? "," : "", option + 2,
		                         slash ? slash + 1 : value);
	}
	for (char *at = id; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr(".,=_-", *at))
			*at = '-';
	if (id[0] == '\0')
		strcpy(id, "point");
}

static bool add_step(struct plan *plan, size_t experiment, json_t *arguments, const json_t *lists, double seconds)
{
	struct plan_step *grown = realloc(plan->step, (plan->steps + 1) * sizeof *grown);
	struct plan_step *step;

	if (!grown)
		return false;
	plan->step = grown;
	step = &plan->step[plan->steps++];
	step->experiment = experiment;
	step->arguments = json_deep_copy(arguments);
	step->expected_s = seconds + STEP_OVERHEAD_S;
	step_id(step->id, arguments, lists);
	plan->experiment[experiment].steps++;
	plan->expected_s += step->expected_s * plan->experiment[experiment].repetitions;
	return true;
}

/* All combinations, the last list turning fastest. */
static bool expand(struct plan *plan, size_t experiment, const json_t *lists, void *at, json_t *arguments, double seconds)
{
	const char *option;
	json_t *items, *item;
	size_t index;
	bool fine = true;

	if (!at)
		return !makes_sense(arguments) || add_step(plan, experiment, arguments, lists, seconds);
	option = json_object_iter_key(at);
	items = json_object_iter_value(at);
	json_array_foreach(items, index, item) {
		json_array_append_new(arguments, json_string(option));
		json_array_append(arguments, item);
		fine = fine && expand(plan, experiment, lists, json_object_iter_next((json_t *)lists, at), arguments, seconds);
		json_array_remove(arguments, json_array_size(arguments) - 1);
		json_array_remove(arguments, json_array_size(arguments) - 1);
	}
	return fine;
}

#define REPETITIONS_MAX 1000
#define COHERENCE_S     20 /* what a sweep of the observatory may take, on tiers that are not full */

/* Options are --names with strings; repetitions are few. False: error says what is wrong. */
static bool check_options(const char *path, const json_t *options, char error[PLAN_ERROR_BYTES])
{
	const json_t *repetitions = json_object_get(options, "repetitions");
	const char *option;
	json_t *value;

	if (repetitions && (!json_is_integer(repetitions) || json_integer_value(repetitions) < 1 ||
	                    json_integer_value(repetitions) > REPETITIONS_MAX)) {
		snprintf(error, PLAN_ERROR_BYTES, "%.350s: repetitions is a number from 1 to %d", path, REPETITIONS_MAX);
		return false;
	}
	json_object_foreach((json_t *)options, option, value) {
		if (strcmp(option, "repetitions") != 0 &&
		    (strncmp(option, "--", 2) != 0 || !option[2] || !json_is_string(value))) {
			snprintf(error, PLAN_ERROR_BYTES,
			         "%.300s: option `%.40s` wants a name that begins with -- and a string", path, option);
			return false;
		}
	}
	return true;
}

static bool load_experiment(struct plan *plan, const char *root, const char *slug, const char *traces,
                            char error[PLAN_ERROR_BYTES])
{
	struct plan_experiment *experiment = &plan->experiment[plan->experiments];
	json_t *options, *lists, *arguments, *value;
	const char *option, *command;
	char path[4096];
	json_error_t at;
	double seconds;
	bool fine;

	snprintf(path, sizeof path, "%s/experiments/%s/experiment.json", root, slug);
	snprintf(experiment->slug, sizeof experiment->slug, "%s", slug);
	experiment->json = json_load_file(path, 0, &at);
	if (!experiment->json) {
		snprintf(error, PLAN_ERROR_BYTES, "%.250s: line %d: %.150s", path, at.line, at.text);
		return false;
	}
	plan->experiments++;
	command = json_string_value(json_object_get(experiment->json, "command"));
	options = json_object_get(json_object_get(experiment->json, "tiers"), plan->tier);
	if (!command || !json_is_object(options)) {
		snprintf(error, PLAN_ERROR_BYTES, "%.350s: it wants a `command` and a tier `%s`", path, plan->tier);
		return false;
	}
	if (!check_options(path, options, error) ||
	    !check_options(path, json_object_get(experiment->json, "options"), error))
		return false;
	options = json_deep_copy(options);
	experiment->repetitions = (unsigned)json_integer_value(json_object_get(options, "repetitions"));
	json_object_del(options, "repetitions");
	if (experiment->repetitions < 1)
		experiment->repetitions = 1;
	json_object_update_missing(options, json_object_get(experiment->json, "options"));

	lists = json_object();
	json_object_foreach(options, option, value) {
		if (strcmp(command, "coherence") == 0) { /* one step, which sweeps by itself, several cells at a time */
			json_object_set_new(lists, option, json_pack("[O]", value));
			continue;
		}
		json_object_set_new(lists, option, items_of(option, json_string_value(value) ? json_string_value(value) : "",
		                                            traces));
		if (json_array_size(json_object_get(lists, option)) == 0)
			experiment->left_out = "no trace was found: give a folder of them with TRACES=";
	}
	if (strcmp(command, "coherence") == 0 && !coherence_subject(path, sizeof(path)))
		experiment->left_out = "the observatory is not built: `make coherence` builds it, or says why it cannot";
	value = json_object_get(options, "--seconds");
	seconds = strcmp(command, "coherence") == 0 ? COHERENCE_S : value ? atof(json_string_value(value)) : 0.5;
	arguments = json_array();
	json_array_append_new(arguments, json_string(command));
	fine = experiment->left_out ||
	       expand(plan, plan->experiments - 1, lists, json_object_iter(lists), arguments, seconds);
	if (!fine)
		snprintf(error, PLAN_ERROR_BYTES, "no memory for the plan");
	json_decref(arguments);
	json_decref(lists);
	json_decref(options);
	return fine;
}

/* A folder under experiments/ that holds an experiment. */
static int is_experiment(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && entry->d_type != DT_REG;
}

static bool listed(const char *only, const char *slug)
{
	size_t length = strlen(slug);

	for (const char *at = only; at; at = strchr(at, ',')) {
		if (*at == ',')
			at++;
		if (strncmp(at, slug, length) == 0 && (at[length] == ',' || at[length] == '\0'))
			return true;
	}
	return !only;
}

/* Every name of the list is the name of a folder; else the error names those there are. */
static bool all_known(const char *only, struct dirent **entries, int count, char error[PLAN_ERROR_BYTES])
{
	char *copy = strdup(only), *rest = copy, *item;
	bool known = true;

	while (known && (item = strsep(&rest, ","))) {
		known = false;
		for (int i = 0; i < count && !known; i++)
			known = strcmp(entries[i]->d_name, item) == 0;
		if (!known) {
			size_t used = (size_t)snprintf(error, PLAN_ERROR_BYTES,
			                               "--only: '%.60s' is no experiment; there are:", item);

			for (int i = 0; i < count && used < PLAN_ERROR_BYTES; i++)
				used += (size_t)snprintf(error + used, PLAN_ERROR_BYTES - used, " %s", entries[i]->d_name);
		}
	}
	free(copy);
	return known;
}

bool plan_load(struct plan *plan, const char *root, const char *tier, const char *only, const char *traces,
               char error[PLAN_ERROR_BYTES])
{
	char folder[4096];
	struct dirent **entries;
	bool fine = true;
	int count;

	*plan = (struct plan){.tier = tier};
	snprintf(folder, sizeof folder, "%.4000s/experiments", root);
	count = scandir(folder, &entries, is_experiment, alphasort);
	if (count <= 0) {
		snprintf(error, PLAN_ERROR_BYTES, "%.400s: there are no experiments", folder);
		return false;
	}
	fine = !only || all_known(only, entries, count, error);
	for (int i = 0; i < count; i++) {
		if (listed(only, entries[i]->d_name) && fine && plan->experiments < PLAN_EXPERIMENTS_MAX)
			fine = load_experiment(plan, root, entries[i]->d_name, traces, error);
		free(entries[i]);
	}
	free(entries);
	if (!fine)
		plan_free(plan);
	return fine;
}

void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->steps; i++)
		json_decref(plan->step[i].arguments);
	for (size_t i = 0; i < plan->experiments; i++)
		json_decref(plan->experiment[i].json);
	free(plan->step);
	*plan = (struct plan){0};
}
