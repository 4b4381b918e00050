/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Leaves: programs that start no others (spork/store.h), such as true, cat and grep. They run untouched, because
 * loading us takes longer than everything that could be gained. The helper finds out which are leaves; a wrong
 * answer only means that forks are not converted.
 */
#ifndef SPORK_LEAF_H
#define SPORK_LEAF_H

#include "spork/store.h"

/*
 * leaf_begin - map what is known about programs. When the process starts: later it may have confined itself, and
 * children find it mapped.
 */
void leaf_begin(void);

/*
 * leaf_look_up - what is known about the program at @status. SPORK_PROGRAM_STARTS, too, where leaves must not be left
 * alone: libraries of the program's user are loaded into it, which may start programs, or raw system calls are caught.
 */
enum spork_program leaf_look_up(const struct stat *status, char *const *envp);

/* leaf_ask - have the helper find out. Never blocks. */
void leaf_ask(const char *path);

#endif
