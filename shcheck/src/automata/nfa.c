/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nfa.h"

#include <errno.h>
#include <string.h>

void nfa_init(struct nfa *nfa, struct shc_dfa_pool *pool)
{
	*nfa = (struct nfa){.pool = pool};
	memset(nfa->label_bucket, 0xff, sizeof(nfa->label_bucket));
	memset(nfa->byte_label, 0xff, sizeof(nfa->byte_label));
}

uint32_t nfa_state(struct nfa *nfa, bool accepting)
{
	if (nfa->err)
		return 0;
	if (!charge(nfa->pool, 1))
		nfa->err = -E2BIG;
	else
		nfa->err = scratch_grow(
			nfa->pool, &nfa->accepting, &nfa->state_capacity, nfa->state_count + 1, 1);
	if (nfa->err)
		return 0;
	nfa->accepting[nfa->state_count] = accepting;
	return nfa->state_count++;
}

uint32_t nfa_label(struct nfa *nfa, const struct shc_byte_set *set)
{
	uint64_t hash = 0;
	uint32_t *bucket, label;

	if (nfa->err)
		return 0;
	for (int i = 0; i < 4; i++)
		hash = (hash ^ set->words[i]) * UINT64_C(0x9e3779b97f4a7c15);
	bucket = &nfa->label_bucket[hash >> 56];
	for (label = *bucket; label != NONE; label = nfa->label_link[label]) {
		if (memcmp(&nfa->labels[label], set, sizeof(*set)) == 0)
			return label;
	}
	label = nfa->label_count;
	nfa->err = scratch_grow(
		nfa->pool, &nfa->labels, &nfa->label_capacity, label + 1, sizeof(*nfa->labels));
	if (!nfa->err)
		nfa->err = scratch_grow(nfa->pool, &nfa->label_link, &nfa->label_link_capacity,
			label + 1, sizeof(*nfa->label_link));
	if (nfa->err)
		return 0;
	nfa->labels[label] = *set;
	nfa->label_link[label] = *bucket;
	*bucket = label;
	nfa->label_count++;
	return label;
}

void nfa_edge(struct nfa *nfa, uint32_t from, uint32_t label, uint32_t to)
{
	if (nfa->err)
		return;
	if (!charge(nfa->pool, 1))
		nfa->err = -E2BIG;
	else
		nfa->err = scratch_grow(nfa->pool, &nfa->edges, &nfa->edge_capacity,
			nfa->edge_count + 1, sizeof(*nfa->edges));
	if (!nfa->err)
		nfa->edges[nfa->edge_count++] =
			(struct nfa_edge){.from = from, .to = to, .label = label};
}

void nfa_wild(struct nfa *nfa, uint32_t from, uint32_t label, uint32_t to)
{
	nfa_edge(nfa, from, label, to);
	if (!nfa->err)
		nfa->edges[nfa->edge_count - 1].wild = true;
}

void nfa_epsilon(struct nfa *nfa, uint32_t from, uint32_t to)
{
	if (from != to)
		nfa_edge(nfa, from, NFA_EPSILON, to);
}

void nfa_start(struct nfa *nfa, uint32_t state)
{
	if (nfa->err)
		return;
	nfa->err = scratch_grow(nfa->pool, &nfa->starts, &nfa->start_capacity, nfa->start_count + 1,
		sizeof(*nfa->starts));
	if (!nfa->err)
		nfa->starts[nfa->start_count++] = state;
}

uint32_t nfa_text(struct nfa *nfa, uint32_t from, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length && !nfa->err; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		uint32_t to = nfa_state(nfa, false);

		if (nfa->byte_label[byte] == NONE) {
			struct shc_byte_set set = shc_byte_set_range(byte, byte);

			nfa->byte_label[byte] = nfa_label(nfa, &set);
		}
		nfa_edge(nfa, from, nfa->byte_label[byte], to);
		from = to;
	}
	return from;
}

