/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/exchange.h>

#include <errno.h>

#include <hotbed/assert.h>

#define HALF 0x80000000u
#define WRAP 0x100000000u
#define NS_PER_S_LOG2 29 /* rounded down: rates per ns come out rounded up */
#define COARSE_SHIFT 20  /* the receiver's clock per queue, in ms roughly */
#define CLOCK_DRIFT 8    /* a peer's clock may run fast by one eighth */

const char *bat_exchange_verdict_name(enum bat_exchange_verdict verdict)
{
	static const char *const names[BAT_EXCHANGE_VERDICT_COUNT] = {"accepted", "baseline",
		"setup", "stale", "ambiguous", "implausible", "unknown", "malformed", "foreign"};

	hb_assert((unsigned int)verdict < BAT_EXCHANGE_VERDICT_COUNT);
	return names[verdict];
}

static void choose_scale(struct bat_sender *sender, uint8_t horizon_log2)
{
	sender->own_horizon_log2 = horizon_log2;
	sender->setup.scale = bat_scale_choose(sender->size_log2, sender->rate_log2, horizon_log2);
}

void bat_sender_init(struct bat_sender *sender, int64_t now_ns, int64_t period_ns, uint32_t epoch,
	const struct bat_option_setup *setup)
{
	hb_assert(period_ns > 0 && setup->tracked != 0);
	*sender = (struct bat_sender){
		.period_ns = period_ns,
		.due_ns = now_ns,
		.epoch = (uint8_t)(epoch % BAT_OPTION_EPOCHS),
		.size_log2 = setup->scale.size_log2,
		.rate_log2 = setup->scale.rate_log2,
		.setup = *setup,
	};
	choose_scale(sender, setup->horizon_log2);
}

void bat_sender_adopt(struct bat_sender *sender, const struct bat_option_setup *peer)
{
	if (peer->horizon_log2 <= sender->own_horizon_log2)
		return;
	choose_scale(sender, peer->horizon_log2);
	sender->epoch = (uint8_t)((sender->epoch + 1) % BAT_OPTION_EPOCHS);
	sender->emitted = 0;
}

bool bat_sender_emit(
	struct bat_sender *sender, int64_t now_ns, const struct bat_reading *queues, uint8_t *ret)
{
	struct bat_option option = {.epoch = sender->epoch};

	if (now_ns < sender->due_ns && sender->due_ns - now_ns <= sender->period_ns)
		return false;
	sender->due_ns = now_ns + sender->period_ns;
	option.is_setup = sender->emitted++ % BAT_SETUP_EVERY == 0;
	if (option.is_setup) {
		option.setup = sender->setup;
	} else {
		while (!(sender->setup.tracked >> sender->queue & 1))
			sender->queue = (uint8_t)((sender->queue + 1) % BAT_QUEUE_COUNT);
		option.reading = bat_option_reading_of((enum bat_queue)sender->queue,
			&queues[sender->queue], &sender->setup.scale);
		sender->queue = (uint8_t)((sender->queue + 1) % BAT_QUEUE_COUNT);
	}
	bat_option_encode(&option, ret);
	return true;
}

/* a x 2^exponent rounded up, or UINT64_MAX where that is 2^63 or more. */
static uint64_t scaled(uint64_t a, int exponent)
{
	if (exponent < 0)
		return exponent < -63 ? 1 : (a >> -exponent) + 1;
	return a != 0 && (exponent > 62 || a >> (63 - exponent)) ? UINT64_MAX : a << exponent;
}

/* What a counter may have gained at most in @dt units of time, in its own scaled units, rounding included. */
static uint64_t integral_bound(const struct bat_scale *scale, uint32_t dt)
{
	/* Times are cut to whole units, so that dt + 1 is the longest time they may mean. */
	uint64_t bound = scaled(
		(uint64_t)dt + 1, scale->time_shift + scale->size_log2 - scale->integral_shift);

	return bound == UINT64_MAX ? bound : bound + 1;
}

static uint64_t departed_bound(const struct bat_scale *scale, uint32_t dt)
{
	uint64_t steady = scaled((uint64_t)dt + 1,
		scale->time_shift + scale->rate_log2 - NS_PER_S_LOG2 - scale->departed_shift);
	uint64_t burst = scaled(1, scale->size_log2 - scale->departed_shift);

	return steady == UINT64_MAX || burst == UINT64_MAX ? UINT64_MAX : steady + burst + 1;
}

