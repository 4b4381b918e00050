/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cJSON with the project's rules. See hotbed/json.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/file.h>
#include <hotbed/json.h>

#define TEXT_BYTES_MAX ((size_t)1 << 30)
#define FILE_BYTES_DEFAULT ((size_t)256 << 20)
/* 2^53 + 1 reads as 2^53: from here on a double may stand for another number than the text did. */
#define EXACT_MAX 0x1.0p53

static int line_of(const char *text, const char *at)
{
	int line = 1;

	while (text < at && line < INT_MAX)
		line += *text++ == '\n';
	return line;
}

/*
 * Parse @text, whose byte at [@length_bytes] is 0: cJSON before 1.7.18 may look at one byte behind the end.
 */
static int parse_terminated(const char *text, size_t length_bytes, const char *path, cJSON **ret,
	struct hb_error *reterr)
{
	const char *end = NULL;
	cJSON *json = cJSON_ParseWithLengthOpts(text, length_bytes, &end, 0);

	if (!json)
		return hb_error_set_at(reterr, -EBADMSG, path, line_of(text, end ? end : text),
			"this is not JSON%s", length_bytes == 0 ? ": it is empty" : "");
	while (end < text + length_bytes && strchr(" \t\r\n", *end) && *end)
		end++;
	if (end < text + length_bytes) {
		cJSON_Delete(json);
		return hb_error_set_at(reterr, -EBADMSG, path, line_of(text, end),
			"something follows the end of the JSON text; is the file damaged?");
	}
	*ret = json;
	return 0;
}

int hb_json_parse(const char *text, size_t length_bytes, const char *path, cJSON **ret,
	struct hb_error *reterr)
{
	char *copy;
	int rc;

	if (length_bytes > TEXT_BYTES_MAX)
		return hb_error_set_at(
			reterr, -E2BIG, path, 0, "the JSON text is longer than 1 GiB");
	copy = malloc(length_bytes + 1);
	if (!copy)
		return hb_error_set_at(reterr, -ENOMEM, path, 0,
			"not enough memory for %zu bytes of JSON", length_bytes);
	if (length_bytes)
		memcpy(copy, text, length_bytes);
	copy[length_bytes] = '\0';
	rc = parse_terminated(copy, length_bytes, path, ret, reterr);
	free(copy);
	return rc;
}

static int errno_at(struct hb_error *reterr, const char *path, const char *verb)
{
	int code = -errno;

	return hb_error_set_at(reterr, code, path, 0, "cannot %s: %s", verb, strerror(-code));
}

