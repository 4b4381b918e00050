/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Exchanges over a channel that loses, repeats, delays and forges options. The oracle is the sender's own 64-bit
 * counters: whatever was accepted must differ from the baseline by exactly what they say.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/rng.h>

#include <batching/exchange.h>
#include <batching/qstate.h>

#define MS 1000000

/* An option on its way, with the sender's counters at the time. */
struct flight {
	uint8_t bytes[BAT_OPTION_BYTES];
	struct bat_reading truth[BAT_QUEUE_COUNT];
	struct bat_scale scale;
};

/* A sender with five random queues and a receiver. */
struct bench {
	struct hb_rng rng;
	int64_t now_ns;
	struct bat_qstate queues[BAT_QUEUE_COUNT];
	struct bat_sender sender;
	struct bat_receiver receiver;
	struct bat_remote base[BAT_QUEUE_COUNT], base_truth[BAT_QUEUE_COUNT];
	uint16_t base_generation;
	unsigned int verdicts[BAT_EXCHANGE_VERDICT_COUNT];
};

static const struct bat_option_setup plain = {
	.unit = BAT_UNIT_BYTES,
	.tracked = 31,
	.scale = {.size_log2 = 20, .rate_log2 = 33},
	.horizon_log2 = 30,
};

static void bench_init(struct bench *bench, const struct bat_option_setup *setup)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 20250514;

	(void)printf("HB_SEED=%" PRIu64 "\n", seed);
	memset(bench, 0, sizeof(*bench));
	hb_rng_init(&bench->rng, seed, 1);
	bench->now_ns = (int64_t)hb_rng_below(&bench->rng, (uint64_t)1 << 50);
	for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
		bat_qstate_init(&bench->queues[q], bench->now_ns);
		/* Counters that are about to wrap at 64 bits, too. */
		bench->queues[q].departed = -hb_rng_below(&bench->rng, 1 << 20);
		bench->queues[q].integral = -hb_rng_below(&bench->rng, 1 << 30);
	}
	bat_sender_init(&bench->sender, bench->now_ns, MS, 14, setup);
}

/* Time goes on, and bytes come and go within what the setup promises. */
static void live(struct bench *bench, int64_t duration_ns)
{
	for (int step = 0; step < 4; step++) {
		bench->now_ns += duration_ns / 4;
		for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
			struct bat_qstate *queue = &bench->queues[q];
			int64_t size = (int64_t)hb_rng_below(&bench->rng, 1 << 20);

			cr_assert_eq(
				bat_qstate_track(queue, bench->now_ns, size - queue->size, NULL),
				0);
		}
	}
}

static bool emit(struct bench *bench, struct flight *flight)
{
	for (int q = 0; q < BAT_QUEUE_COUNT; q++)
		flight->truth[q] = bat_qstate_read(&bench->queues[q], bench->now_ns);
	flight->scale = bench->sender.setup.scale;
	return bat_sender_emit(&bench->sender, bench->now_ns, flight->truth, flight->bytes);
}

/* The true counters in scaled units; they wrap at 2^64 of the unscaled ones. */
static struct bat_remote scaled(const struct bat_reading *truth, const struct bat_scale *scale)
{
	return (struct bat_remote){(uint64_t)truth->time_ns >> scale->time_shift,
		truth->departed >> scale->departed_shift, truth->integral >> scale->integral_shift};
}

static bool differ_alike(
	uint64_t now, uint64_t then, uint64_t truth, uint64_t truth_then, unsigned int shift)
{
	return (now - then) << shift == (truth - truth_then) << shift;
}

static enum bat_exchange_verdict arrive(struct bench *bench, const struct flight *flight)
{
	enum bat_exchange_verdict verdict = bat_receiver_accept(
		&bench->receiver, bench->now_ns, flight->bytes, BAT_OPTION_BYTES);
	int q = flight->bytes[3] & 7;
	const struct bat_remote *got = &bench->receiver.queues[q];
	struct bat_remote truth = scaled(&flight->truth[q], &flight->scale);

	bench->verdicts[verdict]++;
	if (verdict == BAT_BASELINE || verdict == BAT_AMBIGUOUS || verdict == BAT_IMPLAUSIBLE) {
		bench->base[q] = *got;
		bench->base_truth[q] = truth;
	}
	if (verdict == BAT_ACCEPTED) {
		const struct bat_remote *base = &bench->base[q], *then = &bench->base_truth[q];

		cr_assert(differ_alike(got->time, base->time, truth.time, then->time, 0));
		cr_assert(differ_alike(got->departed, base->departed, truth.departed,
			then->departed, flight->scale.departed_shift));
		cr_assert(differ_alike(got->integral, base->integral, truth.integral,
			then->integral, flight->scale.integral_shift));
	}
	return verdict;
}

