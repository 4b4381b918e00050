/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pc_history_parse(): an error has a text and leaves the result alone; what is accepted is judged within its memory,
 * and leaving out the answers of all operations always makes it linearizable.
 */
#include <errno.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <probcons/history.h>

#include "fuzz.h"

#define MEMORY_BYTES ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pc_history history = {0};
	struct hb_error error = {0};
	enum pc_judgement judgement;
	int rc = pc_history_parse((const char *)data, size, "fuzz", &history, &error);

	hb_assert(rc == 0 || rc == -EBADMSG || rc == -E2BIG);
	hb_assert((rc < 0) == (error.text[0] != '\0' && error.code == rc));
	if (rc)
		return 0;
	for (uint32_t i = 0; i < history.count; i++)
		hb_assert(pc_history_key(&history, history.operations[i].key)[0] != '\0' ||
			  history.operations[i].key < history.key_count);
	hb_assert(pc_history_judge(&history, MEMORY_BYTES, &judgement, NULL) == 0);
	for (uint32_t i = 0; i < history.count; i++)
		history.operations[i].answered = false;
	hb_assert(pc_history_judge(&history, MEMORY_BYTES, &judgement, NULL) == 0);
	hb_assert(judgement == PC_LINEARIZABLE);
	pc_history_finish(&history);
	return 0;
}
