/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The blocks `trigger` and `sweep`. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>

#include "parameter.h"
#include "parser.h"

#define EXAMPLE "at 300s for 600s rate c 15/s"

/* The first trigger of a name has it; the n-th is NAMEn, so that each can be set. */
static int name_trigger(struct ms_parser *parser, const struct ms_token *at, const char *name,
	struct ms_trigger *trigger)
{
	uint32_t same = 1;
	int length;

	if (ms_model_server(parser->model, name) != MS_NONE ||
		ms_model_client(parser->model, name) != MS_NONE ||
		ms_model_cache(parser->model, name) != MS_NONE)
		return ms_parse_fail(parser, at,
			"`%s` is the name of another block; give the trigger a name of its own",
			name);
	for (uint32_t i = 0; i < parser->model->trigger_count; i++) {
		const char *other = parser->model->triggers[i].name;

		same += strncmp(other, name, strlen(name)) == 0 &&
			strspn(other + strlen(name), "0123456789") == strlen(other + strlen(name));
	}
	length = same == 1 ? snprintf(trigger->name, sizeof(trigger->name), "%s", name)
			   : snprintf(trigger->name, sizeof(trigger->name), "%s%u", name, same);
	if (length >= (int)sizeof(trigger->name))
		return ms_parse_fail(parser, at, "the trigger's name is too long; shorten it");
	return 0;
}

static int parse_target(struct ms_parser *parser, struct ms_trigger *trigger)
{
	static const char *const whats[] = {"client", "server", "server", "cache"};
	struct ms_token at = parser->token;
	char name[MS_NAME_BYTES];
	int code = ms_parse_name(parser, "the name of a block", name);

	if (code)
		return code;
	switch (trigger->kind) {
	case MS_TRIGGER_RATE:
		trigger->target = ms_model_client(parser->model, name);
		break;
	case MS_TRIGGER_FLUSH:
		trigger->target = ms_model_cache(parser->model, name);
		break;
	default:
		trigger->target = ms_model_server(parser->model, name);
		break;
	}
	if (trigger->target == MS_NONE)
		return ms_parse_fail(parser, &at,
			"there is no %s `%s`; add its block, or name another", whats[trigger->kind],
			name);
	return 0;
}

static int parse_trigger_value(struct ms_parser *parser, struct ms_trigger *trigger)
{
	struct ms_value factor = {0};

	switch (trigger->kind) {
	case MS_TRIGGER_RATE:
		return ms_parse_rate(parser, "a rate", &trigger->value);
	case MS_TRIGGER_LATENCY:
		(void)ms_parse_accept(parser, MS_TOKEN_PLUS);
		return ms_parse_time(parser, "a time", &trigger->value);
	case MS_TRIGGER_CAPACITY:
		if (parser->token.kind != MS_TOKEN_FACTOR ||
			ms_value_parse(
				parser->token.text + 1, parser->token.length - 1, &factor, NULL))
			return ms_parse_wanted(parser, "a factor, as in x0.2");
		trigger->value = factor.number;
		ms_parse_advance(parser);
		return 0;
	default:
		return 0;
	}
}

static int parse_one_trigger(struct ms_parser *parser, const char *name)
{
	struct ms_model *model = parser->model;
	struct ms_trigger trigger = {.line = parser->token.line};
	struct ms_token at = parser->token, duration;
	uint32_t kind = MS_TRIGGER_RATE;
	bool lasts;
	int code;

	if (model->trigger_count == MS_TRIGGERS_MAX)
		return hb_error_set_at(parser->reterr, -E2BIG, parser->path, at.line,
			"more than %d triggers", MS_TRIGGERS_MAX);
	code = ms_parse_expect_word(parser, "at", EXAMPLE);
	if (!code)
		code = ms_parse_time(parser, "when it begins", &trigger.at_s);
	duration = parser->token;
	lasts = !code && ms_parse_accept_word(parser, "for");
	if (lasts)
		code = ms_parse_time(parser, "how long it lasts", &trigger.duration_s);
	if (!code)
		code = ms_parse_choice(parser, "kind of trigger", ms_trigger_words, &kind);
	if (code)
		return code;
	trigger.kind = (enum ms_trigger_kind)kind;
	if (trigger.kind == MS_TRIGGER_FLUSH && lasts)
		return ms_parse_fail(parser, &duration,
			"a flush happens at once; write it as in `at 300s flush k`");
	if (trigger.kind != MS_TRIGGER_FLUSH && !lasts)
		return ms_parse_fail(parser, &duration,
			"expected `for` and how long it lasts; write it as in `" EXAMPLE "`");
	code = parse_target(parser, &trigger);
	if (!code)
		code = parse_trigger_value(parser, &trigger);
	if (!code)
		code = name_trigger(parser, &at, name, &trigger);
	if (!code)
		model->triggers[model->trigger_count++] = trigger;
	return code;
}

