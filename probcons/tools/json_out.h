/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing JSON to a stream in the order in which it is said, numbers with 17 significant digits so that every double
 * reads back as it was. What is not finite becomes null. Not thread-safe.
 */
#ifndef PROBCONS_JSON_OUT_H
#define PROBCONS_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Zero-initialise except @stream. */
struct json_out {
	FILE *stream;
	bool has_member; /* of the object or array that is open: a comma comes first */
};

/* json_open, json_close - begin and end an object ('{') or array ('['); @key: NULL in arrays and at the top. */
void json_open(struct json_out *out, const char *key, char bracket);
void json_close(struct json_out *out, char bracket);

void json_text(struct json_out *out, const char *key, const char *text);
void json_number(struct json_out *out, const char *key, double value);
void json_u64(struct json_out *out, const char *key, uint64_t value);
void json_bool(struct json_out *out, const char *key, bool value);
void json_null(struct json_out *out, const char *key);

#endif
