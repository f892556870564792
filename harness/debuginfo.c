/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug information; see debuginfo.h. DWARF and ELF are read by libdw, of elfutils. */
#include "harness/debuginfo.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAMES_MAX  64 /* functions that were inlined into one another */
#define MEMBERS_TOLD 3 /* more are told by the first and the last */

/* Code of a function, or data of a variable; the unit is the one whose lines and files it has. */
struct span {
	uint64_t begin;
	uint64_t end;
	Dwarf_Off die;
	size_t unit;
};

struct named_type {
	const char *name; /* without "struct" */
	int tag;
	Dwarf_Off die;
	size_t unit;
	size_t order;
};

struct symbol {
	const char *name;
	uint64_t begin;
	uint64_t end;
};

struct unit {
	Dwarf_Die die;
	const char *name;
	const char *directory; /* that it was compiled in; NULL: unknown */
};

/* An array that grows. */
struct list {
	void *items;
	size_t count;
	size_t item_bytes;
};

struct debuginfo {
	int file;
	Elf *elf;
	Dwarf *dwarf;
	struct list units;     /* struct unit */
	struct list functions; /* struct span, by address */
	struct list variables; /* struct span, by address */
	struct list types;     /* struct named_type, by name, then in the order of the program */
	struct list code;      /* struct symbol, by address */
	struct list data;      /* struct symbol, by address */
	void *files;           /* of tsearch: short names of files */
};

/* ---- Text -------------------------------------------------------------------------------------------------------- */

struct text {
	char *data; /* DEBUGINFO_TEXT_BYTES */
	size_t used;
};

static struct text text_begin(char *data)
{
	data[0] = '\0';
	return (struct text){.data = data};
}

static void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void text_add(struct text *text, const char *format, ...)
{
	size_t room = DEBUGINFO_TEXT_BYTES - text->used;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->data + text->used, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		text->used += (size_t)length < room ? (size_t)length : room - 1;
}

/* ---- Lists ------------------------------------------------------------------------------------------------------- */

/* The new item, cleared; NULL: no memory. The room doubles at powers of two. */
static void *list_add(struct list *list)
{
	if ((list->count & (list->count - 1)) == 0) {
		void *grown = realloc(list->items, (list->count ? 2 * list->count : 1) * list->item_bytes);

		if (!grown)
			return NULL;
		list->items = grown;
	}
	return memset((char *)list->items + list->count++ * list->item_bytes, 0, list->item_bytes);
}

static void list_sort(struct list *list, int (*compare)(const void *, const void *))
{
	if (list->count > 0)
		qsort(list->items, list->count, list->item_bytes, compare);
}

static struct unit *unit_at(const struct debuginfo *info, size_t unit)
{
	return (struct unit *)info->units.items + unit;
}

static int span_compare(const void *a, const void *b)
{
	const struct span *one = a, *other = b;

	return one->begin < other->begin ? -1 : one->begin > other->begin;
}

static int symbol_compare(const void *a, const void *b)
{
	const struct symbol *one = a, *other = b;

	return one->begin < other->begin ? -1 : one->begin > other->begin;
}

static int type_compare(const void *a, const void *b)
{
	const struct named_type *one = a, *other = b;
	int order = strcmp(one->name, other->name);

	return order ? order : one->order < other->order ? -1 : 1;
}

