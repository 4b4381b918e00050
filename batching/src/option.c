/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/option.h>

#include <errno.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "octets.h"

#define EXID_HIGH 0xE2
#define SETUP_BIT 0x80
#define EPOCH_SHIFT 3
#define QUEUE_MASK 7
#define TRACKED_MASK ((1u << BAT_QUEUE_COUNT) - 1)
#define COUNTER_BITS 31  /* half of 32: the next reading may also be the one after a lost one */
#define NS_PER_S_LOG2 29 /* rounded down, so that a rate per ns is rounded up */

/* Offsets in an option: kind, length, ExID (high byte, then setup bit, epoch and queue), twelve bytes of content. */
enum { AT_KIND, AT_LENGTH, AT_EXID, AT_TAG, AT_CONTENT };

static unsigned int smaller(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static uint8_t shift_for(unsigned int bits)
{
	unsigned int shift = bits > COUNTER_BITS ? bits - COUNTER_BITS : 0;

	return (uint8_t)smaller(shift, BAT_SHIFT_MAX);
}

struct bat_scale bat_scale_choose(
	unsigned int size_log2, unsigned int rate_log2, unsigned int horizon_log2)
{
	unsigned int size = smaller(size_log2, BAT_LOG2_MAX);
	unsigned int rate = smaller(rate_log2, BAT_LOG2_MAX);
	unsigned int horizon = smaller(horizon_log2, BAT_HORIZON_MAX);
	unsigned int departures =
		rate + horizon > NS_PER_S_LOG2 ? rate + horizon - NS_PER_S_LOG2 : 0;

	/* One full queue may leave at once, beside what the rate allows: at most a bit more than the larger. */
	return (struct bat_scale){
		.time_shift = shift_for(horizon),
		.departed_shift = shift_for((departures > size ? departures : size) + 1),
		.integral_shift = shift_for(size + horizon),
		.size_log2 = (uint8_t)size,
		.rate_log2 = (uint8_t)rate,
	};
}

struct bat_option_reading bat_option_reading_of(
	enum bat_queue queue, const struct bat_reading *reading, const struct bat_scale *scale)
{
	return (struct bat_option_reading){
		.queue = queue,
		.time = (uint32_t)((uint64_t)reading->time_ns >> scale->time_shift),
		.departed = (uint32_t)(reading->departed >> scale->departed_shift),
		.integral = (uint32_t)(reading->integral >> scale->integral_shift),
	};
}

static bool is_scale(const struct bat_scale *scale)
{
	return scale->time_shift <= BAT_SHIFT_MAX && scale->departed_shift <= BAT_SHIFT_MAX &&
	       scale->integral_shift <= BAT_SHIFT_MAX && scale->size_log2 <= BAT_LOG2_MAX &&
	       scale->rate_log2 <= BAT_LOG2_MAX;
}

static bool is_setup(const struct bat_option_setup *setup)
{
	return (unsigned int)setup->unit < BAT_UNIT_COUNT && setup->tracked != 0 &&
	       setup->tracked <= TRACKED_MASK && is_scale(&setup->scale) &&
	       setup->horizon_log2 <= BAT_HORIZON_MAX;
}

static void encode_setup(const struct bat_option_setup *setup, uint8_t *at)
{
	hb_assert(is_setup(setup));
	at[0] = BAT_OPTION_VERSION;
	at[1] = (uint8_t)setup->unit;
	at[2] = setup->tracked;
	at[3] = setup->scale.time_shift;
	at[4] = setup->scale.departed_shift;
	at[5] = setup->scale.integral_shift;
	at[6] = setup->scale.size_log2;
	at[7] = setup->scale.rate_log2;
	at[8] = setup->horizon_log2;
}

void bat_option_encode(const struct bat_option *option, uint8_t *ret)
{
	hb_assert(option->epoch < BAT_OPTION_EPOCHS);
	memset(ret, 0, BAT_OPTION_BYTES);
	ret[AT_KIND] = BAT_OPTION_KIND;
	ret[AT_LENGTH] = BAT_OPTION_BYTES;
	ret[AT_EXID] = EXID_HIGH;
	ret[AT_TAG] = (uint8_t)(option->epoch << EPOCH_SHIFT);
	if (option->is_setup) {
		ret[AT_TAG] |= SETUP_BIT;
		encode_setup(&option->setup, ret + AT_CONTENT);
		return;
	}
	hb_assert((unsigned int)option->reading.queue < BAT_QUEUE_COUNT);
	ret[AT_TAG] |= (uint8_t)option->reading.queue;
	octets_put_u32(ret + AT_CONTENT, option->reading.time);
	octets_put_u32(ret + AT_CONTENT + 4, option->reading.departed);
	octets_put_u32(ret + AT_CONTENT + 8, option->reading.integral);
}

static int decode_setup(const uint8_t *bytes, struct bat_option_setup *ret, struct hb_error *reterr)
{
	const uint8_t *at = bytes + AT_CONTENT;
	struct bat_option_setup setup = {
		.unit = (enum bat_unit)at[1],
		.tracked = at[2],
		.scale = {at[3], at[4], at[5], at[6], at[7]},
		.horizon_log2 = at[8],
	};

	if (bytes[AT_TAG] & QUEUE_MASK || at[9] || at[10] || at[11])
		return hb_error_set(reterr, -EBADMSG, "reserved bits of a setup are not zero");
	if (at[0] != BAT_OPTION_VERSION)
		return hb_error_set(reterr, -EBADMSG, "option version %d, known is %d", at[0],
			BAT_OPTION_VERSION);
	if (!is_setup(&setup))
		return hb_error_set(reterr, -EBADMSG,
			"a setup out of range: unit %d, queues %02x, shifts %d %d %d, size 2^%d, "
			"rate 2^%d, horizon 2^%d",
			at[1], at[2], at[3], at[4], at[5], at[6], at[7], at[8]);
	*ret = setup;
	return 0;
}

int bat_option_decode(
	const uint8_t *bytes, size_t size, struct bat_option *ret, struct hb_error *reterr)
{
	struct bat_option option = {0};

	if (size < AT_CONTENT || bytes[AT_KIND] != BAT_OPTION_KIND || bytes[AT_EXID] != EXID_HIGH)
		return hb_error_set(reterr, -ENOENT, "another option");
	if (size != BAT_OPTION_BYTES || bytes[AT_LENGTH] != BAT_OPTION_BYTES)
		return hb_error_set(reterr, -EBADMSG,
			"an option has %d bytes, not %zu (it says %d)", BAT_OPTION_BYTES, size,
			bytes[AT_LENGTH]);
	option.epoch = bytes[AT_TAG] >> EPOCH_SHIFT & (BAT_OPTION_EPOCHS - 1);
	option.is_setup = bytes[AT_TAG] & SETUP_BIT;
	if (option.is_setup) {
		int err = decode_setup(bytes, &option.setup, reterr);

		if (err)
			return err;
	} else {
		if ((bytes[AT_TAG] & QUEUE_MASK) >= BAT_QUEUE_COUNT)
			return hb_error_set(
				reterr, -EBADMSG, "unknown queue %d", bytes[AT_TAG] & QUEUE_MASK);
		option.reading = (struct bat_option_reading){
			.queue = (enum bat_queue)(bytes[AT_TAG] & QUEUE_MASK),
			.time = octets_get_u32(bytes + AT_CONTENT),
			.departed = octets_get_u32(bytes + AT_CONTENT + 4),
			.integral = octets_get_u32(bytes + AT_CONTENT + 8),
		};
	}
	*ret = option;
	return 0;
}
