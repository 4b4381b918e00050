/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What each level makes of each feature. The table is the contract between the language and the levels: the reference
 * prints it, a level refuses or names what stands here. See metastable/model.h.
 */
#include <errno.h>
#include <math.h>

#include <hotbed/error.h>

#include <metastable/model.h>

#define EXACT                \
	{                    \
		MS_EXACT, "" \
	}
#define APPROXIMATION(text)            \
	{                              \
		MS_APPROXIMATION, text \
	}
#define REFUSED(text)            \
	{                        \
		MS_REFUSED, text \
	}

struct cell {
	enum ms_support_kind kind;
	const char *text;
};

struct row {
	const char *name;
	struct cell cells[MS_LEVEL_COUNT]; /* Markov, fluid, simulation, emulation */
};

static const char *const level_names[MS_LEVEL_COUNT] = {
	[MS_LEVEL_MARKOV] = "markov",
	[MS_LEVEL_FLUID] = "fluid",
	[MS_LEVEL_SIMULATION] = "simulation",
	[MS_LEVEL_EMULATION] = "emulation",
};

#define ORDER "the counters of a chain do not know the order in the queue"

static const struct row rows[MS_FEATURE_COUNT] = {
	[MS_FEATURE_THREADS] = {"several threads", {EXACT, EXACT, EXACT, EXACT}},
	[MS_FEATURE_UNLIMITED_QUEUE] = {"unlimited queue",
		{APPROXIMATION("the queue is cut at 20 times what is served within one timeout"),
			EXACT, EXACT, EXACT}},
	[MS_FEATURE_LIFO] = {"newest first",
		{REFUSED(ORDER), REFUSED("the wait of a fluid is that of the oldest first"), EXACT,
			EXACT}},
	[MS_FEATURE_ADAPTIVE_LIFO] = {"adaptive newest first",
		{REFUSED(ORDER), REFUSED("the wait of a fluid is that of the oldest first"), EXACT,
			EXACT}},
	[MS_FEATURE_RETRIES_LAST] = {"retries last",
		{REFUSED(ORDER), REFUSED("the wait of a fluid is that of the oldest first"), EXACT,
			EXACT}},
	[MS_FEATURE_REJECT_FULL] = {"rejection when full", {EXACT, EXACT, EXACT, EXACT}},
	[MS_FEATURE_SERVICE_SHAPE] = {"service times that are not exponential",
		{APPROXIMATION("exponential service times of the same mean"),
			APPROXIMATION("only the mean service time counts"), EXACT, EXACT}},
	[MS_FEATURE_SLOWDOWN] = {"slowdown",
		{APPROXIMATION("all jobs in service go at the speed of the present queue"),
			APPROXIMATION("all jobs in service go at the speed of the present queue"),
			EXACT, EXACT}},
	[MS_FEATURE_SHED_BOUND] = {"shedding above a bound", {EXACT, EXACT, EXACT, EXACT}},
	[MS_FEATURE_SHED_PROBABILITY] = {"probabilistic shedding", {EXACT, EXACT, EXACT, EXACT}},
	[MS_FEATURE_CODEL] = {"CoDel",
		{REFUSED("the chain has no clock of how long the wait has been above the target"),
			REFUSED("a fluid has no single jobs to drop"), EXACT, EXACT}},
	[MS_FEATURE_PACED] = {"paced arrivals",
		{APPROXIMATION("Poisson arrivals of the same rate"), EXACT, EXACT, EXACT}},
	[MS_FEATURE_CONSTANT_TIMEOUT] = {"constant timeout",
		{APPROXIMATION("a request that arrives at q jobs is late with the exact "
			       "probability that q "
			       "services take longer; it then waits in the orbit for an "
			       "exponential time"),
			APPROXIMATION(
				"the ODE has exponential timeouts; --delay has constant ones"),
			EXACT, EXACT}},
	[MS_FEATURE_NO_TIMEOUT] = {"no timeout", {EXACT, EXACT, EXACT, EXACT}},
	[MS_FEATURE_RETRIES] = {"retries",
		{APPROXIMATION("one orbit counter: how often each request has retried is folded "
			       "into a mean"),
			APPROXIMATION("one orbit level: how often each request has retried is "
				      "folded into a "
				      "mean"),
			EXACT, EXACT}},
	[MS_FEATURE_RETRIES_UNLIMITED] = {"unlimited retries",
		{APPROXIMATION("the orbit is cut; lost_mass says how often it is full"), EXACT,
			EXACT, EXACT}},
	[MS_FEATURE_RETRY_ON_REJECT] = {"retry on rejection",
		{APPROXIMATION("a rejected request retries with probability r / (r + 1), "
			       "whatever it has done before"),
			APPROXIMATION("a rejected request retries with probability r / (r + 1), "
				      "whatever it has done before"),
			EXACT, EXACT}},
	[MS_FEATURE_BACKOFF] = {"backoff",
		{APPROXIMATION("the mean backoff lengthens the stay in the orbit"),
			APPROXIMATION("the mean backoff lengthens the stay in the orbit"), EXACT,
			EXACT}},
	[MS_FEATURE_CANCEL_WAITING] = {"cancellation of waiting attempts",
		{APPROXIMATION("waiting jobs leave at the rate of their timeouts; jobs in service "
			       "are in time"),
			APPROXIMATION("waiting jobs leave at the rate of their timeouts; jobs in "
				      "service are in time"),
			EXACT, EXACT}},
	[MS_FEATURE_CANCEL_ALWAYS] = {"cancellation of all attempts",
		{APPROXIMATION("jobs leave at the rate of their timeouts"),
			APPROXIMATION("jobs leave at the rate of their timeouts"), EXACT, EXACT}},
	[MS_FEATURE_DEADLINE] = {"deadline of a request",
		{APPROXIMATION("as many retries as fit into the deadline on average"),
			APPROXIMATION("as many retries as fit into the deadline on average"), EXACT,
			EXACT}},
	[MS_FEATURE_TOKEN_BUCKET] = {"token bucket",
		{APPROXIMATION("one counter of whole tokens; an attempt that is let in and will be "
			       "in time adds one with probability F"),
			APPROXIMATION("tokens are a level like the queue"), EXACT, EXACT}},
	[MS_FEATURE_BUDGET] = {"retry budget",
		{REFUSED("the chain has no window of past requests"),
			REFUSED("the equation has no window of past requests"), EXACT, EXACT}},
	[MS_FEATURE_BREAKER] = {"circuit breaker",
		{REFUSED("the chain has no window of past attempts"),
			REFUSED("a breaker is open or closed; a fluid has nothing in between"),
			EXACT, EXACT}},
	[MS_FEATURE_SEVERAL_CLIENTS] = {"several clients of one server",
		{REFUSED("the chain has one orbit for each server"),
			APPROXIMATION(
				"four clients at most, with an orbit each; those that cancel "
				"have the share of the jobs that they have of what is let in"),
			EXACT, EXACT}},
	[MS_FEATURE_SEVERAL_SERVERS] = {"several servers",
		{EXACT, REFUSED("the equation follows the clients of one server"), EXACT, EXACT}},
	[MS_FEATURE_CALLS] = {"calls between servers",
		{APPROXIMATION("a thread that waits for a call is one that works more slowly"),
			REFUSED("the equation follows the clients of one server"), EXACT, EXACT}},
	[MS_FEATURE_CACHE] = {"look-aside cache",
		{APPROXIMATION("one counter of warm keys in at most 24 levels; all warm keys are "
			       "the most popular ones"),
			APPROXIMATION(
				"one level of warm keys; all warm keys are the most popular ones"),
			EXACT, EXACT}},
	[MS_FEATURE_TRIGGER_RATE] = {"load trigger",
		{APPROXIMATION("modes and times are those of the service without its triggers"),
			EXACT, EXACT, EXACT}},
	[MS_FEATURE_TRIGGER_CAPACITY] = {"capacity trigger",
		{APPROXIMATION("modes and times are those of the service without its triggers"),
			APPROXIMATION("services that are under way change their speed too"), EXACT,
			EXACT}},
	[MS_FEATURE_TRIGGER_LATENCY] = {"latency trigger",
		{APPROXIMATION("modes and times are those of the service without its triggers"),
			APPROXIMATION("only the mean service time counts"), EXACT, EXACT}},
	[MS_FEATURE_TRIGGER_FLUSH] = {"cache flush",
		{APPROXIMATION("modes and times are those of the service without its triggers"),
			EXACT, EXACT, EXACT}},
};

