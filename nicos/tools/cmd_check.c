/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos check: all states of the protocol between card and cores. */
#include "command.h"

#include <errno.h>
#include <stdio.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>
#include <hotbed/suggest.h>

#include <nicos/check.h>

static int read_mutant(const char *word, enum nic_mutant *ret, struct hb_error *reterr)
{
	const char *names[NIC_MUTANT_COUNT + 1] = {NULL};
	const char *near;

	*ret = nic_mutant_find(word);
	if (*ret != NIC_MUTANT_COUNT)
		return 0;
	for (int m = 0; m < NIC_MUTANT_COUNT; m++)
		names[m] = nic_mutant_name((enum nic_mutant)m);
	near = hb_suggest(word, names);
	return hb_error_set(reterr, -EINVAL,
		"unknown mutant '%.40s'%s%s%s; 'nicos check --help' lists them", word,
		near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

static void print_json(const struct nic_check_options *o, const struct nic_check_result *r)
{
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "nicos.check/1");
	hb_json_put_text(&out, "mutant", nic_mutant_name(o->mutant));
	hb_json_put_u64(&out, "requests", o->requests);
	hb_json_put_u64(&out, "states", r->states);
	hb_json_put_u64(&out, "transitions", r->transitions);
	hb_json_put_u64(&out, "depth", r->depth);
	if (r->violation)
		hb_json_put_text(&out, "violation", r->violation);
	else
		hb_json_put_null(&out, "violation");
	hb_json_put_u64(&out, "trace_length", r->trace_length);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct nic_check_options options = {.threads = {2, 1}};
	struct nic_check_result result;
	const char *mutant = "none";
	uint64_t requests = 3, states = 20000000;
	bool json = false;
	const struct hb_option_target targets[] = {{.name = "mutant", .text = &mutant},
		{.name = "requests", .u64 = &requests}, {.name = "states", .u64 = &states},
		{.name = "json", .flag = &json}, {.name = NULL}};
	int err = hb_options_read(argc, argv, targets, reterr);

	if (!err)
		err = read_mutant(mutant, &options.mutant, reterr);
	if (!err && (requests > UINT32_MAX || states > UINT32_MAX - 1))
		err = hb_error_set(reterr, -EINVAL, "--requests or --states is too large");
	if (err)
		return err;
	options.requests = (uint32_t)requests;
	options.states_max = (uint32_t)states;
	err = nic_check_run(&options, json ? NULL : stdout, &result, reterr);
	if (err)
		return err;
	if (json)
		print_json(&options, &result);
	else
		(void)printf("%s%s%llu states, %llu transitions, %u steps deep: %s\n",
			result.violation ? result.violation : "", result.violation ? "\n" : "",
			(unsigned long long)result.states, (unsigned long long)result.transitions,
			result.depth,
			result.violation ? "the search ended there"
					 : "all invariants hold, every request can be done");
	return result.violation ? 1 : 0;
}

const struct command command_check = {
	.name = "check",
	.summary = "search all states of the protocol between card and cores",
	.help = "Two cores, two services of which one may have two cores and the other one.\n"
		"Exit code 1 if an invariant breaks; the shortest way there is printed.\n"
		"\n"
		"  --mutant M         plant an error: lost-in-preemption, pop-underflow, "
		"starved-queue,\n"
		"                     counted-at-ack, switch-in-switch, bootstrap-parity, "
		"stale-line,\n"
		"                     interrupt-while-busy\n"
		"  --requests N       in all, alternating between the services, 1 to 4 (3)\n"
		"  --states N         give up beyond (20000000)\n"
		"  --json             one object, schema nicos.check/1, without the way\n"
		"\n"
		"examples:\n"
		"  nicos check\n"
		"  nicos check --mutant stale-line     # exits with 1\n",
	.run = run,
};
