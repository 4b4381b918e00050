/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * throttled_server PORT SERVICE_MS FILE - somebody else's service, for tests: answers every GET on loopback with 200,
 * one at a time, in SERVICE_MS over the speed that the last line of FILE says (1 without the file). It knows nothing of
 * models.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *speed_file;
static double service_s;
static pthread_mutex_t work = PTHREAD_MUTEX_INITIALIZER;

static double speed_read(void)
{
	FILE *file = fopen(speed_file, "r");
	double speed = 1, next;

	while (file && fscanf(file, "%lf", &next) == 1)
		speed = next;
	if (file)
		(void)fclose(file);
	return speed > 0 ? speed : 1;
}

static void work_do(void)
{
	double length_s;
	struct timespec length;

	(void)pthread_mutex_lock(&work);
	length_s = service_s / speed_read();
	length.tv_sec = (time_t)length_s;
	length.tv_nsec = (long)((length_s - (double)length.tv_sec) * 1e9);
	(void)nanosleep(&length, NULL);
	(void)pthread_mutex_unlock(&work);
}

static void *connection_serve(void *argument)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	int fd = (int)(intptr_t)argument;
	char request[4096];
	size_t used = 0;

	for (;;) {
		ssize_t got = read(fd, request + used, sizeof(request) - 1 - used);

		if (got <= 0)
			break;
		used += (size_t)got;
		request[used] = '\0';
		if (!strstr(request, "\r\n\r\n"))
			continue;
		used = 0;
		work_do();
		if (write(fd, answer, sizeof(answer) - 1) < 0)
			break;
	}
	(void)close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int one = 1, listener;

	if (argc != 4)
		return 2;
	address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	service_s = strtod(argv[2], NULL) / 1000;
	speed_file = argv[3];
	(void)signal(SIGPIPE, SIG_IGN);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
		bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
		listen(listener, 256))
		return 1;
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			continue;
		if (pthread_create(&thread, NULL, connection_serve, (void *)(intptr_t)fd)) {
			(void)close(fd);
			continue;
		}
		(void)pthread_detach(thread);
	}
}
