/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos live: the soft card on the command line. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/json_out.h>
#include <hotbed/suggest.h>

#include <nicos/live.h>
#include <nicos/wire.h>

/* Options as they were typed; NULL = not given. */
struct words {
	const char *system, *wire, *mode, *arrival, *service, *popularity, *turn, *try_again, *kill;
	const char *fault, *interval;
	double load, rate;
	uint64_t services, seed, requests, warm_up, bytes, window, depth, queue, buffers, hostile;
	bool json, idle_spinner;
};

#define UNSET UINT64_MAX

static int unknown(const char *what, const char *word, const char *const *names, const char *list,
	struct hb_error *reterr)
{
	const char *near = hb_suggest(word, names);

	return hb_error_set(reterr, -EINVAL, "unknown %s '%.40s'%s%s%s; there are %s", what, word,
		near ? "; did you mean '" : "", near ? near : "", near ? "'" : "", list);
}

static int read_names(const struct words *w, struct nic_live_options *o, struct hb_error *reterr)
{
	static const char *const systems[] = {"nicos", "udp", "udp-epoll", "udp-poll", "bypass",
		"poll-yield", "dispatcher", "stealing", NULL};
	static const char *const wires[] = {"memory", "net-ring", NULL};
	static const char *const modes[] = {"process", "thread", "fiber", NULL};
	static const char *const faults[] = {"exit", "hang", "crash", "wrong-line", NULL};
	size_t length;

	o->system = nic_live_system_find(w->system);
	if (o->system == NIC_LIVE_SYSTEM_COUNT)
		return unknown("system", w->system, systems,
			"nicos, udp, udp-epoll, udp-poll, bypass, poll-yield, dispatcher and "
			"stealing",
			reterr);
	if (strcmp(w->wire, "net-ring") == 0)
		o->wire_create = nic_wire_dpdk_create;
	else if (strcmp(w->wire, "memory") != 0)
		return unknown("wire", w->wire, wires, "memory and net-ring", reterr);
	o->mode = nic_live_mode_find(w->mode);
	if (o->mode == NIC_LIVE_MODE_COUNT)
		return unknown("mode", w->mode, modes, "process, thread and fiber", reterr);
	if (!w->fault)
		return 0;
	length = strcspn(w->fault, "@");
	for (int f = 1; f < NIC_LIVE_FAULT_COUNT; f++) {
		const char *name = nic_live_fault_name((enum nic_live_fault)f);

		if (strlen(name) == length && strncmp(name, w->fault, length) == 0 &&
			w->fault[length] == '@' &&
			hb_csv_parse_u64(w->fault + length + 1, &o->fault_at) == 0) {
			o->fault = (enum nic_live_fault)f;
			return 0;
		}
	}
	return unknown("fault", w->fault, faults,
		"exit@N, hang@N, crash@N and wrong-line@N, N the number of a request", reterr);
}

static int read_number(const char *name, uint64_t value, uint32_t *ret, struct hb_error *reterr)
{
	if (value == UNSET)
		return 0;
	if (value > UINT32_MAX)
		return hb_error_set(reterr, -EINVAL, "--%s is too large", name);
	*ret = (uint32_t)value;
	return 0;
}

