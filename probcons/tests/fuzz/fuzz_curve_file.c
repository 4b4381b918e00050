/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pc_curve_file_parse(): an error has a text and leaves the result alone; curves that are accepted give
 * probabilities, which grow with the window.
 */
#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <probcons/curve_file.h>

#include "fuzz.h"

static void check_curve(const struct pc_fault_curve *curve)
{
	static const double ages[] = {0, 1, 8760, 1e6};

	for (int i = 0; i < 4; i++) {
		double shorter, longer;
		int rc = pc_fault_curve_window(curve, ages[i], 100, &shorter, NULL);

		hb_assert(rc == 0 || rc == -ERANGE);
		if (rc)
			continue;
		hb_assert(shorter >= 0 && shorter <= 1);
		rc = pc_fault_curve_window(curve, ages[i], 200, &longer, NULL);
		hb_assert(rc == 0 || rc == -ERANGE);
		hb_assert(rc || (longer >= shorter * (1 - 1e-12) && longer <= 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pc_curve_file file = {0};
	struct hb_error error = {0};
	int rc = pc_curve_file_parse((const char *)data, size, "fuzz", &file, &error);

	hb_assert(rc == 0 || rc == -EBADMSG || rc == -E2BIG);
	hb_assert((rc < 0) == (error.text[0] != '\0' && error.code == rc));
	hb_assert((rc == 0) == (file.count > 0));
	for (uint32_t i = 0; i < file.count; i++) {
		const struct pc_curve_entry *entry = &file.entries[i];

		hb_assert(pc_curve_file_find(&file, entry->name, strlen(entry->name)) == entry);
		check_curve(&entry->crash);
		check_curve(&entry->byz);
	}
	pc_curve_file_finish(&file);
	return 0;
}
