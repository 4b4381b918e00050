/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which option is sent when, and what a receiver makes of those that arrive: late, twice, in another order, or forged.
 * One option per exchange period, the queues in rotation, a setup first and again every BAT_SETUP_EVERY options: state
 * that is lost is repeated and never negotiated to a dead end.
 *
 * A receiver never computes across a gap in which a counter may have wrapped, nor across one that breaks the peer's own
 * promises: it begins anew with the next reading (a new generation). A forged option can spoil windows of its own
 * connection, and no window longer than BAT_RESYNC_NS.
 *
 * Not thread-safe: one owner each. Specified in docs/reference/batching-wire.md.
 */
#ifndef BATCHING_EXCHANGE_H
#define BATCHING_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <batching/estimate.h>
#include <batching/option.h>
#include <batching/record.h>
#include <batching/window.h>

#define BAT_SETUP_EVERY 16
#define BAT_RESYNC_NS \
	1000000000 /* after this long without an accepted reading any well-formed one is a baseline */
#define BAT_DELAY_MAX_NS \
	1000000000 /* a peer's clock may gain this much by segments that were delayed */

/* Embedded by value; callers only read. */
struct bat_sender {
	int64_t period_ns;
	int64_t due_ns;
	uint32_t emitted; /* options of this epoch, modulo 2^32 */
	uint8_t epoch;
	uint8_t queue; /* next in rotation */
	uint8_t size_log2, rate_log2, own_horizon_log2;
	struct bat_option_setup setup;
};

/*
 * bat_sender_init - options of @period_ns > 0 from @now_ns on, with the unit, the queues (at least one) and the wish of
 * @setup; its size and rate promises are kept, its shifts are chosen for the wish.
 * @epoch: any number, best another than in an earlier life of the same connection.
 */
void bat_sender_init(struct bat_sender *sender, int64_t now_ns, int64_t period_ns, uint32_t epoch,
	const struct bat_option_setup *setup);

/*
 * bat_sender_adopt - take up the peer's wish for a longer horizon: new shifts and a new epoch, if it is longer than
 * what is in use.
 */
void bat_sender_adopt(struct bat_sender *sender, const struct bat_option_setup *peer);

/*
 * bat_sender_emit - the option for the segment that leaves at @now_ns, if one is due.
 * @queues: readings of this end, shape [BAT_QUEUE_COUNT]; only the one whose turn it is gets read.
 * @ret: shape [BAT_OPTION_BYTES], untouched if none is due.
 *
 * Returns whether one is due. Time that runs back postpones nothing.
 */
bool bat_sender_emit(
	struct bat_sender *sender, int64_t now_ns, const struct bat_reading *queues, uint8_t *ret);

/* What became of an option or record that arrived. */
enum bat_exchange_verdict {
	BAT_ACCEPTED,    /* the queue's reading moved on */
	BAT_BASELINE,    /* the first reading of a generation */
	BAT_SETUP,       /* a setup that was new or is known */
	BAT_STALE,       /* duplicated or overtaken */
	BAT_AMBIGUOUS,   /* a counter may have wrapped since: a new baseline */
	BAT_IMPLAUSIBLE, /* breaks the peer's promises: a new baseline */
	BAT_UNKNOWN,     /* a reading of an epoch or queue that no setup announced */
	BAT_MALFORMED,
	BAT_FOREIGN, /* not ours */
	BAT_EXCHANGE_VERDICT_COUNT,
};

/* bat_exchange_verdict_name - "accepted" ...; static. */
const char *bat_exchange_verdict_name(enum bat_exchange_verdict verdict);

/* One queue of the peer, its counters joined to 64 bits of scaled units. */
struct bat_remote {
	uint64_t time, departed, integral;
};

/* Embedded by value; zero-initialised has heard nothing. */
struct bat_receiver {
	struct bat_remote queues[BAT_QUEUE_COUNT];
	int64_t accepted_ns; /* receiver's clock, last reading that was accepted or a baseline, of any queue */
	uint32_t heard
		[BAT_QUEUE_COUNT]; /* receiver's clock in 2^20 ns at the last reading of the queue */
	uint16_t generation;
	uint8_t known; /* bit q: the queue has a baseline */
	uint8_t epoch;
	bool has_setup;
	struct bat_option_setup setup;
};

/*
 * bat_receiver_accept - an option of @size bytes arrived at @now_ns.
 * Never fails, blocks or allocates, whatever the bytes are.
 */
enum bat_exchange_verdict bat_receiver_accept(
	struct bat_receiver *receiver, int64_t now_ns, const uint8_t *bytes, size_t size);

/*
 * bat_receiver_read - the last reading of @queue. Two of them of one generation make a window
 * (bat_window_between()); sizes are not in options and read 0, as does growth.
 * @ret_generation: may be NULL.
 *
 * Returns 0, or -ENODATA (no baseline) with nothing written.
 */
int bat_receiver_read(const struct bat_receiver *receiver, enum bat_queue queue,
	struct bat_reading *ret, uint16_t *ret_generation);

/* The last record of a peer. Embedded by value; zero-initialised has heard nothing. */
struct bat_record_receiver {
	bool has_record;
	uint16_t generation; /* windows do not cross generations */
	int64_t accepted_ns;
	struct bat_record record;
};

/*
 * bat_record_accept - @record, decoded, arrived at @now_ns. A record is plausible if time went on and each queue's
 * integral is at most (its size + what departed) x the time since: no queue can have held more.
 */
enum bat_exchange_verdict bat_record_accept(
	struct bat_record_receiver *receiver, int64_t now_ns, const struct bat_record *record);

#endif
