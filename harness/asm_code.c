/* SPDX-License-Identifier: BSD-2-Clause */
/* Machine code in words; see asm_code.h. */
#include "harness/asm_code.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <libelf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULES_MAX  64
#define PATH_BYTES   4096
#define LINE_BYTES   4096
#define RUN_GAP      32 /* code without symbols: what is nearer is disassembled together */
#define CALLS_MAX    64
#define INSTRUCTION_MAX 16

/* As objdump calls it. */
#if defined(__aarch64__)
#define MACHINE "aarch64"
#else
#define MACHINE "i386:x86-64"
#endif

/* ---- Modules ----------------------------------------------------------------------------------------------------- */

struct symbol {
	uintptr_t begin, end;
	char *name;
};

struct module {
	char path[PATH_BYTES]; /* for objdump */
	const char *name; /* in the path */
	uintptr_t base, begin, end; /* of what is mapped */
	int image;                  /* a file in memory, for code that no file has; -1 */
	struct symbol *symbol;
	size_t symbols;
	bool loaded; /* the symbols */
};

struct modules {
	struct module module[MODULES_MAX];
	size_t count;
};

/* The kernel's: it lies in memory only. */
static void copy_image(struct module *module)
{
	size_t bytes = module->end - module->begin;

	module->image = memfd_create("image", MFD_CLOEXEC);
	if (module->image < 0 || write(module->image, (const void *)module->begin, bytes) != (ssize_t)bytes)
		return;
	snprintf(module->path, sizeof module->path, "/proc/%d/fd/%d", (int)getpid(), module->image);
}

static int note_module(struct dl_phdr_info *object, size_t bytes, void *argument)
{
	struct modules *modules = argument;
	struct module *module = &modules->module[modules->count];
	const char *slash;

	(void)bytes;
	if (modules->count == MODULES_MAX)
		return 1;
	*module = (struct module){.base = object->dlpi_addr, .begin = UINTPTR_MAX, .image = -1};
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &object->dlpi_phdr[i];

		if (header->p_type != PT_LOAD)
			continue;
		if (module->base + header->p_vaddr < module->begin)
			module->begin = module->base + header->p_vaddr;
		if (module->base + header->p_vaddr + header->p_memsz > module->end)
			module->end = module->base + header->p_vaddr + header->p_memsz;
	}
	if (modules->count == 0) {
		ssize_t length = readlink("/proc/self/exe", module->path, sizeof module->path - 1);

		module->path[length > 0 ? length : 0] = '\0';
	} else {
		snprintf(module->path, sizeof module->path, "%s", object->dlpi_name);
	}
	slash = strrchr(module->path, '/');
	module->name = slash ? slash + 1 : "vdso";
	if (!slash)
		copy_image(module);
	modules->count++;
	return 0;
}

static int by_begin(const void *a, const void *b)
{
	const struct symbol *one = a, *other = b;

	if (one->begin != other->begin)
		return one->begin < other->begin ? -1 : 1;
	return one->end > other->end ? -1 : one->end < other->end;
}

static void load_section(struct module *module, Elf *elf, Elf_Scn *section)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Shdr header;
	GElf_Sym entry;

	if (!data || !gelf_getshdr(section, &header) || header.sh_entsize == 0 ||
	    (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM))
		return;
	for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
		const char *name;
		struct symbol *more;

		if (!gelf_getsym(data, (int)i, &entry) || entry.st_shndx == SHN_UNDEF || entry.st_size == 0 ||
		    (GELF_ST_TYPE(entry.st_info) != STT_FUNC && GELF_ST_TYPE(entry.st_info) != STT_GNU_IFUNC))
			continue;
		name = elf_strptr(elf, header.sh_link, entry.st_name);
		more = realloc(module->symbol, (module->symbols + 1) * sizeof *more);
		if (!more || !name)
			return;
		module->symbol = more;
		module->symbol[module->symbols++] = (struct symbol){.begin = module->base + entry.st_value,
		                                                   .end = module->base + entry.st_value + entry.st_size,
		                                                   .name = strdup(name)};
	}
}

