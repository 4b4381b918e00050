/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos sim: the simulator on the command line. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/json_out.h>
#include <hotbed/suggest.h>

#include <nicos/des.h>

/* Options as they were typed; NULL = not given. */
struct words {
	const char *policy, *arrival, *service, *popularity, *cost, *quantum, *turn;
	double load;
	uint64_t cores, services, seed, requests, warm_up, depth, threads, queue, table, buffers;
	bool json;
};

#define UNSET UINT64_MAX

static int read_policy(const char *word, struct nic_des_options *o, struct hb_error *reterr)
{
	const char *names[NIC_POLICY_COUNT + 1] = {NULL};
	const char *near;
	uint64_t depth;

	for (int p = 0; p < NIC_POLICY_COUNT; p++)
		names[p] = nic_policy_name((enum nic_policy)p);
	if (strncmp(word, "jbsq:", 5) == 0) {
		if (hb_csv_parse_u64(word + 5, &depth) || depth < 1 || depth > UINT32_MAX)
			return hb_error_set(reterr, -EINVAL,
				"--policy jbsq:N needs how many requests a core holds, not '%.40s'",
				word + 5);
		o->policy = NIC_POLICY_JBSQ;
		o->depth = (uint32_t)depth;
		return 0;
	}
	o->policy = nic_policy_find(word);
	if (o->policy == NIC_POLICY_JBSQ)
		return hb_error_set(reterr, -EINVAL,
			"--policy jbsq needs how many requests a core holds: jbsq:1");
	if (o->policy != NIC_POLICY_COUNT)
		return 0;
	near = hb_suggest(word, names);
	return hb_error_set(reterr, -EINVAL,
		"unknown policy '%.40s'%s%s%s; there are nicos, ideal, rss, dispatcher, stealing, "
		"kernel, poll-yield and jbsq:N",
		word, near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

static int read_burst(const char *word, struct nic_des_options *o, struct hb_error *reterr)
{
	char factor[32], on[32];
	size_t first = strcspn(word, ","), second;

	if (word[first] == ',') {
		second = strcspn(word + first + 1, ",");
		if (word[first + 1 + second] == ',' && first < sizeof(factor) &&
			second < sizeof(on)) {
			(void)snprintf(factor, sizeof(factor), "%.*s", (int)first, word);
			(void)snprintf(on, sizeof(on), "%.*s", (int)second, word + first + 1);
			o->arrival = NIC_ARRIVAL_BURST;
			if (hb_csv_parse_double(factor, &o->burst_factor) == 0 &&
				nic_duration_parse(on, &o->burst_on_ns, NULL) == 0 &&
				nic_duration_parse(
					word + first + second + 2, &o->burst_off_ns, NULL) == 0)
				return 0;
		}
	}
	return hb_error_set(reterr, -EINVAL,
		"--arrival burst:F,ON,OFF, for example burst:4,1ms,3ms; not '%.80s'", word);
}

int read_arrival_word(const char *word, struct nic_des_options *o, struct hb_error *reterr)
{
	if (strcmp(word, "poisson") == 0)
		o->arrival = NIC_ARRIVAL_POISSON;
	else if (strcmp(word, "const") == 0)
		o->arrival = NIC_ARRIVAL_CONST;
	else if (strncmp(word, "burst:", 6) == 0)
		return read_burst(word + 6, o, reterr);
	else
		return hb_error_set(reterr, -EINVAL,
			"unknown arrivals '%.80s'; there are poisson, const and burst:F,ON,OFF",
			word);
	return 0;
}

int read_popularity_word(const char *word, double *ret_zipf, struct hb_error *reterr)
{
	*ret_zipf = 0;
	if (strcmp(word, "uniform") == 0)
		return 0;
	if (strncmp(word, "zipf:", 5) == 0 && hb_csv_parse_double(word + 5, ret_zipf) == 0 &&
		*ret_zipf >= 0)
		return 0;
	return hb_error_set(reterr, -EINVAL,
		"unknown popularity '%.80s'; there are uniform and zipf:S, for example zipf:0.9",
		word);
}

static int narrow(const char *name, uint64_t value, uint32_t *ret, struct hb_error *reterr)
{
	if (value == UNSET)
		return 0;
	if (value > UINT32_MAX)
		return hb_error_set(reterr, -EINVAL, "--%s is too large", name);
	*ret = (uint32_t)value;
	return 0;
}

static int read_numbers(const struct words *w, struct nic_des_options *o, struct hb_error *reterr)
{
	const struct {
		const char *name;
		uint64_t value;
		uint32_t *target;
	} numbers[] = {
		{"cores", w->cores, &o->cores},
		{"services", w->services, &o->services},
		{"depth", w->depth, &o->depth},
		{"threads", w->threads, &o->threads},
		{"queue", w->queue, &o->queue},
		{"table", w->table, &o->table},
		{"buffers", w->buffers, &o->buffers},
	};
	int err;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		err = narrow(numbers[i].name, numbers[i].value, numbers[i].target, reterr);
		if (err)
			return err;
	}
	o->load = w->load;
	o->seed = w->seed;
	o->requests = w->requests;
	o->warm_up = w->warm_up == UNSET ? w->requests / 10 : w->warm_up;
	return 0;
}

static int read_words(const struct words *w, struct nic_des_options *o, struct hb_error *reterr)
{
	int err = read_numbers(w, o, reterr);

	if (!err)
		err = read_policy(w->policy, o, reterr);
	if (!err && o->policy == NIC_POLICY_JBSQ && w->depth != UNSET)
		err = hb_error_set(reterr, -EINVAL, "--depth is nicos'; jbsq:N says it itself");
	if (!err)
		err = read_arrival_word(w->arrival, o, reterr);
	if (!err)
		err = read_popularity_word(w->popularity, &o->zipf, reterr);
	if (!err && w->quantum && nic_duration_parse(w->quantum, &o->quantum_ns, reterr))
		err = hb_error_wrap(reterr, "--quantum");
	if (!err && w->turn && nic_duration_parse(w->turn, &o->turn_ns, reterr))
		err = hb_error_wrap(reterr, "--turn");
	if (!err && w->service) {
		err = nic_distribution_parse(w->service, &o->service, reterr);
		/* A trace's fault is the file's. */
		if (err && reterr->path[0] == '\0')
			err = hb_error_wrap(reterr, "--service");
	}
	if (!err && w->cost)
		err = nic_cost_parse(w->cost, o->costs, reterr);
	return err;
}

/* ---- answers ---- */

static void json_parameters(
	struct hb_json_out *out, const struct words *w, const struct nic_des_options *o)
{
	hb_json_open(out, "parameters", '{');
	hb_json_put_text(out, "policy", w->policy);
	hb_json_put_u64(out, "cores", o->cores);
	hb_json_put_u64(out, "services", o->services);
	hb_json_put_text(out, "arrival", w->arrival);
	hb_json_put_text(out, "service", w->service);
	hb_json_put_number(out, "load", o->load);
	hb_json_put_text(out, "popularity", w->popularity);
	hb_json_put_u64(out, "seed", o->seed);
	hb_json_put_u64(out, "requests", o->requests);
	hb_json_put_u64(out, "warm_up", o->warm_up);
	hb_json_put_number(out, "quantum_us", o->quantum_ns / 1e3);
	hb_json_put_number(out, "turn_us", o->turn_ns / 1e3);
	hb_json_put_u64(out, "depth", o->depth ? o->depth : 1);
	hb_json_put_u64(out, "threads", o->threads ? o->threads : o->cores);
	hb_json_put_u64(out, "queue", o->queue);
	hb_json_put_u64(out, "table", o->table);
	hb_json_put_u64(out, "buffers", o->buffers);
	hb_json_open(out, "mean_cost_us", '{');
	for (int c = 0; c < NIC_COST_COUNT; c++)
		hb_json_put_number(out, nic_cost_name((enum nic_cost)c),
			nic_distribution_mean_ns(&o->costs[c]) / 1e3);
	hb_json_close(out, '}');
	hb_json_close(out, '}');
}

static void print_json(
	const struct words *w, const struct nic_des_options *o, const struct nic_des_result *r)
{
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "nicos.sim/1");
	json_parameters(&out, w, o);
	hb_json_open(&out, "latency_us", '{');
	hb_json_put_number(&out, "mean", r->mean_us);
	hb_json_put_number(&out, "p50", r->p50_us);
	hb_json_put_number(&out, "p99", r->p99_us);
	hb_json_put_number(&out, "p999", r->p999_us);
	hb_json_close(&out, '}');
	hb_json_put_number(&out, "goodput_per_s", r->goodput_per_s);
	hb_json_open(&out, "cpu", '{');
	for (int k = 0; k < NIC_CPU_COUNT; k++)
		hb_json_put_number(&out, nic_cpu_name((enum nic_cpu)k), r->cpu[k]);
	hb_json_close(&out, '}');
	hb_json_put_u64(&out, "in", r->in);
	hb_json_put_u64(&out, "done", r->done);
	hb_json_put_u64(&out, "queued", r->queued);
	hb_json_put_u64(&out, "dropped", r->dropped);
	hb_json_put_u64(&out, "measured", r->measured);
	hb_json_put_number(&out, "rate_per_s", r->rate_per_s);
	hb_json_put_number(&out, "in_system", r->in_system);
	hb_json_put_number(&out, "switches_per_request", r->switches);
	hb_json_put_number(&out, "preemptions_per_request", r->preemptions);
	hb_json_put_number(&out, "table_hits", r->table_hits);
	hb_json_put_number(&out, "elapsed_us", (double)r->elapsed_ns / 1e3);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void print_text(
	const struct words *w, const struct nic_des_options *o, const struct nic_des_result *r)
{
	(void)printf("%s: %u cores, %u services, %s at load %g: %.0f requests/s asked for\n",
		w->policy, o->cores, o->services, w->service, o->load, r->rate_per_s);
	(void)printf("latency    mean %.4g us, p50 %.4g us, p99 %.4g us, p99.9 %.4g us\n",
		r->mean_us, r->p50_us, r->p99_us, r->p999_us);
	(void)printf("goodput    %.6g requests/s\n", r->goodput_per_s);
	(void)printf("cores     ");
	for (int k = 0; k < NIC_CPU_COUNT; k++)
		(void)printf(" %s %.1f%%%s", nic_cpu_name((enum nic_cpu)k), 100 * r->cpu[k],
			k + 1 < NIC_CPU_COUNT ? "," : "\n");
	(void)printf("per request %.3g process switches, %.3g preemptions\n", r->switches,
		r->preemptions);
	(void)printf("requests   %llu in = %llu done + %llu queued + %llu dropped\n",
		(unsigned long long)r->in, (unsigned long long)r->done,
		(unsigned long long)r->queued, (unsigned long long)r->dropped);
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct nic_des_options options;
	struct words w = {.policy = "nicos",
		.arrival = "poisson",
		.service = "exp:10us",
		.popularity = "uniform",
		.load = 0.5,
		.cores = 16,
		.services = 64,
		.seed = 1,
		.requests = 1000000,
		.warm_up = UNSET,
		.depth = UNSET,
		.threads = UNSET,
		.queue = UNSET,
		.table = UNSET,
		.buffers = UNSET};
	const struct hb_option_target targets[] = {{.name = "policy", .text = &w.policy},
		{.name = "cores", .u64 = &w.cores}, {.name = "services", .u64 = &w.services},
		{.name = "arrival", .text = &w.arrival}, {.name = "service", .text = &w.service},
		{.name = "load", .real = &w.load}, {.name = "popularity", .text = &w.popularity},
		{.name = "seed", .u64 = &w.seed}, {.name = "requests", .u64 = &w.requests},
		{.name = "warm-up", .u64 = &w.warm_up}, {.name = "quantum", .text = &w.quantum},
		{.name = "turn", .text = &w.turn}, {.name = "depth", .u64 = &w.depth},
		{.name = "threads", .u64 = &w.threads}, {.name = "queue", .u64 = &w.queue},
		{.name = "table", .u64 = &w.table}, {.name = "buffers", .u64 = &w.buffers},
		{.name = "cost", .text = &w.cost}, {.name = "json", .flag = &w.json},
		{.name = NULL}};
	struct nic_des_result result;
	int err;

	nic_des_defaults(&options);
	err = hb_options_read(argc, argv, targets, reterr);
	if (!err)
		err = read_words(&w, &options, reterr);
	if (!err)
		err = nic_des_run(&options, &result, reterr);
	if (!err && w.json)
		print_json(&w, &options, &result);
	else if (!err)
		print_text(&w, &options, &result);
	nic_des_finish(&options);
	return err;
}

const struct command command_sim = {
	.name = "sim",
	.summary = "simulate many services on many cores under a policy",
	.help = "  --policy P         nicos (default), ideal, rss, dispatcher, stealing, kernel, "
		"poll-yield,\n"
		"                     jbsq:N\n"
		"  --cores N          1 to 1024 (16)\n"
		"  --services N       1 to 1000000 (64)\n"
		"  --arrival A        poisson (default), const, burst:F,ON,OFF: F times the mean "
		"rate in bursts\n"
		"                     of mean length ON, with OFF between\n"
		"  --service D        time of a request: const:T exp:T bimodal:P,T1,T2 "
		"pareto:A,TMIN,TMAX\n"
		"                     lognormal:M,S uniform:A,B trace:FILE (exp:10us)\n"
		"  --load X           arrival rate x mean service time / cores, costs excluded "
		"(0.5)\n"
		"  --popularity P     uniform (default), zipf:S\n"
		"  --seed N           (1)\n"
		"  --requests N       (1000000); --warm-up N of them are not measured (a tenth)\n"
		"  --quantum T        preempt running handlers: nicos, ideal, dispatcher, kernel "
		"(never)\n"
		"  --cost LIST        all=T or NAME=T,...; T may be any distribution. Names: hot, "
		"switch, kernel,\n"
		"                     wake, kernel-switch, dispatch, preempt, yield, interval, "
		"delta, fetch\n"
		"  --turn T           nicos: time that a service keeps a core when others wait "
		"(50us)\n"
		"  --depth N          nicos: requests that a core holds at once, 1 to 8 (1)\n"
		"  --threads N        nicos: cores of one service at the same time (all)\n"
		"  --queue N          nicos: requests that wait per service before more are "
		"dropped\n"
		"  --table N          nicos: services that the card's table holds (all)\n"
		"  --buffers N        requests in the system at once (1048576)\n"
		"  --json             one object, schema nicos.sim/1\n"
		"\n"
		"examples:\n"
		"  nicos sim --policy nicos --services 1024 --load 0.5\n"
		"  nicos sim --policy poll-yield --services 1024 --load 0.5\n"
		"  nicos sim --cores 1 --services 1 --cost all=0 --load 0.7     # M/M/1\n"
		"  nicos sim --policy jbsq:2 --services 1 --cost delta=0.4us --load 0.8 --json\n",
	.run = run,
};
