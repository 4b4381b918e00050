/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>

#include <probcons/node_list.h>

#include "options.h"

const struct option_row option_rows[OPT_COUNT] = {
	[OPT_NODES] = {"nodes", "LIST", "the fleet: 3@1%,4@8%  4@4%+0.01%  2@drive~3y  5@1%*2"},
	[OPT_CURVES] = {"curves", "FILE", "fault curves that node lists name (CSV)"},
	[OPT_MISSION] = {"mission", "TIME", "window of the fault probabilities: 36h, 7d, 1y"},
	[OPT_CRASH] = {"crash", "P", "crash probability of nodes listed without one"},
	[OPT_BYZ] = {"byz", "P", "Byzantine probability of nodes listed without one"},
	[OPT_FAULTS] = {"faults", "KIND", "crash or byz: what 3@1% means (raft: crash, pbft: byz)"},
	[OPT_WEIGHTS] = {"weights", "LIST", "votes of each node: 2,2,3"},
	[OPT_Q_PER] = {"q-per", "N", "votes that commit"},
	[OPT_Q_VC] = {"q-vc", "N", "votes that elect"},
	[OPT_Q_EQ] = {"q-eq", "N", "pbft: votes of non-equivocation"},
	[OPT_Q_VC_T] = {"q-vc-t", "N", "pbft: votes that trigger a view change"},
	[OPT_PRINTED_SIGN] = {"printed-sign", NULL, "pbft: liveness with the paper's misprint"},
	[OPT_BETA] = {"beta", "B", "share of each crash probability with one common cause"},
	[OPT_COPULA] = {"copula", "SPEC", "gaussian:RHO or t:RHO,DOF"},
	[OPT_GROUPS] = {"groups", "LIST",
		"common causes: rack1=0.1%:1-3;zone=0.01%:1-6 (!: Byzantine)"},
	[OPT_BAND] = {"band", "F", "also with all probabilities divided and multiplied by F >= 1"},
	[OPT_REPAIR] = {"repair", "TIME", "mean time until a crashed node is back: 20m"},
	[OPT_REPLACE] = {"replace", "TIME", "mean time until a lost disk is copied anew: 8h"},
	[OPT_WIPE] = {"wipe", "SHARE", "share of crashes that lose the disk"},
	[OPT_ELECTION] = {"election", "TIME", "time to detect and elect: 5s"},
	[OPT_CREWS] = {"crews", "N", "repairs at a time; 0 = any number"},
	[OPT_EVENT] = {"event", "E", "unlive, unsafe or either (default)"},
	[OPT_TOP] = {"top", "N", "how many failure sets (10)"},
	[OPT_METHOD] = {"method", "M", "tilt (default), splitting or naive"},
	[OPT_SAMPLES] = {"samples", "N", "at most so many samples; splitting: particles"},
	[OPT_RELATIVE_ERROR] = {"relative-error", "E", "stop at this standard error (0.01)"},
	[OPT_LEVEL] = {"level", "L", "confidence of the interval (0.95)"},
	[OPT_SEED] = {"seed", "N", "of the random numbers (1)"},
	[OPT_TYPES] = {"types", "LIST",
		"nodes to choose from: NAME=FAULT:COST[:MAX], comma-separated"},
	[OPT_TYPES_FILE] = {"types-file", "FILE", "the same as CSV: type,fault,cost[,min,max]"},
	[OPT_MIN_NODES] = {"min-nodes", "N", "smallest fleet (1)"},
	[OPT_MAX_NODES] = {"max-nodes", "N", "largest fleet (25)"},
	[OPT_TARGET] = {"target", "Q", "unsafe or unlive with at most this probability"},
	[OPT_TARGET_UNSAFE] = {"target-unsafe", "Q", "unsafe with at most this probability"},
	[OPT_TARGET_UNLIVE] = {"target-unlive", "Q", "not live with at most this probability"},
	[OPT_TARGET_LOSS] = {"target-loss", "Q",
		"the worst quorum is lost with at most this probability"},
	[OPT_MIN_COPIES] = {"min-copies", "N", "nodes that hold every commit (2)"},
	[OPT_ALLOW_DICTATOR] = {"allow-dictator", NULL, "one node may be a quorum"},
	[OPT_WEIGHTED] = {"weighted", NULL, "raft: choose votes too"},
	[OPT_STEPS] = {"steps", "N", "steps of the search before it settles for a bound"},
	[OPT_CHAIN] = {"chain", "FILE", "Markov chain: CSV from,to,rate_per_hour"},
	[OPT_START] = {"start", "STATE", "state at time 0"},
	[OPT_ABSORBING] = {"absorbing", "STATES", "states that end the wait, comma-separated"},
	[OPT_CURVE] = {"curve", "NAME", "one curve of the file (all)"},
	[OPT_AGE] = {"age", "TIME", "age at the start of the window (0)"},
	[OPT_VARIANT] = {"variant", "V",
		"V0 majority (default), V1 flexible, V2 weighted, V3 dynamic, "
		"V4 by rank, V5 committees"},
	[OPT_SCHEDULES] = {"schedules", "N", "how many (1000)"},
	[OPT_FIRST] = {"first", "N", "number of the first schedule (0)"},
	[OPT_UNJUDGED] = {"unjudged", NULL, "leave out the judgement of linearizability"},
	[OPT_TRACE] = {"trace", NULL, "print every step"},
	[OPT_SHRINK] = {"shrink", NULL,
		"print the steps of the first broken schedule, with as few faults as break it"},
	[OPT_ID] = {"id", "N", "number of this node, 1 to 63"},
	[OPT_PEERS] = {"peers", "LIST",
		"where all nodes listen for each other: 1=127.0.0.1:7001,2=127.0.0.1:7002"},
	[OPT_CLIENT] = {"client", "ADDRESS", "where this node listens for clients: 127.0.0.1:7101"},
	[OPT_DATA] = {"data", "DIR", "folder of log and snapshot"},
	[OPT_JOIN] = {"join", NULL,
		"empty folder: a new node, or one that lost its disk; it has no vote until it is "
		"added"},
	[OPT_TICK] = {"tick", "MS", "milliseconds of a tick; 15 without a leader: election (20)"},
	[OPT_SERVERS] = {"servers", "LIST", "client addresses of the servers"},
	[OPT_TIMEOUT] = {"timeout", "MS", "give up, the outcome unknown, after so long (5000)"},
	[OPT_JSON] = {"json", NULL, "JSON instead of text"},
	[OPT_HELP] = {"help", NULL, "print this and exit"},
	[OPT_VERSION] = {"version", NULL, "print the version and exit"},
};

