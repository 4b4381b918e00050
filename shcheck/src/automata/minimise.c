/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a draft to the minimal automaton in canonical numbering. Moves to nowhere never enter the partition refinement
 * (Valmari, "Fast brief practical DFA minimization", IPL 112(6), 2012): a literal has one move per state, not one per
 * class, and takes time linear in its length.
 */
#include "language.h"

#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>

/* A refinable partition of 0 ... n-1. Marked elements are at the front of their set. */
struct partition {
	uint32_t set_count;
	uint32_t *element, *location, *set_of; /* shape [n] */
	uint32_t *first, *past, *marked;       /* shape [n]: of each set */
	uint32_t *touched;                     /* sets with marks; shape [n] */
	uint32_t touched_count;
};

/* Moves between useful states of a draft. */
struct moves {
	uint32_t count;
	uint32_t *tail, *head; /* shape [count] */
	uint32_t *class;
};

struct minimiser {
	struct shc_dfa_pool *pool;
	const struct draft *draft;
	uint32_t state_count; /* useful ones */
	uint32_t *number;   /* of each state of the draft: number among the useful ones, or NONE */
	uint32_t *original; /* shape [state_count] */
	struct moves moves;
	uint32_t *entering;      /* moves sorted by head; shape [moves.count] */
	uint32_t *entering_from; /* shape [state_count + 1] */
	struct partition blocks, cords;
};

static int partition_init(struct shc_dfa_pool *pool, struct partition *p, uint32_t n)
{
	uint32_t *block = scratch(pool, (size_t)n * 7 + 1, sizeof(*block));

	if (!block)
		return -ENOMEM;
	p->element = block;
	p->location = block + n;
	p->set_of = block + (size_t)2 * n;
	p->first = block + (size_t)3 * n;
	p->past = block + (size_t)4 * n;
	p->marked = block + (size_t)5 * n;
	p->touched = block + (size_t)6 * n;
	p->touched_count = 0;
	p->set_count = n ? 1 : 0;
	for (uint32_t i = 0; i < n; i++) {
		p->element[i] = p->location[i] = i;
		p->set_of[i] = 0;
	}
	if (n) {
		p->first[0] = p->marked[0] = 0;
		p->past[0] = n;
	}
	return 0;
}

static void partition_mark(struct partition *p, uint32_t element)
{
	uint32_t set = p->set_of[element];
	uint32_t at = p->location[element], to = p->first[set] + p->marked[set];

	if (at < to)
		return;
	p->element[at] = p->element[to];
	p->location[p->element[at]] = at;
	p->element[to] = element;
	p->location[element] = to;
	if (!p->marked[set]++)
		p->touched[p->touched_count++] = set;
}

/* Every set that is partly marked falls in two; the smaller half becomes the new set. */
static void partition_split(struct partition *p)
{
	while (p->touched_count) {
		uint32_t set = p->touched[--p->touched_count];
		uint32_t middle = p->first[set] + p->marked[set];
		uint32_t new_set = p->set_count;

		if (middle == p->past[set]) {
			p->marked[set] = 0;
			continue;
		}
		if (p->marked[set] <= p->past[set] - middle) {
			p->first[new_set] = p->first[set];
			p->past[new_set] = p->first[set] = middle;
		} else {
			p->past[new_set] = p->past[set];
			p->first[new_set] = p->past[set] = middle;
		}
		for (uint32_t i = p->first[new_set]; i < p->past[new_set]; i++)
			p->set_of[p->element[i]] = new_set;
		p->marked[set] = p->marked[new_set] = 0;
		p->set_count++;
	}
}

