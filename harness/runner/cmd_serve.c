/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed serve: runs and history in a browser, to be read only. */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/log.h>

#include "serve.h"
#include "serve_pages.h"

#define PORT 8417

/* Until SIGINT, SIGTERM or SIGHUP, which are blocked before the server's thread begins, so that it has none of them. */
static int answer(const char *address, uint16_t port, const struct hb_serve *serve, bool quiet)
{
	struct hb_server *server = NULL;
	struct hb_error error = {0};
	sigset_t signals;
	int signal;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	int r = hb_server_start(address, port, serve, &server, &port, &error);

	if (r) {
		hb_log_error(&error);
		return r == -EINVAL   ? HB_EXIT_USAGE
		       : r == -ENOSYS ? HB_EXIT_NOTHING
				      : HB_EXIT_FAULT;
	}
	if (strncmp(address, "127.", 4) != 0 && strcmp(address, "::1") != 0)
		hb_log(HB_LOG_WARNING,
			"whoever reaches %s can read these results: there are no passwords",
			address);
	if (!quiet)
		printf("http://%s%s%s:%u/\n", strchr(address, ':') ? "[" : "", address,
			strchr(address, ':') ? "]" : "", port);
	(void)fflush(stdout);
	(void)sigwait(&signals, &signal);
	hb_server_stop(server);
	return HB_EXIT_DONE;
}

static int run_serve(const struct hb_arguments *arguments)
{
	const char *address = hb_arguments_text(arguments, "address");
	const char *db = hb_arguments_text(arguments, "db");
	const char *const *operands;
	struct hb_serve serve = {.db = db};
	char *path = NULL;
	uint64_t port;
	size_t count;

	operands = hb_arguments_operands(arguments, &count);
	if (count > 1) {
		hb_log(HB_LOG_ERROR, "serve takes one folder of runs, not %zu", count);
		return HB_EXIT_USAGE;
	}
	if (hb_arguments_u64(arguments, "port", 0, UINT16_MAX, PORT, &port))
		return HB_EXIT_USAGE;
	serve.folder = count ? operands[0] : "results";
	serve.folder_fd = open(serve.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (serve.folder_fd < 0) {
		hb_log(HB_LOG_ERROR, "%s: %s; 'hotbed run' makes ./results, or name another folder",
			serve.folder, strerror(errno));
		return HB_EXIT_USAGE;
	}
	if (!db && asprintf(&path, "%s/history.db", serve.folder) < 0)
		path = NULL;
	if (!db)
		serve.db = path;
	int code = serve.db ? answer(address ? address : "127.0.0.1", (uint16_t)port, &serve,
				      hb_arguments_flag(arguments, "quiet"))
			    : HB_EXIT_FAULT;

	(void)close(serve.folder_fd);
	free(path);
	return code;
}

static const struct hb_option options[] = {
	{"address", 0, "ADDRESS", "The address to listen at instead of 127.0.0.1."},
	{"port", 0, "N", "The port instead of 8417; 0 takes any that is free."},
	{"db", 0, "FILE", "The history instead of history.db in the folder."},
	{0},
};

static const struct hb_example examples[] = {
	{"./hotbed serve --port=0", "show ./results at a port that is free; Ctrl-C ends it"},
	{0},
};

extern const struct hb_command hb_command_serve;
const struct hb_command hb_command_serve = {
	.name = "serve",
	.operands = "[FOLDER]",
	.summary = "Show runs and history in a browser.",
	.description =
		"Serves the folder of runs (./results without one) over HTTP: the runs, newest "
		"first, their reports, tables, charts and logs, and the history with its changes, "
		"to be searched, each series with its nights. Nothing is ever written, and nothing "
		"outside the folder and the history is shown: no links out of it, no other kinds "
		"of files.\n\n"
		"It listens on this machine only, unless --address says otherwise; there are no "
		"passwords. At most 64 connections are held, silent ones for 15 s. The first line "
		"of output is its URL; SIGINT, SIGTERM and SIGHUP end it with exit code 0.",
	.options = options,
	.examples = examples,
	.completion = "files",
	.run = run_serve,
};