static bool same_setup(const struct bat_option_setup *a, const struct bat_option_setup *b)
{
	return a->unit == b->unit && a->tracked == b->tracked &&
	       a->scale.time_shift == b->scale.time_shift &&
	       a->scale.departed_shift == b->scale.departed_shift &&
	       a->scale.integral_shift == b->scale.integral_shift &&
	       a->scale.size_log2 == b->scale.size_log2 && a->scale.rate_log2 == b->scale.rate_log2;
}

static bool is_silent(const struct bat_receiver *receiver, int64_t now_ns)
{
	return now_ns < receiver->accepted_ns || now_ns - receiver->accepted_ns >= BAT_RESYNC_NS;
}

static enum bat_exchange_verdict accept_setup(
	struct bat_receiver *receiver, int64_t now_ns, const struct bat_option *option)
{
	unsigned int ahead = (option->epoch - receiver->epoch) & (BAT_OPTION_EPOCHS - 1);

	if (receiver->has_setup && !is_silent(receiver, now_ns)) {
		if (ahead == 0 && same_setup(&option->setup, &receiver->setup)) {
			receiver->setup.horizon_log2 = option->setup.horizon_log2;
			return BAT_SETUP;
		}
		if (ahead == 0)
			return BAT_IMPLAUSIBLE; /* an epoch has one scale: the first one holds */
		if (ahead >= BAT_OPTION_EPOCHS / 2)
			return BAT_STALE;
	} else if (receiver->has_setup && ahead == 0 &&
		   same_setup(&option->setup, &receiver->setup)) {
		return BAT_SETUP; /* silent, yet nothing changed: windows go on */
	}
	receiver->setup = option->setup;
	receiver->epoch = option->epoch;
	receiver->has_setup = true;
	receiver->known = 0;
	receiver->generation++;
	receiver->accepted_ns = now_ns;
	return BAT_SETUP;
}

static void take(
	struct bat_receiver *receiver, int64_t now_ns, const struct bat_option_reading *reading)
{
	receiver->accepted_ns = now_ns;
	receiver->heard[reading->queue] = (uint32_t)((uint64_t)now_ns >> COARSE_SHIFT);
}

static void rebase(
	struct bat_receiver *receiver, int64_t now_ns, const struct bat_option_reading *reading)
{
	/* All queues: windows of one estimate must not come from both sides of the gap. */
	receiver->known = (uint8_t)(1u << reading->queue);
	receiver->generation++;
	receiver->queues[reading->queue] =
		(struct bat_remote){reading->time, reading->departed, reading->integral};
	take(receiver, now_ns, reading);
}

/* The peer's clock advanced by @dt while ours advanced by what @now_ns says. */
static enum bat_exchange_verdict judge_time(const struct bat_receiver *receiver, int64_t now_ns,
	const struct bat_option_reading *reading, uint32_t dt)
{
	uint32_t coarse =
		(uint32_t)((uint64_t)now_ns >> COARSE_SHIFT) - receiver->heard[reading->queue];
	uint64_t elapsed_ns = ((uint64_t)coarse + 1) << COARSE_SHIFT;
	unsigned int shift = receiver->setup.scale.time_shift;

	if (elapsed_ns >> shift >= HALF)
		return BAT_AMBIGUOUS;
	if (dt == 0 || dt >= HALF)
		return BAT_STALE;
	if ((uint64_t)dt << shift > elapsed_ns + elapsed_ns / CLOCK_DRIFT + BAT_DELAY_MAX_NS)
		return BAT_IMPLAUSIBLE;
	return BAT_ACCEPTED;
}

static enum bat_exchange_verdict judge(const struct bat_receiver *receiver, int64_t now_ns,
	const struct bat_option_reading *reading)
{
	const struct bat_remote *last = &receiver->queues[reading->queue];
	uint32_t dt = reading->time - (uint32_t)last->time;
	enum bat_exchange_verdict verdict = judge_time(receiver, now_ns, reading, dt);
	uint64_t integral, departed;

	if (verdict != BAT_ACCEPTED)
		return verdict;
	integral = integral_bound(&receiver->setup.scale, dt);
	departed = departed_bound(&receiver->setup.scale, dt);
	if (integral >= WRAP || departed >= WRAP)
		return BAT_AMBIGUOUS;
	if ((uint32_t)(reading->integral - (uint32_t)last->integral) > integral ||
		(uint32_t)(reading->departed - (uint32_t)last->departed) > departed)
		return BAT_IMPLAUSIBLE;
	return BAT_ACCEPTED;
}

static enum bat_exchange_verdict accept_reading(
	struct bat_receiver *receiver, int64_t now_ns, const struct bat_option *option)
{
	const struct bat_option_reading *reading = &option->reading;
	struct bat_remote *last = &receiver->queues[reading->queue];
	enum bat_exchange_verdict verdict;

