/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks of addresses; see profile_samples.h. The format is gperftools' (its documentation: cpuprofile-fileformat.html). */
#include "harness/profile_samples.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The mappings of one process. */
struct mapping {
	uint64_t begin, end;
	uint64_t load; /* what to take off an address to get the file's own */
	unsigned object;
};

struct mappings {
	struct mapping *mapping;
	size_t count;
};

static bool say(char *error, size_t error_bytes, const char *path, const char *what)
{
	snprintf(error, error_bytes, "%.300s: %s", path, what);
	return false;
}

/* ---- Growing ----------------------------------------------------------------------------------------------------- */

/* Room for one more in an array; NULL: no memory, and the array is as it was. */
static void *with_room(void *array, size_t count, size_t *room, size_t bytes)
{
	size_t wanted = *room ? *room * 2 : 256;
	void *larger;

	if (count < *room)
		return array;
	larger = realloc(array, wanted * bytes);
	if (larger)
		*room = wanted;
	return larger;
}

static unsigned object_of(struct samples *samples, const char *path)
{
	char **larger;

	for (size_t i = 0; i < samples->object_count; i++)
		if (strcmp(samples->objects[i], path) == 0)
			return (unsigned)i;
	larger = realloc(samples->objects, (samples->object_count + 1) * sizeof *larger);
	if (!larger)
		return SAMPLES_NOWHERE;
	samples->objects = larger;
	larger[samples->object_count] = strdup(path);
	return larger[samples->object_count] ? (unsigned)samples->object_count++ : SAMPLES_NOWHERE;
}

static bool add_address(struct samples *samples, struct samples_address address)
{
	void *array = with_room(samples->addresses, samples->address_count, &samples->address_room, sizeof address);

	if (!array)
		return false;
	samples->addresses = array;
	samples->addresses[samples->address_count++] = address;
	return true;
}

static bool add_stack(struct samples *samples, struct samples_stack stack)
{
	void *array = with_room(samples->stacks, samples->stack_count, &samples->stack_room, sizeof stack);

	if (!array)
		return false;
	samples->stacks = array;
	samples->stacks[samples->stack_count++] = stack;
	samples->total += stack.count;
	return true;
}

/* ---- Mappings ---------------------------------------------------------------------------------------------------- */

/* Where the file wants the byte at `offset` to be: a shared object or PIE counts its addresses from its first segment. */
static bool wanted_address(const char *path, uint64_t offset, uint64_t *address)
{
	FILE *file = fopen(path, "rb");
	Elf64_Ehdr header;
	bool found = false;

	if (!file)
		return false;
	if (fread(&header, sizeof header, 1, file) == 1 && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
	    header.e_ident[EI_CLASS] == ELFCLASS64 && fseek(file, (long)header.e_phoff, SEEK_SET) == 0)
		for (unsigned i = 0; i < header.e_phnum && !found; i++) {
			Elf64_Phdr segment;
			uint64_t page;

			if (fread(&segment, sizeof segment, 1, file) != 1)
				break;
			page = segment.p_align ? segment.p_offset & ~(segment.p_align - 1) : segment.p_offset;
			if (segment.p_type != PT_LOAD || offset < page || offset >= segment.p_offset + segment.p_filesz)
				continue;
			*address = segment.p_vaddr + (offset - segment.p_offset);
			found = true;
		}
	fclose(file);
	return found;
}

/* A line of /proc/<pid>/maps. Only code of files counts. */
static bool add_mapping(struct samples *samples, struct mappings *mappings, const char *line)
{
	uint64_t begin, end, offset, address;
	char permissions[8], path[1024] = "";
	struct mapping *larger;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %1023[^\n]", &begin, &end, permissions, &offset,
	           path) < 4 ||
	    permissions[2] != 'x' || path[0] == '\0')
		return true;
	if (!wanted_address(path, offset, &address))
		address = offset;
	larger = realloc(mappings->mapping, (mappings->count + 1) * sizeof *larger);
	if (!larger)
		return false;
	mappings->mapping = larger;
	larger[mappings->count] = (struct mapping){begin, end, begin - address, object_of(samples, path)};
	return larger[mappings->count++].object != SAMPLES_NOWHERE;
}

static struct samples_address find(const struct mappings *mappings, uint64_t address)
{
	for (size_t i = 0; i < mappings->count; i++) {
		const struct mapping *mapping = &mappings->mapping[i];

		if (address >= mapping->begin && address < mapping->end)
			return (struct samples_address){mapping->object, address - mapping->load};
	}
	return (struct samples_address){SAMPLES_NOWHERE, address};
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* A whole file, with a 0 behind it. */
static char *load(const char *path, size_t *bytes)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t room = 0, used = 0, got = 1;

	if (!file)
		return NULL;
	while (got > 0) {
		if (used + 65536 > room) {
			char *larger = realloc(text, room = 2 * (used + 65536));

			if (!larger)
				break;
			text = larger;
		}
		got = fread(text + used, 1, room - used - 1, file);
		used += got;
	}
	if (got > 0 || ferror(file)) {
		free(text);
		text = NULL;
	} else {
		text[used] = '\0';
	}
	fclose(file);
	*bytes = used;
	return text;
}

/* The words of the file, from its header on. */
struct words {
	const uint64_t *word;
	size_t count;
};