static void load_symbols(struct module *module)
{
	int file = open(module->path, O_RDONLY | O_CLOEXEC);
	Elf *elf = file >= 0 && elf_version(EV_CURRENT) != EV_NONE ? elf_begin(file, ELF_C_READ_MMAP, NULL) : NULL;
	Elf_Scn *section = NULL;

	module->loaded = true;
	while (elf && (section = elf_nextscn(elf, section)))
		load_section(module, elf, section);
	elf_end(elf);
	if (file >= 0)
		close(file);
	if (module->symbols > 0)
		qsort(module->symbol, module->symbols, sizeof *module->symbol, by_begin);
}

static void free_modules(struct modules *modules)
{
	for (size_t i = 0; modules && i < modules->count; i++) {
		struct module *module = &modules->module[i];

		for (size_t s = 0; s < module->symbols; s++)
			free(module->symbol[s].name);
		free(module->symbol);
		if (module->image >= 0)
			close(module->image);
	}
	free(modules);
}

static struct modules *load_modules(void)
{
	struct modules *modules = calloc(1, sizeof *modules);

	if (modules)
		dl_iterate_phdr(note_module, modules);
	return modules;
}

static struct module *module_of(struct modules *modules, uintptr_t address)
{
	for (size_t i = 0; i < modules->count; i++)
		if (address >= modules->module[i].begin && address < modules->module[i].end) {
			if (!modules->module[i].loaded)
				load_symbols(&modules->module[i]);
			return &modules->module[i];
		}
	return NULL;
}