const char *option_text(enum option_name name)
{
	return option_rows[name].name;
}

int option_required(
	const struct arguments *arguments, enum option_name name, struct hb_error *reterr)
{
	if (arguments->values[name])
		return 0;
	return hb_error_set(reterr, -EINVAL, "--%s %s is needed: %s", option_rows[name].name,
		option_rows[name].argument, option_rows[name].help);
}

int option_u64(const struct arguments *arguments, enum option_name name, uint64_t min, uint64_t max,
	uint64_t *ret, struct hb_error *reterr)
{
	const char *text = arguments->values[name];
	uint64_t value;

	if (!text)
		return 0;
	if (hb_csv_parse_u64(text, &value) || value < min || value > max)
		return hb_error_set(reterr, -EINVAL,
			"--%s: '%.64s' is no whole number from %" PRIu64 " to %" PRIu64,
			option_text(name), text, min, max);
	*ret = value;
	return 0;
}

int option_real(const struct arguments *arguments, enum option_name name, double min, double max,
	double *ret, struct hb_error *reterr)
{
	const char *text = arguments->values[name];
	double value;

	if (!text)
		return 0;
	if (hb_csv_parse_double(text, &value) || !(value >= min && value <= max))
		return hb_error_set(reterr, -EINVAL, "--%s: '%.64s' is no number from %g to %g",
			option_text(name), text, min, max);
	*ret = value;
	return 0;
}

int option_probability(const struct arguments *arguments, enum option_name name, double *ret,
	struct hb_error *reterr)
{
	const char *text = arguments->values[name];
	int err;

	if (!text)
		return 0;
	err = pc_probability_parse(text, strlen(text), ret, reterr);
	if (err)
		(void)hb_error_wrap(reterr, "--%s", option_text(name));
	return err;
}

int option_duration(const struct arguments *arguments, enum option_name name, double *ret,
	struct hb_error *reterr)
{
	const char *text = arguments->values[name];
	int err;

	if (!text)
		return 0;
	err = pc_duration_parse(text, strlen(text), ret, reterr);
	if (err)
		(void)hb_error_wrap(reterr, "--%s", option_text(name));
	return err;
}