/* The last item that begins at or before the address; NULL: none. Spans and symbols both know where they begin. */
static const void *list_before(const struct list *list, size_t begin_offset, uint64_t address)
{
	const char *items = list->items;
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint64_t begin;

		memcpy(&begin, items + middle * list->item_bytes + begin_offset, sizeof begin);
		if (begin <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? items + (low - 1) * list->item_bytes : NULL;
}

static const struct span *span_find(const struct list *list, uint64_t address)
{
	const struct span *span = list_before(list, offsetof(struct span, begin), address);

	return span && address < span->end ? span : NULL;
}

static const struct symbol *symbol_find(const struct list *list, uint64_t address)
{
	const struct symbol *symbol = list_before(list, offsetof(struct symbol, begin), address);

	return symbol && address < symbol->end ? symbol : NULL;
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static int file_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A file's name without the directory that the unit was compiled in, and without "./". NULL: none, or no memory. */
static const char *file_short(struct debuginfo *info, const char *directory, const char *file)
{
	char name[4096];
	size_t used = 0, prefix = directory ? strlen(directory) : 0;
	char *kept, **found;

	if (!file)
		return NULL;
	if (prefix > 0 && strncmp(file, directory, prefix) == 0 && file[prefix] == '/')
		file += prefix + 1;
	while (*file && used < sizeof name - 1) {
		bool begins = used == 0 || name[used - 1] == '/';

		if (begins && strncmp(file, "./", 2) == 0)
			file += 2;
		else if (begins && used > 0 && *file == '/')
			file++;
		else
			name[used++] = *file++;
	}
	name[used] = '\0';
	kept = strdup(name);
	found = kept ? tsearch(kept, &info->files, file_compare) : NULL;
	if (!found || *found != kept)
		free(kept);
	return found ? *found : NULL;
}

/* The file that an attribute names by its number in the unit. (libdw's own call takes 0 for none, which DWARF 5 counts from.) */
static const char *file_of(struct debuginfo *info, struct unit *unit, Dwarf_Attribute *attribute)
{
	Dwarf_Files *files;
	Dwarf_Word number;
	size_t count;

	if (!attribute || dwarf_formudata(attribute, &number) != 0 || dwarf_getsrcfiles(&unit->die, &files, &count) != 0)
		return NULL;
	return number < count ? file_short(info, unit->directory, dwarf_filesrc(files, number, NULL, NULL)) : NULL;
}

static const char *die_file(struct debuginfo *info, size_t unit, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;

	return file_of(info, unit_at(info, unit), dwarf_attr_integrate(die, DW_AT_decl_file, &attribute));
}

static unsigned die_line(Dwarf_Die *die)
{
	int line;

	return dwarf_decl_line(die, &line) == 0 ? (unsigned)line : 0;
}

/* Is it that file, or does its path end in it? */
static bool file_is(const char *file, const char *wanted)
{
	size_t length, tail;

	if (!file)
		return false;
	length = strlen(file);
	tail = strlen(wanted);
	return length >= tail && strcmp(file + length - tail, wanted) == 0 && (length == tail || file[length - tail - 1] == '/');
}

/* ---- The index --------------------------------------------------------------------------------------------------- */

static bool add_spans(struct list *list, Dwarf_Die *die, size_t unit)
{
	Dwarf_Addr base, begin, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &begin, &end)) > 0) {
		struct span *span;

		if (begin == 0 || begin >= end) /* the linker dropped it */
			continue;
		span = list_add(list);
		if (!span)
			return false;
		*span = (struct span){.begin = begin, .end = end, .die = dwarf_dieoffset(die), .unit = unit};
	}
	return true;
}

static bool is_aggregate(int tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type;
}

static bool add_type(struct debuginfo *info, Dwarf_Die *die, size_t unit)
{
	const char *name = dwarf_diename(die);
	struct named_type *type;

	if (!name || dwarf_hasattr(die, DW_AT_declaration))
		return true;
	type = list_add(&info->types);
	if (!type)
		return false;
	*type = (struct named_type){.name = name, .tag = dwarf_tag(die), .die = dwarf_dieoffset(die), .unit = unit,
	                            .order = info->types.count};
	return true;
}

/* Where a variable lies. False: not at one address. */
static bool static_address(Dwarf_Die *die, uint64_t *address)
{
	Dwarf_Attribute attribute, indexed;
	Dwarf_Block block;
	Dwarf_Op *ops;
	Dwarf_Addr found;
	size_t count;

	if (!dwarf_attr(die, DW_AT_location, &attribute) || dwarf_formblock(&attribute, &block) != 0 || block.length == 0)
		return false;
	if (block.data[0] != DW_OP_addr && block.data[0] != DW_OP_addrx)
		return false;
	if (dwarf_getlocation(&attribute, &ops, &count) != 0 || count != 1)
		return false;
	*address = ops[0].number;
	if (ops[0].atom == DW_OP_addr)
		return *address != 0;
	if (dwarf_getlocation_attr(&attribute, ops, &indexed) != 0 || dwarf_formaddr(&indexed, &found) != 0)
		return false;
	*address = found;
	return found != 0;
}

static bool die_type(Dwarf_Die *die, Dwarf_Die *type)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, DW_AT_type, &attribute) && dwarf_formref_die(&attribute, type);
}

/* 0: of no known size, as a flexible array. */
static uint64_t type_bytes(Dwarf_Die *type)
{
	Dwarf_Word bytes;

	return dwarf_aggregate_size(type, &bytes) == 0 ? bytes : 0;
}

static bool add_variable(struct debuginfo *info, Dwarf_Die *die, size_t unit)
{
	struct span *span;
	uint64_t address, bytes;
	Dwarf_Die type;

	if (!static_address(die, &address))
		return true;
	bytes = die_type(die, &type) ? type_bytes(&type) : 0;
	span = list_add(&info->variables);
	if (!span)
		return false;
	*span = (struct span){.begin = address, .end = address + (bytes ? bytes : 1), .die = dwarf_dieoffset(die), .unit = unit};
	return true;
}