/* Of several names of one function, the first. */
static const struct symbol *symbol_of(const struct module *module, uintptr_t address)
{
	size_t low = 0, high = module->symbols;

	while (low < high) { /* the first that begins behind it */
		size_t middle = (low + high) / 2;

		if (module->symbol[middle].begin <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t back = 0; low > 0 && back < 16; back++) {
		const struct symbol *symbol = &module->symbol[--low];

		if (address < symbol->end) {
			while (low > 0 && module->symbol[low - 1].begin == symbol->begin && address < module->symbol[low - 1].end)
				symbol = &module->symbol[--low];
			return symbol;
		}
	}
	return NULL;
}

/* ---- objdump ----------------------------------------------------------------------------------------------------- */

struct builder {
	struct modules *modules;
	struct asm_code *code;
	size_t room;
	bool no_objdump;
	char *error;
	size_t error_bytes;
};

static bool fail(struct builder *builder, const char *what)
{
	snprintf(builder->error, builder->error_bytes, "%s", what);
	return false;
}

static struct asm_function *add_function(struct builder *builder, const struct module *module, const char *name, uintptr_t begin)
{
	struct asm_code *code = builder->code;
	struct asm_function *function;

	if (code->count == builder->room) {
		size_t room = builder->room ? 2 * builder->room : 32;
		struct asm_function *more = realloc(code->function, room * sizeof *more);

		if (!more)
			return NULL;
		code->function = more;
		builder->room = room;
	}
	function = &code->function[code->count];
	*function = (struct asm_function){.name = strdup(name),
	                                  .module = strdup(module->name),
	                                  .ours = module == &builder->modules->module[0],
	                                  .begin = begin,
	                                  .base = module->base,
	                                  .first = SIZE_MAX};
	code->count++; /* so that it is freed, whatever it lacks */
	return function->name && function->module ? function : NULL;
}

/* Pairs of hexadecimal digits, as objdump writes an instruction's bytes; on aarch64 it is one word of eight. */
static unsigned count_bytes(const char *text)
{
	unsigned digits = 0;

	for (; *text && *text != '\t'; text++)
		digits += *text != ' ';
	return digits / 2;
}

static bool add_instruction(struct asm_function *function, uintptr_t address, unsigned bytes, const char *text)
{
	struct asm_instruction *more;

	if ((function->count & (function->count - 1)) == 0) { /* a power of two: full */
		more = realloc(function->instruction, (function->count ? 2 * function->count : 1) * sizeof *more);
		if (!more)
			return false;
		function->instruction = more;
	}
	function->instruction[function->count] = (struct asm_instruction){
		.address = address, .bytes = bytes, .text = strdup(text), .mark = asm_mark_of(ASM_HERE, text)};
	return function->instruction[function->count++].text;
}

/* "000000000005c2d0 <rcu_get>:" begins a function; "   5c2d0:\tf3 0f 1e fa\tendbr64" is an instruction. A part of a function that
 * has no symbol of its own gets the one before it with a distance, which says nothing. */
static bool take_line(struct builder *builder, const struct module *module, char *line, const char *name,
                      struct asm_function **function)
{
	char *end, *bytes, *text;
	uint64_t address = strtoull(line, &end, 16);

	line[strcspn(line, "\n")] = '\0';
	if (end == line)
		return true;
	if (strncmp(end, " <", 2) == 0) {
		char *label = end + 2;

		label[strcspn(label, ">")] = '\0';
		if (strstr(label, "@plt") && !strchr(label, '+'))
			*function = add_function(builder, module, label, module->base + address);
		else if (!*function)
			*function = add_function(builder, module, name, module->base + address);
		return *function;
	}
	if (*end != ':' || end[1] != '\t' || !*function)
		return true;
	bytes = end + 2;
	text = strchr(bytes, '\t');
	if (!text)
		return true;
	while (*text == '\t' || *text == ' ')
		text++;
	text[strcspn(text, "\n")] = '\0';
	for (char *space = text + strlen(text); space > text && space[-1] == ' ';)
		*--space = '\0';
	return add_instruction(*function, module->base + address, count_bytes(bytes), text);
}

/* Adds what lies at [begin, end) of a module, as one function of that name, or as several entries of a PLT. */
static bool disassemble(struct builder *builder, const struct module *module, uintptr_t begin, uintptr_t end, const char *name)
{
	char start[64], stop[64], vma[64], line[LINE_BYTES];
	struct asm_function *function = NULL;
	bool done = true;
	int ends[2], status;
	FILE *out;
	pid_t child;

	snprintf(start, sizeof start, "--start-address=0x%jx", (uintmax_t)(begin - module->base));
	snprintf(stop, sizeof stop, "--stop-address=0x%jx", (uintmax_t)(end - module->base));
	snprintf(vma, sizeof vma, "--adjust-vma=0x%jx", (uintmax_t)(module->begin - module->base));
	if (pipe2(ends, O_CLOEXEC) != 0)
		return fail(builder, strerror(errno));
	fflush(NULL);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		if (module->image >= 0) /* it may lack what objdump wants of a file: bytes, then */
			execlp("objdump", "objdump", "-D", "-w", "-b", "binary", "-m", MACHINE, vma, start, stop, module->path,
			       (char *)NULL);
		execlp("objdump", "objdump", "-d", "-w", start, stop, module->path, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	out = fdopen(ends[0], "r");
	while (out && done && fgets(line, sizeof line, out))
		done = take_line(builder, module, line, name, &function);
	while (out && fgets(line, sizeof line, out))
		; /* objdump is to end by itself */
	if (out)
		fclose(out);
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return fail(builder, "objdump did not end by itself");
	builder->no_objdump = WEXITSTATUS(status) == 127;
	if (builder->no_objdump)
		return fail(builder, "objdump is not there: it is in Debian's package binutils");
	if (WEXITSTATUS(status) != 0)
		return fail(builder, "objdump failed, as said above");
	return done || fail(builder, "no memory for the code");
}

/* ---- From steps -------------------------------------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
	uintptr_t one = *(const uintptr_t *)a, other = *(const uintptr_t *)b;

	return (one > other) - (one < other);
}

/* The instruction at an address; NULL: it was not disassembled. */
static struct asm_instruction *find(const struct asm_code *code, uintptr_t address, struct asm_function **in)
{
	for (size_t i = 0; i < code->count; i++) {
		struct asm_function *function = &code->function[i];
		size_t low = 0, high = function->count;

		if (function->count == 0 || address < function->instruction[0].address ||
		    address > function->instruction[function->count - 1].address)
			continue;
		while (low + 1 < high) {
			size_t middle = (low + high) / 2;

			if (function->instruction[middle].address <= address)
				low = middle;
			else
				high = middle;
		}
		if (function->instruction[low].address == address) {
			*in = function;
			return &function->instruction[low];
		}
	}
	return NULL;
}

/* Disassembles what the sorted addresses from `from` on belong to; returns how many these are, 0 when it failed. */
static size_t take_run(struct builder *builder, const uintptr_t *address, size_t count)
{
	struct module *module = module_of(builder->modules, address[0]);
	const struct symbol *symbol = module ? symbol_of(module, address[0]) : NULL;
	char name[ASM_TEXT_BYTES + 32];
	uintptr_t end;
	size_t taken = 1;

	if (!module) {
		fail(builder, "the call went through code that no file has");
		return 0;
	}
	if (symbol) {
		while (taken < count && address[taken] < symbol->end)
			taken++;
		return disassemble(builder, module, symbol->begin, symbol->end, symbol->name) ? taken : 0;
	}
	while (taken < count && address[taken] - address[taken - 1] <= RUN_GAP && !symbol_of(module, address[taken]))
		taken++;
	end = address[taken - 1] + INSTRUCTION_MAX; /* half an instruction would be none */
	snprintf(name, sizeof name, "%s+0x%jx", module->name, (uintmax_t)(address[0] - module->base));
	return disassemble(builder, module, address[0], end, name) ? taken : 0;
}

/* Between what no symbol tells apart lies padding, or data: what was missed for it is taken by itself. */
static bool take_missed(struct builder *builder, const uintptr_t *address, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct asm_function *function;
		struct module *module;
		char name[ASM_TEXT_BYTES + 32];

		if (find(builder->code, address[i], &function))
			continue;
		module = module_of(builder->modules, address[i]);
		snprintf(name, sizeof name, "%s+0x%jx", module->name, (uintmax_t)(address[i] - module->base));
		if (!disassemble(builder, module, address[i], address[i] + INSTRUCTION_MAX, name))
			return false;
	}
	return true;
}

/*
 * A function without a symbol takes the name of the PLT's entry through which it was reached; or of the function from which it was
 * reached by no call, as a part of it.
 */
static void name_function(struct asm_function *function, const struct asm_function *before, const struct asm_instruction *last,
                          const char *entry)
{
	const char *name = entry[0] ? entry : NULL;
	char *copy;

	if (strncmp(function->name, function->module, strlen(function->module)) != 0 ||
	    function->name[strlen(function->module)] != '+')
		return;
	if (!name && before && strcmp(before->module, function->module) == 0 && last->mark != ASM_CALL && last->mark != ASM_RETURN)
		name = before->name;
	copy = name ? strdup(name) : NULL;
	if (copy) {
		free(function->name);
		function->name = copy;
	}
}

/* Counts what was executed. */
static bool count_steps(struct builder *builder, const struct asm_steps *steps)
{
	struct asm_function *function = NULL, *before;
	struct asm_instruction *last = NULL;
	char entry[ASM_TEXT_BYTES] = "";

	for (size_t i = 0; i < steps->count; i++) {
		struct asm_instruction *instruction;

		before = function;
		instruction = find(builder->code, steps->address[i], &function);
		if (!instruction)
			return fail(builder, "an instruction that was executed is not in objdump's listing");
		if (last && steps->address[i] != last->address + last->bytes)
			last->went = steps->address[i];
		instruction->executed++;
		if (function->first == SIZE_MAX) {
			function->first = i;
			name_function(function, before, last, entry);
		}
		if (function != before) {
			snprintf(entry, sizeof entry, "%s", strstr(function->name, "@plt") ? function->name : "");
			entry[strcspn(entry, "@")] = '\0';
		}
		last = instruction;
	}
	return true;
}

static int by_first(const void *a, const void *b)
{
	const struct asm_function *one = a, *other = b;

	return one->first < other->first ? -1 : one->first > other->first;
}

static bool begin_builder(struct builder *builder, struct asm_code *code, bool *no_objdump, char *error, size_t error_bytes)
{
	*code = (struct asm_code){0};
	*no_objdump = false;
	*builder = (struct builder){.modules = load_modules(), .code = code, .error = error, .error_bytes = error_bytes};
	if (!builder->modules)
		return fail(builder, "no memory for the code");
	code->base = builder->modules->module[0].base;
	return true;
}

static bool end_builder(struct builder *builder, bool done, bool *no_objdump)
{
	*no_objdump = builder->no_objdump;
	free_modules(builder->modules);
	if (!done)
		asm_code_free(builder->code);
	return done;
}

bool asm_code_of_steps(const struct asm_steps *steps, struct asm_code *code, bool *no_objdump, char *error, size_t error_bytes)
{
	uintptr_t *address = malloc((steps->count + 1) * sizeof *address);
	struct builder builder;
	bool done = begin_builder(&builder, code, no_objdump, error, error_bytes);
	size_t count = 0;

	if (done && !address)
		done = fail(&builder, "no memory for the code");
	if (done) {
		memcpy(address, steps->address, steps->count * sizeof *address);
		qsort(address, steps->count, sizeof *address, by_address);
		for (size_t i = 0; i < steps->count; i++)
			if (i == 0 || address[i] != address[i - 1])
				address[count++] = address[i];
	}
	for (size_t i = 0, taken; done && i < count; i += taken)
		done = (taken = take_run(&builder, address + i, count - i)) > 0;
	done = done && take_missed(&builder, address, count) && count_steps(&builder, steps);
	free(address);
	if (done)
		qsort(code->function, code->count, sizeof *code->function, by_first);
	return end_builder(&builder, done, no_objdump);
}

/* ---- From calls -------------------------------------------------------------------------------------------------- */

static bool is_there(const struct asm_code *code, uintptr_t begin)
{
	for (size_t i = 0; i < code->count; i++)
		if (code->function[i].begin == begin)
			return true;
	return false;
}

static bool take_function(struct builder *builder, uintptr_t address)
{
	struct module *module = module_of(builder->modules, address);
	const struct symbol *symbol = module ? symbol_of(module, address) : NULL;
	size_t number = builder->code->count;

	if (!symbol || is_there(builder->code, symbol->begin))
		return true;
	if (!disassemble(builder, module, symbol->begin, symbol->end, symbol->name))
		return false;
	if (builder->code->count > number)
		builder->code->function[number].first = number;
	return true;
}

bool asm_code_of_calls(const void *const *roots, size_t count, bool (*wanted)(void *context, uintptr_t address), void *context,
                       struct asm_code *code, bool *no_objdump, char *error, size_t error_bytes)
{
	struct builder builder;
	bool done = begin_builder(&builder, code, no_objdump, error, error_bytes);

	for (size_t i = 0; done && i < count; i++)
		done = take_function(&builder, (uintptr_t)roots[i]);
	for (size_t i = 0; done && i < code->count && code->count < CALLS_MAX; i++)
		for (size_t j = 0; done && j < code->function[i].count; j++) {
			const struct asm_instruction *instruction = &code->function[i].instruction[j];
			uint64_t target;

			if ((instruction->mark == ASM_CALL || instruction->mark == ASM_JUMP) &&
			    asm_mark_target(instruction->text, &target) && wanted(context, code->base + target))
				done = take_function(&builder, code->base + target);
		}
	return end_builder(&builder, done, no_objdump);
}

void asm_code_free(struct asm_code *code)
{
	for (size_t i = 0; i < code->count; i++) {
		for (size_t j = 0; j < code->function[i].count; j++)
			free(code->function[i].instruction[j].text);
		free(code->function[i].instruction);
		free(code->function[i].name);
		free(code->function[i].module);
	}
	free(code->function);
	*code = (struct asm_code){0};
}

void asm_code_name(const struct asm_code *code, uintptr_t address, char text[ASM_TEXT_BYTES])
{
	struct asm_function *function;

	if (find(code, address, &function))
		snprintf(text, ASM_TEXT_BYTES, "%s%s%s", function->name, function->ours ? "" : " in ",
		         function->ours ? "" : function->module);
	else
		snprintf(text, ASM_TEXT_BYTES, "0x%jx", (uintmax_t)address);
}

/* ---- Counts ------------------------------------------------------------------------------------------------------ */

struct tally {
	struct asm_counts counts;
	uintptr_t *line;
	size_t lines;
};

static void tally(struct tally *tally, const struct asm_instruction *instruction, bool executed)
{
	uint64_t times = executed ? instruction->executed : 1;

	if (times == 0)
		return;
	tally->counts.instructions += times;
	tally->counts.mark[instruction->mark] += times;
	tally->counts.bytes += instruction->bytes;
	tally->line[tally->lines++] = instruction->address / ASM_LINE_BYTES;
	tally->line[tally->lines++] = (instruction->address + instruction->bytes - 1) / ASM_LINE_BYTES;
}

static bool is_counted(const struct asm_function *function, enum asm_share share, const struct asm_function *like)
{
	if (like)
		return strcmp(function->name, like->name) == 0 && strcmp(function->module, like->module) == 0;
	return share == ASM_ALL || (share == ASM_OURS) == function->ours;
}

static struct asm_counts count(const struct asm_code *code, enum asm_share share, const struct asm_function *like, bool executed)
{
	const struct asm_function *function = code->function;
	size_t functions = code->count;
	struct tally all = {.lines = 0};
	size_t instructions = 0;

	for (size_t i = 0; i < functions; i++)
		instructions += function[i].count;
	all.line = malloc((2 * instructions + 1) * sizeof *all.line);
	if (!all.line)
		return all.counts;
	for (size_t i = 0; i < functions; i++)
		for (size_t j = 0; is_counted(&function[i], share, like) && j < function[i].count; j++)
			tally(&all, &function[i].instruction[j], executed);
	qsort(all.line, all.lines, sizeof *all.line, by_address);
	for (size_t i = 0; i < all.lines; i++)
		all.counts.lines += i == 0 || all.line[i] != all.line[i - 1];
	free(all.line);
	return all.counts;
}

struct asm_counts asm_code_counts(const struct asm_code *code, enum asm_share share, bool executed)
{
	return count(code, share, NULL, executed);
}

struct asm_counts asm_function_counts(const struct asm_code *code, const struct asm_function *function, bool executed)
{
	return count(code, ASM_ALL, function, executed);
}

/* ---- Weights ----------------------------------------------------------------------------------------------------- */

/* What the profile says of where its program's files lay. */
struct mapping {
	uintptr_t begin, end, offset;
	char path[PATH_BYTES];
};

static bool same_file(const char *one, const char *other)
{
	struct stat a, b;

	return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The address here of what lies at an offset of a module's file; 0: it is not loaded. */
struct lookup {
	const char *path;
	uintptr_t offset, address;
	size_t number;
};

static int look_up(struct dl_phdr_info *object, size_t bytes, void *argument)
{
	struct lookup *lookup = argument;
	const char *path = lookup->number++ == 0 ? "/proc/self/exe" : object->dlpi_name;

	(void)bytes;
	if (!same_file(path, lookup->path))
		return 0;
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &object->dlpi_phdr[i];

		if (header->p_type == PT_LOAD && lookup->offset >= header->p_offset &&
		    lookup->offset < header->p_offset + header->p_filesz)
			lookup->address = object->dlpi_addr + header->p_vaddr + lookup->offset - header->p_offset;
	}
	return 1;
}

struct profile {
	const uintptr_t *slot;
	size_t slots;
	struct mapping *mapping;
	size_t mappings;
	bool ours; /* this program is among the mappings */
};

static bool read_mappings(struct profile *profile, const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		struct mapping mapping, *more;
		char may[5] = "";

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNxPTR " %*s %*s %4095[^\n]", &mapping.begin, &mapping.end, may,
		           &mapping.offset, mapping.path) != 5 || may[2] != 'x' || mapping.path[0] != '/')
			continue;
		more = realloc(profile->mapping, (profile->mappings + 1) * sizeof *more);
		if (!more)
			return false;
		profile->mapping = more;
		profile->mapping[profile->mappings++] = mapping;
		profile->ours |= same_file(mapping.path, "/proc/self/exe");
	}
	return true;
}

