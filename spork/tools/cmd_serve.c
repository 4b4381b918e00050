/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork-analyser serve CACHE FOLDER SOCKET PROGRAM: what the helper of a run becomes at its first request
 * (launch/helper.c). SOCKET and PROGRAM are descriptors: where the runtime writes to, and the pidfd of the program.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "command.h"
#include "service.h"

static bool is_descriptor(const char *text, int *ret)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < 3 || value > 1 << 20)
		return false;
	*ret = (int)value;
	return true;
}

static int serve(int argc, char **argv)
{
	struct service service = {.alive_fd = -1};

	if (argc != 5 || !is_descriptor(argv[3], &service.socket_fd) ||
		!is_descriptor(argv[4], &service.program_fd))
		return command_usage(&command_serve, "started by spork run only");
	service.cache = argv[1];
	service.folder = argv[2];
	(void)prctl(PR_SET_NAME, "spork-helper");
	service_run(&service);
	return 0;
}

const struct command command_serve = {
	.name = "serve",
	.usage = "CACHE FOLDER SOCKET PROGRAM",
	.help = NULL,
	.run = serve,
};