const char *ms_feature_name(enum ms_feature feature)
{
	return rows[feature].name;
}

const char *ms_level_name(enum ms_level level)
{
	return level_names[level];
}

struct ms_support_row ms_feature_support(enum ms_level level, enum ms_feature feature)
{
	const struct cell *cell = &rows[feature].cells[level];

	return (struct ms_support_row){feature, cell->kind, cell->text};
}

static uint64_t bit(enum ms_feature feature, bool used)
{
	return used ? UINT64_C(1) << feature : 0;
}

static uint64_t server_features(const struct ms_server *s)
{
	return bit(MS_FEATURE_THREADS, s->threads > 1) |
	       bit(MS_FEATURE_UNLIMITED_QUEUE, s->queue_capacity == 0) |
	       bit(MS_FEATURE_LIFO, s->discipline == MS_LIFO) |
	       bit(MS_FEATURE_ADAPTIVE_LIFO, s->discipline == MS_ADAPTIVE_LIFO) |
	       bit(MS_FEATURE_RETRIES_LAST, s->discipline == MS_RETRIES_LAST) |
	       bit(MS_FEATURE_REJECT_FULL, s->queue_capacity && s->on_full == MS_REJECT) |
	       bit(MS_FEATURE_SERVICE_SHAPE, s->service.kind != MS_EXPONENTIAL) |
	       bit(MS_FEATURE_SLOWDOWN, s->slowdown > 0) |
	       bit(MS_FEATURE_SHED_BOUND, s->shed_bound > 0) |
	       bit(MS_FEATURE_SHED_PROBABILITY, s->shed_probability > 0) |
	       bit(MS_FEATURE_CODEL, s->codel_interval_s > 0);
}

