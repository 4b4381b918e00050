/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The wire formats: what is accepted encodes to the same bytes, what is refused has a text; and a receiver that is fed
 * the input as a sequence of options keeps its counters going forward within a generation.
 */
#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include <batching/exchange.h>

#include "fuzz.h"

#define STEP_NS 3000000 /* between two options; the first byte of each multiplies it */

static void check_record(const uint8_t *data, size_t size)
{
	struct hb_error error = {0};
	struct bat_record record;
	uint8_t again[BAT_RECORD_BYTES];

	if (bat_record_decode(data, size, &record, &error)) {
		hb_assert(error.code == -EBADMSG && error.text[0] != '\0');
		return;
	}
	bat_record_encode(&record, again);
	hb_assert(size == BAT_RECORD_BYTES && memcmp(again, data, size) == 0);
}

static void check_option(const uint8_t *data, size_t size)
{
	struct hb_error error = {0};
	struct bat_option option;
	uint8_t again[BAT_OPTION_BYTES];
	int err = bat_option_decode(data, size, &option, &error);

	if (err) {
		hb_assert((err == -EBADMSG || err == -ENOENT) && error.text[0] != '\0');
		return;
	}
	bat_option_encode(&option, again);
	hb_assert(size == BAT_OPTION_BYTES && memcmp(again, data, size) == 0);
}

static void check_receiver(const uint8_t *data, size_t size)
{
	struct bat_receiver receiver = {0};
	int64_t now_ns = 1;

	for (; size > BAT_OPTION_BYTES;
		data += BAT_OPTION_BYTES + 1, size -= BAT_OPTION_BYTES + 1) {
		struct bat_receiver before = receiver;
		enum bat_exchange_verdict verdict;

		now_ns += data[0] * (int64_t)STEP_NS;
		verdict = bat_receiver_accept(&receiver, now_ns, data + 1, BAT_OPTION_BYTES);
		hb_assert((unsigned int)verdict < BAT_EXCHANGE_VERDICT_COUNT);
		for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
			if (receiver.generation != before.generation || !(before.known >> q & 1))
				continue;
			hb_assert(receiver.queues[q].time >= before.queues[q].time);
			hb_assert(receiver.queues[q].departed >= before.queues[q].departed);
			hb_assert(receiver.queues[q].integral >= before.queues[q].integral);
		}
		if (size == BAT_OPTION_BYTES + 1)
			break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_record(data, size);
	check_option(data, size);
	check_receiver(data, size);
	return 0;
}
