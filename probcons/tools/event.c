/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "event.h"

#include <errno.h>
#include <string.h>

#include <hotbed/error.h>

const char *const event_names[] = {
	[PC_EVENT_UNSAFE] = "unsafe",
	[PC_EVENT_UNLIVE] = "unlive",
	[PC_EVENT_EITHER] = "either",
};

int event_read(const struct arguments *arguments, enum pc_event *ret, struct hb_error *reterr)
{
	const char *text = arguments->values[OPT_EVENT];

	if (!text)
		return 0;
	for (int event = 0; event < 3; event++) {
		if (strcmp(text, event_names[event]) == 0) {
			*ret = (enum pc_event)event;
			return 0;
		}
	}
	return hb_error_set(
		reterr, -EINVAL, "--event: '%.64s' is none of unlive, unsafe, either", text);
}
