/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probcons linearizable: could a store that does one thing at a time have answered so? */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <probcons/history.h>

#include "command.h"
#include "table_text.h"

#define EXIT_BAD_INPUT 2
#define EXIT_UNDECIDED 3

static const char *const words[] = {
	[PC_LINEARIZABLE] = "linearizable",
	[PC_NOT_LINEARIZABLE] = "not linearizable",
	[PC_UNDECIDED] = "undecided",
};

static void print_json(const struct pc_history *history, enum pc_judgement judgement,
	const struct pc_judgement_reason *reason)
{
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "probcons.linearizable/1");
	hb_json_put_text(&out, "verdict", words[judgement]);
	hb_json_put_u64(&out, "operations", history->count);
	hb_json_put_u64(&out, "keys", history->key_count);
	hb_json_put_u64(&out, "configurations", reason->visited);
	if (judgement == PC_LINEARIZABLE) {
		hb_json_put_null(&out, "key");
		hb_json_put_null(&out, "line");
	} else {
		hb_json_put_text(&out, "key", pc_history_key(history, reason->key));
		if (judgement == PC_NOT_LINEARIZABLE)
			hb_json_put_u64(&out, "line", reason->line);
		else
			hb_json_put_null(&out, "line");
	}
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void print_text(const char *path, const struct pc_history *history,
	enum pc_judgement judgement, const struct pc_judgement_reason *reason)
{
	switch (judgement) {
	case PC_LINEARIZABLE:
		(void)printf("linearizable: %" PRIu32 " operations on %" PRIu32 " keys\n",
			history->count, history->key_count);
		break;
	case PC_NOT_LINEARIZABLE:
		(void)printf(
			"not linearizable: key '%s': no order explains the answer to %s:%" PRIu32
			"\n",
			pc_history_key(history, reason->key), path, reason->line);
		break;
	case PC_UNDECIDED:
		(void)printf(
			"undecided: key '%s': too many operations at the same time for %zu MiB\n",
			pc_history_key(history, reason->key), PC_JUDGE_MEMORY_BYTES >> 20);
		break;
	}
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	static const int codes[] = {
		[PC_LINEARIZABLE] = 0, [PC_NOT_LINEARIZABLE] = 1, [PC_UNDECIDED] = EXIT_UNDECIDED};
	enum pc_judgement judgement = PC_UNDECIDED;
	struct pc_judgement_reason reason = {0};
	struct pc_history history = {0};
	size_t length_bytes = 0;
	char *text = NULL;
	int err = table_text_load(arguments->operand, &text, &length_bytes, reterr);

	if (!err)
		err = pc_history_parse(text, length_bytes, arguments->operand, &history, reterr);
	free(text);
	if (!err && pc_history_judge(&history, PC_JUDGE_MEMORY_BYTES, &judgement, &reason))
		err = hb_error_set(reterr, -ENOMEM, "out of memory");
	if (!err && arguments->json)
		print_json(&history, judgement, &reason);
	else if (!err)
		print_text(arguments->operand, &history, judgement, &reason);
	pc_history_finish(&history);
	return err ? err : codes[judgement];
}

const struct command command_linearizable = {
	.name = "linearizable",
	.help = "judge a history of a key-value store (JSON lines): exit 0 linearizable, 1 not, 2 "
		"bad "
		"input, 3 undecided",
	.operand = "FILE",
	.options = "",
	.error_code = EXIT_BAD_INPUT,
	.run = run,
};
