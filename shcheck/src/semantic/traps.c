/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "traps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "mistake.h"
#include "inclusion.h"

enum { ROUNDS_MAX = 14 };

/* The states in which one action of a signal may begin, joined. */
struct shc_interruptions {
	struct shc_trap trap;
	struct shc_state *state;
	uint32_t round;
	struct shc_interruptions *next;
};

static const struct shc_traps none;

static const struct shc_traps *first_of(const struct shc_state *state)
{
	return state->traps ? state->traps : &none;
}

static bool is_set(const struct shc_trap *trap)
{
	struct shc_text text;

	return trap->site && !(shc_term_known(trap->action, &text) && !text.length);
}

/* A copy of @traps with the entries that @keep says; NULL when there is no memory. */
static const struct shc_traps *filtered(struct shc_interpreter *in, const struct shc_traps *traps,
	bool (*keep)(const struct shc_state *state, int kind, const struct shc_trap *trap),
	const struct shc_state *state)
{
	struct shc_traps *first = NULL, *last = NULL;

	for (; traps; traps = traps->also) {
		struct shc_traps *copy = shc_arena_take(in->arena, sizeof(*copy));

		if (!copy)
			return NULL;
		*copy = *traps;
		copy->also = NULL;
		for (int i = 0; i < SHC_TRAP_COUNT; i++)
			if (!keep(state, i, &copy->entries[i]))
				copy->entries[i] = (struct shc_trap){0};
		if (last)
			last->also = copy;
		else
			first = copy;
		last = copy;
	}
	return first;
}

/* The doubt and the option by which functions and subshells keep the trap @kind; 0: none. */
static unsigned int doubt_of(int kind)
{
	return kind == SHC_TRAP_ERROR                              ? SHC_DOUBT_ERRTRACE
	       : kind == SHC_TRAP_DEBUG || kind == SHC_TRAP_RETURN ? SHC_DOUBT_FUNCTRACE
								   : 0;
}

static bool is_traced(const struct shc_state *state, int kind)
{
	return kind == SHC_TRAP_ERROR ? state->errtrace : state->functrace;
}

/* What a function keeps where options that are in doubt are off; and where they are on. */
static bool stays_surely(const struct shc_state *state, int kind, const struct shc_trap *trap)
{
	(void)trap;
	return !doubt_of(kind) || is_traced(state, kind);
}

static bool stays_perhaps(const struct shc_state *state, int kind, const struct shc_trap *trap)
{
	return stays_surely(state, kind, trap) || state->doubtful & doubt_of(kind);
}

static bool is_signal(int kind)
{
	return kind != SHC_TRAP_EXIT && !doubt_of(kind);
}

static bool stays_in_subshell(const struct shc_state *state, int kind, const struct shc_trap *trap)
{
	return doubt_of(kind) ? stays_surely(state, kind, trap) : !is_set(trap);
}

static bool perhaps_in_subshell(
	const struct shc_state *state, int kind, const struct shc_trap *trap)
{
	return doubt_of(kind) ? stays_perhaps(state, kind, trap) : !is_set(trap);
}

static bool is_not_end(const struct shc_state *state, int kind, const struct shc_trap *trap)
{
	(void)state;
	(void)trap;
	return kind != SHC_TRAP_EXIT;
}

static bool is_among(const struct shc_traps *list, const struct shc_traps *one)
{
	for (; list; list = list->also) {
		int i = 0;

		while (i < SHC_TRAP_COUNT && list->entries[i].site == one->entries[i].site &&
			list->entries[i].action == one->entries[i].action)
			i++;
		if (i == SHC_TRAP_COUNT)
			return true;
	}
	return false;
}

