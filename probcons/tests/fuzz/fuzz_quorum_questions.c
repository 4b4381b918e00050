/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pc_quorum_answer(): an error has a text and a line; without one there are no more answers than lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <probcons/quorum_questions.h>

#include "fuzz.h"

static size_t lines(const char *text, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += text[i] == '\n';
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hb_error error = {0};
	char *answers = NULL;
	size_t answer_bytes = 0;
	FILE *stream = open_memstream(&answers, &answer_bytes);
	int rc;

	hb_assert(stream);
	rc = pc_quorum_answer((const char *)data, size, "fuzz", stream, &error);
	hb_assert(fclose(stream) == 0);
	hb_assert(rc == 0 || rc == -EBADMSG);
	hb_assert((rc < 0) == (error.text[0] != '\0' && error.line > 0));
	hb_assert(lines(answers, answer_bytes) <= lines((const char *)data, size) + 1);
	free(answers);
	return 0;
}
