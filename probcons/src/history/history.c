/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Histories as JSON lines. */
#include <probcons/history.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#include "text_table.h"

#define LINE_BYTES_MAX ((size_t)1 << 20)
#define NONE UINT32_MAX

enum event_type {
	INVOKE,
	OK,
	FAIL,
	INFO,
};

struct event {
	double time;
	uint32_t process, key, value, expected, line;
	uint8_t type, kind;
	bool has_value;
};

struct reader {
	const char *path;
	int line;
	struct hb_error *reterr;
	struct event *events;
	size_t count, capacity;
	struct pc_text_table *processes;
	struct pc_history history;
	uint32_t *open; /* by process: its operation without answer, or NONE */
};

void pc_history_finish(struct pc_history *history)
{
	free(history->operations);
	text_table_destroy(history->keys);
	text_table_destroy(history->values);
	*history = (struct pc_history){0};
}

int pc_history_add(struct pc_history *history, const struct pc_operation *operation)
{
	if (history->count == history->capacity) {
		uint32_t wanted = history->capacity ? history->capacity * 2 : 64;
		struct pc_operation *larger;

		larger = realloc(history->operations, wanted * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		history->operations = larger;
		history->capacity = wanted;
	}
	history->operations[history->count++] = *operation;
	return 0;
}

const char *pc_history_key(const struct pc_history *history, uint32_t key)
{
	return history->keys ? text_table_text(history->keys, key + 1, NULL) : "";
}

static int bad(struct reader *r, const char *why)
{
	return hb_error_set_at(r->reterr, -EBADMSG, r->path, r->line, "%s", why);
}

/* A text or a number as a number of @table; null is 0 where that is allowed. */
static int take_text(struct reader *r, struct pc_text_table *table, const cJSON *item,
	bool null_allowed, const char *why, uint32_t *ret)
{
	char digits[32];
	int err;

	if (null_allowed && (!item || cJSON_IsNull(item))) {
		*ret = 0;
		return 0;
	}
	if (cJSON_IsString(item)) {
		err = text_table_number(table, item->valuestring, strlen(item->valuestring), ret);
	} else if (cJSON_IsNumber(item)) {
		(void)snprintf(digits, sizeof(digits), "%.17g", item->valuedouble);
		err = text_table_number(table, digits, strlen(digits), ret);
	} else {
		return bad(r, why);
	}
	return err ? hb_error_set_at(r->reterr, err, r->path, r->line, "%s",
			     err == -E2BIG ? "too many different texts" : "out of memory")
		   : 0;
}

/* One of the words of @names (NULL-terminated): its number, or -1. */
static int word_of(const cJSON *item, const char *const *names)
{
	for (int i = 0; cJSON_IsString(item) && names[i]; i++) {
		if (strcmp(item->valuestring, names[i]) == 0)
			return i;
	}
	return -1;
}

static int take_value(struct reader *r, const cJSON *item, struct event *event)
{
	int err;

	if (event->kind != PC_CAS)
		return take_text(r, r->history.values, item, true,
			"\"value\" must be a text, a number or null", &event->value);
	if (!item || cJSON_IsNull(item))
		return 0;
	if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != 2)
		return bad(r, "the \"value\" of cas must be [old,new]");
	err = take_text(r, r->history.values, item->child, true,
		"the old value of cas must be a text, a number or null", &event->expected);
	return err ? err
		   : take_text(r, r->history.values, item->child->next, false,
			     "the new value of cas must be a text or a number", &event->value);
}

static int take_event(struct reader *r, const cJSON *json, struct event *ret)
{
	static const char *const types[] = {"invoke", "ok", "fail", "info", NULL};
	static const char *const kinds[] = {"get", "put", "append", "cas", "del", NULL};
	const cJSON *time = cJSON_GetObjectItemCaseSensitive(json, "time");
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, "value");
	struct event event = {.line = (uint32_t)r->line};
	int type = word_of(cJSON_GetObjectItemCaseSensitive(json, "type"), types);
	int kind = word_of(cJSON_GetObjectItemCaseSensitive(json, "f"), kinds);
	int err;

	if (!cJSON_IsObject(json))
		return bad(r, "an object is expected");
	if (type < 0)
		return bad(r, "\"type\" must be invoke, ok, fail or info");
	if (kind < 0)
		return bad(r, "\"f\" must be get, put, append, cas or del");
	if (!cJSON_IsNumber(time) || !isfinite(time->valuedouble))
		return bad(r, "\"time\" must be a number");
	event.type = (uint8_t)type;
	event.kind = (uint8_t)kind;
	event.time = time->valuedouble;
	event.has_value = value && !cJSON_IsNull(value);
	err = take_text(r, r->processes, cJSON_GetObjectItemCaseSensitive(json, "process"), false,
		"\"process\" must be a number or a text", &event.process);
	if (!err)
		err = take_text(r, r->history.keys, cJSON_GetObjectItemCaseSensitive(json, "key"),
			false, "\"key\" must be a text or a number", &event.key);
	if (!err)
		err = take_value(r, value, &event);
	if (!err && type == INVOKE && !event.has_value && (kind == PC_APPEND || kind == PC_CAS))
		err = bad(r, "append and cas are invoked with a \"value\"");
	if (!err)
		*ret = event;
	return err;
}

