/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See connection.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <hotbed/error.h>

#include "connection.h"

#define RESPONSE_BYTES 8192

struct ms_exchange {
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	struct ms_exchanges *exchanges;
	struct ms_exchange *next_idle;
	uint32_t number;
	bool waits; /* for an answer */
	struct ms_response answer;
	size_t used;
	char request[MS_EXCHANGE_PATH_BYTES + 128];
	char response[RESPONSE_BYTES];
};

int ms_url_read(const char *url, struct ms_exchanges *ret, struct hb_error *reterr)
{
	char host[64];
	char path[MS_EXCHANGE_PATH_BYTES] = "/";
	unsigned int port = 80;
	int used = 0;
	const char *rest;

	if (sscanf(url, "http://%63[^:/?#]%n", host, &used) != 1)
		return hb_error_set(reterr, -EINVAL,
			"'%.80s' is no http URL; write http://127.0.0.1:PORT/PATH", url);
	rest = url + used;
	if (*rest == ':') {
		if (sscanf(rest, ":%5u%n", &port, &used) != 1 || port < 1 || port > 65535)
			return hb_error_set(reterr, -EINVAL,
				"'%.80s' has no port from 1 to 65535; write "
				"http://127.0.0.1:PORT/PATH",
				url);
		rest += used;
	}
	if (strcmp(host, "127.0.0.1") != 0 && strcmp(host, "localhost") != 0)
		return hb_error_set(reterr, -EINVAL,
			"'%.80s' is not on loopback; services elsewhere are not loaded, start it "
			"here",
			url);
	if (strlen(rest) >= sizeof(path) || strpbrk(rest, " \r\n\t"))
		return hb_error_set(
			reterr, -EINVAL, "the path of '%.80s' is too long or has blanks", url);
	if (*rest == '/')
		(void)snprintf(path, sizeof(path), "%s", rest);
	(void)uv_ip4_addr("127.0.0.1", (int)port, &ret->address);
	(void)snprintf(ret->host, sizeof(ret->host), "%s:%u", host, port);
	(void)snprintf(ret->path, sizeof(ret->path), "%s", path);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void idle_remove(struct ms_exchange *exchange)
{
	struct ms_exchange **at = &exchange->exchanges->idle;

	while (*at && *at != exchange)
		at = &(*at)->next_idle;
	if (*at)
		*at = exchange->next_idle;
}

static void exchange_close(struct ms_exchange *exchange)
{
	if (!uv_is_closing((uv_handle_t *)&exchange->tcp))
		uv_close((uv_handle_t *)&exchange->tcp, on_closed);
}

/* Whatever the end, the owner hears it once. */
static void exchange_end(struct ms_exchange *exchange, int status, bool keep)
{
	struct ms_exchanges *exchanges = exchange->exchanges;
	bool waited = exchange->waits;

	exchange->waits = false;
	if (keep) {
		exchange->next_idle = exchanges->idle;
		exchanges->idle = exchange;
	} else {
		exchange_close(exchange);
	}
	if (waited)
		exchanges->answered(exchanges->owner, exchange->number, status);
}

void ms_exchange_abandon(struct ms_exchange *exchange)
{
	exchange->waits = false;
	/* A reset leaves no connection in TIME_WAIT: hundreds are abandoned per second. */
	if (uv_is_closing((uv_handle_t *)&exchange->tcp) ||
		uv_tcp_close_reset(&exchange->tcp, on_closed) == 0)
		return;
	exchange_close(exchange);
}

/* Where the value of header @name begins, or NULL; the headers end at @end. */
static const char *header_value(const char *text, const char *end, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = text; (at = memchr(at, '\n', (size_t)(end - at)));) {
		at++;
		if ((size_t)(end - at) <= length || at[length] != ':' ||
			strncasecmp(at, name, length) != 0)
			continue;
		at += length + 1;
		while (at < end && (*at == ' ' || *at == '\t'))
			at++;
		return at;
	}
	return NULL;
}