static uint64_t client_features(const struct ms_client *c)
{
	bool backs_off = c->retries && c->backoff != MS_IMMEDIATE;

	return bit(MS_FEATURE_PACED, c->from_server == MS_NONE && c->arrivals == MS_PACED) |
	       bit(MS_FEATURE_CONSTANT_TIMEOUT, c->timeout_kind == MS_TIMEOUT_CONSTANT) |
	       bit(MS_FEATURE_NO_TIMEOUT, c->timeout_kind == MS_TIMEOUT_NONE) |
	       bit(MS_FEATURE_RETRIES, c->retries > 0) |
	       bit(MS_FEATURE_RETRIES_UNLIMITED, c->retries == MS_RETRIES_UNLIMITED) |
	       bit(MS_FEATURE_RETRY_ON_REJECT, c->retries && c->retry_on_reject) |
	       bit(MS_FEATURE_BACKOFF, backs_off) |
	       bit(MS_FEATURE_CANCEL_WAITING, c->cancel == MS_CANCEL_WAITING) |
	       bit(MS_FEATURE_CANCEL_ALWAYS, c->cancel == MS_CANCEL_ALWAYS) |
	       bit(MS_FEATURE_DEADLINE, isfinite(c->deadline_s)) |
	       bit(MS_FEATURE_TOKEN_BUCKET, c->bucket_capacity > 0) |
	       bit(MS_FEATURE_BUDGET, c->budget_window_s > 0) |
	       bit(MS_FEATURE_BREAKER, c->breaker_window_s > 0) |
	       bit(MS_FEATURE_CALLS, c->from_server != MS_NONE);
}

static bool servers_share_clients(const struct ms_model *model)
{
	uint32_t clients_of[MS_SERVERS_MAX] = {0};

	for (uint32_t i = 0; i < model->client_count; i++) {
		if (++clients_of[model->clients[i].to_server] > 1)
			return true;
	}
	return false;
}

uint64_t ms_model_features(const struct ms_model *model)
{
	static const enum ms_feature triggers[] = {
		[MS_TRIGGER_RATE] = MS_FEATURE_TRIGGER_RATE,
		[MS_TRIGGER_CAPACITY] = MS_FEATURE_TRIGGER_CAPACITY,
		[MS_TRIGGER_LATENCY] = MS_FEATURE_TRIGGER_LATENCY,
		[MS_TRIGGER_FLUSH] = MS_FEATURE_TRIGGER_FLUSH,
	};
	uint64_t features = bit(MS_FEATURE_SEVERAL_SERVERS, model->server_count > 1) |
			    bit(MS_FEATURE_CACHE, model->cache_count > 0) |
			    bit(MS_FEATURE_SEVERAL_CLIENTS, servers_share_clients(model));

	for (uint32_t i = 0; i < model->server_count; i++)
		features |= server_features(&model->servers[i]);
	for (uint32_t i = 0; i < model->client_count; i++)
		features |= client_features(&model->clients[i]);
	for (uint32_t i = 0; i < model->trigger_count; i++)
		features |= bit(triggers[model->triggers[i].kind], true);
	return features;
}

int ms_support_query(enum ms_level level, const struct ms_model *model, struct ms_support *ret,
	struct hb_error *reterr)
{
	uint64_t features = ms_model_features(model);
	int code = 0;

	*ret = (struct ms_support){.worst = MS_EXACT};
	for (int f = 0; f < MS_FEATURE_COUNT; f++) {
		struct ms_support_row row = ms_feature_support(level, (enum ms_feature)f);

		if (!(features & (UINT64_C(1) << f)))
			continue;
		ret->rows[ret->row_count++] = row;
		if (row.kind > ret->worst)
			ret->worst = row.kind;
		if (row.kind == MS_REFUSED && !code)
			code = hb_error_set(reterr, -EOPNOTSUPP,
				"the %s level cannot represent %s (%s); leave it out, or use the "
				"simulation",
				level_names[level], rows[f].name, row.text);
	}
	return code;
}
