/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts as numbers: equal texts get the same number, from 1 on. Not thread-safe. */
#ifndef PC_TEXT_TABLE_H
#define PC_TEXT_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct pc_text_table;

/* text_table_create - an empty table, or NULL (no memory). */
struct pc_text_table *text_table_create(void);

/* text_table_destroy - NULL is allowed. */
void text_table_destroy(struct pc_text_table *table);

/* text_table_number - number of @text (@length_bytes, any bytes). 0, -ENOMEM or -E2BIG (4e9 bytes or texts). */
int text_table_number(
	struct pc_text_table *table, const char *text, size_t length_bytes, uint32_t *ret);

/*
 * text_table_text - the text of @number, terminated; valid until the next new text.
 * @ret_length_bytes: may be NULL.
 */
const char *text_table_text(
	const struct pc_text_table *table, uint32_t number, size_t *ret_length_bytes);

/* text_table_count - the highest number given. */
uint32_t text_table_count(const struct pc_text_table *table);

/* text_table_bytes - memory that the table takes. */
size_t text_table_bytes(const struct pc_text_table *table);

#endif
