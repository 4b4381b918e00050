/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The resolved model: what a .ms file says, in numbers, as all levels read it. Rates are per second, times in seconds,
 * capacities in jobs. The struct is plain data without pointers: copy it, change a field, call ms_model_check().
 *
 * What the words mean, for every level alike (docs/reference/metastable-language.md has the grammar and, per feature
 * and level, whether it is exact, approximated or refused):
 *
 * - A *request* begins when its client's arrival process says so, or when a job of a server makes a call. It makes
 *   attempt 0 at once. The timeout of an attempt runs from the moment it is sent. Links take no time.
 * - An attempt ends for its client by success, timeout, or rejection. After a timeout (and after a rejection, if
 *   retry_on_reject) attempt k+1 follows after the backoff of k, as long as k < retries, the deadline of the request is
 *   not over, and the protections let it pass. Otherwise the request fails. Every request ends exactly once.
 * - An attempt that timed out still is work for its server, unless cancel says otherwise; its answer is ignored.
 * - A server has `threads` threads. queue_capacity counts the jobs in service too. An attempt that finds it full is
 *   dropped silently (the client learns it from its timeout) or rejected (it learns it at once).
 * - A job that makes calls holds its thread from the beginning of its own service until the last call has ended; the
 *   calls come after its own service, in the order of the file, one after the other. A call that fails makes the job
 *   fail: its client hears a rejection.
 *
 * Thread-safe: nothing here has state.
 */
#ifndef METASTABLE_MODEL_H
#define METASTABLE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;

#define MS_NAME_BYTES 32
#define MS_SERVERS_MAX 16
#define MS_CLIENTS_MAX 32
#define MS_CACHES_MAX 8
#define MS_TRIGGERS_MAX 64
#define MS_SWEEP_AXES_MAX 4
#define MS_SWEEP_VALUES_MAX 64        /* of an axis that lists its values */
#define MS_SWEEP_STEPS_MAX 100000     /* of an axis with a step */
#define MS_RETRIES_UNLIMITED 1000000U /* `retry unlimited`, also the most that can be written */
#define MS_THREADS_MAX 100000U
#define MS_QUEUE_MAX 100000000U /* jobs */
#define MS_KEYS_MAX 100000000U
#define MS_HORIZON_DEFAULT_S 1800.0
#define MS_NONE (-1) /* no such server, client or cache */

/* ---- distributions ---- */

enum ms_distribution_kind {
	MS_EXPONENTIAL,
	MS_CONSTANT,
	MS_ERLANG, /* sum of `phases` exponentials */
	MS_HYPEREXPONENTIAL, /* two branches with balanced means: branch i has probability p_i, mean mean_s / (2 p_i) */
	MS_LOGNORMAL,
	MS_UNIFORM, /* between 0 and twice the mean, narrower with a smaller cv */
};

/* A positive random time. cv is the standard deviation over the mean; it follows from the kind where that fixes it. */
struct ms_distribution {
	enum ms_distribution_kind kind;
	double mean_s; /* > 0 */
	double cv; /* exponential 1, constant 0, Erlang 1/sqrt(phases), hyperexponential > 1, uniform <= 1/sqrt(3) */
	uint32_t phases; /* of MS_ERLANG, else 1 */
};

/* ---- servers ---- */

enum ms_discipline {
	MS_FIFO,
	MS_LIFO,
	MS_ADAPTIVE_LIFO, /* newest first while more than lifo_above jobs wait, else oldest first */
	MS_RETRIES_LAST,  /* first attempts before retries, each oldest first */
};

enum ms_refusal {
	MS_DROP,   /* silently: the client learns it from its timeout */
	MS_REJECT, /* the client hears at once */
};

struct ms_server {
	char name[MS_NAME_BYTES];
	int line;                /* of its block in the file, for messages; 0 = none */
	uint32_t threads;        /* 1 ... MS_THREADS_MAX */
	uint32_t queue_capacity; /* jobs waiting or in service, >= threads; 0 = unlimited */
	enum ms_discipline discipline;
	uint32_t lifo_above; /* waiting jobs, of MS_ADAPTIVE_LIFO */
	enum ms_refusal on_full;
	struct ms_distribution service; /* one job on one thread */
	/*
	 * A service that begins while n jobs are in the server (itself included) takes 1 + slowdown x (n - 1) times as
	 * long: contention, garbage collection. 0 = none.
	 */
	double slowdown;

