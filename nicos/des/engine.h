/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the policies of the simulator share: requests, cores, and where their time goes. */
#ifndef NICOS_DES_ENGINE_H
#define NICOS_DES_ENGINE_H

#include <stdint.h>

#include <hotbed/rng.h>
#include <hotbed/sim.h>

#include <nicos/des.h>
#include <nicos/popularity.h>

#define DES_NONE UINT32_MAX

struct des;
struct hb_hist;

/* 24 bytes, so that a million of them stay small. */
struct des_request {
	int64_t arrived_ns;
	int64_t left_ns; /* of its service */
	uint32_t service : 31;
	uint32_t measured : 1; /* came after the warm-up */
	uint32_t link;         /* of the list that it is in */
};

/* A first-in, first-out list through the links of requests. Empty: both DES_NONE. */
struct des_queue {
	uint32_t head, tail;
};

/*
 * What a core does: pieces of work in a fixed order (kernel, switch, useful), and what follows when they are used up.
 * Time is booked when something changes.
 */
struct des_core {
	int64_t since_ns;
	int64_t kernel_ns, switch_ns, useful_ns; /* still to come */
	int64_t slice_ns; /* of the handler's time, that was scheduled last */
	uint32_t request; /* that it runs; DES_NONE */
	uint32_t service; /* that it ran last; DES_NONE */
	enum nic_cpu rest;
};

struct des_policy {
	/* Returns 0 or -errno with the reason. */
	int (*begin)(struct des *des, struct hb_error *reterr);
	void (*arrive)(struct des *des, uint32_t request);
	void (*end)(struct des *des); /* free what begin() made, even if it failed half-way */
};

struct des {
	const struct nic_des_options *options;
	const struct des_policy *policy;
	void *state; /* the policy's; zero-initialised before begin() */
	struct hb_sim *sim;
	struct nic_popularity *popularity;
	struct hb_rng arrivals, sizes, names, costs, choices;
	struct des_request *requests; /* shape [options->buffers] */
	struct des_core *cores;       /* shape [options->cores] */
	uint32_t fresh, freed;        /* slots never used begin here; list of those used */
	double gap_ns;                /* mean time between arrivals */
	bool in_burst;
	int64_t phase_end_ns;
	int64_t quantum_ns; /* INT64_MAX = none */
	int64_t measure_from_ns, now_ns;
	int64_t cpu_ns[NIC_CPU_COUNT];
	uint64_t in, done, dropped, measured_done, measured_in;
	uint64_t switches, preemptions;
	uint64_t table_hits, look_ups;
	double area; /* requests in the system x ns, since measure_from_ns */
	int64_t area_at_ns;
	struct hb_tally latency;
	struct hb_hist *hist;
};

extern const struct des_policy des_nicos, des_central, des_pinned, des_poll_yield, des_stealing,
	des_jbsq;

/* des_options_check - 0, or -EINVAL with what is wrong. */
int des_options_check(const struct nic_des_options *options, struct hb_error *reterr);

/* des_cost - a time of that kind, in ns. */
int64_t des_cost(struct des *des, enum nic_cost cost);

/* des_after - schedule; the event queue has room for every core and a little more. */
void des_after(struct des *des, int64_t delay_ns, hb_event_fn *handler, uint64_t argument);

/* des_core_work - from now on the core does these pieces, in this order. */
void des_core_work(
	struct des *des, uint32_t core, int64_t kernel_ns, int64_t switch_ns, int64_t useful_ns);

/* des_core_rest - what follows when the work is done. What is left of the work is given up. */
void des_core_rest(struct des *des, uint32_t core, enum nic_cpu rest);

/* des_request_ended - the handler has ended: book it. The slot stays, until whoever uses it has heard of the end. */
void des_request_ended(struct des *des, uint32_t request);
void des_slot_free(struct des *des, uint32_t request);

/* des_request_dropped - it will never run. The slot is free again. */
void des_request_dropped(struct des *des, uint32_t request);

void des_queue_init(struct des_queue *queue);
void des_queue_append(struct des *des, struct des_queue *queue, uint32_t request);
/* des_queue_take - the first, or DES_NONE. */
uint32_t des_queue_take(struct des *des, struct des_queue *queue);

/* des_slice - how long the core may run @request before somebody looks at it again. */
static inline int64_t des_slice(const struct des *des, uint32_t request)
{
	int64_t left_ns = des->requests[request].left_ns;

	return left_ns < des->quantum_ns ? left_ns : des->quantum_ns;
}

#endif
