/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pc_chain_file_parse(): an error has a text and leaves the result alone; in chains that are accepted every state
 * is found by its name, and the mean time from the first to the last is positive or refused.
 */
#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <probcons/chain_file.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pc_chain_file file = {0};
	struct hb_error error = {0};
	int rc = pc_chain_file_parse((const char *)data, size, "fuzz", &file, &error);
	double hours = -1;

	hb_assert(rc == 0 || rc == -EBADMSG || rc == -E2BIG);
	hb_assert((rc < 0) == (error.text[0] != '\0' && error.code == rc));
	if (rc) {
		hb_assert(file.state_count == 0 && !file.chain);
		return 0;
	}
	hb_assert(file.state_count >= 2);
	for (uint32_t i = 0; i < file.state_count; i++) {
		uint32_t state = UINT32_MAX;

		rc = pc_chain_file_state(&file, file.names[i], strlen(file.names[i]), &state, NULL);
		hb_assert(rc == 0 && state == i);
	}
	rc = pc_chain_file_mttdl(
		&file, file.names[0], file.names[file.state_count - 1], &hours, &error);
	hb_assert(rc == 0 || rc == -EDOM || rc == -ERANGE);
	hb_assert(rc ? hours == -1 : hours >= 0);
	pc_chain_file_finish(&file);
	return 0;
}
