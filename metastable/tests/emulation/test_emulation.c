/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Real processes: what they count must add up and agree with theory. A run on a busy machine is void; what it says
 * about time is then not looked at, what it says about books is.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include <metastable/emulation.h>

#include "../../src/emulation/connection.h"

#define CALM                                                                         \
	"server db { threads 2; queue 20 fifo; service exp 10/s; on_full reject }\n" \
	"client c -> db { rate poisson 8/s; timeout 5s; retry 2 immediate; retry_on timeout }\n"

static struct ms_model model_of(const char *text)
{
	struct ms_model model;
	struct hb_error error = {0};

	cr_assert_eq(ms_model_read(text, strlen(text), "test.ms", NULL, 0, &model, &error), 0,
		"line %d: %s", error.line, error.text);
	return model;
}

static struct ms_emulation_result run_of(
	const struct ms_model *model, double end_s, double compression)
{
	const struct ms_emulation_options options = {
		.compression = compression, .run.end_s = end_s};
	struct ms_emulation_result result;
	struct hb_error error = {0};

	cr_assert_eq(ms_emulation_run(model, &options, 1, 0, NULL, &result, &error), 0, "%s",
		error.text);
	/* Every process that was started has been waited for. */
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_eq(errno, ECHILD);
	return result;
}

/* What client and service count separately must fit together. */
static void assert_books(const struct ms_emulation_result *result)
{
	const struct ms_client_counts *client = &result->run.clients[0];
	const struct ms_server_counts *server = &result->run.servers[0];

	cr_assert_eq(client->requests, client->successes + client->failures + client->open);
	cr_assert_eq(client->attempts,
		client->answers + client->timeouts + client->rejections + client->attempts_open);
	cr_assert_eq(client->successes, client->answers);
	/* An attempt may be on its way when the run ends, or be given up before it is sent. */
	cr_assert(server->arrivals <= client->attempts);
	cr_assert(server->arrivals + client->attempts_open + client->timeouts >= client->attempts,
		"%u + %u + %u < %u; %u answers, %u rejections", (unsigned int)server->arrivals,
		(unsigned int)client->attempts_open, (unsigned int)client->timeouts,
		(unsigned int)client->attempts, (unsigned int)client->answers,
		(unsigned int)client->rejections);
	cr_assert_eq(server->arrivals, server->full + server->shed + server->dropped +
					       server->served + server->cancelled +
					       server->in_server);
	cr_assert(client->answers <= server->served);
}

Test(emulation, calm_service_answers_everything)
{
	struct ms_model model = model_of(CALM);
	struct ms_emulation_result result = run_of(&model, 40, 20);
	const struct ms_client_counts *client = &result.run.clients[0];

	assert_books(&result);
	cr_assert(client->requests > 220 && client->requests < 430, "%u",
		(unsigned int)client->requests);
	cr_assert(result.wall_s >= 2);
	if (result.voided)
		return;
	cr_assert_eq(client->failures, 0);
	cr_assert_not(result.run.stuck);
	cr_assert_eq(result.run.recovery_s, 0);
	/* M/M/2 with 0.4 of the capacity: a request takes 0.119 s of the model, plus what loopback takes. */
	cr_assert_float_eq(client->latency_sum_s / (double)client->successes, 0.13, 0.05);
}

Test(emulation, arrivals_are_those_of_the_simulation)
{
	struct ms_model model = model_of(CALM);
	const struct ms_run_options options = {.end_s = 20};
	struct ms_emulation_result real = run_of(&model, 20, 20);
	struct ms_simulation *simulation;
	struct ms_run_result simulated;

	cr_assert_eq(ms_simulation_create(&model, &options, &simulation, NULL), 0);
	cr_assert_eq(ms_simulation_run(simulation, 1, 0, NULL, &simulated, NULL), 0);
	ms_simulation_destroy(simulation);
	cr_assert_eq(real.run.clients[0].requests, simulated.clients[0].requests);
}

