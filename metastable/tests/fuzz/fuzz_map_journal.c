/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line of a map's journal, whoever wrote it, becomes a cell of the map or an error. */
#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_map_cell cells[4] = {{0}};
	struct ms_map map = {.count = 4, .cells = cells};
	struct hb_error error = {0};
	int code = journal_take((const char *)data, size, &map, &error);

	hb_assert(code == 0 || error.text[0]);
	hb_assert(map.done == (code == 0));
	return 0;
}
