/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Code files: who may have written them, damage, and what stands in them. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include "code/code_file.h"
#include "spork/code.h"
#include "spork/image.h"

static char folder[] = "/tmp/hotbed-spork-XXXXXX";
static int folder_fd;
static struct spork_image *image;
static struct spork_build_id id;
static char name[SPORK_CODE_NAME_BYTES];

static void set_up(void)
{
	struct hb_error error = {0};

	cr_assert(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(folder_fd >= 0);
	cr_assert_eq(spork_image_open("/proc/self/exe", &image, &error), 0, "%s", error.text);
	id = *spork_image_build_id(image);
	for (size_t n = 0; n < id.length; n++)
		(void)snprintf(name + 2 * n, 3, "%02x", id.bytes[n]);
	cr_assert_eq(spork_code_write(image, folder_fd, &error), 0, "%s", error.text);
}

static void tear_down(void)
{
	(void)unlinkat(folder_fd, name, 0);
	(void)close(folder_fd);
	(void)rmdir(folder);
	spork_image_close(image);
}

TestSuite(code_file, .init = set_up, .fini = tear_down);

static int try_open(void)
{
	struct spork_code *code;
	int rc = spork_code_open(folder_fd, &id, &code);

	if (rc == 0)
		spork_code_close(code);
	return rc;
}

Test(code_file, every_function_starts_with_an_instruction_and_has_its_rows)
{
	const struct spork_function *functions;
	const struct spork_unwind_row *rows;
	size_t count = spork_image_functions(image, &functions), covered = 0;
	size_t row_count = spork_image_unwind_rows(image, &rows);
	uint64_t lowest = spork_image_lowest(image);
	struct spork_code *code;

	cr_assert_eq(spork_code_open(folder_fd, &id, &code), 0);
	cr_assert_eq(spork_code_verify(code), 0);
	for (size_t i = 0; i < count; i++) {
		cr_assert(spork_code_has(code, functions[i].start - lowest), "%#lx",
			(unsigned long)functions[i].start);
		covered++;
	}
	for (size_t i = 0; i < row_count; i++) {
		const struct spork_unwind_row *row = spork_code_unwind(code, rows[i].offset);

		/* The last row of an offset holds. */
		if (i + 1 < row_count && rows[i + 1].offset == rows[i].offset)
			continue;
		if (rows[i].cfa_register == 255)
			cr_assert_null(row);
		else
			cr_assert(row && row->cfa_offset == rows[i].cfa_offset &&
				  row->cfa_register == rows[i].cfa_register);
	}
	cr_assert(covered > 10 && row_count > 10);
	cr_assert(!spork_code_has(code, UINT64_MAX));
	cr_assert(!spork_code_has(code, spork_image_span(image) + 4096));
	spork_code_close(code);
}

Test(code_file, an_unknown_module_has_no_file)
{
	id.bytes[0] ^= 1;
	cr_assert_eq(try_open(), -ENOENT);
	id.length = 0;
	cr_assert_eq(try_open(), -ENOENT);
}

Test(code_file, a_file_that_others_can_write_is_refused)
{
	cr_assert_eq(fchmodat(folder_fd, name, 0620, 0), 0);
	cr_assert_eq(try_open(), -EPERM);
	cr_assert_eq(fchmodat(folder_fd, name, 0602, 0), 0);
	cr_assert_eq(try_open(), -EPERM);
	cr_assert_eq(fchmodat(folder_fd, name, 0600, 0), 0);
	cr_assert_eq(try_open(), 0);
	if (geteuid() == 0) {
		cr_assert_eq(fchownat(folder_fd, name, 65534, (gid_t)-1, 0), 0);
		cr_assert_eq(try_open(), -EPERM);
	}
}

Test(code_file, a_link_is_refused)
{
	cr_assert_eq(renameat(folder_fd, name, folder_fd, "other"), 0);
	cr_assert_eq(symlinkat("other", folder_fd, name), 0);
	cr_assert_eq(try_open(), -EPERM);
	cr_assert_eq(unlinkat(folder_fd, "other", 0), 0);
}

Test(code_file, a_truncated_file_is_refused_at_every_length)
{
	struct stat status;
	int fd = openat(folder_fd, name, O_RDWR | O_CLOEXEC);

	cr_assert(fd >= 0 && fstat(fd, &status) == 0);
	for (off_t size = status.st_size - 1; size > 0; size -= 1 + size / 20) {
		cr_assert_eq(ftruncate(fd, size), 0);
		cr_assert_eq(try_open(), -EBADMSG, "%ld bytes", (long)size);
	}
	(void)close(fd);
}

Test(code_file, a_damaged_header_is_refused_and_other_damage_is_found)
{
	int fd = openat(folder_fd, name, O_RDWR | O_CLOEXEC);
	struct spork_code *code;
	struct stat status;
	uint8_t byte;

	cr_assert(fd >= 0 && fstat(fd, &status) == 0);
	/* All of the header but the checksum, bytes 8 to 15: where the sections lie follows from how many there are. */
	for (off_t at = 0; at < (off_t)sizeof(struct spork_code_header); at += at == 7 ? 9 : 1) {
		cr_assert_eq(pread(fd, &byte, 1, at), 1);
		byte ^= 0x40;
		cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
		cr_assert_eq(try_open(), -EBADMSG, "byte %ld", (long)at);
		byte ^= 0x40;
		cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
	}
	for (off_t at = 8; at < status.st_size; at += 1 + status.st_size / 50) {
		if (at >= 16 && at < 256)
			continue;
		cr_assert_eq(pread(fd, &byte, 1, at), 1);
		byte ^= 1;
		cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
		cr_assert_eq(spork_code_open(folder_fd, &id, &code), 0);
		cr_assert_eq(spork_code_verify(code), -EBADMSG, "byte %ld", (long)at);
		spork_code_close(code);
		byte ^= 1;
		cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
	}
	(void)close(fd);
	cr_assert_eq(try_open(), 0);
}

Test(code_file, writing_into_a_folder_that_is_gone_says_why)
{
	struct hb_error error = {0};
	int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	cr_assert(fd >= 0);
	cr_assert(spork_code_write(image, fd, &error) < 0);
	cr_assert(strstr(error.text, "cannot be written"), "%s", error.text);
	(void)close(fd);
}
