/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Images and preimages under finite-state transducers. */
#include "nfa.h"

#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>

#define PLACES_MAX ((size_t)1 << 22)

/* Pairs of a transducer's state and an automaton's, as states of the result. */
struct run {
	struct shc_dfa_pool *pool;
	const struct shc_dfa *a;
	const struct shc_transducer *transducer;
	struct shc_byte_set *class_sets; /* shape [class_count] */
	uint32_t *rule_from;             /* rules by state: [state_count + 1] */
	const struct shc_rule **rules;
	uint32_t *numbers; /* shape [transducer states][automaton states] */
	uint32_t *queue;   /* pairs as transducer state x automaton states + state */
	uint32_t *queue_number;
	uint32_t queue_count, queue_capacity, number_capacity;
	struct nfa nfa;
};

static int check(const struct shc_transducer *transducer)
{
	if (!transducer->state_count || transducer->rule_count >= NONE)
		return -EINVAL;
	for (size_t i = 0; i < transducer->rule_count; i++) {
		const struct shc_rule *rule = &transducer->rules[i];

		if (rule->from >= transducer->state_count || rule->to >= transducer->state_count ||
			rule->output > SHC_OUTPUT_MAP ||
			(rule->output == SHC_OUTPUT_MAP && !rule->map))
			return -EINVAL;
	}
	return 0;
}

static int sort_rules(struct run *run)
{
	const struct shc_transducer *transducer = run->transducer;

	run->rule_from =
		scratch_zero(run->pool, (size_t)transducer->state_count + 2, sizeof(uint32_t));
	run->rules = scratch(run->pool, transducer->rule_count + 1, sizeof(struct shc_rule *));
	if (!run->rule_from || !run->rules)
		return -ENOMEM;
	for (size_t i = 0; i < transducer->rule_count; i++)
		run->rule_from[transducer->rules[i].from + 2]++;
	for (uint32_t s = 0; s < transducer->state_count; s++)
		run->rule_from[s + 2] += run->rule_from[s + 1];
	for (size_t i = 0; i < transducer->rule_count; i++)
		run->rules[run->rule_from[transducer->rules[i].from + 1]++] = &transducer->rules[i];
	return 0;
}

static int run_init(struct run *run)
{
	size_t pairs;
	int err = check(run->transducer);

	if (err)
		return err;
	if (__builtin_mul_overflow(
		    (size_t)run->transducer->state_count, (size_t)run->a->state_count, &pairs) ||
		pairs > PLACES_MAX)
		return -E2BIG;
	run->numbers = scratch(run->pool, pairs, sizeof(*run->numbers));
	run->class_sets = scratch(run->pool, run->a->class_count, sizeof(*run->class_sets));
	if (!run->numbers || !run->class_sets)
		return -ENOMEM;
	memset(run->numbers, 0xff, pairs * sizeof(*run->numbers));
	for (uint32_t c = 0; c < run->a->class_count; c++)
		run->class_sets[c] = dfa_class_set(run->a, c);
	nfa_init(&run->nfa, run->pool);
	return sort_rules(run);
}

static uint32_t pair_number(struct run *run, uint32_t state, uint32_t a)
{
	size_t at = (size_t)state * run->a->state_count + a;

	if (run->numbers[at] != NONE)
		return run->numbers[at];
	run->numbers[at] = nfa_state(&run->nfa, false);
	if (!run->nfa.err)
		run->nfa.err = scratch_grow(run->pool, &run->queue, &run->queue_capacity,
			run->queue_count + 1, sizeof(*run->queue));
	if (!run->nfa.err)
		run->nfa.err = scratch_grow(run->pool, &run->queue_number, &run->number_capacity,
			run->queue_count + 1, sizeof(*run->queue_number));
	if (run->nfa.err)
		return 0;
	run->queue_number[run->queue_count] = run->numbers[at];
	run->queue[run->queue_count++] = (uint32_t)at;
	return run->numbers[at];
}

static struct shc_byte_set both(const struct shc_byte_set *a, const struct shc_byte_set *b)
{
	struct shc_byte_set set;

	for (int i = 0; i < 4; i++)
		set.words[i] = a->words[i] & b->words[i];
	return set;
}

static bool is_none(const struct shc_byte_set *set)
{
	return !(set->words[0] | set->words[1] | set->words[2] | set->words[3]);
}

static struct shc_byte_set mapped(const struct shc_byte_set *set, const unsigned char *map)
{
	struct shc_byte_set image = {0};