	/* Shedding (`shed NAME { ... }`). What is shed is answered as on_shed says. */
	enum ms_refusal on_shed;
	uint32_t
		shed_bound; /* arrivals that find this many jobs in the server are shed; 0 = none */
	/* Arrivals that find n jobs are shed with probability rising from 0 at shed_from to shed_probability at shed_to. */
	double shed_probability; /* 0 = none */
	uint32_t shed_from, shed_to;
	/* CoDel at the head of the queue (Nichols and Jacobson 2012); interval 0 = none. */
	double codel_target_s, codel_interval_s;
};

/* ---- clients and calls ---- */

enum ms_arrivals {
	MS_POISSON,
	MS_PACED, /* evenly spaced, first after one interval */
};

enum ms_backoff {
	MS_IMMEDIATE,
	MS_BACKOFF_CONSTANT, /* backoff_s */
	MS_BACKOFF_EXPONENTIAL, /* before attempt k >= 1: min(backoff_max_s, backoff_s x backoff_factor^(k-1)) */
};

enum ms_jitter {
	MS_JITTER_NONE,
	MS_JITTER_FULL,  /* uniform in [0, backoff] */
	MS_JITTER_EQUAL, /* backoff/2 + uniform in [0, backoff/2] */
};

enum ms_cancel {
	MS_CANCEL_NO,
	MS_CANCEL_WAITING, /* an attempt that times out leaves the queue, but not a thread */
	MS_CANCEL_ALWAYS,  /* it leaves the thread too (and its calls end) */
};

enum ms_timeout_kind {
	MS_TIMEOUT_NONE,
	MS_TIMEOUT_CONSTANT,
	MS_TIMEOUT_EXPONENTIAL,
	MS_TIMEOUT_ERLANG, /* timeout_phases phases with the mean timeout_s */
};

/* Who sends requests: an open-loop source outside, or the jobs of a server (then it is a call). */
struct ms_client {
	char name[MS_NAME_BYTES]; /* of a call: `FROM->TO` unless it is named */
	int line;
	int from_server; /* MS_NONE = outside */
	int to_server;   /* the server that does the work, behind the cache if there is one */
	int cache;       /* asked first, or MS_NONE */
	double call_probability; /* of calls: (0, 1], share of the jobs that make it */

	enum ms_arrivals arrivals; /* of outside clients */
	double rate_per_s;         /* > 0 of outside clients, 0 of calls */

	enum ms_timeout_kind timeout_kind;
	double timeout_s; /* mean */
	uint32_t timeout_phases;
	uint32_t retries; /* beyond attempt 0 */
	bool retry_on_timeout, retry_on_reject;
	enum ms_backoff backoff;
	enum ms_jitter jitter;
	double backoff_s, backoff_factor, backoff_max_s; /* backoff_max_s: INFINITY = none */
	enum ms_cancel cancel;
	double deadline_s; /* no attempt begins later than this after the request; INFINITY = none */

	/*
	 * Token bucket (`token_bucket F cap C`): starts full with C tokens, every success of a request adds F, every retry
	 * takes 1 and does not happen without one. bucket_capacity 0 = none.
	 */
	double bucket_fill, bucket_capacity;
	/*
	 * Retry budget (`budget F window W min M`): a retry happens only if the retries of the last W seconds, this one
	 * included, are at most F x the requests that began in them + M x W. budget_window_s 0 = none.
	 */
	double budget_share, budget_window_s, budget_min_per_s;
	/*
	 * Circuit breaker (`breaker S window W open D probes P`): opens when of the attempts that ended in the last W
	 * seconds, at least breaker_attempts_min, the share S or more failed. Open, requests fail at once and no attempt is
	 * sent for D seconds; then P attempts are let through: it closes when all of them succeed, opens again when one
	 * fails. breaker_window_s 0 = none.
	 */
	double breaker_share, breaker_window_s, breaker_open_s;
	uint32_t breaker_attempts_min, breaker_probes;
};

/* ---- caches ---- */

enum ms_popularity {
	MS_UNIFORM_KEYS,
	MS_ZIPF_KEYS, /* key i = 1 ... keys has weight i^-zipf_exponent */
};

enum ms_fill {
	MS_FILL_ON_SUCCESS, /* by the client, when the answer comes in time */
	MS_FILL_ALWAYS, /* by the server, when it has done the work, whether or not somebody waits */
};

