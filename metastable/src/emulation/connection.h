/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP/1.1 exchanges over kept-alive connections to one address: one request at a time on each, abandoned ones are
 * reset. For one libuv loop; not thread-safe. Source: RFC 9112.
 */
#ifndef METASTABLE_EMULATION_CONNECTION_H
#define METASTABLE_EMULATION_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct ms_exchange;
struct hb_error;

#define MS_EXCHANGE_PATH_BYTES 512

/* The answer to an exchange: status 100 ... 599, or 0 if the connection failed. The exchange is over then. */
typedef void ms_exchange_fn(void *owner, uint32_t number, int status);

struct ms_exchanges {
	uv_loop_t *loop;
	struct sockaddr_in address;
	char host[64];
	char path[MS_EXCHANGE_PATH_BYTES];
	ms_exchange_fn *answered;
	void *owner;
	struct ms_exchange *idle;
};

/*
 * ms_url_read - an http URL on loopback into @ret's address, host and path.
 * Returns 0 or -EINVAL (no http URL, another host than 127.0.0.1 or localhost).
 */
int ms_url_read(const char *url, struct ms_exchanges *ret, struct hb_error *reterr);

/* What the headers of a response say. */
struct ms_response {
	int status;         /* 100 ... 599; 0 = no response of HTTP/1 */
	bool reusable;      /* the connection may carry another exchange after the body */
	uint64_t body_left; /* bytes of the body that are not in the text */
};

/*
 * ms_response_read - the first @size bytes of a response.
 * Returns false until the headers are complete, with *@ret untouched.
 */
bool ms_response_read(const char *text, size_t size, struct ms_response *ret);

/*
 * ms_exchange_begin - GET @path; @number is handed back with the answer.
 * Returns the exchange, or NULL if there is no connection to be had (no answer follows then).
 */
struct ms_exchange *ms_exchange_begin(
	struct ms_exchanges *exchanges, const char *path, uint32_t number);

/* ms_exchange_abandon - nobody waits for the answer any more: the connection is reset. */
void ms_exchange_abandon(struct ms_exchange *exchange);

#endif