/* What is asked for later, of what lies inside of `parent`. False: no memory. */
static bool index_children(struct debuginfo *info, Dwarf_Die *parent, size_t unit, bool in_function)
{
	Dwarf_Die die;
	bool done = true;

	if (dwarf_child(parent, &die) != 0)
		return true;
	do {
		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			if (!dwarf_hasattr(&die, DW_AT_declaration))
				done = add_spans(&info->functions, &die, unit) && index_children(info, &die, unit, true);
			break;
		case DW_TAG_lexical_block:
		case DW_TAG_namespace:
			done = index_children(info, &die, unit, in_function);
			break;
		case DW_TAG_variable:
			done = add_variable(info, &die, unit);
			break;
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
		case DW_TAG_class_type:
		case DW_TAG_enumeration_type:
		case DW_TAG_typedef:
		case DW_TAG_base_type:
			done = in_function || add_type(info, &die, unit);
			break;
		}
	} while (done && dwarf_siblingof(&die, &die) == 0);
	return done;
}

static bool index_units(struct debuginfo *info)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;
	uint8_t type;

	while (dwarf_get_units(info->dwarf, cu, &cu, NULL, &type, &die, NULL) == 0) {
		Dwarf_Attribute attribute;
		struct unit *unit;

		if (type != DW_UT_compile)
			continue;
		unit = list_add(&info->units);
		if (!unit)
			return false;
		unit->die = die;
		unit->name = dwarf_diename(&die);
		unit->directory = dwarf_attr(&die, DW_AT_comp_dir, &attribute) ? dwarf_formstring(&attribute) : NULL;
		if (!index_children(info, &die, info->units.count - 1, false))
			return false;
	}
	return true;
}

/* Symbols of code and data, also of what has no debug information. */
static bool index_symbols(struct debuginfo *info)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(info->elf, section))) {
		Elf_Data *data = elf_getdata(section, NULL);
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB || !data || header.sh_entsize == 0)
			continue;
		for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
			struct symbol *symbol;
			GElf_Sym entry;

			if (!gelf_getsym(data, (int)i, &entry) || entry.st_shndx == SHN_UNDEF || entry.st_size == 0)
				continue;
			if (GELF_ST_TYPE(entry.st_info) != STT_FUNC && GELF_ST_TYPE(entry.st_info) != STT_OBJECT)
				continue;
			symbol = list_add(GELF_ST_TYPE(entry.st_info) == STT_FUNC ? &info->code : &info->data);
			if (!symbol)
				return false;
			*symbol = (struct symbol){.name = elf_strptr(info->elf, header.sh_link, entry.st_name),
			                          .begin = entry.st_value, .end = entry.st_value + entry.st_size};
		}
	}
	return true;
}

static bool index_all(struct debuginfo *info)
{
	if (!index_units(info) || !index_symbols(info))
		return false;
	list_sort(&info->functions, span_compare);
	list_sort(&info->variables, span_compare);
	list_sort(&info->types, type_compare);
	list_sort(&info->code, symbol_compare);
	list_sort(&info->data, symbol_compare);
	return true;
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static struct debuginfo *open_failed(struct debuginfo *info, char *error, size_t error_bytes, const char *path,
                                     const char *what)
{
	snprintf(error, error_bytes, "%s: %s", path, what);
	debuginfo_close(info);
	return NULL;
}

struct debuginfo *debuginfo_open(const char *path, char *error, size_t error_bytes)
{
	struct debuginfo *info = calloc(1, sizeof *info);

	if (!info)
		return open_failed(NULL, error, error_bytes, path, "no memory to read its debug information");
	info->units.item_bytes = sizeof(struct unit);
	info->functions.item_bytes = info->variables.item_bytes = sizeof(struct span);
	info->types.item_bytes = sizeof(struct named_type);
	info->code.item_bytes = info->data.item_bytes = sizeof(struct symbol);
	info->file = open(path, O_RDONLY | O_CLOEXEC);
	if (info->file < 0)
		return open_failed(info, error, error_bytes, path, strerror(errno));
	elf_version(EV_CURRENT);
	info->elf = elf_begin(info->file, ELF_C_READ_MMAP, NULL);
	if (!info->elf || elf_kind(info->elf) != ELF_K_ELF)
		return open_failed(info, error, error_bytes, path, "not an ELF file");
	info->dwarf = dwarf_begin_elf(info->elf, DWARF_C_READ, NULL);
	if (info->dwarf && !index_all(info))
		return open_failed(info, error, error_bytes, path, "no memory to read its debug information");
	if (info->units.count == 0)
		return open_failed(info, error, error_bytes, path,
		                   "no debug information; it comes with -g, and goes with strip");
	return info;
}

void debuginfo_close(struct debuginfo *info)
{
	if (!info)
		return;
	tdestroy(info->files, free);
	free(info->units.items);
	free(info->functions.items);
	free(info->variables.items);
	free(info->types.items);
	free(info->code.items);
	free(info->data.items);
	dwarf_end(info->dwarf);
	elf_end(info->elf);
	if (info->file >= 0)
		close(info->file);
	free(info);
}

/* ---- Code -------------------------------------------------------------------------------------------------------- */

/* The inlined functions of `die` that the address is in, outermost first, are added to `chain`. */
static size_t inlined_chain(Dwarf_Die *die, uint64_t address, Dwarf_Die *chain, size_t count)
{
	Dwarf_Die child;

	if (count == FRAMES_MAX || dwarf_child(die, &child) != 0)
		return count;
	do {
		int tag = dwarf_tag(&child);

		if ((tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) || dwarf_haspc(&child, address) != 1)
			continue;
		if (tag == DW_TAG_inlined_subroutine)
			chain[count++] = child;
		return inlined_chain(&child, address, chain, count);
	} while (dwarf_siblingof(&child, &child) == 0);
	return count;
}

static unsigned number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number;

	return dwarf_attr(die, name, &attribute) && dwarf_formudata(&attribute, &number) == 0 ? (unsigned)number : 0;
}

