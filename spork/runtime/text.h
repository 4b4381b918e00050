/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strings without libc. Nothing here allocates; all are safe in a vfork child. */
#ifndef SPORK_TEXT_H
#define SPORK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool text_starts(const char *text, const char *prefix);
bool text_equal(const char *a, const char *b);
/* What follows the last slash. */
const char *text_base(const char *path);
/* Append to the terminated text of length @at; cut where @capacity ends. Return the new length. */
size_t text_append(char *buffer, size_t capacity, size_t at, const char *text);
size_t text_append_number(char *buffer, size_t capacity, size_t at, uint64_t value, unsigned base);
/* A decimal number at the start of @text: what follows it, or NULL. */
const char *text_number(const char *text, uint64_t *ret);

#endif
