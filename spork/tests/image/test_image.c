/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ELF reader against readelf and objdump, and against damage. */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>

#include <spork/image.h>

#define LIBC "/usr/lib/x86_64-linux-gnu/libc.so.6"

static const char *const programs[] = {"/bin/bash", "/bin/dash", "/usr/bin/perl", LIBC, CHILDREN};

#define PROGRAM_COUNT (sizeof(programs) / sizeof(programs[0]))

static struct spork_image *open_image(const char *path)
{
	struct spork_image *image = NULL;
	struct hb_error error = {0};

	cr_assert(spork_image_open(path, &image, &error) == 0, "%s: %s", path, error.text);
	return image;
}

static void need_binutils(void)
{
	if (access("/usr/bin/readelf", X_OK) || access("/usr/bin/objdump", X_OK)) {
		(void)puts("skip: needs binutils");
		cr_skip_test("needs binutils");
	}
}

static FILE *run(const char *format, const char *path)
{
	char command[512];
	FILE *output;

	(void)snprintf(command, sizeof(command), format, path);
	output = popen(command, "re");
	cr_assert(output);
	return output;
}

static uint8_t *read_file(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *bytes;
	long size;

	cr_assert(file && fseek(file, 0, SEEK_END) == 0);
	size = ftell(file);
	cr_assert(size > 0 && fseek(file, 0, SEEK_SET) == 0);
	bytes = malloc((size_t)size);
	cr_assert(bytes && fread(bytes, 1, (size_t)size, file) == (size_t)size);
	(void)fclose(file);
	*ret_size = (size_t)size;
	return bytes;
}

/* Lines "LOC CFA … ra" of readelf's interpreted frames: rsp+8, rbp+16, exp. */
static size_t compare_row(const struct spork_image *image, const char *line)
{
	uint64_t address;
	char cfa[32];
	const struct spork_unwind_row *row;
	const char *name;
	int offset;

	if (sscanf(line, "%16" SCNx64 " %31s", &address, cfa) != 2 || line[0] != '0' ||
		cfa[0] != 'r' || sscanf(cfa + 3, "%d", &offset) != 1)
		return 0;
	/* What all functions begin with stands at 0. */
	if (address == 0)
		return 0;
	row = spork_image_unwind_at(image, address);
	cr_assert(row, "%s: no row at %#" PRIx64, spork_image_path(image), address);
	name = row->cfa_register == 7 ? "rsp" : row->cfa_register == 6 ? "rbp" : "";
	/* Signal frames and frames on a realigned stack are left out by design. */
	if (name[0] == '\0')
		return 0;
	cr_assert(strncmp(cfa, name, 3) == 0 && row->cfa_offset == offset,
		"%s: at %#" PRIx64 " readelf says %s, the row %s%+d", spork_image_path(image),
		address, cfa, name, row->cfa_offset);
	return 1;
}

Test(image, unwinding_rows_are_those_of_readelf, .timeout = 100)
{
	need_binutils();
	for (size_t i = 0; i < PROGRAM_COUNT; i++) {
		struct spork_image *image = open_image(programs[i]);
		FILE *output =
			run("readelf --debug-dump=frames-interp %s 2>/dev/null", programs[i]);
		char line[512];
		size_t compared = 0, rows;
		const struct spork_unwind_row *list;

		while (fgets(line, sizeof(line), output))
			compared += compare_row(image, line);
		(void)pclose(output);
		rows = spork_image_unwind_rows(image, &list);
		cr_assert(compared > 0 && compared + rows / 4 > rows / 2,
			"%s: %zu of %zu rows compared", programs[i], compared, rows);
		spork_image_close(image);
	}
}

Test(image, plt_entries_are_those_of_objdump, .timeout = 100)
{
	need_binutils();
	for (size_t i = 0; i < PROGRAM_COUNT; i++) {
		struct spork_image *image = open_image(programs[i]);
		FILE *output = run("objdump -d %s 2>/dev/null | grep '@plt>:$'", programs[i]);
		char line[512];
		size_t compared = 0;

		while (fgets(line, sizeof(line), output)) {
			const struct spork_import *import;
			uint64_t address;
			char name[256];

			cr_assert(sscanf(line, "%" SCNx64 " <%255[^@]", &address, name) == 2);
			/* The first entry, and names that objdump makes up for resolvers. */
			if (name[0] == '*' || strcmp(name, ".plt") == 0)
				continue;
			import = spork_image_plt(image, address);
			cr_assert(import && strcmp(import->name, name) == 0,
				"%s: %#" PRIx64 " is %s, not %s", programs[i], address, name,
				import ? import->name : "nothing");
			compared++;
		}
		(void)pclose(output);
		cr_assert(compared > 0 || strcmp(programs[i], LIBC) == 0);
		spork_image_close(image);
	}
}

