/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all charts share: a specification that is filled row by row. Internal to src/chart. */
#ifndef METASTABLE_CHART_SPECIFICATION_H
#define METASTABLE_CHART_SPECIFICATION_H

#include <cjson/cJSON.h>

struct hb_error;

/* Memory that is not there is found when the text is made. */
struct specification {
	cJSON *json, *values;
};

/*
 * specification_open - with @title, @description, an empty list of values, and the members of the object @body, a JSON
 * text of ours. Finish with specification_finish() or specification_text().
 */
void specification_open(
	struct specification *ret, const char *title, const char *description, const char *body);

/* specification_row - a new row, whose member `what` says what it is. */
cJSON *specification_row(struct specification *specification, const char *what);

/* row_number - null unless finite; six digits. */
void row_number(cJSON *row, const char *key, double value);

/* specification_text - the whole, in @ret, which the caller frees; finishes. 0 or -ENOMEM. */
int specification_text(struct specification *specification, char **ret, struct hb_error *reterr);

void specification_finish(struct specification *specification);

#endif
