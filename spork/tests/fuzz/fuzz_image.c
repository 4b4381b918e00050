/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork_image_from_bytes(): an error has a text; what is accepted is sorted, and every view lies inside of the bytes.
 */
#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <spork/image.h>

#include "fuzz.h"

static void check_inside(const uint8_t *data, size_t size, const char *name)
{
	const char *start = (const char *)data;

	/* An empty name may be a constant. */
	if (name[0] == '\0')
		return;
	hb_assert(name >= start && name < start + size);
	hb_assert(memchr(name, '\0', (size_t)(start + size - name)));
}

static void check_views(const struct spork_image *image, const uint8_t *data, size_t size)
{
	const struct spork_function *functions;
	const struct spork_import *imports;
	const struct spork_symbol *symbols;
	const struct spork_unwind_row *rows;
	size_t count = spork_image_functions(image, &functions);

	for (size_t i = 0; i < count; i++) {
		size_t available;
		bool executable;
		const uint8_t *bytes =
			spork_image_bytes(image, functions[i].start, &available, &executable);

		hb_assert(bytes && executable);
		hb_assert(functions[i].end - functions[i].start <= available);
		hb_assert(i == 0 || functions[i].start >= functions[i - 1].end);
		hb_assert(bytes >= data && bytes + available <= data + size);
		(void)spork_image_plt(image, functions[i].start);
	}
	count = spork_image_imports(image, &imports);
	for (size_t i = 0; i < count; i++) {
		hb_assert(i == 0 || imports[i].slot >= imports[i - 1].slot);
		check_inside(data, size, imports[i].name);
	}
	count = spork_image_symbols(image, &symbols);
	for (size_t i = 0; i < count; i++) {
		hb_assert(i == 0 || symbols[i].address >= symbols[i - 1].address);
		check_inside(data, size, symbols[i].name);
	}
	count = spork_image_unwind_rows(image, &rows);
	for (size_t i = 1; i < count; i++)
		hb_assert(rows[i].offset > rows[i - 1].offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spork_image *image = NULL;
	struct hb_error error = {0};
	int rc = spork_image_from_bytes(data, size, "fuzz", &image, &error);

	hb_assert(rc == 0 || rc == -EBADMSG || rc == -ENOEXEC || rc == -ENOMEM);
	hb_assert((rc < 0) == (error.text[0] != '\0' && error.code == rc));
	if (rc) {
		hb_assert(!image);
		return 0;
	}
	check_views(image, data, size);
	spork_image_close(image);
	return 0;
}