/* Words: 0, how many header words follow, 0, period, 0; then of each sample count, depth, addresses; then 0, 1, 0; then text.
 * Returns where the text begins; 0: it is no profile. */
static size_t check_profile(const struct profile *profile)
{
	size_t at = 5;

	if (profile->slots < 8 || profile->slot[0] != 0 || profile->slot[1] != 3 || profile->slot[2] != 0)
		return 0;
	while (at + 2 < profile->slots) {
		uintptr_t depth = profile->slot[at + 1];

		if (profile->slot[at] == 0 && depth == 1 && profile->slot[at + 2] == 0)
			return at + 3;
		if (depth == 0 || depth > profile->slots - at - 2)
			return 0;
		at += 2 + depth;
	}
	return 0;
}

/* The address here of where a sample was; 0: not in what is loaded here. */
static uintptr_t here(const struct profile *profile, uintptr_t address)
{
	for (size_t i = 0; i < profile->mappings; i++) {
		const struct mapping *mapping = &profile->mapping[i];
		struct lookup lookup = {.path = mapping->path, .offset = address - mapping->begin + mapping->offset};

		if (address < mapping->begin || address >= mapping->end)
			continue;
		dl_iterate_phdr(look_up, &lookup);
		return lookup.address;
	}
	return 0;
}