/* Keep what @surely says, or, where options are in doubt, perhaps what @perhaps says. 0 or -ENOMEM. */
static int keep_either(struct shc_interpreter *in, struct shc_state *state,
	bool (*surely)(const struct shc_state *state, int kind, const struct shc_trap *trap),
	bool (*perhaps)(const struct shc_state *state, int kind, const struct shc_trap *trap))
{
	const struct shc_traps *old = state->traps, *more, *at;

	if (!old)
		return 0;
	state->traps = filtered(in, old, surely, state);
	if (!state->traps)
		return -ENOMEM;
	if (!(state->doubtful & (SHC_DOUBT_ERRTRACE | SHC_DOUBT_FUNCTRACE)))
		return 0;
	more = filtered(in, old, perhaps, state);
	if (!more)
		return -ENOMEM;
	for (; more; more = at) {
		at = more->also;
		if (is_among(state->traps, more))
			continue;
		/* Made just now, and nobody else has it. */
		((struct shc_traps *)(uintptr_t)more)->also = state->traps;
		state->traps = more;
	}
	return 0;
}

int shc_traps_enter_subshell(struct shc_interpreter *in, struct shc_state *state)
{
	return keep_either(in, state, stays_in_subshell, perhaps_in_subshell);
}

int shc_traps_enter_function(struct shc_interpreter *in, struct shc_state *state)
{
	return MADE(FUNCTION_KEEPS_TRAPS) ? 0 : keep_either(in, state, stays_surely, stays_perhaps);
}

/* One of the caller's alternatives, with what the function has set itself. NULL when there is no memory. */
static struct shc_traps *left_by(struct shc_interpreter *in, const struct shc_traps *inner,
	const struct shc_traps *outer, const struct shc_traps *also)
{
	struct shc_traps *made = shc_arena_take(in->arena, sizeof(*made));

	if (!made)
		return NULL;
	*made = *inner;
	made->also = also;
	for (int i = 0; i < SHC_TRAP_COUNT; i++)
		if (doubt_of(i) && !inner->entries[i].site)
			made->entries[i] = outer->entries[i];
	return made;
}

int shc_traps_leave_function(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_traps *outer)
{
	const struct shc_traps *all = NULL;

	if (!outer)
		return 0;
	for (const struct shc_traps *t = first_of(state); t; t = t->also)
		for (const struct shc_traps *o = outer; o; o = o->also) {
			const struct shc_traps *one = left_by(in, t, o, all);

			if (!one)
				return -ENOMEM;
			if (!is_among(all, one))
				all = one;
		}
	state->traps = all;
	return 0;
}

int shc_traps_drop_end(struct shc_interpreter *in, struct shc_state *state)
{
	if (!state->traps)
		return 0;
	state->traps = filtered(in, state->traps, is_not_end, state);
	return state->traps ? 0 : -ENOMEM;
}

/* ---- The built-in --------------------------------------------------------------------------------------------- */

