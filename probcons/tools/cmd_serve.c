/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probcons serve: one server of the replicated log. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>

#include <probcons/server.h>

#include "command.h"

#define TICK_MS 20
#define TICK_MAX_MS 10000

static int read_peers(const char *text, struct pc_server_options *options, uint64_t *ret_voters,
	struct hb_error *reterr)
{
	*ret_voters = 0;
	while (text) {
		size_t length = strcspn(text, ","), digits = strcspn(text, "=");
		char number[8];
		uint64_t id;

		(void)snprintf(number, sizeof(number), "%.*s", (int)digits, text);
		if (digits >= length || digits >= sizeof(number) || hb_csv_parse_u64(number, &id) ||
			id == 0 || id >= PC_REPLICAS_MAX || length - digits > PC_ADDRESS_BYTES)
			return hb_error_set(reterr, -EINVAL,
				"--peers: '%.64s' is no node such as 1=127.0.0.1:7001", text);
		if (*ret_voters >> id & 1)
			return hb_error_set(
				reterr, -EINVAL, "--peers: node %" PRIu64 " is there twice", id);
		*ret_voters |= (uint64_t)1 << id;
		(void)snprintf(options->peers[id], PC_ADDRESS_BYTES, "%.*s",
			(int)(length - digits - 1), text + digits + 1);
		text = text[length] ? text + length + 1 : NULL;
	}
	return 0;
}

/* Votes, one for each node of --peers in the order of their numbers. */
static int read_votes(const char *text, struct pc_rule *rule, struct hb_error *reterr)
{
	for (uint64_t left = rule->voters; left; left &= left - 1) {
		size_t length = text ? strcspn(text, ",") : 0;
		char word[16];
		uint64_t votes;

		(void)snprintf(word, sizeof(word), "%.*s", (int)length, text ? text : "");
		if (length >= sizeof(word) || hb_csv_parse_u64(word, &votes) ||
			votes > PC_VOTES_MAX)
			return hb_error_set(reterr, -EINVAL,
				"--weights: not one number of votes up to %d for each of %d nodes",
				PC_VOTES_MAX, __builtin_popcountll(rule->voters));
		pc_rule_set_votes(rule, (uint32_t)__builtin_ctzll(left), (uint32_t)votes);
		text = text[length] ? text + length + 1 : NULL;
	}
	return text ? hb_error_set(reterr, -EINVAL, "--weights: more votes than nodes") : 0;
}

static void choose_variant(uint32_t variant, struct pc_server_options *options)
{
	struct pc_rule *rule = &options->rule;
	uint32_t count = (uint32_t)__builtin_popcountll(rule->voters), size = 1, rank = 0;

	if (variant == 1 && rule->total > 2) {
		rule->need_per = rule->total / 2;
		rule->need_vc = rule->total - rule->need_per + 1;
	} else if (variant == 2) {
		pc_rule_set_votes(rule, (uint32_t)__builtin_ctzll(rule->voters), 2);
	} else if (variant == 4) {
		options->by_rank = true;
		for (uint64_t left = rule->voters; left; left &= left - 1)
			options->ranks[__builtin_ctzll(left)] = (uint8_t)rank++;
	} else if (variant == 5) {
		while ((size + 1) * (size + 1) <= 4 * count && size < count)
			size++;
		options->committee_per = options->committee_vc = size;
	}
}

static int read_rule(const struct arguments *arguments, struct pc_server_options *options,
	struct hb_error *reterr)
{
	const char *variant = arguments->values[OPT_VARIANT];
	struct pc_rule *rule = &options->rule;
	uint64_t per, vc, max;
	bool committees;
	int err = 0;

	if (variant && (variant[0] != 'V' || variant[1] < '0' || variant[1] > '5' || variant[2]))
		return hb_error_set(
			reterr, -EINVAL, "--variant: '%.64s' is none of V0 to V5", variant);
	if (variant && variant[1] == '3')
		return hb_error_set(reterr, -EINVAL,
			"--variant: votes that change while it runs (V3) are in 'probcons sim' "
			"only");
	choose_variant(variant ? (uint32_t)(variant[1] - '0') : 0, options);
	if (arguments->values[OPT_WEIGHTS])
		err = read_votes(arguments->values[OPT_WEIGHTS], rule, reterr);
	committees = options->committee_per > 0;
	per = committees ? options->committee_per : rule->need_per;
	vc = committees ? options->committee_vc : rule->need_vc;
	max = committees ? (uint64_t)__builtin_popcountll(rule->voters) : rule->total;
	if (!err)
		err = option_u64(arguments, OPT_Q_PER, 1, max, &per, reterr);
	if (!err)
		err = option_u64(arguments, OPT_Q_VC, 1, max, &vc, reterr);
	if (err)
		return err;
	*(committees ? &options->committee_per : &rule->need_per) = (uint32_t)per;
	*(committees ? &options->committee_vc : &rule->need_vc) = (uint32_t)vc;
	return committees ? 0 : pc_rule_check(rule, reterr);
}

static int read_options(
	const struct arguments *arguments, struct pc_server_options *ret, struct hb_error *reterr)
{
	static const enum option_name needed[] = {OPT_ID, OPT_PEERS, OPT_CLIENT, OPT_DATA};
	uint64_t id = 0, tick = TICK_MS, voters = 0;
	int err = 0;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]) && !err; i++)
		err = option_required(arguments, needed[i], reterr);
	if (!err)
		err = option_u64(arguments, OPT_ID, 1, PC_REPLICAS_MAX - 1, &id, reterr);
	if (!err)
		err = option_u64(arguments, OPT_TICK, 1, TICK_MAX_MS, &tick, reterr);
	if (!err)
		err = read_peers(arguments->values[OPT_PEERS], ret, &voters, reterr);
	if (!err && !(voters >> id & 1))
		err = hb_error_set(
			reterr, -EINVAL, "--peers: node %" PRIu64 " itself is missing", id);
	if (err)
		return err;
	ret->id = (uint32_t)id;
	ret->tick_ms = (uint32_t)tick;
	ret->folder = arguments->values[OPT_DATA];
	ret->join = arguments->values[OPT_JOIN] != NULL;
	ret->messages = stderr;
	(void)snprintf(ret->client, sizeof(ret->client), "%s", arguments->values[OPT_CLIENT]);
	pc_rule_init(&ret->rule, voters);
	return read_rule(arguments, ret, reterr);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	static struct pc_server_options options;
	int err = read_options(arguments, &options, reterr);

	return err ? err : pc_server_run(&options, reterr);
}

const struct command command_serve = {
	.name = "serve",
	.help = "one server of the replicated log, until SIGTERM",
	.options = "id peers client data join tick variant q-per q-vc weights",
	.run = run,
};