static int parse_list_body(struct ms_parser *parser, const char *name,
	int (*parse)(struct ms_parser *parser, const char *name))
{
	int code = ms_parse_expect(parser, MS_TOKEN_OPEN, "`{`");

	while (!code && parser->token.kind != MS_TOKEN_CLOSE) {
		if (ms_parse_accept(parser, MS_TOKEN_END_STATEMENT))
			continue;
		code = parse(parser, name);
		if (!code)
			code = ms_parse_end_statement(parser);
	}
	return code ? code : ms_parse_expect(parser, MS_TOKEN_CLOSE, "`}`");
}

int ms_parse_trigger(struct ms_parser *parser, const char *name)
{
	return parse_list_body(parser, name, parse_one_trigger);
}

/* ---- sweep ---- */

/* NAME alone: the one block that has this parameter. */
static int find_owner(struct ms_parser *parser, const struct ms_token *at, const char *name,
	struct ms_sweep_axis *axis)
{
	const struct ms_model *model = parser->model;
	const char *blocks[MS_SERVERS_MAX + MS_CLIENTS_MAX + MS_CACHES_MAX];
	char path[sizeof(axis->path)];
	uint32_t count = 0, found = 0;
	double value;

	for (uint32_t i = 0; i < model->server_count; i++)
		blocks[count++] = model->servers[i].name;
	for (uint32_t i = 0; i < model->client_count; i++)
		blocks[count++] = model->clients[i].name;
	for (uint32_t i = 0; i < model->cache_count; i++)
		blocks[count++] = model->caches[i].name;
	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "%s.%s", blocks[i], name);
		if (ms_model_get(model, path, &value, NULL))
			continue;
		memcpy(axis->path, path, sizeof(path));
		found++;
	}
	if (found == 1)
		return 0;
	return ms_parse_fail(parser, at,
		found ? "several blocks have a `%s`; write BLOCK.%s"
		      : "no block has a `%s`; write BLOCK.NAME, as in db.queue%.0s",
		name, name);
}

/* BLOCK.NAME, NAME BLOCK, or NAME if only one block has it. */
static int parse_path(struct ms_parser *parser, struct ms_sweep_axis *axis)
{
	struct ms_token at = parser->token;
	char first[MS_NAME_BYTES], second[MS_NAME_BYTES];
	enum ms_unit unit;
	int code = ms_parse_name(parser, "what to vary, as in db.queue", first);

	if (code)
		return code;
	if (ms_parse_accept(parser, MS_TOKEN_DOT)) {
		code = ms_parse_name(parser, "the name of a parameter", second);
		if (!code)
			(void)snprintf(axis->path, sizeof(axis->path), "%s.%s", first, second);
	} else if (parser->token.kind == MS_TOKEN_WORD) {
		code = ms_parse_name(parser, "the name of a block", second);
		if (!code)
			(void)snprintf(axis->path, sizeof(axis->path), "%s.%s", second, first);
	} else if (strcmp(first, "horizon") == 0) {
		(void)snprintf(axis->path, sizeof(axis->path), "horizon");
	} else {
		code = find_owner(parser, &at, first, axis);
	}
	if (!code) {
		struct hb_error error = {0};

		if (ms_parameter_unit(parser->model, axis->path, &unit, &error))
			return ms_parse_fail(parser, &at, "%s", error.text);
	}
	return code;
}

