/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Field splitting (POSIX XCU 2.6.5). A small machine follows the value: at the start, in a field, in white space behind
 * a field, behind another delimiter. Which states of the language go with which state of the machine tells where fields
 * begin and end; the numbers of fields are the lengths of an image in which each field is one byte.
 */
#include "nfa.h"

#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>

enum position {
	AT_START,
	IN_FIELD,
	BEHIND_WHITE, /* one other delimiter still belongs to this one */
	BEHIND_OTHER,
};

enum kind {
	KIND_WHITE,
	KIND_OTHER,
	KIND_TEXT,
};

static enum position advance(enum position position, enum kind kind)
{
	if (kind == KIND_TEXT)
		return IN_FIELD;
	if (kind == KIND_OTHER)
		return BEHIND_OTHER;
	if (PLANTED(SPLIT_WHITE_AFTER_DELIMITER))
		return BEHIND_WHITE;
	return position == IN_FIELD ? BEHIND_WHITE : position;
}

/* Whether a byte of @kind in @position is the start of a field, be it an empty one. */
static bool begins_field(enum position position, enum kind kind)
{
	if (kind == KIND_TEXT)
		return position != IN_FIELD;
	return kind == KIND_OTHER && (position == AT_START || position == BEHIND_OTHER);
}

/* The three kinds of bytes within the classes of the language. */
struct splitting {
	struct shc_dfa_pool *pool;
	const struct shc_dfa *a;
	const struct shc_ifs *ifs;
	struct shc_byte_set kinds[3];
	bool has[3][256]; /* of each class: whether it has bytes of the kind */
	uint8_t *reached; /* of each state: bit set of positions, for a value that begins a word */
	uint8_t *glued;   /* the same where the value is behind other text */
};

static bool class_live(const struct splitting *s, uint32_t state, uint32_t class)
{
	return dfa_move(s->a, state, class) != s->a->dead;
}

static bool can_read(const struct splitting *s, uint32_t state, enum kind kind)
{
	for (uint32_t c = 0; c < s->a->class_count; c++) {
		if (s->has[kind][c] && class_live(s, state, c))
			return true;
	}
	return false;
}

/* All positions in which each state is reached, from position @first. */
static uint8_t *find_positions(struct splitting *s, enum position first)
{
	const struct shc_dfa *a = s->a;
	uint8_t *reached = scratch_zero(s->pool, a->state_count, 1);
	uint32_t *queue = scratch(s->pool, (size_t)a->state_count * 4, sizeof(*queue));
	uint32_t tail = 0;

	if (!reached || !queue)
		return NULL;
	reached[0] = (uint8_t)(1 << first);
	queue[tail++] = (uint32_t)first;
	for (uint32_t i = 0; i < tail; i++) {
		uint32_t state = queue[i] / 4;

		for (uint32_t c = 0; c < a->class_count; c++) {
			uint32_t to = dfa_move(a, state, c);

			for (enum kind kind = KIND_WHITE; kind <= KIND_TEXT; kind++) {
				enum position next = advance(queue[i] % 4, kind);

				if (to == a->dead || !s->has[kind][c] || reached[to] >> next & 1)
					continue;
				reached[to] |= (uint8_t)(1 << next);
				queue[tail++] = to * 4 + (uint32_t)next;
			}
		}
	}
	return reached;
}

static int splitting_init(struct splitting *s)
{
	struct shc_byte_set delimiters = shc_byte_set_union(&s->ifs->white, &s->ifs->other);

	s->kinds[KIND_WHITE] = s->ifs->white;
	s->kinds[KIND_OTHER] = s->ifs->other;
	s->kinds[KIND_TEXT] = shc_byte_set_complement(&delimiters);
	for (int b = 0; b < 256; b++) {
		for (int kind = 0; kind < 3; kind++) {
			if (shc_byte_set_has(&s->kinds[kind], (unsigned char)b))
				s->has[kind][s->a->class_of[b]] = true;
		}
	}
	if (!charge(s->pool, (uint64_t)s->a->state_count * s->a->class_count * 8))
		return -E2BIG;
	s->reached = find_positions(s, AT_START);
	s->glued = find_positions(s, IN_FIELD);
	return s->reached && s->glued ? 0 : -ENOMEM;
}

/* What ends a part: the end of the value, or a delimiter. */
enum ending {
	ENDS_VALUE = 1,
	ENDS_AT_DELIMITER = 2,
};

