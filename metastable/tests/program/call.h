/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program as a user calls it, for tests. */
#ifndef METASTABLE_TESTS_PROGRAM_CALL_H
#define METASTABLE_TESTS_PROGRAM_CALL_H

#define TEXT_BYTES (1 << 20)

/* Standard output of the last call, standard error behind it. */
extern char out[TEXT_BYTES];

/* call - run `metastable ARGUMENTS` in the folder of models. Returns the exit code. */
int call(const char *arguments);

/* read_text - the file @path into @ret of TEXT_BYTES bytes. */
void read_text(const char *path, char *ret);

#endif
