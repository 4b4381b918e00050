/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The TCP option: 16 bytes, what one SACK block and timestamps leave. It carries either one queue's counters, cut to 32
 * bits after a shift, or the setup that says which shifts they are. Which option is sent when, and what a receiver
 * believes, is in exchange.h; the layout is specified in docs/reference/batching-wire.md.
 *
 * Plain values, thread-safe. Source of the sharing of kinds: RFC 6994 (experimental options, 16-bit ExID).
 */
#ifndef BATCHING_OPTION_H
#define BATCHING_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <batching/estimate.h>
#include <batching/window.h>

struct hb_error;

#define BAT_OPTION_BYTES 16
#define BAT_OPTION_KIND 253 /* experimental */
#define BAT_OPTION_VERSION 2
#define BAT_OPTION_EPOCHS 16 /* epochs count modulo this */

#define BAT_SHIFT_MAX 32 /* above it, 64-bit counters would not wrap together with their 32 bits */
#define BAT_LOG2_MAX 40  /* of sizes and rates */
#define BAT_HORIZON_MAX 40 /* log2 of ns: 18 minutes */

/* How an end encodes its counters, and the promises by which a receiver notices a wrap. */
struct bat_scale {
	uint8_t time_shift; /* times are sent in 2^this ns; 0 ... BAT_SHIFT_MAX like the others */
	uint8_t departed_shift; /* departures in 2^this units */
	uint8_t integral_shift; /* integrals in 2^this unit-ns */
	uint8_t size_log2;      /* no queue ever holds more than 2^this units; 0 ... BAT_LOG2_MAX */
	uint8_t rate_log2; /* nor lets more than 2^this depart per second, beside one full queue at once */
};

struct bat_option_setup {
	enum bat_unit unit;
	uint8_t tracked; /* bit q: queue q will be sent */
	struct bat_scale scale;
	uint8_t horizon_log2; /* wish: counters of the peer should be unambiguous over 2^this ns */
};

struct bat_option_reading {
	enum bat_queue queue;
	uint32_t time;
	uint32_t departed;
	uint32_t integral;
};

struct bat_option {
	uint8_t epoch; /* 0 ... BAT_OPTION_EPOCHS - 1 */
	bool is_setup;
	union {
		struct bat_option_setup setup;
		struct bat_option_reading reading;
	};
};

/*
 * bat_scale_choose - the finest scale by which no counter wraps within 2^@horizon_log2 ns, for queues of at most
 * 2^@size_log2 units and departures of at most 2^@rate_log2 units per second (each cut to its maximum).
 */
struct bat_scale bat_scale_choose(
	unsigned int size_log2, unsigned int rate_log2, unsigned int horizon_log2);

/* bat_option_reading_of - @reading of @queue, cut by @scale. */
struct bat_option_reading bat_option_reading_of(
	enum bat_queue queue, const struct bat_reading *reading, const struct bat_scale *scale);

/* bat_option_encode - write @option, whose fields are in range (asserted), to @ret, shape [BAT_OPTION_BYTES]. */
void bat_option_encode(const struct bat_option *option, uint8_t *ret);

/*
 * bat_option_decode - read the @size bytes at @bytes, a whole option beginning with its kind, from an untrusted peer.
 * @ret: untouched on failure.
 *
 * Returns 0; -ENOENT (an option of another kind or ExID, which is no fault); or -EBADMSG with what was wrong in
 * @reterr. What is accepted encodes to the same bytes.
 */
int bat_option_decode(
	const uint8_t *bytes, size_t size, struct bat_option *ret, struct hb_error *reterr);

#endif
