/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Real servers: what they acknowledged survives kill -9, stopped processes, wiped disks and changes of members, and
 * what clients saw while that happened is linearizable. Nothing here depends on how long anything takes.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/rng.h>

#include <probcons/client.h>
#include <probcons/history.h>

#include "cluster.h"

#define PATIENCE_MS 120000

static struct cluster cluster;

static void end(void)
{
	cluster_end(&cluster);
}

static struct pc_client *connect_client(uint32_t timeout_ms)
{
	struct pc_client *client;

	cr_assert(pc_client_create(cluster.clients, timeout_ms, &client, NULL) == 0);
	return client;
}

static void put(struct pc_client *client, const char *key, const char *value)
{
	struct pc_answer answer = pc_client_put(client, key, strlen(key), value, strlen(value));

	cr_assert(answer.outcome == PC_OUTCOME_DONE, "put %s: outcome %d", key, answer.outcome);
}

static void expect(struct pc_client *client, const char *key, const char *value)
{
	struct pc_answer answer = pc_client_get(client, key, strlen(key));

	cr_assert(answer.outcome == PC_OUTCOME_DONE, "get %s: outcome %d", key, answer.outcome);
	cr_assert(answer.length == strlen(value) && memcmp(answer.data, value, answer.length) == 0,
		"get %s: '%s' instead of '%s'", key, answer.data, value);
}

static void start_all(uint32_t count)
{
	cluster_begin(&cluster, count);
	for (uint32_t n = 1; n <= count; n++)
		cluster_start(&cluster, n, NULL);
}

Test(servers, what_was_acknowledged_survives_the_death_of_the_leader_and_of_all, .fini = end,
	.timeout = 600)
{
	struct pc_client *client;
	char key[32];

	start_all(3);
	client = connect_client(PATIENCE_MS);
	put(client, "a", "1");
	cluster_kill(&cluster, cluster_leader(&cluster), SIGKILL);
	expect(client, "a", "1");
	for (int i = 0; i < 100; i++) {
		(void)snprintf(key, sizeof(key), "key%d", i);
		put(client, key, key);
	}
	for (uint32_t n = 1; n <= 3; n++)
		cluster_kill(&cluster, n, SIGKILL);
	for (uint32_t n = 1; n <= 3; n++)
		cluster_start(&cluster, n, NULL);
	expect(client, "a", "1");
	for (int i = 0; i < 100; i++) {
		(void)snprintf(key, sizeof(key), "key%d", i);
		expect(client, key, key);
	}
	pc_client_destroy(client);
}

