/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of the commands that drive a real service. Not thread-safe. */
#ifndef METASTABLE_PROGRAM_SERVICE_OPTIONS_H
#define METASTABLE_PROGRAM_SERVICE_OPTIONS_H

#include <metastable/emulation.h>

struct arguments;

#define SERVICE_OPTION_ROWS                                                                      \
	{"compression", "X", "model seconds per second (20; 1 with --url)"},                     \
		{"url", "URL", "a service of your own on loopback: http://127.0.0.1:PORT/PATH"}, \
		{"command", "CMD",                                                               \
			"what starts it; stays in the foreground, is ended afterwards"},         \
		{"throttle", "CMD",                                                              \
			"how to throttle it: HOTBED_SPEED is what capacity is left, "            \
			"HOTBED_EXTRA_S a delay"},                                               \
	{                                                                                        \
		"ready", "TIME", "how long it may take to listen (10s)"                          \
	}

/* service_options_read - fill @ret, --window and --share included. Returns 0 or -EINVAL. */
int service_options_read(const struct arguments *arguments, struct ms_emulation_options *ret,
	struct hb_error *reterr);

#endif
