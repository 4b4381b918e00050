/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Alarms as people and programs read them: lines of text, and members of JSON objects. Thread-safe. */
#ifndef HOTBED_RUNNER_ALARM_TEXT_H
#define HOTBED_RUNNER_ALARM_TEXT_H

#include <cjson/cJSON.h>

#include "history.h"
#include "text.h"

/* hb_alarm_state - "open", "accepted", "resolved", "environment" or "note". */
const char *hb_alarm_state(const struct hb_alarm *alarm);

/* hb_alarm_put_text - some lines: number, what, by how much, since when, suspected commits. */
void hb_alarm_put_text(const struct hb_alarm *alarm, struct hb_text *text);

/* hb_alarms_put_text - the alarms, open ones first, and a line that sums up. @all: those that are not open, too. */
void hb_alarms_put_text(const struct hb_alarms *alarms, bool all, struct hb_text *text);

/* hb_alarms_add_json - members runs, series, nights, open and changes (docs/reference/formats.md). 0 or -ENOMEM. */
int hb_alarms_add_json(const struct hb_alarms *alarms, cJSON *object);

#endif
