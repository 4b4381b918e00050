/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "traps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arena.h"
#include "inclusion.h"
#include "mistake.h"
#include "parameter.h"
#include "printing.h"
#include "trap_set.h"

enum { ROUNDS_MAX = 14 };

/* The states in which one action of a signal may begin, joined. */
struct shc_interruptions {
	struct shc_trap trap;
	struct shc_state *state;
	uint32_t round;
	struct shc_interruptions *next;
};

static bool is_set(const struct shc_trap *trap)
{
	struct shc_text text;

	return trap->site && !(trap->action && shc_term_known(trap->action, &text) && !text.length);
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

/* Keep what @surely says, or, where options are in doubt, perhaps what @perhaps says. 0 or -ENOMEM. */
static int keep_either(struct shc_interpreter *in, struct shc_state *state,
	bool (*surely)(const struct shc_state *state, int kind, const struct shc_trap *trap),
	bool (*perhaps)(const struct shc_state *state, int kind, const struct shc_trap *trap))
{
	static const struct shc_trap nothing;
	struct shc_trap_set old, kept = {0};

	if (!state->traps)
		return 0;
	shc_trap_set_of(state->traps, &old);
	for (int i = 0; i < SHC_TRAP_COUNT; i++)
		for (uint32_t j = 0; j < old.counts[i]; j++) {
			const struct shc_trap *trap = &old.items[i][j];
			bool stays = surely(state, i, trap);

			if (stays || perhaps(state, i, trap))
				shc_trap_set_add(&kept, i, trap);
			if (!stays)
				shc_trap_set_add(&kept, i, &nothing);
		}
	state->traps = shc_trap_set_build(&kept, state, state, in->terms, 0);
	return state->traps ? 0 : -ENOMEM;
}

int shc_traps_enter_subshell(struct shc_interpreter *in, struct shc_state *state)
{
	return keep_either(in, state, stays_in_subshell, perhaps_in_subshell);
}

int shc_traps_enter_function(struct shc_interpreter *in, struct shc_state *state)
{
	return MADE(FUNCTION_KEEPS_TRAPS) ? 0 : keep_either(in, state, stays_surely, stays_perhaps);
}

int shc_traps_leave_function(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_traps *outer)
{
	struct shc_trap_set inner, before, left = {0};

	if (!outer)
		return 0;
	shc_trap_set_of(state->traps, &inner);
	shc_trap_set_of(outer, &before);
	for (int i = 0; i < SHC_TRAP_COUNT; i++)
		for (uint32_t j = 0; j < inner.counts[i]; j++) {
			if (!doubt_of(i) || inner.items[i][j].site) {
				shc_trap_set_add(&left, i, &inner.items[i][j]);
				continue;
			}
			for (uint32_t k = 0; k < before.counts[i]; k++)
				shc_trap_set_add(&left, i, &before.items[i][k]);
		}
	state->traps = shc_trap_set_build(&left, state, state, in->terms, 0);
	return state->traps ? 0 : -ENOMEM;
}

int shc_traps_drop_end(struct shc_interpreter *in, struct shc_state *state)
{
	return keep_either(in, state, is_not_end, is_not_end);
}

/* ---- The built-in --------------------------------------------------------------------------------------------- */

enum {
	NO_TRAP = -1,      /* there is no such signal */
	UNKNOWN_TRAP = -2, /* it may be any of them */
};

/* Other signals than those that are kept apart. */
static const char *const signals[] = {"ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV",
	"USR2", "PIPE", "ALRM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
	"XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"};

static bool is_signal_name(struct shc_text name)
{
	uint32_t number = 0, i = 0;

	for (size_t j = 0; j < sizeof(signals) / sizeof(*signals); j++)
		if (name.length == strlen(signals[j]) &&
			!strncasecmp(name.bytes, signals[j], name.length))
			return true;
	if (name.length >= 5 && !strncasecmp(name.bytes, "RTM", 3))
		return true;
	while (i < name.length && i < 3 && name.bytes[i] >= '0' && name.bytes[i] <= '9')
		number = number * 10 + (uint32_t)(name.bytes[i++] - '0');
	return i && i == name.length && number <= 64;
}

static int kind_of(struct shc_text name, bool bash)
{
	static const struct {
		const char *name, *number;
		enum shc_trap_kind kind;
	} known[] = {{"EXIT", "0", SHC_TRAP_EXIT}, {"ERR", "ERR", SHC_TRAP_ERROR},
		{"HUP", "1", SHC_TRAP_HANGUP}, {"INT", "2", SHC_TRAP_INTERRUPT},
		{"QUIT", "3", SHC_TRAP_QUIT}, {"TERM", "15", SHC_TRAP_TERMINATE},
		{"DEBUG", "DEBUG", SHC_TRAP_DEBUG}, {"RETURN", "RETURN", SHC_TRAP_RETURN}};

	/* Only bash knows this. */
	if (bash && name.length > 3 && !strncasecmp(name.bytes, "SIG", 3)) {
		name.bytes += 3;
		name.length -= 3;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if ((name.length == strlen(known[i].name) &&
			    !strncasecmp(name.bytes, known[i].name, name.length)) ||
			shc_text_is(name, known[i].number))
			return (int)known[i].kind;
	return is_signal_name(name) ? (int)SHC_TRAP_OTHER : NO_TRAP;
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

/* Give @kind the action; NULL resets it. 0 or -ENOMEM. */
static int set_trap(const struct shc_call *call, struct shc_state *state, int kind,
	const struct shc_term *action)
{
	const struct shc_trap trap = {.site = action ? call->command : NULL, .action = action};
	struct shc_trap_set set;

	shc_trap_set_of(state->traps, &set);
	if (kind == SHC_TRAP_EXIT && set.counts[kind] == 1 && set.items[kind][0].action &&
		is_set(&set.items[kind][0]) && action)
		shc_check_replaced(call, &set.items[kind][0], action);
	set.counts[kind] = 0;
	shc_trap_set_add(&set, kind, &trap);
	state->traps = shc_trap_set_build(&set, state, state, call->in->terms, 0);
	return state->traps ? 0 : -ENOMEM;
}

int shc_traps_anything(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_command *site)
{
	struct shc_traps *any = shc_arena_take(in->arena, sizeof(*any));

	if (!any)
		return -ENOMEM;
	*any = (struct shc_traps){0};
	for (int i = 0; i < SHC_TRAP_COUNT; i++)
		if (in->script->dialect == SHC_BASH || !doubt_of(i))
			any->entries[i].site = site;
	state->traps = any;
	shc_approximate(in, site);
	return 0;
}

/* May the operand that is not known be none of the actions, but an option, "-" or a number? */
static bool may_be_no_action(
	const struct shc_call *call, const struct shc_state *state, uint32_t index)
{
	const struct shc_dfa *language;
	struct shc_byte_set first;

	struct shc_text text;

	if (!shc_field_is_one(&call->fields.items[index]))
		return true;
	if (shc_term_known(call->values[index], &text))
		return false;
	if (shc_state_term_language(state, call->in->pool, call->values[index], &language))
		return true;
	first = shc_dfa_first_bytes(language);
	for (char digit = '0'; digit <= '9'; digit++)
		if (shc_byte_set_has(&first, digit))
			return true;
	return shc_byte_set_has(&first, '-');
}

/* The operands from @first on name what gets @action. 0, 1 (one of them was refused) or -ENOMEM. */
static int set_all(const struct shc_call *call, struct shc_state *state, uint32_t first,
	const struct shc_term *action)
{
	bool bash = call->in->script->dialect == SHC_BASH, refused = false;
	int r = 0;

	for (uint32_t i = first; i < call->fields.count && !r; i++) {
		struct shc_text name;
		int kind = shc_term_known(call->values[i], &name) &&
					   shc_field_is_one(&call->fields.items[i])
				   ? kind_of(name, bash)
				   : UNKNOWN_TRAP;

		/* dash knows no such trap, and looks no further. */
		if (kind == NO_TRAP || (kind >= 0 && doubt_of(kind) && !bash)) {
			refused = true;
			if (!bash)
				return 1;
		} else if (kind == UNKNOWN_TRAP) {
			refused = true;
			r = shc_traps_anything(call->in, state, call->command);
		} else {
			r = set_trap(call, state, kind, action);
		}
	}
	return r ? r : refused;
}

int shc_trap_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t first = 1, count = call->fields.count;
	const struct shc_term *action = NULL;
	struct shc_text text;
	int r = 0;

	if (first < count && shc_term_is(call->values[first], "--"))
		first++;
	else if (first < count && shc_term_known(call->values[first], &text) && text.length > 1 &&
		 text.bytes[0] == '-')
		first = count; /* -p and -l only print */
	if (first >= count) {
		const struct shc_term *shown = shc_unknown(call->in, SHC_ORIGIN_OUTPUT,
			shc_dfa_text(call->in->pool), call->command->range);

		if (!shown || shc_capture(call, state, shown)) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
	} else if (may_be_no_action(call, state, first)) {
		r = shc_traps_anything(call->in, state, call->command);
		r = r ? r : 1;
	} else {
		/* One operand, or a number: these are to be as at the start. */
		bool resets = is_number(call->values[first]) || first + 1 == count;

		if (!resets && !shc_term_is(call->values[first], "-"))
			action = call->values[first];
		r = set_all(call, state, first + !resets, action);
	}
	if (r < 0) {
		shc_state_destroy(state);
		return r;
	}
	shc_set_status(state, call->command, 0, r ? 2 : 0);
	return shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
}

/* ---- The end -------------------------------------------------------------------------------------------------- */

/*
 * Run an action, or what may be any: then there may be none, and it may end the shell. Takes @state; ends and what goes
 * on are told apart by their flow.
 */
static int run_action(struct shc_interpreter *in, const struct shc_trap *trap,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_state *same, *ended;
	int r;

	if (trap->action)
		return shc_run_action(in, trap->site, trap->action, state, out);
	same = shc_state_clone(state);
	r = same ? shc_outcomes_add(in, out, same, SHC_FLOW_NEXT, 0) : -ENOMEM;
	if (r || shc_forget_variables(in, state, trap->site)) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	ended = shc_state_clone(state);
	if (!ended) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	shc_set_status(ended, trap->site, 0, 255);
	r = shc_outcomes_add(in, out, ended, SHC_FLOW_EXIT, SHC_END_ANY);
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	return shc_run_unread(in, trap->site, state, out);
}

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
	in->ending++;
	r = run_action(in, trap, copy, out);
	in->ending--;
	in->suppressed = suppressed;
	return r;
}

int shc_traps_at_end(struct shc_interpreter *in, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes ends = {0};
	struct shc_trap_set set;
	int r = 0;

	if (!state->traps || MADE(END_TRAP_FORGOTTEN))
		return shc_outcomes_add(in, out, state, SHC_FLOW_EXIT, 0);
	shc_trap_set_of(state->traps, &set);
	for (uint32_t i = 0; i < set.counts[SHC_TRAP_EXIT] && !r; i++)
		r = run_at_end(in, state, &set.items[SHC_TRAP_EXIT][i], &ends);
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

/*
 * The shell ends within the action of @kind. Where an error does it, bash does not take that for over: it does not
 * begin again in what runs at the end. 0 or -ENOMEM.
 */
static int doubt_kind(struct shc_interpreter *in, struct shc_state *state, int kind)
{
	static const struct shc_trap nothing;
	struct shc_trap_set set;

	shc_trap_set_of(state->traps, &set);
	shc_trap_set_add(&set, kind, &nothing);
	state->traps = shc_trap_set_build(&set, state, state, in->terms, 0);
	return state->traps ? 0 : -ENOMEM;
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
	r = run_action(in, trap, copy, &results);
	in->in_traps &= ~(1u << kind);
	in->current = current;
	for (uint32_t i = 0; i < results.count; i++) {
		struct shc_outcome *item = &results.items[i];

		if (item->flow == SHC_FLOW_NEXT)
			item->state->status = state->status;
		else if (!r && item->flow == SHC_FLOW_EXIT)
			r = doubt_kind(in, item->state, kind);
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
	struct shc_trap_set set;
	int r = 0;

	shc_trap_set_of(state->traps, &set);
	for (uint32_t i = 0; i < set.counts[kind] && !r; i++)
		r = run_between(in, state, kind, &set.items[kind][i], out);
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
		r = run_action(in, &at->trap, state, &results);
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
