/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Server and client over loopback: no request is lost, changed, repeated or overtaken, by any policy at either end,
 * over any back end. A server that does one of these on purpose shows that the client would notice.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/load.h>

#include <batching/bnet.h>

#define MS 1000000

static const struct bat_oracle_phase phases[] = {{0, 1}};

static void *serve(void *server)
{
	struct hb_error error = {0};

	return bat_server_run(server, &error) ? server : NULL;
}

struct run {
	struct bat_server_result served;
	struct bat_client_result got;
	struct hb_load_result load;
	int err;
	struct hb_error error;
};

static void draw(double rate_per_s, int64_t duration_ns, struct hb_load_schedule *schedule,
	struct hb_load **load)
{
	struct hb_load_profile profile = {
		.shape = HB_LOAD_POISSON, .duration_ns = duration_ns, .rate_per_s = rate_per_s};

	cr_assert_eq(hb_load_schedule_draw(&profile, 7, schedule, NULL), 0);
	cr_assert_eq(hb_load_create(load, schedule, NULL), 0);
}

/* Returns false if the back end is not built or not allowed. */
static bool run_pair(enum bat_backend backend, struct bat_policy_options policy,
	uint32_t request_bytes, uint32_t reply_bytes, double rate_per_s, struct run *run)
{
	struct bat_server_options server_options = {.backend = backend,
		.address = "127.0.0.1",
		.alpha_ns = 1000,
		.beta_ns = 2000,
		.policy = policy};
	struct bat_client_options client_options = {.backend = backend,
		.address = "127.0.0.1",
		.connections = 3,
		.request_bytes = request_bytes,
		.reply_bytes = reply_bytes,
		.cost_ns = 1000,
		.drain_ns = 20000ll * MS,
		.policy = policy};
	struct hb_load_schedule schedule;
	struct bat_server *server = NULL;
	struct hb_load *load = NULL;
	pthread_t thread;
	void *failed;

	*run = (struct run){0};
	if (bat_server_create(&server, &server_options, &run->error)) {
		(void)printf("%s: %s\n", bat_backend_name(backend), run->error.text);
		cr_assert(backend == BAT_BACKEND_URING, "%s", run->error.text);
		return false;
	}
	cr_assert_eq(pthread_create(&thread, NULL, serve, server), 0);
	client_options.port = bat_server_port(server);
	draw(rate_per_s, 60 * MS, &schedule, &load);
	run->err = bat_client_run(&client_options, &schedule, load, &run->got, &run->error);
	run->load = *hb_load_result(load);
	bat_server_stop(server);
	cr_assert_eq(pthread_join(thread, &failed), 0);
	cr_assert(!failed);
	run->served = bat_server_results(server);
	bat_server_destroy(server);
	hb_load_destroy(load);
	hb_load_schedule_finish(&schedule);
	return true;
}

static void check_all(enum bat_backend backend)
{
	static const struct {
		uint32_t request_bytes, reply_bytes;
		double rate_per_s;
	} loads[] = {{64, 0, 20000}, {0, 64, 20000}, {3000, 40000, 2000}};

	for (int kind = 0; kind < BAT_POLICY_KIND_COUNT; kind++) {
		for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
			struct bat_policy_options policy = {.kind = (enum bat_policy_kind)kind,
				.phases = phases,
				.phase_count = 1,
				.kernel_arm = i == 1,
				.hold_max_ns = 2 * MS};
			struct run run;

			if (!run_pair(backend, policy, loads[i].request_bytes, loads[i].reply_bytes,
				    loads[i].rate_per_s, &run))
				return;
			cr_assert_eq(run.err, 0, "%s, load %zu: %s", bat_policy_name(policy.kind),
				i, run.error.text);
			cr_assert(run.load.scheduled > 50 &&
					  run.load.answered == run.load.scheduled &&
					  run.load.strays == 0,
				"%s, load %zu: %lu of %lu answered", bat_policy_name(policy.kind),
				i, run.load.answered, run.load.scheduled);
			cr_assert_eq(run.got.answered, run.load.scheduled);
			cr_assert_eq(run.served.requests, run.load.scheduled);
			cr_assert_eq(run.served.faults, 0);
			cr_assert_eq(run.served.connections, 3);
			cr_assert(run.served.batches > 0 &&
				  run.served.batches <= run.served.requests);
		}
	}
}

Test(net, no_policy_loses_repeats_or_reorders_over_epoll)
{
	check_all(BAT_BACKEND_EPOLL);
}

Test(net, no_policy_loses_repeats_or_reorders_over_io_uring)
{
	check_all(BAT_BACKEND_URING);
}

Test(net, no_policy_loses_repeats_or_reorders_over_libuv)
{
	check_all(BAT_BACKEND_UV);
}

/* 30 replies of 1 MiB, asked for at once: four fit into the server's buffer, and requests wait for room unread. */
Test(net, requests_that_wait_for_room_are_answered_without_further_events)
{
	for (int backend = 0; backend < BAT_BACKEND_COUNT; backend++) {
		struct bat_policy_options policy = {
			.kind = BAT_POLICY_FIXED, .limit = 4096, .hold_max_ns = MS};
		struct run run;

		if (!run_pair((enum bat_backend)backend, policy, 0, BAT_PAYLOAD_MAX, 500, &run))
			continue;
		cr_assert_eq(run.err, 0, "%s", run.error.text);
		cr_assert(run.load.scheduled > 12, "%lu", run.load.scheduled);
		cr_assert_eq(run.load.answered, run.load.scheduled);
	}
}

