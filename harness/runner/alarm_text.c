/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "alarm_text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/json.h>

/* A commit's name is known and can be given to git. */
static bool is_commit(const char *commit)
{
	return *commit && strcmp(commit, "unknown") != 0;
}

const char *hb_alarm_state(const struct hb_alarm *alarm)
{
	if (alarm->reason)
		return "accepted";
	if (alarm->environment)
		return "environment";
	if (alarm->resolved)
		return "resolved";
	return hb_alarm_is_open(alarm) ? "open" : "note";
}

/* The commits that may have done it: "abc..def", or why there are none. */
static void put_suspects(const struct hb_alarm *alarm, struct hb_text *text)
{
	if (alarm->kind == HB_ALARM_UNDECIDED)
		return;
	if (alarm->environment)
		hb_text_put(text, "      the machine's settings changed that night\n");
	if (alarm->same_build)
		hb_text_put(text,
			"      the build is the same before and after: look at the machine\n");
	else if (is_commit(alarm->commit_before) && is_commit(alarm->commit_after))
		hb_text_format(text, "      suspected commits: %.12s..%.12s\n",
			alarm->commit_before, alarm->commit_after);
	else
		hb_text_put(text,
			"      suspected commits: unknown, the builds were not made in git\n");
}

void hb_alarm_put_text(const struct hb_alarm *alarm, struct hb_text *text)
{
	char id[24] = "-";

	if (alarm->id)
		(void)snprintf(id, sizeof(id), "%" PRId64, alarm->id);
	hb_text_format(text, "%4s  %-9s %-11s %s\n", id, hb_alarm_names[alarm->kind],
		hb_alarm_state(alarm), alarm->name);
	if (alarm->kind == HB_ALARM_UNDECIDED)
		hb_text_format(text, "      no clear answer in %u nights, since %.10s (run %s)\n",
			alarm->nights, alarm->utc, alarm->run_id);
	else
		hb_text_format(text,
			"      x%.4g of the baseline became x%.4g (%+.1f %%), since %.10s, "
			"%u nights (run %s)\n",
			alarm->before, alarm->after, 100 * (alarm->after / alarm->before - 1),
			alarm->utc, alarm->nights, alarm->run_id);
	put_suspects(alarm, text);
	if (alarm->reason)
		hb_text_format(text, "      accepted: %s\n", alarm->reason);
}

void hb_alarms_put_text(const struct hb_alarms *alarms, bool all, struct hb_text *text)
{
	for (size_t i = 0; i < alarms->count; i++)
		if (all || hb_alarm_is_open(&alarms->items[i]))
			hb_alarm_put_text(&alarms->items[i], text);
	hb_text_format(text,
		"%zu open, %zu other changes; %" PRIu64 " series of %" PRIu64 " runs\n",
		alarms->open, alarms->count - alarms->open, alarms->series, alarms->runs);
}

static int add_level(cJSON *object, const char *key, double value)
{
	if (isnan(value))
		return cJSON_AddNullToObject(object, key) ? 0 : -ENOMEM;
	return hb_json_add_double(object, key, value);
}

static int add_alarm(cJSON *list, const struct hb_alarm *a)
{
	cJSON *item = cJSON_CreateObject();

	if (!item || !cJSON_AddItemToArray(list, item))
		return -ENOMEM;
	int r = hb_json_add_i64(item, "id", a->id);

	r |= hb_json_add_text(item, "series", a->name);
	r |= hb_json_add_text(item, "kind", hb_alarm_names[a->kind]);
	r |= hb_json_add_text(item, "state", hb_alarm_state(a));
	r |= hb_json_add_bool(item, "open", hb_alarm_is_open(a));
	r |= hb_json_add_bool(item, "environment", a->environment);
	r |= hb_json_add_bool(item, "same_build", a->same_build);
	r |= add_level(item, "before", a->before);
	r |= add_level(item, "after", a->after);
	r |= hb_json_add_u64(item, "nights", a->nights);
	r |= hb_json_add_text(item, "run_id", a->run_id);
	r |= hb_json_add_text(item, "utc", a->utc);
	r |= hb_json_add_text(item, "commit_before", a->commit_before);
	r |= hb_json_add_text(item, "commit_after", a->commit_after);
	return r | hb_json_add_text(item, "reason", a->reason);
}

int hb_alarms_add_json(const struct hb_alarms *alarms, cJSON *object)
{
	int r = hb_json_add_u64(object, "runs", alarms->runs);

	r |= hb_json_add_u64(object, "series", alarms->series);
	r |= hb_json_add_u64(object, "nights", alarms->nights);
	r |= hb_json_add_u64(object, "open", alarms->open);
	cJSON *list = cJSON_AddArrayToObject(object, "changes");

	if (r || !list)
		return -ENOMEM;
	for (size_t i = 0; !r && i < alarms->count; i++)
		r = add_alarm(list, &alarms->items[i]);
	return r ? -ENOMEM : 0;
}