uint32_t nfa_copy(struct nfa *nfa, const struct shc_dfa *dfa)
{
	uint32_t base = nfa->state_count, labels[256];

	for (uint32_t c = 0; c < dfa->class_count; c++) {
		struct shc_byte_set set = dfa_class_set(dfa, c);

		labels[c] = nfa_label(nfa, &set);
	}
	for (uint32_t s = 0; s < dfa->state_count && !nfa->err; s++)
		(void)nfa_state(nfa, false);
	for (uint32_t s = 0; s < dfa->state_count && !nfa->err; s++) {
		for (uint32_t c = 0; c < dfa->class_count; c++) {
			if (dfa_move(dfa, s, c) != dfa->dead)
				nfa_edge(nfa, base + s, labels[c], base + dfa_move(dfa, s, c));
		}
	}
	return base;
}

void nfa_accept_as(struct nfa *nfa, uint32_t base, const struct shc_dfa *dfa)
{
	for (uint32_t s = 0; s < dfa->state_count && !nfa->err; s++)
		nfa->accepting[base + s] = dfa->accepting[s];
}

void nfa_splice(struct nfa *nfa, uint32_t from, const struct shc_dfa *dfa, uint32_t to)
{
	uint32_t base = nfa_copy(nfa, dfa);

	nfa_epsilon(nfa, from, base);
	for (uint32_t s = 0; s < dfa->state_count && !nfa->err; s++) {
		if (dfa->accepting[s])
			nfa_epsilon(nfa, base + s, to);
	}
}

/* The subset construction. A subset holds the states that accept or have a move by a byte, ascending. */
struct subsets {
	struct nfa *nfa;
	struct draft draft;
	uint32_t *edge_from;    /* edges by state: [state_count + 1] */
	struct nfa_edge *edges; /* by state, only those that read a byte */
	uint32_t *epsilon_from; /* the same for ε */
	uint32_t *epsilon_to;
	uint32_t *label_classes; /* classes of each label, by label_from */
	uint32_t *label_from;    /* [label_count + 1] */
	uint32_t *members;       /* of all subsets */
	uint32_t member_count, member_capacity;
	uint32_t *member_from; /* [states of the draft + 1] */
	uint32_t from_capacity;
	uint32_t *slots; /* open addressing: subset number or NONE */
	uint32_t slot_count;
	uint32_t *seen; /* of each state: the round in which it was seen */
	uint32_t round;
	uint32_t *list; /* the subset at hand */
	uint32_t list_count;
	uint32_t *stack;
	uint32_t class_from[257];
	uint32_t *targets; /* by class */
	uint32_t target_capacity;
};

static int index_edges(struct subsets *s)
{
	const struct nfa *nfa = s->nfa;
	struct shc_dfa_pool *pool = nfa->pool;
	uint32_t n = nfa->state_count;

	s->edge_from = scratch_zero(pool, (size_t)n + 2, sizeof(uint32_t));
	s->epsilon_from = scratch_zero(pool, (size_t)n + 2, sizeof(uint32_t));
	s->edges = scratch(pool, (size_t)nfa->edge_count + 1, sizeof(*s->edges));
	s->epsilon_to = scratch(pool, (size_t)nfa->edge_count + 1, sizeof(uint32_t));
	s->seen = scratch_zero(pool, (size_t)n + 1, sizeof(uint32_t));
	s->list = scratch(pool, (size_t)n + 1, sizeof(uint32_t));
	s->stack = scratch(pool, (size_t)n + 1, sizeof(uint32_t));
	if (!s->edge_from || !s->epsilon_from || !s->edges || !s->epsilon_to || !s->seen ||
		!s->list || !s->stack)
		return -ENOMEM;
	for (uint32_t e = 0; e < nfa->edge_count; e++) {
		const struct nfa_edge *edge = &nfa->edges[e];

		(edge->label == NFA_EPSILON ? s->epsilon_from : s->edge_from)[edge->from + 2]++;
	}
	for (uint32_t i = 0; i < n; i++) {
		s->edge_from[i + 2] += s->edge_from[i + 1];
		s->epsilon_from[i + 2] += s->epsilon_from[i + 1];
	}
	for (uint32_t e = 0; e < nfa->edge_count; e++) {
		const struct nfa_edge *edge = &nfa->edges[e];

		if (edge->label == NFA_EPSILON)
			s->epsilon_to[s->epsilon_from[edge->from + 1]++] = edge->to;
		else
			s->edges[s->edge_from[edge->from + 1]++] = *edge;
	}
	return 0;
}

