/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cJSON with the project's rules: 64-bit integers and doubles that must survive travel as strings; look-ups name the
 * missing or mistyped key; input is bounded in size and depth. Values are cJSON items: cJSON_Delete() frees them.
 *
 * Thread-safe as cJSON is: different trees in different threads.
 */
#ifndef HOTBED_JSON_H
#define HOTBED_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

struct hb_error;

/*
 * hb_json_parse - parse @text of @length_bytes (need not be terminated); trailing text other than white space is an
 * error. @path: for messages. Returns 0, -EBADMSG (with line), -E2BIG (> 1 GiB) or -ENOMEM.
 */
int hb_json_parse(const char *text, size_t length_bytes, const char *path, cJSON **ret,
	struct hb_error *reterr);

/* hb_json_read_file - the same from a regular file of at most @bytes_max bytes (0 = 256 MiB). -ENOENT etc. too. */
int hb_json_read_file(const char *path, size_t bytes_max, cJSON **ret, struct hb_error *reterr);

/*
 * hb_json_write_file - write @json (indented) to @path durably, as hotbed/file.h does. Returns 0 or -errno; on failure
 * the old file stands. Blocks on the disk.
 */
int hb_json_write_file(const char *path, const cJSON *json, struct hb_error *reterr);

/* hb_json_write_bytes_file - the same for raw bytes. */
int hb_json_write_bytes_file(
	const char *path, const void *bytes, size_t length_bytes, struct hb_error *reterr);

/* hb_json_add_* - add a member to object @object. Return 0 or -ENOMEM. u64, i64 and double become strings. */
int hb_json_add_u64(cJSON *object, const char *key, uint64_t value);
int hb_json_add_i64(cJSON *object, const char *key, int64_t value);
int hb_json_add_double(cJSON *object, const char *key, double value);
int hb_json_add_text(cJSON *object, const char *key, const char *text); /* NULL becomes "" */
int hb_json_add_bool(cJSON *object, const char *key, bool value);

/*
 * hb_json_get_* - read member @key of @object. -ENOENT (absent), -EBADMSG (not an object, wrong type or out of range),
 * with "key: why" in @reterr. u64, i64 and double accept a decimal string, or a JSON number below 2^53 in
 * size (larger ones may have been rounded on the way).
 * Text stays owned by @object.
 */
int hb_json_get_u64(const cJSON *object, const char *key, uint64_t *ret, struct hb_error *reterr);
int hb_json_get_i64(const cJSON *object, const char *key, int64_t *ret, struct hb_error *reterr);
int hb_json_get_double(const cJSON *object, const char *key, double *ret, struct hb_error *reterr);
int hb_json_get_text(
	const cJSON *object, const char *key, const char **ret, struct hb_error *reterr);
int hb_json_get_bool(const cJSON *object, const char *key, bool *ret, struct hb_error *reterr);
int hb_json_get_array(const cJSON *object, const char *key, cJSON **ret, struct hb_error *reterr);
int hb_json_get_object(const cJSON *object, const char *key, cJSON **ret, struct hb_error *reterr);

/* hb_json_text_or - member @key as text, or @fallback when it is absent or no text. */
const char *hb_json_text_or(const cJSON *object, const char *key, const char *fallback);

#endif
