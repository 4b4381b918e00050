/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a server reads from others and from its disk: frames and what is in them, logs, snapshots. Whatever the bytes
 * are, they are refused or understood, and what is understood is written again as it was. The first byte says what the
 * rest is; sums are made right, as random bytes would never get past them.
 */
#include <errno.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <xxhash.h>

#include "fuzz.h"
#include "server/log_file.h"
#include "server/wire.h"

static void release(const struct pc_entry *entries, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		payload_release(entry_payload(&entries[i]));
}

static void read_message(const uint8_t *data, size_t size)
{
	struct reader r = {data, data + size, false};
	struct pc_entry entries[PC_ENTRIES_PER_MESSAGE];
	struct pc_message m;
	struct bytes again = {0};

	if (decode_message(&r, &m, entries)) {
		encode_message(&again, &m);
		hb_assert(again.bad || again.length == size);
	}
	release(entries, m.entry_count);
	free(again.data);
}

static void read_frames(const uint8_t *data, size_t size)
{
	struct wire_request request;
	struct wire_reply reply;
	struct store_command command;
	struct reader body = {data, data + size, false};
	uint32_t kind;
	int64_t length = frame_next(data, size, &kind, &body);

	hb_assert(length == -EBADMSG || (length >= 0 && (uint64_t)length <= size));
	body = (struct reader){data, data + size, false};
	(void)decode_request(&body, &request);
	body = (struct reader){data, data + size, false};
	(void)decode_reply(&body, &reply);
	(void)store_command_decode(data, size, &command);
}

/* Header and records get the sums that a file with these bytes would have. */
static void read_log(uint8_t *data, size_t size)
{
	struct recovered recovered = {0};
	struct hb_error error = {0};
	uint64_t end = 0;
	int err;

	if (size >= 48)
		store_u64(data + 40, XXH3_64bits(data, 40), 8);
	err = log_scan(data, size, "fuzz", &recovered, &end, &error);
	hb_assert(err == 0 || err == -EBADMSG || err == -ENOMEM);
	hb_assert((err < 0) == (error.text[0] != '\0'));
	hb_assert(err || (end <= size && end + recovered.torn_bytes == size));
	recovered_finish(&recovered);
}

static void read_snapshot(uint8_t *data, size_t size)
{
	struct recovered recovered = {0};
	struct hb_error error = {0};
	int err;

	if (size >= 8)
		store_u64(data + size - 8, XXH3_64bits(data, size - 8), 8);
	err = snapshot_decode(data, size, "fuzz", &recovered, &error);
	hb_assert(err == 0 || err == -EBADMSG || err == -ENOMEM);
	hb_assert((err < 0) == (error.text[0] != '\0'));
	recovered_finish(&recovered);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size < 2)
		return 0;
	copy = malloc(size - 1);
	hb_assert(copy);
	memcpy(copy, data + 1, size - 1);
	switch (data[0]) {
	case 'l':
		read_log(copy, size - 1);
		break;
	case 's':
		read_snapshot(copy, size - 1);
		break;
	case 'm':
		read_message(copy, size - 1);
		break;
	default:
		read_frames(copy, size - 1);
		break;
	}
	free(copy);
	return 0;
}