Test(net, a_batching_policy_makes_fewer_batches)
{
	struct run single, batched;

	cr_assert(run_pair(BAT_BACKEND_EPOLL,
		(struct bat_policy_options){.kind = BAT_POLICY_NODELAY}, 64, 64, 20000, &single));
	cr_assert(run_pair(BAT_BACKEND_EPOLL,
		(struct bat_policy_options){.kind = BAT_POLICY_FIXED, .limit = 8}, 64, 64, 20000,
		&batched));
	cr_assert_eq(single.served.batches, single.served.requests);
	cr_assert(batched.got.batches * 2 < single.got.batches);
	cr_assert(batched.served.batches * 2 < single.served.batches);
}

/* Gets some bytes of a client, and sends them back as they came, or with what @fault says. */
struct liar {
	int listener;
	const char *fault;
};

static void *lie(void *user)
{
	enum { FRAME = 32 + 64, FRAMES = 4 };
	struct liar *liar = user;
	unsigned char bytes[FRAMES * FRAME], swapped[FRAME];
	int fd = accept(liar->listener, NULL, NULL);

	if (fd < 0 || recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != (ssize_t)sizeof(bytes))
		return user;
	if (strcmp(liar->fault, "overtaken") == 0) {
		memcpy(swapped, bytes, FRAME);
		memcpy(bytes, bytes + FRAME, FRAME);
		memcpy(bytes + FRAME, swapped, FRAME);
	} else if (strcmp(liar->fault, "repeated") == 0) {
		memcpy(bytes + FRAME, bytes, FRAME);
	} else if (strcmp(liar->fault, "lost") == 0) {
		memcpy(bytes + FRAME, bytes + 2 * FRAME, FRAME);
	} else if (strcmp(liar->fault, "changed") == 0) {
		bytes[2 * FRAME + 50] ^= 1;
	}
	(void)!send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
	(void)recv(fd, bytes, sizeof(bytes), MSG_WAITALL); /* until the client goes */
	(void)close(fd);
	return NULL;
}

static int run_against_liar(const char *fault, struct hb_error *error)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct liar liar = {socket(AF_INET, SOCK_STREAM, 0), fault};
	struct bat_client_options options = {.address = "127.0.0.1",
		.connections = 1,
		.request_bytes = 64,
		.reply_bytes = 64,
		.drain_ns = 200 * MS};
	struct hb_load_schedule schedule;
	struct bat_client_result result;
	socklen_t size = sizeof(address);
	struct hb_load *load = NULL;
	pthread_t thread;
	int err;

	cr_assert(bind(liar.listener, (struct sockaddr *)&address, size) == 0 &&
		  listen(liar.listener, 1) == 0);
	cr_assert(getsockname(liar.listener, (struct sockaddr *)&address, &size) == 0);
	cr_assert_eq(pthread_create(&thread, NULL, lie, &liar), 0);
	options.port = ntohs(address.sin_port);
	draw(1000, 20 * MS, &schedule, &load);
	cr_assert(schedule.count > 4);
	err = bat_client_run(&options, &schedule, load, &result, error);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	(void)close(liar.listener);
	hb_load_destroy(load);
	hb_load_schedule_finish(&schedule);
	return err;
}

Test(net, a_server_that_breaks_the_order_or_the_content_is_noticed)
{
	static const char *const faults[] = {"overtaken", "repeated", "lost", "changed"};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct hb_error error = {0};

		cr_assert_eq(run_against_liar(faults[i], &error), -EBADMSG, "%s: %s", faults[i],
			error.text);
		cr_assert(strstr(error.text, "was due"), "%s", error.text);
	}
}

Test(net, garbage_closes_its_own_connection_and_no_other)
{
	struct bat_server_options options = {.address = "127.0.0.1"};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct bat_server *server = NULL;
	char garbage[100];
	pthread_t thread;
	int good, bad;

	memset(garbage, 'x', sizeof(garbage));
	cr_assert_eq(bat_server_create(&server, &options, NULL), 0);
	cr_assert_eq(pthread_create(&thread, NULL, serve, server), 0);
	address.sin_port = htons(bat_server_port(server));
	good = socket(AF_INET, SOCK_STREAM, 0);
	bad = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert(connect(good, (struct sockaddr *)&address, sizeof(address)) == 0);
	cr_assert(connect(bad, (struct sockaddr *)&address, sizeof(address)) == 0);
	cr_assert(send(bad, garbage, sizeof(garbage), 0) == sizeof(garbage));
	cr_assert(recv(bad, garbage, sizeof(garbage), 0) <= 0);
	cr_assert(recv(good, garbage, sizeof(garbage), MSG_DONTWAIT) < 0 && errno == EAGAIN);
	(void)close(bad);
	(void)close(good);
	bat_server_stop(server);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(bat_server_results(server).faults, 1);
	bat_server_destroy(server);
}

Test(net, options_out_of_range_are_refused_in_words)
{
	struct bat_server_options options = {.address = "localhost"};
	struct bat_server *server = NULL;
	struct hb_error error = {0};
	enum bat_backend backend;

	cr_assert_eq(bat_server_create(&server, &options, &error), -EINVAL);
	cr_assert(strstr(error.text, "numeric IPv4"), "%s", error.text);
	options = (struct bat_server_options){.address = "127.0.0.1", .alpha_ns = -1};
	cr_assert_eq(bat_server_create(&server, &options, &error), -EINVAL);
	cr_assert(strstr(error.text, "alpha"), "%s", error.text);
	cr_assert_eq(bat_backend_find("kqueue", &backend, &error), -EINVAL);
	cr_assert(!server);
}