static int index_labels(struct subsets *s)
{
	const struct nfa *nfa = s->nfa;
	struct shc_dfa_pool *pool = nfa->pool;
	unsigned char class_of[256], sample[256];
	uint32_t count = classes_of_sets(nfa->labels, nfa->label_count, class_of), total = 0;

	draft_init(&s->draft, count);
	memcpy(s->draft.class_of, class_of, sizeof(class_of));
	for (int b = 255; b >= 0; b--)
		sample[class_of[b]] = (unsigned char)b;
	if (!charge(pool, (uint64_t)nfa->label_count * count))
		return -E2BIG;
	for (uint32_t l = 0; l < nfa->label_count; l++) {
		for (uint32_t c = 0; c < count; c++)
			total += shc_byte_set_has(&nfa->labels[l], sample[c]);
	}
	s->label_from = scratch(pool, (size_t)nfa->label_count + 1, sizeof(uint32_t));
	s->label_classes = scratch(pool, (size_t)total + 1, sizeof(uint32_t));
	if (!s->label_from || !s->label_classes)
		return -ENOMEM;
	total = 0;
	for (uint32_t l = 0; l < nfa->label_count; l++) {
		s->label_from[l] = total;
		for (uint32_t c = 0; c < count; c++) {
			if (shc_byte_set_has(&nfa->labels[l], sample[c]))
				s->label_classes[total++] = c;
		}
	}
	s->label_from[nfa->label_count] = total;
	return 0;
}

/* Add @state and what is reached from it by ε to the list. */
static void add_closure(struct subsets *s, uint32_t state)
{
	uint32_t depth = 0;

	if (s->seen[state] == s->round)
		return;
	s->seen[state] = s->round;
	s->stack[depth++] = state;
	while (depth) {
		uint32_t top = s->stack[--depth];

		if (s->nfa->accepting[top] || s->edge_from[top] < s->edge_from[top + 1])
			s->list[s->list_count++] = top;
		for (uint32_t i = s->epsilon_from[top]; i < s->epsilon_from[top + 1]; i++) {
			uint32_t to = s->epsilon_to[i];

			if (s->seen[to] != s->round) {
				s->seen[to] = s->round;
				s->stack[depth++] = to;
			}
		}
	}
}

/* Shell sort: no recursion, no allocation; lists are short or nearly sorted. */
static void sort(uint32_t *list, uint32_t count)
{
	static const uint32_t gaps[] = {929, 209, 57, 23, 10, 4, 1};

	for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
		uint32_t gap = gaps[g];

		for (uint32_t i = gap; i < count; i++) {
			uint32_t value = list[i], j = i;

			for (; j >= gap && list[j - gap] > value; j -= gap)
				list[j] = list[j - gap];
			list[j] = value;
		}
	}
}

/* Insertion where lists are small, otherwise reading the marks off in order. */
static void sort_list(struct subsets *s)
{
	uint32_t n = s->nfa->state_count, count = 0;

	if (s->list_count < 64 || s->list_count < n / 16) {
		sort(s->list, s->list_count);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (s->seen[i] == s->round &&
			(s->nfa->accepting[i] || s->edge_from[i] < s->edge_from[i + 1]))
			s->list[count++] = i;
	}
}

