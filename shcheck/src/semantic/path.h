/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Paths as terms, and the symbolic file system on them (design page, "File system"). Hierarchical: what is known of a
 * folder answers for what is below it.
 */
#ifndef SHCHECK_SEMANTIC_PATH_H
#define SHCHECK_SEMANTIC_PATH_H

#include "command.h"

/*
 * shc_path_normal - @path as an absolute term without empty and "." components and without a trailing slash.
 * ".." stays:
 * what it means depends on links. A path that begins with an unknown which may be relative stays as it is.
 * NULL when there is no memory.
 */
const struct shc_term *shc_path_normal(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_term *path);

/* shc_path_may_be_relative - may @path (normal) be one in whatever directory the shell is then? */
bool shc_path_may_be_relative(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_term *path);

/* shc_path_moved - @state is in another directory: what is known of relative paths meant those of before. */
void shc_path_moved(struct shc_interpreter *in, struct shc_state *state);

/* shc_path_anywhere - from @range on, @state is in a directory of which nothing is known. 0 or -ENOMEM. */
int shc_path_anywhere(struct shc_interpreter *in, struct shc_state *state, struct shc_range range);

/* shc_path_fact - what is known of @path (normal): the fact on it or on a folder above, or NULL. */
const struct shc_fact *shc_path_fact(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_term *path);

/* shc_path_learn - from now on there is @kind at @path (normal). 0 or -ENOMEM. */
int shc_path_learn(struct shc_interpreter *in, struct shc_state *state, const struct shc_term *path,
	enum shc_file_kind kind, struct shc_range range);

/*
 * shc_path_shake - something changes files: whatever is known of others is assumed from now on, since a link or an
 * unknown name may lead to them.
 */
void shc_path_shake(struct shc_state *state);

/* shc_path_assume - shc_path_shake(), then shc_path_learn() of what holds if the change was not refused. */
int shc_path_assume(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_term *path, enum shc_file_kind kind, struct shc_range range);

/*
 * shc_path_asked - what a test @asked (a letter) of @path, or of @path and @other, has said: .kind is NOTHING for no;
 * NULL where it was not asked. shc_path_answer - it has said @answer; of files that holds only until something happens.
 * 0 or -ENOMEM.
 */
const struct shc_fact *shc_path_asked(const struct shc_state *state, char asked,
	const struct shc_term *path, const struct shc_term *other);
int shc_path_answer(struct shc_state *state, char asked, const struct shc_term *path,
	const struct shc_term *other, bool answer, struct shc_range range);

/* shc_check_outputs - SH112 and SH113, after the analysis. */
void shc_check_outputs(struct shc_interpreter *in);

/* shc_path_empty - everything was deleted that @path stands for (normal), "folder/" and a pattern "*". 0 or -ENOMEM. */
int shc_path_empty(struct shc_interpreter *in, struct shc_state *state, const struct shc_term *path,
	struct shc_range range);

/* shc_path_seen - a command has @term as an operand, or NULL: anything; what was written there may have been read. */
void shc_path_seen(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_term *term);

/* shc_path_perhaps_made - a command that is not known has @term as an operand: it may make what was absent there. */
void shc_path_perhaps_made(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_term *term);

/* shc_path_forget_tested - time has passed: what tests have seen may have changed. */
void shc_path_forget_tested(struct shc_state *state);

/* shc_field_harm - can @field be a protected path, unknowns that may be empty taken as empty? The first way found. */
struct shc_harm shc_field_harm(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_field *field);

/* shc_redirects_may_fail - may opening one of the redirections of @command be refused? */
bool shc_redirects_may_fail(const struct shc_command *command);

/* shc_path_is_being_read - does another stage of the running pipeline read @path (normal)? */
bool shc_path_is_being_read(const struct shc_interpreter *in, const struct shc_term *path);

/* shc_redirect_open - the effect of a redirection on files, and its checks. 0 or -ENOMEM. */
int shc_redirect_open(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_redirect *redirect, struct shc_state *state);

/* shc_check_pending - SH702: @call takes @path (normal) away, which a command in the background may still read. */
void shc_check_pending(
	const struct shc_call *call, const struct shc_state *state, const struct shc_term *path);

/* shc_path_read - @path (normal) is read by a command: what was written there is not lost; a stage of a pipeline
 * remembers it. 0 or -ENOMEM. */
int shc_path_read(struct shc_interpreter *in, struct shc_state *state, const struct shc_term *path);

#endif
