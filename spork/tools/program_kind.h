/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Can the runtime be in a program at all? The same rules as in runtime/kind.c, for the first program of a run. */
#ifndef SPORK_PROGRAM_KIND_H
#define SPORK_PROGRAM_KIND_H

enum program_kind {
	PROGRAM_DYNAMIC, /* the runtime is loaded; also what cannot be read or does not exist */
	PROGRAM_STATIC,  /* static, or of another dynamic linker: runs untouched */
	PROGRAM_SETUID   /* set-id or with file capabilities: runs untouched */
};

/* program_kind - of what execvp(@name) would start; scripts count as their interpreters. */
enum program_kind program_kind(const char *name);
/* "dynamic", "static", "setuid". */
const char *program_kind_name(enum program_kind kind);

#endif