/* States from which acceptance can be reached, among those reachable from the start. */
static int find_useful(struct minimiser *m)
{
	const struct draft *draft = m->draft;
	uint32_t n = draft->state_count, k = draft->class_count, head = 0, tail = 0;
	uint32_t *queue = scratch(m->pool, n, sizeof(*queue));
	uint32_t *from = scratch_zero(m->pool, (size_t)n + 2, sizeof(*from));
	uint8_t *reached = scratch_zero(m->pool, n, 1);
	uint32_t *into;

	if (!queue || !from || !reached)
		return -ENOMEM;
	queue[tail++] = 0;
	reached[0] = 1;
	while (head < tail) {
		const uint32_t *row = draft->next + (size_t)queue[head++] * k;

		for (uint32_t c = 0; c < k; c++) {
			if (row[c] == NONE)
				continue;
			from[row[c] + 2]++;
			if (!reached[row[c]]) {
				reached[row[c]] = 1;
				queue[tail++] = row[c];
			}
		}
	}
	for (uint32_t s = 0; s < n; s++)
		from[s + 2] += from[s + 1];
	into = scratch(m->pool, (size_t)from[n + 1] + 1, sizeof(*into));
	if (!into)
		return -ENOMEM;
	for (uint32_t i = 0; i < tail; i++) {
		const uint32_t *row = draft->next + (size_t)queue[i] * k;

		for (uint32_t c = 0; c < k; c++) {
			if (row[c] != NONE)
				into[from[row[c] + 1]++] = queue[i];
		}
	}
	/* From here on `number` marks the useful states, by 0. */
	memset(m->number, 0xff, (size_t)n * sizeof(*m->number));
	m->state_count = 0;
	for (uint32_t i = 0; i < tail; i++) {
		if (draft->accepting[queue[i]]) {
			m->number[queue[i]] = 0;
			m->original[m->state_count++] = queue[i];
		}
	}
	for (uint32_t i = 0; i < m->state_count; i++) {
		uint32_t s = m->original[i];

		for (uint32_t j = from[s]; j < from[s + 1]; j++) {
			if (m->number[into[j]] == NONE) {
				m->number[into[j]] = 0;
				m->original[m->state_count++] = into[j];
			}
		}
	}
	for (uint32_t i = 0; i < m->state_count; i++)
		m->number[m->original[i]] = i;
	return 0;
}

static int collect_moves(struct minimiser *m)
{
	const struct draft *draft = m->draft;
	uint32_t k = draft->class_count;
	size_t capacity = 0;
	struct moves *moves = &m->moves;

	for (uint32_t i = 0; i < m->state_count; i++) {
		const uint32_t *row = draft->next + (size_t)m->original[i] * k;

		for (uint32_t c = 0; c < k; c++)
			capacity += row[c] != NONE && m->number[row[c]] != NONE;
	}
	if (capacity >= NONE || !charge(m->pool, capacity))
		return -E2BIG;
	moves->tail = scratch(m->pool, capacity * 3 + 1, sizeof(uint32_t));
	m->entering = scratch(m->pool, capacity + 1, sizeof(uint32_t));
	m->entering_from = scratch_zero(m->pool, (size_t)m->state_count + 2, sizeof(uint32_t));
	if (!moves->tail || !m->entering || !m->entering_from)
		return -ENOMEM;
	moves->head = moves->tail + capacity;
	moves->class = moves->head + capacity;
	moves->count = 0;
	/* Sorted by class, which is the first partition of the cords. */
	for (uint32_t c = 0; c < k; c++) {
		for (uint32_t i = 0; i < m->state_count; i++) {
			uint32_t to = draft->next[(size_t)m->original[i] * k + c];

			if (to == NONE || m->number[to] == NONE)
				continue;
			moves->tail[moves->count] = i;
			moves->head[moves->count] = m->number[to];
			moves->class[moves->count++] = c;
			m->entering_from[m->number[to] + 2]++;
		}
	}
	for (uint32_t s = 0; s < m->state_count; s++)
		m->entering_from[s + 2] += m->entering_from[s + 1];
	for (uint32_t e = 0; e < moves->count; e++)
		m->entering[m->entering_from[moves->head[e] + 1]++] = e;
	return 0;
}

