/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numeric IPv4 addresses. */
#ifndef BATCHING_ADDRESS_H
#define BATCHING_ADDRESS_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>

#include <hotbed/error.h>

/* address_read - Returns 0, or -EINVAL with the text in @reterr. */
static inline int address_read(
	const char *text, uint16_t port, struct sockaddr_in *ret, struct hb_error *reterr)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (!text || inet_pton(AF_INET, text, &address.sin_addr) != 1)
		return hb_error_set(reterr, -EINVAL,
			"'%.80s' is no numeric IPv4 address; give one like 127.0.0.1",
			text ? text : "");
	*ret = address;
	return 0;
}

#endif