static void weigh(struct asm_code *code, const struct profile *profile, struct asm_weights *weights)
{
	for (size_t at = 5; profile->slot[at] != 0; at += 2 + profile->slot[at + 1]) {
		uintptr_t address = here(profile, profile->slot[at + 2]);
		struct asm_function *function;
		struct asm_instruction *instruction = address ? find(code, address, &function) : NULL;

		weights->samples += profile->slot[at];
		if (instruction) {
			instruction->samples += profile->slot[at];
			weights->found += profile->slot[at];
		}
	}
}

/* NULL: `error` says why not. */
static char *read_file(const char *path, size_t *bytes, char *error, size_t error_bytes)
{
	FILE *file = fopen(path, "re");
	struct stat status;
	char *text = NULL;

	if (file && fstat(fileno(file), &status) == 0 && !S_ISREG(status.st_mode)) {
		snprintf(error, error_bytes, "%.300s: it is no regular file", path);
		fclose(file);
		return NULL;
	}
	if (file && (text = malloc((size_t)status.st_size + 1))) {
		*bytes = fread(text, 1, (size_t)status.st_size, file);
		text[*bytes] = '\0';
	}
	if (!text)
		snprintf(error, error_bytes, "%.300s: %s", path, strerror(errno));
	if (file)
		fclose(file);
	return text;
}

bool asm_code_weigh(struct asm_code *code, const char *path, struct asm_weights *weights, char *error, size_t error_bytes)
{
	size_t bytes = 0, text_at;
	char *text = read_file(path, &bytes, error, error_bytes);
	struct profile profile = {.slot = (const uintptr_t *)(void *)text, .slots = bytes / sizeof(uintptr_t)};

	*weights = (struct asm_weights){0};
	if (!text)
		return false;
	text_at = check_profile(&profile);
	if (text_at == 0)
		snprintf(error, error_bytes, "%.300s: it is no CPU profile of gperftools, or not a whole one", path);
	else if (!read_mappings(&profile, text + text_at * sizeof(uintptr_t)))
		snprintf(error, error_bytes, "%.300s: no memory for it", path);
	else if (!profile.ours)
		snprintf(error, error_bytes, "%.300s: it is a profile of another program, or of another build of this one", path);
	if (text_at > 0 && profile.ours)
		weigh(code, &profile, weights);
	free(profile.mapping);
	free(text);
	return text_at > 0 && profile.ours;
}
