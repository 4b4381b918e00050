/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probcons quorum: what the rules of the replicated log decide. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <probcons/quorum_questions.h>

#include "command.h"
#include "table_text.h"

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	char *text = NULL, *answers = NULL;
	size_t length_bytes = 0, answer_bytes = 0;
	FILE *stream;
	int err = table_text_load(arguments->operand, &text, &length_bytes, reterr);

	if (err)
		return err;
	/* Answers are kept until the last question is understood: an error leaves no half answer. */
	stream = open_memstream(&answers, &answer_bytes);
	if (!stream) {
		free(text);
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	}
	err = pc_quorum_answer(text, length_bytes, arguments->operand, stream, reterr);
	if (fclose(stream) && !err)
		err = hb_error_set(reterr, -ENOMEM, "out of memory");
	if (!err)
		(void)fwrite(answers, 1, answer_bytes, stdout);
	free(answers);
	free(text);
	return err;
}

const struct command command_quorum = {
	.name = "quorum",
	.help = "which index is committed, which election is won: answers to a file of questions",
	.operand = "FILE",
	.options = "",
	.run = run,
};
