/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "module.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <hotbed/error.h>

#define IMAGE_BYTES_MAX (UINT64_C(1) << 30)
#define SEGMENTS_MAX 256
#define PAGE_BYTES UINT64_C(4096)
/* Addresses of user space: arithmetic on them cannot wrap. */
#define ADDRESS_MAX (UINT64_C(1) << 47)

int image_fault(const struct spork_image *image, struct hb_error *reterr, const char *what)
{
	return hb_error_set_at(reterr, -EBADMSG, image->path, 0,
		"%s; the file is damaged, reinstall it or leave it out", what);
}

static int refuse(const struct spork_image *image, struct hb_error *reterr, const char *what)
{
	return hb_error_set_at(reterr, -ENOEXEC, image->path, 0, "%s", what);
}

static const struct spork_segment *find_segment(const struct spork_image *image, uint64_t address)
{
	size_t low = 0, high = image->segment_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->segments[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &image->segments[low - 1] : NULL;
}

const uint8_t *spork_image_bytes(const struct spork_image *image, uint64_t address,
	size_t *ret_available, bool *ret_executable)
{
	const struct spork_segment *segment = find_segment(image, address);

	if (!segment || address - segment->address >= segment->file_bytes)
		return NULL;
	*ret_available = segment->file_bytes - (address - segment->address);
	if (ret_executable)
		*ret_executable = segment->executable;
	return image->bytes + segment->file_offset + (address - segment->address);
}

const uint8_t *image_range(const struct spork_image *image, uint64_t address, uint64_t size)
{
	size_t available;
	const uint8_t *bytes = spork_image_bytes(image, address, &available, NULL);

	return bytes && size <= available ? bytes : NULL;
}

static int compare_segments(const void *a, const void *b)
{
	const struct spork_segment *left = a, *right = b;

	return (left->address > right->address) - (left->address < right->address);
}

static int add_segment(struct spork_image *image, const Elf64_Phdr *header, struct hb_error *reterr)
{
	if (header->p_filesz > image->size || header->p_offset > image->size - header->p_filesz)
		return image_fault(image, reterr, "a segment lies outside of the file");
	if (header->p_filesz > header->p_memsz)
		return image_fault(image, reterr, "a segment has more bytes than memory");
	if (header->p_vaddr >= ADDRESS_MAX || header->p_memsz >= ADDRESS_MAX)
		return image_fault(image, reterr, "a segment's address is outside of user space");
	if (header->p_memsz == 0)
		return 0;
	image->segments[image->segment_count++] = (struct spork_segment){
		.address = header->p_vaddr,
		.file_offset = header->p_offset,
		.file_bytes = header->p_filesz,
		.memory_bytes = header->p_memsz,
		.executable = (header->p_flags & PF_X) != 0,
		.writable = (header->p_flags & PF_W) != 0,
	};
	return 0;
}

/* Sorts the segments and finds their span. */
static int place_segments(struct spork_image *image, struct hb_error *reterr)
{
	const struct spork_segment *last;

	if (image->segment_count == 0)
		return image_fault(image, reterr, "there is no loadable segment");
	qsort(image->segments, image->segment_count, sizeof(*image->segments), compare_segments);
	for (size_t i = 1; i < image->segment_count; i++) {
		if (image->segments[i].address - image->segments[i - 1].address <
			image->segments[i - 1].memory_bytes)
			return image_fault(image, reterr, "two segments overlap");
	}
	last = &image->segments[image->segment_count - 1];
	image->lowest = image->segments[0].address & ~(PAGE_BYTES - 1);
	image->span = last->address + last->memory_bytes - image->lowest;
	if (image->span > UINT32_MAX)
		return image_fault(image, reterr, "the segments span 4 GiB or more");
	return 0;
}

static struct extent extent_of(
	const struct spork_image *image, uint64_t offset, uint64_t size, uint64_t address)
{
	if (size > image->size || offset > image->size - size)
		return (struct extent){0};
	return (struct extent){.bytes = image->bytes + offset, .size = size, .address = address};
}

/* The build-id of a PT_NOTE segment, if it has one. */
static void read_notes(struct spork_image *image, struct extent notes)
{
	size_t at = 0;

	while (notes.size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		size_t left, name, text;

		memcpy(&note, notes.bytes + at, sizeof(note));
		at += sizeof(note);
		left = notes.size - at;
		name = ((size_t)note.n_namesz + 3) & ~(size_t)3;
		text = ((size_t)note.n_descsz + 3) & ~(size_t)3;
		if (name > left || text > left - name)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
			memcmp(notes.bytes + at, "GNU", 4) == 0 && note.n_descsz >= 8) {
			size_t length = note.n_descsz < sizeof(image->build_id.bytes)
						? note.n_descsz
						: sizeof(image->build_id.bytes);

			memcpy(image->build_id.bytes, notes.bytes + at + name, length);
			image->build_id.length = (uint8_t)length;
			return;
		}
		at += name + text;
	}
}

