/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probcons: exact nines of consensus protocols. Exit codes: 0 done, 1 the question has no answer or its files cannot be
 * read, 2 the command line is wrong; commands that judge say more in their help.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include "command.h"
#include "options.h"

#define VERSION "0.1.0"
#define ERROR_BYTES 2048
#define FIRST_OPTION 256 /* above every character that getopt_long returns */

static const struct command *const commands[] = {
	&command_nines,
	&command_optimize,
	&command_explain,
	&command_estimate,
	&command_mttdl,
	&command_curve,
	&command_quorum,
	&command_linearizable,
	&command_sim,
	&command_serve,
	&command_kv,
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

/* Is @name among the blank-separated @options? Those of every command always are. */
static bool has_option(const struct command *command, const char *name)
{
	static const char common[] = "json help version";
	const char *lists[] = {command->options, common};
	size_t length = strlen(name);

	for (int l = 0; l < 2; l++) {
		for (const char *at = lists[l]; *at; at += strspn(at, " ")) {
			size_t word = strcspn(at, " ");

			if (word == length && memcmp(at, name, length) == 0)
				return true;
			at += word;
		}
	}
	return false;
}

static void print_command_help(const struct command *command)
{
	(void)printf("usage: probcons %s %s%s%s[OPTIONS]\n\n%s\n\n", command->name,
		command->takes_protocol ? "raft|pbft " : "",
		command->operand ? command->operand : "", command->operand ? " " : "",
		command->help);
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		char left[64];

		if (!has_option(command, row->name))
			continue;
		(void)snprintf(left, sizeof(left), "--%s%s%s", row->name, row->argument ? " " : "",
			row->argument ? row->argument : "");
		(void)printf("  %-24s %s\n", left, row->help);
	}
}

static void print_help(void)
{
	(void)printf("usage: probcons COMMAND [OPTIONS]\n\n"
		     "Exact nines of consensus protocols on fleets that fail as machines do.\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		(void)printf("  %-12s %s\n", commands[i]->name, commands[i]->help);
	(void)printf("\n'probcons COMMAND --help' lists the options; probcons(1) has examples.\n");
}

static int usage(const char *text, const char *what)
{
	(void)fprintf(stderr, "probcons: %s%s; see 'probcons --help'\n", text, what);
	return 2;
}

static size_t list_options(const struct command *command, struct option *ret)
{
	size_t count = 0;

	for (int i = 0; i < OPT_COUNT; i++) {
		if (has_option(command, option_rows[i].name))
			ret[count++] = (struct option){option_rows[i].name,
				option_rows[i].argument ? required_argument : no_argument, NULL,
				FIRST_OPTION + i};
	}
	ret[count] = (struct option){NULL, 0, NULL, 0};
	return count;
}

static int refuse_option(const struct command *command, int found, char **argv)
{
	const char *word = argv[optind - 1];

	if (found == ':')
		(void)fprintf(
			stderr, "probcons %s: option '%s' needs a value\n", command->name, word);
	else
		(void)fprintf(stderr,
			"probcons %s: unknown option '%s'; see 'probcons %s --help'\n",
			command->name, word, command->name);
	return 2;
}

/* 0, 2 for a wrong command line, -1 when there is nothing left to do. */
static int parse(const struct command *command, int argc, char **argv, struct arguments *arguments)
{
	struct option options[OPT_COUNT + 1];
	int found;

	(void)list_options(command, options);
	opterr = 0;
	while ((found = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (found < FIRST_OPTION)
			return refuse_option(command, found, argv);
		found -= FIRST_OPTION;
		if (arguments->values[found]) {
			(void)fprintf(stderr, "probcons %s: --%s is given twice\n", command->name,
				option_rows[found].name);
			return 2;
		}
		arguments->values[found] = optarg ? optarg : "";
	}
	if (arguments->values[OPT_HELP]) {
		print_command_help(command);
		return -1;
	}
	if (arguments->values[OPT_VERSION]) {
		(void)puts("probcons " VERSION);
		return -1;
	}
	arguments->json = arguments->values[OPT_JSON] != NULL;
	return 0;
}

static int parse_operands(
	const struct command *command, int argc, char **argv, struct arguments *arguments)
{
	int at = optind;

	if (command->takes_protocol) {
		if (at >= argc) {
			(void)fprintf(stderr, "probcons %s: which protocol? give raft or pbft\n",
				command->name);
			return 2;
		}
		if (strcmp(argv[at], "raft") == 0) {
			arguments->protocol = PC_RAFT;
		} else if (strcmp(argv[at], "pbft") == 0) {
			arguments->protocol = PC_PBFT;
		} else {
			(void)fprintf(stderr,
				"probcons %s: unknown protocol '%s'; give raft or pbft\n",
				command->name, argv[at]);
			return 2;
		}
		at++;
	}
	if (command->more_operands) {
		arguments->words = argv + at;
		arguments->word_count = argc - at;
		return 0;
	}
	if (command->operand) {
		if (at >= argc) {
			(void)fprintf(stderr, "probcons %s: which %s?\n", command->name,
				command->operand);
			return 2;
		}
		arguments->operand = argv[at++];
	}
	if (at < argc) {
		(void)fprintf(
			stderr, "probcons %s: unexpected argument '%s'\n", command->name, argv[at]);
		return 2;
	}
	return 0;
}

/* Arguments that make no sense are the caller's; files and questions without an answer are not. */
static int exit_code(const struct command *command, const struct hb_error *error)
{
	if (command->error_code)
		return command->error_code;
	return error->code == -EINVAL && error->path[0] == '\0' ? 2 : 1;
}

/* The answer must have arrived. */
static int finish_output(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		(void)fprintf(stderr, "probcons: cannot write the answer: %s\n", strerror(errno));
		return 1;
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

	if (argc < 2)
		return usage("which command?", "");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help();
		return finish_output();
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts("probcons " VERSION);
		return finish_output();
	}
	command = find_command(argv[1]);
	if (!command)
		return usage("unknown command ", argv[1]);
	code = parse(command, argc - 1, argv + 1, &arguments);
	if (code == 0)
		code = parse_operands(command, argc - 1, argv + 1, &arguments);
	if (code != 0)
		return code < 0 ? finish_output() : code;
	code = command->run(&arguments, &error);
	if (code < 0) {
		(void)fprintf(stderr, "probcons %s: %s\n", command->name,
			hb_error_format(&error, text, sizeof(text)));
		return exit_code(command, &error);
	}
	return finish_output() ? 1 : code;
}