/* The word behind a record's, 0 behind the last record; SIZE_MAX: the file ends too early. */
static size_t next_record(const struct words *words, size_t at)
{
	if (at + 3 > words->count)
		return SIZE_MAX;
	if (words->word[at] == 0 && words->word[at + 1] == 1 && words->word[at + 2] == 0)
		return 0;
	if (words->word[at + 1] == 0 || words->word[at + 1] > SAMPLES_DEPTH_MAX || words->word[at + 1] > words->count - at - 2)
		return SIZE_MAX;
	return at + 2 + (size_t)words->word[at + 1];
}

/* Where the text begins, in words; 0: this is no profile, or only a part of one. */
static size_t check(const struct words *words, const char **what)
{
	size_t at = 5, next;

	*what = "this is no CPU profile of gperftools (for this kind of machine)";
	if (words->count < 8 || words->word[0] != 0 || words->word[1] != 3 || words->word[2] != 0)
		return 0;
	*what = "the profile is damaged, or cut off";
	while ((next = next_record(words, at)) != 0) {
		if (next == SIZE_MAX)
			return 0;
		at = next;
	}
	return at + 3;
}

static bool add_record(struct samples *samples, const struct mappings *mappings, const uint64_t *record)
{
	struct samples_stack stack = {.count = record[0], .first = samples->address_count};

	for (uint64_t i = 0; i < record[1]; i++) {
		/* Some unwinders begin with the interrupted address twice. */
		if (i == 1 && record[2] == record[3])
			continue;
		if (!add_address(samples, find(mappings, record[2 + i])))
			return false;
		stack.depth++;
	}
	return add_stack(samples, stack);
}

static bool add_all(struct samples *samples, const struct words *words, char *maps)
{
	struct mappings mappings = {0};
	bool fine = true;

	for (char *line; fine && (line = strsep(&maps, "\n"));)
		fine = add_mapping(samples, &mappings, line);
	for (size_t at = 5, next; fine && (next = next_record(words, at)) != 0; at = next)
		fine = add_record(samples, &mappings, &words->word[at]);
	free(mappings.mapping);
	samples->period_us = words->word[3];
	return fine;
}

bool samples_read(struct samples *samples, const char *path, char *error, size_t error_bytes)
{
	size_t bytes = 0, text_at;
	char *text = load(path, &bytes);
	struct words words = {(const uint64_t *)(const void *)text, bytes / sizeof(uint64_t)};
	const char *what;
	bool fine;

	if (!text)
		return say(error, error_bytes, path, strerror(errno));
	text_at = check(&words, &what);
	fine = text_at > 0 ? true : say(error, error_bytes, path, what);
	if (fine && !add_all(samples, &words, text + text_at * sizeof(uint64_t)))
		fine = say(error, error_bytes, path, "no memory for its stacks");
	free(text);
	return fine;
}

bool samples_add_address(struct samples *samples, const char *object, uint64_t offset, bool returns)
{
	struct samples_address address = {object_of(samples, object), offset};

	if (!wanted_address(object, offset, &address.address))
		address.address = offset;
	address.address += returns;
	return address.object != SAMPLES_NOWHERE && add_address(samples, address);
}

bool samples_add_stack(struct samples *samples, uint64_t count, unsigned depth)
{
	return add_stack(samples, (struct samples_stack){count, samples->address_count - depth, depth});
}

void samples_free(struct samples *samples)
{
	for (size_t i = 0; i < samples->object_count; i++)
		free(samples->objects[i]);
	free(samples->objects);
	free(samples->addresses);
	free(samples->stacks);
	memset(samples, 0, sizeof *samples);
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void put(FILE *out, uint64_t word)
{
	fwrite(&word, sizeof word, 1, out);
}

void samples_write_begin(FILE *out, uint64_t period_us)
{
	const uint64_t header[] = {0, 3, 0, period_us, 0};

	fwrite(header, sizeof header, 1, out);
}

void samples_write_stack(FILE *out, uint64_t count, void *const *address, size_t depth)
{
	put(out, count);
	put(out, depth);
	for (size_t i = 0; i < depth; i++)
		put(out, (uintptr_t)address[i]);
}

bool samples_write_end(FILE *out, const char *maps)
{
	FILE *own = maps ? NULL : fopen("/proc/self/maps", "r");
	char line[2048];

	put(out, 0);
	put(out, 1);
	put(out, 0);
	if (maps)
		fputs(maps, out);
	while (own && fgets(line, sizeof line, own))
		fputs(line, out);
	if (own)
		fclose(own);
	return !ferror(out) && (maps || own);
}

/* Objects are put where addresses tell them apart at a glance. */
static uint64_t base_of(unsigned object)
{
	return object == SAMPLES_NOWHERE ? 0 : ((uint64_t)object + 1) << 40;
}

void samples_write(FILE *out, const struct samples *samples)
{
	samples_write_begin(out, samples->period_us);
	for (size_t i = 0; i < samples->stack_count; i++) {
		const struct samples_stack *stack = &samples->stacks[i];

		put(out, stack->count);
		put(out, stack->depth);
		for (size_t j = stack->first; j < stack->first + stack->depth; j++)
			put(out, base_of(samples->addresses[j].object) + samples->addresses[j].address);
	}
	put(out, 0);
	put(out, 1);
	put(out, 0);
	for (size_t i = 0; i < samples->object_count; i++)
		fprintf(out, "%012" PRIx64 "-%012" PRIx64 " r-xp 00000000 00:00 0 %s\n", base_of((unsigned)i),
		        base_of((unsigned)i) + (UINT64_C(1) << 32), samples->objects[i]);
}
