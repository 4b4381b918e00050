/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See caller.h. Connections are reset when their answer is no longer waited for, as those of the clients are. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "caller.h"
#include "connection.h"
#include "page.h"

#define RESPONSE_BYTES 1024

/* How waiting for something ended. */
enum wait_end {
	WAIT_READY, /* the socket */
	WAIT_TIME,
	WAIT_WOKEN,
};

static void timer_set(int fd, int64_t at_ns)
{
	struct itimerspec when = {.it_value = {at_ns / 1000000000, at_ns % 1000000000}};

	(void)timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Until @fd (-1 = none) is ready for @events, @until_ns of the model, or the worker is woken. */
static enum wait_end wait_for(struct ms_caller *caller, int fd, short events, int64_t until_ns)
{
	struct pollfd fds[3] = {
		{caller->wake_fd, POLLIN, 0}, {caller->timer_fd, POLLIN, 0}, {fd, events, 0}};
	int64_t due_ns = 0;

	if (until_ns == INT64_MAX) {
		timer_set(caller->timer_fd, 0);
		fds[1].fd = -1;
	} else {
		due_ns = ms_page_real_ns(caller->page, until_ns);
		timer_set(caller->timer_fd, due_ns > 0 ? due_ns : 1);
	}
	while (poll(fds, fd < 0 ? 2 : 3, -1) < 0 && errno == EINTR)
		;
	if (fds[0].revents)
		return WAIT_WOKEN;
	if (fd >= 0 && fds[2].revents)
		return WAIT_READY;
	(void)pthread_mutex_lock(caller->lock);
	ms_lateness_add(caller->late, due_ns, ms_page_clock_ns());
	(void)pthread_mutex_unlock(caller->lock);
	return WAIT_TIME;
}

static void socket_reset(struct ms_caller *caller, uint32_t index)
{
	const struct linger at_once = {.l_onoff = 1};

	if (!caller->sockets[index])
		return;
	(void)setsockopt(caller->sockets[index], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(caller->sockets[index]);
	caller->sockets[index] = 0;
}

/* A connection to the service of @index that is there or under way. Returns -errno if there is none to be had. */
static int socket_open(struct ms_caller *caller, uint32_t index)
{
	const struct ms_client *client = &caller->page->model.clients[index];
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(caller->page->services[client->to_server].port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int one = 1;
	int fd;

	if (caller->sockets[index])
		return 0;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS) {
		int code = -errno;

		(void)close(fd);
		return code;
	}
	caller->sockets[index] = fd;
	return 0;
}

/* Send @request as soon as the connection stands, and wait for the answer until @until_ns. */
static enum wait_end exchange(struct ms_caller *caller, uint32_t index, const char *request,
	int64_t until_ns, int *ret_status)
{
	size_t length = strlen(request), sent = 0, used = 0;
	char response[RESPONSE_BYTES];
	struct ms_response answer;

	*ret_status = 0;
	if (socket_open(caller, index) < 0)
		return WAIT_READY;
	for (;;) {
		int fd = caller->sockets[index];
		ssize_t moved;
		enum wait_end end =
			wait_for(caller, fd, sent < length ? POLLOUT : POLLIN, until_ns);

		if (end != WAIT_READY) {
			socket_reset(caller, index);
			return end;
		}
		moved = sent < length ? send(fd, request + sent, length - sent, MSG_NOSIGNAL)
				      : recv(fd, response + used, sizeof(response) - 1 - used, 0);
		if (moved < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (moved <= 0)
			break;
		if (sent < length) {
			sent += (size_t)moved;
			continue;
		}
		used += (size_t)moved;
		if (ms_response_read(response, used, &answer)) {
			*ret_status = answer.status;
			if (!answer.reusable || answer.body_left)
				break;
			return WAIT_READY;
		}
		if (used == sizeof(response) - 1)
			break;
	}
	socket_reset(caller, index);
	return WAIT_READY;
}

static enum ms_call_end request_finish(struct ms_caller *caller, struct ms_call *call,
	const struct ms_request_state *request, bool success, int64_t at_ns)
{
	(void)pthread_mutex_lock(caller->lock);
	(void)ms_sender_end(&call->sender, request, success, at_ns);
	(void)pthread_mutex_unlock(caller->lock);
	return success ? MS_CALL_SUCCESS : MS_CALL_FAILURE;
}

/* Woken up: cancelled with its job, or still open when the process ends. */
static enum ms_call_end request_leave(struct ms_caller *caller, struct ms_call *call,
	const struct ms_request_state *request, bool attempt)
{
	(void)pthread_mutex_lock(caller->lock);
	if (*caller->ends) {
		call->sender.counts.open++;
		call->sender.counts.attempts_open += attempt;
	} else {
		call->sender.counts.cancelled++;
		call->sender.counts.attempts_cancelled += attempt;
		if (attempt)
			ms_breaker_forget(&call->sender.breaker, request->probe);
	}
	(void)pthread_mutex_unlock(caller->lock);
	return MS_CALL_CANCELLED;
}

/* The cache in front, if there is one. Returns true if it has the answer. */
static bool cache_ask(
	struct ms_caller *caller, struct ms_call *call, int64_t at_ns, uint32_t *ret_key)
{
	int cache = call->sender.client->cache;

	if (cache == MS_NONE || !ms_shared_cache_ask(&caller->page->caches[cache], at_ns, ret_key))
		return false;
	(void)pthread_mutex_lock(caller->lock);
	call->sender.counts.hits++;
	(void)pthread_mutex_unlock(caller->lock);
	return true;
}

/* One attempt from *@at_ns. @ret_again: another one follows, at *@at_ns. */
static enum ms_call_end attempt_make(struct ms_caller *caller, struct ms_call *call,
	struct ms_request_state *request, uint32_t key, int64_t *at_ns, bool *ret_again)
{
	const struct ms_client *client = call->sender.client;
	int64_t until_ns = INT64_MAX, pause_ns = 0;
	char text[MS_EXCHANGE_PATH_BYTES];
	enum wait_end end;
	bool admitted, success;
	int status = 0;

	*ret_again = false;
	(void)pthread_mutex_lock(caller->lock);
	admitted = ms_sender_attempt(&call->sender, request, *at_ns);
	if (admitted)
		until_ns = ms_sender_deadline_ns(&call->sender, *at_ns);
	(void)pthread_mutex_unlock(caller->lock);
	if (!admitted)
		return MS_CALL_FAILURE;
	(void)snprintf(text, sizeof(text), "GET /%u?%u,%u HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		call->index, request->number, key);
	end = exchange(caller, call->index, text, until_ns, &status);
	if (end == WAIT_WOKEN)
		return request_leave(caller, call, request, true);
	/* A timeout is as of the moment it was due, also if the answer was there before the worker looked. */
	*at_ns = ms_page_now_ns(caller->page);
	if (end == WAIT_TIME || *at_ns >= until_ns) {
		end = WAIT_TIME;
		*at_ns = until_ns;
	}
	success = end == WAIT_READY && status >= 200 && status < 300;
	(void)pthread_mutex_lock(caller->lock);
	if (success) {
		ms_sender_answered(&call->sender, request, *at_ns);
	} else {
		call->sender.counts.timeouts += end == WAIT_TIME;
		call->sender.counts.rejections += end == WAIT_READY;
		*ret_again = ms_sender_failed(&call->sender, request,
			end == WAIT_TIME ? client->retry_on_timeout : client->retry_on_reject,
			*at_ns, &pause_ns);
	}
	(void)pthread_mutex_unlock(caller->lock);
	*at_ns += pause_ns;
	return success ? MS_CALL_SUCCESS : MS_CALL_FAILURE;
}

enum ms_call_end ms_call_make(struct ms_caller *caller, struct ms_call *call, int64_t *at_ns)
{
	const struct ms_client *client = call->sender.client;
	struct ms_request_state request;
	enum ms_call_end end;
	uint32_t key = 0;
	bool again = true;

	(void)pthread_mutex_lock(caller->lock);
	ms_sender_begin(&call->sender, &request, *at_ns);
	(void)pthread_mutex_unlock(caller->lock);
	if (cache_ask(caller, call, *at_ns, &key)) {
		*at_ns += ms_seconds_ns(caller->page->model.caches[client->cache].hit_s);
		if (wait_for(caller, -1, 0, *at_ns) == WAIT_WOKEN)
			return request_leave(caller, call, &request, false);
		return request_finish(caller, call, &request, true, *at_ns);
	}
	end = attempt_make(caller, call, &request, key, at_ns, &again);
	while (again) {
		if (*at_ns > ms_page_now_ns(caller->page) &&
			wait_for(caller, -1, 0, *at_ns) == WAIT_WOKEN)
			return request_leave(caller, call, &request, false);
		end = attempt_make(caller, call, &request, key, at_ns, &again);
	}
	if (end == MS_CALL_CANCELLED)
		return end;
	if (end == MS_CALL_SUCCESS && client->cache != MS_NONE &&
		caller->page->model.caches[client->cache].fill == MS_FILL_ON_SUCCESS)
		ms_shared_cache_put(&caller->page->caches[client->cache], key, *at_ns);
	return request_finish(caller, call, &request, end == MS_CALL_SUCCESS, *at_ns);
}

void ms_caller_close(struct ms_caller *caller)
{
	for (uint32_t i = 0; i < MS_CLIENTS_MAX; i++)
		socket_reset(caller, i);
}
