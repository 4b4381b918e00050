/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Attachment to a program that knows nothing about it: what is changed, what is restored, and when, including when the
 * one that attached is killed. The programs here are copies of the test that hold one end of a connection.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/error.h>

#include <batching/attach.h>

#define MS 1000000
#define PATIENCE_MS 20000

/*
 * A program with the accepted end of @connection, doing what @order says: 'o' opens the connection anew under the same
 * number, 'n' and 'd' clear and set TCP_NODELAY, '?' answers with the options, 'c' closes it, 'e' ends. Each order is
 * answered with one byte.
 */
struct program {
	pid_t pid;
	int orders; /* both ways */
	int client; /* our end of its connection */
	uint16_t port;
};

static void pause_ms(int ms)
{
	struct timespec wait = {ms / 1000, ms % 1000 * 1000000l};

	(void)nanosleep(&wait, NULL);
}

static int flag(int fd, int option)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, IPPROTO_TCP, option, &value, &size) ? -1 : value != 0;
}

static int accept_at(int listener, int number)
{
	int fd = accept(listener, NULL, NULL), one = 1;

	if (fd < 0 || dup2(fd, number) < 0)
		_exit(2);
	(void)close(fd);
	(void)setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return number;
}

static _Noreturn void live(int listener, int orders)
{
	int fd = accept_at(listener, 100), value;
	char order = 0, answer = '+';

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (write(orders, &answer, 1) == 1 && read(orders, &order, 1) == 1 && order != 'e') {
		answer = '+';
		value = order == 'd';
		if (order == 'o')
			fd = accept_at(listener, 100);
		else if (order == 'n' || order == 'd')
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value));
		else if (order == 'c')
			(void)close(fd);
		else if (order == 'f')
			(void)dup2(orders, 101); /* no TCP connection */
		else if (order == 'r')
			(void)accept_at(listener, 101);
		else if (order == '?')
			answer = (char)('0' + flag(fd, TCP_NODELAY) + 2 * flag(fd, TCP_CORK));
	}
	_exit(0);
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Returns the answer; a program that does not answer fails the test. */
static char await(struct program *program)
{
	struct pollfd ready = {program->orders, POLLIN, 0};
	char answer = 0;

	cr_assert_eq(poll(&ready, 1, PATIENCE_MS), 1, "the program does not answer");
	cr_assert_eq(read(program->orders, &answer, 1), 1);
	return answer;
}

static char order(struct program *program, char what)
{
	cr_assert_eq(write(program->orders, &what, 1), 1);
	if (what == 'o') {
		(void)close(program->client);
		program->client = connect_to(program->port);
	}
	return await(program);
}

static struct program start(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), orders[2];
	struct program program = {0};

	cr_assert(
		bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, orders), 0);
	program.port = ntohs(address.sin_port);
	program.client = connect_to(program.port);
	program.pid = fork();
	cr_assert(program.pid >= 0);
	if (program.pid == 0) {
		(void)close(program.client);
		(void)close(orders[0]);
		live(listener, orders[1]);
	}
	(void)close(listener);
	(void)close(orders[1]);
	program.orders = orders[0];
	cr_assert_eq(await(&program), '+');
	return program;
}

static void end(struct program *program)
{
	(void)kill(program->pid, SIGKILL);
	(void)waitpid(program->pid, NULL, 0);
	(void)close(program->client);
	(void)close(program->orders);
}

static struct bat_attach *attach_to(const struct program *program)
{
	struct bat_attach *attach = NULL;
	struct hb_error error = {0};
	int err = bat_attach_create(&attach, program->pid, program->port, 5 * MS, &error);

	if (err == -EPERM || err == -ENOSYS) {
		(void)printf("skip: needs the right to ptrace (%s)\n", error.text);
		cr_skip("no right to");
	}
	cr_assert_eq(err, 0, "%s", error.text);
	return attach;
}

Test(attach, every_mode_is_set_and_what_was_found_is_restored)
{
	static const struct {
		char own;
		char found;
	} programs[] = {{'d', '1'}, {'n', '0'}};

	for (int i = 0; i < 2; i++) {
		struct program program = start();
		struct bat_attach *attach;
		struct bat_attach_sample sample;
		uint32_t restored = 9;

		cr_assert_eq(order(&program, programs[i].own), '+');
		attach = attach_to(&program);
		cr_assert_eq(bat_attach_sample(attach, &sample), 0);
		cr_assert_eq(sample.sockets, 1);
		cr_assert_eq(order(&program, '?'), programs[i].found, "looking changes nothing");
		cr_assert_eq(bat_attach_set(attach, BAT_SOCKET_NAGLE), 0);
		cr_assert_eq(order(&program, '?'), '0');
		cr_assert_eq(bat_attach_set(attach, BAT_SOCKET_CORK), 0);
		cr_assert_eq(order(&program, '?'), '3');
		cr_assert_eq(bat_attach_set(attach, BAT_SOCKET_NODELAY), 0);
		cr_assert_eq(order(&program, '?'), '1');
		bat_attach_destroy(attach, &restored);
		cr_assert_eq(restored, 1);
		cr_assert_eq(order(&program, '?'), programs[i].found);
		end(&program);
	}
}

