/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cluster.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <probcons/client.h>

#define ARGUMENTS_MAX 32
#define WAIT_MS 20
#define WAITS_MAX 15000 /* five minutes: only a node that never leads gets there */

/* A port that nobody has now; all are taken together, so that they differ. */
static void choose_ports(struct cluster *cluster)
{
	uint32_t count = 2 * cluster->count;
	int sockets[2 * SERVERS];

	for (uint32_t i = 0; i < count; i++) {
		struct sockaddr_in address = {
			.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t size = sizeof(address);

		sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		cr_assert(bind(sockets[i], (struct sockaddr *)&address, size) == 0);
		cr_assert(getsockname(sockets[i], (struct sockaddr *)&address, &size) == 0);
		cluster->ports[i] = ntohs(address.sin_port);
	}
	for (uint32_t i = 0; i < count; i++)
		(void)close(sockets[i]);
}

void cluster_begin(struct cluster *cluster, uint32_t count)
{
	size_t peers = 0, clients = 0;

	*cluster = (struct cluster){.count = count};
	(void)snprintf(cluster->folder, sizeof(cluster->folder), "/tmp/probcons-servers.XXXXXX");
	cr_assert(mkdtemp(cluster->folder));
	choose_ports(cluster);
	for (uint32_t n = 1; n <= count; n++) {
		(void)snprintf(cluster->client_address[n], sizeof(cluster->client_address[n]),
			"127.0.0.1:%u", cluster->ports[2 * n - 1]);
		peers += (size_t)snprintf(cluster->peers + peers, sizeof(cluster->peers) - peers,
			"%s%u=127.0.0.1:%u", n > 1 ? "," : "", n, cluster->ports[2 * n - 2]);
		clients += (size_t)snprintf(cluster->clients + clients,
			sizeof(cluster->clients) - clients, "%s%s", n > 1 ? "," : "",
			cluster->client_address[n]);
	}
}

static size_t split(char *text, char **words, size_t count)
{
	char *rest = NULL;

	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		cr_assert(count < ARGUMENTS_MAX - 1);
		words[count++] = word;
	}
	words[count] = NULL;
	return count;
}

/* A disk that is full at @bytes, for anybody: files may not grow beyond, and the signal that says so is ignored. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit = {bytes, RLIM_INFINITY};

	(void)signal(SIGXFSZ, SIG_IGN);
	(void)setrlimit(RLIMIT_FSIZE, &limit);
}

void cluster_start(struct cluster *cluster, uint32_t node, const char *more)
{
	char text[2048], log[128];
	char *words[ARGUMENTS_MAX];

	(void)snprintf(text, sizeof(text),
		PROGRAM " serve --id %u --peers %s --client %s --data %s/%u %s", node,
		cluster->peers, cluster->client_address[node], cluster->folder, node,
		more ? more : "");
	(void)snprintf(log, sizeof(log), "%s/%u.messages", cluster->folder, node);
	(void)split(text, words, 0);
	(void)fflush(NULL);
	cluster->servers[node] = fork();
	cr_assert(cluster->servers[node] >= 0);
	if (cluster->servers[node] == 0) {
		const char *limit = getenv("HB_TEST_FILE_LIMIT");
		int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		/* A test that is killed leaves no servers. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(out, STDERR_FILENO);
		(void)dup2(out, STDOUT_FILENO);
		if (limit)
			limit_files((rlim_t)strtoull(limit, NULL, 10));
		(void)execv(PROGRAM, words);
		_exit(127);
	}
}

void cluster_kill(struct cluster *cluster, uint32_t node, int signal_number)
{
	int status;

	if (cluster->servers[node] == 0)
		return;
	(void)kill(cluster->servers[node], signal_number);
	if (cluster->stopped[node])
		(void)kill(cluster->servers[node], SIGCONT);
	cluster->stopped[node] = false;
	(void)waitpid(cluster->servers[node], &status, 0);
	cluster->servers[node] = 0;
}

static int remove_item(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

void cluster_end(struct cluster *cluster)
{
	for (uint32_t n = 1; n <= cluster->count; n++)
		cluster_kill(cluster, n, SIGKILL);
	(void)nftw(cluster->folder, remove_item, 16, FTW_DEPTH | FTW_PHYS);
}

uint32_t cluster_leader(struct cluster *cluster)
{
	struct pc_client *client;
	uint32_t leader = 0;

	cr_assert(pc_client_create(cluster->clients, 1000, &client, NULL) == 0);
	for (int i = 0; i < WAITS_MAX && leader == 0; i++) {
		for (uint32_t n = 0; n < cluster->count && leader == 0; n++) {
			struct pc_answer answer;

			if (cluster->servers[n + 1] == 0 || cluster->stopped[n + 1])
				continue;
			answer = pc_client_status(client, n);
			if (answer.outcome == PC_OUTCOME_DONE &&
				strstr(answer.data, "\"role\":\"leader\""))
				leader = n + 1;
		}
		if (leader == 0)
			(void)poll(NULL, 0, WAIT_MS);
	}
	pc_client_destroy(client);
	cr_assert(leader > 0, "nobody ever led");
	return leader;
}
