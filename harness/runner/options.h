/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of `hotbed` behind command.h: parsing one subcommand's arguments from its option table, and the
 * texts made from the same tables (--help, man pages in scdoc, bash completion). Not thread-safe: getopt_long(3).
 */
#ifndef HOTBED_RUNNER_OPTIONS_H
#define HOTBED_RUNNER_OPTIONS_H

#include <stdio.h>

#include "command.h"

struct hb_error;

/* hb_shared_options - what every subcommand accepts: --json --quiet --color --help; ends with name NULL. */
extern const struct hb_option hb_shared_options[];

/*
 * hb_arguments_parse - read what follows the subcommand's name.
 * @command: whose table to use; kept by reference. @argc, @argv: argv[0] is the subcommand; reordered, and kept by
 * reference as long as *@ret lives. @ret: freed with hb_arguments_destroy().
 *
 * Returns 0, -EINVAL (unknown option with a suggestion, missing or unwanted value) or -ENOMEM.
 */
int hb_arguments_parse(const struct hb_command *command, int argc, char **argv,
	struct hb_arguments **ret, struct hb_error *reterr);

/* hb_arguments_destroy - free @arguments; NULL is allowed. */
void hb_arguments_destroy(struct hb_arguments *arguments);

/* hb_command_find - entry of @commands (NULL-terminated) called @name, or NULL. */
const struct hb_command *hb_command_find(
	const struct hb_command *const *commands, const char *name);

/* hb_command_option_at - option @index of @command, its own ones first, then the shared ones; NULL past the end. */
const struct hb_option *hb_command_option_at(const struct hb_command *command, size_t index);

/* hb_help_program, hb_help_command - the text of `hotbed --help` and of `hotbed help CMD`. */
void hb_help_program(FILE *file, const struct hb_command *const *commands);
void hb_help_command(FILE *file, const struct hb_command *command);

/* hb_manual_program, hb_manual_command - hotbed(1) and hotbed-CMD(1) as scdoc(5) source. */
void hb_manual_program(FILE *file, const struct hb_command *const *commands);
void hb_manual_command(FILE *file, const struct hb_command *command);

/* hb_completion_bash - a bash completion script for `hotbed` and `./hotbed`. */
void hb_completion_bash(FILE *file, const struct hb_command *const *commands);

#endif
