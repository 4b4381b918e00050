/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tracker's programs in the kernel and the tracker share. Included by both, so it needs no header. */
#ifndef BATCHING_TRACKER_LAYOUT_H
#define BATCHING_TRACKER_LAYOUT_H

#define TRACKER_PLACES 1024

/* Points that the bytes of one end of a connection pass, each in order. A queue lies between two of them. */
enum tracker_point {
	/* What this end sends: ... */
	POINT_WRITTEN, /* by the program */
	POINT_SENT,    /* for the first time */
	POINT_ACKED,   /* by the peer */
	/* ... and what it receives: */
	POINT_RECEIVED,  /* in order */
	POINT_CONFIRMED, /* in an acknowledgement of ours */
	POINT_READ,      /* by the program */
	POINT_ANSWERED,  /* read when the program wrote something: taken for answered by it */
	POINT_COUNT,
};

/*
 * What has passed a point: @units bytes, counted from where the socket was when it was first seen, and @moment, the sum
 * of bytes x time over all passages; the integral of a queue between two points at time t is then
 * (units in - units out) x t - (moment in - moment out), as in qsum.h. Modulo 2^64.
 */
struct tracker_passed {
	unsigned long long units;
	unsigned long long moment;
};

enum tracker_phase {
	PHASE_UNSEEN,    /* no event since it is watched */
	PHASE_BEGINNING, /* some CPU notes where the socket is */
	PHASE_TRACKED,
};

/* One socket, written in the kernel from when it is watched. */
struct tracker_socket {
	unsigned long long begun, ended; /* updates; equal while nobody updates */
	unsigned int phase;
	unsigned int sent_origin, received_origin; /* sequence numbers of unit 0 */
	unsigned int order; /* of places that were left, for the tracker alone; 0: in use */
	struct tracker_passed points[POINT_COUNT];
};

#endif
