/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subcommands of the program nicos. */
#ifndef NICOS_COMMAND_H
#define NICOS_COMMAND_H

#include <stdint.h>

#include <hotbed/command_line.h>

struct hb_error;
struct nic_des_options;

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

/* read_arrival_word - --arrival into arrival and burst_*. 0 or -EINVAL. */
int read_arrival_word(const char *word, struct nic_des_options *o, struct hb_error *reterr);

/* read_popularity_word - --popularity as the exponent. 0 or -EINVAL. */
int read_popularity_word(const char *word, double *ret_zipf, struct hb_error *reterr);

extern const struct command command_check;
extern const struct command command_demo;
extern const struct command command_live;
extern const struct command command_sim;

#endif