static uint64_t hash_list(const uint32_t *list, uint32_t count)
{
	uint64_t hash = count;

	for (uint32_t i = 0; i < count; i++) {
		hash = (hash ^ list[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash;
}

static int rehash(struct subsets *s)
{
	uint32_t larger = s->slot_count ? s->slot_count * 4 : 256;
	uint32_t *slots = scratch(s->nfa->pool, larger, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	memset(slots, 0xff, larger * sizeof(*slots));
	for (uint32_t i = 0; i < s->draft.state_count; i++) {
		const uint32_t *list = s->members + s->member_from[i];
		uint64_t slot = hash_list(list, s->member_from[i + 1] - s->member_from[i]);

		while (slots[slot & (larger - 1)] != NONE)
			slot++;
		slots[slot & (larger - 1)] = i;
	}
	s->slots = slots;
	s->slot_count = larger;
	return 0;
}

/* The number of the subset in the list, a new one if it was not seen before. NONE after an error. */
static uint32_t subset_number(struct subsets *s, int *ret_err)
{
	struct shc_dfa_pool *pool = s->nfa->pool;
	uint64_t slot;
	bool accepting = false;
	uint32_t number;

	sort_list(s);
	if (s->draft.state_count * 2 >= s->slot_count && rehash(s)) {
		*ret_err = -ENOMEM;
		return NONE;
	}
	slot = hash_list(s->list, s->list_count);
	for (; (number = s->slots[slot & (s->slot_count - 1)]) != NONE; slot++) {
		uint32_t count = s->member_from[number + 1] - s->member_from[number];

		if (count == s->list_count && memcmp(s->members + s->member_from[number], s->list,
						      count * sizeof(*s->list)) == 0)
			return number;
	}
	for (uint32_t i = 0; i < s->list_count; i++)
		accepting = accepting || s->nfa->accepting[s->list[i]];
	if (scratch_grow(pool, &s->members, &s->member_capacity, s->member_count + s->list_count,
		    sizeof(uint32_t)) ||
		scratch_grow(pool, &s->member_from, &s->from_capacity, s->draft.state_count + 2,
			sizeof(uint32_t))) {
		*ret_err = -ENOMEM;
		return NONE;
	}
	number = draft_state(pool, &s->draft, accepting, ret_err);
	if (number == NONE)
		return NONE;
	s->member_from[number] = s->member_count;
	if (s->list_count)
		memcpy(s->members + s->member_count, s->list, s->list_count * sizeof(*s->list));
	s->member_count += s->list_count;
	s->member_from[number + 1] = s->member_count;
	s->slots[slot & (s->slot_count - 1)] = number;
	return number;
}

/* Sort the targets of all moves of subset @number by class. */
static int collect_targets(struct subsets *s, uint32_t number)
{
	uint32_t class_count = s->draft.class_count, total = 0, past[256] = {0};
	const uint32_t *members = s->members + s->member_from[number];
	uint32_t count = s->member_from[number + 1] - s->member_from[number];

	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t e = s->edge_from[members[i]]; e < s->edge_from[members[i] + 1]; e++) {
			uint32_t label = s->edges[e].label;

			for (uint32_t j = s->label_from[label]; j < s->label_from[label + 1]; j++)
				past[s->label_classes[j]]++;
		}
	}
	for (uint32_t c = 0; c < class_count; c++) {
		s->class_from[c] = total;
		total += past[c];
		past[c] = s->class_from[c];
	}
	s->class_from[class_count] = total;
	if (!charge(s->nfa->pool, (uint64_t)total + count))
		return -E2BIG;
	if (scratch_grow(s->nfa->pool, &s->targets, &s->target_capacity, total, sizeof(uint32_t)))
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t e = s->edge_from[members[i]]; e < s->edge_from[members[i] + 1]; e++) {
			uint32_t label = s->edges[e].label;

			for (uint32_t j = s->label_from[label]; j < s->label_from[label + 1]; j++)
				s->targets[past[s->label_classes[j]]++] = s->edges[e].to;
		}
	}
	return 0;
}

static int expand(struct subsets *s, uint32_t number)
{
	uint32_t class_count = s->draft.class_count;
	int err = collect_targets(s, number);

	for (uint32_t c = 0; c < class_count && !err; c++) {
		uint32_t from = s->class_from[c], count = s->class_from[c + 1] - from, to;

		if (!count)
			continue;
		s->round++;
		s->list_count = 0;
		for (uint32_t i = 0; i < count; i++)
			add_closure(s, s->targets[from + i]);
		if (!charge(s->nfa->pool, s->list_count))
			return -E2BIG;
		to = subset_number(s, &err);
		if (to != NONE)
			s->draft.next[(size_t)number * class_count + c] = to;
	}
	return err;
}