/* A look-aside cache: a request asks it first; a hit ends it with success after hit_s, a miss goes to the server. */
struct ms_cache {
	char name[MS_NAME_BYTES];
	int line;
	int server; /* in front of */
	uint32_t keys;
	enum ms_popularity popularity;
	double zipf_exponent;
	uint32_t size; /* keys that fit, least recently used leave; 1 ... keys */
	double ttl_s;  /* INFINITY = none */
	double hit_s;
	enum ms_fill fill;
	bool warm; /* at time 0 the `size` most popular keys are in it */
};

/* ---- triggers ---- */

enum ms_trigger_kind {
	MS_TRIGGER_RATE, /* client `target` sends at value per second */
	MS_TRIGGER_CAPACITY, /* services of server `target` that begin meanwhile take 1 / value times as long */
	MS_TRIGGER_LATENCY, /* services of server `target` that begin meanwhile take value seconds longer */
	MS_TRIGGER_FLUSH, /* cache `target` is emptied at the start; duration 0 */
};

/* Something that happens to the system from at_s to at_s + duration_s; several may overlap if they differ in target. */
struct ms_trigger {
	char name[MS_NAME_BYTES]; /* `trigger`, or as written */
	int line;
	enum ms_trigger_kind kind;
	int target; /* index of a client, server or cache */
	double at_s, duration_s;
	double value;
};

/* ---- sweeps ---- */

struct ms_sweep_axis {
	char path[2 * MS_NAME_BYTES + 16]; /* BLOCK.NAME as --set takes it */
	int line;
	/* values[i] for a list (listed true), else from + i x step; i < count */
	bool listed;
	uint32_t count;
	double from, step;
	double values[MS_SWEEP_VALUES_MAX];
};

/* ms_sweep_value - value @index < count of @axis, in the unit of the file's base units (1/s, s, 1). */
double ms_sweep_value(const struct ms_sweep_axis *axis, uint32_t index);

/* ---- the model ---- */

struct ms_model {
	uint32_t server_count, client_count, cache_count, trigger_count, axis_count;
	struct ms_server servers[MS_SERVERS_MAX];
	struct ms_client clients[MS_CLIENTS_MAX];
	struct ms_cache caches[MS_CACHES_MAX];
	struct ms_trigger triggers[MS_TRIGGERS_MAX]; /* by at_s */
	struct ms_sweep_axis axes[MS_SWEEP_AXES_MAX];
	/*
	 * A bad mode counts when it outlasts the end of the last trigger by this much; it is also what hitting times are
	 * compared with. `horizon` in the file, 1800 s by default.
	 */
	double horizon_s;
};

/* One `--set BLOCK.NAME=VALUE`. Borrowed texts. */
struct ms_override {
	const char *path; /* "db.queue" */
	const char
		*value; /* "35", "20/s", "5s": units may be left out, base units are meant then */
};

/* ms_override_parse - split "db.queue=35" in place. Returns 0 or -EINVAL. */
int ms_override_parse(char *text, struct ms_override *ret, struct hb_error *reterr);

/*
 * ms_model_read - parse and resolve a model.
 * @text: the file's @length_bytes; need not be terminated. @path: for messages.
 * @overrides: shape [@override_count], applied in order before the model is checked.
 * @ret: untouched on failure.
 *
 * Returns 0; -EBADMSG (not the language, with line and, in the text, column and a hint); -EINVAL (impossible values,
 * cyclic calls, an override that names nothing); -E2BIG (more blocks than fit). Time is linear in the text.
 */
int ms_model_read(const char *text, size_t length_bytes, const char *path,
	const struct ms_override *overrides, size_t override_count, struct ms_model *ret,
	struct hb_error *reterr);

/* ms_model_read_file - the same from a regular file of at most 1 MiB. Also -ENOENT etc. Blocks on the disk. */
int ms_model_read_file(const char *path, const struct ms_override *overrides, size_t override_count,
	struct ms_model *ret, struct hb_error *reterr);

/*
 * ms_model_check - is every value possible: ranges, references, no cyclic calls, every client reaches a server?
 * What was set is not changed. Returns 0, or -EINVAL with the block and the remedy in @reterr.
 */
int ms_model_check(const struct ms_model *model, struct hb_error *reterr);

/*
 * ms_model_get - the number that BLOCK.NAME stands for, in base units. Returns 0, or -EINVAL (names nothing, or no
 * number; with a hint).
 */
int ms_model_get(
	const struct ms_model *model, const char *path, double *ret, struct hb_error *reterr);

