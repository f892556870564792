/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for addresses; see profile_names.h. */
#include "harness/profile_names.h"

#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct object {
	char *path;
	const char *base;          /* of the path */
	char *unnamed;
	struct debuginfo *info;    /* NULL: it has none */
	Dwfl *session;             /* of an object without */
	Dwfl_Module *module;
};

struct names {
	struct object *objects;
	size_t count;
	char **texts; /* names that were cut out of others */
	size_t text_count;
};

struct names *names_open(void)
{
	return calloc(1, sizeof(struct names));
}

void names_close(struct names *names)
{
	if (!names)
		return;
	for (size_t i = 0; i < names->count; i++) {
		debuginfo_close(names->objects[i].info);
		if (names->objects[i].session)
			dwfl_end(names->objects[i].session);
		free(names->objects[i].path);
		free(names->objects[i].unnamed);
	}
	for (size_t i = 0; i < names->text_count; i++)
		free(names->texts[i]);
	free(names->texts);
	free(names->objects);
	free(names);
}

/* ---- Objects ----------------------------------------------------------------------------------------------------- */

/* Symbols come from the file, or from the distribution's package of debug symbols beside it; never from the network. */
static void open_symbols(struct object *object)
{
	static char *no_path;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_build_id_find_debuginfo,
		.section_address = dwfl_offline_section_address,
		.debuginfo_path = &no_path,
	};

	object->session = dwfl_begin(&callbacks);
	if (!object->session)
		return;
	dwfl_report_begin(object->session);
	/* At 0, so that addresses are the file's. */
	object->module = dwfl_report_elf(object->session, object->base, object->path, -1, 0, false);
	dwfl_report_end(object->session, NULL, NULL);
}

static struct object *object_of(struct names *names, const char *path)
{
	struct object *larger, *object;
	char error[256];
	const char *slash;

	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->objects[i].path, path) == 0)
			return &names->objects[i];
	larger = realloc(names->objects, (names->count + 1) * sizeof *larger);
	if (!larger)
		return NULL;
	names->objects = larger;
	object = &larger[names->count];
	memset(object, 0, sizeof *object);
	slash = strrchr(path, '/');
	object->path = strdup(path);
	if (!object->path || asprintf(&object->unnamed, "(in %s)", slash ? slash + 1 : path) < 0) {
		free(object->path);
		return NULL;
	}
	names->count++;
	object->base = object->path + (slash ? slash + 1 - path : 0);
	object->info = debuginfo_open(path, error, sizeof error);
	if (!object->info)
		open_symbols(object);
	return object;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

/* set.isra.0 and set are one function to who reads, and so are syscall@@GLIBC_2.2.5 and syscall, __GI___clone3 and clone3. */
static const char *plain(struct names *names, const char *name)
{
	const char *whole = name;
	size_t length;
	char **larger, *text;

	if (strchr(name, ' ') || strncmp(name, "_Z", 2) == 0)
		return name;
	if (strncmp(name, "__GI_", 5) == 0)
		name += 5;
	while (name[0] == '_' && name[1] == '_')
		name += 1 + (name[2] != '_');
	length = strcspn(name, ".@");
	if (length == 0)
		return whole;
	if (name[length] == '\0')
		return name;
	for (size_t i = 0; i < names->text_count; i++)
		if (strncmp(names->texts[i], name, length) == 0 && names->texts[i][length] == '\0')
			return names->texts[i];
	larger = realloc(names->texts, (names->text_count + 1) * sizeof *larger);
	if (!larger)
		return whole;
	names->texts = larger;
	text = strndup(name, length);
	if (!text)
		return whole;
	return names->texts[names->text_count++] = text;
}

static const char *symbol_of(const struct object *object, uint64_t address)
{
	GElf_Off offset;
	GElf_Sym symbol;
	const char *name;

	if (!object->module)
		return NULL;
	name = dwfl_module_addrinfo(object->module, address, &offset, &symbol, NULL, NULL, NULL);
	/* A symbol without a size is written in assembler, mostly: it ends where the next begins, which dwfl has seen to. */
	return name && *name && (symbol.st_size == 0 || offset < symbol.st_size) ? name : NULL;
}

size_t names_code(struct names *names, const char *object_path, uint64_t address, struct debuginfo_frame *frames, size_t room)
{
	struct object *object = object_path ? object_of(names, object_path) : NULL;
	const char *name;
	size_t count = 0;

	if (room == 0)
		return 0;
	if (!object) {
		frames[0] = (struct debuginfo_frame){.function = "(in no file)"};
		return 1;
	}
	if (object->info)
		count = debuginfo_code(object->info, address, frames, room);
	if (count > room)
		count = room;
	for (size_t i = 0; i < count; i++)
		frames[i].function = frames[i].function ? plain(names, frames[i].function) : object->unnamed;
	if (count > 0)
		return count;
	name = symbol_of(object, address);
	frames[0] = (struct debuginfo_frame){.function = name ? plain(names, name) : object->unnamed, .file = object->base};
	return 1;
}

const char *names_part(const char *file)
{
	const char *planted;

	if (!file)
		return "other";
	/* A file with a planted bug: build/<configuration>/bugs/<name>/impl/... */
	planted = strncmp(file, "build/", 6) == 0 ? strstr(file, "/bugs/") : NULL;
	planted = planted ? strchr(planted + 6, '/') : NULL;
	file = planted ? planted + 1 : file;
	if (strncmp(file, "common/", 7) == 0 || strncmp(file, "impl/", 5) == 0 || strncmp(file, "include/capacitor/", 18) == 0)
		return "library";
	return strncmp(file, "harness/", 8) == 0 || strncmp(file, "tests/", 6) == 0 ? "harness" : "other";
}
