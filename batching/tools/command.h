/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subcommands of the program batching. */
#ifndef BATCHING_COMMAND_H
#define BATCHING_COMMAND_H

#include <stdint.h>

#include <hotbed/command_line.h>

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

extern const struct command command_attach;
extern const struct command command_estimate;
extern const struct command command_link;
extern const struct command command_load;
extern const struct command command_model;
extern const struct command command_proxy;
extern const struct command command_queue;
extern const struct command command_run;
extern const struct command command_serve;

#endif
