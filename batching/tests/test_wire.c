/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The codec against the test vectors of docs/reference/batching-wire.md, PAGE, and against itself. */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <batching/exchange.h>

#define LINE_BYTES 1024

static size_t read_hex(const char *hex, uint8_t *ret)
{
	size_t size = strspn(hex, "0123456789abcdef") / 2;

	for (size_t i = 0; i < size; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		ret[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return size;
}

static void tell_option(const uint8_t *bytes, size_t size, char *ret)
{
	struct bat_option option;
	int err = bat_option_decode(bytes, size, &option, NULL);

	if (err) {
		(void)snprintf(ret, LINE_BYTES, "%s", err == -ENOENT ? "foreign" : "malformed");
	} else if (option.is_setup) {
		const struct bat_scale *scale = &option.setup.scale;

		(void)snprintf(ret, LINE_BYTES,
			"setup epoch %d unit %s tracked %d shifts %d %d %d size %d rate %d horizon "
			"%d",
			option.epoch, bat_unit_name(option.setup.unit), option.setup.tracked,
			scale->time_shift, scale->departed_shift, scale->integral_shift,
			scale->size_log2, scale->rate_log2, option.setup.horizon_log2);
	} else {
		(void)snprintf(ret, LINE_BYTES,
			"reading epoch %d queue %s time %" PRIu32 " departed %" PRIu32
			" integral %" PRIu32,
			option.epoch, bat_queue_name(option.reading.queue), option.reading.time,
			option.reading.departed, option.reading.integral);
	}
}

static void tell_record(const uint8_t *bytes, size_t size, char *ret)
{
	struct bat_record record;
	int at;

	if (bat_record_decode(bytes, size, &record, NULL)) {
		(void)snprintf(ret, LINE_BYTES, "malformed");
		return;
	}
	at = snprintf(ret, LINE_BYTES,
		"unit %s epoch %" PRIu32 " sequence %" PRIu32 " time %" PRId64,
		bat_unit_name(record.unit), record.epoch, record.sequence, record.time_ns);
	for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
		const struct bat_reading *queue = &record.queues[q];

		if (record.tracked >> q & 1)
			at += snprintf(ret + at, LINE_BYTES - (size_t)at,
				" %s %" PRId64 " %" PRIu64 " %" PRIu64,
				bat_queue_name((enum bat_queue)q), queue->size, queue->departed,
				queue->integral);
	}
}

Test(wire, the_test_vectors_of_the_page_decode_as_it_says)
{
	char line[LINE_BYTES], told[LINE_BYTES];
	int options = 0, records = 0;
	FILE *page = fopen(PAGE, "r");

	cr_assert(page);
	while (fgets(line, sizeof(line), page)) {
		bool is_option = strncmp(line, "option ", 7) == 0;
		bool is_record = strncmp(line, "record ", 7) == 0;
		uint8_t bytes[LINE_BYTES / 2];
		char *meaning = strstr(line, " = ");
		size_t size;

		if (!(is_option || is_record) || !meaning)
			continue;
		line[strcspn(line, "\n")] = '\0';
		size = read_hex(line + 7, bytes);
		cr_assert(line + 7 + 2 * size == meaning, "%s", line);
		(is_option ? tell_option : tell_record)(bytes, size, told);
		cr_assert_str_eq(told, meaning + 3, "%s", line);
		options += is_option;
		records += is_record;
	}
	(void)fclose(page);
	cr_assert(options >= 15 && records >= 10, "%d options, %d records", options, records);
}

static struct hb_rng seeded(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 20250514;
	struct hb_rng rng;

	(void)printf("HB_SEED=%" PRIu64 "\n", seed);
	hb_rng_init(&rng, seed, 0);
	return rng;
}

Test(wire, random_records_come_back_as_they_were)
{
	struct hb_rng rng = seeded();

	for (int round = 0; round < 20000; round++) {
		struct bat_record record = {0}, back;
		uint8_t bytes[BAT_RECORD_BYTES];

		record.unit = (enum bat_unit)hb_rng_below(&rng, BAT_UNIT_COUNT);
		record.tracked = (uint8_t)hb_rng_below(&rng, 1 << BAT_QUEUE_COUNT);
		record.epoch = (uint32_t)hb_rng_u64(&rng);
		record.sequence = (uint32_t)hb_rng_u64(&rng);
		record.time_ns = (int64_t)(hb_rng_u64(&rng) >> 1);
		for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
			if (record.tracked >> q & 1)
				record.queues[q] = (struct bat_reading){record.time_ns,
					(int64_t)(hb_rng_u64(&rng) >> 1), hb_rng_u64(&rng),
					hb_rng_u64(&rng)};
		}
		bat_record_encode(&record, bytes);
		cr_assert_eq(bat_record_decode(bytes, sizeof(bytes), &back, NULL), 0);
		cr_assert(back.unit == record.unit && back.tracked == record.tracked &&
			  back.epoch == record.epoch && back.sequence == record.sequence &&
			  back.time_ns == record.time_ns);
		cr_assert(memcmp(back.queues, record.queues, sizeof(back.queues)) == 0);
	}
}

Test(wire, random_options_that_decode_encode_to_the_same_bytes)
{
	struct hb_rng rng = seeded();
	int accepted = 0;

	for (int round = 0; round < 200000; round++) {
		uint8_t bytes[BAT_OPTION_BYTES], again[BAT_OPTION_BYTES];
		struct bat_option option;

		for (int i = 0; i < BAT_OPTION_BYTES; i++)
			bytes[i] = (uint8_t)hb_rng_below(&rng, 256) & (i > 3 ? 0x0f : 0xff);
		bytes[0] = BAT_OPTION_KIND;
		bytes[1] = BAT_OPTION_BYTES;
		bytes[2] = 0xe2;
		if (bat_option_decode(bytes, sizeof(bytes), &option, NULL))
			continue;
		accepted++;
		bat_option_encode(&option, again);
		cr_assert(memcmp(bytes, again, sizeof(bytes)) == 0);
	}
	cr_assert(accepted > 50000);
}

Test(wire, a_refusal_says_what_was_wrong_and_writes_nothing)
{
	uint8_t bytes[BAT_RECORD_BYTES] = {0};
	struct bat_record record = {.epoch = 77};
	struct bat_option option = {.epoch = 7};
	struct hb_error error = {0};

	cr_assert_eq(bat_record_decode(bytes, 3, &record, &error), -EBADMSG);
	cr_assert(strstr(error.text, "144 bytes"), "%s", error.text);
	cr_assert_eq(record.epoch, 77);
	bytes[0] = BAT_OPTION_KIND;
	bytes[1] = 12;
	bytes[2] = 0xe2;
	cr_assert_eq(bat_option_decode(bytes, 12, &option, &error), -EBADMSG);
	cr_assert(strstr(error.text, "16 bytes"), "%s", error.text);
	cr_assert_eq(option.epoch, 7);
}
