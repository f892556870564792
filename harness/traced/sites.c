/* SPDX-License-Identifier: BSD-2-Clause */
/* Return addresses in words; see sites.h. */
#include "harness/traced/sites.h"

#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/debuginfo.h"

#define INLINED_MAX 16

struct sites {
	struct debuginfo *info;
	uintptr_t base;
};

/* The first object is the program itself. */
static int note_base(struct dl_phdr_info *object, size_t bytes, void *base)
{
	(void)bytes;
	*(uintptr_t *)base = object->dlpi_addr;
	return 1;
}

struct sites *sites_open(char *error, size_t error_bytes)
{
	struct sites *sites = calloc(1, sizeof *sites);

	if (!sites) {
		snprintf(error, error_bytes, "no memory for the names of functions");
		return NULL;
	}
	dl_iterate_phdr(note_base, &sites->base);
	sites->info = debuginfo_open("/proc/self/exe", error, error_bytes);
	if (sites->info)
		return sites;
	free(sites);
	return NULL;
}

void sites_close(struct sites *sites)
{
	if (sites)
		debuginfo_close(sites->info);
	free(sites);
}

static size_t look_up(struct sites *sites, const void *site, struct debuginfo_frame frame[INLINED_MAX])
{
	size_t frames = debuginfo_code(sites->info, (uintptr_t)site - sites->base - 1, frame, INLINED_MAX);

	return frames < INLINED_MAX ? frames : INLINED_MAX;
}

/* Helpers that take a lock for their caller. */
static bool takes_for_others(const struct debuginfo_frame *frame)
{
	return (frame->file && (strncmp(frame->file, "common/contention.", 18) == 0 ||
	                        strcmp(frame->function, "operation_lock_mutex") == 0)) ||
	       strncmp(frame->function, "lock", 4) == 0;
}

static bool of_library(const struct debuginfo_frame *frame)
{
	return frame->file && (strncmp(frame->file, "common/", 7) == 0 || strncmp(frame->file, "impl/", 5) == 0);
}

/* What stands before functions of the library in this program only. */
static bool is_shim(const struct debuginfo_frame *frame)
{
	return frame->file && strncmp(frame->file, "harness/traced/", 15) == 0;
}

/* Puts the functions at an address in front of what is there. */
static bool prepend(struct sites *sites, const void *site, char **text, bool *outside)
{
	struct debuginfo_frame frame[INLINED_MAX];
	size_t frames = look_up(sites, site, frame);

	*outside = frames == 0 || (!of_library(&frame[frames - 1]) && !is_shim(&frame[frames - 1]));
	for (size_t i = 0; i < frames && of_library(&frame[i]); i++) {
		char *longer = NULL;

		if (asprintf(&longer, "%s%s%s", frame[i].function, *text ? ";" : "", *text ? *text : "") < 0)
			return false;
		free(*text);
		*text = longer;
	}
	return true;
}

/* Are both in one function, as the linker knows it? */
static bool same_function(struct sites *sites, const void *one, const void *other)
{
	struct debuginfo_frame a[INLINED_MAX], b[INLINED_MAX];
	size_t in_a = look_up(sites, one, a), in_b = look_up(sites, other, b);

	return in_a > 0 && in_b > 0 && strcmp(a[in_a - 1].function, b[in_b - 1].function) == 0;
}

static bool releases_for_others(struct sites *sites, const void *site)
{
	struct debuginfo_frame frame[INLINED_MAX];
	size_t frames = look_up(sites, site, frame);

	return frames > 0 && strncmp(frame[frames - 1].function, "unlock", 6) == 0;
}

/* The frame of the caller; what follows it. `frames`: there is none. */
static unsigned first_caller(struct sites *sites, const void *site, const void *const *frame, unsigned frames)
{
	unsigned i = 0;

	while (i < frames && (same_function(sites, site, frame[i]) || releases_for_others(sites, frame[i])))
		i++;
	return i;
}

static unsigned next_caller(struct sites *sites, unsigned last, const void *const *frame, unsigned frames)
{
	unsigned i = last + 1;

	while (i < frames && (same_function(sites, frame[last], frame[i]) || releases_for_others(sites, frame[i])))
		i++;
	return i;
}

char *sites_text(struct sites *sites, const void *site, const void *const *frame, unsigned frames)
{
	struct debuginfo_frame found[INLINED_MAX];
	size_t count = look_up(sites, site, found), shown = 0;
	char *text = NULL;

	for (unsigned i = first_caller(sites, site, frame, frames);; i = next_caller(sites, i, frame, frames)) {
		while (shown < count && takes_for_others(&found[shown]))
			shown++;
		/* When a whole function takes it for another, its caller is the place. */
		if (shown < count || count == 0 || i >= frames)
			break;
		count = look_up(sites, frame[i], found);
		shown = 0;
	}
	if (shown == count)
		shown = 0;
	if (count == 0)
		return asprintf(&text, "%p", site) < 0 ? NULL : text;
	return asprintf(&text, "%s (%s:%u)", found[shown].function, found[shown].file ? found[shown].file : "?",
	                found[shown].line) < 0 ? NULL : text;
}

char *sites_stack(struct sites *sites, const void *site, const void *const *frame, unsigned frames)
{
	unsigned i = first_caller(sites, site, frame, frames);
	bool outside, done;
	char *text = NULL;

	done = prepend(sites, site, &text, &outside);
	for (outside = false; done && i < frames && !outside; i = next_caller(sites, i, frame, frames))
		done = prepend(sites, frame[i], &text, &outside);
	if (!done) {
		free(text);
		return NULL;
	}
	return text ? text : strdup("?");
}