/* Text without delimiters that starts in a state in @starts and ends as @endings allow. */
static int parts(struct splitting *s, const uint8_t *starts, unsigned int endings,
	const struct shc_dfa **ret)
{
	const struct shc_dfa *a = s->a;
	struct nfa nfa;

	nfa_init(&nfa, s->pool);
	for (uint32_t state = 0; state < a->state_count; state++) {
		bool delimited = can_read(s, state, KIND_WHITE) || can_read(s, state, KIND_OTHER);

		(void)nfa_state(&nfa, (endings & ENDS_VALUE && a->accepting[state]) ||
					      (endings & ENDS_AT_DELIMITER && delimited));
		if (starts[state])
			nfa_start(&nfa, state);
	}
	for (uint32_t c = 0; c < a->class_count; c++) {
		struct shc_byte_set set = dfa_class_set(a, c);
		uint32_t label;

		if (!s->has[KIND_TEXT][c])
			continue;
		for (int i = 0; i < 4; i++)
			set.words[i] &= s->kinds[KIND_TEXT].words[i];
		label = nfa_label(&nfa, &set);
		for (uint32_t state = 0; state < a->state_count; state++) {
			if (class_live(s, state, c))
				nfa_edge(&nfa, state, label, dfa_move(a, state, c));
		}
	}
	return nfa_finish(&nfa, ret);
}

/*
 * Whole fields that start in one of @positions: non-empty text, and the empty field where a delimiter that is not white
 * space comes at once.
 */
static int fields(struct splitting *s, const uint8_t *reached, unsigned int positions,
	unsigned int endings, const struct shc_dfa **ret)
{
	uint8_t *starts = scratch(s->pool, s->a->state_count, 1);
	const struct shc_dfa *result;
	bool empty_field = false;
	int err;

	if (!starts)
		return -ENOMEM;
	for (uint32_t state = 0; state < s->a->state_count; state++) {
		starts[state] = reached[state] & positions;
		empty_field = empty_field || (starts[state] & (1 << AT_START | 1 << BEHIND_OTHER) &&
						     can_read(s, state, KIND_OTHER));
	}
	err = parts(s, starts, endings, &result);
	if (!err)
		err = shc_dfa_difference(s->pool, result, s->pool->epsilon, &result);
	if (!err && empty_field)
		err = shc_dfa_union(s->pool, result, s->pool->epsilon, &result);
	if (!err)
		*ret = result;
	return err;
}

static int count_fields(struct splitting *s, struct shc_split *split)
{
	struct shc_final finals[4];
	struct shc_rule rules[12];
	const struct shc_transducer transducer = {
		.state_count = 4, .finals = finals, .rules = rules, .rule_count = 12};
	const struct shc_dfa *counts;
	int n = 0, err;

	for (enum position p = AT_START; p <= BEHIND_OTHER; p++) {
		finals[p] = (struct shc_final){.accepting = true};
		if (PLANTED(SPLIT_TRAILING_DELIMITER) && p == BEHIND_OTHER)
			finals[p].text = (struct shc_byte_string){.bytes = "x", .length = 1};
		for (enum kind kind = KIND_WHITE; kind <= KIND_TEXT; kind++)
			rules[n++] = (struct shc_rule){.from = p,
				.to = advance(p, kind),
				.bytes = s->kinds[kind],
				.output = begins_field(p, kind) ? SHC_OUTPUT_TEXT : SHC_OUTPUT_DROP,
				.text = {.bytes = "x", .length = 1}};
	}
	err = shc_dfa_image(s->pool, s->a, &transducer, &counts);
	if (err)
		return err;
	split->count_min = shc_dfa_length_min(counts);
	split->count_max = shc_dfa_length_max(counts);
	return 0;
}

static int tails(struct splitting *s, const struct shc_dfa **ret)
{
	const struct shc_dfa *a = s->a;
	uint8_t *starts = scratch_zero(s->pool, a->state_count, 1);

	if (!starts)
		return -ENOMEM;
	for (uint32_t state = 0; state < a->state_count; state++) {
		for (uint32_t c = 0; c < a->class_count; c++) {
			if (class_live(s, state, c) &&
				(s->has[KIND_WHITE][c] || s->has[KIND_OTHER][c]))
				starts[dfa_move(a, state, c)] = 1;
		}
	}
	return parts(s, starts, ENDS_VALUE, ret);
}

