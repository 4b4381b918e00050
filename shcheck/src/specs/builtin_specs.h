/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of shcheck/data/specs, put into the program by embed.sh. */
#ifndef SHCHECK_SPECS_BUILTIN_SPECS_H
#define SHCHECK_SPECS_BUILTIN_SPECS_H

#include <stddef.h>

struct shc_builtin_spec {
	const char *path, *text;
	size_t length;
};

/* Ended by an entry without text. */
extern const struct shc_builtin_spec shc_builtin_specs[];

#endif
