/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an unloaded call through the card is compared with: a frame that another CPU sends back as it came, and a line
 * of memory that two CPUs write in turn. Both use the two CPUs of `nicos live`, the client on the card's.
 *
 * Not thread-safe: a run pins the calling thread and starts another; its CPUs are restored at the end.
 */
#ifndef NICOS_ECHO_H
#define NICOS_ECHO_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct hb_hist;
struct nic_wire;

struct nic_echo_options {
	uint64_t requests, warm_up; /* warm_up < requests <= 10^8 */
	double rate_per_s; /* gaps are exponential, and begin when the frame before is back; > 0 */
	uint64_t seed;
	uint32_t bytes; /* arguments of the call in the frame, as of nic_live_options */
	/*
	 * The client writes and seals each call, and parses what comes back with all checksums, as that of `nicos live`
	 * does. Otherwise one frame goes to and fro, and only its number is written and compared.
	 */
	bool is_written;
	bool is_falsified; /* the other CPU changes the frame: each must be found wrong */
	/* Makes the two ends; NULL = rings in memory. */
	int (*wire_create)(struct nic_wire *ret[2], struct hb_error *reterr);
};

struct nic_echo_result {
	struct hb_hist
		*round_trip; /* ns from before the frame is written; nic_echo_finish() frees it */
	uint64_t answered, wrong;
};

/*
 * nic_echo_run - takes about requests / rate.
 * Returns 0, -EINVAL, -ENOTSUP (one CPU, or no such wire), -EAGAIN (no thread), -ENOMEM, or -ETIME (a minute without an
 * answer).
 */
int nic_echo_run(const struct nic_echo_options *options, struct nic_echo_result *ret,
	struct hb_error *reterr);
void nic_echo_finish(struct nic_echo_result *result);

struct nic_line_result {
	struct hb_hist *round_trip; /* ns; nic_line_finish() frees it */
	/* The other CPU's cycle counter against the client's, if the way there takes as long as the way back; in ns. */
	double offset_ns;
	uint64_t rounds, wrong;
};

/*
 * nic_line_run - one line of 64 bytes; each CPU waits until the other has written the next number, and writes the one
 * after it. @rounds: 1 ... 10^8. Errors as of nic_echo_run().
 */
int nic_line_run(uint64_t rounds, struct nic_line_result *ret, struct hb_error *reterr);
void nic_line_finish(struct nic_line_result *result);

#endif
