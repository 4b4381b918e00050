/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What kind of program a file is, as far as loading us is concerned. Nothing is remembered here. */
#ifndef SPORK_KIND_H
#define SPORK_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "spork/statistics.h"

#define KIND_HEAD_BYTES 1024

/*
 * One file: what it is, or, where *@ret_next is not NULL, a script, whose interpreter is named there, in @head
 * (KIND_HEAD_BYTES).
 */
enum spork_notice kind_of_file(
	int directory, const char *path, int flags, uint8_t *head, const char **ret_next);
/* Scripts count as their interpreters; everything counts as out of reach where our library is. */
enum spork_notice kind_of_program(int directory, const char *path, int flags);

/* The dynamic linker tells what it loads: it must not tell of us. And nothing may come before some libraries. */
bool kind_is_watched(char *const *envp);

#endif
