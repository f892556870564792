/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The points that `capacitor regress` measures; see regress.h.
 *
 * A stored run names its points in full, so that each becomes the options of bench that measure it again. What no name carries
 * (window, warm-up, filling) is in the document's context.
 */
#include <inttypes.h>
#include <regex.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "harness/point.h"
#include "harness/regress.h"
#include "harness/tidy.h"

/* What a point costs besides its window: a process, threads, streams, filling. For the estimate of the time only. */
#define POINT_OVERHEAD_S 0.2

__attribute__((format(printf, 2, 3))) static bool fail(char error[REGRESS_ERROR_BYTES], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, REGRESS_ERROR_BYTES, format, arguments);
	va_end(arguments);
	return false;
}

__attribute__((format(printf, 3, 4))) static void add_argument(struct regress_point *point, const char *option, const char *format,
                                                               ...)
{
	char value[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(value, sizeof value, format, arguments);
	va_end(arguments);
	json_array_append_new(point->arguments, json_string(option));
	json_array_append_new(point->arguments, json_string(value));
}

/* ---- Points ------------------------------------------------------------------------------------------------------ */

static bool passes(const char *name, const char *filter, char error[REGRESS_ERROR_BYTES], bool *fine)
{
	char why[128];
	regex_t regex;
	int status;

	if (!filter)
		return true;
	status = regcomp(&regex, filter, REG_EXTENDED | REG_NOSUB);
	if (status != 0) {
		regerror(status, &regex, why, sizeof why);
		*fine = fail(error, "--filter: '%.200s': %s", filter, why);
		return false;
	}
	status = regexec(&regex, name, 0, NULL, 0);
	regfree(&regex);
	return status == 0;
}

/* A new point of that name, to be given arguments. NULL: there is one already, or it does not pass, or no memory. */
static struct regress_point *add_point(struct regress_grid *grid, const char *name, const char *filter,
                                       char error[REGRESS_ERROR_BYTES], bool *fine)
{
	struct regress_point *grown;

	for (size_t i = 0; i < grid->points; i++)
		if (strcmp(grid->point[i].name, name) == 0)
			return NULL;
	if (!passes(name, filter, error, fine))
		return NULL;
	grown = realloc(grid->point, (grid->points + 1) * sizeof *grown);
	if (!grown) {
		*fine = fail(error, "no memory for the grid");
		return NULL;
	}
	grid->point = grown;
	grown += grid->points++;
	memset(grown, 0, sizeof *grown);
	snprintf(grown->name, sizeof grown->name, "%s", name);
	grown->arguments = json_array();
	return grown;
}

/* ---- Of a document ------------------------------------------------------------------------------------------------- */

static const struct {
	const char *parameter, *option;
} options[] = {
	{"impl", "--impl"},       {"policy", "--policy"},         {"counters", "--counters"},
	{"hash", "--hash"},       {"threads", "--threads"},       {"keys", "--keys"},
	{"skew", "--skew"},       {"key_bytes", "--key-size"},    {"value_bytes", "--value-size"},
	{"capacity_bytes", "--capacity"},
};

/* As compare_name would have it, but for the experiment. */
static void name_of(const char *benchmark, char name[COMPARE_NAME_BYTES])
{
	size_t used = 0;

	name[0] = '\0';
	for (size_t i = 0; tidy_parameters[i]; i++) {
		char value[256];

		if (tidy_parameter(benchmark, tidy_parameters[i], value, sizeof value) && used < COMPARE_NAME_BYTES)
			used += (size_t)snprintf(name + used, COMPARE_NAME_BYTES - used, "%s%s=%s", used ? "/" : "",
			                         tidy_parameters[i],
			                         value);
	}
}

static bool add_arguments(struct regress_point *point, const char *benchmark, const json_t *context, double window_s)
{
	const char *warmup = json_string_value(json_object_get(context, "warmup_s"));
	const char *stored = json_string_value(json_object_get(context, "window_s"));
	const char *fill = json_string_value(json_object_get(context, "fill"));
	char value[256];

	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		if (tidy_parameter(benchmark, options[i].parameter, value, sizeof value))
			add_argument(point, options[i].option, "%s", value);
	if (!tidy_parameter(benchmark, "mix", value, sizeof value))
		return false;
	for (char *at = value; *at; at++)
		*at = *at == '-' ? ':' : *at;
	add_argument(point, "--mix", "%s", value);
	if (tidy_parameter(benchmark, "suite", value, sizeof value) && strcmp(value, "custom") != 0)
		add_argument(point, "--suite", "%s", value);
	if (window_s <= 0)
		window_s = stored ? strtod(stored, NULL) : 0;
	if (window_s <= 0)
		return false;
	add_argument(point, "--seconds", "%.9g", window_s);
	if (warmup)
		add_argument(point, "--warmup", "%s", warmup);
	if (fill && (strcmp(fill, "yes") == 0 || strcmp(fill, "no") == 0))
		add_argument(point, "--fill", "%s", fill);
	point->expected_s = (window_s + (warmup ? strtod(warmup, NULL) : window_s / 4)) * 1.2 + POINT_OVERHEAD_S;
	return true;
}

bool regress_grid_document(struct regress_grid *grid, const json_t *document, const struct regress_sweep *sweep,
                           char error[REGRESS_ERROR_BYTES])
{
	const json_t *context = json_object_get(document, "context"), *run;
	bool fine = true;
	size_t index;

	json_array_foreach(json_object_get(document, "benchmarks"), index, run) {
		const char *benchmark = json_string_value(json_object_get(run, "name"));
		const char *type = json_string_value(json_object_get(run, "run_type"));
		char name[COMPARE_NAME_BYTES], value[256];
		struct regress_point *point;

		if (!benchmark || !type || strcmp(type, "iteration") != 0)
			continue;
		name_of(benchmark, name);
		if (tidy_parameter(benchmark, "trace", value, sizeof value)) {
			grid->foreign++;
			continue;
		}
		point = add_point(grid, name, sweep->filter, error, &fine);
		if (!fine)
			return false;
		if (point && !add_arguments(point, benchmark, context, sweep->window_s))
			return fail(error, "'%.200s' cannot be measured again: the run does not tell its mix or window (--seconds "
			            "gives one)",
			            benchmark);
	}
	return true;
}

/* ---- Of a sweep ---------------------------------------------------------------------------------------------------- */

bool regress_grid_sweep(struct regress_grid *grid, const struct regress_sweep *sweep, char error[REGRESS_ERROR_BYTES])
{
	bool fine = true;

	for (size_t m = 0; m < sweep->mix.count; m++)
		for (size_t t = 0; t < sweep->threads.count; t++)
			for (size_t i = 0; i < sweep->impl.count && fine; i++) {
				const struct capacitor_info *info = capacitor_info(sweep->impl.item[i]);
				const struct options_mix *mix = &sweep->mix.item[m];
				unsigned threads = (unsigned)sweep->threads.item[t];
				char name[COMPARE_NAME_BYTES];
				struct regress_point *point;

				if (point_unsupported(info, CAPACITOR_SIEVE, threads))
					continue;
				snprintf(name, sizeof name, "impl=%s/threads=%u/keys=%" PRIu64 "/mix=%u-%u-%u", info->name, threads,
				         sweep->keys, mix->get_percent, mix->set_percent, mix->delete_percent);
				point = add_point(grid, name, sweep->filter, error, &fine);
				if (!point)
					continue;
				add_argument(point, "--impl", "%s", info->name);
				add_argument(point, "--threads", "%u", threads);
				add_argument(point, "--keys", "%" PRIu64, sweep->keys);
				add_argument(point, "--mix", "%u:%u:%u", mix->get_percent, mix->set_percent, mix->delete_percent);
				add_argument(point, "--seconds", "%.9g", sweep->window_s);
				point->expected_s = sweep->window_s * 1.5 + POINT_OVERHEAD_S;
			}
	return fine;
}

void regress_grid_free(struct regress_grid *grid)
{
	for (size_t i = 0; i < grid->points; i++)
		json_decref(grid->point[i].arguments);
	free(grid->point);
	*grid = (struct regress_grid){.points = 0};
}
