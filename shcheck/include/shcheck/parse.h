/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From bytes to the tree of shcheck/ast.h: POSIX.1-2017 chapter 2, dash 0.5.12 and bash 5.2. Nothing is executed and no
 * alias is expanded. Time and memory are linear in the size of the source. Thread-safe on different scripts.
 */
#ifndef SHCHECK_PARSE_H
#define SHCHECK_PARSE_H

#include <stdio.h>

#include <shcheck/ast.h>

struct hb_error;
struct shc_arena;
struct shc_findings;

struct shc_comment {
	struct shc_range range; /* from # to before the end of the line */
	struct shc_comment *next;
};

/* An `alias name=value` that was seen: the program may mean something else where `name` is used later. */
struct shc_alias {
	struct shc_text name;
	struct shc_range range; /* of the operand */
	struct shc_alias *next;
};

/* One parsed source; owns its nodes, not the source. */
struct shc_script {
	const struct shc_source *source;
	enum shc_dialect dialect;
	struct shc_list *list; /* never NULL; what could be read, also when there were errors */
	struct shc_comment *comments;
	struct shc_alias *aliases;
	uint32_t command_count; /* commands have ids below this */
	uint32_t error_count;   /* findings of severity error: a shell refuses the script */
	struct shc_arena *arena;
};

/*
 * shc_parse - parse @source as @dialect. Syntax findings (SH9xx) are added to @findings; the tree is made also when
 * there are errors, without the statements that could not be read.
 * @ret: release with shc_script_destroy(), before @source.
 *
 * Returns 0 (errors in the script included) or -ENOMEM.
 */
int shc_parse(const struct shc_source *source, enum shc_dialect dialect,
	struct shc_findings *findings, struct shc_script **ret);

/* shc_script_destroy - release the tree; NULL is allowed. */
void shc_script_destroy(struct shc_script *script);

/*
 * shc_dialect_of_name - the dialect called @name: sh, posix, dash, ash, bash.
 * Returns 0, -ENOTSUP for shells whose language is another (ksh, zsh, fish, csh, ...) or -EINVAL for unknown names; the
 * reason is in @reterr.
 */
int shc_dialect_of_name(const char *name, enum shc_dialect *ret, struct hb_error *reterr);

/*
 * shc_dialect_detect - the dialect of @source: its first line (#!, also through env, or an Emacs or shellcheck comment
 * naming the shell), else a line among the first ones that only zsh has (#compdef, setopt), else the extension of its
 * name (.sh is bash when nothing else is said, as sourced files are), else bash. -ENOTSUP as above, also for other
 * interpreters than shells.
 */
int shc_dialect_detect(
	const struct shc_source *source, enum shc_dialect *ret, struct hb_error *reterr);

/* shc_dialect_name - "sh", "dash" or "bash". */
const char *shc_dialect_name(enum shc_dialect dialect);

/*
 * shc_dump - print the tree of @script to @stream, a node a line with its range, for people and tests.
 * Errors of @stream are left to the caller.
 */
void shc_dump(const struct shc_script *script, FILE *stream);

/*
 * shc_print - print @script to @stream as a shell program of the same meaning: a statement a line, no comments. Parsing
 * the output gives an equal tree (shc_equal()) when the script had no errors.
 */
void shc_print(const struct shc_script *script, FILE *stream);

/*
 * shc_equal - are the trees the same but for ranges and ids, adjacent literal parts taken as one?
 * On a difference *ret_where (may be NULL) is the range in @left of the smallest node that differs.
 */
bool shc_equal(
	const struct shc_script *left, const struct shc_script *right, struct shc_range *ret_where);

#endif
