/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counts requests and answers in a stream of Redis's protocol without keeping any of it: where values begin and end, in
 * constant memory, whatever the peer sends. RESP2 and RESP3; requests are arrays of bulk strings, or inline commands.
 *
 * Not thread-safe: one owner per stream. Source: the Redis serialization protocol specification, redis.io.
 */
#ifndef BATCHING_RESP_H
#define BATCHING_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BAT_RESP_DEPTH_MAX 32U   /* arrays within arrays */
#define BAT_RESP_LINE_MAX 65536U /* bytes of a line; Redis's own limit of inline commands */
#define BAT_RESP_BULK_MAX (UINT64_C(512) << 20) /* bytes of a string; proto-max-bulk-len */
#define BAT_RESP_COUNT_MAX UINT64_C(2147483647) /* members of an array */

enum bat_resp_direction {
	BAT_RESP_REQUESTS,
	BAT_RESP_ANSWERS,
};

/* Opaque; embedded by value. */
struct bat_resp {
	uint8_t direction, state, type;
	bool negative, digits, push, attribute;
	uint32_t depth, line_bytes;
	uint64_t number;
	uint64_t skip_bytes;                  /* rest of a string and its line end */
	uint64_t members[BAT_RESP_DEPTH_MAX]; /* still to come, per level */
};

/* bat_resp_init - at the beginning of a stream. */
void bat_resp_init(struct bat_resp *resp, enum bat_resp_direction direction);

/*
 * bat_resp_feed - the next @size bytes of the stream, cut anywhere.
 * @ret_values: requests or answers that ended in them; empty inline commands and pushes (RESP3) are none. Valid on
 * failure too: those before the fault.
 *
 * Returns 0, or -EBADMSG: this is no RESP, or beyond the limits above; the stream cannot be counted any more.
 * Takes time linear in @size; never blocks or allocates.
 */
int bat_resp_feed(struct bat_resp *resp, const void *data, size_t size, uint64_t *ret_values);

/* bat_resp_between - whether the stream is between two values: nothing has begun and not ended. */
bool bat_resp_between(const struct bat_resp *resp);

#endif
