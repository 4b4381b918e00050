/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tree of tree-sitter's grammar of bash as a second opinion. Its known faults are put right before the comparison
 * (arguments after a redirection belong to the command; tests are not compared word by word, since their words are read
 * as expressions); what differs then is reported, and our tree stands. Thread-safe on different scripts.
 */
#ifndef SHCHECK_CONCRETE_H
#define SHCHECK_CONCRETE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shcheck/parse.h>

enum shc_concrete_kind {
	SHC_CONCRETE_COMMAND, /* where its first word begins */
	SHC_CONCRETE_WORD, /* names, arguments, values of assignments, words of `for` and `case` */
	SHC_CONCRETE_REDIRECT, /* from its number or operator to the end of its word */
	SHC_CONCRETE_KIND_COUNT,
};

struct shc_disagreement {
	enum shc_concrete_kind kind;
	struct shc_range range;
	bool here; /* only our tree has it; false = only the concrete one */
};

struct shc_cross_check {
	uint32_t agreeing[SHC_CONCRETE_KIND_COUNT]; /* found in both trees */
	uint32_t error_count;          /* ERROR and MISSING nodes of the concrete tree */
	struct shc_disagreement *rows; /* by start, then kind */
	size_t count;
};

/*
 * shc_cross_check - compare the tree of @script with the concrete one.
 * @ret: released with shc_cross_check_finish().
 *
 * Returns 0, -ENOMEM, -ENOTSUP (the installed library does not take the grammar) or -ETIME (the concrete tree was not
 * ready after ten seconds).
 */
int shc_cross_check(const struct shc_script *script, struct shc_cross_check *ret);

/* shc_cross_check_finish - release the rows; zero-initialised structs are allowed. */
void shc_cross_check_finish(struct shc_cross_check *check);

/* shc_concrete_kind_name - "command", "word" or "redirect". */
const char *shc_concrete_kind_name(enum shc_concrete_kind kind);

#endif
