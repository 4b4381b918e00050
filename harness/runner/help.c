/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --help, from the option tables. */
#include <ctype.h>
#include <string.h>

#include "options.h"

#define LINE_COLUMNS 80
#define OPTION_COLUMN 26

/* Columns that @length_bytes of UTF-8 take on a terminal, every code point counting one. */
static size_t columns(const char *text, size_t length_bytes)
{
	size_t count = 0;

	for (size_t i = 0; i < length_bytes; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

/*
 * Words of one paragraph, filled into lines. @indent: of all lines but the first, which begins at @column.
 */
static void print_paragraph(
	FILE *file, const char *text, size_t length_bytes, size_t column, size_t indent)
{
	bool first = true;
	size_t at = 0;

	while (at < length_bytes) {
		size_t end = at;

		while (end < length_bytes && text[end] != ' ' && text[end] != '\n')
			end++;
		if (end > at) {
			size_t width = columns(text + at, end - at);

			if (!first && column + 1 + width > LINE_COLUMNS) {
				fprintf(file, "\n%*s", (int)indent, "");
				column = indent;
			} else if (!first) {
				fputc(' ', file);
				column++;
			}
			fwrite(text + at, 1, end - at, file);
			column += width;
			first = false;
		}
		at = end + 1;
	}
	fputc('\n', file);
}

/* Paragraphs are separated by an empty line; lines that begin with a space are printed as they are. */
static void print_description(FILE *file, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t length = end ? (size_t)(end - text) : strlen(text);

		fputc('\n', file);
		if (*text == ' ')
			fprintf(file, "%.*s\n", (int)length, text);
		else
			print_paragraph(file, text, length, 0, 0);
		text += length;
		while (*text == '\n')
			text++;
	}
}

static void print_option(FILE *file, const struct hb_option *option)
{
	char left[128];
	char letter[8] = "    ";
	size_t width;

	if (option->letter)
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	snprintf(left, sizeof(left), "  %s--%s%s%s", letter, option->name,
		option->argument ? "=" : "", option->argument ? option->argument : "");
	width = columns(left, strlen(left));
	if (width + 1 > OPTION_COLUMN)
		fprintf(file, "%s\n%*s", left, OPTION_COLUMN, "");
	else
		fprintf(file, "%s%*s", left, (int)(OPTION_COLUMN - width), "");
	print_paragraph(file, option->help, strlen(option->help), OPTION_COLUMN, OPTION_COLUMN);
}

/* Summaries are phrases in the tables ("show how far a run is") and sentences here. */
static void print_summary(FILE *file, const char *summary, size_t column)
{
	char sentence[256];
	size_t length = strlen(summary);
	bool ends = length && summary[length - 1] == '.';

	snprintf(sentence, sizeof(sentence), "%c%s%s", toupper((unsigned char)summary[0]),
		summary[0] ? summary + 1 : "", ends ? "" : ".");
	print_paragraph(file, sentence, strlen(sentence), column, column);
}

void hb_help_command(FILE *file, const struct hb_command *command)
{
	const struct hb_option *option;

	fprintf(file, "Usage: hotbed %s [OPTION]...%s%s\n\n", command->name,
		command->operands[0] ? " " : "", command->operands);
	print_summary(file, command->summary, 0);
	print_description(file, command->description);
	if (command->examples)
		fputs("\nExamples:\n", file);
	for (const struct hb_example *e = command->examples; e && e->command; e++)
		fprintf(file, "  %s\n      %s\n", e->command, e->purpose);
	fputs("\nOptions:\n", file);
	for (size_t i = 0; (option = hb_command_option_at(command, i)) != NULL; i++)
		print_option(file, option);
}

static const char ending[] =
	"'hotbed help COMMAND' or 'hotbed COMMAND --help' tells more; 'hotbed --version' names the "
	"version. The launcher ./hotbed adds setup, build and test.\n\n"
	"Exit codes: 0 done, 1 a claim failed with --strict or a history has an open change, 2 "
	"usage, 3 a trial failed, 4 "
	"inconclusive with --strict, 5 doctor --strict refused, 6 I/O or runner fault, 7 locked or "
	"the build changed, 75 interrupted and resumable, 77 nothing to run here.";

void hb_help_program(FILE *file, const struct hb_command *const *commands)
{
	fputs("Usage: hotbed COMMAND [OPTION]... [OPERAND]...\n\n"
	      "Runs research systems against their baselines and reports both from one CSV.\n\n"
	      "Commands:\n",
		file);
	for (; *commands; commands++) {
		fprintf(file, "  %-10s ", (*commands)->name);
		print_summary(file, (*commands)->summary, 13);
	}
	print_description(file, ending);
}
