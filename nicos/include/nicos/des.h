/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The simulator: an open stream of requests for many services on many cores, under the scheduler of the card
 * (nicos/sched.h, the same object as in the soft card) and under what it is compared with. Integer nanoseconds on the
 * shared engine; same options, same result, bit for bit. What each policy does and costs:
 * docs/reference/nicos-json.md.
 *
 * Thread-safe: runs share nothing.
 */
#ifndef NICOS_DES_H
#define NICOS_DES_H

#include <stdbool.h>
#include <stdint.h>

#include <nicos/distribution.h>

struct hb_error;

enum nic_policy {
	NIC_POLICY_NICOS,
	NIC_POLICY_IDEAL,
	NIC_POLICY_RSS,
	NIC_POLICY_DISPATCHER,
	NIC_POLICY_STEALING,
	NIC_POLICY_KERNEL,
	NIC_POLICY_POLL_YIELD,
	NIC_POLICY_JBSQ,
	NIC_POLICY_COUNT,
};

/* What things cost, besides the service itself. All are distributions. */
enum nic_cost {
	NIC_COST_HOT,           /* hand a request to a core whose process waits for it */
	NIC_COST_SWITCH,        /* make a core run another process */
	NIC_COST_KERNEL,        /* the kernel's path of one request */
	NIC_COST_WAKE,          /* kernel: wake an idle core */
	NIC_COST_KERNEL_SWITCH, /* kernel: switch to another process */
	NIC_COST_DISPATCH,      /* dispatcher: its time per request */
	NIC_COST_PREEMPT,       /* stop a running handler */
	NIC_COST_YIELD,         /* poll-yield: from one poller to the next */
	NIC_COST_INTERVAL,      /* stealing: between two looks at the queues */
	NIC_COST_DELTA, /* one way between card and core, beyond hot: how old the card's view is */
	NIC_COST_FETCH, /* a service's record that the card's table does not hold */
	NIC_COST_COUNT,
};

enum nic_arrival {
	NIC_ARRIVAL_POISSON,
	NIC_ARRIVAL_CONST,
	NIC_ARRIVAL_BURST, /* Poisson, alternating between two rates */
};

/* Zero-initialise, then nic_des_defaults(). */
struct nic_des_options {
	enum nic_policy policy;
	uint32_t
		depth; /* jbsq: requests a core holds, 1 ... 64; nicos: 1 ... NIC_DEPTH_MAX; 0 = 1 */
	uint32_t cores;    /* 1 ... 1024 */
	uint32_t services; /* 1 ... 1,000,000 */
	enum nic_arrival arrival;
	double burst_factor;              /* rate in a burst / mean rate */
	double burst_on_ns, burst_off_ns; /* mean lengths of a burst and of what lies between */
	struct nic_distribution service;  /* time of a request on a core */
	double load;             /* arrival rate x mean service time / cores, costs excluded; > 0 */
	double zipf;             /* exponent of the popularity; 0 = uniform */
	uint64_t seed, requests; /* requests: 1 ... 10^10 */
	uint64_t warm_up;        /* requests before anything is measured, < requests */
	double quantum_ns;       /* a running handler is preempted after this; 0 = never */
	double turn_ns;          /* nicos: credit of a turn at weight 1 */
	uint32_t threads;        /* nicos: cores of one service at the same time; 0 = all */
	uint32_t queue;   /* nicos: requests that wait per service; 0 = as many as there can be */
	uint32_t table;   /* nicos: services whose records the card holds; 0 = all */
	uint32_t buffers; /* requests in the system at once; one more is dropped */
	struct nic_distribution costs[NIC_COST_COUNT];
};

/* Where the time of the cores went; the shares sum to 1. */
enum nic_cpu {
	NIC_CPU_USEFUL,  /* handlers */
	NIC_CPU_SWITCH,  /* handing over, changing the process, preempting */
	NIC_CPU_SPIN,    /* polling without finding anything; a dispatcher's core */
	NIC_CPU_STALLED, /* waiting on a line that the card will fill */
	NIC_CPU_KERNEL,  /* the kernel's path and wake-ups */
	NIC_CPU_IDLE,
	NIC_CPU_COUNT,
};

/* Latencies run from arrival to the handler's end, for requests after the warm-up; one that never ended is infinite. */
struct nic_des_result {
	double mean_us; /* of those that ended; NaN if none did */
	double p50_us, p99_us, p999_us;
	double goodput_per_s; /* ended after the warm-up, per time */
	double cpu[NIC_CPU_COUNT];
	uint64_t in, done, queued, dropped; /* of all; in = done + queued + dropped */
	uint64_t measured;                  /* requests behind the latencies */
	double rate_per_s;                  /* as asked for */
	double in_system;                   /* mean number of requests, over time */
	double switches;                    /* of process, per request */
	double preemptions;                 /* per request */
	double table_hits;                  /* share of look-ups; 1 without a table */
	int64_t elapsed_ns;                 /* simulated, warm-up included */
	uint64_t events;
};

/* nic_des_defaults - planning values: poisson, exp:10us, load 0.5, 16 cores, 64 services, costs as documented. */
void nic_des_defaults(struct nic_des_options *options);

/* nic_des_finish - free what the distributions hold. */
void nic_des_finish(struct nic_des_options *options);

const char *nic_policy_name(enum nic_policy policy);
/* nic_policy_find - the policy of that name; NIC_POLICY_COUNT if there is none. */
enum nic_policy nic_policy_find(const char *name);
const char *nic_cost_name(enum nic_cost cost);
const char *nic_cpu_name(enum nic_cpu cpu);

/*
 * nic_cost_parse - "switch=2us,hot=uniform:0.3us,0.5us" or "all=0" into @costs, shape [NIC_COST_COUNT]; others stay.
 * Returns 0, or what nic_distribution_parse() does, with the cost's name in @reterr.
 */
int nic_cost_parse(const char *text, struct nic_distribution *costs, struct hb_error *reterr);

/*
 * nic_des_run - simulate.
 * Returns 0, -EINVAL (options that are out of range or do not go together), or -ENOMEM. Ends with the last arrival;
 * what is in the system then counts as queued.
 */
int nic_des_run(
	const struct nic_des_options *options, struct nic_des_result *ret, struct hb_error *reterr);

#endif