Test(image, imports_and_symbols_are_those_of_readelf, .timeout = 100)
{
	need_binutils();
	for (size_t i = 0; i < PROGRAM_COUNT; i++) {
		struct spork_image *image = open_image(programs[i]);
		FILE *output = run("readelf -Wr %s 2>/dev/null", programs[i]);
		char line[1024];
		size_t expected = 0;
		const struct spork_import *imports;

		while (fgets(line, sizeof(line), output)) {
			expected += strstr(line, "R_X86_64_JUMP_SLO") ||
				    strstr(line, "R_X86_64_GLOB_DAT") ||
				    strstr(line, "R_X86_64_IRELATIV") ||
				    (strstr(line, "R_X86_64_64") && strstr(line, " + 0\n"));
		}
		(void)pclose(output);
		cr_assert(spork_image_imports(image, &imports) == expected,
			"%s: readelf counts %zu", programs[i], expected);
		cr_assert(expected > 0);
		spork_image_close(image);
	}
}

Test(image, build_id_is_that_of_readelf)
{
	struct spork_image *image = open_image(LIBC);
	const struct spork_build_id *id = spork_image_build_id(image);
	char text[64] = "", line[512];
	FILE *output;
	bool found = false;

	need_binutils();
	for (int i = 0; i < id->length; i++)
		(void)snprintf(text + 2 * i, sizeof(text) - 2 * (size_t)i, "%02x", id->bytes[i]);
	output = run("readelf -n %s 2>/dev/null", LIBC);
	while (fgets(line, sizeof(line), output))
		found |= strstr(line, text) != NULL;
	(void)pclose(output);
	cr_assert(found && id->length == 20);
	spork_image_close(image);
}

Test(image, functions_do_not_overlap_and_symbols_begin_them)
{
	for (size_t i = 0; i < PROGRAM_COUNT; i++) {
		struct spork_image *image = open_image(programs[i]);
		const struct spork_function *functions;
		const struct spork_symbol *symbols;
		size_t count = spork_image_functions(image, &functions);
		size_t symbol_count = spork_image_symbols(image, &symbols), begun = 0, named = 0;

		cr_assert(count > 0);
		for (size_t k = 0; k < count; k++) {
			cr_assert(functions[k].start < functions[k].end);
			cr_assert(k == 0 || functions[k].start >= functions[k - 1].end);
			cr_assert(spork_image_function_at(image, functions[k].start) ==
				  &functions[k]);
		}
		for (size_t k = 0; k < symbol_count; k++) {
			const struct spork_function *function;

			if (symbols[k].type != STT_FUNC || symbols[k].size == 0)
				continue;
			function = spork_image_function_at(image, symbols[k].address);
			named++;
			begun += function && function->start == symbols[k].address;
		}
		/* A few libc symbols lie inside of larger functions. */
		cr_assert(begun * 100 >= named * 98, "%s: %zu of %zu", programs[i], begun, named);
		spork_image_close(image);
	}
}

Test(image, without_section_headers_the_same_is_found)
{
	size_t size;
	uint8_t *bytes = read_file(CHILDREN, &size);
	struct spork_image *whole = open_image(CHILDREN), *bare = NULL;
	const struct spork_function *functions;
	const struct spork_import *imports;
	const struct spork_unwind_row *rows;
	Elf64_Ehdr header;

	memcpy(&header, bytes, sizeof(header));
	header.e_shoff = header.e_shnum = header.e_shstrndx = 0;
	memcpy(bytes, &header, sizeof(header));
	cr_assert(spork_image_from_bytes(bytes, size, "bare", &bare, NULL) == 0);
	cr_assert(spork_image_imports(bare, &imports) == spork_image_imports(whole, &imports));
	cr_assert(spork_image_unwind_rows(bare, &rows) == spork_image_unwind_rows(whole, &rows));
	cr_assert(spork_image_functions(bare, &functions) > 20);
	cr_assert(spork_image_kind(bare) == SPORK_IMAGE_DYNAMIC);
	spork_image_close(bare);
	spork_image_close(whole);
	free(bytes);
}

