/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The judge of histories against brute force: all orders of all operations, each of those without answer in or out, on
 * a store written for this test.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <probcons/history.h>

#define OPERATIONS_MAX 7
#define TEXT_BYTES 16384
#define VALUE_BYTES 32

static const char *const kinds[] = {"get", "put", "append", "cas", "del"};

struct operation {
	int kind, call, answer; /* answer -1: none */
	char key;
	char value[VALUE_BYTES], expected[VALUE_BYTES]; /* "" = absent */
};

static bool store_does(char *state, const struct operation *o)
{
	switch (o->kind) {
	case PC_GET:
		return strcmp(state, o->value) == 0;
	case PC_PUT:
		(void)snprintf(state, VALUE_BYTES, "%s", o->value);
		return true;
	case PC_APPEND:
		strncat(state, o->value, VALUE_BYTES - strlen(state) - 1);
		return true;
	case PC_CAS:
		if (strcmp(state, o->expected) != 0)
			return false;
		(void)snprintf(state, VALUE_BYTES, "%s", o->value);
		return true;
	default:
		state[0] = '\0';
		return true;
	}
}

static bool brute_force(
	const struct operation *all, int count, unsigned int done, char states[2][VALUE_BYTES])
{
	bool complete = true;

	for (int i = 0; i < count; i++)
		complete &= (done >> i & 1) || all[i].answer < 0;
	if (complete)
		return true;
	for (int i = 0; i < count; i++) {
		char after[2][VALUE_BYTES];
		bool may = !(done >> i & 1);

		/* Whatever was answered before this was called comes before it. */
		for (int k = 0; k < count && may; k++)
			may = (done >> k & 1) || all[k].answer < 0 || all[k].answer > all[i].call;
		if (!may)
			continue;
		memcpy(after, states, sizeof(after));
		if (store_does(after[all[i].key - 'x'], &all[i]) &&
			brute_force(all, count, done | 1u << i, after))
			return true;
	}
	return false;
}

static void print_value(char *text, size_t size, const struct operation *o, bool answered)
{
	if (o->kind == PC_CAS && !o->expected[0])
		(void)snprintf(text, size, "[null,\"%s\"]", o->value);
	else if (o->kind == PC_CAS)
		(void)snprintf(text, size, "[\"%s\",\"%s\"]", o->expected, o->value);
	else if (o->kind == PC_DEL || !o->value[0] || (o->kind == PC_GET && !answered))
		(void)snprintf(text, size, "null");
	else
		(void)snprintf(text, size, "\"%s\"", o->value);
}

/*
 * A random history, as operations and as text. Answers come from a store most of the time, else they are made up. A
 * process that got no answer is never heard of again.
 */
static int make(struct hb_rng *rng, struct operation *all, char *text)
{
	int count = 0, open[3] = {-1, -1, -1}, process[3] = {0, 1, 2}, next = 3;
	char states[2][VALUE_BYTES] = {"", ""};
	size_t used = 0;

	for (int time = 0; time < 40; time++) {
		int p = (int)hb_rng_below(rng, 3);
		char value[96];
		struct operation *o;

		if (open[p] < 0) {
			if (count == OPERATIONS_MAX)
				continue;
			o = &all[open[p] = count++];
			*o = (struct operation){
				.kind = (int)hb_rng_below(rng, 5), .call = time, .answer = -1};
			o->key = (char)('x' + (hb_rng_below(rng, 4) == 0));
			o->value[0] = (char)('a' + hb_rng_below(rng, 2));
			if (hb_rng_below(rng, 4))
				o->expected[0] = (char)('a' + hb_rng_below(rng, 2));
			print_value(value, sizeof(value), o, false);
			used += (size_t)snprintf(text + used, TEXT_BYTES - used,
				"{\"process\":%d,\"type\":\"invoke\",\"f\":\"%s\",\"key\":\"%c\","
				"\"value\":%s,"
				"\"time\":%d}\n",
				process[p], kinds[o->kind], o->key, value, time);
			continue;
		}
		o = &all[open[p]];
		open[p] = -1;
		if (o->kind == PC_GET)
			o->value[0] = '\0';
		if (o->kind == PC_GET && hb_rng_below(rng, 3))
			(void)snprintf(o->value, VALUE_BYTES, "%s", states[o->key - 'x']);
		if (hb_rng_below(rng, 6) &&
			(store_does(states[o->key - 'x'], o) || !hb_rng_below(rng, 4)))
			o->answer = time;
		print_value(value, sizeof(value), o, true);
		used += (size_t)snprintf(text + used, TEXT_BYTES - used,
			"{\"process\":%d,\"type\":\"%s\",\"f\":\"%s\",\"key\":\"%c\",\"value\":%s,"
			"\"time\":%d}\n",
			process[p], o->answer < 0 ? "info" : "ok", kinds[o->kind], o->key, value,
			time);
		if (o->answer < 0)
			process[p] = next++;
	}
	return count;
}

