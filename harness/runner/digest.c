/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "digest.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/json.h>

#include "alarm_text.h"
#include "command.h"

static const char *outcome(const struct hb_digest *d)
{
	switch (d->run_code) {
	case HB_EXIT_DONE:
		return "the run is complete";
	case HB_EXIT_TRIAL:
		return "trials failed";
	case HB_EXIT_NOTHING:
		return "nothing could run here";
	default:
		return "the run was not finished";
	}
}

/* A member of the run's outcome as text: numbers are JSON numbers there. */
static double number(const struct hb_digest *d, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(d->run, key);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

char *hb_digest_subject(const struct hb_digest *d, char *buffer)
{
	if (d->alarms->open)
		(void)snprintf(buffer, 160, "hotbed: %zu open change%s, %s", d->alarms->open,
			d->alarms->open == 1 ? "" : "s", outcome(d));
	else
		(void)snprintf(buffer, 160, "hotbed: no open change, %s", outcome(d));
	return buffer;
}

static size_t warnings(const struct hb_digest *d)
{
	size_t count = 0;

	for (size_t i = 0; i < d->finding_count; i++)
		count += d->findings[i].state == HB_FINDING_WARN;
	return count;
}

void hb_digest_put_text(const struct hb_digest *d, struct hb_text *text)
{
	char subject[160];

	hb_text_format(text, "%s\n\nrun %s, begun %.19s\n", hb_digest_subject(d, subject),
		d->run_id, d->utc);
	hb_text_format(text,
		"%.0f of %.0f trials, %.0f failed; %" PRIu64 " values of the night, %" PRIu64
		" without a ratio\n",
		number(d, "trials_done"), number(d, "trials_planned"), number(d, "failed"),
		d->imported->values, d->imported->without);
	for (size_t i = 0; i < d->finding_count; i++)
		if (d->findings[i].state == HB_FINDING_WARN)
			hb_text_format(text, "machine: %s: %s\n", d->findings[i].name,
				d->findings[i].found);
	hb_text_put(text, "\n");
	hb_alarms_put_text(d->alarms, true, text);
	hb_text_format(text, "report: %s/report.html\n", d->folder);
}

static const char style[] =
	"body{font:15px/1.5 system-ui,sans-serif;max-width:64em;margin:2em auto;padding:0 1em;"
	"color-scheme:light dark}table{border-collapse:collapse;width:100%}"
	"th,td{text-align:left;padding:.3em .6em;border-bottom:1px solid #8888;vertical-align:top}"
	".open{font-weight:600;color:#b3303f}";

static void put_cell(struct hb_text *text, const char *content)
{
	hb_text_put(text, "<td>");
	hb_text_put_html(text, content);
	hb_text_put(text, "</td>");
}

static void put_row(const struct hb_alarm *a, struct hb_text *text)
{
	char change[64] = "no clear answer", commits[64] = "same build", id[24];

	(void)snprintf(id, sizeof(id), "%" PRId64, a->id);
	if (!isnan(a->before))
		(void)snprintf(change, sizeof(change), "\u00d7%.4g to \u00d7%.4g (%+.1f %%)",
			a->before, a->after, 100 * (a->after / a->before - 1));
	if (!a->same_build)
		(void)snprintf(commits, sizeof(commits), "%.12s..%.12s", a->commit_before,
			a->commit_after);
	hb_text_format(text, "<tr%s>", hb_alarm_is_open(a) ? " class=\"open\"" : "");
	put_cell(text, id);
	put_cell(text, hb_alarm_names[a->kind]);
	put_cell(text, a->reason ? a->reason : hb_alarm_state(a));
	put_cell(text, a->name);
	put_cell(text, change);
	hb_text_format(text, "<td>%.10s</td>", a->utc);
	put_cell(text, a->kind == HB_ALARM_UNDECIDED ? "" : commits);
	hb_text_put(text, "</tr>\n");
}

void hb_digest_put_html(const struct hb_digest *d, struct hb_text *text)
{
	char subject[160];

	hb_text_format(text,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title>"
		"<style>%s</style></head><body>\n<h1>%s</h1>\n<p>Run ",
		hb_digest_subject(d, subject), style, subject);
	hb_text_put_html(text, d->run_id);
	hb_text_format(text,
		", begun %.19s: %.0f of %.0f trials, %.0f failed; %" PRIu64 " values, %" PRIu64
		" without a ratio. %zu warning%s about the machine.</p>\n",
		d->utc, number(d, "trials_done"), number(d, "trials_planned"), number(d, "failed"),
		d->imported->values, d->imported->without, warnings(d),
		warnings(d) == 1 ? "" : "s");
	hb_text_put(text, "<table><thead><tr><th>No.</th><th>Kind</th><th>State</th><th>Series</th>"
			  "<th>Ratio to the baseline</th><th>Since</th><th>Suspected commits</th>"
			  "</tr></thead><tbody>\n");
	for (size_t i = 0; i < d->alarms->count; i++)
		put_row(&d->alarms->items[i], text);
	hb_text_format(text,
		"</tbody></table>\n<p>%" PRIu64 " series of %" PRIu64
		" runs.</p>\n</body></html>\n",
		d->alarms->series, d->alarms->runs);
}

static int add_machine(const struct hb_digest *d, cJSON *json)
{
	cJSON *list = cJSON_AddArrayToObject(json, "machine");
	int r = list ? 0 : -1;

	for (size_t i = 0; !r && i < d->finding_count; i++) {
		if (d->findings[i].state != HB_FINDING_WARN)
			continue;
		cJSON *item = cJSON_CreateObject();

		if (!item || !cJSON_AddItemToArray(list, item))
			return -1;
		r = hb_json_add_text(item, "name", d->findings[i].name);
		r |= hb_json_add_text(item, "found", d->findings[i].found);
		r |= hb_json_add_text(item, "advice", d->findings[i].advice);
	}
	return r;
}

cJSON *hb_digest_json(const struct hb_digest *d)
{
	cJSON *json = cJSON_CreateObject();
	char subject[160];
	int r = hb_json_add_text(json, "schema", "hotbed.nightly/1");

	r |= hb_json_add_text(json, "subject", hb_digest_subject(d, subject));
	r |= hb_json_add_text(json, "run_id", d->run_id);
	r |= hb_json_add_text(json, "utc", d->utc);
	r |= hb_json_add_text(json, "folder", d->folder);
	r |= !cJSON_AddNumberToObject(json, "exit_code", d->exit_code);
	r |= !cJSON_AddNumberToObject(json, "run_exit_code", d->run_code);
	r |= !cJSON_AddNumberToObject(json, "trials", number(d, "trials_done"));
	r |= !cJSON_AddNumberToObject(json, "failed", number(d, "failed"));
	r |= hb_json_add_u64(json, "values", d->imported->values);
	r |= hb_json_add_u64(json, "without_ratio", d->imported->without);
	r |= add_machine(d, json);
	r |= hb_alarms_add_json(d->alarms, json);
	if (!r)
		return json;
	cJSON_Delete(json);
	return NULL;
}