/* Where an inlined function was called. */
static void call_site(struct debuginfo *info, struct unit *unit, Dwarf_Die *die, struct debuginfo_frame *frame)
{
	Dwarf_Attribute attribute;

	frame->line = number_of(die, DW_AT_call_line);
	frame->file = file_of(info, unit, dwarf_attr(die, DW_AT_call_file, &attribute));
}

static void line_of(struct debuginfo *info, struct unit *unit, uint64_t address, struct debuginfo_frame *frame)
{
	Dwarf_Line *line = dwarf_getsrc_die(&unit->die, address);
	int number;

	if (!line)
		return;
	frame->file = file_short(info, unit->directory, dwarf_linesrc(line, NULL, NULL));
	frame->line = dwarf_lineno(line, &number) == 0 ? (unsigned)number : 0;
}

size_t debuginfo_code(struct debuginfo *info, uint64_t address, struct debuginfo_frame *frames, size_t room)
{
	const struct span *span = span_find(&info->functions, address);
	Dwarf_Die chain[FRAMES_MAX];
	struct unit *unit;
	size_t count;

	if (!span) {
		const struct symbol *symbol = symbol_find(&info->code, address);

		if (symbol && room > 0)
			frames[0] = (struct debuginfo_frame){.function = symbol->name};
		return symbol ? 1 : 0;
	}
	if (!dwarf_offdie(info->dwarf, span->die, &chain[0]))
		return 0;
	unit = unit_at(info, span->unit);
	count = inlined_chain(&chain[0], address, chain, 1);
	for (size_t i = 0; i < count && i < room; i++) {
		frames[i] = (struct debuginfo_frame){.function = dwarf_diename(&chain[count - 1 - i])};
		if (i == 0)
			line_of(info, unit, address, &frames[i]);
		else
			call_site(info, unit, &chain[count - i], &frames[i]);
	}
	return count;
}

/* ---- Types ------------------------------------------------------------------------------------------------------- */

/* How many elements a dimension of an array has; 0: not told. */
static uint64_t dimension(Dwarf_Die *range)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number;

	if (dwarf_attr(range, DW_AT_count, &attribute) && dwarf_formudata(&attribute, &number) == 0)
		return number;
	if (dwarf_attr(range, DW_AT_upper_bound, &attribute) && dwarf_formudata(&attribute, &number) == 0)
		return number + 1;
	return 0;
}

