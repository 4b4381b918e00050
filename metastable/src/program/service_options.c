/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See service_options.h. */
#include "command.h"
#include "service_options.h"

int service_options_read(const struct arguments *arguments, struct ms_emulation_options *ret,
	struct hb_error *reterr)
{
	int code = option_real(arguments, "compression", 0.01, MS_EMULATION_COMPRESSION_MAX,
		&ret->compression, reterr);

	if (code == 0)
		code = option_time(arguments, "ready", &ret->ready_s, reterr);
	if (code == 0)
		code = option_time(arguments, "window", &ret->run.window_s, reterr);
	if (code == 0)
		code = option_real(arguments, "share", 0.01, 1, &ret->run.recovery_share, reterr);
	ret->url = option_value(arguments, "url");
	ret->command = option_value(arguments, "command");
	ret->throttle = option_value(arguments, "throttle");
	return code;
}