Test(emulation, overload_is_refused_and_retried_as_the_model_says)
{
	struct ms_model model = model_of(CALM);
	struct ms_emulation_result result;

	model.clients[0].rate_per_s = 60;
	model.clients[0].retry_on_reject = true;
	model.clients[0].backoff = MS_BACKOFF_CONSTANT;
	model.clients[0].backoff_s = 0.5;
	result = run_of(&model, 20, 20);
	assert_books(&result);
	cr_assert(result.run.servers[0].full > 100);
	/* The last refusals may not have been heard when the run ended. */
	cr_assert(result.run.servers[0].full >= result.run.clients[0].rejections);
	cr_assert(result.run.servers[0].full <=
		  result.run.clients[0].rejections + result.run.clients[0].attempts_open);
	cr_assert(result.run.clients[0].retries > 100);
	cr_assert(result.run.clients[0].attempts <= 3 * result.run.clients[0].requests);
	cr_assert(result.run.servers[0].peak <= 20);
	if (!result.voided)
		cr_assert_float_eq(result.run.servers[0].busy_s / 20 / 2, 1, 0.15);
}

Test(emulation, retry_storm_outlives_its_trigger_and_a_short_queue_does_not)
{
	struct ms_model model =
		model_of("server db { threads 1; queue 150 fifo; service exp 10/s; on_full drop }\n"
			 "client c -> db { rate poisson 6/s; timeout 5s; retry 5 immediate }\n"
			 "trigger { at 5s for 25s rate c 25/s }\n");
	struct ms_emulation_result result = run_of(&model, 60, 20);

	assert_books(&result);
	if (!result.voided)
		cr_assert(result.run.stuck);
	model.servers[0].queue_capacity = 25;
	result = run_of(&model, 80, 20);
	assert_books(&result);
	if (!result.voided)
		cr_assert_not(result.run.stuck);
}

Test(emulation, cancelled_attempts_leave_the_real_queue)
{
	struct ms_model model = model_of(CALM);
	struct ms_emulation_result result;

	model.clients[0].rate_per_s = 40;
	model.clients[0].timeout_s = 1;
	model.servers[0].queue_capacity = 200;
	model.clients[0].cancel = MS_CANCEL_WAITING;
	result = run_of(&model, 20, 20);
	assert_books(&result);
	cr_assert(result.run.servers[0].cancelled > 50);
}

Test(emulation, every_discipline_and_shedding_rule_keeps_the_books)
{
	for (int i = 0; i < 4; i++) {
		struct ms_model model = model_of(CALM);
		struct ms_emulation_result result;

		model.clients[0].rate_per_s = 40;
		model.clients[0].timeout_s = 1;
		model.clients[0].cancel = MS_CANCEL_ALWAYS;
		model.servers[0].discipline = (enum ms_discipline)i;
		model.servers[0].lifo_above = 5;
		model.servers[0].shed_probability = 0.5;
		model.servers[0].shed_from = 5;
		model.servers[0].shed_to = 15;
		model.servers[0].codel_target_s = 0.1;
		model.servers[0].codel_interval_s = 1;
		model.servers[0].on_shed = MS_REJECT;
		result = run_of(&model, 10, 20);
		assert_books(&result);
		cr_assert(result.run.servers[0].shed > 10);
	}
}

Test(emulation, service_of_the_user_is_started_driven_and_ended)
{
	/* The plainest service there is; it answers every file that it has with 200. */
	static const char *const command =
		"exec python3 -c \"import http.server as h\n"
		"class A(h.BaseHTTPRequestHandler):\n"
		"  protocol_version = 'HTTP/1.1'\n"
		"  def do_GET(s): s.send_response(200); s.send_header('Content-Length','2'); "
		"s.end_headers(); s.wfile.write(b'ok')\n"
		"  def log_message(s, *a): pass\n"
		"h.ThreadingHTTPServer(('127.0.0.1', %u), A).serve_forever()\"";
	char text[1024], url[64];
	struct ms_model model = model_of(CALM);
	struct ms_emulation_options options = {.run.end_s = 2, .url = url, .command = text};
	struct ms_emulation_result result;
	struct hb_error error = {0};
	unsigned int port = 20000 + (unsigned int)getpid() % 12000;

	if (system("python3 -c 'import http.server' 2> /dev/null") != 0)
		cr_skip("skip: needs python3");
	(void)snprintf(text, sizeof(text), command, port);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
	cr_assert_eq(ms_emulation_run(&model, &options, 1, 0, NULL, &result, &error), 0, "%s",
		error.text);
	cr_assert(result.run.clients[0].requests > 5);
	cr_assert(2 * result.run.clients[0].successes >= result.run.clients[0].requests);
	cr_assert_eq(result.compression, 1);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	/* Nothing listens there any more. */
	options.command = NULL;
	options.ready_s = 0.1;
	cr_assert_eq(ms_emulation_run(&model, &options, 1, 0, NULL, &result, &error), -ETIMEDOUT);
}

/* ---- several services, and caches ---- */

