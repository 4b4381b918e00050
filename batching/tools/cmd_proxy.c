/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batching proxy: in front of an unmodified Redis, counting requests on their way. Ends on SIGINT or SIGTERM. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <batching/proxy.h>

#include "command.h"

#define CONNECTIONS 1024
#define FILES_PER_CONNECTION 2
#define FILES_BESIDE 64

static void say_ready(void *user, uint16_t port)
{
	const struct bat_proxy_options *options = user;

	(void)fprintf(stderr, "batching proxy: port %u, to %s; SIGINT or SIGTERM ends it\n", port,
		options->to);
}

static void put_json(const struct bat_proxy_stats *stats)
{
	struct hb_json_out out = {.stream = stdout};
	double wait_ns;

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "batching.proxy/1");
	hb_json_put_u64(&out, "connections", stats->connections);
	hb_json_put_u64(&out, "refused", stats->refused);
	hb_json_put_u64(&out, "uncounted", stats->uncounted);
	hb_json_put_u64(&out, "requests", stats->requests);
	hb_json_put_u64(&out, "answers", stats->answers);
	hb_json_put_u64(&out, "bytes_to_server", stats->bytes_to_server);
	hb_json_put_u64(&out, "bytes_to_client", stats->bytes_to_client);
	if (bat_window_wait_ns(&stats->hints, &wait_ns))
		hb_json_put_number(&out, "mean_wait_ns", wait_ns);
	else
		hb_json_put_null(&out, "mean_wait_ns");
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void put_text(const struct bat_proxy_stats *stats)
{
	double wait_ns;

	(void)printf("%" PRIu64 " connections (%" PRIu64 " refused, %" PRIu64
		     " not counted), %" PRIu64 " requests, %" PRIu64 " answers\n",
		stats->connections, stats->refused, stats->uncounted, stats->requests,
		stats->answers);
	if (bat_window_wait_ns(&stats->hints, &wait_ns))
		(void)printf("from request to answer: %.1f us on average\n", wait_ns / 1e3);
	else
		(void)printf("from request to answer: undefined, nothing was answered\n");
}

/* As many files as the connections need, if the user may have them. */
static void allow_files(uint64_t connections)
{
	rlim_t files = connections * FILES_PER_CONNECTION + FILES_BESIDE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= files)
		return;
	limit.rlim_cur = limit.rlim_max < files ? limit.rlim_max : files;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_signals(struct hb_error *reterr)
{
	sigset_t signals;
	int fd;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (fd < 0)
		return hb_error_set(reterr, -errno, "signalfd: %s", strerror(errno));
	return fd;
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct bat_proxy_options proxy = {.stop_fd = -1, .ready = say_ready, .user = &proxy};
	struct bat_proxy_stats stats;
	uint64_t connections = CONNECTIONS;
	_Bool json = 0, nagle = 0;
	const struct hb_option_target options[] = {
		{.name = "listen", .text = &proxy.listen, .required = 1},
		{.name = "to", .text = &proxy.to, .required = 1},
		{.name = "connections", .u64 = &connections},
		{.name = "nagle", .flag = &nagle},
		{.name = "json", .flag = &json},
		{.name = NULL},
	};
	int err = hb_options_read(argc, argv, options, reterr);

	if (err)
		return err;
	/* Beyond the limit is refused there, by name. */
	proxy.connections_max = connections > UINT32_MAX ? UINT32_MAX : (uint32_t)connections;
	proxy.nagle = nagle;
	allow_files(
		connections < BAT_PROXY_CONNECTIONS_MAX ? connections : BAT_PROXY_CONNECTIONS_MAX);
	proxy.stop_fd = open_signals(reterr);
	if (proxy.stop_fd < 0)
		return proxy.stop_fd;
	err = bat_proxy_run(&proxy, &stats, reterr);
	(void)close(proxy.stop_fd);
	if (err)
		return err;
	if (json)
		put_json(&stats);
	else
		put_text(&stats);
	return 0;
}

const struct command command_proxy = {
	.name = "proxy",
	.summary = "pass Redis connections on, and count requests on their way",
	.help = "  --listen H:P      address for clients; port 0 takes any\n"
		"  --to H:P          the server\n"
		"  --connections N   at once (1024)\n"
		"  --nagle           leave Nagle's algorithm on at both sides\n"
		"  --json            batching.proxy/1, at the end\n",
	.run = run,
};