static int take_line(struct reader *r, const char *text, size_t length)
{
	struct hb_error error = {0};
	struct event event;
	cJSON *json = NULL;
	int err;

	while (length > 0 && (*text == ' ' || *text == '\t' || *text == '\r')) {
		text++;
		length--;
	}
	if (length == 0)
		return 0;
	if (length > LINE_BYTES_MAX)
		return hb_error_set_at(
			r->reterr, -E2BIG, r->path, r->line, "a line of more than 1 MiB");
	err = hb_json_parse(text, length, r->path, &json, &error);
	if (err == -ENOMEM)
		return hb_error_set_at(r->reterr, err, r->path, r->line, "out of memory");
	if (err)
		return bad(r, "this is not one JSON object");
	err = take_event(r, json, &event);
	cJSON_Delete(json);
	if (err)
		return err;
	if (r->count == r->capacity) {
		size_t wanted = r->capacity ? r->capacity * 2 : 256;
		struct event *larger = realloc(r->events, wanted * sizeof(*larger));

		if (!larger)
			return hb_error_set(r->reterr, -ENOMEM, "out of memory");
		r->events = larger;
		r->capacity = wanted;
	}
	r->events[r->count++] = event;
	return 0;
}

static int by_time_and_line(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

static int invoke(struct reader *r, const struct event *event, uint64_t moment)
{
	struct pc_operation operation = {
		.call = moment,
		.key = event->key - 1,
		.value = event->kind == PC_GET ? 0 : event->value,
		.expected = event->expected,
		.line = event->line,
		.kind = event->kind,
	};

	if (r->open[event->process] != NONE)
		return bad(r, "this process invokes again before it has an answer");
	r->open[event->process] = r->history.count;
	if (pc_history_add(&r->history, &operation))
		return hb_error_set(r->reterr, -ENOMEM, "out of memory");
	return 0;
}

/* An answer belongs to what its process invoked; where it repeats the value, it is the same. */
static int answer(struct reader *r, const struct event *event, uint64_t moment)
{
	struct pc_operation *operation;

	if (r->open[event->process] == NONE)
		return bad(r, "an answer to nothing: this process has invoked nothing");
	operation = &r->history.operations[r->open[event->process]];
	if (operation->kind != event->kind || operation->key != event->key - 1)
		return bad(r, "the answer has another \"f\" or \"key\" than the invocation");
	if (event->kind != PC_GET && event->kind != PC_DEL && event->has_value &&
		(event->value != operation->value || event->expected != operation->expected))
		return bad(r, "the answer has another \"value\" than the invocation");
	if (event->type == OK) {
		operation->answered = true;
		operation->answer = moment;
		if (event->kind == PC_GET)
			operation->value = event->value;
	} else if (event->type == FAIL) {
		operation->line = 0; /* it had no effect: taken out below */
	}
	r->open[event->process] = NONE;
	return 0;
}

static int pair(struct reader *r)
{
	uint32_t processes = text_table_count(r->processes), kept = 0;
	int err = 0;

	r->open = malloc(((size_t)processes + 1) * sizeof(*r->open));
	if (!r->open)
		return hb_error_set(r->reterr, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i <= processes; i++)
		r->open[i] = NONE;
	if (r->count > 0)
		qsort(r->events, r->count, sizeof(*r->events), by_time_and_line);
	for (size_t i = 0; i < r->count && !err; i++) {
		r->line = (int)r->events[i].line;
		err = r->events[i].type == INVOKE ? invoke(r, &r->events[i], i)
						  : answer(r, &r->events[i], i);
	}
	for (uint32_t i = 0; i < r->history.count; i++) {
		if (r->history.operations[i].line != 0)
			r->history.operations[kept++] = r->history.operations[i];
	}
	r->history.count = kept;
	r->history.key_count = text_table_count(r->history.keys);
	return err;
}

int pc_history_parse(const char *text, size_t length_bytes, const char *path,
	struct pc_history *ret, struct hb_error *reterr)
{
	struct reader r = {.path = path, .reterr = reterr};
	const char *end = text + length_bytes;
	int err = 0;

	r.processes = text_table_create();
	r.history.keys = text_table_create();
	r.history.values = text_table_create();
	if (!r.processes || !r.history.keys || !r.history.values)
		err = hb_error_set(reterr, -ENOMEM, "out of memory");
	while (!err && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;

		r.line++;
		err = take_line(&r, text, (size_t)(stop - text));
		text = newline ? newline + 1 : end;
	}
	if (!err)
		err = pair(&r);
	free(r.events);
	free(r.open);
	text_table_destroy(r.processes);
	if (err)
		pc_history_finish(&r.history);
	else
		*ret = r.history;
	return err;
}