static int read_numbers(const struct words *w, struct nic_live_options *o, struct hb_error *reterr)
{
	const struct {
		const char *name;
		uint64_t value;
		uint32_t *target;
	} numbers[] = {
		{"services", w->services, &o->services},
		{"bytes", w->bytes, &o->bytes},
		{"window", w->window, &o->window},
		{"depth", w->depth, &o->depth},
		{"queue", w->queue, &o->queue},
		{"buffers", w->buffers, &o->buffers},
		{"hostile", w->hostile, &o->hostile},
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		err = read_number(numbers[i].name, numbers[i].value, numbers[i].target, reterr);
	o->idle_spinner = w->idle_spinner;
	o->seed = w->seed;
	o->requests = w->requests;
	o->warm_up = w->warm_up == UNSET ? w->requests / 10 : w->warm_up;
	return err;
}

static int read_time(const char *name, const char *word, double *ret_ns, struct hb_error *reterr)
{
	if (word && nic_duration_parse(word, ret_ns, reterr))
		return hb_error_wrap(reterr, "--%s", name);
	return 0;
}

static int read_arrival(const char *word, struct nic_live_options *o, struct hb_error *reterr)
{
	struct nic_des_options des;
	int err;

	nic_des_defaults(&des);
	err = read_arrival_word(word, &des, reterr);
	if (!err) {
		o->arrival = des.arrival;
		o->burst_factor = des.burst_factor;
		o->burst_on_ns = des.burst_on_ns;
		o->burst_off_ns = des.burst_off_ns;
	}
	nic_des_finish(&des);
	return err;
}

/* A rate, or a load: of the host's one core, costs excluded. */
static int read_rate(const struct words *w, struct nic_live_options *o, struct hb_error *reterr)
{
	double mean_ns = nic_distribution_mean_ns(&o->service);

	if (w->rate > 0 && w->load > 0)
		return hb_error_set(reterr, -EINVAL, "--rate and --load: give one of them");
	if (w->rate > 0) {
		o->rate_per_s = w->rate;
		return 0;
	}
	if (!(mean_ns > 0))
		return hb_error_set(reterr, -EINVAL,
			"--service takes no time, so that --load says nothing; use --rate");
	o->rate_per_s = (w->load > 0 ? w->load : 0.3) * 1e9 / mean_ns;
	return 0;
}

static int read_words(const struct words *w, struct nic_live_options *o, struct hb_error *reterr)
{
	struct nic_distribution service;
	int err = read_numbers(w, o, reterr);

	if (!err)
		err = read_names(w, o, reterr);
	if (!err)
		err = read_arrival(w->arrival, o, reterr);
	if (!err)
		err = read_popularity_word(w->popularity, &o->zipf, reterr);
	if (!err)
		err = read_time("turn", w->turn, &o->turn_ns, reterr);
	if (!err)
		err = read_time("try-again", w->try_again, &o->try_again_ns, reterr);
	if (!err)
		err = read_time("interval", w->interval, &o->interval_ns, reterr);
	if (!err)
		err = read_time("kill", w->kill, &o->kill_ns, reterr);
	if (!err) {
		err = nic_distribution_parse(w->service, &service, reterr);
		if (!err)
			o->service = service;
		else if (reterr->path[0] == '\0')
			err = hb_error_wrap(reterr, "--service");
	}
	return err ? err : read_rate(w, o, reterr);
}

/* ---- answers ---- */

static void json_parameters(
	struct hb_json_out *out, const struct words *w, const struct nic_live_options *o)
{
	hb_json_open(out, "parameters", '{');
	hb_json_put_text(out, "system", nic_live_system_name(o->system));
	hb_json_put_text(out, "wire", w->wire);
	hb_json_put_text(out, "mode", nic_live_mode_name(o->mode));
	hb_json_put_u64(out, "services", o->services);
	hb_json_put_text(out, "arrival", w->arrival);
	hb_json_put_text(out, "service", w->service);
	hb_json_put_number(out, "rate_per_s", o->rate_per_s);
	hb_json_put_number(
		out, "load", o->rate_per_s * nic_distribution_mean_ns(&o->service) / 1e9);
	hb_json_put_text(out, "popularity", w->popularity);
	hb_json_put_u64(out, "seed", o->seed);
	hb_json_put_u64(out, "requests", o->requests);
	hb_json_put_u64(out, "warm_up", o->warm_up);
	hb_json_put_u64(out, "bytes", o->bytes);
	hb_json_put_u64(out, "window", o->window);
	hb_json_put_u64(out, "depth", o->depth);
	hb_json_put_u64(out, "queue", o->queue);
	hb_json_put_u64(out, "buffers", o->buffers);
	hb_json_put_number(out, "turn_us", o->turn_ns / 1e3);
	hb_json_put_number(out, "try_again_us", o->try_again_ns / 1e3);
	hb_json_put_number(out, "kill_us", o->kill_ns / 1e3);
	hb_json_put_number(out, "interval_us", o->interval_ns / 1e3);
	hb_json_put_bool(out, "idle_spinner", o->idle_spinner);
	hb_json_put_text(out, "fault", w->fault ? w->fault : "none");
	hb_json_close(out, '}');
}

static void json_counts(struct hb_json_out *out, const struct nic_live_result *r)
{
	hb_json_put_u64(out, "in", r->in);
	hb_json_put_u64(out, "done", r->done);
	hb_json_put_u64(out, "queued", r->queued);
	hb_json_put_u64(out, "dropped", r->dropped);
	hb_json_put_u64(out, "measured", r->measured);
	hb_json_open(out, "client", '{');
	hb_json_put_u64(out, "sent", r->sent);
	hb_json_put_u64(out, "hostile", r->hostile);
	hb_json_put_u64(out, "answered", r->answered);
	hb_json_put_u64(out, "lost", r->lost);
	hb_json_put_u64(out, "wrong", r->wrong);
	hb_json_put_u64(out, "duplicates", r->duplicates);
	hb_json_put_number(out, "late", r->late);
	hb_json_close(out, '}');
	hb_json_open(out, "card", '{');
	hb_json_put_u64(out, "no_buffer", r->no_buffer);
	hb_json_put_u64(out, "replayed", r->replayed);
	for (int f = 1; f < NIC_FRAME_FAULT_COUNT; f++)
		hb_json_put_u64(out, nic_frame_fault_name((enum nic_frame_fault)f), r->refused[f]);
	hb_json_put_u64(out, "try_again", r->try_again);
	hb_json_put_u64(out, "retired", r->retired);
	hb_json_put_u64(out, "nacked", r->nacked);
	hb_json_put_u64(out, "killed", r->killed);
	hb_json_put_u64(out, "exited", r->exited);
	hb_json_put_u64(out, "memory_bytes", r->memory_bytes);
	hb_json_close(out, '}');
}

static void print_json(
	const struct words *w, const struct nic_live_options *o, const struct nic_live_result *r)
{
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "nicos.live/1");
	hb_json_put_text(&out, "basis", "wall");
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
	json_counts(&out, r);
	hb_json_put_number(&out, "switches_per_request", r->switches);
	hb_json_put_number(&out, "step_ns", r->step_ns);
	hb_json_put_number(&out, "elapsed_us", r->elapsed_s * 1e6);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void print_text(
	const struct words *w, const struct nic_live_options *o, const struct nic_live_result *r)
{
	(void)printf("%s: %u services (%s), %s at %.6g requests/s\n", w->system, o->services,
		nic_live_mode_name(o->mode), w->service, o->rate_per_s);
	(void)printf("latency    mean %.4g us, p50 %.4g us, p99 %.4g us, p99.9 %.4g us\n",
		r->mean_us, r->p50_us, r->p99_us, r->p999_us);
	(void)printf("goodput    %.6g requests/s\n", r->goodput_per_s);
	(void)printf("core      ");
	for (int k = 0; k < NIC_CPU_COUNT; k++)
		(void)printf(" %s %.1f%%%s", nic_cpu_name((enum nic_cpu)k), 100 * r->cpu[k],
			k + 1 < NIC_CPU_COUNT ? "," : "\n");
	(void)printf("per request %.3g process switches\n", r->switches);
	(void)printf("requests   %llu in = %llu done + %llu queued + %llu dropped\n",
		(unsigned long long)r->in, (unsigned long long)r->done,
		(unsigned long long)r->queued, (unsigned long long)r->dropped);
	(void)printf("client     %llu sent, %llu answered, %llu wrong, %llu twice; %.2g%% late\n",
		(unsigned long long)r->sent, (unsigned long long)r->answered,
		(unsigned long long)r->wrong, (unsigned long long)r->duplicates, 100 * r->late);
	(void)printf("card       %llu RETIRE, %llu NACK, %llu TRYAGAIN, %llu killed, %llu exited\n",
		(unsigned long long)r->retired, (unsigned long long)r->nacked,
		(unsigned long long)r->try_again, (unsigned long long)r->killed,
		(unsigned long long)r->exited);
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct nic_live_options options;
	struct words w = {.system = "nicos",
		.wire = "memory",
		.mode = "process",
		.arrival = "poisson",
		.service = "exp:10us",
		.popularity = "uniform",
		.services = 16,
		.seed = 1,
		.requests = 20000,
		.warm_up = UNSET,
		.bytes = UNSET,
		.window = UNSET,
		.depth = UNSET,
		.queue = UNSET,
		.buffers = UNSET,
		.hostile = UNSET};
	const struct hb_option_target targets[] = {{.name = "system", .text = &w.system},
		{.name = "mode", .text = &w.mode}, {.name = "services", .u64 = &w.services},
		{.name = "arrival", .text = &w.arrival}, {.name = "service", .text = &w.service},
		{.name = "load", .real = &w.load}, {.name = "rate", .real = &w.rate},
		{.name = "popularity", .text = &w.popularity}, {.name = "seed", .u64 = &w.seed},
		{.name = "requests", .u64 = &w.requests}, {.name = "warm-up", .u64 = &w.warm_up},
		{.name = "bytes", .u64 = &w.bytes}, {.name = "window", .u64 = &w.window},
		{.name = "depth", .u64 = &w.depth}, {.name = "queue", .u64 = &w.queue},
		{.name = "buffers", .u64 = &w.buffers}, {.name = "turn", .text = &w.turn},
		{.name = "try-again", .text = &w.try_again}, {.name = "kill", .text = &w.kill},
		{.name = "fault", .text = &w.fault}, {.name = "hostile", .u64 = &w.hostile},
		{.name = "interval", .text = &w.interval}, {.name = "wire", .text = &w.wire},
		{.name = "idle-spinner", .flag = &w.idle_spinner},
		{.name = "json", .flag = &w.json}, {.name = NULL}};
	struct nic_live_result result;
	int err;

	nic_live_defaults(&options);
	err = hb_options_read(argc, argv, targets, reterr);
	if (!err)
		err = read_words(&w, &options, reterr);
	if (!err)
		err = nic_live_run(&options, &result, reterr);
	if (!err && w.json)
		print_json(&w, &options, &result);
	else if (!err)
		print_text(&w, &options, &result);
	if (!err)
		nic_live_finish(&result);
	nic_distribution_finish(&options.service);
	return err;
}

const struct command command_live = {
	.name = "live",
	.summary = "run the card in software on one CPU, services on another, and measure",
	.help = "Needs two CPUs; exit code 77 where there is one only.\n"
		"\n"
		"  --system S         who serves: nicos (default), dispatcher, stealing, by the "
		"card; "
		"or\n"
		"                     udp, udp-epoll, udp-poll, by sockets; bypass, poll-yield, by "
		"polling rings\n"
		"  --wire W           memory (default), or net-ring: that device of DPDK\n"
		"  --mode M           what a service is: process (default), thread, fiber\n"
		"  --services N       1 to 8192 (16)\n"
		"  --arrival A        poisson (default), const, burst:F,ON,OFF\n"
		"  --service D        work of a request, as for nicos sim (exp:10us); const:0 is "
		"an "
		"echo\n"
		"  --load X           arrival rate x mean work on the services' one CPU (0.3), or\n"
		"  --rate R           requests per second\n"
		"  --popularity P     uniform (default), zipf:S\n"
		"  --seed N           (1)\n"
		"  --requests N       (20000); --warm-up N of them are not measured (a tenth)\n"
		"  --bytes N          arguments of a call, 16 to 1432 (48)\n"
		"  --window N         hold requests back while N are under way; for throughput "
		"only\n"
		"  --depth N          requests that a core holds at once, 1 to 8 (1)\n"
		"  --queue N          requests that wait per service before more are dropped\n"
		"  --buffers N        requests in the card at once (16384)\n"
		"  --turn T           time that a service keeps the core when others wait (50us)\n"
		"  --try-again T      a process that waits longer is told to try again (15ms)\n"
		"  --kill T           end a process whose handler takes longer (never)\n"
		"  --fault F@N        request N makes its service exit, hang, crash or write to "
		"another\n"
		"                     service's lines (wrong-line)\n"
		"  --interval T       stealing: between two looks at the queues (5us)\n"
		"  --idle-spinner     sockets and rings: keep the services' CPU from halting\n"
		"  --hostile N        send a frame that must be refused before every N requests\n"
		"  --json             one object, schema nicos.live/1\n"
		"\n"
		"examples:\n"
		"  nicos live --services 4 --load 0.3\n"
		"  nicos live --system udp --idle-spinner --services 4 --load 0.3\n"
		"  nicos live --mode fiber --services 64 --service const:1us --rate 50000\n"
		"  nicos live --services 3 --fault hang@100 --kill 20ms --json\n",
	.run = run,
};