/* Without a build-id: 16 bytes of XXH3 and 4 of the size. */
static void hash_file(struct spork_image *image)
{
	XXH128_hash_t hash = XXH3_128bits(image->bytes, image->size);
	uint32_t size = (uint32_t)image->size;

	memcpy(image->build_id.bytes, &hash, sizeof(hash));
	memcpy(image->build_id.bytes + sizeof(hash), &size, sizeof(size));
	image->build_id.length = sizeof(hash) + sizeof(size);
}

struct hints {
	uint16_t type;
	bool has_interpreter;
};

static int read_segments(struct spork_image *image, const Elf64_Ehdr *header, struct hints *hints,
	struct hb_error *reterr)
{
	int err;

	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > SEGMENTS_MAX ||
		header->e_phoff > image->size ||
		header->e_phnum * sizeof(Elf64_Phdr) > image->size - header->e_phoff)
		return image_fault(image, reterr, "the program headers lie outside of the file");
	image->segments = calloc(header->e_phnum + (size_t)1, sizeof(*image->segments));
	if (!image->segments)
		return hb_error_set(reterr, -ENOMEM, "no memory for the segments");
	for (size_t i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr program;
		struct extent extent;

		memcpy(&program, image->bytes + header->e_phoff + i * sizeof(program),
			sizeof(program));
		extent = extent_of(image, program.p_offset, program.p_filesz, program.p_vaddr);
		if (program.p_type == PT_LOAD) {
			err = add_segment(image, &program, reterr);
			if (err)
				return err;
		} else if (program.p_type == PT_DYNAMIC) {
			image->dynamic = extent;
		} else if (program.p_type == PT_GNU_EH_FRAME) {
			image->eh_frame_hdr = extent;
		} else if (program.p_type == PT_NOTE && image->build_id.length == 0) {
			read_notes(image, extent);
		} else if (program.p_type == PT_INTERP) {
			hints->has_interpreter = true;
		}
	}
	return place_segments(image, reterr);
}

/* Section headers are optional: they lead to .symtab, and to .eh_frame where its index is absent. */
static void read_sections(struct spork_image *image, const Elf64_Ehdr *header)
{
	struct extent names = {0};
	Elf64_Shdr section;
	const uint8_t *table;

	if (header->e_shentsize != sizeof(section) || header->e_shoff > image->size ||
		header->e_shnum * sizeof(section) > image->size - header->e_shoff ||
		header->e_shstrndx >= header->e_shnum)
		return;
	table = image->bytes + header->e_shoff;
	memcpy(&section, table + header->e_shstrndx * sizeof(section), sizeof(section));
	names = extent_of(image, section.sh_offset, section.sh_size, 0);
	for (size_t i = 0; i < header->e_shnum; i++) {
		struct extent extent;

		memcpy(&section, table + i * sizeof(section), sizeof(section));
		if (section.sh_type == SHT_NOBITS)
			continue;
		extent = extent_of(image, section.sh_offset, section.sh_size, section.sh_addr);
		if (section.sh_type == SHT_DYNSYM)
			image->dynsym_count = extent.size / sizeof(Elf64_Sym);
		if (section.sh_type == SHT_SYMTAB && section.sh_link < header->e_shnum) {
			image->symtab = extent;
			memcpy(&section, table + section.sh_link * sizeof(section),
				sizeof(section));
			image->symtab_names =
				extent_of(image, section.sh_offset, section.sh_size, 0);
		} else if (names.size >= 10 && section.sh_name <= names.size - 10 &&
			   memcmp(names.bytes + section.sh_name, ".eh_frame", 10) == 0) {
			image->eh_frame = extent;
		}
	}
}

static int read_header(struct spork_image *image, struct hints *hints, struct hb_error *reterr)
{
	Elf64_Ehdr header;
	int err;

	if (image->size < SELFMAG || memcmp(image->bytes, ELFMAG, SELFMAG) != 0)
		return refuse(image, reterr, "not an ELF file");
	if (image->size < sizeof(header))
		return image_fault(image, reterr, "the ELF header is cut off");
	memcpy(&header, image->bytes, sizeof(header));
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
		header.e_machine != EM_X86_64)
		return refuse(image, reterr, "code of another machine; x86-64 is understood");
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return refuse(image, reterr, "neither a program nor a shared library");
	hints->type = header.e_type;
	err = read_segments(image, &header, hints, reterr);
	if (!err)
		read_sections(image, &header);
	return err;
}