/* What a service counts of a call that it makes. */
static void assert_call_books(const struct ms_client_counts *call)
{
	cr_assert_eq(call->requests,
		call->successes + call->failures + call->cancelled + call->open, "%u: %u %u %u %u",
		(unsigned int)call->requests, (unsigned int)call->successes,
		(unsigned int)call->failures, (unsigned int)call->cancelled,
		(unsigned int)call->open);
	cr_assert_eq(call->attempts, call->answers + call->timeouts + call->rejections +
					     call->attempts_cancelled + call->attempts_open);
	cr_assert_eq(call->successes, call->answers + call->hits);
}

#define CHAIN                                                                      \
	"server front { threads 8; queue 50; service exp 40/s; on_full reject }\n" \
	"server back { threads 1; queue 20; service exp 20/s; on_full reject }\n"  \
	"client c -> front { rate poisson 8/s; timeout 5s; retry 2 immediate }\n"  \
	"call ask front -> back { timeout 2s; retry 1 immediate }\n"

Test(services, call_one_another_and_answer_as_simulated_ones_do)
{
	struct ms_model model = model_of(CHAIN);
	struct ms_emulation_result real = run_of(&model, 40, 20);
	const struct ms_client_counts *user = &real.run.clients[0], *call = &real.run.clients[1];
	const struct ms_run_options options = {.end_s = 40};
	struct ms_simulation *simulation;
	struct ms_run_result simulated;

	cr_assert_eq(ms_simulation_create(&model, &options, &simulation, NULL), 0);
	cr_assert_eq(ms_simulation_run(simulation, 1, 0, NULL, &simulated, NULL), 0);
	ms_simulation_destroy(simulation);
	assert_call_books(call);
	cr_assert_eq(real.run.server_count, 2);
	cr_assert(real.run.servers[1].arrivals <= call->attempts);
	/* A job of the front ends by its call's success or failure. */
	cr_assert(real.run.servers[0].served <= call->successes);
	cr_assert(real.run.servers[0].failed <= call->failures);
	cr_assert_eq(user->requests, simulated.clients[0].requests);
	if (real.voided)
		return;
	cr_assert(call->requests + 20 >= simulated.clients[1].requests);
	cr_assert_float_eq(user->latency_sum_s / (double)user->successes,
		simulated.clients[0].latency_sum_s / (double)simulated.clients[0].successes, 0.06);
}

Test(services, nested_retries_multiply_at_a_back_end_that_refuses_everybody)
{
	/* Its one place is taken for ever; 2 x 3 x 2 attempts arrive for each request but the first. */
	struct ms_model model = model_of(
		"server front { threads 20; service constant 1ms }\n"
		"server middle { threads 20; service constant 1ms }\n"
		"server back { threads 1; queue 1; service constant 1000000s; on_full reject }\n"
		"client c -> front { rate poisson 5/s; retry 1 immediate; retry_on reject }\n"
		"call a front -> middle { retry 2 immediate; retry_on reject }\n"
		"call b middle -> back { retry 1 immediate; retry_on reject }\n");
	struct ms_emulation_result result = run_of(&model, 20, 10);
	const struct ms_client_counts *c = result.run.clients;
	double arrivals = (double)result.run.servers[2].arrivals;

	assert_call_books(&c[1]);
	assert_call_books(&c[2]);
	cr_assert(c[0].failures > 40);
	cr_assert(arrivals >= 12.0 * (double)c[0].failures, "%g of %u", arrivals,
		(unsigned int)c[0].failures);
	cr_assert(arrivals <= 12.0 * (double)c[0].requests);
}

Test(services, cancelled_jobs_cancel_their_calls)
{
	struct ms_model model = model_of(CHAIN);
	struct ms_emulation_result result;

	/* The back is too slow for the timeouts of the outside. */
	model.clients[0].timeout_s = 0.5;
	model.clients[0].cancel = MS_CANCEL_ALWAYS;
	model.clients[1].cancel = MS_CANCEL_WAITING;
	model.servers[1].service.mean_s = 1;
	result = run_of(&model, 20, 20);
	assert_call_books(&result.run.clients[1]);
	cr_assert(result.run.clients[1].cancelled > 20);
	cr_assert(result.run.servers[0].cancelled > 20);
	cr_assert(result.run.servers[1].cancelled > 5);
}

