/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable: configurations that stay down, found at design time. Exit codes: 0 done, 1 the model is at fault or the
 * question has no answer, 2 the command line is wrong, 6 a file cannot be read or written, 75 interrupted (call again
 * to go on), 77 this machine cannot run it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/suggest.h>

#include "command.h"

#define VERSION "0.1.0"
#define ERROR_BYTES 2048
#define NAMES_MAX 64

enum {
	VALUE_SET = 256, /* above every character that getopt_long returns */
	VALUE_HORIZON,
	VALUE_JSON,
	VALUE_HELP,
	VALUE_VERSION,
	VALUE_FIRST, /* of the command's own */
};

static const struct option_row common_options[] = {
	{"set", "BLOCK.NAME=VALUE", "use another value than the file's; as often as you like"},
	{"horizon", "TIME", "how long down counts as stuck (the file's, or 1800s)"},
	{"json", NULL, "print one JSON object"},
	{"help", NULL, "print this"},
	{"version", NULL, "print the version"},
};

#define COMMON_COUNT (sizeof(common_options) / sizeof(common_options[0]))

static const struct command *find_command(const char *name)
{
	for (int i = 0; commands[i]; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static void print_option(const struct option_row *row)
{
	char left[64];

	(void)snprintf(left, sizeof(left), "--%s%s%s", row->name, row->argument ? " " : "",
		row->argument ? row->argument : "");
	(void)printf("  %-24s %s\n", left, row->help);
}

static void print_command_help(const struct command *command)
{
	(void)printf("usage: metastable %s %s [OPTIONS]\n\n%s\n\n", command->name,
		command->operands, command->help);
	for (int i = 0; command->options[i].name; i++)
		print_option(&command->options[i]);
	for (size_t i = 0; i < COMMON_COUNT; i++)
		print_option(&common_options[i]);
}

static void print_help(void)
{
	(void)printf("usage: metastable COMMAND FILE.ms [OPTIONS]\n\n"
		     "Finds at design time the configurations of a service that stay down.\n\n");
	for (int i = 0; commands[i]; i++)
		(void)printf("  %-10s %s\n", commands[i]->name, commands[i]->help);
	(void)printf(
		"\n'metastable COMMAND --help' lists the options; metastable(1) has examples.\n");
}

static int unknown_command(const char *name)
{
	const char *names[NAMES_MAX];
	const char *near;
	int count = 0;

	for (; commands[count]; count++)
		names[count] = commands[count]->name;
	names[count] = NULL;
	near = hb_suggest(name, names);
	(void)fprintf(stderr, "metastable: unknown command '%s'%s%s%s; see 'metastable --help'\n",
		name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return EXIT_COMMAND_LINE;
}

/* ---- the command line ---- */

static void list_options(const struct command *command, struct option *ret)
{
	int count = 0;

	for (size_t i = 0; i < COMMON_COUNT; i++)
		ret[count++] = (struct option){common_options[i].name,
			common_options[i].argument ? required_argument : no_argument, NULL,
			VALUE_SET + (int)i};
	for (int i = 0; command->options[i].name; i++)
		ret[count++] = (struct option){command->options[i].name,
			command->options[i].argument ? required_argument : no_argument, NULL,
			VALUE_FIRST + i};
	ret[count] = (struct option){NULL, 0, NULL, 0};
}

static int refuse_option(
	const struct command *command, const struct option *options, int found, const char *word)
{
	const char *names[OPTIONS_MAX + COMMON_COUNT + 1];
	const char *near;
	int count = 0;

	if (found == ':') {
		(void)fprintf(
			stderr, "metastable %s: option '%s' needs a value\n", command->name, word);
		return EXIT_COMMAND_LINE;
	}
	for (; options[count].name; count++)
		names[count] = options[count].name;
	names[count] = NULL;
	near = hb_suggest(word + strspn(word, "-"), names);
	(void)fprintf(stderr,
		"metastable %s: unknown option '%s'%s%s%s; see 'metastable %s --help'\n",
		command->name, word, near ? "; did you mean '--" : "", near ? near : "",
		near ? "'?" : "", command->name);
	return EXIT_COMMAND_LINE;
}

static int add_override(const struct command *command, char *text, struct arguments *arguments)
{
	struct hb_error error = {0};

	if (arguments->override_count == OVERRIDES_MAX)
		(void)hb_error_set(&error, -E2BIG, "more than %d --set", OVERRIDES_MAX);
	else if (ms_override_parse(
			 text, &arguments->overrides[arguments->override_count], &error) == 0) {
		arguments->override_count++;
		return 0;
	}
	(void)fprintf(stderr, "metastable %s: --set: %s\n", command->name, error.text);
	return EXIT_COMMAND_LINE;
}

static int take_option(const struct command *command, int found, struct arguments *arguments)
{
	switch (found) {
	case VALUE_SET:
		return add_override(command, optarg, arguments);
	case VALUE_HORIZON:
		if (arguments->override_count == OVERRIDES_MAX)
			return add_override(command, optarg, arguments);
		arguments->overrides[arguments->override_count++] =
			(struct ms_override){"horizon", optarg};
		return 0;
	case VALUE_JSON:
		arguments->json = true;
		return 0;
	case VALUE_HELP:
		print_command_help(command);
		return -1;
	case VALUE_VERSION:
		(void)puts("metastable " VERSION);
		return -1;
	default:
		found -= VALUE_FIRST;
		if (arguments->values[found]) {
			(void)fprintf(stderr, "metastable %s: --%s is given twice\n", command->name,
				command->options[found].name);
			return EXIT_COMMAND_LINE;
		}
		arguments->values[found] = optarg ? optarg : "";
		return 0;
	}
}

/* 0, 2 for a wrong command line, -1 when there is nothing left to do. */
static int parse(const struct command *command, int argc, char **argv, struct arguments *arguments)
{
	struct option options[OPTIONS_MAX + COMMON_COUNT + 1];
	int found, code = 0;

	arguments->options = command->options;
	list_options(command, options);
	opterr = 0;
	while (!code && (found = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (found == ':' || found == '?')
			return refuse_option(command, options, found, argv[optind - 1]);
		code = take_option(command, found, arguments);
	}
	if (code)
		return code;
	arguments->operands = (const char *const *)argv + optind;
	arguments->operand_count = argc - optind;
	if (arguments->operand_count < command->operands_min) {
		(void)fprintf(stderr, "metastable %s: give %s; see 'metastable %s --help'\n",
			command->name, command->operands, command->name);
		return EXIT_COMMAND_LINE;
	}
	if (arguments->operand_count > command->operands_max) {
		(void)fprintf(stderr, "metastable %s: unexpected argument '%s'\n", command->name,
			arguments->operands[command->operands_max]);
		return EXIT_COMMAND_LINE;
	}
	return 0;
}

/* ---- the whole ---- */

static int exit_code(int code, const struct hb_error *error)
{
	switch (code) {
	case -EINVAL:
		return error->path[0] ? EXIT_NO_ANSWER : EXIT_COMMAND_LINE;
	case -ENOENT:
	case -EACCES:
	case -EISDIR:
	case -ENOSPC:
	case -EIO:
	case -EROFS:
		return EXIT_INPUT_OUTPUT;
	case -EINTR:
		return EXIT_INTERRUPTED;
	case -ENODEV:
		return EXIT_CANNOT_RUN;
	default:
		return EXIT_NO_ANSWER;
	}
}

/* The answer must have arrived. */
static int finish_output(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		(void)fprintf(stderr, "metastable: cannot write the answer: %s\n", strerror(errno));
		return EXIT_INPUT_OUTPUT;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {0};
	const struct command *command;
	struct hb_error error = {0};
	char text[ERROR_BYTES];
	int code;

	if (argc < 2) {
		(void)fprintf(stderr, "metastable: which command? see 'metastable --help'\n");
		return EXIT_COMMAND_LINE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help();
		return finish_output();
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts("metastable " VERSION);
		return finish_output();
	}
	command = find_command(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	code = parse(command, argc - 1, argv + 1, &arguments);
	if (code != 0)
		return code < 0 ? finish_output() : code;
	code = command->run(&arguments, &error);
	if (code < 0) {
		(void)fprintf(stderr, "metastable %s: %s\n", command->name,
			hb_error_format(&error, text, sizeof(text)));
		return exit_code(code, &error);
	}
	return finish_output() ? EXIT_INPUT_OUTPUT : code;
}