/*
 * Subsets as words, for automata with at most 64 states that matter: patterns and literals as scripts have them. The
 * result is the same as that of the lists above.
 */
struct words {
	struct subsets *s;
	uint32_t *number; /* of each state that is reached and matters; else NONE */
	uint32_t count;
	uint64_t *moves;   /* shape [count][class_count]: subset behind a move */
	uint64_t *subsets; /* of each state of the draft */
	uint32_t subset_capacity;
	uint32_t *slots; /* open addressing: state of the draft or NONE */
	uint32_t slot_count;
};

#define WORD_BITS 64

/* Number the states that are reached and matter. 0, or -ENOMEM; w->count may come out above WORD_BITS. */
static int number_states(struct words *w)
{
	struct subsets *s = w->s;
	const struct nfa *nfa = s->nfa;
	uint32_t n = nfa->state_count, depth = 0;
	uint8_t *reached = scratch_zero(nfa->pool, (size_t)n + 1, 1);

	w->number = scratch(nfa->pool, (size_t)n + 1, sizeof(*w->number));
	if (!reached || !w->number)
		return -ENOMEM;
	for (uint32_t i = 0; i < nfa->start_count; i++) {
		if (!reached[nfa->starts[i]])
			s->stack[depth++] = nfa->starts[i];
		reached[nfa->starts[i]] = 1;
	}
	while (depth) {
		uint32_t top = s->stack[--depth];
		uint32_t edges = s->edge_from[top + 1] - s->edge_from[top];
		uint32_t moves = edges + s->epsilon_from[top + 1] - s->epsilon_from[top];

		w->number[top] = nfa->accepting[top] || edges ? w->count++ : NONE;
		for (uint32_t i = 0; i < moves; i++) {
			uint32_t to = i < edges ? s->edges[s->edge_from[top] + i].to
						: s->epsilon_to[s->epsilon_from[top] + i - edges];

			if (!reached[to])
				s->stack[depth++] = to;
			reached[to] = 1;
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!reached[i])
			w->number[i] = NONE;
	}
	return 0;
}

static uint64_t closure_word(struct words *w, uint32_t state)
{
	struct subsets *s = w->s;
	uint64_t word = 0;

	s->round++;
	s->list_count = 0;
	add_closure(s, state);
	for (uint32_t i = 0; i < s->list_count; i++)
		word |= UINT64_C(1) << w->number[s->list[i]];
	return word;
}

static int find_moves(struct words *w)
{
	struct subsets *s = w->s;
	uint32_t class_count = s->draft.class_count;

	w->moves = scratch_zero(s->nfa->pool, (size_t)w->count * class_count, sizeof(uint64_t));
	if (!w->moves)
		return -ENOMEM;
	for (uint32_t state = 0; state < s->nfa->state_count; state++) {
		uint64_t *row;

		if (w->number[state] == NONE)
			continue;
		row = w->moves + (size_t)w->number[state] * class_count;
		for (uint32_t e = s->edge_from[state]; e < s->edge_from[state + 1]; e++) {
			uint64_t word = closure_word(w, s->edges[e].to);
			uint32_t label = s->edges[e].label;

			if (!charge(s->nfa->pool, s->list_count + 1))
				return -E2BIG;
			for (uint32_t j = s->label_from[label]; j < s->label_from[label + 1]; j++)
				row[s->label_classes[j]] |= word;
		}
	}
	return 0;
}

static uint64_t word_hash(uint64_t word)
{
	word *= UINT64_C(0x9e3779b97f4a7c15);
	return word ^ word >> 32;
}

