/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for records of the observatory; see coherence_names.h. */
#include "harness/coherence_names.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FRAMES_MAX 12

const char coherence_unseen[] =
	"Not seen: weak memory and store buffers (the model is sequentially consistent), misses for lack of room, prefetching, "
	"NUMA, SMT, the kernel, the inside of malloc and of libsodium, computation between accesses. Counts under schedule coop "
	"are exact for this order of operations; times are estimates, worth what the latencies beside them are worth.";

bool coherence_subject(char *path, size_t bytes)
{
	char self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[length > 0 ? length : 0] = '\0';
	for (unsigned up = 0; up < 2; up++) {
		char *slash = strrchr(self, '/');

		if (slash)
			*slash = '\0';
	}
	snprintf(path, bytes, "%s/coherence-gcc/subject", self);
	return access(path, X_OK) == 0;
}

void coherence_name_code(struct debuginfo *info, json_int_t site, char *function, size_t function_bytes, char *line,
                         size_t line_bytes)
{
	struct debuginfo_frame frame[FRAMES_MAX];
	size_t frames = site ? debuginfo_code(info, (uint64_t)site - 1, frame, FRAMES_MAX) : 0, ours = 0;

	if (frames > FRAMES_MAX)
		frames = FRAMES_MAX;
	if (frames == 0) {
		snprintf(function, function_bytes, "code that is not seen");
		snprintf(line, line_bytes, "-");
		return;
	}
	/* Headers of libraries have absolute paths. Code that is all a library's is told as it is. */
	while (ours < frames && (!frame[ours].file || frame[ours].file[0] == '/'))
		ours++;
	if (ours == frames)
		ours = 0;
	snprintf(function, function_bytes, "%s", frame[ours].function);
	snprintf(line, line_bytes, "%s:%u", frame[ours].file ? frame[ours].file : "?", frame[ours].line);
}

static void unit_of(char *unit, size_t bytes, const char *implementation)
{
	snprintf(unit, bytes, "impl/%s/%s.c", implementation, implementation);
}

static json_int_t number(const json_t *item, const char *name)
{
	return json_integer_value(json_object_get(item, name));
}

void coherence_name_field(struct debuginfo *info, const json_t *item, const char *implementation, char *text, size_t bytes)
{
	const char *type = json_string_value(json_object_get(item, "type"));
	char unit[128], path[DEBUGINFO_TEXT_BYTES];
	struct debuginfo_variable variable;

	unit_of(unit, sizeof(unit), implementation);
	if (type && json_object_get(item, "offset")) {
		char one[DEBUGINFO_TEXT_BYTES];

		/* Of an array's element the offset counts from the element. */
		snprintf(one, sizeof(one), "%.*s", (int)strcspn(type, "["), type);
		if (debuginfo_field(info, one, unit, (uint64_t)number(item, "offset"), 8, path)) {
			snprintf(text, bytes, "%s", path);
			return;
		}
	}
	if (type) {
		snprintf(text, bytes, "%s", type);
	} else if (json_object_get(item, "address") &&
	           debuginfo_variable(info, (uint64_t)number(item, "address"), 8, &variable)) {
		snprintf(text, bytes, "%s", variable.field);
	} else if (json_object_get(item, "allocated")) {
		char function[DEBUGINFO_TEXT_BYTES / 2], line[DEBUGINFO_TEXT_BYTES];

		coherence_name_code(info, number(item, "allocated"), function, sizeof(function), line, sizeof(line));
		snprintf(text, bytes, "a block of %s()", function);
	} else {
		snprintf(text, bytes, "memory without a name");
	}
}

void coherence_name_object(struct debuginfo *info, const json_t *object, const char *implementation, unsigned bytes_of_line,
                           char *text, size_t bytes)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));
	const char *type = json_string_value(json_object_get(object, "type"));
	json_int_t offset = number(object, "offset"), element = number(object, "element_bytes"), end;
	char unit[128], path[DEBUGINFO_TEXT_BYTES];
	struct debuginfo_variable variable;

	unit_of(unit, sizeof(unit), implementation);
	end = offset + bytes_of_line;
	if (offset < 0)
		offset = 0;
	if (type && debuginfo_field(info, type, unit, (uint64_t)offset, (uint64_t)(end - offset), path)) {
		snprintf(text, bytes, "%s", path);
	} else if (type && element) {
		snprintf(text, bytes, "%.*s[%lld]", (int)strcspn(type, "["), type, (long long)(offset / element));
	} else if (type) {
		snprintf(text, bytes, "%s + %lld", type, (long long)offset);
	} else if (kind && strcmp(kind, "static") == 0 &&
	           debuginfo_variable(info, (uint64_t)number(object, "address"), bytes_of_line, &variable)) {
		snprintf(text, bytes, "%s", variable.name);
	} else if (kind && strcmp(kind, "heap") == 0) {
		char function[DEBUGINFO_TEXT_BYTES / 2], line[DEBUGINFO_TEXT_BYTES];

		coherence_name_code(info, number(object, "site"), function, sizeof(function), line, sizeof(line));
		snprintf(text, bytes, "a block of %s() + %lld", function, (long long)offset);
	} else if (kind && strcmp(kind, "stack") == 0) {
		snprintf(text, bytes, "stack of core %lld", (long long)number(object, "core"));
	} else {
		snprintf(text, bytes, "memory without a name");
	}
}
