/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batching load: open-loop load on batching serve, every reply checked. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/hist.h>
#include <hotbed/json_out.h>
#include <hotbed/load.h>

#include <batching/bnet.h>

#include "command.h"
#include "policy_words.h"

struct question {
	struct bat_client_options client;
	struct hb_load_profile profile;
	uint64_t seed;
	_Bool json;
};

static const struct {
	const char *name;
	double at;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};

#define QUANTILE_COUNT (sizeof(quantiles) / sizeof(quantiles[0]))

static void put_hist(struct hb_json_out *out, const char *key, const struct hb_hist *hist)
{
	hb_json_open(out, key, '{');
	/* Of requests without an answer there is no time, and so no mean of all. */
	hb_json_put_number(out, "mean", hb_hist_infinite(hist) ? INFINITY : hb_hist_mean(hist));
	for (size_t i = 0; i < QUANTILE_COUNT; i++)
		hb_json_put_number(out, quantiles[i].name, hb_hist_quantile(hist, quantiles[i].at));
	hb_json_close(out, '}');
}

static void put_json(const struct question *question, const struct hb_load *load,
	const struct bat_client_result *result)
{
	const struct hb_load_result *sent = hb_load_result(load);
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "batching.load/1");
	hb_json_put_text(&out, "backend", bat_backend_name(question->client.backend));
	hb_json_put_u64(&out, "scheduled", sent->scheduled);
	hb_json_put_u64(&out, "on_time", sent->on_time);
	hb_json_put_u64(&out, "sent", sent->sent);
	hb_json_put_u64(&out, "answered", sent->answered);
	hb_json_put_u64(&out, "batches", result->batches);
	hb_json_put_number(&out, "backlog_growth", sent->backlog_growth);
	put_hist(&out, "response_ns", hb_load_response(load));
	put_hist(&out, "service_ns", hb_load_service(load));
	exchange_put(&out, &result->exchange);
	policy_words_put(&out, question->client.policy.kind, &result->policy);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void put_text(const struct hb_load *load, const struct bat_client_result *result)
{
	const struct hb_load_result *sent = hb_load_result(load);
	const struct hb_hist *response = hb_load_response(load);

	(void)printf("%" PRIu64 " of %" PRIu64 " requests answered, sent in %" PRIu64
		     " batches; %" PRIu64 " on time\n",
		sent->answered, sent->scheduled, result->batches, sent->on_time);
	(void)printf("from the intended start to the reply: mean %.6g us",
		(hb_hist_infinite(response) ? INFINITY : hb_hist_mean(response)) / 1e3);
	for (size_t i = 0; i < QUANTILE_COUNT; i++)
		(void)printf(", %s %.6g", quantiles[i].name,
			hb_hist_quantile(response, quantiles[i].at) / 1e3);
	(void)putchar('\n');
	if (result->exchange.departed > 0)
		(void)printf("estimated by both ends' counters, from write to read: %.6g us\n",
			result->exchange.estimate_ns / 1e3);
}

static int answer(const struct question *question, struct hb_error *reterr)
{
	struct hb_load_schedule schedule = {0};
	struct bat_client_result result;
	struct hb_load *load = NULL;
	int err = hb_load_schedule_draw(&question->profile, question->seed, &schedule, reterr);

	if (err)
		return err;
	err = hb_load_create(&load, &schedule, reterr);
	if (!err)
		err = bat_client_run(&question->client, &schedule, load, &result, reterr);
	if (!err && question->json)
		put_json(question, load, &result);
	else if (!err)
		put_text(load, &result);
	hb_load_destroy(load);
	hb_load_schedule_finish(&schedule);
	return err;
}

/* Whole numbers of the command line that the library keeps in fewer bits. */
static int narrow(uint64_t value, uint64_t max, const char *name, struct hb_error *reterr)
{
	if (value > max)
		return hb_error_set(
			reterr, -EINVAL, "--%s %" PRIu64 " is above %" PRIu64, name, value, max);
	return 0;
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct question question = {.client = {.address = "127.0.0.1"},
		.profile = {.shape = HB_LOAD_POISSON, .duration_ns = 1000000000}};
	uint64_t port = 0, connections = 1, request_bytes = 64, reply_bytes = 64;
	struct policy_words words = {0};
	const char *backend = "epoll";
	const struct hb_option_target options[] = {
		{.name = "address", .text = &question.client.address},
		{.name = "port", .u64 = &port, .required = 1},
		{.name = "backend", .text = &backend},
		{.name = "rate", .real = &question.profile.rate_per_s, .required = 1},
		{.name = "duration-ns", .i64 = &question.profile.duration_ns},
		{.name = "drain-ns", .i64 = &question.client.drain_ns},
		{.name = "connections", .u64 = &connections},
		{.name = "request-bytes", .u64 = &request_bytes},
		{.name = "reply-bytes", .u64 = &reply_bytes},
		{.name = "exchange-ns", .i64 = &question.client.exchange_ns},
		{.name = "c-ns", .i64 = &question.client.cost_ns},
		POLICY_WORDS(words),
		{.name = "json", .flag = &question.json},
		{.name = NULL},
	};
	int err = hb_options_read(argc, argv, options, reterr);

	if (!err)
		err = bat_backend_find(backend, &question.client.backend, reterr);
	if (!err)
		err = policy_words_read(&words, hb_clock_now_ns(), &question.client.policy, reterr);
	if (!err)
		err = narrow(port, UINT16_MAX, "port", reterr);
	if (!err)
		err = narrow(connections, BAT_CONNECTIONS_MAX, "connections", reterr);
	if (!err)
		err = narrow(request_bytes, BAT_PAYLOAD_MAX, "request-bytes", reterr);
	if (!err)
		err = narrow(reply_bytes, BAT_PAYLOAD_MAX, "reply-bytes", reterr);
	if (err)
		return err;
	question.client.port = (uint16_t)port;
	question.client.connections = (uint32_t)connections;
	question.client.request_bytes = (uint32_t)request_bytes;
	question.client.reply_bytes = (uint32_t)reply_bytes;
	question.seed = words.seed;
	return answer(&question, reterr);
}

const struct command command_load = {
	.name = "load",
	.summary = "send requests to batching serve at drawn times and check each reply",
	.help = "  --address A     of the server, IPv4 (127.0.0.1)\n"
		"  --port N        of the server\n"
		"  --backend B     epoll, uring or uv (epoll)\n"
		"  --rate X        requests per second, a Poisson stream\n"
		"  --duration-ns T of the stream (1000000000)\n"
		"  --drain-ns T    wait this long for the last replies (1000000000)\n"
		"  --connections N the requests take turns over (1), up to 1024\n"
		"  --request-bytes N, --reply-bytes N  payload (64), up to 1048576\n"
		"  --exchange-ns T tell the server our queues so often and learn from the "
		"estimate; needs BPF (0: not)\n"
		"  --c-ns T        computed for each reply, up to 1 s (0)\n" POLICY_WORDS_HELP
		"  --json          batching.load/1\n",
	.run = run,
};
