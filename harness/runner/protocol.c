/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "protocol.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/hist.h>
#include <hotbed/json.h>

#include "figure.h"

#define NAME_BYTES_MAX 64

const char *const hb_phase_names[HB_PHASE_COUNT] = {
	[HB_PHASE_NONE] = "start",
	[HB_PHASE_PROBE] = "probe",
	[HB_PHASE_SETUP] = "setup",
	[HB_PHASE_WARMUP] = "warmup",
	[HB_PHASE_RUN] = "run",
	[HB_PHASE_VERIFY] = "verify",
	[HB_PHASE_TEARDOWN] = "teardown",
};

/* Length of the valid UTF-8 character at @text, 0 if there is none. */
static size_t character_bytes(const unsigned char *text)
{
	size_t length = text[0] < 0x80    ? 1
			: text[0] < 0xc2  ? 0
			: text[0] < 0xe0  ? 2
			: text[0] < 0xf0  ? 3
			: text[0] <= 0xf4 ? 4
					  : 0;

	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
		(text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

void hb_protocol_sanitise(char *text)
{
	unsigned char *at = (unsigned char *)text;

	while (*at) {
		size_t length = character_bytes(at);

		if (length == 0 || *at < ' ' || *at == 0x7f) {
			*at = *at < ' ' ? ' ' : '?';
			length = 1;
		}
		at += length;
	}
}

__attribute__((format(printf, 2, 3))) static void set_detail(
	struct hb_protocol *p, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(p->detail, sizeof(p->detail), format, arguments);
	va_end(arguments);
	hb_protocol_sanitise(p->detail);
}

__attribute__((format(printf, 2, 3))) static void violate(
	struct hb_protocol *p, const char *format, ...)
{
	va_list arguments;

	p->broken = true;
	va_start(arguments, format);
	(void)vsnprintf(p->detail, sizeof(p->detail), format, arguments);
	va_end(arguments);
	hb_protocol_sanitise(p->detail);
}

int hb_protocol_init(struct hb_protocol *protocol, const struct hb_plan_experiment *experiment,
	const char *variant)
{
	hb_assert(experiment && variant);
	*protocol = (struct hb_protocol){.experiment = experiment, .variant = variant};
	protocol->values = calloc(experiment->metric_count + 1, sizeof(*protocol->values));
	return protocol->values ? 0 : -ENOMEM;
}

void hb_protocol_finish(struct hb_protocol *protocol)
{
	for (size_t i = 0; i < protocol->hist_count; i++) {
		free(protocol->hists[i].name);
		free(protocol->hists[i].data);
	}
	for (size_t i = 0; i < protocol->figure_count; i++) {
		free(protocol->figures[i].name);
		free(protocol->figures[i].spec);
	}
	free(protocol->values);
	free(protocol->line);
	*protocol = (struct hb_protocol){0};
}

void hb_protocol_add_flag(struct hb_protocol *p, const char *flag)
{
	size_t length = strlen(flag), used = strlen(p->flags);

	for (const char *at = p->flags; *at; at += strcspn(at, ";"), at += *at == ';')
		if (strcspn(at, ";") == length && !memcmp(at, flag, length))
			return;
	if (used + length + 2 > sizeof(p->flags))
		return;
	if (used > 0)
		p->flags[used++] = ';';
	memcpy(p->flags + used, flag, length + 1);
}

/* ---- messages ---- */

static bool is_identifier(const char *text, const char *more)
{
	size_t length = strlen(text);

	if (length == 0 || length > NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') ||
			    strchr(more, text[i])))
			return false;
	return true;
}

static void take_hello(struct hb_protocol *p, const cJSON *json)
{
	const struct hb_plan_experiment *e = p->experiment;
	const char *subproject = hb_json_text_or(json, "subproject", "");
	const char *experiment = hb_json_text_or(json, "experiment", "");
	const char *variant = hb_json_text_or(json, "variant", "");
	size_t length = strcspn(e->experiment, ":");
	uint64_t version;

	if (p->hello)
		violate(p, "hello came twice");
	else if (hb_json_get_u64(json, "v", &version, NULL) || version != 1)
		violate(p, "hello has another version than 1; rebuild the driver");
	else if (strcmp(subproject, e->subproject) != 0 || strlen(experiment) != length ||
		 memcmp(experiment, e->experiment, length) != 0 || strcmp(variant, p->variant) != 0)
		violate(p, "hello from %.60s/%.60s %.60s, asked for %s/%s %s", subproject,
			experiment, variant, e->subproject, e->experiment, p->variant);
	p->hello = true;
}

static void take_phase(struct hb_protocol *p, const cJSON *json)
{
	const char *name = hb_json_text_or(json, "phase", "");

	for (int i = HB_PHASE_PROBE; i < HB_PHASE_COUNT; i++) {
		if (strcmp(name, hb_phase_names[i]) != 0)
			continue;
		if (i <= (int)p->phase)
			violate(p, "phase %s came after %s", name, hb_phase_names[p->phase]);
		p->phase = (enum hb_phase)i;
		return;
	}
	violate(p, "unknown phase '%.60s'", name);
}

static void take_metric(struct hb_protocol *p, const cJSON *json)
{
	const char *name = hb_json_text_or(json, "name", "");
	const char *text = hb_json_text_or(json, "value", "");
	struct hb_protocol_value *value = NULL;

	for (size_t m = 0; m < p->experiment->metric_count; m++)
		if (!strcmp(p->experiment->metrics[m].name, name))
			value = &p->values[m];
	if (!value)
		violate(p, "unknown metric '%.60s'", name);
	else if (value->seen)
		violate(p, "metric %s came twice", name);
	else if (p->phase < HB_PHASE_RUN)
		violate(p, "metric %s came before run started", name);
	else if (hb_csv_parse_double(text, &value->value) || isnan(value->value) ||
		 value->value == -INFINITY)
		violate(p, "metric %s: '%.60s' is neither a finite number nor inf", name, text);
	else if (hb_json_get_u64(json, "n", &value->n, NULL))
		violate(p, "metric %s has no sample count n", name);
	else
		value->seen = true;
}

static void take_hist(struct hb_protocol *p, const cJSON *json)
{
	const char *name = hb_json_text_or(json, "name", "");
	const char *data = hb_json_text_or(json, "data", "");
	struct hb_error error = {0};
	struct hb_hist *hist;

	if (p->hist_count == HB_PROTOCOL_HISTS_MAX) {
		violate(p, "more than %d histograms", HB_PROTOCOL_HISTS_MAX);
		return;
	}
	if (!is_identifier(name, "_")) {
		violate(p, "'%.60s' is no name of a histogram", name);
		return;
	}
	for (size_t i = 0; i < p->hist_count; i++) {
		if (!strcmp(p->hists[i].name, name)) {
			violate(p, "histogram %s came twice", name);
			return;
		}
	}
	if (p->phase < HB_PHASE_RUN) {
		violate(p, "histogram %s came before run started", name);
		return;
	}
	if (hb_hist_decode(data, strlen(data), &hist, &error)) {
		violate(p, "histogram %s: %.200s", name, error.text);
		return;
	}
	struct hb_protocol_hist *kept = &p->hists[p->hist_count];

	*kept = (struct hb_protocol_hist){
		.name = strdup(name), .data = strdup(data), .max = hb_hist_max(hist)};
	p->hist_count++;
	hb_hist_destroy(hist);
	if (!kept->name || !kept->data)
		violate(p, "the runner is out of memory");
}

static void take_figure(struct hb_protocol *p, const cJSON *json)
{
	const char *name = hb_json_text_or(json, "name", "");
	const char *spec = hb_json_text_or(json, "spec", "");
	struct hb_error error = {0};

	if (p->figure_count == HB_PROTOCOL_FIGURES_MAX) {
		violate(p, "more than %d figures", HB_PROTOCOL_FIGURES_MAX);
		return;
	}
	if (!is_identifier(name, "_-")) {
		violate(p, "'%.60s' is no name of a figure", name);
		return;
	}
	for (size_t i = 0; i < p->figure_count; i++) {
		if (!strcmp(p->figures[i].name, name)) {
			violate(p, "figure %s came twice", name);
			return;
		}
	}
	if (p->phase < HB_PHASE_RUN) {
		violate(p, "figure %s came before run started", name);
		return;
	}
	if (hb_figure_check_text(spec, strlen(spec), &error)) {
		violate(p, "figure %s: %.200s", name, error.text);
		return;
	}
	struct hb_protocol_figure *kept = &p->figures[p->figure_count++];

	*kept = (struct hb_protocol_figure){.name = strdup(name), .spec = strdup(spec)};
	if (!kept->name || !kept->spec)
		violate(p, "the runner is out of memory");
}

static void take_digest(struct hb_protocol *p, const cJSON *json)
{
	const char *value = hb_json_text_or(json, "value", "");

	if (*p->digest)
		violate(p, "digest came twice");
	else if (!is_identifier(value, ""))
		violate(p, "'%.60s' is no digest", value);
	else
		(void)snprintf(p->digest, sizeof(p->digest), "%s", value);
}

static void take_flag(struct hb_protocol *p, const cJSON *json)
{
	const char *flag = hb_json_text_or(json, "flag", "");

	if (!is_identifier(flag, "_-"))
		violate(p, "'%.60s' is no flag", flag);
	else
		hb_protocol_add_flag(p, flag);
}

static void take_usage(struct hb_protocol *p, const cJSON *json)
{
	const struct {
		const char *key;
		uint64_t *value;
	} members[] = {
		{"run_ns", &p->run_ns},
		{"steal_ppm", &p->steal_ppm},
		{"psi_ppm", &p->psi_ppm},
		{"switches_involuntary", &p->switches_involuntary},
		{"migrations", &p->migrations},
	};

	if (p->usage) {
		violate(p, "usage came twice");
		return;
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (hb_json_get_u64(json, members[i].key, members[i].value, NULL)) {
			violate(p, "usage: %s is missing or no number", members[i].key);
			return;
		}
	}
	p->usage = true;
}

static void report(struct hb_protocol *p, enum hb_status status, const char *text)
{
	/* The first reason stands: teardown may fail as a consequence. */
	if (p->reported != HB_STATUS_OK)
		return;
	p->reported = status;
	set_detail(p, "%s", text);
}

static void take_skip(struct hb_protocol *p, const cJSON *json)
{
	if (p->phase > HB_PHASE_PROBE)
		violate(p, "skip came after probe");
	else
		report(p, HB_STATUS_SKIPPED, hb_json_text_or(json, "reason", ""));
}

static void take_fail(struct hb_protocol *p, const cJSON *json)
{
	const char *phase = hb_json_text_or(json, "phase", "");
	const char *text = hb_json_text_or(json, "text", "");
	char detail[HB_PROTOCOL_DETAIL_BYTES];

	(void)snprintf(detail, sizeof(detail), "%.20s: %.350s", phase, text);
	if (!strcmp(phase, "probe") || !strcmp(phase, "setup") || !strcmp(phase, "warmup"))
		report(p, HB_STATUS_SETUP_FAILED, detail);
	else if (!strcmp(phase, "verify"))
		report(p, HB_STATUS_VERIFY_FAILED, detail);
	else if (!strcmp(phase, "run") || !strcmp(phase, "teardown"))
		report(p, HB_STATUS_CRASHED, detail);
	else
		violate(p, "fail in unknown phase '%.60s'", phase);
}

static void take_invalid_load(struct hb_protocol *p, const cJSON *json)
{
	char detail[HB_PROTOCOL_DETAIL_BYTES];
	double adherence;

	if (hb_json_get_double(json, "adherence", &adherence, NULL)) {
		violate(p, "invalid_load without adherence");
		return;
	}
	(void)snprintf(detail, sizeof(detail),
		"the load generator sent %.4g %% of its schedule; lower the rate", 100 * adherence);
	report(p, HB_STATUS_INVALID_LOAD, detail);
}

static void take_done(struct hb_protocol *p, const cJSON *json)
{
	(void)json;
	p->done = true;
}

static void take_message(struct hb_protocol *p, const cJSON *json)
{
	static const struct {
		const char *type;
		void (*take)(struct hb_protocol *p, const cJSON *json);
	} types[] = {
		{"hello", take_hello},
		{"phase", take_phase},
		{"metric", take_metric},
		{"hist", take_hist},
		{"figure", take_figure},
		{"digest", take_digest},
		{"flag", take_flag},
		{"usage", take_usage},
		{"skip", take_skip},
		{"fail", take_fail},
		{"invalid_load", take_invalid_load},
		{"done", take_done},
	};
	const char *type = hb_json_text_or(json, "t", "");

	if (p->done) {
		violate(p, "a message after done");
		return;
	}
	if (!p->hello && strcmp(type, "hello") != 0) {
		violate(p, "the first message is not hello");
		return;
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!strcmp(type, types[i].type)) {
			types[i].take(p, json);
			return;
		}
	}
	violate(p, "unknown message '%.60s'", type);
}

