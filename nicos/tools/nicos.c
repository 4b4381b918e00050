/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nicos: the card as a part of the operating system. Exit codes: 0 done, 1 the question has no answer
 * or its files cannot be read, 2 the command line is wrong, 77 this machine cannot do it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/suggest.h>

#include "command.h"

#define VERSION "0.1.0"
#define ERROR_BYTES 2048

static const struct command *const commands[] = {
	&command_sim,
	&command_live,
	&command_demo,
	&command_check,
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	(void)printf("usage: nicos COMMAND [OPTIONS]\n\n"
		     "The network card as a part of the operating system: who runs what, where and "
		     "when.\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		(void)printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
	(void)printf("\n'nicos COMMAND --help' lists the options; nicos(1) has examples.\n");
}

/* The answer must have arrived. */
static int finish_output(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		(void)fprintf(stderr, "nicos: cannot write the answer: %s\n", strerror(errno));
		return 1;
	}
	return 0;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct hb_error error = {0};
	char text[ERROR_BYTES];
	int code;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			(void)printf("usage: nicos %s [OPTIONS]\n\n%s\n\n%s", command->name,
				command->summary, command->help);
			return finish_output();
		}
	}
	code = command->run(argc, argv, &error);
	if (code >= 0)
		return finish_output() ? 1 : code;
	(void)fprintf(stderr, "nicos %s: %s\n", command->name,
		hb_error_format(&error, text, sizeof(text)));
	if (error.code == -ENOTSUP)
		return 77;
	return error.code == -EINVAL && error.path[0] == '\0' ? 2 : 1;
}

int main(int argc, char **argv)
{
	const char *names[COMMAND_COUNT + 1] = {NULL};
	const char *near;

	if (argc < 2) {
		(void)fprintf(stderr, "nicos: which command? see 'nicos --help'\n");
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help();
		return finish_output();
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts("nicos " VERSION);
		return finish_output();
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		names[i] = commands[i]->name;
		if (strcmp(names[i], argv[1]) == 0)
			return run(commands[i], argc - 1, argv + 1);
	}
	near = hb_suggest(argv[1], names);
	(void)fprintf(stderr, "nicos: unknown command '%.80s'%s%s%s; see 'nicos --help'\n", argv[1],
		near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
	return 2;
}
