/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See journal.h. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/file.h>
#include <hotbed/json.h>

#include <metastable/text_file.h>

#include "journal.h"

#define SCHEMA "metastable.map-journal/1"
#define BYTES_MAX ((size_t)1 << 30)
#define SYNC_NS 500000000

static const char *const recover_keys[] = {"recover_lo", "recover", "recover_hi"};
static const char *const collapse_keys[] = {"collapse_lo", "collapse", "collapse_hi"};

/* ---- lines to cells ---- */

static int read_class(const cJSON *object, enum ms_class *ret, struct hb_error *reterr)
{
	const char *name;
	int code = hb_json_get_text(object, "class", &name, reterr);

	for (int k = 0; !code && k <= MS_UNKNOWN; k++) {
		if (strcmp(ms_class_name((enum ms_class)k), name) == 0) {
			*ret = (enum ms_class)k;
			return 0;
		}
	}
	return code ? code : hb_error_set(reterr, -EBADMSG, "class: `%.40s` is none", name);
}

static int read_level(const cJSON *object, enum ms_level *ret, struct hb_error *reterr)
{
	const char *name;
	int code = hb_json_get_text(object, "level", &name, reterr);

	for (int l = 0; !code && l < MS_LEVEL_COUNT; l++) {
		if (strcmp(ms_level_name((enum ms_level)l), name) == 0) {
			*ret = (enum ms_level)l;
			return 0;
		}
	}
	return code ? code : hb_error_set(reterr, -EBADMSG, "level: `%.40s` is none", name);
}

static int read_verdict(const cJSON *object, struct ms_verdict *ret, struct hb_error *reterr)
{
	int64_t refusal = 0;
	uint64_t runs = 0;
	int code = read_level(object, &ret->level, reterr);

	if (!code)
		code = read_class(object, &ret->kind, reterr);
	for (int i = 0; !code && i < 3; i++) {
		code = hb_json_get_double(object, recover_keys[i], &ret->recover_s[i], reterr);
		if (!code)
			code = hb_json_get_double(
				object, collapse_keys[i], &ret->collapse_s[i], reterr);
	}
	if (!code)
		code = hb_json_get_u64(object, "runs", &runs, reterr);
	if (!code)
		code = hb_json_get_double(object, "cost_s", &ret->cost_s, reterr);
	if (!code)
		code = hb_json_get_i64(object, "code", &refusal, reterr);
	if (!code && (refusal > 0 || refusal < -4095 || runs > UINT32_MAX))
		code = hb_error_set(reterr, -EBADMSG, "a number is out of range");
	ret->runs = (uint32_t)runs;
	ret->code = (int)refusal;
	(void)snprintf(
		ret->reason, sizeof(ret->reason), "%s", hb_json_text_or(object, "reason", ""));
	return code;
}

static int read_cell(const cJSON *json, struct ms_map *map, struct hb_error *reterr)
{
	struct ms_map_cell cell = {0};
	const cJSON *item;
	cJSON *levels;
	uint64_t index;
	int code = hb_json_get_u64(json, "cell", &index, reterr);

	if (!code && index >= map->count)
		code = hb_error_set(reterr, -EBADMSG, "cell: there is no such cell");
	if (!code)
		code = hb_json_get_array(json, "levels", &levels, reterr);
	if (code)
		return code;
	cell = map->cells[index];
	cell.verdict_count = 0;
	cJSON_ArrayForEach(item, levels)
	{
		if (cell.verdict_count == MS_LEVEL_COUNT)
			return hb_error_set(reterr, -EBADMSG, "levels: too many");
		code = read_verdict(item, &cell.verdicts[cell.verdict_count++], reterr);
		if (code)
			return code;
	}
	code = read_class(json, &cell.kind, reterr);
	if (code)
		return code;
	map->done += !cell.done;
	cell.done = cell.reused = true;
	map->cells[index] = cell;
	return 0;
}

int journal_take(const char *line, size_t length, struct ms_map *map, struct hb_error *reterr)
{
	cJSON *json = NULL;
	int code = hb_json_parse(line, length, NULL, &json, reterr);

	if (code)
		return -EBADMSG;
	code = read_cell(json, map, reterr);
	cJSON_Delete(json);
	return code ? -EBADMSG : 0;
}

/* ---- cells to lines ---- */

static int write_line(struct journal *journal, cJSON *json, struct hb_error *reterr)
{
	char *text = cJSON_PrintUnformatted(json);
	size_t length;
	int code;

	cJSON_Delete(json);
	if (!text)
		return hb_error_set(reterr, -ENOMEM, "no memory for a line of the journal");
	/* The zero byte becomes the line end: one write, so that a crash cuts at most the last line. */
	length = strlen(text);
	text[length] = '\n';
	code = hb_file_write(journal->fd, text, length + 1);
	free(text);
	if (code)
		return hb_error_set_at(reterr, code, journal->path, 0,
			"cannot be written: %s; what is there stays, free the disk and call again",
			strerror(-code));
	return 0;
}