static int grow_word_slots(struct words *w)
{
	uint32_t larger = w->slot_count ? w->slot_count * 4 : 256;
	uint32_t *slots = scratch(w->s->nfa->pool, larger, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	memset(slots, 0xff, larger * sizeof(*slots));
	for (uint32_t i = 0; i < w->s->draft.state_count; i++) {
		uint64_t slot = word_hash(w->subsets[i]);

		while (slots[slot & (larger - 1)] != NONE)
			slot++;
		slots[slot & (larger - 1)] = i;
	}
	w->slots = slots;
	w->slot_count = larger;
	return 0;
}

static uint32_t word_number(struct words *w, uint64_t word, uint64_t accepting, int *ret_err)
{
	struct shc_dfa_pool *pool = w->s->nfa->pool;
	struct draft *draft = &w->s->draft;
	uint64_t slot = word_hash(word);
	uint32_t number;

	if (draft->state_count * 2 >= w->slot_count && grow_word_slots(w)) {
		*ret_err = -ENOMEM;
		return NONE;
	}
	for (; (number = w->slots[slot & (w->slot_count - 1)]) != NONE; slot++) {
		if (w->subsets[number] == word)
			return number;
	}
	if (scratch_grow(pool, &w->subsets, &w->subset_capacity, draft->state_count + 1,
		    sizeof(uint64_t))) {
		*ret_err = -ENOMEM;
		return NONE;
	}
	number = draft_state(pool, draft, word & accepting, ret_err);
	if (number != NONE) {
		w->subsets[number] = word;
		w->slots[slot & (w->slot_count - 1)] = number;
	}
	return number;
}

/* The subset construction on words. */
static int expand_words(struct words *w)
{
	struct subsets *s = w->s;
	const struct nfa *nfa = s->nfa;
	uint32_t class_count = s->draft.class_count;
	uint64_t accepting = 0, start = 0;
	int err = find_moves(w);

	for (uint32_t i = 0; i < nfa->state_count && !err; i++) {
		if (nfa->accepting[i] && w->number[i] != NONE)
			accepting |= UINT64_C(1) << w->number[i];
	}
	for (uint32_t i = 0; i < nfa->start_count && !err; i++)
		start |= closure_word(w, nfa->starts[i]);
	if (!err)
		(void)word_number(w, start, accepting, &err);
	for (uint32_t i = 0; i < s->draft.state_count && !err; i++) {
		uint64_t after[256] = {0};

		for (uint64_t word = w->subsets[i]; word; word &= word - 1) {
			const uint64_t *row =
				w->moves + (size_t)__builtin_ctzll(word) * class_count;

			for (uint32_t c = 0; c < class_count; c++)
				after[c] |= row[c];
		}
		if (!charge(nfa->pool, class_count))
			return -E2BIG;
		for (uint32_t c = 0; c < class_count && !err; c++) {
			uint32_t to = after[c] ? word_number(w, after[c], accepting, &err) : NONE;

			if (to != NONE)
				s->draft.next[(size_t)i * class_count + c] = to;
		}
	}
	return err;
}

static int expand_lists(struct subsets *s)
{
	int err;

	/* The empty subset is at a place of the array too. */
	err = scratch_grow(s->nfa->pool, &s->members, &s->member_capacity, 1, sizeof(uint32_t));
	if (err)
		return err;
	s->round++;
	s->list_count = 0;
	for (uint32_t i = 0; i < s->nfa->start_count; i++)
		add_closure(s, s->nfa->starts[i]);
	(void)subset_number(s, &err);
	for (uint32_t i = 0; i < s->draft.state_count && !err; i++)
		err = expand(s, i);
	return err;
}

int nfa_finish(struct nfa *nfa, const struct shc_dfa **ret)
{
	struct subsets s = {.nfa = nfa};
	struct words words = {.s = &s};
	int err = nfa->err;

	if (!err)
		err = index_edges(&s);
	if (!err)
		err = index_labels(&s);
	if (!err)
		err = number_states(&words);
	if (!err)
		err = words.count <= WORD_BITS && !PLANTED(LISTS_ONLY) ? expand_words(&words)
								       : expand_lists(&s);
	return err ? err : draft_finish(nfa->pool, &s.draft, ret);
}
