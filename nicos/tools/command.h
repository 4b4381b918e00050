/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subcommands of the program nicos. */
#ifndef NICOS_COMMAND_H
#define NICOS_COMMAND_H

#include <getopt.h>
#include <stdint.h>

struct hb_error;

struct command {
	const char *name;
	const char *summary; /* one line */
	const char *help;    /* the options, a line each */
	/*
	 * Gets its name as argv[0]; prints to standard output. Returns 0; a positive exit code of its own; -EINVAL
	 * without a path in @reterr for a wrong command line; -ENOTSUP where this machine cannot do it; another
	 * -errno, or -EINVAL with a path, where the question has no answer.
	 */
	int (*run)(int argc, char **argv, struct hb_error *reterr);
};

extern const struct command command_sim;

/*
 * One option of a command: where its argument goes. Exactly one of the targets is set; a flag takes no argument.
 * Tables end with an entry whose name is NULL.
 */
struct option_target {
	const char *name;
	double *real;
	uint64_t *u64;
	int64_t *i64;
	const char **text;
	_Bool *flag;
	_Bool required;
};

/*
 * options_read - parse @argv by @options; nothing may follow them. Every option at most once, numbers whole.
 * Returns 0 or -EINVAL with the option's name in @reterr. Targets of options that are not given keep their values.
 */
int options_read(
	int argc, char **argv, const struct option_target *options, struct hb_error *reterr);

#endif