/*
 * ms_model_set - set BLOCK.NAME to a number in base units; rounds nothing: 1.5 threads are refused. Call
 * ms_model_check() afterwards. Returns 0 or -EINVAL with the model unchanged.
 */
int ms_model_set(struct ms_model *model, const char *path, double value, struct hb_error *reterr);

/* ms_model_trigger_end_s - when the last trigger is over; 0 without triggers. */
double ms_model_trigger_end_s(const struct ms_model *model);

/* ms_model_server, ms_model_client, ms_model_cache - index of the block called @name, or MS_NONE. */
int ms_model_server(const struct ms_model *model, const char *name);
int ms_model_client(const struct ms_model *model, const char *name);
int ms_model_cache(const struct ms_model *model, const char *name);

/* ---- features and levels ---- */

enum ms_level {
	MS_LEVEL_MARKOV,
	MS_LEVEL_FLUID,
	MS_LEVEL_SIMULATION,
	MS_LEVEL_EMULATION,
	MS_LEVEL_COUNT,
};

enum ms_feature {
	MS_FEATURE_THREADS, /* more than one */
	MS_FEATURE_UNLIMITED_QUEUE,
	MS_FEATURE_LIFO,
	MS_FEATURE_ADAPTIVE_LIFO,
	MS_FEATURE_RETRIES_LAST,
	MS_FEATURE_REJECT_FULL,
	MS_FEATURE_SERVICE_SHAPE, /* not exponential */
	MS_FEATURE_SLOWDOWN,
	MS_FEATURE_SHED_BOUND,
	MS_FEATURE_SHED_PROBABILITY,
	MS_FEATURE_CODEL,
	MS_FEATURE_PACED,
	MS_FEATURE_CONSTANT_TIMEOUT,
	MS_FEATURE_NO_TIMEOUT,
	MS_FEATURE_RETRIES,
	MS_FEATURE_RETRIES_UNLIMITED,
	MS_FEATURE_RETRY_ON_REJECT,
	MS_FEATURE_BACKOFF, /* also with jitter */
	MS_FEATURE_CANCEL_WAITING,
	MS_FEATURE_CANCEL_ALWAYS,
	MS_FEATURE_DEADLINE,
	MS_FEATURE_TOKEN_BUCKET,
	MS_FEATURE_BUDGET,
	MS_FEATURE_BREAKER,
	MS_FEATURE_SEVERAL_CLIENTS, /* of one server */
	MS_FEATURE_SEVERAL_SERVERS,
	MS_FEATURE_CALLS,
	MS_FEATURE_CACHE,
	MS_FEATURE_TRIGGER_RATE,
	MS_FEATURE_TRIGGER_CAPACITY,
	MS_FEATURE_TRIGGER_LATENCY,
	MS_FEATURE_TRIGGER_FLUSH,
	MS_FEATURE_COUNT,
};

enum ms_support_kind {
	MS_EXACT,
	MS_APPROXIMATION, /* text names it */
	MS_REFUSED,       /* text says why */
};

struct ms_support_row {
	enum ms_feature feature;
	enum ms_support_kind kind;
	const char *text; /* static; "" for MS_EXACT */
};

/* What a level makes of a model: the features that the model uses, in the order of the enum. */
struct ms_support {
	enum ms_support_kind worst; /* MS_EXACT if no feature is used */
	uint32_t row_count;
	struct ms_support_row rows[MS_FEATURE_COUNT];
};

/* ms_model_features - bit i is set if the model uses feature i. */
uint64_t ms_model_features(const struct ms_model *model);

/* ms_feature_name - as the reference writes it: "token bucket". Static. */
const char *ms_feature_name(enum ms_feature feature);
/* ms_level_name - "markov", "fluid", "simulation", "emulation". Static. */
const char *ms_level_name(enum ms_level level);

/* ms_feature_support - one cell of the table feature x level (src/language/support.c; each level keeps its column). */
struct ms_support_row ms_feature_support(enum ms_level level, enum ms_feature feature);

/*
 * ms_support_query - what @level makes of @model.
 * @ret: always filled.
 *
 * Returns 0, or -EOPNOTSUPP if something is refused: the first reason is in @reterr. Levels begin with this call, and
 * print the approximations with their results.
 */
int ms_support_query(enum ms_level level, const struct ms_model *model, struct ms_support *ret,
	struct hb_error *reterr);

#endif
