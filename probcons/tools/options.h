/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of options. */
#ifndef PROBCONS_OPTIONS_H
#define PROBCONS_OPTIONS_H

#include "command.h"

struct option_row {
	const char *name;
	const char *argument; /* NULL = takes none */
	const char *help;
};

extern const struct option_row option_rows[OPT_COUNT];

#endif
