/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the carrier's program in the kernel and the carrier share. Included by both, so it needs no header. */
#ifndef BATCHING_CARRIER_LAYOUT_H
#define BATCHING_CARRIER_LAYOUT_H

#define CARRIER_PLACES 1024
#define CARRIER_BYTES 16
#define CARRIER_KIND 253
#define CARRIER_EXID 0xE2 /* its first half; the second is the option's tag */

enum carrier_state {
	CARRIER_EMPTY,
	CARRIER_PUT,       /* to be sent */
	CARRIER_MADE_ROOM, /* the size of segments accounts for it: the next one takes it */
};

/* One socket's, what is to be sent. */
struct carrier_slot {
	unsigned int state;
	unsigned int
		passed; /* packets that could have taken it, but will be cut into several segments */
	unsigned char option[CARRIER_BYTES];
};

struct carrier_arrival {
	unsigned long long cookie, time_ns;
	unsigned char option[CARRIER_BYTES];
};

#endif
