/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of commands, in the order of the help. */
#include "command.h"

const struct command *const commands[] = {
	&command_check,
	&command_fmt,
	&command_map,
	&command_calibrate,
	&command_report,
	&command_ctmc,
	&command_fluid,
	&command_support,
	&command_sim,
	&command_emulate,
	&command_tip,
	&command_chart,
	NULL,
};