/* "struct entry *", "_Atomic size_t", "char[16]". NULL is void. */
static void type_name(Dwarf_Die *type, struct text *text)
{
	static const struct {
		int tag;
		const char *before; /* the name */
	} words[] = {
		{DW_TAG_structure_type, "struct "}, {DW_TAG_class_type, "class "}, {DW_TAG_union_type, "union "},
		{DW_TAG_enumeration_type, "enum "}, {DW_TAG_const_type, "const "}, {DW_TAG_volatile_type, "volatile "},
		{DW_TAG_atomic_type, "_Atomic "},   {DW_TAG_restrict_type, ""},
	};
	int tag = type ? dwarf_tag(type) : DW_TAG_unspecified_type;
	const char *before = "", *name = type ? dwarf_diename(type) : "void";
	Dwarf_Die target, range;
	bool has_target = type && tag != DW_TAG_typedef && tag != DW_TAG_enumeration_type && die_type(type, &target);

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (words[i].tag == tag)
			before = words[i].before;
	switch (tag) {
	case DW_TAG_pointer_type:
		type_name(has_target ? &target : NULL, text);
		text_add(text, "%s*", text->used > 0 && text->data[text->used - 1] == '*' ? "" : " ");
		return;
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_atomic_type:
	case DW_TAG_restrict_type:
		if (has_target && dwarf_tag(&target) == DW_TAG_pointer_type) {
			type_name(&target, text);
			text_add(text, "%.*s", before[0] ? (int)strlen(before) - 1 : 0, before);
		} else if (has_target && dwarf_tag(&target) == DW_TAG_array_type) { /* its elements say so */
			type_name(&target, text);
		} else {
			text_add(text, "%s", before);
			type_name(has_target ? &target : NULL, text);
		}
		return;
	case DW_TAG_array_type:
		type_name(has_target ? &target : NULL, text);
		if (dwarf_child(type, &range) == 0) {
			do {
				uint64_t count = dwarf_tag(&range) == DW_TAG_subrange_type ? dimension(&range) : 0;

				if (count > 0)
					text_add(text, "[%llu]", (unsigned long long)count);
				else
					text_add(text, "[]");
			} while (dwarf_siblingof(&range, &range) == 0);
		}
		return;
	case DW_TAG_subroutine_type:
		text_add(text, "function");
		return;
	}
	text_add(text, "%s%s", before, name ? name : "{...}");
}

/* The type that a name in C stands for; see debuginfo_field. */
static const struct named_type *type_find(struct debuginfo *info, const char *name, const char *unit)
{
	static const struct {
		const char *word;
		int tag;
	} kinds[] = {{"struct ", DW_TAG_structure_type}, {"union ", DW_TAG_union_type}, {"enum ", DW_TAG_enumeration_type}};
	const struct named_type *types = info->types.items, *found = NULL;
	size_t low = 0, high = info->types.count;
	int tag = 0, found_rank = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strncmp(name, kinds[i].word, strlen(kinds[i].word)) == 0) {
			tag = kinds[i].tag;
			name += strlen(kinds[i].word);
			break;
		}
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(types[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < info->types.count && strcmp(types[low].name, name) == 0; low++) {
		Dwarf_Die die;
		int rank = 1;

		/* Without a word before it, it is a typedef or a type of the language, or in C++ a struct or class. */
		if (tag != 0 && types[low].tag != tag)
			continue;
		if (unit && dwarf_offdie(info->dwarf, types[low].die, &die)) {
			if (file_is(die_file(info, types[low].unit, &die), unit))
				rank = 3;
			else if (file_is(unit_at(info, types[low].unit)->name, unit))
				rank = 2;
		}
		if (rank > found_rank) {
			found = &types[low];
			found_rank = rank;
		}
	}
	return found;
}

/* Without typedefs and qualifiers. */
static Dwarf_Die type_peeled(Dwarf_Die *type)
{
	Dwarf_Die peeled;

	return dwarf_peel_type(type, &peeled) == 0 ? peeled : *type;
}

/* Where a member lies in its struct, in bits, and how many it has. False: it is no member that lies in it. */
struct place {
	uint64_t bit;
	uint64_t bits; /* 0: a flexible array */
	bool bit_field;
	Dwarf_Die type;
};
static bool member_place(Dwarf_Die *member, struct place *place)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number;

	if (dwarf_tag(member) != DW_TAG_member && dwarf_tag(member) != DW_TAG_inheritance)
		return false;
	if (dwarf_hasattr(member, DW_AT_declaration) || !die_type(member, &place->type))
		return false;
	place->bit = 0; /* of a union, nothing is said */
	place->bits = 8 * type_bytes(&place->type);
	if (dwarf_attr(member, DW_AT_data_member_location, &attribute) && dwarf_formudata(&attribute, &number) == 0)
		place->bit = 8 * number;
	place->bit_field = dwarf_hasattr(member, DW_AT_bit_size);
	if (place->bit_field) {
		unsigned bits = number_of(member, DW_AT_bit_size);

		/* Before DWARF 5, and in clang's of it: from the high end of what it is stored in. */
		if (dwarf_hasattr(member, DW_AT_bit_offset))
			place->bit += place->bits - number_of(member, DW_AT_bit_offset) - bits;
		else
			place->bit += number_of(member, DW_AT_data_bit_offset);
		place->bits = bits;
	}
	return true;
}

/* ---- Fields ------------------------------------------------------------------------------------------------------ */