Test(exchange, over_a_perfect_channel_everything_is_accepted)
{
	struct bench bench;
	struct flight flight;

	bench_init(&bench, &plain);
	for (int i = 0; i < 16000; i++) {
		cr_assert(emit(&bench, &flight));
		(void)arrive(&bench, &flight);
		cr_assert(!emit(&bench, &flight), "one option per period");
		live(&bench, MS);
	}
	cr_assert_eq(bench.verdicts[BAT_SETUP], 1000);
	cr_assert_eq(bench.verdicts[BAT_BASELINE], 5);
	cr_assert_eq(bench.verdicts[BAT_ACCEPTED], 14995);
	cr_assert_eq(bench.receiver.generation, 1);
}

Test(exchange, loss_duplication_and_reordering_never_make_a_window_wrong)
{
	enum { HELD = 24 };
	static struct flight held[HELD];
	struct bench bench;

	bench_init(&bench, &plain);
	for (int i = 0; i < HELD; i++)
		cr_assert(emit(&bench, &held[i]) || i > 0);
	for (int i = 0; i < 100000; i++) {
		struct flight *flight = &held[hb_rng_below(&bench.rng, HELD)];

		/* What leaves is overwritten or stays and leaves again; what is overwritten unseen is lost. */
		if (hb_rng_below(&bench.rng, 100) < 60)
			(void)arrive(&bench, flight);
		live(&bench, MS + (int64_t)hb_rng_below(&bench.rng, MS));
		(void)emit(&bench, flight);
	}
	cr_assert(bench.verdicts[BAT_ACCEPTED] > 10000);
	cr_assert(bench.verdicts[BAT_STALE] > 5000);
	cr_assert_eq(bench.verdicts[BAT_IMPLAUSIBLE], 0);
	cr_assert_eq(bench.verdicts[BAT_MALFORMED], 0);
}

Test(exchange, a_counter_that_may_have_wrapped_is_ambiguous_and_never_accepted)
{
	struct bat_option_setup setup = plain;
	struct bench bench;
	struct flight flight;

	setup.horizon_log2 = 22; /* 4 ms */
	bench_init(&bench, &setup);
	for (int i = 0; i < 2000; i++) {
		cr_assert(emit(&bench, &flight));
		(void)arrive(&bench, &flight);
		live(&bench, 20 * MS); /* the rotation takes 100 ms */
	}
	/* 125 of the options are setups. An ambiguous reading forgets the other four queues: every fifth is one. */
	cr_assert_eq(bench.verdicts[BAT_SETUP], 125);
	cr_assert_eq(bench.verdicts[BAT_ACCEPTED], 0);
	cr_assert_eq(bench.verdicts[BAT_AMBIGUOUS], 374);
	cr_assert_eq(bench.verdicts[BAT_BASELINE], 1875 - 374);
}

Test(exchange, a_longer_wish_of_the_peer_makes_the_same_windows_unambiguous)
{
	struct bat_option_setup setup = plain;
	struct bench bench;
	struct flight flight;

	setup.horizon_log2 = 22;
	bench_init(&bench, &setup);
	bat_sender_adopt(&bench.sender, &plain);
	cr_assert_eq(bench.sender.epoch, 15);
	for (int i = 0; i < 2000; i++) {
		cr_assert(emit(&bench, &flight));
		(void)arrive(&bench, &flight);
		live(&bench, 20 * MS);
	}
	cr_assert(bench.verdicts[BAT_ACCEPTED] > 1800);
	cr_assert_eq(bench.verdicts[BAT_AMBIGUOUS], 0);
}

Test(exchange, a_new_epoch_begins_a_new_generation_and_old_readings_are_unknown)
{
	struct bat_option_setup wish = plain;
	struct flight old, flight;
	struct bench bench;
	uint16_t generation;

	bench_init(&bench, &plain);
	for (int i = 0; i < 8; i++) {
		cr_assert(emit(&bench, &old));
		(void)arrive(&bench, &old);
		live(&bench, MS);
	}
	generation = bench.receiver.generation;
	wish.horizon_log2 = 34;
	bat_sender_adopt(&bench.sender, &wish);
	cr_assert(emit(&bench, &flight));
	cr_assert_eq(arrive(&bench, &flight), BAT_SETUP);
	cr_assert_neq(bench.receiver.generation, generation);
	cr_assert_eq(arrive(&bench, &old), BAT_UNKNOWN);
	live(&bench, MS);
	cr_assert(emit(&bench, &flight));
	cr_assert_eq(arrive(&bench, &flight), BAT_BASELINE);
}

