/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Languages that are written down: strings, sets of bytes, integers. */
#include "nfa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int strings(struct shc_dfa_pool *pool, const struct shc_byte_string *list, size_t count,
	const struct shc_dfa **ret)
{
	struct nfa nfa;
	uint32_t start;

	/* One string needs no subset construction, but that is linear here too: all strings part at the start. */
	nfa_init(&nfa, pool);
	start = nfa_state(&nfa, false);
	nfa_start(&nfa, start);
	for (size_t i = 0; i < count && !nfa.err; i++) {
		uint32_t end = nfa_text(&nfa, start, list[i].bytes, list[i].length);

		if (!nfa.err)
			nfa.accepting[end] = true;
	}
	return nfa_finish(&nfa, ret);
}

int shc_dfa_strings(struct shc_dfa_pool *pool, const struct shc_byte_string *list, size_t count,
	const struct shc_dfa **ret)
{
	struct scratch_mark mark = operation_begin(pool);
	int err = strings(pool, list, count, ret);

	operation_end(pool, mark);
	return err;
}

int shc_dfa_literal(
	struct shc_dfa_pool *pool, const char *bytes, size_t length, const struct shc_dfa **ret)
{
	const struct shc_byte_string string = {.bytes = bytes, .length = length};

	if (length >= pool->limits.states)
		return -E2BIG;
	return shc_dfa_strings(pool, &string, 1, ret);
}

static int byte_or_star(struct shc_dfa_pool *pool, const struct shc_byte_set *set, bool star,
	const struct shc_dfa **ret)
{
	struct scratch_mark mark = operation_begin(pool);
	struct nfa nfa;
	uint32_t start, end;
	int err;

	nfa_init(&nfa, pool);
	start = nfa_state(&nfa, star);
	end = star ? start : nfa_state(&nfa, true);
	nfa_start(&nfa, start);
	nfa_edge(&nfa, start, nfa_label(&nfa, set), end);
	err = nfa_finish(&nfa, ret);
	operation_end(pool, mark);
	return err;
}

int shc_dfa_byte(
	struct shc_dfa_pool *pool, const struct shc_byte_set *set, const struct shc_dfa **ret)
{
	return byte_or_star(pool, set, false, ret);
}

int shc_dfa_bytes_star(
	struct shc_dfa_pool *pool, const struct shc_byte_set *set, const struct shc_dfa **ret)
{
	return byte_or_star(pool, set, true, ret);
}

static void digit_edge(struct nfa *nfa, uint32_t from, char first, char last, uint32_t to)
{
	struct shc_byte_set set;

	if (first > last)
		return;
	set = shc_byte_set_range((unsigned char)first, (unsigned char)last);
	nfa_edge(nfa, from, nfa_label(nfa, &set), to);
}

/* tails[i]: a state from which exactly i more digits follow. Filled as far as needed. */
struct digits {
	struct nfa *nfa;
	uint32_t tails[20];
	int count;
};

static uint32_t tail_of(struct digits *digits, int length)
{
	for (; digits->count <= length; digits->count++) {
		uint32_t state = nfa_state(digits->nfa, digits->count == 0);

		if (digits->count)
			digit_edge(digits->nfa, state, '0', '9', digits->tails[digits->count - 1]);
		digits->tails[digits->count] = state;
	}
	return digits->tails[length];
}

/* From @from, numbers of exactly the length of @low that are at least @low and, if @high, at most @high. */
static void same_length(struct digits *digits, uint32_t from, const char *low, const char *high,
	bool open_low, bool open_high)
{
	int length = (int)strlen(low), i = 0;
	struct nfa *nfa = digits->nfa;
	uint32_t low_state, high_state;

	/* The digits that both bounds share. */
	while (!open_low && !open_high && i < length && low[i] == high[i]) {
		uint32_t to = i + 1 == length ? tail_of(digits, 0) : nfa_state(nfa, false);

		digit_edge(nfa, from, low[i], low[i], to);
		from = to;
		i++;
	}
	if (i == length)
		return;
	digit_edge(nfa, from, open_low ? (i || length == 1 ? '0' : '1') : (char)(low[i] + 1),
		open_high ? '9' : (char)(high[i] - 1), tail_of(digits, length - i - 1));
	low_state = high_state = from;
	for (int j = i; j < length; j++) {
		bool last = j + 1 == length;
		uint32_t to;

		if (!open_low) {
			to = last ? tail_of(digits, 0) : nfa_state(nfa, false);
			if (j > i)
				digit_edge(nfa, low_state, (char)(low[j] + 1), '9',
					tail_of(digits, length - j - 1));
			digit_edge(nfa, low_state, low[j], low[j], to);
			low_state = to;
		}
		if (!open_high) {
			to = last ? tail_of(digits, 0) : nfa_state(nfa, false);
			if (j > i)
				digit_edge(nfa, high_state, '0', (char)(high[j] - 1),
					tail_of(digits, length - j - 1));
			digit_edge(nfa, high_state, high[j], high[j], to);
			high_state = to;
		}
	}
}

/* Magnitudes @low ... @high; UINT64_MAX for @high means no bound. */
static void magnitudes(struct nfa *nfa, uint32_t from, uint64_t low, uint64_t high)
{
	struct digits digits = {.nfa = nfa};
	bool bounded = high != UINT64_MAX;
	char low_text[24], high_text[24];
	int low_length = snprintf(low_text, sizeof(low_text), "%llu", (unsigned long long)low);
	int high_length = snprintf(high_text, sizeof(high_text), "%llu", (unsigned long long)high);

	if (bounded && low_length == high_length) {
		same_length(&digits, from, low_text, high_text, false, false);
		return;
	}
	same_length(&digits, from, low_text, low_text, false, true);
	for (int length = low_length + 1; bounded && length < high_length; length++)
		digit_edge(nfa, from, '1', '9', tail_of(&digits, length - 1));
	if (bounded) {
		same_length(&digits, from, high_text, high_text, true, false);
	} else {
		uint32_t more = nfa_state(nfa, true), at = from;

		for (int i = 0; i < low_length; i++) {
			uint32_t to = nfa_state(nfa, false);

			digit_edge(nfa, at, i ? '0' : '1', '9', to);
			at = to;
		}
		digit_edge(nfa, at, '0', '9', more);
		digit_edge(nfa, more, '0', '9', more);
	}
}

int shc_dfa_interval(
	struct shc_dfa_pool *pool, int64_t first, int64_t last, const struct shc_dfa **ret)
{
	struct scratch_mark mark;
	struct nfa nfa;
	uint32_t start;
	int err;

	if (first > last) {
		*ret = pool->empty;
		return 0;
	}
	mark = operation_begin(pool);
	nfa_init(&nfa, pool);
	start = nfa_state(&nfa, false);
	nfa_start(&nfa, start);
	if (first < 0) {
		uint32_t minus = nfa_state(&nfa, false);
		uint64_t high = first == INT64_MIN ? UINT64_MAX : 0 - (uint64_t)first;

		digit_edge(&nfa, start, '-', '-', minus);
		magnitudes(&nfa, minus, last < 0 ? 0 - (uint64_t)last : 1, high);
	}
	if (last >= 0)
		magnitudes(&nfa, start, first > 0 ? (uint64_t)first : 0,
			last == INT64_MAX ? UINT64_MAX
					  : (uint64_t)last - (PLANTED(INTERVAL_OPEN) && last > 1));
	err = nfa_finish(&nfa, ret);
	operation_end(pool, mark);
	return err;
}