	for (int b = 0; b < 256; b++) {
		if (shc_byte_set_has(set, (unsigned char)b))
			shc_byte_set_add(&image, map[b]);
	}
	return image;
}

/* The moves of the image for @rule, which reads bytes of @set and then is in number @to. */
static void write_output(struct run *run, const struct shc_rule *rule,
	const struct shc_byte_set *set, uint32_t from, uint32_t to)
{
	struct shc_byte_set image;
	uint32_t end;

	switch (rule->output) {
	case SHC_OUTPUT_COPY:
		nfa_edge(&run->nfa, from, nfa_label(&run->nfa, set), to);
		break;
	case SHC_OUTPUT_MAP:
		image = mapped(set, rule->map);
		nfa_edge(&run->nfa, from, nfa_label(&run->nfa, &image), to);
		break;
	case SHC_OUTPUT_TEXT:
		end = nfa_text(&run->nfa, from, rule->text.bytes, rule->text.length);
		nfa_epsilon(&run->nfa, end, to);
		break;
	case SHC_OUTPUT_DROP:
		nfa_epsilon(&run->nfa, from, to);
		break;
	}
}

static void expand_image(struct run *run, uint32_t state, uint32_t a, uint32_t from)
{
	const struct shc_final *final = &run->transducer->finals[state];

	if (final->accepting && run->a->accepting[a] && !run->nfa.err) {
		uint32_t end =
			PLANTED(IMAGE_FORGETS_FINAL)
				? from
				: nfa_text(&run->nfa, from, final->text.bytes, final->text.length);

		if (!run->nfa.err)
			run->nfa.accepting[end] = true;
	}
	for (uint32_t r = run->rule_from[state]; r < run->rule_from[state + 1]; r++) {
		for (uint32_t c = 0; c < run->a->class_count && !run->nfa.err; c++) {
			struct shc_byte_set set = both(&run->rules[r]->bytes, &run->class_sets[c]);
			uint32_t to = dfa_move(run->a, a, c);

			if (!charge(run->pool, 1))
				run->nfa.err = -E2BIG;
			if (to != run->a->dead && !is_none(&set))
				write_output(run, run->rules[r], &set, from,
					pair_number(run, run->rules[r]->to, to));
		}
	}
}

static uint32_t read_text(
	const struct shc_dfa *a, uint32_t state, const struct shc_byte_string *text)
{
	for (size_t i = 0; i < text->length && state != a->dead; i++)
		state = dfa_move(a, state, a->class_of[(unsigned char)text->bytes[i]]);
	return state;
}

/* A move of the preimage by @set, unless what was written leads nowhere. */
static void lead(struct run *run, const struct shc_rule *rule, const struct shc_byte_set *set,
	uint32_t from, uint32_t a)
{
	if (a != run->a->dead && !is_none(set))
		nfa_edge(&run->nfa, from, nfa_label(&run->nfa, set), pair_number(run, rule->to, a));
}

static void expand_preimage(struct run *run, uint32_t state, uint32_t a, uint32_t from)
{
	const struct shc_final *final = &run->transducer->finals[state];

	if (!run->nfa.err)
		run->nfa.accepting[from] =
			final->accepting && run->a->accepting[read_text(run->a, a, &final->text)];
	for (uint32_t r = run->rule_from[state]; r < run->rule_from[state + 1]; r++) {
		const struct shc_rule *rule = run->rules[r];
		bool per_class = rule->output == SHC_OUTPUT_COPY || rule->output == SHC_OUTPUT_MAP;
		static const struct shc_byte_string nothing = {0};

		if (!charge(run->pool, per_class ? run->a->class_count : rule->text.length + 1))
			run->nfa.err = -E2BIG;
		if (!per_class)
			lead(run, rule, &rule->bytes, from,
				read_text(run->a, a,
					rule->output == SHC_OUTPUT_TEXT ? &rule->text : &nothing));
		for (uint32_t c = 0; per_class && c < run->a->class_count && !run->nfa.err; c++) {
			struct shc_byte_set set = {0};

			for (int b = 0; b < 256; b++) {
				int written = rule->output == SHC_OUTPUT_MAP ? rule->map[b] : b;

				if (run->a->class_of[written] == c)
					shc_byte_set_add(&set, (unsigned char)b);
			}
			set = both(&set, &rule->bytes);
			lead(run, rule, &set, from, dfa_move(run->a, a, c));
		}
	}
}

