/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bat_resp_feed(): the same counts and faults wherever the stream is cut, and a failed stream stays failed. */
#include <errno.h>

#include <hotbed/assert.h>

#include <batching/resp.h>

#include "fuzz.h"

static int feed_in_parts(
	struct bat_resp *resp, const uint8_t *data, size_t size, size_t part, uint64_t *ret_values)
{
	int err = 0;

	*ret_values = 0;
	for (size_t at = 0; at < size && !err; at += part) {
		uint64_t values;

		err = bat_resp_feed(resp, data + at, size - at < part ? size - at : part, &values);
		*ret_values += values;
	}
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int direction = BAT_RESP_REQUESTS; direction <= BAT_RESP_ANSWERS; direction++) {
		struct bat_resp whole, cut;
		uint64_t values, parts, more;
		int err;

		bat_resp_init(&whole, (enum bat_resp_direction)direction);
		err = bat_resp_feed(&whole, data, size, &values);
		hb_assert(err == 0 || err == -EBADMSG);
		hb_assert(values <= size);
		for (size_t part = 1; part <= 7; part += 3) {
			bat_resp_init(&cut, (enum bat_resp_direction)direction);
			hb_assert(feed_in_parts(&cut, data, size, part, &parts) == err);
			hb_assert(parts == values);
			hb_assert(bat_resp_between(&cut) == bat_resp_between(&whole));
		}
		if (err)
			hb_assert(bat_resp_feed(&whole, "+OK\r\n", 5, &more) == -EBADMSG &&
				  more == 0);
	}
	return 0;
}