static void cords_by_class(struct partition *cords, const struct moves *moves)
{
	if (!moves->count)
		return;
	cords->set_count = 0;
	for (uint32_t e = 0; e < moves->count; e++) {
		if (!e || moves->class[e] != moves->class[e - 1]) {
			if (e)
				cords->past[cords->set_count++] = e;
			cords->first[cords->set_count] = e;
			cords->marked[cords->set_count] = 0;
		}
		cords->set_of[e] = cords->set_count;
	}
	cords->past[cords->set_count++] = moves->count;
}

static int refine(struct minimiser *m)
{
	struct partition *blocks = &m->blocks, *cords = &m->cords;
	uint32_t block = 1, cord = 0;

	if (partition_init(m->pool, blocks, m->state_count) ||
		partition_init(m->pool, cords, m->moves.count))
		return -ENOMEM;
	for (uint32_t i = 0; i < m->state_count; i++) {
		if (m->draft->accepting[m->original[i]])
			partition_mark(blocks, i);
	}
	partition_split(blocks);
	cords_by_class(cords, &m->moves);
	while (cord < cords->set_count) {
		if (!charge(m->pool, cords->past[cord] - cords->first[cord]))
			return -E2BIG;
		for (uint32_t i = cords->first[cord]; i < cords->past[cord]; i++)
			partition_mark(blocks, m->moves.tail[cords->element[i]]);
		partition_split(blocks);
		cord++;
		for (; block < blocks->set_count; block++) {
			for (uint32_t i = blocks->first[block]; i < blocks->past[block]; i++) {
				uint32_t s = blocks->element[i];

				for (uint32_t j = m->entering_from[s]; j < m->entering_from[s + 1];
					j++)
					partition_mark(cords, m->entering[j]);
			}
			partition_split(cords);
		}
	}
	return 0;
}

/* The complete automaton of blocks, not yet in canonical order: block b, and the dead state behind them. */
struct quotient {
	uint32_t state_count, class_count;
	uint32_t *next;
	uint8_t *accepting;
	unsigned char class_of[256];
};

static int build_quotient(struct minimiser *m, struct quotient *q)
{
	uint32_t k = m->draft->class_count, n = m->blocks.set_count;
	size_t moves = ((size_t)n + 1) * k;

	q->class_count = k;
	q->next = scratch(m->pool, moves, sizeof(*q->next));
	q->accepting = scratch_zero(m->pool, (size_t)n + 1, 1);
	if (!q->next || !q->accepting)
		return -ENOMEM;
	if (!charge(m->pool, moves))
		return -E2BIG;
	for (size_t i = 0; i < moves; i++)
		q->next[i] = n;
	for (uint32_t e = 0; e < m->moves.count; e++)
		q->next[(size_t)m->blocks.set_of[m->moves.tail[e]] * k + m->moves.class[e]] =
			m->blocks.set_of[m->moves.head[e]];
	for (uint32_t b = 0; b < n; b++)
		q->accepting[b] =
			m->draft->accepting[m->original[m->blocks.element[m->blocks.first[b]]]];
	q->state_count = n + 1;
	memcpy(q->class_of, m->draft->class_of, 256);
	return 0;
}

static bool same_column(const struct quotient *q, uint32_t a, uint32_t b)
{
	for (uint32_t s = 0; s < q->state_count; s++) {
		if (q->next[(size_t)s * q->class_count + a] !=
			q->next[(size_t)s * q->class_count + b])
			return false;
	}
	return true;
}

/*
 * Classes with equal columns become one, and all are numbered in order of their first byte. @ret_old: an old class for
 * each new one. Columns are compared only where their sums agree.
 */
