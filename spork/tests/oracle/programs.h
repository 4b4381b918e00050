/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ways in which generated cases are compiled and linked, and doing so. */
#ifndef SPORK_ORACLE_PROGRAMS_H
#define SPORK_ORACLE_PROGRAMS_H

#include <stdint.h>

struct oracle_build {
	const char *name;
	const char *compiler;
	const char *flags; /* split at blanks */
};

/* Ends with a NULL name. */
extern const struct oracle_build oracle_builds[];
/* The same for cases whose children also load libraries. */
extern const struct oracle_build oracle_library_builds[];

/*
 * compile - write and compile cases @first ... of @seed as @folder/BUILD.c and @folder/BUILD.
 * Returns 0, -ENOENT (no such compiler here), or -EIO after the compiler has said why on standard error. Blocks.
 */
int oracle_compile(
	const struct oracle_build *build, const char *folder, uint64_t seed, int first, int count);

#endif