/* Removes program headers of @type. */
static void drop_segments(uint8_t *bytes, uint32_t type)
{
	Elf64_Ehdr header;

	memcpy(&header, bytes, sizeof(header));
	for (size_t i = 0; i < header.e_phnum; i++) {
		uint8_t *at = bytes + header.e_phoff + i * sizeof(Elf64_Phdr);
		uint32_t unused = PT_NULL, is;

		memcpy(&is, at, sizeof(is));
		if (is == type)
			memcpy(at, &unused, sizeof(unused));
	}
	header.e_shoff = header.e_shnum = header.e_shstrndx = 0;
	memcpy(bytes, &header, sizeof(header));
}

Test(image, without_eh_frame_symbols_give_the_functions)
{
	size_t size;
	uint8_t *bytes = read_file(LIBC, &size);
	struct spork_image *image = NULL;
	const struct spork_function *functions;
	const struct spork_unwind_row *rows;

	drop_segments(bytes, PT_GNU_EH_FRAME);
	cr_assert(spork_image_from_bytes(bytes, size, "no frames", &image, NULL) == 0);
	cr_assert(spork_image_unwind_rows(image, &rows) == 0);
	cr_assert(spork_image_functions(image, &functions) > 1000);
	cr_assert(!functions[0].unwindable);
	spork_image_close(image);
	free(bytes);
}

Test(image, without_build_id_the_hash_tells_files_apart)
{
	size_t size;
	uint8_t *bytes = read_file(CHILDREN, &size);
	struct spork_image *one = NULL, *other = NULL;
	const struct spork_build_id *a, *b;

	drop_segments(bytes, PT_NOTE);
	cr_assert(spork_image_from_bytes(bytes, size, "one", &one, NULL) == 0);
	a = spork_image_build_id(one);
	bytes[size - 1] ^= 1;
	cr_assert(spork_image_from_bytes(bytes, size, "other", &other, NULL) == 0);
	b = spork_image_build_id(other);
	cr_assert(a->length == 20 && b->length == 20);
	cr_assert(memcmp(a->bytes, b->bytes, 20) != 0);
	spork_image_close(one);
	spork_image_close(other);
	free(bytes);
}

Test(image, what_is_no_module_is_refused_with_a_reason)
{
	static const struct {
		const char *path, *text;
		int code;
	} cases[] = {
		{"/etc/passwd", "not an ELF file", -ENOEXEC},
		{"/usr/bin", "not a regular file", -ENOEXEC},
		{"/dev/null", "not a regular file", -ENOEXEC},
		{"/nonexistent/file", "cannot be opened", -ENOENT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hb_error error = {0};
		struct spork_image *image = NULL;

		cr_assert(spork_image_open(cases[i].path, &image, &error) == cases[i].code);
		cr_assert(!image && strstr(error.text, cases[i].text), "%s", error.text);
		cr_assert(strcmp(error.path, cases[i].path) == 0);
	}
}

Test(image, damage_is_named)
{
	size_t size;
	uint8_t *bytes = read_file(CHILDREN, &size);
	struct spork_image *image = NULL;
	struct hb_error error = {0};
	Elf64_Ehdr header;
	Elf64_Phdr program;

	cr_assert(spork_image_from_bytes(bytes, 40, "cut", &image, &error) == -EBADMSG);
	cr_assert(strstr(error.text, "ELF header is cut off"), "%s", error.text);
	cr_assert(spork_image_from_bytes(bytes, 3000, "cut", &image, &error) == -EBADMSG);
	cr_assert(strstr(error.text, "outside of the file"), "%s", error.text);
	memcpy(&header, bytes, sizeof(header));
	for (size_t i = 0; i < header.e_phnum; i++) {
		uint8_t *at = bytes + header.e_phoff + i * sizeof(program);

		memcpy(&program, at, sizeof(program));
		if (program.p_type != PT_LOAD || program.p_vaddr == 0)
			continue;
		program.p_vaddr = 0x100;
		memcpy(at, &program, sizeof(program));
	}
	cr_assert(spork_image_from_bytes(bytes, size, "lapping", &image, &error) == -EBADMSG);
	cr_assert(strstr(error.text, "overlap"), "%s", error.text);
	header.e_machine = EM_AARCH64;
	memcpy(bytes, &header, sizeof(header));
	cr_assert(spork_image_from_bytes(bytes, size, "arm", &image, &error) == -ENOEXEC);
	cr_assert(!image);
	free(bytes);
}
