/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a service answers: the headers are read without harm, and one more byte of the body is one less to come. */
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>

#include "../../src/emulation/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_response response = {.status = -1};
	struct ms_response more = {.status = -1};
	char *copy;

	if (!ms_response_read((const char *)data, size, &response)) {
		hb_assert(response.status == -1);
		return 0;
	}
	hb_assert(response.status == 0 || (response.status >= 100 && response.status < 600));
	copy = malloc(size + 1);
	hb_assert(copy);
	memcpy(copy, data, size);
	copy[size] = 'x';
	hb_assert(ms_response_read(copy, size + 1, &more));
	hb_assert(more.status == response.status);
	hb_assert(response.body_left == 0 || more.body_left == response.body_left - 1);
	free(copy);
	return 0;
}