static int kind_of(struct shc_text name)
{
	static const struct {
		const char *name, *number;
		enum shc_trap_kind kind;
	} known[] = {{"EXIT", "0", SHC_TRAP_EXIT}, {"ERR", "ERR", SHC_TRAP_ERROR},
		{"HUP", "1", SHC_TRAP_HANGUP}, {"INT", "2", SHC_TRAP_INTERRUPT},
		{"QUIT", "3", SHC_TRAP_QUIT}, {"TERM", "15", SHC_TRAP_TERMINATE},
		{"DEBUG", "DEBUG", SHC_TRAP_DEBUG}, {"RETURN", "RETURN", SHC_TRAP_RETURN}};

	if (name.length > 3 && !memcmp(name.bytes, "SIG", 3)) {
		name.bytes += 3;
		name.length -= 3;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (shc_text_is(name, known[i].name) || shc_text_is(name, known[i].number))
			return (int)known[i].kind;
	return SHC_TRAP_OTHER;
}

static bool is_number(const struct shc_term *term)
{
	struct shc_text text;

	if (!shc_term_known(term, &text) || !text.length)
		return false;
	for (uint32_t i = 0; i < text.length; i++)
		if (text.bytes[i] < '0' || text.bytes[i] > '9')
			return false;
	return true;
}

/* Give @kind of every alternative the action; NULL resets it. 0 or -ENOMEM. */
static int set_trap(const struct shc_call *call, struct shc_state *state, int kind,
	const struct shc_term *action)
{
	struct shc_interpreter *in = call->in;
	const struct shc_traps *old = first_of(state);
	struct shc_traps *first = NULL, *last = NULL;

	if (kind == SHC_TRAP_EXIT && !old->also && is_set(&old->entries[kind]) && action)
		shc_check_replaced(call, &old->entries[kind], action);
	for (; old; old = old->also) {
		struct shc_traps *copy = shc_arena_take(in->arena, sizeof(*copy));

		if (!copy)
			return -ENOMEM;
		*copy = *old;
		copy->also = NULL;
		copy->entries[kind] =
			action ? (struct shc_trap){call->command, action} : (struct shc_trap){0};
		if (last)
			last->also = copy;
		else
			first = copy;
		last = copy;
	}
	state->traps = first;
	return 0;
}

int shc_trap_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t first = 1, count = call->fields.count;
	const struct shc_term *action = NULL;
	struct shc_text option;
	bool refused = false; /* dash knows no such trap */
	int r = 0;

	if (first < count && shc_term_is(call->values[first], "--"))
		first++;
	else if (first < count && shc_term_known(call->values[first], &option) &&
		 option.length > 1 && option.bytes[0] == '-')
		first = count; /* -p and -l only print */
	if (first < count && !is_number(call->values[first]) &&
		!shc_term_is(call->values[first], "-"))
		action = call->values[first];
	if (first < count && !is_number(call->values[first]))
		first++;
	for (uint32_t i = first; i < count && !r; i++) {
		struct shc_text name;
		int kind = shc_term_known(call->values[i], &name) ? kind_of(name) : -1;

		if (kind < 0 || !shc_field_is_one(&call->fields.items[i]))
			shc_approximate(call->in, call->command);
		else if (doubt_of(kind) && call->in->script->dialect != SHC_BASH)
			refused = true;
		else
			r = set_trap(call, state, kind, action);
	}
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	shc_set_status(state, call->command, refused, refused);
	return shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
}

/* ---- The end -------------------------------------------------------------------------------------------------- */

/* Run one EXIT action from a copy of @state. */
static int run_at_end(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_trap *trap, struct shc_outcomes *out)
{
	struct shc_state *copy = shc_state_clone(state);
	uint32_t suppressed = in->suppressed;
	int r = copy ? shc_traps_drop_end(in, copy) : -ENOMEM;

	if (r) {
		shc_state_destroy(copy);
		return r;
	}
	if (!is_set(trap))
		return shc_outcomes_add(in, out, copy, SHC_FLOW_EXIT, 0);
	in->suppressed = 0;
	r = shc_run_action(in, trap->site, trap->action, copy, out);
	in->suppressed = suppressed;
	return r;
}

int shc_traps_at_end(struct shc_interpreter *in, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes ends = {0};
	int r = 0;

	if (!state->traps || MADE(END_TRAP_FORGOTTEN))
		return shc_outcomes_add(in, out, state, SHC_FLOW_EXIT, 0);
	for (const struct shc_traps *t = state->traps; t && !r; t = t->also)
		r = run_at_end(in, state, &t->entries[SHC_TRAP_EXIT], &ends);
	for (uint32_t i = 0; i < ends.count; i++) {
		struct shc_outcome *item = &ends.items[i];

		/* The status is that of the end, unless the action leaves with one of its own. */
		if (item->flow != SHC_FLOW_EXIT)
			item->state->status = state->status;
		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, out, item->state, SHC_FLOW_EXIT, 0);
	}
	ends.count = 0;
	shc_outcomes_finish(&ends);
	shc_state_destroy(state);
	return r;
}

/* ---- Between commands ------------------------------------------------------------------------------------------- */

bool shc_trap_set(const struct shc_interpreter *in, const struct shc_state *state, int kind)
{
	if (in->in_traps >> kind & 1 || in->script->dialect != SHC_BASH ||
		(MADE(DEBUG_IGNORED) && kind == SHC_TRAP_DEBUG) ||
		(MADE(RETURN_TRAP_IGNORED) && kind == SHC_TRAP_RETURN))
		return false;
	for (const struct shc_traps *t = state->traps; t; t = t->also)
		if (is_set(&t->entries[kind]))
			return true;
	return false;
}

