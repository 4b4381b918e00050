/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spork: programs whose fork and exec cost what posix_spawn costs. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>

#include "command.h"

#define VERSION "0.1.0"
#define ERROR_BYTES 2048

static const struct command *const commands[] = {
#ifdef __x86_64__
	&command_run,
	&command_check,
	&command_cache,
	&command_serve,
#endif
	&command_scan,
	&command_explain,
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

int command_usage(const struct command *command, const char *format, ...)
{
	va_list arguments;

	(void)fprintf(stderr, "spork %s: ", command->name);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fprintf(stderr, "; see 'spork %s --help'\n", command->name);
	return SPORK_EXIT_USAGE;
}

int command_fault(const struct command *command, const struct hb_error *error)
{
	char text[ERROR_BYTES];

	(void)fprintf(stderr, "spork %s: %s\n", command->name,
		hb_error_format(error, text, sizeof(text)));
	return SPORK_EXIT_FAULT;
}

static void print_help(void)
{
	(void)printf("usage: spork COMMAND [OPTIONS]\n\n"
		     "Runs unmodified programs whose fork and exec cost about what posix_spawn "
		     "costs.\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (commands[i]->help)
			(void)printf("  %-8s %s\n", commands[i]->name, commands[i]->help);
	}
	(void)printf("\n'spork COMMAND --help' lists the options; spork(1) has examples.\n");
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 2) {
		(void)fprintf(stderr, "spork: which command? see 'spork --help'\n");
		return SPORK_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help();
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts("spork " VERSION);
		return 0;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i]->name, argv[1]) != 0)
			continue;
		status = commands[i]->run(argc - 1, argv + 1);
		if (status == 0 && (fflush(stdout) || ferror(stdout))) {
			(void)fprintf(
				stderr, "spork: cannot write the answer: %s\n", strerror(errno));
			return SPORK_EXIT_FAULT;
		}
		return status;
	}
	(void)fprintf(stderr, "spork: unknown command %s; see 'spork --help'\n", argv[1]);
	return SPORK_EXIT_USAGE;
}
