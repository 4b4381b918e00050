/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bracket expressions, as patterns and regular expressions share them (POSIX XBD 9.3.5, C locale). */
#ifndef SHCHECK_AUTOMATA_BRACKET_H
#define SHCHECK_AUTOMATA_BRACKET_H

#include <shcheck/automaton.h>

enum bracket_flags {
	BRACKET_BANG = 1 << 0,   /* ! negates, as in patterns; otherwise only ^ */
	BRACKET_ESCAPE = 1 << 1, /* a backslash quotes the byte behind it, as in patterns */
	BRACKET_SLASH = 1 << 2,  /* a slash means that this is no bracket expression */
	BRACKET_FOLD = 1 << 3,   /* upper and lower case are the same */
};

enum bracket_result {
	BRACKET_FOUND,
	BRACKET_OPEN, /* never closed */
	BRACKET_INVALID, /* unknown class, range end before its start, collating element of several bytes */
};

/*
 * bracket_parse - read a bracket expression.
 * @text: behind the opening bracket; @length bytes.
 * @ret_set: the bytes it stands for, after negation; NUL is not in it.
 * @ret_length: bytes read, with the closing bracket if there is one. The time it takes is linear in them, but for names
 *   like [:alpha:] that are not closed, each kind of which is looked for once in the rest of the text.
 */
enum bracket_result bracket_parse(const char *text, size_t length, unsigned int flags,
	struct shc_byte_set *ret_set, size_t *ret_length);

/* byte_set_fold - with each ASCII letter the other case of it. */
void byte_set_fold(struct shc_byte_set *set);

#endif