/* Run one action from a copy of @state; $? is afterwards as it was. */
static int run_between(struct shc_interpreter *in, const struct shc_state *state, int kind,
	const struct shc_trap *trap, struct shc_outcomes *out)
{
	struct shc_state *copy = shc_state_clone(state);
	const struct shc_command *current = in->current;
	struct shc_outcomes results = {0};
	int r = 0;

	if (!copy)
		return -ENOMEM;
	if (!is_set(trap))
		return shc_outcomes_add(in, out, copy, SHC_FLOW_NEXT, 0);
	/* `return` has set a status that is not seen yet. */
	if (kind == SHC_TRAP_RETURN)
		shc_set_status(copy, trap->site, 0, 255);
	in->in_traps |= 1u << kind;
	r = shc_run_action(in, trap->site, trap->action, copy, &results);
	in->in_traps &= ~(1u << kind);
	in->current = current;
	for (uint32_t i = 0; i < results.count; i++) {
		struct shc_outcome *item = &results.items[i];

		if (item->flow == SHC_FLOW_NEXT)
			item->state->status = state->status;
		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	results.count = 0;
	shc_outcomes_finish(&results);
	return r;
}

int shc_traps_between(
	struct shc_interpreter *in, struct shc_state *state, int kind, struct shc_outcomes *out)
{
	int r = 0;

	for (const struct shc_traps *t = state->traps; t && !r; t = t->also)
		r = run_between(in, state, kind, &t->entries[kind], out);
	shc_state_destroy(state);
	return r;
}

/* ---- Signals -------------------------------------------------------------------------------------------------- */

static int note_one(
	struct shc_interpreter *in, const struct shc_trap *trap, const struct shc_state *state)
{
	struct shc_interruptions *at = in->interruptions;
	int r;

	while (at && (at->trap.site != trap->site || at->trap.action != trap->action))
		at = at->next;
	if (!at) {
		at = shc_arena_take(in->arena, sizeof(*at));
		if (!at)
			return -ENOMEM;
		at->trap = *trap;
		at->state = shc_state_clone(state);
		at->next = in->interruptions;
		in->interruptions = at;
		return at->state ? 0 : -ENOMEM;
	}
	/* Its action has run already: what comes now are functions that nothing calls. */
	if (!at->state)
		return 0;
	if (shc_state_covers(at->state, state, in->pool))
		return 0;
	r = shc_state_join(at->state, state, in->terms, 16, at->round, trap->site->range);
	at->round += at->round < ROUNDS_MAX;
	return r;
}

int shc_traps_note(struct shc_interpreter *in, const struct shc_state *state)
{
	int r = 0;

	/* A subshell is another process, with traps of its own. */
	for (const struct shc_traps *t = state->traps; t && !in->at_signal && !r; t = t->also)
		for (int i = 0; i < SHC_TRAP_COUNT && !r; i++)
			if (is_signal(i) && is_set(&t->entries[i]))
				r = note_one(in, &t->entries[i], state);
	return r;
}

int shc_traps_at_signals(struct shc_interpreter *in)
{
	int r = 0;

	in->at_signal = true;
	for (struct shc_interruptions *at = in->interruptions; at && !r; at = at->next) {
		struct shc_outcomes results = {0}, ends = {0};
		struct shc_state *state = at->state;

		at->state = NULL;
		state->substituted_count = 0;
		state->output = NULL;
		r = shc_run_action(in, at->trap.site, at->trap.action, state, &results);
		for (uint32_t i = 0; i < results.count; i++) {
			if (r || results.items[i].flow != SHC_FLOW_EXIT)
				shc_state_destroy(results.items[i].state);
			else
				r = shc_traps_at_end(in, results.items[i].state, &ends);
		}
		results.count = 0;
		shc_outcomes_finish(&results);
		shc_outcomes_finish(&ends);
	}
	in->at_signal = false;
	return r;
}

void shc_interruptions_finish(struct shc_interpreter *in)
{
	for (struct shc_interruptions *at = in->interruptions; at; at = at->next)
		shc_state_destroy(at->state);
	in->interruptions = NULL;
}