static int transduce(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_transducer *transducer,
	void (*expand)(struct run *run, uint32_t state, uint32_t a, uint32_t from),
	const struct shc_dfa **ret)
{
	struct run run = {.pool = pool, .a = a, .transducer = transducer};
	struct scratch_mark mark = operation_begin(pool);
	int err = run_init(&run);

	hb_assert(a->pool == pool);
	if (!err) {
		nfa_start(&run.nfa, pair_number(&run, 0, 0));
		for (uint32_t i = 0; i < run.queue_count && !run.nfa.err; i++)
			expand(&run, run.queue[i] / a->state_count, run.queue[i] % a->state_count,
				run.queue_number[i]);
		err = nfa_finish(&run.nfa, ret);
	}
	operation_end(pool, mark);
	return err;
}

int shc_dfa_image(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_transducer *transducer, const struct shc_dfa **ret)
{
	return transduce(pool, a, transducer, expand_image, ret);
}

int shc_dfa_preimage(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_transducer *transducer, const struct shc_dfa **ret)
{
	return transduce(pool, a, transducer, expand_preimage, ret);
}

/* State 0, and one for each squeezed byte: that byte was written last. */
int shc_dfa_translate(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_translation *translation, const struct shc_dfa **ret)
{
	struct scratch_mark mark = operation_begin(pool);
	struct shc_rule *rules;
	struct shc_final finals[257];
	struct shc_transducer transducer = {.state_count = 1, .finals = finals};
	uint32_t state_of[256] = {0};
	struct shc_byte_set sources[257] = {0};
	int err = -ENOMEM;

	for (int b = 0; b < 256; b++) {
		if (shc_byte_set_has(&translation->squeezed, (unsigned char)b))
			state_of[b] = transducer.state_count++;
	}
	for (int b = 0; b < 256; b++) {
		if (!shc_byte_set_has(&translation->deleted, (unsigned char)b))
			shc_byte_set_add(&sources[state_of[translation->map[b]]], (unsigned char)b);
	}
	rules = scratch(pool, (size_t)transducer.state_count * (transducer.state_count + 1),
		sizeof(*rules));
	transducer.rules = rules;
	for (uint32_t s = 0; rules && s < transducer.state_count; s++) {
		finals[s] = (struct shc_final){.accepting = true};
		rules[transducer.rule_count++] = (struct shc_rule){.from = s,
			.to = s,
			.bytes = translation->deleted,
			.output = SHC_OUTPUT_DROP};
		for (uint32_t to = 0; to < transducer.state_count; to++)
			rules[transducer.rule_count++] = (struct shc_rule){.from = s,
				.to = to,
				.bytes = sources[to],
				.output = to && to == s ? SHC_OUTPUT_DROP : SHC_OUTPUT_MAP,
				.map = translation->map};
	}
	if (rules)
		err = shc_dfa_image(pool, a, &transducer, ret);
	operation_end(pool, mark);
	return err;
}

int shc_dfa_case(struct shc_dfa_pool *pool, enum shc_case kind, const struct shc_dfa *a,
	const struct shc_dfa **ret)
{
	bool upper = kind == SHC_CASE_UPPER || kind == SHC_CASE_UPPER_FIRST;
	bool first = kind == SHC_CASE_UPPER_FIRST || kind == SHC_CASE_LOWER_FIRST;
	struct shc_byte_set any = shc_byte_set_range(0, 255);
	unsigned char map[256];
	const struct shc_final finals[2] = {{.accepting = true}, {.accepting = true}};
	const struct shc_rule rules[2] = {
		{.from = 0, .to = first, .bytes = any, .output = SHC_OUTPUT_MAP, .map = map},
		{.from = 1, .to = 1, .bytes = any, .output = SHC_OUTPUT_COPY},
	};
	const struct shc_transducer transducer = {
		.state_count = 2, .finals = finals, .rules = rules, .rule_count = 2};

	for (int b = 0; b < 256; b++) {
		bool lower_letter = b >= 'a' && b <= 'z', upper_letter = b >= 'A' && b <= 'Z';

		map[b] = (unsigned char)b;
		if (upper && lower_letter)
			map[b] = (unsigned char)(b - 'a' + 'A');
		else if (!upper && upper_letter)
			map[b] = (unsigned char)(b - 'A' + 'a');
	}
	return shc_dfa_image(pool, a, &transducer, ret);
}