/* The members of a struct or union that lie in [offset, offset + bytes). Of a union only the first; what has no name is
 * looked into. */
struct overlap {
	size_t count;
	Dwarf_Die first;
	struct place first_place;
	char names[DEBUGINFO_TEXT_BYTES]; /* "a, b, c" or "a .. z" */
};

static bool overlaps(const struct place *place, bool last, uint64_t offset, uint64_t bytes)
{
	uint64_t begin = place->bit / 8, end = (place->bit + place->bits + 7) / 8;

	if (place->bits == 0) /* a flexible array has all that follows */
		return last && offset + bytes > begin;
	return offset < end && offset + bytes > begin;
}

static void overlap_find(Dwarf_Die *type, uint64_t offset, uint64_t bytes, struct overlap *overlap)
{
	struct text names = text_begin(overlap->names);
	const char *last_name = "";
	bool is_union = dwarf_tag(type) == DW_TAG_union_type;
	Dwarf_Die member;
	int more;

	overlap->count = 0;
	if (dwarf_child(type, &member) != 0)
		return;
	do {
		Dwarf_Die this = member;
		struct place place;
		const char *name = dwarf_diename(&this);

		more = dwarf_siblingof(&member, &member);
		if (!member_place(&this, &place) || !overlaps(&place, more != 0, offset, bytes))
			continue;
		if (overlap->count++ == 0) {
			overlap->first = this;
			overlap->first_place = place;
		}
		last_name = name ? name : "{...}";
		if (overlap->count <= MEMBERS_TOLD)
			text_add(&names, "%s%s", overlap->count > 1 ? ", " : "", last_name);
		if (is_union)
			break;
	} while (more == 0);
	if (overlap->count > MEMBERS_TOLD) {
		size_t first = strcspn(overlap->names, ",");

		names.used = first;
		text_add(&names, " .. %s", last_name);
	}
}

static bool array_element(Dwarf_Die *array, Dwarf_Die *element, uint64_t *element_bytes)
{
	if (!die_type(array, element))
		return false;
	*element_bytes = type_bytes(element);
	return *element_bytes > 0;
}

/* Adds "[3]", and moves the range into the element. False: it is in several ("[3 .. 5]"). */
static bool add_index(struct text *text, uint64_t element_bytes, uint64_t *offset, uint64_t bytes)
{
	uint64_t first = *offset / element_bytes, last = (*offset + bytes - 1) / element_bytes;

	if (first != last) {
		text_add(text, "[%llu .. %llu]", (unsigned long long)first, (unsigned long long)last);
		return false;
	}
	text_add(text, "[%llu]", (unsigned long long)first);
	*offset -= first * element_bytes;
	return true;
}

/* Elements of an array of arrays lie in their innermost order; one index for all dimensions would say too little. */
static bool add_indices(struct text *text, Dwarf_Die *array, uint64_t element_bytes, uint64_t *offset, uint64_t bytes)
{
	uint64_t row_bytes = element_bytes;
	Dwarf_Die range, next;

	if (dwarf_child(array, &range) != 0)
		return add_index(text, element_bytes, offset, bytes);
	next = range;
	while (dwarf_siblingof(&next, &next) == 0)
		row_bytes *= dimension(&next);
	for (;;) {
		if (row_bytes == 0 || !add_index(text, row_bytes, offset, bytes))
			return false;
		if (dwarf_siblingof(&range, &range) != 0)
			return true;
		row_bytes /= dimension(&range);
	}
}

static void add_field(struct text *text, Dwarf_Die *of_type, uint64_t offset, uint64_t bytes)
{
	Dwarf_Die type = type_peeled(of_type);

	for (;;) {
		uint64_t element_bytes, begin;
		struct overlap overlap;
		Dwarf_Die next;

		if (dwarf_tag(&type) == DW_TAG_array_type) {
			if (!array_element(&type, &next, &element_bytes))
				return;
			if (!add_indices(text, &type, element_bytes, &offset, bytes))
				return;
		} else if (is_aggregate(dwarf_tag(&type))) {
			overlap_find(&type, offset, bytes, &overlap);
			if (overlap.count == 0)
				text_add(text, ".(padding)");
			else if (overlap.count > 1)
				text_add(text, ".{%s}", overlap.names);
			else if (dwarf_diename(&overlap.first))
				text_add(text, ".%s", dwarf_diename(&overlap.first));
			if (overlap.count != 1 || overlap.first_place.bit_field)
				return;
			/* What lies before or behind the member is padding. */
			begin = overlap.first_place.bit / 8;
			if (offset < begin) {
				bytes -= begin - offset;
				offset = begin;
			}
			offset -= begin;
			if (overlap.first_place.bits > 0 && offset + bytes > overlap.first_place.bits / 8)
				bytes = overlap.first_place.bits / 8 - offset;
			next = overlap.first_place.type;
		} else {
			return;
		}
		type = type_peeled(&next);
	}
}

