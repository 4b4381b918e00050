/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Subcommands of the program spork. Each parses its own options, because what follows `--` belongs to another
 * program; messages and exit codes are common.
 */
#ifndef SPORK_COMMAND_H
#define SPORK_COMMAND_H

struct hb_error;

struct command {
	const char *name;
	const char *usage; /* what follows the name */
	const char *help;  /* one line; NULL: not for users */
	/* @argv[0] is the command's name. Returns the exit status of the program. */
	int (*run)(int argc, char **argv);
};

extern const struct command command_check;
extern const struct command command_run;
extern const struct command command_cache;
extern const struct command command_explain;
extern const struct command command_scan;
extern const struct command command_serve;

/* The exit status of spork itself where it is not another program's: usage (2), or a fault of its own (125). */
#define SPORK_EXIT_USAGE 2
#define SPORK_EXIT_FAULT 125

/* command_usage - print "spork NAME: TEXT" and where help is; returns SPORK_EXIT_USAGE. */
int command_usage(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* command_fault - print the error of @command; returns SPORK_EXIT_FAULT. */
int command_fault(const struct command *command, const struct hb_error *error);

#endif