/* libc.so.6 can be executed and has an interpreter; its name shows that it is a library. */
static void find_kind(struct spork_image *image, const struct hints *hints)
{
	bool is_pie = false;

	for (size_t at = 0; image->dynamic.size - at >= sizeof(Elf64_Dyn);
		at += sizeof(Elf64_Dyn)) {
		Elf64_Dyn entry;

		memcpy(&entry, image->dynamic.bytes + at, sizeof(entry));
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_FLAGS_1)
			is_pie = (entry.d_un.d_val & DF_1_PIE) != 0;
	}
	if (hints->type == ET_EXEC)
		image->kind = hints->has_interpreter ? SPORK_IMAGE_DYNAMIC : SPORK_IMAGE_STATIC;
	else if (hints->has_interpreter && (is_pie || !image->soname))
		image->kind = SPORK_IMAGE_DYNAMIC;
	else
		image->kind = is_pie ? SPORK_IMAGE_STATIC_PIE : SPORK_IMAGE_SHARED_LIBRARY;
}

static int read_image(struct spork_image *image, struct hb_error *reterr)
{
	struct hints hints = {0};
	int err = read_header(image, &hints, reterr);

	if (!err)
		err = dynamic_read(image, reterr);
	if (!err)
		err = frames_read(image, reterr);
	if (err)
		return err;
	find_kind(image, &hints);
	if (image->build_id.length == 0)
		hash_file(image);
	return 0;
}

static int create(const char *name, struct spork_image **ret, struct hb_error *reterr)
{
	struct spork_image *image = calloc(1, sizeof(*image));

	if (image)
		image->path = strdup(name);
	if (!image || !image->path) {
		free(image);
		return hb_error_set(reterr, -ENOMEM, "no memory for %s", name);
	}
	*ret = image;
	return 0;
}

int spork_image_from_bytes(const void *bytes, size_t size_bytes, const char *name,
	struct spork_image **ret_image, struct hb_error *reterr)
{
	struct spork_image *image = NULL;
	int err = create(name, &image, reterr);

	if (err)
		return err;
	image->bytes = bytes;
	image->size = size_bytes;
	err = size_bytes > IMAGE_BYTES_MAX
		      ? hb_error_set_at(reterr, -EFBIG, name, 0, "larger than 1 GiB")
		      : read_image(image, reterr);
	if (err) {
		spork_image_close(image);
		return err;
	}
	*ret_image = image;
	return 0;
}

/* All of a regular file; a file that shrinks meanwhile is cut, one that grows is not followed. */
static int read_file(int fd, uint8_t **ret_bytes, size_t *ret_size)
{
	struct stat status;
	uint8_t *bytes = NULL;
	size_t size = 0;

	if (fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -ENOEXEC;
	if ((uint64_t)status.st_size > IMAGE_BYTES_MAX)
		return -EFBIG;
	bytes = malloc((size_t)status.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	while (size < (size_t)status.st_size) {
		ssize_t got = read(fd, bytes + size, (size_t)status.st_size - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int err = -errno;

			free(bytes);
			return err;
		}
		if (got == 0)
			break;
		size += (size_t)got;
		if (size >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) != 0)
			break;
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}

int spork_image_open(const char *path, struct spork_image **ret_image, struct hb_error *reterr)
{
	struct spork_image *image = NULL;
	uint8_t *bytes = NULL;
	size_t size = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err;

	if (fd < 0) {
		err = errno;
		return hb_error_set_at(
			reterr, -err, path, 0, "cannot be opened: %s", strerror(err));
	}
	err = read_file(fd, &bytes, &size);
	(void)close(fd);
	if (err)
		return hb_error_set_at(reterr, err, path, 0, "%s",
			err == -ENOEXEC ? "not a regular file"
			: err == -EFBIG ? "larger than 1 GiB"
					: strerror(-err));
	err = spork_image_from_bytes(bytes, size, path, &image, reterr);
	if (err) {
		free(bytes);
		return err;
	}
	image->owned = bytes;
	*ret_image = image;
	return 0;
}

void spork_image_close(struct spork_image *image)
{
	if (!image)
		return;
	free(image->segments);
	free(image->functions);
	free(image->imports);
	free(image->relatives);
	free(image->symbols);
	free(image->rows);
	free(image->needed);
	free(image->owned);
	free(image->path);
	free(image);
}