Test(cache, answers_the_share_of_requests_that_fits)
{
	struct ms_model model =
		model_of(CALM "cache k in front of db { lookaside; keys 200 uniform; size 100 }\n");
	struct ms_emulation_result result;
	const struct ms_client_counts *client;

	model.clients[0].rate_per_s = 20;
	result = run_of(&model, 40, 20);
	client = &result.run.clients[0];
	cr_assert_eq(client->requests, client->successes + client->failures + client->open);
	cr_assert(client->successes >= client->hits);
	/* Half of 800, by a binomial law: 6 standard deviations are 85. */
	cr_assert_float_eq((double)client->hits / (double)client->requests, 0.5, 0.11);
	cr_assert(result.run.servers[0].arrivals + client->hits >= client->successes);
}

Test(cache, that_was_emptied_is_filled_by_late_answers_only_if_the_server_fills_it)
{
	struct ms_model model =
		model_of("server db { threads 1; queue 250 fifo; service exp 12/s; on_full drop }\n"
			 "cache k in front of db { lookaside; keys 200 uniform; size 180 }\n"
			 "client web -> db { rate poisson 50/s; timeout 2s; retry 1 immediate }\n"
			 "trigger { at 10s flush k }\n"
			 "horizon 60s\n");
	uint64_t hits[2];

	for (int always = 0; always < 2; always++) {
		struct ms_emulation_result result;

		model.caches[0].fill = always ? MS_FILL_ALWAYS : MS_FILL_ON_SUCCESS;
		result = run_of(&model, 70, 20);
		hits[always] = result.run.clients[0].hits;
		if (!result.voided)
			cr_assert_eq(result.run.stuck, !always);
	}
	cr_assert(hits[1] > 2 * hits[0], "%u and %u", (unsigned int)hits[1], (unsigned int)hits[0]);
}

/* ---- bad input ---- */

static void assert_refused(const struct ms_model *model, const struct ms_emulation_options *options,
	int code, const char *needle)
{
	struct ms_emulation_result result;
	struct hb_error error = {0};

	cr_assert_eq(ms_emulation_run(model, options, 1, 0, NULL, &result, &error), code, "%s",
		error.text);
	cr_assert(strstr(error.text, needle), "`%s` is not in: %s", needle, error.text);
}

Test(emulation, what_cannot_be_run_is_refused_with_a_way_out)
{
	struct ms_model model = model_of(CALM);
	struct ms_model two =
		model_of("server a { service exp 10/s }\nserver b { service exp 10/s }\n"
			 "client c -> a { rate poisson 1/s }\ncall a -> b { }\n");
	struct ms_model throttled = model_of(CALM "trigger { at 1s for 1s capacity db x0.5 }\n");

	struct ms_model cached =
		model_of(CALM "cache k in front of db { lookaside; size 10; fill_on always }\n");

	assert_refused(&two,
		&(struct ms_emulation_options){.run.end_s = 1, .url = "http://127.0.0.1:1/"},
		-EINVAL, "2 servers");
	assert_refused(&cached,
		&(struct ms_emulation_options){.run.end_s = 1, .url = "http://127.0.0.1:1/"},
		-EINVAL, "does not fill k");
	assert_refused(
		&model, &(struct ms_emulation_options){.run.end_s = 1e6}, -EINVAL, "compress");
	assert_refused(&model, &(struct ms_emulation_options){.compression = 1e6}, -EINVAL,
		"out of range");
	assert_refused(&model,
		&(struct ms_emulation_options){.run.end_s = 1, .url = "http://192.0.2.1:80/"},
		-EINVAL, "loopback");
	assert_refused(&model,
		&(struct ms_emulation_options){.run.end_s = 1, .url = "ftp://127.0.0.1/"}, -EINVAL,
		"URL");
	assert_refused(&model, &(struct ms_emulation_options){.run.end_s = 1, .command = "true"},
		-EINVAL, "URL");
	assert_refused(&throttled,
		&(struct ms_emulation_options){.run.end_s = 1, .url = "http://127.0.0.1:1/"},
		-EINVAL, "throttle");
	assert_refused(&model,
		&(struct ms_emulation_options){
			.run.end_s = 1, .url = "http://127.0.0.1:1/", .command = "exit 3"},
		-ECHILD, "foreground");
}

