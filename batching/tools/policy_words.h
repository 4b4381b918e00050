/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options by which commands choose a policy. */
#ifndef BATCHING_POLICY_WORDS_H
#define BATCHING_POLICY_WORDS_H

#include <stdint.h>

#include <batching/bnet.h>
#include <batching/policy.h>

struct hb_json_out;

#define POLICY_PHASES_MAX 64

/* What was given; zeros and NULL leave the default. */
struct policy_words {
	const char *name, *phases;
	uint64_t limit, seed;
	int64_t timer_ns, hold_ns, slo_ns;
	double epsilon, confidence;
	_Bool nagle_arm;
	struct bat_oracle_phase read[POLICY_PHASES_MAX];
};

/* Entries of an option table. */
#define POLICY_WORDS(words_)                                                                      \
	{.name = "policy", .text = &(words_).name}, {.name = "phases", .text = &(words_).phases}, \
		{.name = "limit", .u64 = &(words_).limit},                                        \
		{.name = "seed", .u64 = &(words_).seed},                                          \
		{.name = "timer-ns", .i64 = &(words_).timer_ns},                                  \
		{.name = "hold-ns", .i64 = &(words_).hold_ns},                                    \
		{.name = "slo-ns", .i64 = &(words_).slo_ns},                                      \
		{.name = "epsilon", .real = &(words_).epsilon},                                   \
		{.name = "confidence", .real = &(words_).confidence},                             \
	{                                                                                         \
		.name = "nagle-arm", .flag = &(words_).nagle_arm                                  \
	}

#define POLICY_WORDS_HELP                                                                          \
	"  --policy P      nodelay, nagle, cork, fixed, timer, either, drain, dim, aimd, greedy, " \
	"ucb, toggle or oracle (nodelay)\n"                                                        \
	"  --limit N       messages that go together (16; drain 64)\n"                             \
	"  --timer-ns T    how long the first of them waits (200000)\n"                            \
	"  --hold-ns T     bound of every policy on what it holds (5000000)\n"                     \
	"  --slo-ns T      mean latency to hold, for aimd, greedy, ucb and toggle (500000)\n"      \
	"  --nagle-arm     greedy, ucb, toggle and oracle choose Nagle's algorithm, not N or T\n"  \
	"  --epsilon X     share of windows in which greedy explores (0.05)\n"                     \
	"  --confidence X  of toggle (0.95)\n"                                                     \
	"  --phases LIST   of the oracle: FROM_NS:ARM,..., arm 1 batches\n"                        \
	"  --seed N        of what is drawn (0)\n"

/*
 * policy_words_read - @ret points into @words. Phases count from @start_ns of hb_clock_now_ns().
 * Returns 0 or -EINVAL.
 */
int policy_words_read(struct policy_words *words, int64_t start_ns, struct bat_policy_options *ret,
	struct hb_error *reterr);

/* policy_words_put - the member "policy": its name and what it did. */
void policy_words_put(
	struct hb_json_out *out, enum bat_policy_kind kind, const struct bat_policy_record *record);

/* exchange_put - the member "exchange", if anything was followed. */
void exchange_put(struct hb_json_out *out, const struct bat_exchange_result *result);

#endif
