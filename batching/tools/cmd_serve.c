/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batching serve: the request/response server, until it is told to stop. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <batching/bnet.h>

#include "command.h"
#include "policy_words.h"

static struct bat_server *running;

static void stop(int number)
{
	(void)number;
	bat_server_stop(running);
}

static int catch_signals(struct hb_error *reterr)
{
	struct sigaction action = {.sa_handler = stop};

	if (sigaction(SIGINT, &action, NULL) || sigaction(SIGTERM, &action, NULL))
		return hb_error_set(reterr, -errno, "cannot catch signals: %s", strerror(errno));
	return 0;
}

static void put(const struct bat_server_options *options, const struct bat_server_result *result,
	_Bool json)
{
	struct hb_json_out out = {.stream = stdout};

	if (!json) {
		(void)printf("%" PRIu64 " connections, %" PRIu64 " requests in %" PRIu64
			     " batches, %" PRIu64 " connections closed for what they sent\n",
			result->connections, result->requests, result->batches, result->faults);
		return;
	}
	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "batching.serve/1");
	hb_json_put_text(&out, "backend", bat_backend_name(options->backend));
	hb_json_put_u64(&out, "connections", result->connections);
	hb_json_put_u64(&out, "requests", result->requests);
	hb_json_put_u64(&out, "batches", result->batches);
	hb_json_put_u64(&out, "faults", result->faults);
	exchange_put(&out, &result->exchange);
	policy_words_put(&out, options->policy.kind, &result->policy);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static int serve(const struct bat_server_options *options, _Bool json, struct hb_error *reterr)
{
	struct bat_server_result result;
	int err = bat_server_create(&running, options, reterr);

	if (err)
		return err;
	err = catch_signals(reterr);
	if (!err) {
		/* Whoever started us waits for this line before it sends. */
		(void)fprintf(stderr, "listening on %s:%u\n", options->address,
			(unsigned int)bat_server_port(running));
		err = bat_server_run(running, reterr);
	}
	result = bat_server_results(running);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	bat_server_destroy(running);
	if (!err)
		put(options, &result, json);
	return err;
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct bat_server_options server = {.address = "127.0.0.1"};
	struct policy_words words = {0};
	const char *backend = "epoll";
	uint64_t port = 0;
	_Bool json = 0, exchange = 0;
	const struct hb_option_target options[] = {
		{.name = "address", .text = &server.address},
		{.name = "port", .u64 = &port},
		{.name = "backend", .text = &backend},
		{.name = "alpha-ns", .i64 = &server.alpha_ns},
		{.name = "beta-ns", .i64 = &server.beta_ns},
		{.name = "exchange", .flag = &exchange},
		POLICY_WORDS(words),
		{.name = "json", .flag = &json},
		{.name = NULL},
	};
	int err = hb_options_read(argc, argv, options, reterr);

	if (!err)
		err = bat_backend_find(backend, &server.backend, reterr);
	if (!err)
		err = policy_words_read(&words, hb_clock_now_ns(), &server.policy, reterr);
	if (!err && port > UINT16_MAX)
		err = hb_error_set(reterr, -EINVAL, "--port %" PRIu64 " is above 65535", port);
	if (err)
		return err;
	server.port = (uint16_t)port;
	server.exchange = exchange;
	return serve(&server, json, reterr);
}

const struct command command_serve = {
	.name = "serve",
	.summary = "answer the requests of batching load, until SIGINT or SIGTERM",
	.help = "  --address A     to listen at, IPv4 (127.0.0.1)\n"
		"  --port N        0 takes a free one (0); it is said on standard error\n"
		"  --backend B     epoll, uring or uv (epoll)\n"
		"  --alpha-ns T    computed for each request, up to 1 s (0)\n"
		"  --beta-ns T     computed for each batch of replies, up to 1 s "
		"(0)\n"
		"  --exchange      follow the queues and tell them to clients that tell theirs; "
		"needs BPF\n" POLICY_WORDS_HELP "  --json          batching.serve/1, at the end\n",
	.run = run,
};