Test(exchange, a_tracker_that_began_anew_is_believed_after_a_second_of_silence)
{
	struct flight flight;
	struct bench bench;

	bench_init(&bench, &plain);
	for (int i = 0; i < 8; i++) {
		cr_assert(emit(&bench, &flight));
		(void)arrive(&bench, &flight);
		live(&bench, MS);
	}
	/* Epoch 13 looks older than 14. */
	bat_sender_init(&bench.sender, bench.now_ns, MS, 13, &plain);
	for (int i = 0; i < 4000; i++) {
		if (emit(&bench, &flight))
			(void)arrive(&bench, &flight);
		live(&bench, MS);
	}
	cr_assert_eq(bench.receiver.epoch, 13);
	cr_assert(bench.verdicts[BAT_ACCEPTED] > 2500);
}

Test(exchange, forged_options_end_windows_and_honest_ones_win_again_within_two_seconds)
{
	struct bench bench;
	struct flight flight;
	unsigned int accepted;

	bench_init(&bench, &plain);
	for (int i = 0; i < 20000; i++) {
		uint8_t forged[BAT_OPTION_BYTES];

		cr_assert(emit(&bench, &flight));
		memcpy(forged, flight.bytes, sizeof(forged));
		for (int k = 0; k < 3; k++)
			forged[3 + hb_rng_below(&bench.rng, 13)] = (uint8_t)hb_rng_u64(&bench.rng);
		(void)bat_receiver_accept(&bench.receiver, bench.now_ns, forged, sizeof(forged));
		(void)bat_receiver_accept(
			&bench.receiver, bench.now_ns, flight.bytes, sizeof(flight.bytes));
		live(&bench, MS);
	}
	/* The forger is gone; a setup of any epoch that it left behind must not hold for long. */
	for (int i = 0; i < 2000; i++) {
		cr_assert(emit(&bench, &flight));
		(void)bat_receiver_accept(
			&bench.receiver, bench.now_ns, flight.bytes, sizeof(flight.bytes));
		live(&bench, MS);
	}
	bench.receiver.known = 0; /* windows from here on have an honest baseline */
	accepted = bench.verdicts[BAT_ACCEPTED];
	for (int i = 0; i < 1000; i++) {
		cr_assert(emit(&bench, &flight));
		(void)arrive(&bench, &flight);
		live(&bench, MS);
	}
	cr_assert(bench.verdicts[BAT_ACCEPTED] - accepted > 900);
}

Test(exchange, clocks_that_step_do_not_stop_the_exchange)
{
	struct bench bench;
	struct flight flight;

	bench_init(&bench, &plain);
	cr_assert(emit(&bench, &flight));
	bench.now_ns -= 3600ll * 1000 * MS;
	cr_assert(bat_sender_emit(&bench.sender, bench.now_ns, flight.truth, flight.bytes));
}

Test(exchange, records_that_are_repeated_overtaken_or_impossible_are_told_apart)
{
	struct bat_record_receiver receiver = {0};
	struct bat_record first = {
		.tracked = 1, .epoch = 5, .sequence = UINT32_MAX, .time_ns = 1000};
	struct bat_record_receiver copy;
	struct bat_record second, lie;

	first.queues[0] = (struct bat_reading){1000, 10, 100, 5000};
	second = first;
	second.sequence = 0;
	second.time_ns = 2000;
	second.queues[0] = (struct bat_reading){2000, 4, 116, 15000};
	cr_assert_eq(bat_record_accept(&receiver, MS, &first), BAT_BASELINE);
	cr_assert_eq(bat_record_accept(&receiver, 2 * MS, &second), BAT_ACCEPTED);
	cr_assert_eq(bat_record_accept(&receiver, 3 * MS, &second), BAT_STALE);
	cr_assert_eq(bat_record_accept(&receiver, 3 * MS, &first), BAT_STALE);
	cr_assert_eq(receiver.record.time_ns, 2000);
	/* 4 + 6 units at most were there for 1000 ns. */
	copy = receiver;
	lie = second;
	lie.sequence = 1;
	lie.time_ns = 3000;
	lie.queues[0] = (struct bat_reading){3000, 4, 122, 15000 + 10000};
	cr_assert_eq(bat_record_accept(&copy, 3 * MS, &lie), BAT_ACCEPTED);
	lie.queues[0].integral++;
	cr_assert_eq(bat_record_accept(&receiver, 3 * MS, &lie), BAT_IMPLAUSIBLE);
}

Test(exchange, state_of_both_directions_stays_small)
{
	cr_assert(sizeof(struct bat_receiver) <= 168, "%zu", sizeof(struct bat_receiver));
	cr_assert(sizeof(struct bat_sender) <= 48, "%zu", sizeof(struct bat_sender));
}