/* A value of an axis: its unit may be left out, but not be another one. */
static int parse_axis_value(struct ms_parser *parser, enum ms_unit unit, double *ret)
{
	struct ms_token at = parser->token;
	struct ms_value value = {0};
	struct hb_error error = {0};

	if (at.kind != MS_TOKEN_NUMBER)
		return ms_parse_wanted(parser, "a number");
	if (ms_value_parse(at.text, at.length, &value, &error))
		return ms_parse_fail(parser, &at, "%s", error.text);
	if (value.unit != MS_UNIT_BARE && value.unit != unit)
		return ms_parse_fail(parser, &at, "this unit does not fit what is varied");
	*ret = value.number;
	ms_parse_advance(parser);
	return 0;
}

static int parse_axis_list(struct ms_parser *parser, enum ms_unit unit, struct ms_sweep_axis *axis)
{
	int code = 0;

	axis->listed = true;
	axis->values[0] = axis->from;
	axis->count = 1;
	while (!code && ms_parse_accept(parser, MS_TOKEN_COMMA)) {
		if (axis->count == MS_SWEEP_VALUES_MAX)
			return ms_parse_fail(parser, &parser->token,
				"more than %d values; write FROM..TO step STEP",
				MS_SWEEP_VALUES_MAX);
		code = parse_axis_value(parser, unit, &axis->values[axis->count]);
		axis->count += !code;
	}
	return code;
}

static int parse_axis_range(struct ms_parser *parser, enum ms_unit unit, struct ms_sweep_axis *axis)
{
	struct ms_token at = parser->token;
	double to = 0, steps;
	int code = parse_axis_value(parser, unit, &to);

	if (!code)
		code = ms_parse_expect_word(parser, "step", "db.queue 20..200 step 5");
	if (!code)
		code = parse_axis_value(parser, unit, &axis->step);
	if (code)
		return code;
	if (!(axis->step > 0) || to < axis->from)
		return ms_parse_fail(
			parser, &at, "a range goes upwards in steps above 0; exchange its ends");
	/* The end belongs to the range in spite of rounding. */
	steps = floor((to - axis->from) / axis->step * (1 + 1e-12) + 1e-9);
	if (!(steps < MS_SWEEP_STEPS_MAX))
		return ms_parse_fail(
			parser, &at, "more than %d steps; make them longer", MS_SWEEP_STEPS_MAX);
	axis->count = (uint32_t)steps + 1;
	return 0;
}

static int parse_axis(struct ms_parser *parser, const char *name)
{
	struct ms_model *model = parser->model;
	struct ms_sweep_axis axis = {.line = parser->token.line};
	struct ms_token at = parser->token;
	enum ms_unit unit = MS_UNIT_BARE;
	int code;

	(void)name;
	if (model->axis_count == MS_SWEEP_AXES_MAX)
		return hb_error_set_at(parser->reterr, -E2BIG, parser->path, at.line,
			"more than %d axes", MS_SWEEP_AXES_MAX);
	code = parse_path(parser, &axis);
	if (code)
		return code;
	(void)ms_parameter_unit(model, axis.path, &unit, NULL);
	for (uint32_t i = 0; i < model->axis_count; i++) {
		if (strcmp(model->axes[i].path, axis.path) == 0)
			return ms_parse_fail(
				parser, &at, "`%s` is varied twice; leave one out", axis.path);
	}
	code = parse_axis_value(parser, unit, &axis.from);
	if (!code)
		code = ms_parse_accept(parser, MS_TOKEN_RANGE)
			       ? parse_axis_range(parser, unit, &axis)
			       : parse_axis_list(parser, unit, &axis);
	if (!code)
		model->axes[model->axis_count++] = axis;
	return code;
}

int ms_parse_sweep(struct ms_parser *parser)
{
	return parse_list_body(parser, "", parse_axis);
}
