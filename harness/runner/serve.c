/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "serve.h"

#include <errno.h>

#include <hotbed/error.h>

#include "build_config.h"

#if !HB_HAS_MICROHTTPD

int hb_server_start(const char *address, uint16_t port, const struct hb_serve *serve,
	struct hb_server **ret, uint16_t *ret_port, struct hb_error *reterr)
{
	(void)address;
	(void)port;
	(void)serve;
	(void)ret;
	(void)ret_port;
	return hb_error_set(reterr, -ENOSYS,
		"this build cannot serve: libmicrohttpd-dev was not there when it was configured; "
		"./hotbed setup installs it");
}

void hb_server_stop(struct hb_server *server)
{
	(void)server;
}

#else

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <microhttpd.h>

#include <hotbed/csv.h>

#include "serve_pages.h"

#define CONNECTION_BYTES ((size_t)32 << 10)

struct hb_server {
	struct MHD_Daemon *daemon;
	const struct hb_serve *serve;
	char address[INET6_ADDRSTRLEN];
	bool is_any; /* listens on all addresses: every numeric name of it is right */
};

/* Nothing that a page of ours needs is loaded from elsewhere; reports bring their charts' runtime along. */
#define POLICY_PAGE                                                                          \
	"default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; " \
	"base-uri 'none'; frame-ancestors 'none'"
#define POLICY_FILE                                                                  \
	"default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src "   \
	"'unsafe-inline'; "                                                          \
	"img-src data: blob:; font-src data:; form-action 'none'; base-uri 'none'; " \
	"frame-ancestors 'none'"

/* ---- answering ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
	struct MHD_Response *response, const char *type, const char *policy)
{
	if (!response)
		return MHD_NO;
	(void)MHD_add_response_header(response, "Content-Type", type);
	(void)MHD_add_response_header(response, "Content-Security-Policy", policy);
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	(void)MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	(void)MHD_add_response_header(response, "Cache-Control", "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, "Allow", "GET, HEAD");
	enum MHD_Result result = MHD_queue_response(connection, status, response);

	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_page(
	struct MHD_Connection *connection, unsigned status, struct hb_text *text)
{
	struct MHD_Response *response =
		text->failed ? NULL
			     : MHD_create_response_from_buffer(
				       text->length_bytes, text->bytes, MHD_RESPMEM_MUST_COPY);

	hb_text_finish(text);
	return answer(connection, status, response, "text/html; charset=utf-8", POLICY_PAGE);
}

static enum MHD_Result answer_fault(
	struct MHD_Connection *connection, unsigned status, const char *title, const char *what)
{
	struct hb_text text = {0};

	hb_serve_put_fault(&text, title, what);
	return answer_page(connection, status, &text);
}

static enum MHD_Result answer_made(struct MHD_Connection *connection, int made,
	const struct hb_error *error, struct hb_text *text)
{
	if (!made)
		return answer_page(connection, MHD_HTTP_OK, text);
	hb_text_finish(text);
	return made == -ENOENT
		       ? answer_fault(connection, MHD_HTTP_NOT_FOUND, "Not found", error->text)
	       : made == -EBUSY
		       ? answer_fault(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "Busy", error->text)
		       : answer_fault(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
				 "That did not work", error->text);
}

static enum MHD_Result answer_file(
	struct hb_server *server, struct MHD_Connection *connection, const char *path)
{
	const char *type;
	struct stat info;
	int fd = hb_serve_open(server->serve, path, &type);

	if (fd >= 0 && fstat(fd, &info) == 0) {
		/* It owns the descriptor. A journal that grows meanwhile is sent as long as it was. */
		struct MHD_Response *response =
			MHD_create_response_from_fd64((uint64_t)info.st_size, fd);

		if (!response)
			(void)close(fd);
		return answer(connection, MHD_HTTP_OK, response, type, POLICY_FILE);
	}
	if (fd >= 0)
		(void)close(fd);
	return fd == -EACCES ? answer_fault(connection, MHD_HTTP_FORBIDDEN, "Not readable",
				       "The file may not be read by who serves.")
			     : answer_fault(connection, MHD_HTTP_NOT_FOUND, "Not found",
				       "No run has such a file.");
}

/* ---- what is asked for ---- */

static uint64_t number_of(struct MHD_Connection *connection, const char *key)
{
	const char *value = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, key);
	uint64_t number;

	return value && !hb_csv_parse_u64(value, &number) && number < INT32_MAX ? number : 0;
}

/* /runs/NAME/ is a page, anything else below /runs/ a file. */
static enum MHD_Result answer_runs(
	struct hb_server *server, struct MHD_Connection *connection, const char *path)
{
	struct hb_text text = {0};
	struct hb_error error = {0};
	size_t length = strlen(path);
	char name[256];

	if (length == 0 || path[length - 1] != '/' || length > sizeof(name))
		return answer_file(server, connection, path);
	(void)snprintf(name, sizeof(name), "%.*s", (int)length - 1, path);
	int made = hb_serve_put_run(server->serve, name, &text, &error);

	return answer_made(connection, made, &error, &text);
}

static enum MHD_Result route(
	struct hb_server *server, struct MHD_Connection *connection, const char *url)
{
	static const char runs[] = "/runs/", series[] = "/history/series/";
	struct hb_text text = {0};
	struct hb_error error = {0};
	uint64_t number;

