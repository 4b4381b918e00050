/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The HTTP server of `hotbed serve`: GET and HEAD of pages (serve_pages.h) and of runs' files, by libmicrohttpd.
 * It answers one request at a time. One whose Host is not this server is refused, so that a page of the web cannot
 * read results through a name that it points here (DNS rebinding).
 */
#ifndef HOTBED_RUNNER_SERVE_H
#define HOTBED_RUNNER_SERVE_H

#include <stdint.h>

struct hb_error;
struct hb_serve;
struct hb_server;

/* Connections at a time; more are closed at once. One that says nothing for so long is closed, too. */
#define HB_SERVE_CONNECTIONS_MAX 64
#define HB_SERVE_TIMEOUT_S 15

/*
 * hb_server_start - begin to answer, in a thread of its own.
 * @address: a numeric IPv4 or IPv6 address. @port: 0 = any. @serve: kept by reference. @ret_port: the port.
 *
 * Returns 0, -EINVAL (no address), -ENOSYS (this build has no libmicrohttpd), or the -errno of the socket.
 */
int hb_server_start(const char *address, uint16_t port, const struct hb_serve *serve,
	struct hb_server **ret, uint16_t *ret_port, struct hb_error *reterr);

/* hb_server_stop - finish what is being answered, close all, free it. NULL is accepted. */
void hb_server_stop(struct hb_server *server);

#endif