static enum pc_judgement judge(const char *text, struct pc_judgement_reason *reason)
{
	enum pc_judgement judgement = PC_UNDECIDED;
	struct pc_history history = {0};
	struct hb_error error = {0};

	cr_assert_eq(pc_history_parse(text, strlen(text), "history", &history, &error), 0,
		"%d: %s\n%s", error.line, error.text, text);
	cr_assert_eq(pc_history_judge(&history, PC_JUDGE_MEMORY_BYTES, &judgement, reason), 0);
	pc_history_finish(&history);
	return judgement;
}

static uint64_t seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t value = text ? strtoull(text, NULL, 10) : 1;

	(void)printf("HB_SEED=%" PRIu64 "\n", value);
	return value;
}

Test(history, verdicts_equal_brute_force)
{
	static char text[TEXT_BYTES];
	struct hb_rng rng;
	int yes = 0, no = 0;

	hb_rng_init(&rng, seed(), 1);
	for (int round = 0; round < 4000; round++) {
		struct operation all[OPERATIONS_MAX];
		char states[2][VALUE_BYTES] = {"", ""};
		int count = make(&rng, all, text);
		bool expected = brute_force(all, count, 0, states);

		cr_assert_eq(judge(text, NULL), expected ? PC_LINEARIZABLE : PC_NOT_LINEARIZABLE,
			"round %d: brute force says %d:\n%s", round, expected, text);
		yes += expected;
		no += !expected;
	}
	cr_assert(yes > 400 && no > 400, "%d linearizable, %d not", yes, no);
}

#define EVENT(process, type, f, value, time)                         \
	"{\"process\":" #process ",\"type\":\"" type "\",\"f\":\"" f \
	"\",\"key\":\"k\",\"value\":" value ",\"time\":" #time "}\n"

Test(history, a_stale_read_is_found_and_named)
{
	struct pc_judgement_reason reason;

	cr_assert_eq(judge(EVENT(1, "invoke", "put", "1", 1) EVENT(1, "ok", "put", "1", 2)
				     EVENT(1, "invoke", "put", "2", 3) EVENT(1, "ok", "put", "2", 4)
					     EVENT(2, "invoke", "get", "null", 5)
						     EVENT(2, "ok", "get", "1", 6),
			     &reason),
		PC_NOT_LINEARIZABLE);
	cr_assert_eq(reason.line, 5);
}

Test(history, lines_count_in_the_order_of_their_times)
{
	cr_assert_eq(judge(EVENT(2, "ok", "get", "1", 6) EVENT(1, "invoke", "put", "1", 1) EVENT(
				   2, "invoke", "get", "null", 5) EVENT(1, "ok", "put", "1", 2),
			     NULL),
		PC_LINEARIZABLE);
}