static uint32_t merge_classes(const struct quotient *q, unsigned char *class_of, uint32_t *ret_old)
{
	uint64_t sums[256] = {0};
	unsigned int merged[256];
	uint32_t count = 0;

	for (uint32_t s = 0; s < q->state_count; s++) {
		for (uint32_t c = 0; c < q->class_count; c++)
			sums[c] = (sums[c] ^ q->next[(size_t)s * q->class_count + c]) *
				  UINT64_C(0x9e3779b97f4a7c15);
	}
	memset(merged, 0xff, sizeof(merged));
	for (int b = 0; b < 256; b++) {
		uint32_t old = q->class_of[b], new_class = 0;

		if (merged[old] == UINT32_MAX) {
			while (new_class < count &&
				!(sums[ret_old[new_class]] == sums[old] &&
					same_column(q, ret_old[new_class], old)))
				new_class++;
			if (new_class == count)
				ret_old[count++] = old;
			if (PLANTED(MINIMISE_MERGES_CLASSES) && count == 4) {
				count = 3;
				new_class = 2;
			}
			merged[old] = new_class;
		}
		class_of[b] = (unsigned char)merged[old];
	}
	return count;
}

/* Breadth-first numbering from @start, then the pool's own copy. */
static int number_states(struct shc_dfa_pool *pool, const struct quotient *q, uint32_t start,
	const struct shc_dfa **ret)
{
	unsigned char class_of[256];
	uint32_t old_class[256], k = merge_classes(q, class_of, old_class), tail = 0;
	uint32_t *number = scratch(pool, q->state_count, sizeof(*number));
	uint32_t *order = scratch(pool, q->state_count, sizeof(*order));
	uint32_t *next = scratch(pool, (size_t)q->state_count * k, sizeof(*next));
	uint8_t *accepting = scratch(pool, q->state_count, 1);

	if (!number || !order || !next || !accepting)
		return -ENOMEM;
	memset(number, 0xff, q->state_count * sizeof(*number));
	number[start] = tail;
	order[tail++] = start;
	for (uint32_t s = 0; s < tail; s++) {
		const uint32_t *row = q->next + (size_t)order[s] * q->class_count;

		accepting[s] = q->accepting[order[s]];
		for (uint32_t c = 0; c < k; c++) {
			uint32_t to = row[old_class[c]];

			if (number[to] == NONE) {
				number[to] = tail;
				order[tail++] = to;
			}
			next[(size_t)s * k + c] = number[to];
		}
	}
	if (tail > pool->limits.states)
		return -E2BIG;
	return dfa_intern(pool, tail, k, class_of, next, accepting, ret);
}

int draft_finish(struct shc_dfa_pool *pool, const struct draft *draft, const struct shc_dfa **ret)
{
	struct minimiser m = {.pool = pool, .draft = draft};
	struct quotient q;
	int err;

	hb_assert(draft->state_count > 0);
	/* Moves are counted in 32 bits. */
	if ((uint64_t)draft->state_count * draft->class_count >= NONE ||
		!charge(pool, (uint64_t)draft->state_count * draft->class_count))
		return -E2BIG;
	m.number = scratch(pool, draft->state_count, sizeof(*m.number));
	m.original = scratch(pool, draft->state_count, sizeof(*m.original));
	if (!m.number || !m.original)
		return -ENOMEM;
	err = find_useful(&m);
	if (err)
		return err;
	if (m.number[0] == NONE) {
		*ret = pool->empty;
		return 0;
	}
	err = collect_moves(&m);
	if (!err)
		err = refine(&m);
	if (!err)
		err = build_quotient(&m, &q);
	if (!err)
		err = number_states(pool, &q, m.blocks.set_of[m.number[0]], ret);
	return err;
}

/* What dfa_measure() works with: live moves into each state. */
struct measure {
	uint32_t *from, *into; /* live moves by head: into[from[s]] ... into[from[s + 1] - 1] */
	uint32_t *queue;
	uint32_t *degree;
	uint64_t *count, *length;
};