	if (!strcmp(url, "/"))
		return answer_made(connection,
			hb_serve_put_runs(
				server->serve, number_of(connection, "first"), &text, &error),
			&error, &text);
	if (!strncmp(url, runs, sizeof(runs) - 1))
		return answer_runs(server, connection, url + sizeof(runs) - 1);
	if (!strcmp(url, "/history"))
		return answer_made(connection,
			hb_serve_put_history(server->serve,
				MHD_lookup_connection_value(
					connection, MHD_GET_ARGUMENT_KIND, "search"),
				number_of(connection, "first"), &text, &error),
			&error, &text);
	if (!strncmp(url, series, sizeof(series) - 1) &&
		!hb_csv_parse_u64(url + sizeof(series) - 1, &number) && number < INT64_MAX)
		return answer_made(connection,
			hb_serve_put_series(server->serve, (int64_t)number, &text, &error), &error,
			&text);
	return answer_fault(connection, MHD_HTTP_NOT_FOUND, "Not found",
		"There are the runs, and the history.");
}

/* NAME or NAME:PORT, NAME being localhost or the address; of a server on all addresses any number. */
static bool is_us(const struct hb_server *server, const char *host)
{
	char name[INET6_ADDRSTRLEN + 2];
	struct in6_addr address;
	const char *end = *host == '[' ? strchr(host, ']') : strchr(host, ':');
	size_t length = !end ? strlen(host) : (size_t)(end - host) - (*host == '[');

	if (*host == '[' && (!end || (end[1] && end[1] != ':')))
		return false;
	if (length == 0 || length >= sizeof(name))
		return false;
	memcpy(name, host + (*host == '['), length);
	name[length] = '\0';
	if (!strcasecmp(name, "localhost") || !strcmp(name, server->address))
		return true;
	return server->is_any && (inet_pton(AF_INET, name, &address) == 1 ||
					 inet_pton(AF_INET6, name, &address) == 1);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_bytes,
	void **context)
{
	static int seen;
	struct hb_server *server = user;
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");

	(void)version;
	(void)upload;
	/* First with the head alone; what a body holds is thrown away. */
	if (!*context) {
		*context = &seen;
		return MHD_YES;
	}
	if (*upload_bytes) {
		*upload_bytes = 0;
		return MHD_YES;
	}
	if (!host || !is_us(server, host))
		return answer_fault(connection, MHD_HTTP_FORBIDDEN, "Not this server",
			"Ask for it by its address or as localhost.");
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_fault(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "Read-only",
			"This server only reads: GET and HEAD.");
	return route(server, connection, url);
}

/* ---- starting ---- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse_address(const char *text, uint16_t port, union address *ret)
{
	*ret = (union address){0};
	if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		return sizeof(ret->v4);
	}
	if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(port);
		return sizeof(ret->v6);
	}
	return 0;
}

static int listen_at(
	const char *address, uint16_t port, uint16_t *ret_port, struct hb_error *reterr)
{
	union address at;
	socklen_t length = parse_address(address, port, &at);
	int one = 1;

	if (!length)
		return hb_error_set(reterr, -EINVAL,
			"'%.60s' is no address; a number such as 127.0.0.1 or ::1 is expected",
			address);
	int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
		bind(fd, &at.any, length) || listen(fd, HB_SERVE_CONNECTIONS_MAX) ||
		getsockname(fd, &at.any, &length)) {
		int code = -errno;

		if (fd >= 0)
			(void)close(fd);
		return hb_error_set(reterr, code, "%s, port %u: %s%s", address, port,
			strerror(-code),
			code == -EADDRINUSE ? "; --port chooses another, 0 any that is free" : "");
	}
	*ret_port = ntohs(at.any.sa_family == AF_INET ? at.v4.sin_port : at.v6.sin6_port);
	return fd;
}

int hb_server_start(const char *address, uint16_t port, const struct hb_serve *serve,
	struct hb_server **ret, uint16_t *ret_port, struct hb_error *reterr)
{
	struct hb_server *server = calloc(1, sizeof(*server));

	if (!server)
		return hb_error_set(reterr, -ENOMEM, "not enough memory");
	int fd = listen_at(address, port, ret_port, reterr);

	if (fd < 0) {
		free(server);
		return fd;
	}
	server->serve = serve;
	server->is_any = !strcmp(address, "0.0.0.0") || !strcmp(address, "::");
	(void)snprintf(server->address, sizeof(server->address), "%s", address);
	server->daemon =
		MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC,
			*ret_port, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
			MHD_OPTION_CONNECTION_LIMIT, (unsigned)HB_SERVE_CONNECTIONS_MAX,
			MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HB_SERVE_TIMEOUT_S,
			MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_END);
	if (!server->daemon) {
		(void)close(fd);
		free(server);
		return hb_error_set(reterr, -EIO, "the server cannot be started: %s",
			errno ? strerror(errno) : "no reason given");
	}
	*ret = server;
	return 0;
}

void hb_server_stop(struct hb_server *server)
{
	if (!server)
		return;
	MHD_stop_daemon(server->daemon);
	free(server);
}

#endif