	if (!receiver->has_setup || option->epoch != receiver->epoch ||
		!(receiver->setup.tracked >> reading->queue & 1))
		return BAT_UNKNOWN;
	if (!(receiver->known >> reading->queue & 1)) {
		receiver->known |= (uint8_t)(1u << reading->queue);
		*last = (struct bat_remote){reading->time, reading->departed, reading->integral};
		take(receiver, now_ns, reading);
		return BAT_BASELINE;
	}
	verdict = judge(receiver, now_ns, reading);
	if (verdict == BAT_STALE && is_silent(receiver, now_ns))
		verdict = BAT_AMBIGUOUS; /* what made it look old may itself have been forged */
	if (verdict == BAT_AMBIGUOUS || verdict == BAT_IMPLAUSIBLE)
		rebase(receiver, now_ns, reading);
	if (verdict != BAT_ACCEPTED)
		return verdict;
	last->time += (uint32_t)(reading->time - (uint32_t)last->time);
	last->departed += (uint32_t)(reading->departed - (uint32_t)last->departed);
	last->integral += (uint32_t)(reading->integral - (uint32_t)last->integral);
	take(receiver, now_ns, reading);
	return BAT_ACCEPTED;
}

enum bat_exchange_verdict bat_receiver_accept(
	struct bat_receiver *receiver, int64_t now_ns, const uint8_t *bytes, size_t size)
{
	struct bat_option option;
	int err = bat_option_decode(bytes, size, &option, NULL);

	if (err)
		return err == -ENOENT ? BAT_FOREIGN : BAT_MALFORMED;
	return option.is_setup ? accept_setup(receiver, now_ns, &option)
			       : accept_reading(receiver, now_ns, &option);
}

int bat_receiver_read(const struct bat_receiver *receiver, enum bat_queue queue,
	struct bat_reading *ret, uint16_t *ret_generation)
{
	const struct bat_remote *remote = &receiver->queues[queue];
	const struct bat_scale *scale = &receiver->setup.scale;

	if (!(receiver->known >> queue & 1))
		return -ENODATA;
	*ret = (struct bat_reading){
		.time_ns = (int64_t)(remote->time << scale->time_shift & INT64_MAX),
		.departed = remote->departed << scale->departed_shift,
		.integral = remote->integral << scale->integral_shift,
	};
	if (ret_generation)
		*ret_generation = receiver->generation;
	return 0;
}

/* No queue held more than what it holds now and what left it since: a bound without any promise. */
static bool is_plausible(const struct bat_record *earlier, const struct bat_record *later)
{
	if (later->time_ns < earlier->time_ns)
		return false;
	for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
		uint64_t departed = later->queues[q].departed - earlier->queues[q].departed;
		uint64_t integral = later->queues[q].integral - earlier->queues[q].integral;
		uint64_t units, most;

		if (departed > INT64_MAX || integral > INT64_MAX)
			return false; /* ran back */
		if (__builtin_add_overflow((uint64_t)later->queues[q].size, departed, &units))
			return false;
		if ((uint64_t)earlier->queues[q].size > units)
			return false; /* units vanished without departing */
		if (!__builtin_mul_overflow(
			    units, (uint64_t)(later->time_ns - earlier->time_ns), &most) &&
			integral > most)
			return false;
	}
	return true;
}

enum bat_exchange_verdict bat_record_accept(
	struct bat_record_receiver *receiver, int64_t now_ns, const struct bat_record *record)
{
	enum bat_exchange_verdict verdict = BAT_BASELINE;

	if (receiver->has_record) {
		const struct bat_record *last = &receiver->record;
		bool silent = now_ns < receiver->accepted_ns ||
			      now_ns - receiver->accepted_ns >= BAT_RESYNC_NS;
		uint32_t ahead = record->sequence - last->sequence;

		if (record->epoch == last->epoch) {
			if ((ahead == 0 || ahead >= HALF) && !silent)
				return BAT_STALE;
			verdict = ahead != 0 && ahead < HALF ? BAT_ACCEPTED : BAT_AMBIGUOUS;
		} else if (record->epoch - last->epoch >= HALF && !silent) {
			return BAT_STALE;
		}
		if (verdict == BAT_ACCEPTED &&
			(record->unit != last->unit || record->tracked != last->tracked ||
				!is_plausible(last, record)))
			verdict = BAT_IMPLAUSIBLE;
	}
	if (verdict != BAT_ACCEPTED)
		receiver->generation++;
	receiver->has_record = true;
	receiver->accepted_ns = now_ns;
	receiver->record = *record;
	return verdict;
}