Test(url, parts_are_found_and_other_hosts_refused)
{
	static const char *const wrong[] = {"", "http://", "https://127.0.0.1/",
		"http://example.org/", "http://127.0.0.1:0/", "http://127.0.0.1:70000/",
		"http://127.0.0.1/a b", "http://127.0.0.1.example.org/"};
	struct ms_exchanges exchanges;

	cr_assert_eq(ms_url_read("http://127.0.0.1:8080/a/b?c=1", &exchanges, NULL), 0);
	cr_assert_str_eq(exchanges.path, "/a/b?c=1");
	cr_assert_eq(ntohs(exchanges.address.sin_port), 8080);
	cr_assert_str_eq(exchanges.host, "127.0.0.1:8080");
	cr_assert_eq(ms_url_read("http://localhost:81", &exchanges, NULL), 0);
	cr_assert_str_eq(exchanges.path, "/");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct hb_error error = {0};

		cr_assert_eq(ms_url_read(wrong[i], &exchanges, &error), -EINVAL, "%s", wrong[i]);
		cr_assert(strlen(error.text) > 0);
	}
}

Test(response, length_and_connection_decide_what_follows)
{
	static const struct {
		const char *text;
		bool complete;
		struct ms_response response;
	} cases[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, {200, true, 0}},
		{"HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhel", true, {200, true, 2}},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", true,
			{200, false, 0}},
		{"HTTP/1.1 503 Busy\r\n\r\n", true, {503, false, 0}},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, {200, false, 0}},
		{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", true, {200, false, 0}},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", true,
			{200, false, 0}},
		{"SSH-2.0 hello\r\n\r\n", true, {0, false, 0}},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", false, {0, false, 0}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ms_response response = {0, false, 0};

		cr_assert_eq(ms_response_read(cases[i].text, strlen(cases[i].text), &response),
			cases[i].complete, "%zu", i);
		cr_assert_eq(response.status, cases[i].response.status, "%zu", i);
		cr_assert_eq(response.reusable, cases[i].response.reusable, "%zu", i);
		cr_assert_eq(response.body_left, cases[i].response.body_left, "%zu", i);
	}
}

/* ---- tip ---- */

#define STORM                                                                       \
	"server db { threads 1; queue 300 fifo; service exp 10/s; on_full drop }\n" \
	"client c -> db { rate poisson 5/s; timeout 10s; retry 5 immediate }\n"     \
	"trigger { at 300s for 600s rate c 60/s }\n"

Test(tip, prediction_names_two_durations_one_ratio_apart)
{
	struct ms_model model = model_of(STORM);
	const struct ms_tip_options options = {.simulations = 100};
	struct ms_model timed;
	struct ms_tip tip;
	struct hb_error error = {0};

	cr_assert_eq(
		ms_tip_predict(&model, &options, 1, &tip, &timed, &error), 0, "%s", error.text);
	cr_assert_float_eq(tip.tipping.duration_s / tip.harmless.duration_s, 1.25, 1e-9);
	cr_assert(tip.harmless.predicted.estimate < 0.5);
	cr_assert(tip.tipping.predicted.estimate > 0.5);
	cr_assert(tip.tipping.predicted.lo > tip.harmless.predicted.hi);
	/* 100 jobs take 10 s, at 55 more per second than are served: the knee is at about 2 s. */
	cr_assert(tip.harmless.duration_s > 1 && tip.tipping.duration_s < 4);
	cr_assert(ms_tip_runs(&tip, 0.95) >= 20);
	cr_assert_eq(timed.horizon_s, tip.horizon_s);
	cr_assert_eq(timed.trigger_count, 1);
}

Test(tip, service_that_cannot_be_tipped_is_an_answer)
{
	struct ms_model model = model_of(STORM);
	const struct ms_tip_options options = {.simulations = 20};
	struct ms_model timed;
	struct ms_tip tip;
	struct hb_error error = {0};

	model.clients[0].retries = 0;
	cr_assert_eq(ms_tip_predict(&model, &options, 1, &tip, &timed, &error), -ENOENT);
	cr_assert(strstr(error.text, "strengthen"), "%s", error.text);
	model.trigger_count = 0;
	cr_assert_eq(ms_tip_predict(&model, &options, 1, &tip, &timed, &error), -EINVAL);
}

Test(tip, real_service_is_run_in_turns)
{
	struct ms_model model = model_of(STORM);
	const struct ms_tip_options options = {
		.simulations = 40, .runs = 2, .emulation.compression = 50, .horizon_s = 40};
	struct ms_tip tip;
	struct hb_error error = {0};

	cr_assert_eq(
		ms_tip_run(&model, &options, 1, NULL, NULL, &tip, &error), 0, "%s", error.text);
	cr_assert(tip.harmless.runs >= 2 && tip.tipping.runs >= 2);
	/* Two runs each prove nothing. */
	cr_assert_not(tip.disjoint);
}
