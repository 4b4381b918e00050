/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * $0: the path by which the script was started, which is absolute, relative with a folder in it, or a bare name. Where
 * a command takes it apart the state is split by these three, so that what comes of it fits together: of a bare name
 * ${0%/ *} is the name itself, and its folder is ".", the directory at the start. A script is not called by a name that
 * begins with a dash, which the shell would take for an option, nor by one that ends in a slash.
 */
#ifndef SHCHECK_SEMANTIC_SCRIPT_NAME_H
#define SHCHECK_SEMANTIC_SCRIPT_NAME_H

#include "command.h"

/* shc_script_name_language - what $0 may be. All text when that is too large. */
const struct shc_dfa *shc_script_name_language(struct shc_dfa_pool *pool);

/* shc_split_script_name - where @command takes $0 apart, split every state of @now by its three forms. 0 or -ENOMEM. */
int shc_split_script_name(
	struct shc_interpreter *in, const struct shc_command *command, struct shc_outcomes *now);

/*
 * shc_path_part - what `basename @operand`, or `dirname @operand`, prints without its newline; NULL where that is only
 * known as their specifications say it (or there is no memory).
 */
const struct shc_term *shc_path_part(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_term *operand, bool folder, struct shc_range range);

#endif