static int kv(const char *request)
{
	char command[1024];
	int status;

	(void)snprintf(command, sizeof(command),
		"'" PROGRAM "' kv --servers %s --timeout %d %s >/dev/null 2>&1", cluster.clients,
		PATIENCE_MS, request);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(servers, kv_tells_done_from_not_found_and_unknown_by_its_exit_code, .fini = end,
	.timeout = 600)
{
	char command[1024];
	int status;

	start_all(1);
	cr_assert(kv("get x") == 1);
	cr_assert(kv("put x 1") == 0);
	cr_assert(kv("get x") == 0);
	cr_assert(kv("cas x 2 3") == 1);
	cr_assert(kv("cas x 1 3") == 0);
	cr_assert(kv("del x") == 0);
	cr_assert(kv("del x") == 1);
	cr_assert(kv("cas x 1 3") == 1);
	cr_assert(kv("put x") == 2);
	cluster_kill(&cluster, 1, SIGKILL);
	(void)snprintf(command, sizeof(command),
		"'" PROGRAM "' kv --servers %s --timeout 50 put x 1 2>/dev/null", cluster.clients);
	status = system(command);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

/* ---- histories ---- */

#define WRITERS 4
#define KEYS 3
#define OPERATIONS_MAX 4000

static struct pc_history history;
static pthread_mutex_t history_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool over;
static atomic_uint next_value = 1, finished;

static void record(const struct pc_operation *operation)
{
	(void)pthread_mutex_lock(&history_lock);
	cr_assert(pc_history_add(&history, operation) == 0);
	(void)pthread_mutex_unlock(&history_lock);
}

static struct pc_answer perform(struct pc_client *client, struct pc_operation *o)
{
	char key[16], value[16], expected[16];

	(void)snprintf(key, sizeof(key), "k%u", o->key);
	(void)snprintf(value, sizeof(value), "%u", o->value);
	(void)snprintf(expected, sizeof(expected), "%u", o->expected);
	switch ((enum pc_operation_kind)o->kind) {
	case PC_PUT:
		return pc_client_put(client, key, strlen(key), value, strlen(value));
	case PC_CAS:
		return pc_client_cas(
			client, key, strlen(key), expected, strlen(expected), value, strlen(value));
	case PC_DEL:
		return pc_client_del(client, key, strlen(key));
	case PC_GET:
	case PC_APPEND:
		break;
	}
	return pc_client_get(client, key, strlen(key));
}

static void one_operation(struct pc_client *client, struct hb_rng *rng)
{
	static const uint8_t kinds[] = {
		PC_GET, PC_GET, PC_GET, PC_PUT, PC_PUT, PC_CAS, PC_CAS, PC_DEL};
	struct pc_operation o = {.kind = kinds[hb_rng_below(rng, sizeof(kinds))],
		.key = (uint32_t)hb_rng_below(rng, KEYS)};
	struct pc_answer answer;

	if (o.kind == PC_PUT || o.kind == PC_CAS)
		o.value = atomic_fetch_add(&next_value, 1);
	if (o.kind == PC_CAS)
		o.expected = o.value - (uint32_t)hb_rng_below(rng, o.value < 8 ? o.value : 8);
	o.call = (uint64_t)hb_clock_now_ns();
	answer = perform(client, &o);
	o.answer = (uint64_t)hb_clock_now_ns();
	o.answered = answer.outcome != PC_OUTCOME_UNKNOWN;
	if (o.kind == PC_GET && answer.outcome == PC_OUTCOME_DONE)
		o.value = (uint32_t)strtoul(answer.data, NULL, 10);
	/* A comparison that failed had no effect, and a read without an answer says nothing. */
	if ((o.kind == PC_CAS && o.answered && answer.outcome != PC_OUTCOME_DONE) ||
		(o.kind == PC_GET && !o.answered))
		return;
	record(&o);
	atomic_fetch_add(&finished, 1);
}

static void *work(void *argument)
{
	struct hb_rng rng;
	struct pc_client *client = connect_client(3000);

	hb_rng_init(&rng, (uint64_t)(uintptr_t)argument, 7);
	while (!atomic_load(&over) && atomic_load(&finished) < OPERATIONS_MAX) {
		one_operation(client, &rng);
		(void)poll(NULL, 0, (int)hb_rng_below(&rng, 5));
	}
	pc_client_destroy(client);
	return NULL;
}

/* One fault: a server dies and comes back, or stands still for a while. */
static void disturb(struct hb_rng *rng)
{
	uint32_t n = 1 + (uint32_t)hb_rng_below(rng, cluster.count);
	int pause_ms = 50 + (int)hb_rng_below(rng, 700);

	if (hb_rng_below(rng, 3) == 0)
		n = cluster_leader(&cluster);
	if (hb_rng_below(rng, 2) == 0) {
		cluster_kill(&cluster, n, SIGKILL);
		(void)poll(NULL, 0, pause_ms);
		cluster_start(&cluster, n, NULL);
	} else {
		cluster.stopped[n] = true;
		(void)kill(cluster.servers[n], SIGSTOP);
		(void)poll(NULL, 0, 2 * pause_ms);
		(void)kill(cluster.servers[n], SIGCONT);
		cluster.stopped[n] = false;
	}
}

Test(servers, what_clients_see_while_servers_die_and_stall_is_linearizable, .fini = end,
	.timeout = 3600)
{
	const char *seed_text = getenv("HB_SEED");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : (uint64_t)hb_clock_now_ns();
	int faults = getenv("HB_NIGHTLY") ? 300 : 8;
	enum pc_judgement judgement;
	struct pc_judgement_reason reason;
	pthread_t threads[WRITERS];
	struct hb_rng rng;

	(void)fprintf(stderr, "HB_SEED=%llu\n", (unsigned long long)seed);
	hb_rng_init(&rng, seed, 1);
	start_all(3);
	(void)cluster_leader(&cluster);
	for (uintptr_t i = 0; i < WRITERS; i++)
		cr_assert(pthread_create(&threads[i], NULL, work, (void *)(seed + i)) == 0);
	for (int i = 0; i < faults; i++)
		disturb(&rng);
	/* Whatever the machine was busy with: there are answers in the history. */
	while (atomic_load(&finished) < 200)
		(void)poll(NULL, 0, 20);
	atomic_store(&over, true);
	for (int i = 0; i < WRITERS; i++)
		(void)pthread_join(threads[i], NULL);
	history.key_count = KEYS;
	cr_assert(pc_history_judge(&history, PC_JUDGE_MEMORY_BYTES, &judgement, &reason) == 0);
	cr_assert(judgement == PC_LINEARIZABLE, "%u operations: judgement %d, key %u",
		history.count, judgement, reason.key);
	pc_history_finish(&history);
}

/* ---- refusals ---- */

static uint64_t number_in(const char *json, const char *name)
{
	char pattern[64];
	const char *at;

	(void)snprintf(pattern, sizeof(pattern), "\"%s\":", name);
	at = strstr(json, pattern);
	cr_assert(at, "no %s in %s", name, json);
	return strtoull(at + strlen(pattern), NULL, 10);
}

static bool ends(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char byte;

	return poll(&poll_fd, 1, PATIENCE_MS) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

Test(servers, hostile_bytes_end_their_connection_and_are_counted, .fini = end, .timeout = 600)
{
	static const char bytes[] = "GET / HTTP/1.1\r\nHost: somebody else\r\n\r\n";
	struct pc_client *client;
	struct pc_answer answer;

	start_all(1);
	client = connect_client(PATIENCE_MS);
	put(client, "a", "1");
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in address = {.sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
			.sin_port = htons(cluster.ports[i])};
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		cr_assert(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
		cr_assert(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) == (ssize_t)sizeof(bytes));
		cr_assert(ends(fd));
		(void)close(fd);
	}
	expect(client, "a", "1");
	answer = pc_client_status(client, 0);
	cr_assert(answer.outcome == PC_OUTCOME_DONE && number_in(answer.data, "hostile") == 2);
	pc_client_destroy(client);
}

static int serve_once(const char *more, char *ret_text, size_t size)
{
	char command[2048];
	FILE *pipe;
	size_t length;
	int status;

	(void)snprintf(command, sizeof(command),
		"'" PROGRAM "' serve --id 1 --peers %s --client %s --data %s/1 %s 2>&1",
		cluster.peers, cluster.client_address[1], cluster.folder, more);
	pipe = popen(command, "r");
	cr_assert(pipe);
	length = fread(ret_text, 1, size - 1, pipe);
	ret_text[length] = '\0';
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(servers, quorums_that_need_not_meet_are_refused_with_the_reason, .fini = end, .timeout = 600)
{
	char text[4096];

	cluster_begin(&cluster, 3);
	cr_assert(serve_once("--q-per 1 --q-vc 2", text, sizeof(text)) == 2);
	cr_assert(strstr(text, "meet"), "%s", text);
}

Test(servers, a_damaged_log_is_refused_with_the_offset_and_the_way_out, .fini = end, .timeout = 600)
{
	struct pc_client *client;
	char path[128], text[4096];
	unsigned char byte;
	int fd;

	start_all(1);
	client = connect_client(PATIENCE_MS);
	for (int i = 0; i < 10; i++)
		put(client, "a", "some value");
	pc_client_destroy(client);
	cluster_kill(&cluster, 1, SIGKILL);
	(void)snprintf(path, sizeof(path), "%s/1/log", cluster.folder);
	fd = open(path, O_RDWR);
	cr_assert(fd >= 0 && pread(fd, &byte, 1, 200) == 1);
	byte ^= 4;
	cr_assert(pwrite(fd, &byte, 1, 200) == 1);
	(void)close(fd);
	cr_assert(serve_once("", text, sizeof(text)) == 1);
	cr_assert(strstr(text, "offset") && strstr(text, "--join"), "%s", text);
}

Test(servers, a_full_disk_accepts_nothing_and_loses_nothing, .fini = end, .timeout = 600)
{
	struct pc_client *client, *hasty;
	char value[1024];
	struct pc_answer answer;
	int acknowledged = 0;

	memset(value, 'v', sizeof(value));
	cluster_begin(&cluster, 1);
	(void)setenv("HB_TEST_FILE_LIMIT", "60000", 1);
	cluster_start(&cluster, 1, NULL);
	(void)unsetenv("HB_TEST_FILE_LIMIT");
	client = connect_client(PATIENCE_MS);
	put(client, "a", "1");
	hasty = connect_client(300);
	for (int i = 0; i < 200; i++) {
		answer = pc_client_put(hasty, "b", 1, value, sizeof(value));
		if (answer.outcome != PC_OUTCOME_DONE)
			break;
		acknowledged++;
	}
	cr_assert(acknowledged < 200);
	pc_client_destroy(hasty);
	cluster_kill(&cluster, 1, SIGKILL);
	cluster_start(&cluster, 1, NULL);
	expect(client, "a", "1");
	if (acknowledged > 0)
		cr_assert(pc_client_get(client, "b", 1).length == sizeof(value));
	put(client, "c", "2");
	pc_client_destroy(client);
}

Test(servers, a_node_that_lost_its_disk_comes_back_and_members_change, .fini = end, .timeout = 600)
{
	struct pc_client *client;
	char folder[128], request[64];
	struct pc_answer answer;
	uint32_t lost;

	cluster_begin(&cluster, 3);
	for (uint32_t n = 1; n <= 3; n++)
		cluster_start(&cluster, n, NULL);
	client = connect_client(PATIENCE_MS);
	put(client, "a", "1");
	lost = 1 + cluster_leader(&cluster) % 3;
	cluster_kill(&cluster, lost, SIGKILL);
	(void)snprintf(folder, sizeof(folder), "rm -r %s/%u", cluster.folder, lost);
	cr_assert(system(folder) == 0);
	cluster_start(&cluster, lost, "--join");
	(void)snprintf(
		request, sizeof(request), "add %u=127.0.0.1:%u", lost, cluster.ports[2 * lost - 2]);
	cr_assert(kv(request) == 0);
	/* It has everything when it says so; the leader knows its new life by then. */
	do {
		answer = pc_client_status(client, lost - 1);
	} while (answer.outcome != PC_OUTCOME_DONE || number_in(answer.data, "keys") == 0);
	do {
		cr_assert(kv(request) == 0);
		answer = pc_client_status(client, lost - 1);
	} while (answer.outcome != PC_OUTCOME_DONE || strstr(answer.data, "\"joint\":true"));
	(void)snprintf(request, sizeof(request), "remove %u", lost);
	cr_assert(kv(request) == 0);
	put(client, "b", "2");
	expect(client, "a", "1");
	pc_client_destroy(client);
}