static int split(struct splitting *s, struct shc_split *ret)
{
	struct shc_split result = {.exact = true};
	uint8_t *start;
	const unsigned int behind = 1 << BEHIND_WHITE | 1 << BEHIND_OTHER;
	int err = splitting_init(s);

	if (err)
		return err;
	start = scratch_zero(s->pool, s->a->state_count, 1);
	if (!start)
		return -ENOMEM;
	start[0] = 1;
	err = fields(s, s->reached, 1 << AT_START, ENDS_VALUE | ENDS_AT_DELIMITER, &result.first);
	if (!err)
		err = fields(s, s->reached, behind, ENDS_VALUE | ENDS_AT_DELIMITER, &result.rest);
	if (!err)
		err = parts(s, start, ENDS_VALUE, &result.whole);
	if (!err)
		err = parts(s, start, ENDS_AT_DELIMITER, &result.head);
	if (!err)
		err = fields(s, s->glued, behind, ENDS_AT_DELIMITER, &result.inner);
	if (!err)
		err = tails(s, &result.tail);
	if (!err)
		err = count_fields(s, &result);
	if (!err)
		*ret = result;
	return err;
}

static struct shc_split split_of_nothing(const struct shc_dfa_pool *pool)
{
	return (struct shc_split){.first = pool->empty,
		.rest = pool->empty,
		.whole = pool->empty,
		.head = pool->empty,
		.inner = pool->empty,
		.tail = pool->empty,
		.exact = true};
}

struct shc_ifs shc_ifs_of(const char *value, size_t length)
{
	struct shc_ifs ifs = {0};

	for (size_t i = 0; i < length; i++) {
		bool white = value[i] == ' ' || value[i] == '\t' || value[i] == '\n';

		shc_byte_set_add(white ? &ifs.white : &ifs.other, (unsigned char)value[i]);
	}
	return ifs;
}

int shc_dfa_split(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_ifs *ifs,
	struct shc_split *ret)
{
	struct splitting s = {.pool = pool, .a = a, .ifs = ifs};
	struct scratch_mark mark;
	int err;

	hb_assert(a->pool == pool);
	if (a == pool->empty) {
		*ret = split_of_nothing(pool);
		return 0;
	}
	mark = operation_begin(pool);
	err = split(&s, ret);
	operation_end(pool, mark);
	return err;
}

#define IFS_VALUES_MAX 16

/* The union of two splits, into @into. */
static int join(struct shc_dfa_pool *pool, struct shc_split *into, const struct shc_split *other)
{
	int err = shc_dfa_union(pool, into->first, other->first, &into->first);

	if (!err)
		err = shc_dfa_union(pool, into->rest, other->rest, &into->rest);
	if (!err)
		err = shc_dfa_union(pool, into->whole, other->whole, &into->whole);
	if (!err)
		err = shc_dfa_union(pool, into->head, other->head, &into->head);
	if (!err)
		err = shc_dfa_union(pool, into->inner, other->inner, &into->inner);
	if (!err)
		err = shc_dfa_union(pool, into->tail, other->tail, &into->tail);
	if (other->count_min < into->count_min)
		into->count_min = other->count_min;
	if (other->count_max > into->count_max)
		into->count_max = other->count_max;
	return err;
}

/* Any byte of @bytes may split, or not. */
static int split_by_any(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_byte_set *bytes, struct shc_split *ret)
{
	struct shc_split result = {.count_max = SHC_INFINITE, .whole = a};
	struct shc_byte_set used = shc_dfa_bytes(a);
	struct shc_ifs none = {0};
	const struct shc_dfa *part;
	bool apart = true;
	int err;

	for (int i = 0; i < 4; i++)
		apart = apart && !(used.words[i] & bytes->words[i]);
	if (apart)
		return shc_dfa_split(pool, a, &none, ret);
	err = shc_dfa_substrings(pool, a, &part);
	if (err)
		return err;
	result.first = result.rest = result.head = result.inner = result.tail = part;
	*ret = result;
	return 0;
}

int shc_dfa_split_by(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *ifs,
	struct shc_split *ret)
{
	struct shc_split result = split_of_nothing(pool);
	struct shc_strings values;
	struct shc_byte_set bytes;
	int err;

	hb_assert(a->pool == pool && ifs->pool == pool);
	if (a == pool->empty || ifs == pool->empty) {
		*ret = result;
		return 0;
	}
	if (shc_dfa_count(ifs, IFS_VALUES_MAX + 1) > IFS_VALUES_MAX) {
		bytes = shc_dfa_bytes(ifs);
		return split_by_any(pool, a, &bytes, ret);
	}
	err = shc_dfa_enumerate(ifs, IFS_VALUES_MAX, &values);
	if (err)
		return err;
	result.count_min = SHC_INFINITE;
	for (size_t i = 0; i < values.count && !err; i++) {
		struct shc_ifs value = shc_ifs_of(values.items[i].bytes, values.items[i].length);
		struct shc_split one;

		err = shc_dfa_split(pool, a, &value, &one);
		if (!err)
			err = join(pool, &result, &one);
	}
	shc_strings_finish(&values);
	if (!err)
		*ret = result;
	return err;
}