/* Does it end in an array of no size, to which all that follows belongs? */
static bool ends_open(Dwarf_Die *of_type)
{
	Dwarf_Die type = type_peeled(of_type), member;
	struct place place = {.bits = 1};

	if (!is_aggregate(dwarf_tag(&type)) || dwarf_child(&type, &member) != 0)
		return false;
	do
		member_place(&member, &place);
	while (dwarf_siblingof(&member, &member) == 0);
	return place.bits == 0;
}

bool debuginfo_field(struct debuginfo *info, const char *type, const char *unit, uint64_t offset, uint64_t bytes,
                     char output[DEBUGINFO_TEXT_BYTES])
{
	struct text text = text_begin(output);
	size_t length = strlen(type);
	bool array = length > 2 && strcmp(type + length - 2, "[]") == 0;
	char name[DEBUGINFO_TEXT_BYTES];
	const struct named_type *found;
	uint64_t size;
	Dwarf_Die die;

	if (array)
		length -= 2;
	snprintf(name, sizeof name, "%.*s", (int)length, type);
	text_add(&text, "%s", name);
	bytes = bytes ? bytes : 1;
	if (length > 0 && name[length - 1] == '*') {
		if (array)
			add_index(&text, sizeof(void *), &offset, bytes);
		return true;
	}
	found = type_find(info, name, unit);
	if (!found || !dwarf_offdie(info->dwarf, found->die, &die))
		return false;
	size = type_bytes(&die);
	if (array) {
		if (size > 0 && add_index(&text, size, &offset, bytes))
			add_field(&text, &die, offset, bytes);
	} else if (size > 0 && offset >= size && !ends_open(&die)) {
		text_add(&text, ".(behind)[%llu]", (unsigned long long)(offset - size));
	} else {
		add_field(&text, &die, offset, bytes);
	}
	return true;
}

bool debuginfo_variable(struct debuginfo *info, uint64_t address, uint64_t bytes, struct debuginfo_variable *variable)
{
	uint64_t last = address + (bytes ? bytes : 1) - 1;
	const struct span *span = span_find(&info->variables, address);
	const struct symbol *symbol = symbol_find(&info->data, address);
	struct text text;
	Dwarf_Die die, type;

	*variable = (struct debuginfo_variable){0};
	/* None covers the first byte: the first that begins behind it, which is the one after the last that begins before. */
	if (!span && !symbol) {
		span = list_before(&info->variables, offsetof(struct span, begin), address);
		span = span ? span + 1 : info->variables.items;
		if (span == (struct span *)info->variables.items + info->variables.count || span->begin > last)
			span = NULL;
		symbol = list_before(&info->data, offsetof(struct symbol, begin), address);
		symbol = symbol ? symbol + 1 : info->data.items;
		if (symbol == (struct symbol *)info->data.items + info->data.count || symbol->begin > last)
			symbol = NULL;
		if (span && symbol && symbol->begin < span->begin)
			span = NULL;
	}
	if (!span && !symbol)
		return false;
	text = text_begin(variable->field);
	if (!span || !dwarf_offdie(info->dwarf, span->die, &die)) {
		variable->name = symbol ? symbol->name : NULL;
		variable->address = symbol ? symbol->begin : 0;
		variable->bytes = symbol ? symbol->end - symbol->begin : 0;
		text_add(&text, "%s", variable->name ? variable->name : "");
		return symbol;
	}
	variable->name = dwarf_diename(&die);
	variable->file = die_file(info, span->unit, &die);
	variable->line = die_line(&die);
	variable->address = span->begin;
	variable->bytes = span->end - span->begin;
	text_add(&text, "%s", variable->name ? variable->name : "");
	if (die_type(&die, &type)) {
		uint64_t from = address > span->begin ? address - span->begin : 0;
		uint64_t to = last - span->begin < variable->bytes ? last - span->begin : variable->bytes - 1;
		struct text name = text_begin(variable->type);

		type_name(&type, &name);
		add_field(&text, &type, from, to - from + 1);
	}
	return true;
}

/* ---- Layouts ----------------------------------------------------------------------------------------------------- */

static uint64_t type_alignment(Dwarf_Die *of_type);

