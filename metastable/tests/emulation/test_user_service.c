/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A service that the user names is started, throttled by the user's command and tipped. Runs are of real seconds, so
 * they are short; on a busy machine only what does not hang on time is looked at.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include <metastable/emulation.h>

#define TEXT_BYTES 512

/* 50 requests per second can be served, 20 arrive; with a fifth of the speed, 10. */
static const char text[] = "server app { threads 1; queue unlimited; service constant 20ms }\n"
			   "client c -> app { rate paced 20/s; timeout 200ms; retry 2 immediate }\n"
			   "trigger { at 1s for 1s capacity app x0.2 }\n";

static char folder[] = "/tmp/metastable-service-XXXXXX";
static char speeds[64], command[TEXT_BYTES], url[64], throttle[TEXT_BYTES];
static struct ms_model model;

/* One that nobody listens at, below those that the kernel gives to connections of others meanwhile. */
static unsigned int find_port(void)
{
	unsigned int port = 20000 + (unsigned int)getpid() % 10000;

	for (; port < 32768; port++) {
		struct sockaddr_in address = {.sin_family = AF_INET,
			.sin_port = htons((uint16_t)port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool is_free = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

		(void)close(fd);
		if (is_free)
			break;
	}
	return port;
}

static void make_service(void)
{
	unsigned int port = find_port();
	struct hb_error error = {0};

	cr_assert(mkdtemp(folder));
	(void)snprintf(speeds, sizeof(speeds), "%s/speeds", folder);
	(void)snprintf(command, sizeof(command), "exec '%s' %u 20 '%s'", SERVER, port, speeds);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
	(void)snprintf(throttle, sizeof(throttle), "echo $HOTBED_SPEED >> '%s'", speeds);
	cr_assert_eq(ms_model_read(text, strlen(text), "test.ms", NULL, 0, &model, &error), 0,
		"line %d: %s", error.line, error.text);
}

static void remove_service(void)
{
	(void)unlink(speeds);
	cr_assert_eq(rmdir(folder), 0);
	/* Whatever was started has been waited for. */
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_eq(errno, ECHILD);
}

/* How often the throttle was pulled, and that it was let go each time. */
static int throttles_count(double value)
{
	FILE *file = fopen(speeds, "r");
	double speed;
	int count = 0;

	cr_assert(file, "the throttle's command has never run");
	while (fscanf(file, "%lf", &speed) == 1) {
		cr_assert_float_eq(
			speed, count % 2 == 0 ? value : 1, 1e-9, "line %d: %g", count + 1, speed);
		count++;
	}
	(void)fclose(file);
	cr_assert_eq(count % 2, 0, "the last throttle was not let go");
	return count / 2;
}

Test(user_service, is_throttled_by_the_command_of_the_user, .init = make_service,
	.fini = remove_service, .timeout = 60)
{
	const struct ms_emulation_options options = {
		.run.end_s = 4, .url = url, .command = command, .throttle = throttle};
	const struct ms_client_counts *client;
	struct ms_emulation_result result;
	struct hb_error error = {0};

	cr_assert_eq(ms_emulation_run(&model, &options, 1, 0, NULL, &result, &error), 0, "%s",
		error.text);
	client = &result.run.clients[0];
	cr_assert_eq(throttles_count(0.2), 1);
	cr_assert_eq(result.compression, 1);
	cr_assert_eq(client->requests, client->successes + client->failures + client->open);
	if (result.voided)
		return;
	/* One second of the four is lost, and what had queued up in it; before it all is well. */
	cr_assert(client->timeouts >= 10, "%u", (unsigned int)client->timeouts);
	cr_assert(client->successes >= 15, "%u", (unsigned int)client->successes);
}

Test(user_service, is_tipped_by_its_throttle, .init = make_service, .fini = remove_service,
	.timeout = 100)
{
	const struct ms_tip_options options = {.emulation = {.url = url,
						       .command = command,
						       .throttle = throttle,
						       .run.window_s = 0.5},
		.runs = 1,
		.simulations = 40,
		.horizon_s = 2,
		.settle_s = 0.5,
		.ratio = 2};
	struct hb_error error = {0};
	struct ms_tip tip;

	/* Retries double and triple the load: 3 x 20 per second are more than 50. */
	cr_assert_eq(
		ms_tip_run(&model, &options, 1, NULL, NULL, &tip, &error), 0, "%s", error.text);
	cr_assert(tip.harmless.runs >= 1 && tip.tipping.runs >= 1);
	cr_assert(tip.harmless.duration_s < tip.tipping.duration_s);
	cr_assert_eq(throttles_count(0.2), (int)(tip.harmless.runs + tip.tipping.runs),
		"every run throttles once");
	cr_assert_not(tip.disjoint);
}

Test(user_service, whose_throttle_cannot_work_is_not_throttled_in_silence, .init = make_service,
	.fini = remove_service, .timeout = 60)
{
	const struct ms_emulation_options options = {
		.run.end_s = 1, .url = url, .command = command};
	struct ms_emulation_result result;
	struct hb_error error = {0};

	cr_assert_eq(ms_emulation_run(&model, &options, 1, 0, NULL, &result, &error), -EINVAL);
	cr_assert(strstr(error.text, "say how with a command"), "%s", error.text);
}
