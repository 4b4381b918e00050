/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The option --event. */
#ifndef PROBCONS_EVENT_H
#define PROBCONS_EVENT_H

#include <probcons/rare_event.h>

#include "command.h"

extern const char *const event_names[]; /* by enum pc_event */

/* event_read - *@ret keeps its value if the option was not given. Returns 0 or -EINVAL. */
int event_read(const struct arguments *arguments, enum pc_event *ret, struct hb_error *reterr);

#endif