static int collect_entering(struct shc_dfa_pool *pool, const struct shc_dfa *dfa, struct measure *m)
{
	uint32_t n = dfa->state_count, k = dfa->class_count;
	size_t moves = (size_t)n * k;

	m->from = scratch_zero(pool, (size_t)n + 2, sizeof(uint32_t));
	m->into = scratch(pool, moves, sizeof(uint32_t));
	m->queue = scratch(pool, n, sizeof(uint32_t));
	m->degree = scratch_zero(pool, n, sizeof(uint32_t));
	m->count = scratch_zero(pool, n, sizeof(uint64_t));
	m->length = scratch_zero(pool, n, sizeof(uint64_t));
	if (!m->from || !m->into || !m->queue || !m->degree || !m->count || !m->length)
		return -ENOMEM;
	for (size_t i = 0; i < moves; i++)
		m->from[dfa->next[i] + 2]++;
	for (uint32_t s = 0; s < n; s++)
		m->from[s + 2] += m->from[s + 1];
	for (uint32_t s = 0; s < n; s++) {
		for (uint32_t c = 0; c < k; c++)
			m->into[m->from[dfa_move(dfa, s, c) + 1]++] = s;
	}
	return 0;
}

/* Distances by a search backwards from acceptance. */
static void measure_distance(struct shc_dfa *dfa, struct measure *m)
{
	uint32_t tail = 0;

	dfa->dead = NONE;
	for (uint32_t s = 0; s < dfa->state_count; s++) {
		dfa->distance[s] = dfa->accepting[s] ? 0 : NONE;
		if (dfa->accepting[s])
			m->queue[tail++] = s;
	}
	for (uint32_t i = 0; i < tail; i++) {
		uint32_t s = m->queue[i];

		for (uint32_t j = m->from[s]; j < m->from[s + 1]; j++) {
			if (dfa->distance[m->into[j]] == NONE) {
				dfa->distance[m->into[j]] = dfa->distance[s] + 1;
				m->queue[tail++] = m->into[j];
			}
		}
	}
	for (uint32_t s = 0; s < dfa->state_count; s++) {
		if (dfa->distance[s] == NONE)
			dfa->dead = s;
	}
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) || sum == SHC_INFINITE ? SHC_INFINITE - 1 : sum;
}

static uint64_t saturating_mul(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) || product == SHC_INFINITE ? SHC_INFINITE - 1
										 : product;
}

/*
 * Strings and longest length from each state on, last states first; live states that are left over are on a cycle or
 * before one, and then the language is infinite.
 */
static void measure_count(struct shc_dfa *dfa, struct measure *m)
{
	uint32_t class_bytes[256] = {0}, tail = 0, live = 0;

	for (int b = 0; b < 256; b++)
		class_bytes[dfa->class_of[b]]++;
	for (uint32_t s = 0; s < dfa->state_count; s++) {
		if (s == dfa->dead)
			continue;
		live++;
		for (uint32_t c = 0; c < dfa->class_count; c++)
			m->degree[s] += dfa_move(dfa, s, c) != dfa->dead;
		if (!m->degree[s])
			m->queue[tail++] = s;
	}
	for (uint32_t i = 0; i < tail; i++) {
		uint32_t s = m->queue[i];

		m->count[s] = dfa->accepting[s];
		for (uint32_t c = 0; c < dfa->class_count; c++) {
			uint32_t to = dfa_move(dfa, s, c);

			if (to == dfa->dead)
				continue;
			m->count[s] = saturating_add(
				m->count[s], saturating_mul(m->count[to], class_bytes[c]));
			if (m->length[to] + 1 > m->length[s])
				m->length[s] = m->length[to] + 1;
		}
		for (uint32_t j = m->from[s]; j < m->from[s + 1]; j++) {
			if (!--m->degree[m->into[j]])
				m->queue[tail++] = m->into[j];
		}
	}
	dfa->count = tail < live ? SHC_INFINITE : dfa->dead == 0 ? 0 : m->count[0];
	dfa->length_max = tail < live ? SHC_INFINITE : dfa->dead == 0 ? 0 : m->length[0];
}

int dfa_measure(struct shc_dfa_pool *pool, struct shc_dfa *dfa)
{
	struct scratch_mark mark = operation_begin(pool);
	struct measure m;
	int err = collect_entering(pool, dfa, &m);

	if (!err) {
		measure_distance(dfa, &m);
		measure_count(dfa, &m);
	}
	operation_end(pool, mark);
	return err;
}