Test(attach, bytes_are_counted_as_the_program_reads_and_the_peer_acknowledges)
{
	struct program program = start();
	struct bat_attach *attach = attach_to(&program);
	struct bat_attach_sample first, sample;
	struct bat_poll_window window;
	char bytes[5000] = {0};

	cr_assert_eq(bat_attach_sample(attach, &first), 0);
	bat_poll_begin(&window, &first);
	cr_assert_eq(write(program.client, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	/* The program never reads. */
	for (int i = 0; i < 1000; i++) {
		cr_assert_eq(bat_attach_sample(attach, &sample), 0);
		bat_poll_add(&window, &sample);
		if (sample.unread_size == sizeof(bytes))
			break;
		pause_ms(1);
	}
	cr_assert_eq(sample.unread_size, sizeof(bytes));
	cr_assert_eq(sample.unread_departed, first.unread_departed);
	cr_assert(!bat_poll_waits(&window).unread_defined, "a window without departures");
	cr_assert(!bat_poll_waits(&window).unacked_defined);
	bat_attach_destroy(attach, NULL);
	end(&program);
}

Test(attach, a_mean_wait_is_what_littles_law_says)
{
	struct bat_attach_sample sample = {.time_ns = 1000};
	struct bat_poll_window window;
	struct bat_poll_wait wait;

	bat_poll_begin(&window, &sample);
	/* 30 and 10 units seen over 4000 ns, in which 40 departed: 20 x 4000 / 40. */
	sample = (struct bat_attach_sample){
		.time_ns = 3000, .unacked_size = 30, .unacked_departed = 10, .unread_size = 1};
	bat_poll_add(&window, &sample);
	sample = (struct bat_attach_sample){
		.time_ns = 5000, .unacked_size = 10, .unacked_departed = 40, .unread_size = 1};
	bat_poll_add(&window, &sample);
	wait = bat_poll_waits(&window);
	cr_assert(wait.unacked_defined && wait.unacked_ns == 2000);
	cr_assert(!wait.unread_defined);
}

Test(attach, a_change_by_the_program_is_overridden_and_restored)
{
	struct program program = start();
	struct bat_attach *attach = attach_to(&program);
	struct bat_attach_sample sample;

	cr_assert_eq(order(&program, 'n'), '+');
	cr_assert_eq(bat_attach_set(attach, BAT_SOCKET_NAGLE), 0);
	cr_assert_eq(order(&program, 'd'), '+');
	cr_assert_eq(bat_attach_sample(attach, &sample), 0);
	cr_assert_eq(sample.overridden, 1);
	cr_assert_eq(order(&program, '?'), '0');
	bat_attach_destroy(attach, NULL);
	cr_assert_eq(order(&program, '?'), '1');
	end(&program);
}

Test(attach, a_socket_that_takes_the_number_of_another_is_its_own)
{
	struct program program = start();
	struct bat_attach *attach = attach_to(&program);
	struct bat_attach_sample sample;
	uint32_t restored = 9;

	cr_assert_eq(order(&program, 'n'), '+');
	cr_assert_eq(bat_attach_set(attach, BAT_SOCKET_CORK), 0);
	cr_assert_eq(order(&program, '?'), '3');
	cr_assert_eq(order(&program, 'o'), '+');
	/* The new one sets TCP_NODELAY by itself; the first look must not take the old one's options for it. */
	cr_assert_eq(bat_attach_sample(attach, &sample), 0);
	cr_assert_eq(order(&program, '?'), '1');
	for (int i = 0; i < 1000 && order(&program, '?') != '3'; i++) {
		pause_ms(5);
		cr_assert_eq(bat_attach_sample(attach, &sample), 0);
	}
	cr_assert_eq(order(&program, '?'), '3');
	bat_attach_destroy(attach, &restored);
	cr_assert_eq(restored, 1);
	cr_assert_eq(order(&program, '?'), '1');
	end(&program);
}

/* As many descriptors as before, and no watched socket is gone: the count alone would not tell. */
Test(attach, a_socket_that_replaces_another_descriptor_is_found)
{
	struct program program = start();
	struct bat_attach *attach = attach_to(&program);
	struct bat_attach_sample sample = {0};
	int client;

	cr_assert_eq(order(&program, 'f'), '+');
	cr_assert_eq(bat_attach_set(attach, BAT_SOCKET_NAGLE), 0);
	client = connect_to(program.port);
	cr_assert_eq(order(&program, 'r'), '+');
	for (int i = 0; i < PATIENCE_MS && sample.sockets != 2; i++) {
		cr_assert_eq(bat_attach_sample(attach, &sample), 0);
		pause_ms(1);
	}
	cr_assert_eq(sample.sockets, 2);
	bat_attach_destroy(attach, NULL);
	(void)close(client);
	end(&program);
}

Test(attach, no_duplicate_is_held_so_that_a_close_is_seen_at_once)
{
	struct program program = start();
	struct bat_attach *attach = attach_to(&program);
	struct pollfd peer = {program.client, POLLIN, 0};
	struct bat_attach_sample sample;
	char byte;

	cr_assert_eq(bat_attach_set(attach, BAT_SOCKET_NAGLE), 0);
	cr_assert_eq(order(&program, 'c'), '+');
	cr_assert_eq(poll(&peer, 1, PATIENCE_MS), 1, "the FIN does not come");
	cr_assert_eq(read(program.client, &byte, 1), 0);
	cr_assert_eq(bat_attach_sample(attach, &sample), 0);
	cr_assert_eq(sample.sockets, 0);
	bat_attach_destroy(attach, NULL);
	end(&program);
}

Test(attach, a_program_that_dies_is_reported_and_nothing_hangs)
{
	struct program program = start();
	struct bat_attach *attach = attach_to(&program);
	struct bat_attach_sample sample;
	uint32_t restored = 9;

	cr_assert_eq(bat_attach_set(attach, BAT_SOCKET_NAGLE), 0);
	cr_assert_eq(order(&program, 'd'), '+');
	(void)kill(program.pid, SIGKILL);
	cr_assert_eq(waitpid(program.pid, NULL, 0), program.pid);
	cr_assert_eq(bat_attach_sample(attach, &sample), -ESRCH);
	bat_attach_destroy(attach, &restored);
	cr_assert_eq(restored, 0);
	(void)close(program.client);
	(void)close(program.orders);
}

Test(attach, the_keeper_restores_when_the_controller_is_killed)
{
	struct program program = start();
	int ready[2];
	char byte;
	pid_t controller;

	bat_attach_destroy(attach_to(&program), NULL); /* or skip */
	cr_assert_eq(pipe(ready), 0);
	controller = fork();
	cr_assert(controller >= 0);
	if (controller == 0) {
		struct bat_attach *attach = attach_to(&program);

		if (bat_attach_set(attach, BAT_SOCKET_CORK) || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	cr_assert_eq(order(&program, '?'), '3');
	(void)kill(controller, SIGKILL);
	cr_assert_eq(waitpid(controller, NULL, 0), controller);
	for (int i = 0; i < PATIENCE_MS / 5 && order(&program, '?') != '1'; i++)
		pause_ms(5);
	cr_assert_eq(order(&program, '?'), '1');
	(void)close(ready[0]);
	(void)close(ready[1]);
	end(&program);
}

Test(attach, a_cork_holds_no_byte_longer_than_its_bound)
{
	struct program program = start();
	struct bat_attach *attach;
	struct bat_attach_sample sample;
	char bytes[100] = {0};

	/* Our end sends, so that it is us who are attached to. */
	attach = attach_to(&(struct program){.pid = getpid(), .port = program.port});
	cr_assert_eq(bat_attach_set(attach, BAT_SOCKET_CORK), 0);
	cr_assert_eq(write(program.client, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	for (int i = 0; i < 1000; i++) {
		cr_assert_eq(bat_attach_sample(attach, &sample), 0);
		if (sample.pushed > 0 && sample.unacked_size == 0)
			break;
		pause_ms(1);
	}
	cr_assert(sample.pushed > 0);
	bat_attach_destroy(attach, NULL);
	cr_assert_eq(flag(program.client, TCP_CORK), 0);
	end(&program);
}

Test(attach, what_cannot_be_attached_to_is_said)
{
	struct bat_attach *attach = NULL;
	struct hb_error error = {0};
	pid_t gone = fork();

	cr_assert(gone >= 0);
	if (gone == 0)
		_exit(0);
	cr_assert_eq(waitpid(gone, NULL, 0), gone);
	cr_assert_eq(bat_attach_create(&attach, gone, 0, MS, &error), -ESRCH);
	cr_assert(strstr(error.text, "no process"), "%s", error.text);
	cr_assert_eq(bat_attach_create(&attach, 0, 0, MS, &error), -EINVAL);
	cr_assert_eq(bat_attach_create(&attach, getpid(), 0, 0, &error), -EINVAL);
	cr_assert(!attach);
}
