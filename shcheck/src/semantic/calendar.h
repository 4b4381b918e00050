/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `date +FORMAT` prints (GNU coreutils, date): the parts of a date have known forms, such as 01 to 12. */
#ifndef SHCHECK_SEMANTIC_CALENDAR_H
#define SHCHECK_SEMANTIC_CALENDAR_H

#include "command.h"

/* shc_date_known - is @call a `date` that only prints, by a format that is understood? */
bool shc_date_known(const struct shc_call *call);

/* shc_date_run - such a call: success with its output, and failure without. Takes @state. 0 or -ENOMEM. */
int shc_date_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);

#endif
