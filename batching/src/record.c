/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/record.h>

#include <errno.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "octets.h"

#define MAGIC 0xE2E0
#define TRACKED_MASK ((1u << BAT_QUEUE_COUNT) - 1)

/* Offsets; the queues follow each other. */
enum {
	AT_MAGIC = 0,
	AT_VERSION = 2,
	AT_UNIT = 3,
	AT_EPOCH = 4,
	AT_SEQUENCE = 8,
	AT_TRACKED = 12,
	AT_ZERO = 13,
	AT_TIME = 16,
	AT_QUEUES = 24,
	QUEUE_BYTES = 24
};

_Static_assert(AT_QUEUES + BAT_QUEUE_COUNT * QUEUE_BYTES == BAT_RECORD_BYTES, "no gap");

void bat_record_encode(const struct bat_record *record, uint8_t *ret)
{
	hb_assert((unsigned int)record->unit < BAT_UNIT_COUNT);
	hb_assert(record->tracked <= TRACKED_MASK && record->time_ns >= 0);
	memset(ret, 0, BAT_RECORD_BYTES);
	octets_put_u16(ret + AT_MAGIC, MAGIC);
	ret[AT_VERSION] = BAT_RECORD_VERSION;
	ret[AT_UNIT] = (uint8_t)record->unit;
	octets_put_u32(ret + AT_EPOCH, record->epoch);
	octets_put_u32(ret + AT_SEQUENCE, record->sequence);
	ret[AT_TRACKED] = record->tracked;
	octets_put_u64(ret + AT_TIME, (uint64_t)record->time_ns);
	for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
		uint8_t *at = ret + AT_QUEUES + q * QUEUE_BYTES;

		if (!(record->tracked >> q & 1))
			continue;
		hb_assert(record->queues[q].size >= 0);
		octets_put_u64(at, (uint64_t)record->queues[q].size);
		octets_put_u64(at + 8, record->queues[q].departed);
		octets_put_u64(at + 16, record->queues[q].integral);
	}
}

static int check_header(const uint8_t *bytes, size_t size, struct hb_error *reterr)
{
	if (size != BAT_RECORD_BYTES)
		return hb_error_set(
			reterr, -EBADMSG, "a record has %d bytes, not %zu", BAT_RECORD_BYTES, size);
	if (octets_get_u16(bytes + AT_MAGIC) != MAGIC)
		return hb_error_set(reterr, -EBADMSG, "a record begins with %04x, not %04x", MAGIC,
			octets_get_u16(bytes + AT_MAGIC));
	if (bytes[AT_VERSION] != BAT_RECORD_VERSION)
		return hb_error_set(reterr, -EBADMSG, "record version %d, known is %d",
			bytes[AT_VERSION], BAT_RECORD_VERSION);
	if (bytes[AT_UNIT] >= BAT_UNIT_COUNT)
		return hb_error_set(reterr, -EBADMSG, "unknown unit %d", bytes[AT_UNIT]);
	if (bytes[AT_TRACKED] > TRACKED_MASK)
		return hb_error_set(
			reterr, -EBADMSG, "unknown queues in the set %02x", bytes[AT_TRACKED]);
	if (bytes[AT_ZERO] || bytes[AT_ZERO + 1] || bytes[AT_ZERO + 2])
		return hb_error_set(reterr, -EBADMSG, "reserved bytes are not zero");
	if (octets_get_u64(bytes + AT_TIME) > INT64_MAX)
		return hb_error_set(reterr, -EBADMSG, "the time is negative");
	return 0;
}

int bat_record_decode(
	const uint8_t *bytes, size_t size, struct bat_record *ret, struct hb_error *reterr)
{
	struct bat_record record = {0};
	int err = check_header(bytes, size, reterr);

	if (err)
		return err;
	record.unit = (enum bat_unit)bytes[AT_UNIT];
	record.epoch = octets_get_u32(bytes + AT_EPOCH);
	record.sequence = octets_get_u32(bytes + AT_SEQUENCE);
	record.tracked = bytes[AT_TRACKED];
	record.time_ns = (int64_t)octets_get_u64(bytes + AT_TIME);
	for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
		const uint8_t *at = bytes + AT_QUEUES + q * QUEUE_BYTES;
		struct bat_reading reading = {
			.size = (int64_t)octets_get_u64(at),
			.departed = octets_get_u64(at + 8),
			.integral = octets_get_u64(at + 16),
		};

		if (!(record.tracked >> q & 1)) {
			if (reading.size || reading.departed || reading.integral)
				return hb_error_set(reterr, -EBADMSG,
					"queue %s is not tracked and not zero",
					bat_queue_name((enum bat_queue)q));
			continue;
		}
		if (reading.size < 0)
			return hb_error_set(reterr, -EBADMSG, "the size of queue %s is negative",
				bat_queue_name((enum bat_queue)q));
		reading.time_ns = record.time_ns;
		record.queues[q] = reading;
	}
	*ret = record;
	return 0;
}
