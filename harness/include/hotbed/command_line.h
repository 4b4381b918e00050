/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The long options of a subcommand, read into variables. Not thread-safe: getopt_long(3) keeps its place in globals. */
#ifndef HOTBED_COMMAND_LINE_H
#define HOTBED_COMMAND_LINE_H

#include <stdint.h>

struct hb_error;

/*
 * One option of a command: where its argument goes. Exactly one of the targets is set; a flag takes no argument.
 * Tables end with an entry whose name is NULL.
 */
struct hb_option_target {
	const char *name;
	double *real;
	uint64_t *u64;
	int64_t *i64;
	const char **text;
	_Bool *flag;
	_Bool required;
};

/*
 * hb_options_read - parse @argv by @options; nothing may follow them. Every option at most once, numbers whole.
 * Returns 0 or -EINVAL with the option's name in @reterr. Targets of options that are not given keep their values.
 */
int hb_options_read(
	int argc, char **argv, const struct hb_option_target *options, struct hb_error *reterr);

#endif
