/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Man pages as scdoc(5) source, from the option tables; the build turns them into roff. */
#include <ctype.h>
#include <string.h>

#include "options.h"

/* Text with what scdoc would take for markup escaped; a new line becomes a space. */
static void put_text(FILE *file, const char *text, size_t length_bytes)
{
	for (size_t i = 0; i < length_bytes; i++) {
		if (text[i] == '\n') {
			fputc(' ', file);
			continue;
		}
		if (strchr("_*\\[]~#|<>-.`", text[i]))
			fputc('\\', file);
		fputc(text[i], file);
	}
}

static void put_string(FILE *file, const char *text)
{
	put_text(file, text, strlen(text));
}

static void put_description(FILE *file, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t length = end ? (size_t)(end - text) : strlen(text);

		fputc('\n', file);
		if (*text == ' ') {
			fprintf(file, "```\n%.*s\n```\n", (int)length, text);
		} else {
			put_text(file, text, length);
			fputc('\n', file);
		}
		text += length;
		while (*text == '\n')
			text++;
	}
}

static void put_option(FILE *file, const struct hb_option *option)
{
	if (option->letter)
		fprintf(file, "*\\-%c*, ", option->letter);
	fputs("*\\-\\-", file);
	put_string(file, option->name);
	fputc('*', file);
	if (option->argument) {
		fputs("=_", file);
		put_string(file, option->argument);
		fputc('_', file);
	}
	fputs("\n\t", file);
	put_string(file, option->help);
	fputs("\n\n", file);
}

/* A page's title as scdoc wants it: no date (it would differ in every build), our name in the footer. */
static void put_title(FILE *file, const char *name)
{
	fprintf(file, "%s(1) \"hotbed " HB_VERSION "\" \"Hotbed\"\n\n", name);
}

static void put_exit_codes(FILE *file)
{
	fputs("# EXIT STATUS\n\n"
	      "*0*\n\tDone.\n\n"
	      "*1*\n\t*claims \\-\\-strict* found a claim not reproduced, or *history check* an "
	      "open "
	      "change.\n\n"
	      "*2*\n\tThe command line is wrong.\n\n"
	      "*3*\n\tA trial crashed, timed out or failed its verification.\n\n"
	      "*4*\n\tInconclusive, with *\\-\\-strict*.\n\n"
	      "*5*\n\t*doctor \\-\\-strict* refused.\n\n"
	      "*6*\n\tAn I/O error or a fault of the runner.\n\n"
	      "*7*\n\tLocked by another runner, or the build changed.\n\n"
	      "*75*\n\tInterrupted; *hotbed resume* goes on.\n\n"
	      "*77*\n\tNothing can run on this machine.\n\n"
	      "If several apply: 75, 6, 7, 3, 1, 4, 0, the first of these.\n\n",
		file);
}

void hb_manual_command(FILE *file, const struct hb_command *command)
{
	const struct hb_option *option;
	char title[64];

	snprintf(title, sizeof(title), "hotbed-%s", command->name);
	put_title(file, title);
	/* whatis(1) wants a phrase in lower case without a full stop. */
	fprintf(file, "# NAME\n\n%s - %c", title, tolower((unsigned char)command->summary[0]));
	put_text(file, command->summary + 1, strcspn(command->summary + 1, "."));
	fprintf(file, "\n\n# SYNOPSIS\n\n*hotbed %s* [_OPTION_]...", command->name);
	if (command->operands[0]) {
		fputc(' ', file);
		put_string(file, command->operands);
	}
	fputs("\n\n# DESCRIPTION\n", file);
	put_description(file, command->description[0] ? command->description : command->summary);
	fputs("\n# OPTIONS\n\n", file);
	for (size_t i = 0; (option = hb_command_option_at(command, i)) != NULL; i++)
		put_option(file, option);
	if (command->examples)
		fputs("# EXAMPLES\n\n", file);
	for (const struct hb_example *e = command->examples; e && e->command; e++) {
		fputc('*', file);
		put_string(file, e->command);
		fputs("*\n\t", file);
		put_string(file, e->purpose);
		fputs("\n\n", file);
	}
	put_exit_codes(file);
	fputs("# SEE ALSO\n\n*hotbed*(1), *hotbed-csv*(5), *hotbed-driver*(7)\n", file);
}

void hb_manual_program(FILE *file, const struct hb_command *const *commands)
{
	put_title(file, "hotbed");
	fputs("# NAME\n\nhotbed - run research systems against their baselines\n\n"
	      "# SYNOPSIS\n\n*hotbed* _COMMAND_ [_OPTION_]... [_OPERAND_]...\n\n"
	      "*hotbed help* [_COMMAND_]\n\n"
	      "*hotbed \\-\\-version*\n\n"
	      "# DESCRIPTION\n\n"
	      "Hotbed runs an idea and its baseline in the same blocks, in balanced random order "
	      "and with a second run of the baseline as control, and reports both from one CSV "
	      "file. The launcher *./hotbed* in the source tree sets the machine up and builds "
	      "first; it adds *setup*, *build* and *test* to the commands below.\n\n"
	      "# COMMANDS\n\n",
		file);
	for (size_t i = 0; commands[i]; i++) {
		fprintf(file, "*hotbed-%s*(1)\n\t", commands[i]->name);
		put_string(file, commands[i]->summary);
		fputs("\n\n", file);
	}
	fputs("# FILES\n\n"
	      "_results/RUN\\_ID/_\n"
	      "\tThe folder of one run: plan.json, env.json, trials.csv, hist.hlog, logs/, "
	      "summary.csv, summary.json, report.html.\n\n"
	      "_results/latest_\n\tLink to the folder of the last run.\n\n"
	      "# ENVIRONMENT\n\n"
	      "*NO\\_COLOR*\n\tNo colours unless *\\-\\-color=always* is given.\n\n",
		file);
	put_exit_codes(file);
	fputs("# SEE ALSO\n\n", file);
	for (size_t i = 0; commands[i]; i++)
		fprintf(file, "*hotbed-%s*(1), ", commands[i]->name);
	fputs("*hotbed-csv*(5), *hotbed-driver*(7)\n", file);
}
