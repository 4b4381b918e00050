/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Batching policies: when a sender passes held messages on. Whoever sends (a server, a client, a simulation) asks
 * bat_policy_decide() after each event and obeys; what it measured goes in by bat_policy_learn(). Every policy is a
 * choice of rules over time; the fixed ones have one rule for ever. No policy holds a byte longer than hold_max_ns,
 * in the sender or, where it left Nagle's algorithm or TCP_CORK on, in the kernel.
 *
 * Not thread-safe: one owner per policy. Sources: Nagle, RFC 896; IX (Belay et al., OSDI'14); DIM (Linux lib/dim);
 * Clipper (Crankshaw et al., NSDI'17); UCB: Garivier and Moulines, ALT 2011 (discounted); the toggler is ours, by
 * Robbins' confidence sequence (Ann. Math. Stat. 41(5), 1970).
 */
#ifndef BATCHING_POLICY_H
#define BATCHING_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct bat_policy;

enum bat_policy_kind {
	BAT_POLICY_NODELAY, /* every message at once */
	BAT_POLICY_NAGLE,   /* every message at once to the kernel, which runs Nagle's algorithm */
	BAT_POLICY_CORK,    /* to the corked kernel; flushed when the input is drained */
	BAT_POLICY_FIXED,   /* k messages together */
	BAT_POLICY_TIMER,   /* all that came within T of the first */
	BAT_POLICY_EITHER,  /* k messages or T, what comes first */
	BAT_POLICY_DRAIN,   /* all that one turn of the input brought, at most k (IX) */
	BAT_POLICY_DIM,     /* hill climbing over five profiles by throughput */
	BAT_POLICY_AIMD,    /* k + 1 inside the SLO, k x 0.9 outside */
	BAT_POLICY_GREEDY,  /* epsilon-greedy between NODELAY and the batching rule */
	BAT_POLICY_UCB,     /* discounted upper confidence bound between the two */
	BAT_POLICY_TOGGLE, /* sequential test between the two, remembered for each octave of the load */
	BAT_POLICY_ORACLE, /* a list of which of the two is better when */
	BAT_POLICY_KIND_COUNT,
};

/* bat_policy_name - "nodelay" ...; static. */
const char *bat_policy_name(enum bat_policy_kind kind);
/* bat_policy_find - the kind called @name. Returns 0, or -EINVAL with the names in @reterr. */
int bat_policy_find(const char *name, enum bat_policy_kind *ret, struct hb_error *reterr);

/* What the kernel may do with what is written. */
enum bat_socket_mode {
	BAT_SOCKET_NODELAY,
	BAT_SOCKET_NAGLE,
	BAT_SOCKET_CORK,
};

/* A rule: messages go to the socket when any of its conditions holds, and after hold_max_ns anyway. */
struct bat_rule {
	enum bat_socket_mode mode;
	uint32_t limit;   /* this many messages are held; >= 1 */
	int64_t timer_ns; /* the oldest is held this long; INT64_MAX: no timer */
	bool on_drain;    /* the input is drained */
};

#define BAT_HOLD_MAX_DEFAULT_NS 5000000
#define BAT_LIMIT_MAX 4096

/* From this time on arm 0 (NODELAY) or 1 (the batching rule) is the better one. */
struct bat_oracle_phase {
	int64_t from_ns;
	unsigned int arm;
};

/* Zeros select the defaults. */
struct bat_policy_options {
	enum bat_policy_kind kind;
	uint32_t limit;      /* k, 1 ... BAT_LIMIT_MAX; 16, DRAIN 64 */
	int64_t timer_ns;    /* T, > 0; 200 us */
	int64_t hold_max_ns; /* bound of every policy, > 0; BAT_HOLD_MAX_DEFAULT_NS */
	bool kernel_arm;     /* arm 1 is Nagle's algorithm instead of k or T */
	int64_t slo_ns;      /* mean latency to hold, > 0; 500 us */
	double epsilon;      /* share of windows that explore, 0 < . < 1; 0.05 */
	double confidence;   /* of the toggler, 0.5 < . < 1; 0.95 */
	uint64_t seed;
	const struct bat_oracle_phase *phases; /* oracle: ascending, shape [phase_count]; copied */
	size_t phase_count;                    /* oracle: 1 ... 4096 */
};

/*
 * bat_policy_create - a policy in its first state (NODELAY for those that learn between two arms).
 * Returns 0; -EINVAL (an option out of range) or -ENOMEM. bat_policy_destroy() frees it and accepts NULL.
 */
int bat_policy_create(
	struct bat_policy **ret, const struct bat_policy_options *options, struct hb_error *reterr);
void bat_policy_destroy(struct bat_policy *policy);

/* What a sender knows about one connection. */
struct bat_view {
	int64_t now_ns;
	uint32_t held;     /* messages not yet written to the socket */
	int64_t oldest_ns; /* since when the oldest of them is held; read if held > 0 */
	bool in_kernel;    /* the kernel may hold written bytes back (a mode other than NODELAY) */
	int64_t kernel_ns; /* since when; read if in_kernel */
	bool drained;      /* nothing more to read or generate at this moment */
};

/* What to do now, in this order. */
struct bat_decision {
	enum bat_socket_mode mode; /* set the socket so */
	bool send;                 /* write all held messages */
	bool push;                 /* make the kernel send what it holds, then nothing is in it */
	int64_t ask_ns; /* ask again at the latest then; INT64_MAX: not before something happens */
};

/*
 * bat_policy_decide - what to do in the situation @view. Never blocks, allocates or changes what the policy learnt.
 * ask_ns is after now_ns and never later than oldest_ns + hold_max_ns of what stays held, in either place.
 */
struct bat_decision bat_policy_decide(const struct bat_policy *policy, const struct bat_view *view);

/* bat_policy_rule - the rule in force at @now_ns (only the oracle looks at the time). */
struct bat_rule bat_policy_rule(const struct bat_policy *policy, int64_t now_ns);

/* What was measured in a window, of all connections that share the policy. */
struct bat_feedback {
	int64_t duration_ns; /* > 0 */
	uint64_t answered;   /* requests */
	bool defined;        /* something was answered; otherwise latency is not read */
	double latency_ns; /* mean, end to end; estimated or measured; not finite counts as undefined */
};

/*
 * bat_policy_learn - take in a window. Those after a change of rule that still have requests of both are dropped: one
 * and more, by the response time.
 * A window without answers is skipped: whether anything was offered is not known here.
 */
void bat_policy_learn(struct bat_policy *policy, const struct bat_feedback *feedback);

/* Counters for reports. */
struct bat_policy_record {
	uint64_t windows;  /* taken in */
	uint64_t switches; /* of rule */
	uint64_t explored; /* windows spent on an arm that was not thought best */
	unsigned int arm;  /* in force, or the profile */
};
struct bat_policy_record bat_policy_recorded(const struct bat_policy *policy);

#endif
