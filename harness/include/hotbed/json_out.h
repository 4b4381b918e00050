/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing JSON to a stream in the order in which it is said, numbers with 17 significant digits so that every double
 * reads back as it was. What is not finite becomes null. Not thread-safe.
 */
#ifndef HOTBED_JSON_OUT_H
#define HOTBED_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Zero-initialise except @stream. */
struct hb_json_out {
	FILE *stream;
	bool has_member; /* of the object or array that is open: a comma comes first */
};

/* hb_json_open, hb_json_close - begin and end an object ('{') or array ('['); @key: NULL in arrays and at the top. */
void hb_json_open(struct hb_json_out *out, const char *key, char bracket);
void hb_json_close(struct hb_json_out *out, char bracket);

void hb_json_put_text(struct hb_json_out *out, const char *key, const char *text);
void hb_json_put_number(struct hb_json_out *out, const char *key, double value);
void hb_json_put_u64(struct hb_json_out *out, const char *key, uint64_t value);
void hb_json_put_bool(struct hb_json_out *out, const char *key, bool value);
void hb_json_put_null(struct hb_json_out *out, const char *key);

#endif