static void take_line(struct hb_protocol *p)
{
	struct hb_error error = {0};
	cJSON *json;

	if (hb_json_parse(p->line, p->line_bytes, "result", &json, &error)) {
		violate(p, "a line that is no JSON: %.*s",
			p->line_bytes < 60 ? (int)p->line_bytes : 60, p->line);
		return;
	}
	take_message(p, json);
	cJSON_Delete(json);
}

static bool reserve(struct hb_protocol *p, size_t more)
{
	if (p->line_capacity - p->line_bytes >= more)
		return true;
	size_t capacity = p->line_capacity ? p->line_capacity : 512;

	while (capacity - p->line_bytes < more)
		capacity *= 2;
	char *grown = realloc(p->line, capacity);

	if (!grown)
		return false;
	p->line = grown;
	p->line_capacity = capacity;
	return true;
}

void hb_protocol_feed(struct hb_protocol *p, const char *bytes, size_t length_bytes)
{
	p->total_bytes += length_bytes;
	if (p->total_bytes > HB_PROTOCOL_TOTAL_BYTES_MAX && !p->broken)
		violate(p, "more than %zu MiB on the result pipe",
			HB_PROTOCOL_TOTAL_BYTES_MAX >> 20);
	while (length_bytes > 0 && !p->broken) {
		const char *newline = memchr(bytes, '\n', length_bytes);
		size_t part = newline ? (size_t)(newline - bytes) : length_bytes;

		if (p->line_bytes + part > HB_PROTOCOL_LINE_BYTES_MAX) {
			violate(p, "a line of more than %zu bytes", HB_PROTOCOL_LINE_BYTES_MAX);
			return;
		}
		if (!reserve(p, part + 1)) {
			violate(p, "the runner is out of memory");
			return;
		}
		memcpy(p->line + p->line_bytes, bytes, part);
		p->line_bytes += part;
		if (newline) {
			take_line(p);
			p->line_bytes = 0;
			part++;
		}
		bytes += part;
		length_bytes -= part;
	}
}