Test(history, what_failed_had_no_effect_and_what_is_unknown_may_have)
{
	cr_assert_eq(judge(EVENT(1, "invoke", "put", "1", 1) EVENT(1, "fail", "put", "1", 2) EVENT(
				   2, "invoke", "get", "null", 5) EVENT(2, "ok", "get", "1", 6),
			     NULL),
		PC_NOT_LINEARIZABLE);
	cr_assert_eq(
		judge(EVENT(1, "invoke", "put", "1", 1) EVENT(1, "info", "put", "1", 2) EVENT(
			      2, "invoke", "get", "null", 5) EVENT(2, "ok", "get", "null", 6)
				EVENT(2, "invoke", "get", "null", 7) EVENT(2, "ok", "get", "1", 8),
			NULL),
		PC_LINEARIZABLE);
	/* Once seen, it stays. */
	cr_assert_eq(judge(EVENT(1, "invoke", "put", "1", 1) EVENT(1, "info", "put", "1", 2) EVENT(
				   2, "invoke", "get", "null", 5) EVENT(2, "ok", "get", "1", 6)
				     EVENT(2, "invoke", "get", "null", 7)
					     EVENT(2, "ok", "get", "null", 8),
			     NULL),
		PC_NOT_LINEARIZABLE);
}

/* Writes at the same time whose order a reader sees backwards at the end: every order of the writes must be refuted. */
static void add_hard(struct pc_history *history, uint32_t writers)
{
	for (uint32_t i = 0; i < writers; i++) {
		struct pc_operation write = {.call = i,
			.answer = 1000,
			.kind = PC_PUT,
			.value = i + 1,
			.line = i + 1,
			.answered = true};

		cr_assert_eq(pc_history_add(history, &write), 0);
	}
	for (uint32_t i = 0; i < 2; i++) {
		struct pc_operation read = {.call = 2000 + 2 * i,
			.answer = 2001 + 2 * i,
			.kind = PC_GET,
			.value = i + 1,
			.line = 100 + i,
			.answered = true};

		cr_assert_eq(pc_history_add(history, &read), 0);
	}
	history->key_count = 1;
}

Test(history, a_search_beyond_its_memory_is_undecided)
{
	enum pc_judgement judgement;
	struct pc_history history = {0};

	add_hard(&history, 12);
	cr_assert_eq(pc_history_judge(&history, PC_JUDGE_MEMORY_BYTES, &judgement, NULL), 0);
	cr_assert_eq(judgement, PC_NOT_LINEARIZABLE);
	cr_assert_eq(pc_history_judge(&history, 65536, &judgement, NULL), 0);
	cr_assert_eq(judgement, PC_UNDECIDED);
	pc_history_finish(&history);
}

Test(history, bad_lines_are_named)
{
	static const char *const bad[] = {
		"{",
		"[]",
		"1",
		"{} {}",
		EVENT(1, "started", "get", "null", 1),
		EVENT(1, "invoke", "inc", "null", 1),
		EVENT(1, "invoke", "get", "null", "x"),
		EVENT(null, "invoke", "get", "null", 1),
		EVENT(1, "invoke", "put", "[1]", 1),
		EVENT(1, "invoke", "cas", "null", 1),
		EVENT(1, "invoke", "cas", "[1]", 1),
		EVENT(1, "invoke", "cas", "[1,null]", 1),
		EVENT(1, "invoke", "append", "null", 1),
		EVENT(1, "ok", "get", "null", 1),
		EVENT(0, "invoke", "get", "null", 1),
		EVENT(0, "ok", "put", "1", 1),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pc_history history = {0};
		struct hb_error error = {0};
		char text[1024];

		(void)snprintf(
			text, sizeof(text), EVENT(0, "invoke", "get", "null", 0) "%s", bad[i]);
		cr_assert_eq(pc_history_parse(text, strlen(text), "history", &history, &error),
			-EBADMSG, "accepted: %s", bad[i]);
		cr_assert_eq(error.line, 2, "%s: line %d", bad[i], error.line);
		cr_assert_str_eq(error.path, "history");
		cr_assert_eq(history.count, 0);
	}
}
