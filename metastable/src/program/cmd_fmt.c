/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable fmt: write models in one way. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#include <metastable/format.h>
#include <metastable/text_file.h>

#include "command.h"

#define FILE_BYTES_MAX (1U << 20)
#define FILES_MAX 10000

static const struct option_row options[] = {
	{"write", NULL, "replace the files instead of printing them"},
	{"check", NULL, "only name the files that are not formatted; exit code 1 if there are any"},
	{NULL, NULL, NULL},
};

static int format_file(const struct arguments *arguments, const char *path, bool *ret_differs,
	struct hb_error *reterr)
{
	char *text = NULL, *formatted = NULL;
	size_t length = 0, formatted_length = 0;
	int code = ms_text_file_read(path, FILE_BYTES_MAX, &text, &length, reterr);

	if (!code)
		code = ms_format(text, length, path, &formatted, &formatted_length, reterr);
	if (!code) {
		bool differs = length != formatted_length || memcmp(text, formatted, length) != 0;

		*ret_differs |= differs;
		if (option_value(arguments, "check")) {
			if (differs)
				(void)printf("%s\n", path);
		} else if (!option_value(arguments, "write")) {
			(void)fwrite(formatted, 1, formatted_length, stdout);
		} else if (differs) {
			code = hb_json_write_bytes_file(path, formatted, formatted_length, reterr);
		}
	}
	free(text);
	free(formatted);
	return code;
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	bool differs = false;
	int code = 0;

	if (arguments->override_count)
		return hb_error_set(reterr, -EINVAL, "--set and --horizon change no file; edit it");
	if (option_value(arguments, "write") && option_value(arguments, "check"))
		return hb_error_set(reterr, -EINVAL, "--write and --check exclude one another");
	for (int i = 0; !code && i < arguments->operand_count; i++)
		code = format_file(arguments, arguments->operands[i], &differs, reterr);
	if (code)
		return code;
	return option_value(arguments, "check") && differs ? EXIT_NO_ANSWER : 0;
}

const struct command command_fmt = {
	.name = "fmt",
	.operands = "FILE.ms...",
	.operands_min = 1,
	.operands_max = FILES_MAX,
	.help = "write models in one way; comments stay",
	.options = options,
	.run = run,
};