static const char *missing_metric(const struct hb_protocol *p)
{
	for (size_t m = 0; m < p->experiment->metric_count; m++)
		if (!p->values[m].seen && !p->experiment->metrics[m].optional)
			return p->experiment->metrics[m].name;
	return NULL;
}

enum hb_status hb_protocol_close(struct hb_protocol *p, const struct hb_protocol_end *end)
{
	if (p->broken)
		return HB_STATUS_PROTOCOL_ERROR;
	if (end->signal == SIGXCPU) {
		set_detail(p, "used up its CPU time in %s", hb_phase_names[p->phase]);
		return HB_STATUS_TIMEOUT;
	}
	if (end->signal) {
		const char *name = sigabbrev_np(end->signal);

		set_detail(p, "SIG%s in %s", name ? name : "?", hb_phase_names[p->phase]);
		return HB_STATUS_CRASHED;
	}
	if (end->exit_code) {
		set_detail(p, "exit code %d in %s", end->exit_code, hb_phase_names[p->phase]);
		return HB_STATUS_CRASHED;
	}
	if (p->line_bytes > 0)
		violate(p, "the last line is not complete");
	else if (!p->hello)
		violate(p, "it ended without a result");
	else if (!p->done)
		violate(p, "it ended in %s without done", hb_phase_names[p->phase]);
	if (p->broken)
		return HB_STATUS_PROTOCOL_ERROR;
	if (p->reported != HB_STATUS_OK)
		return p->reported;
	if (p->phase < HB_PHASE_VERIFY) {
		violate(p, "it never came to verify");
		return HB_STATUS_PROTOCOL_ERROR;
	}
	const char *missing = missing_metric(p);

	if (missing) {
		violate(p, "metric %s is missing", missing);
		return HB_STATUS_PROTOCOL_ERROR;
	}
	return HB_STATUS_OK;
}