/* Read @size bytes, or fewer if the file became shorter. Returns the number or a negative errno. */
static ssize_t read_all(int fd, char *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = read(fd, buffer + done, size - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static int read_open_file(
	int fd, const char *path, size_t bytes_max, cJSON **ret, struct hb_error *reterr)
{
	struct stat status;
	ssize_t length;
	char *text;
	int rc;

	if (fstat(fd, &status) < 0)
		return errno_at(reterr, path, "examine");
	if (!S_ISREG(status.st_mode))
		return hb_error_set_at(reterr, S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL, path, 0,
			"this is not a regular file");
	if ((uint64_t)status.st_size > bytes_max)
		return hb_error_set_at(reterr, -E2BIG, path, 0,
			"the file has %" PRIu64 " bytes, more than the %zu accepted here",
			(uint64_t)status.st_size, bytes_max);
	text = malloc((size_t)status.st_size + 1);
	if (!text)
		return hb_error_set_at(reterr, -ENOMEM, path, 0, "not enough memory to read it");
	length = read_all(fd, text, (size_t)status.st_size);
	if (length < 0) {
		rc = hb_error_set_at(
			reterr, (int)length, path, 0, "cannot read: %s", strerror((int)-length));
	} else {
		text[length] = '\0';
		rc = parse_terminated(text, (size_t)length, path, ret, reterr);
	}
	free(text);
	return rc;
}

int hb_json_read_file(const char *path, size_t bytes_max, cJSON **ret, struct hb_error *reterr)
{
	/* Without O_NONBLOCK opening a FIFO would wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return errno_at(reterr, path, "open");
	rc = read_open_file(fd, path, bytes_max ? bytes_max : FILE_BYTES_DEFAULT, ret, reterr);
	(void)close(fd);
	return rc;
}

int hb_json_write_bytes_file(
	const char *path, const void *bytes, size_t length_bytes, struct hb_error *reterr)
{
	struct hb_file file;
	int rc = hb_file_replace(path, &file, reterr);

	if (rc < 0)
		return rc;
	if (length_bytes && fwrite(bytes, 1, length_bytes, file.stream) != length_bytes)
		rc = -errno;
	return hb_file_commit(&file, rc, reterr);
}

int hb_json_write_file(const char *path, const cJSON *json, struct hb_error *reterr)
{
	char *text = cJSON_Print(json);
	size_t length;
	int rc;

	if (!text)
		return hb_error_set_at(reterr, -ENOMEM, path, 0, "not enough memory to write JSON");
	length = strlen(text);
	text[length] = '\n'; /* in place of the terminator, which is not written */
	rc = hb_json_write_bytes_file(path, text, length + 1, reterr);
	cJSON_free(text);
	return rc;
}

int hb_json_add_text(cJSON *object, const char *key, const char *text)
{
	return cJSON_AddStringToObject(object, key, text ? text : "") ? 0 : -ENOMEM;
}

int hb_json_add_u64(cJSON *object, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	return hb_json_add_text(object, key, text);
}

int hb_json_add_i64(cJSON *object, const char *key, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	return hb_json_add_text(object, key, text);
}

int hb_json_add_double(cJSON *object, const char *key, double value)
{
	char text[HB_CSV_DOUBLE_BYTES];

	(void)hb_csv_format_double(value, text);
	return hb_json_add_text(object, key, text);
}

int hb_json_add_bool(cJSON *object, const char *key, bool value)
{
	return cJSON_AddBoolToObject(object, key, value) ? 0 : -ENOMEM;
}

static int find(const cJSON *object, const char *key, const cJSON **ret, struct hb_error *reterr)
{
	const cJSON *item;

	if (!cJSON_IsObject(object)) {
		(void)hb_error_set(reterr, -EBADMSG, "%s: stands in no object", key);
		return -EBADMSG;
	}
	item = cJSON_GetObjectItemCaseSensitive(object, key);
	if (!item) {
		(void)hb_error_set(reterr, -ENOENT, "%s: is missing", key);
		return -ENOENT;
	}
	*ret = item;
	return 0;
}

/* A JSON number that is an integer and has come through the double unchanged. */
static bool is_exact_integer(const cJSON *item)
{
	return cJSON_IsNumber(item) && fabs(item->valuedouble) < EXACT_MAX &&
	       item->valuedouble == trunc(item->valuedouble);
}

int hb_json_get_u64(const cJSON *object, const char *key, uint64_t *ret, struct hb_error *reterr)
{
	const cJSON *item;
	int rc = find(object, key, &item, reterr);

	if (rc < 0)
		return rc;
	if (cJSON_IsString(item) && hb_csv_parse_u64(item->valuestring, ret) == 0)
		return 0;
	if (is_exact_integer(item) && item->valuedouble >= 0) {
		*ret = (uint64_t)item->valuedouble;
		return 0;
	}
	return hb_error_set(reterr, -EBADMSG,
		"%s: must be a whole number from 0 to 2^64-1 (as a string where above 2^53)", key);
}

int hb_json_get_i64(const cJSON *object, const char *key, int64_t *ret, struct hb_error *reterr)
{
	const cJSON *item;
	int rc = find(object, key, &item, reterr);

	if (rc < 0)
		return rc;
	if (cJSON_IsString(item) && hb_csv_parse_i64(item->valuestring, ret) == 0)
		return 0;
	if (is_exact_integer(item)) {
		*ret = (int64_t)item->valuedouble;
		return 0;
	}
	return hb_error_set(reterr, -EBADMSG,
		"%s: must be a whole number from -2^63 to 2^63-1 (as a string where beyond 2^53)",
		key);
}

int hb_json_get_double(const cJSON *object, const char *key, double *ret, struct hb_error *reterr)
{
	const cJSON *item;
	int rc = find(object, key, &item, reterr);

	if (rc < 0)
		return rc;
	if (cJSON_IsString(item) && hb_csv_parse_double(item->valuestring, ret) == 0)
		return 0;
	if (cJSON_IsNumber(item) && isfinite(item->valuedouble) &&
		(fabs(item->valuedouble) < EXACT_MAX)) {
		*ret = item->valuedouble;
		return 0;
	}
	return hb_error_set(reterr, -EBADMSG,
		"%s: must be a decimal number (as a string where beyond 2^53)", key);
}

int hb_json_get_text(
	const cJSON *object, const char *key, const char **ret, struct hb_error *reterr)
{
	const cJSON *item;
	int rc = find(object, key, &item, reterr);

	if (rc < 0)
		return rc;
	if (!cJSON_IsString(item))
		return hb_error_set(reterr, -EBADMSG, "%s: must be a string", key);
	*ret = item->valuestring;
	return 0;
}

int hb_json_get_bool(const cJSON *object, const char *key, bool *ret, struct hb_error *reterr)
{
	const cJSON *item;
	int rc = find(object, key, &item, reterr);

	if (rc < 0)
		return rc;
	if (!cJSON_IsBool(item))
		return hb_error_set(reterr, -EBADMSG, "%s: must be true or false", key);
	*ret = cJSON_IsTrue(item);
	return 0;
}

int hb_json_get_array(const cJSON *object, const char *key, cJSON **ret, struct hb_error *reterr)
{
	const cJSON *item;
	int rc = find(object, key, &item, reterr);

	if (rc < 0)
		return rc;
	if (!cJSON_IsArray(item))
		return hb_error_set(reterr, -EBADMSG, "%s: must be an array", key);
	*ret = (cJSON *)item;
	return 0;
}

int hb_json_get_object(const cJSON *object, const char *key, cJSON **ret, struct hb_error *reterr)
{
	const cJSON *item;
	int rc = find(object, key, &item, reterr);

	if (rc < 0)
		return rc;
	if (!cJSON_IsObject(item))
		return hb_error_set(reterr, -EBADMSG, "%s: must be an object", key);
	*ret = (cJSON *)item;
	return 0;
}

const char *hb_json_text_or(const cJSON *object, const char *key, const char *fallback)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(item) ? item->valuestring : fallback;
}