static cJSON *verdict_json(const struct ms_verdict *verdict)
{
	cJSON *json = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(json, "level", ms_level_name(verdict->level));
	(void)cJSON_AddStringToObject(json, "class", ms_class_name(verdict->kind));
	for (int i = 0; i < 3; i++) {
		(void)hb_json_add_double(json, recover_keys[i], verdict->recover_s[i]);
		(void)hb_json_add_double(json, collapse_keys[i], verdict->collapse_s[i]);
	}
	(void)hb_json_add_u64(json, "runs", verdict->runs);
	(void)hb_json_add_double(json, "cost_s", verdict->cost_s);
	(void)hb_json_add_i64(json, "code", verdict->code);
	(void)cJSON_AddStringToObject(json, "reason", verdict->reason);
	return json;
}

int journal_append(struct journal *journal, const struct ms_map_cell *cell, struct hb_error *reterr)
{
	cJSON *json, *levels;
	int code;

	if (journal->fd < 0)
		return 0;
	json = cJSON_CreateObject();
	(void)hb_json_add_u64(json, "cell", cell->index);
	(void)cJSON_AddStringToObject(json, "class", ms_class_name(cell->kind));
	levels = cJSON_AddArrayToObject(json, "levels");
	for (uint32_t i = 0; i < cell->verdict_count; i++)
		(void)cJSON_AddItemToArray(levels, verdict_json(&cell->verdicts[i]));
	code = write_line(journal, json, reterr);
	if (!code && hb_clock_now_ns() - journal->synced_ns > SYNC_NS) {
		(void)fdatasync(journal->fd);
		journal->synced_ns = hb_clock_now_ns();
	}
	return code;
}

/* ---- open and close ---- */

static int begin_file(struct journal *journal, const char *fingerprint, const struct ms_map *map,
	struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(json, "schema", SCHEMA);
	(void)cJSON_AddStringToObject(json, "fingerprint", fingerprint);
	(void)hb_json_add_u64(json, "cells", map->count);
	return write_line(journal, json, reterr);
}

static int check_head(const struct journal *journal, const char *line, size_t length,
	const char *fingerprint, struct hb_error *reterr)
{
	cJSON *json = NULL;
	int code = hb_json_parse(line, length, journal->path, &json, NULL);
	bool is_journal = !code && strcmp(hb_json_text_or(json, "schema", ""), SCHEMA) == 0;
	bool is_ours =
		is_journal && strcmp(hb_json_text_or(json, "fingerprint", ""), fingerprint) == 0;

	cJSON_Delete(json);
	if (!is_journal)
		return hb_error_set_at(reterr, -EBADMSG, journal->path, 1,
			"this is no journal of a map; name another file");
	if (!is_ours)
		return hb_error_set_at(reterr, -EEXIST, journal->path, 1,
			"this is the journal of another model, sweep or options; name another "
			"file, or "
			"remove it");
	return 0;
}

/* Take all complete lines; what follows the last line end is cut off. */
static int take_lines(struct journal *journal, const char *text, size_t length,
	const char *fingerprint, struct ms_map *map, struct hb_error *reterr)
{
	const char *at = text, *end = text + length, *newline;
	int line = 0;

	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		size_t bytes = (size_t)(newline - at);
		struct hb_error error = {0};
		int code;

		line++;
		code = line == 1 ? check_head(journal, at, bytes, fingerprint, reterr)
				 : journal_take(at, bytes, map, &error);
		if (code && line > 1)
			return hb_error_set_at(reterr, code, journal->path, line,
				"%.200s; remove the line, its cell is computed again", error.text);
		if (code)
			return code;
		at = newline + 1;
	}
	if (ftruncate(journal->fd, at - text))
		return hb_error_set_at(reterr, -errno, journal->path, 0,
			"its torn last line cannot be cut off: %s", strerror(errno));
	return line ? 0 : begin_file(journal, fingerprint, map, reterr);
}

int journal_open(struct journal *journal, const char *path, const char *fingerprint,
	struct ms_map *map, struct hb_error *reterr)
{
	char *text = NULL;
	size_t length = 0;
	int code;

	*journal = (struct journal){.fd = -1, .path = path, .synced_ns = hb_clock_now_ns()};
	if (!path)
		return 0;
	journal->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (journal->fd < 0)
		return hb_error_set_at(
			reterr, -errno, path, 0, "cannot be opened: %s", strerror(errno));
	if (flock(journal->fd, LOCK_EX | LOCK_NB))
		return hb_error_set_at(reterr, -EBUSY, path, 0,
			"another map is writing it; wait, or name another file");
	code = ms_text_file_read(path, BYTES_MAX, &text, &length, reterr);
	if (!code)
		code = take_lines(journal, text, length, fingerprint, map, reterr);
	free(text);
	return code;
}

int journal_close(struct journal *journal)
{
	int code = 0;

	if (journal->fd < 0)
		return 0;
	if (fdatasync(journal->fd) && errno != EINVAL)
		code = -errno;
	(void)close(journal->fd);
	journal->fd = -1;
	return code;
}