/* Digits up to the end of the line; false if there are none, other things, or too many. */
static bool length_read(const char *text, const char *end, uint64_t *ret)
{
	uint64_t value = 0;
	const char *at = text;

	for (; at < end && *at >= '0' && *at <= '9' && at - text < 18; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	*ret = value;
	return at > text && at < end && (*at == '\r' || *at == ' ');
}

static int status_read(const char *text, size_t size)
{
	int status;

	if (size < 13 || memcmp(text, "HTTP/1.", 7) != 0 || text[8] != ' ')
		return 0;
	for (int i = 9; i < 12; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
	}
	status = (text[9] - '0') * 100 + (text[10] - '0') * 10 + text[11] - '0';
	return status >= 100 && status < 600 ? status : 0;
}

bool ms_response_read(const char *text, size_t size, struct ms_response *ret)
{
	const char *end = memmem(text, size, "\r\n\r\n", 4);
	const char *length_text;
	const char *connection;
	uint64_t length;
	size_t body;

	if (!end)
		return false;
	end += 2; /* the last line ends as the others do */
	body = size - (size_t)(end + 2 - text);
	*ret = (struct ms_response){.status = status_read(text, size)};
	length_text = header_value(text, end, "content-length");
	if (!ret->status || !length_text || !length_read(length_text, end, &length) ||
		body > length)
		return true;
	connection = header_value(text, end, "connection");
	ret->reusable =
		!connection || end - connection < 5 || strncasecmp(connection, "close", 5) != 0;
	ret->body_left = length - body;
	return true;
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct ms_exchange *exchange = handle->data;

	(void)suggested;
	*ret = uv_buf_init(exchange->response + exchange->used,
		(unsigned int)(RESPONSE_BYTES - 1 - exchange->used));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	struct ms_exchange *exchange = stream->data;
	struct ms_response *answer = &exchange->answer;

	(void)buffer;
	if (count == 0)
		return;
	if (count < 0 || !exchange->waits) {
		if (!exchange->waits)
			idle_remove(exchange);
		exchange_end(exchange, 0, false);
		return;
	}
	if (answer->body_left) {
		answer->body_left -=
			answer->body_left < (uint64_t)count ? answer->body_left : (uint64_t)count;
	} else {
		exchange->used += (size_t)count;
		if (!ms_response_read(exchange->response, exchange->used, answer)) {
			if (exchange->used == RESPONSE_BYTES - 1)
				exchange_end(exchange, 0, false);
			return;
		}
	}
	exchange->used = 0;
	if (answer->body_left == 0)
		exchange_end(exchange, answer->status, answer->reusable);
}

static void on_written(uv_write_t *write, int status)
{
	struct ms_exchange *exchange = write->data;

	if (status < 0 && exchange->waits)
		exchange_end(exchange, 0, false);
}

static void request_write(struct ms_exchange *exchange)
{
	uv_buf_t buffer = uv_buf_init(exchange->request, (unsigned int)strlen(exchange->request));

	if (uv_try_write((uv_stream_t *)&exchange->tcp, &buffer, 1) == (int)buffer.len)
		return;
	exchange->write.data = exchange;
	if (uv_write(&exchange->write, (uv_stream_t *)&exchange->tcp, &buffer, 1, on_written))
		exchange_end(exchange, 0, false);
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct ms_exchange *exchange = connect->data;

	/* Abandoned meanwhile. */
	if (uv_is_closing((uv_handle_t *)&exchange->tcp))
		return;
	if (status == 0)
		status = uv_read_start((uv_stream_t *)&exchange->tcp, on_allocate, on_read);
	if (status < 0) {
		exchange_end(exchange, 0, false);
		return;
	}
	request_write(exchange);
}

static struct ms_exchange *exchange_connect(struct ms_exchanges *exchanges)
{
	struct ms_exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->exchanges = exchanges;
	exchange->tcp.data = exchange;
	exchange->connect.data = exchange;
	if (uv_tcp_init(exchanges->loop, &exchange->tcp)) {
		free(exchange);
		return NULL;
	}
	(void)uv_tcp_nodelay(&exchange->tcp, 1);
	if (uv_tcp_connect(&exchange->connect, &exchange->tcp,
		    (const struct sockaddr *)&exchanges->address, on_connected)) {
		exchange_close(exchange);
		return NULL;
	}
	return exchange;
}

struct ms_exchange *ms_exchange_begin(
	struct ms_exchanges *exchanges, const char *path, uint32_t number)
{
	struct ms_exchange *exchange = exchanges->idle;
	bool connected = exchange;

	if (connected)
		exchanges->idle = exchange->next_idle;
	else
		exchange = exchange_connect(exchanges);
	if (!exchange)
		return NULL;
	exchange->number = number;
	exchange->waits = true;
	exchange->used = 0;
	exchange->answer = (struct ms_response){0};
	(void)snprintf(exchange->request, sizeof(exchange->request),
		"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, exchanges->host);
	if (connected) {
		uv_buf_t buffer =
			uv_buf_init(exchange->request, (unsigned int)strlen(exchange->request));

		/* A connection that the service has closed shows it here or when it is read. */
		if (uv_try_write((uv_stream_t *)&exchange->tcp, &buffer, 1) != (int)buffer.len) {
			exchange->waits = false;
			exchange_close(exchange);
			return ms_exchange_begin(exchanges, path, number);
		}
	}
	return exchange;
}