/* The strictest of the members; less where the struct is packed, as its size and their offsets show. */
static uint64_t members_alignment(Dwarf_Die *type)
{
	uint64_t alignment = 1, bytes = type_bytes(type);
	Dwarf_Die member;

	if (dwarf_child(type, &member) != 0)
		return 1;
	do {
		uint64_t declared = number_of(&member, DW_AT_alignment), own;
		struct place place;

		if (!member_place(&member, &place))
			continue;
		own = declared ? declared : type_alignment(&place.type);
		while (!place.bit_field && own > 1 && place.bit / 8 % own != 0)
			own /= 2;
		if (own > alignment)
			alignment = own;
	} while (dwarf_siblingof(&member, &member) == 0);
	while (alignment > 1 && bytes % alignment != 0)
		alignment /= 2;
	return alignment;
}

static uint64_t type_alignment(Dwarf_Die *of_type)
{
	uint64_t declared = number_of(of_type, DW_AT_alignment), bytes;
	Dwarf_Die target;
	int tag = dwarf_tag(of_type);

	if (declared)
		return declared;
	if (is_aggregate(tag))
		return members_alignment(of_type);
	if (tag != DW_TAG_pointer_type && tag != DW_TAG_enumeration_type && die_type(of_type, &target)) {
		bytes = type_bytes(of_type);
		/* Of an atomic, as of itself: its size when that is a machine word. */
		if (tag == DW_TAG_atomic_type && (bytes == 2 || bytes == 4 || bytes == 8 || bytes == 16))
			return bytes;
		return type_alignment(&target);
	}
	bytes = type_bytes(of_type);
	return bytes ? bytes : 1;
}

static bool add_members(struct list *list, Dwarf_Die *type, const char *prefix, uint64_t offset, unsigned depth,
                        bool alternative)
{
	bool is_union = dwarf_tag(type) == DW_TAG_union_type, first = true;
	Dwarf_Die member;

	if (dwarf_child(type, &member) != 0)
		return true;
	do {
		const char *name = dwarf_diename(&member);
		char written[DEBUGINFO_TEXT_BYTES];
		struct text text = text_begin(written);
		struct debuginfo_member *added;
		char *path = NULL;
		struct place place;
		Dwarf_Die peeled;
		bool holds, other, done;

		if (!member_place(&member, &place))
			continue;
		peeled = type_peeled(&place.type);
		holds = is_aggregate(dwarf_tag(&peeled));
		other = alternative || (is_union && !first);
		first = false;
		if (!name) { /* its members are as of the struct around it; a bit field without a name is padding */
			if (holds && !add_members(list, &peeled, prefix, offset + place.bit / 8, depth, other))
				return false;
			continue;
		}
		if (asprintf(&path, "%s%s%s", prefix, prefix[0] ? "." : "", name) < 0)
			return false;
		type_name(&place.type, &text);
		added = list_add(list);
		if (!added) {
			free(path);
			return false;
		}
		*added = (struct debuginfo_member){.name = path, .type = strdup(written), .offset = offset + place.bit / 8,
		                                   .bytes = type_bytes(&place.type), .depth = depth, .holds_members = holds,
		                                   .alternative = other};
		if (place.bit_field) {
			added->bit = (unsigned)(place.bit % 8);
			added->bits = (unsigned)place.bits;
			added->bytes = (place.bit % 8 + place.bits + 7) / 8;
		}
		done = added->type && (!holds || add_members(list, &peeled, path, offset + place.bit / 8, depth + 1, other));
		if (!done)
			return false;
	} while (dwarf_siblingof(&member, &member) == 0);
	return true;
}

bool debuginfo_layout(struct debuginfo *info, const char *type, const char *unit, struct debuginfo_layout *layout)
{
	const struct named_type *found = type_find(info, type, unit);
	struct list members = {.item_bytes = sizeof(struct debuginfo_member)};
	Dwarf_Die die, peeled;
	bool done;

	*layout = (struct debuginfo_layout){0};
	if (!found || !dwarf_offdie(info->dwarf, found->die, &die))
		return false;
	peeled = type_peeled(&die);
	if (!is_aggregate(dwarf_tag(&peeled)))
		return false;
	layout->file = die_file(info, found->unit, &peeled);
	layout->line = die_line(&peeled);
	layout->bytes = type_bytes(&peeled);
	layout->alignment = type_alignment(&die);
	done = add_members(&members, &peeled, "", 0, 0, false);
	layout->members = members.items;
	layout->count = members.count;
	if (!done || members.count == 0) {
		debuginfo_layout_free(layout);
		return false;
	}
	return true;
}

void debuginfo_layout_free(struct debuginfo_layout *layout)
{
	for (size_t i = 0; i < layout->count; i++) {
		free(layout->members[i].name);
		free(layout->members[i].type);
	}
	free(layout->members);
	*layout = (struct debuginfo_layout){0};
}
