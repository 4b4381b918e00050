/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "closed_class.h"
#include "metastable/generator.h"

#define UNSEEN 0
#define DONE UINT32_MAX

/* Tarjan's walk without recursion: chains are far longer than the stack. */
struct search {
	const struct ms_generator *g;
	uint32_t *index; /* UNSEEN, order of discovery + 1, or DONE */
	uint32_t *low;   /* smallest index that is reached from here */
	uint64_t *next;  /* jump to be followed next */
	uint32_t *path, *stack;
	uint32_t path_length, stack_length, found;
	uint32_t classes; /* closed ones */
	uint8_t *member;
	uint32_t count;
};

static void visit(struct search *s, uint32_t state)
{
	s->index[state] = s->low[state] = ++s->found;
	s->next[state] = s->g->row_start[state];
	s->path[s->path_length++] = state;
	s->stack[s->stack_length++] = state;
}

/* The component of @root is complete: note it if nothing leads out of it. */
static void complete(struct search *s, uint32_t root)
{
	uint32_t first = s->stack_length, last = s->stack_length;
	bool closed = true;

	while (s->stack[first - 1] != root)
		first--;
	first--;
	/* Jumps within the component end at states that are not DONE yet. */
	for (uint32_t k = first; k < last && closed; k++) {
		uint32_t i = s->stack[k];

		for (uint64_t e = s->g->row_start[i]; e < s->g->row_start[i + 1]; e++)
			closed = closed && s->index[s->g->target[e]] != DONE;
	}
	for (uint32_t k = first; k < last; k++) {
		s->index[s->stack[k]] = DONE;
		if (closed && s->classes == 0)
			s->member[s->stack[k]] = 1;
	}
	if (closed && s->classes++ == 0)
		s->count = last - first;
	s->stack_length = first;
}

static void search_from(struct search *s, uint32_t start)
{
	visit(s, start);
	while (s->path_length > 0) {
		uint32_t i = s->path[s->path_length - 1];

		if (s->next[i] < s->g->row_start[i + 1]) {
			uint32_t to = s->g->target[s->next[i]++];

			if (s->index[to] == UNSEEN)
				visit(s, to);
			else if (s->index[to] != DONE && s->index[to] < s->low[i])
				s->low[i] = s->index[to];
			continue;
		}
		s->path_length--;
		if (s->low[i] == s->index[i])
			complete(s, i);
		else if (s->low[i] < s->low[s->path[s->path_length - 1]])
			s->low[s->path[s->path_length - 1]] = s->low[i];
	}
}

int closed_class(const struct ms_generator *generator, uint8_t *ret_member, uint32_t *ret_count)
{
	uint32_t states = generator->states;
	struct search s = {.g = generator, .member = ret_member};
	int r = 0;

	memset(ret_member, 0, states);
	s.index = calloc(states, sizeof(*s.index));
	s.low = malloc(states * sizeof(*s.low));
	s.next = malloc(states * sizeof(*s.next));
	s.path = malloc(states * sizeof(*s.path));
	s.stack = malloc(states * sizeof(*s.stack));
	if (s.index == NULL || s.low == NULL || s.next == NULL || s.path == NULL || s.stack == NULL)
		r = -ENOMEM;
	for (uint32_t i = 0; i < states && r == 0; i++) {
		if (s.index[i] == UNSEEN)
			search_from(&s, i);
	}
	/* A later search can only end where an earlier one has been, or find a class of its own. */
	if (r == 0 && s.classes != 1)
		r = -EDOM;
	if (r == 0)
		*ret_count = s.count;
	free(s.index);
	free(s.low);
	free(s.next);
	free(s.path);
	free(s.stack);
	return r;
}
