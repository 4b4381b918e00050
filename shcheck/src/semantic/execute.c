/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control flow: lists, and-or lists, pipelines, conditions, loops, case, subshells and functions over outcomes, and
 * where `set -e` applies (POSIX.1-2017 XCU 2.9, set -e).
 */
#include "interpreter.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "arrays.h"
#include "attributes.h"
#include "inclusion.h"
#include "lookup.h"
#include "mistake.h"
#include "parameter.h"
#include "path.h"
#include "risk.h"
#include "survey.h"
#include "traps.h"

/* A command in a larger state counts as several steps, since it takes as long as these. */
enum { STEP_BYTES = 1 << 16 };

enum {
	LOOP_ROUNDS_MAX = 24,
	PEELED = 2, /* turns of a loop that are kept apart before states are joined */
	FOR_FIELDS_MAX = 12,
};

/* Two results in order: the first error counts, and both were carried out. */
static int first_error(int now, int before)
{
	return before ? before : now;
}

static int joined(int r)
{
	return r ? r : 1;
}

/* ---- Outcomes ------------------------------------------------------------------------------------------------- */

void shc_outcomes_finish(struct shc_outcomes *outcomes)
{
	for (uint32_t i = 0; i < outcomes->count; i++)
		shc_state_destroy(outcomes->items[i].state);
	free(outcomes->items);
	*outcomes = (struct shc_outcomes){0};
}

static bool options_alike(const struct shc_state *a, const struct shc_state *b)
{
	return a->errexit == b->errexit && a->nounset == b->nounset && a->noglob == b->noglob &&
	       a->pipefail == b->pipefail;
}

static bool status_alike(const struct shc_status *a, const struct shc_status *b)
{
	return (a->low == 0 && a->high == 0) == (b->low == 0 && b->high == 0) &&
	       (a->low > 0) == (b->low > 0);
}

/* Join @state into the last outcome of its kind. 1, 0 when there is none, or -ENOMEM. */
static int outcomes_join(struct shc_interpreter *in, struct shc_outcomes *outcomes,
	const struct shc_state *state, enum shc_flow flow, uint32_t levels)
{
	for (uint32_t i = outcomes->count; i-- > 0;) {
		struct shc_outcome *item = &outcomes->items[i];

		if (item->flow != flow || item->levels != levels ||
			!status_alike(&item->state->status, &state->status) ||
			!options_alike(item->state, state))
			continue;
		return joined(shc_state_join(item->state, state, in->terms,
			shc_spent(in) < 50 ? SHC_JOIN_STATES : 16, shc_spent(in) < 50 ? 0 : 6,
			state->status.range));
	}
	return 0;
}

/* Paths kept apart here: fewer, the more of the budget is used up. */
static uint32_t paths_max(const struct shc_interpreter *in)
{
	uint32_t spent = shc_spent(in);

	if (spent < 50)
		return SHC_PATHS_MAX;
	return spent < 150 ? 8 : spent < 400 ? 4 : 2;
}

int shc_outcomes_add(struct shc_interpreter *in, struct shc_outcomes *outcomes,
	struct shc_state *state, enum shc_flow flow, uint32_t levels)
{
	if (outcomes->count >= paths_max(in) || (flow == SHC_FLOW_EXIT && outcomes->count >= 8)) {
		int r = outcomes_join(in, outcomes, state, flow, levels);

		if (r) {
			shc_state_destroy(state);
			return r < 0 ? r : 0;
		}
	}
	if (outcomes->count == outcomes->capacity) {
		uint32_t capacity = outcomes->capacity ? outcomes->capacity * 2 : 4;
		struct shc_outcome *grown = realloc(outcomes->items, capacity * sizeof(*grown));

		if (!grown) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
		outcomes->items = grown;
		outcomes->capacity = capacity;
	}
	outcomes->items[outcomes->count++] =
		(struct shc_outcome){.state = state, .flow = flow, .levels = levels};
	return 0;
}

/* Move all outcomes of @from behind those of @to; @from is empty afterwards, also on failure. */
static int outcomes_move(
	struct shc_interpreter *in, struct shc_outcomes *to, struct shc_outcomes *from)
{
	int r = 0;

	for (uint32_t i = 0; i < from->count; i++) {
		if (r)
			shc_state_destroy(from->items[i].state);
		else
			r = shc_outcomes_add(in, to, from->items[i].state, from->items[i].flow,
				from->items[i].levels);
	}
	from->count = 0;
	shc_outcomes_finish(from);
	return r;
}

void shc_set_status(struct shc_state *state, const struct shc_command *command, int low, int high)
{
	state->status = (struct shc_status){
		.low = low,
		.high = high,
		.owner = command ? command->id + 1 : 0,
		.range = command ? command->range : state->status.range,
	};
}

/* A command that has failed has written nothing worth keeping. */
static void discard_output(struct shc_state *state)
{
	for (uint32_t i = 0; i < state->fact_count; i++)
		if (state->facts[i].range.start >= state->status.range.start &&
			state->facts[i].range.end <= state->status.range.end)
			state->facts[i].written_unread = false;
}

int shc_split_status(struct shc_interpreter *in, struct shc_state *state, struct shc_outcomes *zero,
	struct shc_outcomes *other)
{
	struct shc_state *copy;
	int r;

	if (state->status.high == 0)
		return shc_outcomes_add(in, zero, state, SHC_FLOW_NEXT, 0);
	if (state->status.low > 0)
		return shc_outcomes_add(in, other, state, SHC_FLOW_NEXT, 0);
	copy = shc_state_clone(state);
	if (!copy) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	copy->status.low = 1;
	discard_output(copy);
	state->status.high = 0;
	r = shc_outcomes_add(in, zero, state, SHC_FLOW_NEXT, 0);
	if (r) {
		shc_state_destroy(copy);
		return r;
	}
	return shc_outcomes_add(in, other, copy, SHC_FLOW_NEXT, 0);
}

/* A command has failed where -e and traps of ERR apply. Takes @state. */
static int fail_command(
	struct shc_interpreter *in, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes after = {0};
	int r = shc_trap_set(in, state, SHC_TRAP_ERROR)
			? shc_traps_between(in, state, SHC_TRAP_ERROR, &after)
			: shc_outcomes_add(in, &after, state, SHC_FLOW_NEXT, 0);

	for (uint32_t i = 0; i < after.count; i++) {
		struct shc_outcome *item = &after.items[i];
		struct shc_state *also = NULL;

		if (item->flow == SHC_FLOW_NEXT && item->state->errexit) {
			item->flow = SHC_FLOW_EXIT;
			item->levels = SHC_END_ERREXIT;
		} else if (item->flow == SHC_FLOW_NEXT &&
			   item->state->doubtful & SHC_DOUBT_ERREXIT) {
			also = shc_state_clone(item->state);
			r = also ? r : -ENOMEM;
		}
		if (!r && also)
			r = shc_outcomes_add(in, out, also, SHC_FLOW_EXIT, SHC_END_ERREXIT);
		else
			shc_state_destroy(also);
		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	after.count = 0;
	shc_outcomes_finish(&after);
	return r;
}

/* dash: `return` is a command that may have failed, too, and the shell ends within the function. Takes @state. */
static int fail_return(
	struct shc_interpreter *in, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_state *ended = state->status.high ? shc_state_clone(state) : NULL;
	bool surely = state->errexit && !(state->doubtful & SHC_DOUBT_ERREXIT);
	int r = !ended && state->status.high ? -ENOMEM : 0;

	if (ended) {
		ended->status.low += !ended->status.low;
		r = shc_outcomes_add(in, out, ended, SHC_FLOW_EXIT, SHC_END_ERREXIT);
	}
	if (r || (surely && state->status.low)) {
		shc_state_destroy(state);
		return r;
	}
	if (surely)
		state->status.high = 0;
	return shc_outcomes_add(in, out, state, SHC_FLOW_RETURN, 0);
}

/* Where -e applies, a failed command ends the shell; a trap of ERR runs before. Moves @from to @out. */
static int apply_errexit(
	struct shc_interpreter *in, struct shc_outcomes *from, struct shc_outcomes *out)
{
	struct shc_outcomes zero = {0}, failed = {0};
	int r = 0;

	for (uint32_t i = 0; i < from->count; i++) {
		struct shc_outcome *item = &from->items[i];
		bool returns = item->flow == SHC_FLOW_RETURN && in->script->dialect != SHC_BASH;
		bool counts = (item->flow == SHC_FLOW_NEXT || returns) && !in->suppressed &&
			      !MADE(ERREXIT_IGNORED) &&
			      (item->state->errexit || item->state->doubtful & SHC_DOUBT_ERREXIT ||
				      shc_trap_set(in, item->state, SHC_TRAP_ERROR));

		if (r)
			shc_state_destroy(item->state);
		else if (counts && returns)
			r = fail_return(in, item->state, &zero);
		else if (counts)
			r = shc_split_status(in, item->state, &zero, &failed);
		else
			r = shc_outcomes_add(in, &zero, item->state, item->flow, item->levels);
	}
	from->count = 0;
	shc_outcomes_finish(from);
	r = first_error(outcomes_move(in, out, &zero), r);
	for (uint32_t i = 0; i < failed.count; i++) {
		if (r)
			shc_state_destroy(failed.items[i].state);
		else
			r = fail_command(in, failed.items[i].state, out);
	}
	failed.count = 0;
	shc_outcomes_finish(&failed);
	return r;
}

/* ---- Lists ---------------------------------------------------------------------------------------------------- */

/* Run @list on every NEXT outcome of @from; the others pass. Empties @from. */
static int list_on_each(struct shc_interpreter *in, const struct shc_list *list,
	struct shc_outcomes *from, struct shc_outcomes *out)
{
	int r = 0;

	for (uint32_t i = 0; i < from->count; i++) {
		struct shc_outcome *item = &from->items[i];

		if (r)
			shc_state_destroy(item->state);
		else if (item->flow == SHC_FLOW_NEXT)
			r = shc_execute_list(in, list, item->state, out);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	from->count = 0;
	shc_outcomes_finish(from);
	return r;
}

/* Run @command on every NEXT outcome of @from. Empties @from. */
static int command_on_each(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_outcomes *from, struct shc_outcomes *out)
{
	int r = 0;

	for (uint32_t i = 0; i < from->count; i++) {
		struct shc_outcome *item = &from->items[i];

		if (r)
			shc_state_destroy(item->state);
		else if (item->flow == SHC_FLOW_NEXT)
			r = shc_execute_command(in, command, item->state, out);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	from->count = 0;
	shc_outcomes_finish(from);
	return r;
}

static int execute_background(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out);

/*
 * bash: an error that ends a line (SHC_FLOW_DISCARD) leads to the next one, where @list is what the shell reads: the
 * script, or text that is run by a built-in of the shell itself, of which lines are not told apart. 0 or -ENOMEM.
 */
static int next_line(struct shc_interpreter *in, const struct shc_list *list,
	const struct shc_statement *before, const struct shc_statement *statement,
	struct shc_outcomes *now)
{
	struct shc_outcomes more = {0};
	bool script = list == in->script->list;
	int r = 0;

	if ((!script && list != in->included) || in->subshells ||
		(script &&
			shc_source_place(in->script->source, before->command->range.end).line ==
				shc_source_place(in->script->source, statement->range.start).line))
		return 0;
	for (uint32_t i = 0; i < now->count && !r; i++) {
		struct shc_state *copy = NULL;

		if (now->items[i].flow != SHC_FLOW_DISCARD)
			continue;
		if (!script)
			copy = shc_state_clone(now->items[i].state);
		else
			now->items[i].flow = SHC_FLOW_NEXT;
		if (copy)
			r = shc_outcomes_add(in, &more, copy, SHC_FLOW_NEXT, 0);
		else
			r = script ? 0 : -ENOMEM;
	}
	return first_error(outcomes_move(in, now, &more), r);
}

/* @statement stands behind @before: is a failure of that lost? */
static void check_between(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *before, const struct shc_statement *statement,
	const struct shc_command **earlier)
{
	const struct shc_command *reader = shc_status_reader(statement->command);

	shc_check_errexit(in, state, before, statement->command, earlier);
	shc_check_pipe_errexit(in, state, before, statement);
	if (reader)
		shc_check_pipe_status(in, state, before, reader->range);
	else
		shc_check_negated(in, state, before);
}

int shc_execute_list(struct shc_interpreter *in, const struct shc_list *list,
	struct shc_state *state, struct shc_outcomes *out)
{
	const struct shc_statement *last = NULL;
	struct shc_outcomes now = {0};
	const struct shc_command *before = NULL, *earlier = NULL;
	int r = shc_outcomes_add(in, &now, state, SHC_FLOW_NEXT, 0);

	for (const struct shc_statement *statement = list->first; statement && !r;
		statement = statement->next) {
		struct shc_outcomes next = {0};

		if (last && next_line(in, list, last, statement, &now)) {
			r = -ENOMEM;
			break;
		}
		last = statement;
		for (uint32_t i = 0; before && i < now.count; i++)
			if (now.items[i].flow == SHC_FLOW_NEXT)
				check_between(in, now.items[i].state, before, statement, &earlier);
		before = statement->command;
		if (statement->background) {
			for (uint32_t i = 0; i < now.count && !r; i++) {
				if (now.items[i].flow == SHC_FLOW_NEXT)
					r = execute_background(
						in, statement->command, now.items[i].state, &next);
				else
					r = shc_outcomes_add(in, &next, now.items[i].state,
						now.items[i].flow, now.items[i].levels);
				now.items[i].state = NULL;
			}
			shc_outcomes_finish(&now);
		} else {
			r = command_on_each(in, statement->command, &now, &next);
		}
		now = next;
	}
	return first_error(outcomes_move(in, out, &now), r);
}

/* `|| true`: the status is not asked for. */
static bool does_nothing(const struct shc_command *command)
{
	struct shc_text name;

	if (command->kind != SHC_COMMAND_SIMPLE)
		return false;
	name = shc_command_name(command);
	return shc_text_is(name, "true") || shc_text_is(name, ":");
}

static int execute_and_or(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes now = {0};
	int r = shc_outcomes_add(in, &now, state, SHC_FLOW_NEXT, 0);

	for (const struct shc_command *item = command->and_or.commands; item && !r;
		item = item->next) {
		struct shc_outcomes zero = {0}, other = {0}, next = {0};
		bool last = !item->next;

		if (item->joint == SHC_JOINT_FIRST) {
			zero = now;
		} else {
			for (uint32_t i = 0; i < now.count; i++) {
				struct shc_outcome *old = &now.items[i];

				if (r)
					shc_state_destroy(old->state);
				else if (old->flow == SHC_FLOW_NEXT)
					r = shc_split_status(in, old->state, &zero, &other);
				else
					r = shc_outcomes_add(
						in, &next, old->state, old->flow, old->levels);
			}
			now.count = 0;
			shc_outcomes_finish(&now);
			if (item->joint == SHC_JOINT_OR && !MADE(OR_IS_AND)) {
				struct shc_outcomes swap = zero;

				zero = other;
				other = swap;
			}
		}
		for (uint32_t i = 0; i < zero.count && !last && !does_nothing(item->next); i++)
			shc_check_pipe_status(in, zero.items[i].state, item, item->range);
		in->suppressed += !last;
		r = first_error(command_on_each(in, item, &zero, &next), r);
		for (uint32_t i = 0; i < next.count && !last; i++)
			if (next.items[i].flow == SHC_FLOW_NEXT && !does_nothing(item->next))
				shc_check_masked(in, item, next.items[i].state);
		in->suppressed -= !last;
		r = first_error(outcomes_move(in, &next, &other), r);
		now = next;
	}
	return first_error(outcomes_move(in, out, &now), r);
}

/* ---- Subshells and pipelines ---------------------------------------------------------------------------------- */

/* What outlives a subshell: the file system, what was learnt about unknowns, output and status. Takes @inner. */
int shc_leave_subshell(struct shc_interpreter *in, const struct shc_state *outer,
	struct shc_state *inner, struct shc_outcomes *out)
{
	struct shc_state *after = shc_state_clone(
		MADE(SUBSHELL_LEAKS) || (MADE(LAST_STAGE_IN_SHELL) && in->piped) ? inner : outer);

	if (!after) {
		shc_state_destroy(inner);
		return -ENOMEM;
	}
	if (inner->directory != after->directory)
		shc_path_moved(in, inner);
	free(after->facts);
	free(after->narrowed);
	after->facts = inner->facts;
	after->fact_count = inner->fact_count;
	after->narrowed = inner->narrowed;
	after->narrowed_count = inner->narrowed_count;
	after->status = inner->status;
	after->output = inner->output;
	after->steps = inner->steps;
	inner->facts = NULL;
	inner->narrowed = NULL;
	shc_state_destroy(inner);
	return shc_outcomes_add(in, out, after, SHC_FLOW_NEXT, 0);
}

int shc_execute_subshell(struct shc_interpreter *in, const struct shc_list *list,
	const struct shc_command *command, const struct shc_state *outer, struct shc_outcomes *out)
{
	struct shc_outcomes body = {0}, inner = {0};
	struct shc_state *state = shc_state_clone(outer);
	uint32_t loops = in->loop_depth;
	int r = state ? shc_traps_enter_subshell(in, state) : -ENOMEM;

	/* bash: `break` does nothing in ( ) and { } | within a loop; in $( ) it ends the substitution. */
	if (in->script->dialect == SHC_BASH && !in->substituting)
		in->loop_depth = 0;
	in->substituting = false;
	in->subshells++;
	if (r)
		shc_state_destroy(state);
	else
		r = list ? shc_execute_list(in, list, state, &body)
			 : shc_execute_command(in, command, state, &body);
	for (uint32_t i = 0; i < body.count; i++) {
		if (r)
			shc_state_destroy(body.items[i].state);
		else
			r = shc_traps_at_end(in, body.items[i].state, &inner);
	}
	body.count = 0;
	shc_outcomes_finish(&body);
	in->subshells--;
	in->loop_depth = loops;
	for (uint32_t i = 0; i < inner.count; i++) {
		if (r)
			shc_state_destroy(inner.items[i].state);
		else
			r = shc_leave_subshell(in, outer, inner.items[i].state, out);
	}
	inner.count = 0;
	shc_outcomes_finish(&inner);
	return r;
}

static int trace_turn(
	struct shc_interpreter *in, struct shc_outcomes *head, struct shc_outcomes *out);

static int background_on_each(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_outcomes *from, struct shc_outcomes *out)
{
	int r = 0;

	for (uint32_t i = 0; i < from->count; i++) {
		struct shc_outcome *item = &from->items[i];

		if (r)
			shc_state_destroy(item->state);
		else if (item->flow == SHC_FLOW_NEXT)
			r = execute_background(in, command, item->state, out);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	from->count = 0;
	shc_outcomes_finish(from);
	return r;
}

static int execute_background(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes ignored = {0}, traced = {0};
	const struct shc_pending **outer = in->jobs;
	uint32_t suppressed = in->suppressed;
	int r;

	if (command->kind == SHC_COMMAND_SIMPLE && shc_trap_set(in, state, SHC_TRAP_DEBUG)) {
		r = shc_traps_between(in, state, SHC_TRAP_DEBUG, &traced);
		in->in_traps |= 1u << SHC_TRAP_DEBUG;
		r = first_error(background_on_each(in, command, &traced, out), r);
		in->in_traps &= ~(1u << SHC_TRAP_DEBUG);
		return r;
	}
	/* In dash, what runs in the background knows nothing of a condition around it. */
	if (in->script->dialect != SHC_BASH)
		in->suppressed = 0;
	/* What it does to files comes at an unknown time: its findings count, its facts do not. */
	in->jobs = &state->pending;
	r = shc_execute_subshell(in, NULL, command, state, &ignored);
	in->jobs = outer;
	in->suppressed = suppressed;
	shc_outcomes_finish(&ignored);
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	shc_path_shake(state);
	shc_set_status(state, command, 0, 0);
	return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
}

/* What stages before the last one return, on all paths together: with pipefail it may be the pipeline's status. */
struct earlier {
	int high;
	bool fails; /* one of them surely */
};

static void note_stage(struct earlier *earlier, const struct shc_outcomes *stage)
{
	bool fails = stage->count > 0;

	for (uint32_t i = 0; i < stage->count; i++) {
		const struct shc_status *status = &stage->items[i].state->status;

		earlier->high = status->high > earlier->high ? status->high : earlier->high;
		fails &= status->low > 0;
	}
	earlier->fails |= fails;
}

/* set -o pipefail: the status is that of the last stage that has failed. */
static void apply_pipefail(const struct earlier *earlier, struct shc_outcomes *results)
{
	for (uint32_t i = 0; i < results->count; i++) {
		struct shc_state *state = results->items[i].state;
		struct shc_status *status = &state->status;

		if ((!state->pipefail && !(state->doubtful & SHC_DOUBT_PIPEFAIL)) ||
			status->low > 0 || !earlier->high || results->items[i].flow ||
			MADE(PIPEFAIL_IGNORED))
			continue;
		status->high = earlier->high > status->high ? earlier->high : status->high;
		status->low = earlier->fails && state->pipefail;
	}
}

/* Run the commands of a pipeline one after the other, each in a subshell; only the last one's output is captured. */
static int execute_stages(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes now = {0};
	struct shc_status entry = state->status;
	uint32_t outer_reads = in->read_count, outer_start = in->read_start;
	uint32_t outer_stage = in->stage, first_stage = in->stage_count + 2, number = 0;
	struct earlier earlier = {0};
	int r = shc_outcomes_add(in, &now, state, SHC_FLOW_NEXT, 0);

	in->read_start = in->read_count;
	in->listed = (struct shc_harm){0};
	in->stage_count += command->pipeline.count + 1;
	for (const struct shc_command *stage = command->pipeline.commands; stage && !r;
		stage = stage->next) {
		struct shc_outcomes next = {0};

		/* A simple command is traced by the shell itself, not by the subshell that it becomes. */
		if (stage->kind == SHC_COMMAND_SIMPLE)
			r = trace_turn(in, &now, out);
		for (uint32_t i = 0; i < now.count && !r; i++) {
			struct shc_state *from = now.items[i].state;
			const struct shc_term *output = from->output;

			/* The stages run side by side: each sees $? as it was before the pipeline. */
			if (!MADE(STAGES_SHARE_STATUS))
				from->status = entry;
			if (stage->next)
				from->output = NULL;
			in->piped++;
			in->exempt = stage;
			in->stage = first_stage + number;
			if (!stage->next && from->lastpipe) {
				now.items[i].state = NULL;
				r = shc_execute_command(in, stage, from, &next);
			} else {
				r = shc_execute_subshell(in, NULL, stage, from, &next);
			}
			in->stage = outer_stage;
			in->piped--;
			if (stage->next)
				for (uint32_t j = 0; j < next.count; j++)
					next.items[j].state->output = output;
		}
		shc_outcomes_finish(&now);
		now = next;
		number++;
		if (stage->next)
			note_stage(&earlier, &now);
	}
	apply_pipefail(&earlier, &now);
	in->read_count = outer_reads;
	in->read_start = outer_start;
	return first_error(outcomes_move(in, out, &now), r);
}

static int run_pipeline(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	if (command->pipeline.count > 1)
		return execute_stages(in, command, state, out);
	return shc_execute_command(in, command->pipeline.commands, state, out);
}

/* `! a`: -e is off within, of bash only where it is on at the beginning. Takes @state. */
static int execute_negated(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	bool always = in->script->dialect != SHC_BASH || MADE(NEGATION_SUPPRESSES);
	bool doubtful = !state->errexit && state->doubtful & SHC_DOUBT_ERREXIT && !always;
	struct shc_state *on = doubtful ? shc_state_clone(state) : NULL;
	uint32_t suppressed = in->suppressed;
	int r = 0;

	if (doubtful && !on) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	if (doubtful) {
		state->doubtful &= ~(unsigned int)SHC_DOUBT_ERREXIT;
		on->doubtful &= ~(unsigned int)SHC_DOUBT_ERREXIT;
		on->errexit = true;
		in->suppressed++;
		in->exempt = command->pipeline.commands;
		r = run_pipeline(in, command, on, out);
		in->suppressed = suppressed;
	}
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	in->suppressed += always || state->errexit;
	in->exempt = command->pipeline.commands;
	r = run_pipeline(in, command, state, out);
	in->suppressed = suppressed;
	return r;
}

static int execute_pipeline(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes results = {0};
	bool negated = command->pipeline.negations & !MADE(NEGATION_IGNORED);
	int r = negated ? execute_negated(in, command, state, &results)
			: run_pipeline(in, command, state, &results);

	for (uint32_t i = 0; i < results.count && negated; i++) {
		struct shc_status *status = &results.items[i].state->status;
		int low = status->high == 0, high = status->low == 0;

		/* `! exit 3` leaves with 3. */
		if (results.items[i].flow != SHC_FLOW_NEXT)
			continue;
		status->low = low;
		status->high = high;
	}
	if (!negated && command->pipeline.count > 1)
		return first_error(apply_errexit(in, &results, out), r);
	return first_error(outcomes_move(in, out, &results), r);
}

/* ---- Conditions ----------------------------------------------------------------------------------------------- */

/* Run @condition without -e and sort its NEXT outcomes by status; the others go to @out. */
static int execute_condition(struct shc_interpreter *in, const struct shc_list *condition,
	struct shc_state *state, struct shc_outcomes *zero, struct shc_outcomes *other,
	struct shc_outcomes *out)
{
	struct shc_outcomes results = {0};
	const struct shc_statement *last = condition->first;
	int r;

	while (last && last->next)
		last = last->next;
	if (last && !last->background)
		shc_check_pipe_status(in, state, last->command, last->command->range);
	in->suppressed += !MADE(ERREXIT_IN_CONDITIONS);
	r = shc_execute_list(in, condition, state, &results);
	in->suppressed -= !MADE(ERREXIT_IN_CONDITIONS);
	for (uint32_t i = 0; i < results.count; i++) {
		struct shc_outcome *item = &results.items[i];

		if (r)
			shc_state_destroy(item->state);
		else if (item->flow == SHC_FLOW_NEXT)
			r = shc_split_status(in, item->state, zero, other);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	results.count = 0;
	shc_outcomes_finish(&results);
	return r;
}

static int execute_if(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes now = {0};
	int r = shc_outcomes_add(in, &now, state, SHC_FLOW_NEXT, 0);

	shc_mark_guard(in, command);
	for (const struct shc_clause *clause = command->if_.clauses; clause && !r;
		clause = clause->next) {
		struct shc_outcomes zero = {0}, other = {0};

		if (!clause->condition) {
			r = list_on_each(in, clause->body, &now, out);
			break;
		}
		for (uint32_t i = 0; i < now.count; i++) {
			if (r)
				shc_state_destroy(now.items[i].state);
			else
				r = execute_condition(in, clause->condition, now.items[i].state,
					&zero, &other, out);
		}
		now.count = 0;
		shc_outcomes_finish(&now);
		r = first_error(list_on_each(in, clause->body, &zero, out), r);
		if (MADE(ELSE_NEVER_TAKEN))
			shc_outcomes_finish(&other);
		now = other;
	}
	for (uint32_t i = 0; i < now.count; i++)
		now.items[i].state->status.low = now.items[i].state->status.high = 0;
	return first_error(outcomes_move(in, out, &now), r);
}

/*
 * The patterns of @item as one language; *ret_exact: nothing in them is unknown. 1, 0 (the shell ends) or -ENOMEM.
 */
static int item_language(struct shc_interpreter *in, const struct shc_case_item *item,
	struct shc_state *state, const struct shc_dfa **ret, bool *ret_exact)
{
	const struct shc_dfa *language = shc_dfa_empty(in->pool), *pattern;
	int r = 1;

	*ret_exact = true;
	for (const struct shc_word *word = item->patterns; word && r > 0; word = word->next) {
		r = shc_expand_pattern(in, state, word, &pattern);
		if (r > 0 && shc_dfa_union(in->pool, language, pattern, &language)) {
			language = shc_dfa_text(in->pool);
			*ret_exact = false;
		}
		if (r > 0 && *ret_exact) {
			int known = shc_pattern_is_exact(in, state, word);

			*ret_exact = known > 0 || MADE(PATTERNS_ARE_EXACT);
			r = known < 0 ? known : r;
		}
	}
	*ret = language;
	return r;
}

static int case_item(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_case_item *item, const struct shc_term *subject, struct shc_outcomes *now,
	struct shc_outcomes *taken, struct shc_outcomes *out)
{
	struct shc_outcomes next = {0};
	int r = 0;

	for (uint32_t i = 0; i < now->count && r >= 0; i++) {
		struct shc_state *state = now->items[i].state;
		const struct shc_dfa *language, *rest;
		struct shc_state *match;
		bool exact;

		shc_begin_expansion(in);
		r = item_language(in, item, state, &language, &exact);
		if (r >= 0 && (in->may_end || !r) && shc_end_too(in, command, state, out))
			r = -ENOMEM;
		if (r < 0)
			break;
		/* The expansion has surely ended the shell. */
		if (!r)
			continue;
		match = shc_state_clone(state);
		r = match ? shc_state_narrow_term(match, in->pool, subject, language) : -ENOMEM;
		if (r > 0)
			r = shc_outcomes_add(in, taken, match, SHC_FLOW_NEXT, 0);
		else
			shc_state_destroy(match);
		if (r < 0)
			break;
		if (exact && !shc_dfa_difference(in->pool, shc_dfa_text(in->pool), language, &rest))
			r = shc_state_narrow_term(state, in->pool, subject, rest);
		else
			r = 1;
		if (r > 0) {
			now->items[i].state = NULL;
			r = shc_outcomes_add(in, &next, state, SHC_FLOW_NEXT, 0);
		}
	}
	shc_outcomes_finish(now);
	*now = next;
	return r < 0 ? r : 0;
}

static bool substitutes(const struct shc_part *part)
{
	for (; part; part = part->next)
		if (part->kind == SHC_PART_COMMAND ||
			(part->kind == SHC_PART_DOUBLE && substitutes(part->parts)) ||
			(part->kind == SHC_PART_PARAMETER && part->parameter->word &&
				substitutes(part->parameter->word->parts)))
			return true;
	return false;
}

/* Commands in patterns: they are not followed, and $? is theirs afterwards. */
static bool patterns_substitute(const struct shc_case_item *item)
{
	for (const struct shc_word *word = item->patterns; word; word = word->next)
		if (substitutes(word->parts))
			return true;
	return false;
}

/* The language of all patterns of @item; false when they are not known exactly. */
static bool patterns_of(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_case_item *item, const struct shc_dfa **ret)
{
	const struct shc_dfa *pattern;

	*ret = shc_dfa_empty(in->pool);
	for (const struct shc_word *word = item->patterns; word; word = word->next)
		if (shc_expand_pattern(in, state, word, &pattern) <= 0 ||
			shc_pattern_is_exact(in, state, word) <= 0 ||
			shc_dfa_union(in->pool, *ret, pattern, ret))
			return false;
	return true;
}

/* SH516: an item whose patterns match nothing that those before it have left. */
static void compare_patterns(
	struct shc_interpreter *in, const struct shc_command *command, struct shc_state *state)
{
	const struct shc_dfa *before = shc_dfa_empty(in->pool), *here;
	const struct shc_case_item *earlier = NULL;
	struct shc_finding *finding;

	if (in->seen[command->id] & SHC_COMPARED)
		return;
	in->seen[command->id] |= SHC_COMPARED;
	for (const struct shc_case_item *item = command->case_.items; item; item = item->next) {
		if (!patterns_of(in, state, item, &here))
			continue;
		if (earlier && item->body->first && !shc_dfa_is_empty(here) &&
			shc_dfa_includes(in->pool, before, here) == 1) {
			finding = shc_report(in, 516, item->patterns->range,
				"patterns before match all that this one matches");
			shc_finding_relate(in->findings, finding, earlier->patterns->range,
				"the last of them stands here");
		}
		if (item->end != SHC_CASE_BREAK || shc_dfa_union(in->pool, before, here, &before))
			return;
		earlier = item;
	}
}

/* What has come out of a body to where more of the command follows; what leaves it goes to @out. Empties @from. */
static int move_next(struct shc_interpreter *in, struct shc_outcomes *from, struct shc_outcomes *to,
	struct shc_outcomes *out)
{
	int r = 0;

	for (uint32_t i = 0; i < from->count; i++) {
		struct shc_outcome *item = &from->items[i];

		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, item->flow == SHC_FLOW_NEXT ? to : out,
				item->state, item->flow, item->levels);
	}
	from->count = 0;
	shc_outcomes_finish(from);
	return r;
}

static int execute_case(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	const struct shc_term *subject;
	struct shc_outcomes now = {0}, fall = {0};
	bool may_end, continues = false, substituted = false;
	int r;

	shc_begin_expansion(in);
	r = shc_expand_value(in, state, command->case_.subject, &subject);
	may_end = in->may_end;
	if (r > 0 && may_end)
		r = shc_end_too(in, command, state, out) ? -ENOMEM : 1;
	if (r <= 0) {
		shc_set_status(state, command, 1, 127);
		return r < 0 ? (shc_state_destroy(state), r)
			     : shc_outcomes_add(in, out, state, SHC_FLOW_EXIT, SHC_END_ERROR);
	}
	if (in->script->dialect == SHC_BASH && shc_subject_splits(command->case_.subject)) {
		shc_approximate(in, command);
		subject = shc_unknown(in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool),
			command->case_.subject->range);
		if (!subject)
			return shc_state_destroy(state), -ENOMEM;
	}
	compare_patterns(in, command, state);
	r = shc_outcomes_add(in, &now, state, SHC_FLOW_NEXT, 0);
	for (const struct shc_case_item *item = command->case_.items; item && !r;
		item = item->next) {
		struct shc_outcomes taken = fall, body = {0};

		fall = (struct shc_outcomes){0};
		r = case_item(in, command, item, subject, &now, &taken, out);
		if (MADE(CASE_MATCHES_FIRST))
			shc_outcomes_finish(&now);
		continues |= item->end == SHC_CASE_CONTINUE;
		substituted |= in->script->dialect == SHC_BASH && patterns_substitute(item);
		if (substituted)
			for (uint32_t i = 0; i < taken.count; i++)
				shc_set_status(taken.items[i].state, command, 0, 255);
		/* The body sees $? as it was before; an empty one leaves 0, as no match does. */
		for (uint32_t i = 0; i < taken.count && !item->body->first; i++)
			shc_set_status(taken.items[i].state, command, 0, 0);
		if (r)
			shc_outcomes_finish(&taken);
		else if (item->end == SHC_CASE_BREAK)
			r = list_on_each(in, item->body, &taken, out);
		else
			r = list_on_each(in, item->body, &taken, &body);
		r = first_error(
			move_next(in, &body, item->end == SHC_CASE_FALL ? &fall : &now, out), r);
	}
	for (uint32_t i = 0; i < now.count; i++) {
		/* No match, or the body of one before ;;& */
		struct shc_status *status = &now.items[i].state->status;

		status->low = 0;
		if (!continues)
			status->high = 0;
	}
	r = first_error(outcomes_move(in, out, &fall), r);
	return first_error(outcomes_move(in, out, &now), r);
}

/* ---- Loops ---------------------------------------------------------------------------------------------------- */

/* What comes out of a body: to the head again, or out of the loop. Empties @from. */
static int sort_body(struct shc_interpreter *in, const struct shc_command *loop,
	struct shc_outcomes *from, struct shc_outcomes *head, struct shc_outcomes *out)
{
	int r = 0;

	for (uint32_t i = 0; i < from->count; i++)
		in->seen[loop->id] |= from->items[i].flow == SHC_FLOW_EXIT ||
						      from->items[i].flow == SHC_FLOW_RETURN
					      ? SHC_LEFT
				      : from->items[i].flow == SHC_FLOW_BREAK ? SHC_BROKEN
									      : SHC_TURNED;

	for (uint32_t i = 0; i < from->count; i++) {
		struct shc_outcome *item = &from->items[i];

		if (r)
			shc_state_destroy(item->state);
		else if (item->flow == SHC_FLOW_NEXT ||
			 (item->flow == SHC_FLOW_CONTINUE && item->levels <= 1))
			r = shc_outcomes_add(in, head, item->state, SHC_FLOW_NEXT, 0);
		else if (item->flow == SHC_FLOW_BREAK && item->levels <= 1)
			r = shc_outcomes_add(in, MADE(BREAK_GOES_ON) ? head : out, item->state,
				SHC_FLOW_NEXT, 0);
		else if (item->flow == SHC_FLOW_BREAK || item->flow == SHC_FLOW_CONTINUE)
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels - 1);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	from->count = 0;
	shc_outcomes_finish(from);
	return r;
}

/* Join all of @head into one state. */
static int fold(struct shc_interpreter *in, struct shc_outcomes *head, uint32_t round,
	struct shc_range range)
{
	int r = 0;

	for (uint32_t i = 1; i < head->count; i++) {
		if (!r)
			r = shc_state_join(head->items[0].state, head->items[i].state, in->terms,
				SHC_JOIN_STATES, round, range);
		shc_state_destroy(head->items[i].state);
	}
	if (head->count > 1)
		head->count = 1;
	return r;
}

/*
 * After the peeled turns: join the states at the head with those of the turn before. Sets *ret_stable when
 * nothing new
 * has come, which ends the loop.
 */
static int close_round(struct shc_interpreter *in, struct shc_outcomes *head,
	struct shc_state **before, uint32_t round, struct shc_range range, bool *ret_stable)
{
	int r;

	*ret_stable = head->count == 0;
	if (round < PEELED || !head->count)
		return 0;
	r = fold(in, head, round - PEELED, range);
	if (r)
		return r;
	if (*before) {
		if (shc_state_covers(*before, head->items[0].state, in->pool)) {
			*ret_stable = true;
			return 0;
		}
		r = shc_state_join(head->items[0].state, *before, in->terms, SHC_JOIN_STATES,
			round - PEELED, range);
		if (r)
			return r;
	}
	shc_state_destroy(*before);
	*before = shc_state_clone(head->items[0].state);
	return *before ? 0 : -ENOMEM;
}

/* Outcomes of a body that do not come to the head again. */
static uint32_t leaving(const struct shc_outcomes *body)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < body->count; i++)
		count += body->items[i].flow != SHC_FLOW_NEXT &&
			 body->items[i].flow != SHC_FLOW_CONTINUE;
	return count;
}

static void check_forever(
	struct shc_interpreter *in, const struct shc_command *command, bool never_left)
{
	struct shc_finding *finding;

	if (never_left && shc_breaks_in_subshell(command)) {
		finding = shc_report(in, 510, command->range,
			"this loop never ends: its break leaves a subshell only");
		shc_finding_hint(
			in->findings, finding, "take the loop out of the pipeline: done < file");
		return;
	}
	if (in->open ||
		(!(never_left && shc_condition_varies(command)) && !shc_never_leaves(in, command)))
		return;
	finding = shc_report(in, 510, command->range,
		"this loop never ends: nothing in it changes what its condition tests");
	shc_finding_hint(in->findings, finding, "change the variable in the loop's body, or break");
}

static void note_count(void *context, struct shc_text name)
{
	*(bool *)context |= shc_text_is(name, "#");
}

/* Does the loop go on as long as there are arguments? */
static bool counts_arguments(const struct shc_command *loop)
{
	bool counts = false;
	const struct shc_visitor visitor = {.context = &counts, .read = note_count};

	shc_visit_list(&visitor, loop->loop.condition);
	return counts;
}

static int execute_while(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	bool until = command->kind == SHC_COMMAND_UNTIL, stable = false;
	struct shc_outcomes head = {0};
	struct shc_state *before = NULL;
	uint64_t left = 0, other_count;
	int low = 0, high = 0; /* status of any turn so far, 0 for no turn */
	bool entered = false;
	const struct shc_command *arguments_loop = in->arguments_loop;
	int r = shc_outcomes_add(in, &head, state, SHC_FLOW_NEXT, 0);

	in->arguments_loop = counts_arguments(command) ? command : NULL;

	for (uint32_t round = 0; !stable && !r; round++) {
		struct shc_outcomes zero = {0}, other = {0}, body = {0}, odd = {0};

		in->loop_depth++;
		for (uint32_t i = 0; i < head.count; i++) {
			if (r)
				shc_state_destroy(head.items[i].state);
			else
				r = execute_condition(in, command->loop.condition,
					head.items[i].state, until ? &other : &zero,
					until ? &zero : &other, &odd);
		}
		in->loop_depth--;
		head.count = 0;
		shc_outcomes_finish(&head);
		r = first_error(sort_body(in, command, &odd, &head, out), r);
		other_count = other.count;
		for (uint32_t i = 0; i < other.count; i++) {
			other.items[i].state->status.low = low;
			other.items[i].state->status.high = MADE(LOOP_STATUS_IS_ZERO) ? 0 : high;
		}
		r = first_error(outcomes_move(in, out, &other), r);
		left += other_count;
		entered |= zero.count > 0;
		in->loops++;
		in->loop_depth++;
		r = first_error(list_on_each(in, command->loop.body, &zero, &body), r);
		in->loop_depth--;
		in->loops--;
		for (uint32_t i = 0; i < body.count; i++) {
			const struct shc_status *status = &body.items[i].state->status;

			low = status->low < low ? status->low : low;
			high = status->high > high ? status->high : high;
		}
		left += leaving(&body);
		r = first_error(sort_body(in, command, &body, &head, out), r);
		/* A loop may wait for others to do something. */
		for (uint32_t i = 0; i < head.count; i++) {
			shc_path_forget_tested(head.items[i].state);
			shc_forget_availability(head.items[i].state);
		}
		if (!r)
			r = close_round(in, &head, &before, round, command->range, &stable);
		if (MADE(WHILE_TURNS_ONCE))
			break;
		if (round >= LOOP_ROUNDS_MAX) {
			in->exhausted = true;
			break;
		}
	}
	in->arguments_loop = arguments_loop;
	shc_outcomes_finish(&head);
	shc_state_destroy(before);
	if (!r && entered && shc_spent(in) < 1000)
		check_forever(in, command, left == 0);
	return r;
}

/* The variable of a loop is read-only: the shell ends, or in bash the loop, with status 1. Borrows @state. */
static int leave_refused(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state, struct shc_outcomes *next, struct shc_outcomes *out)
{
	struct shc_state *copy = shc_state_clone(state);
	int r = copy ? shc_end_too(in, command, state, out) : -ENOMEM;

	if (r) {
		shc_state_destroy(copy);
		return r;
	}
	shc_set_status(copy, command, 0, 1);
	return shc_outcomes_add(in, next, copy, SHC_FLOW_NEXT, 0);
}

/* bash: the trap of DEBUG runs before each turn of a `for`. Replaces @head. */
static int trace_turn(
	struct shc_interpreter *in, struct shc_outcomes *head, struct shc_outcomes *out)
{
	struct shc_outcomes traced = {0}, next = {0};
	int r = 0;

	for (uint32_t i = 0; i < head->count; i++) {
		if (r)
			shc_state_destroy(head->items[i].state);
		else if (shc_trap_set(in, head->items[i].state, SHC_TRAP_DEBUG))
			r = shc_traps_between(in, head->items[i].state, SHC_TRAP_DEBUG, &traced);
		else
			r = shc_outcomes_add(in, &traced, head->items[i].state, SHC_FLOW_NEXT, 0);
	}
	head->count = 0;
	shc_outcomes_finish(head);
	for (uint32_t i = 0; i < traced.count; i++) {
		struct shc_outcome *item = &traced.items[i];

		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, item->flow == SHC_FLOW_NEXT ? &next : out,
				item->state, item->flow, item->levels);
	}
	traced.count = 0;
	shc_outcomes_finish(&traced);
	*head = next;
	return r;
}

/* The variable of a `for` in the turn for @term: a reference then leads to what that names. 0 or -ENOMEM. */
static int turn_variable(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_command *command, const struct shc_term *term)
{
	const struct shc_variable *variable;
	uint32_t number;

	if (shc_name_number(in, command->for_.name, &number))
		return -ENOMEM;
	variable = shc_state_variable(state, number);
	if (!variable)
		return -ENOMEM;
	if (!(shc_attributes_any(variable) & SHC_ATTRIBUTE_REFERENCE) || MADE(LOOP_ASSIGNS_BEHIND))
		return shc_assign(in, state, command->for_.name, term, command->for_.name_range);
	if (!(variable->attributes & SHC_ATTRIBUTE_REFERENCE))
		return shc_forget_variables(in, state, command);
	return shc_store(in, state, command->for_.name, term, command->for_.name_range);
}

/* Add a copy of every state of @from to @to, as what comes next. 0 or -ENOMEM. */
static int add_copies(
	struct shc_interpreter *in, const struct shc_outcomes *from, struct shc_outcomes *to)
{
	int r = 0;

	for (uint32_t i = 0; i < from->count && !r; i++) {
		struct shc_state *copy = shc_state_clone(from->items[i].state);

		r = copy ? shc_outcomes_add(in, to, copy, SHC_FLOW_NEXT, 0) : -ENOMEM;
	}
	return r;
}

/* The turns for @field; @perhaps: or none at all, without the trap that runs before each. */
static int for_turn(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_field *field, bool perhaps, struct shc_outcomes *head,
	struct shc_outcomes *out)
{
	struct shc_outcomes next = {0};
	int r = perhaps && !MADE(FOR_ALWAYS_TURNS) ? add_copies(in, head, &next) : 0;

	if (!r)
		r = trace_turn(in, head, out);
	for (uint32_t i = 0; i < head->count && !r; i++) {
		struct shc_state *state = head->items[i].state;
		struct shc_outcomes body = {0};
		const struct shc_term *term;

		term = shc_loop_value(in, field);
		in->refused = false;
		if (!r)
			r = term ? turn_variable(in, state, command, term) : -ENOMEM;
		if (!r && in->refused)
			r = leave_refused(in, command, state, &next, out);
		head->items[i].state = NULL;
		if (r) {
			shc_state_destroy(state);
			break;
		}
		in->loops++;
		in->loop_depth++;
		r = shc_execute_list(in, command->for_.body, state, &body);
		in->loop_depth--;
		in->loops--;
		r = first_error(sort_body(in, command, &body, &next, out), r);
	}
	shc_outcomes_finish(head);
	*head = next;
	return r;
}

static bool is_pattern(const struct shc_field *field)
{
	for (uint32_t i = 0; i < field->count; i++)
		if (field->pieces[i].glob || field->pieces[i].matches)
			return true;
	return false;
}

/* A field that stands for any number of values: turns until nothing new comes. */
static int for_many(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_field *field, struct shc_outcomes *head, struct shc_outcomes *out)
{
	struct shc_state *before = NULL;
	bool stable = false;
	int r = 0;

	for (uint32_t round = 0; !stable && !r; round++) {
		r = for_turn(in, command, field, true, head, out);
		if (!r)
			r = close_round(in, head, &before, round, command->range, &stable);
		if (round >= LOOP_ROUNDS_MAX) {
			in->exhausted = true;
			break;
		}
	}
	shc_state_destroy(before);
	return r;
}

static int expand_for_words(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_fields *fields)
{
	static const struct shc_parameter at = {
		.kind = SHC_PARAMETER_SPECIAL, .name = {.bytes = "@", .length = 1}};
	/* In the arena: fields refer to the word that they come from. */
	struct for_arguments {
		struct shc_part parameter, quoted;
		struct shc_word word;
	} * arguments;
	int r = 1;

	if (command->for_.has_in) {
		for (const struct shc_word *each = command->for_.words; each && r > 0;
			each = each->next)
			r = shc_expand_word(in, state, each, fields);
		return r;
	}
	arguments = shc_arena_take(in->arena, sizeof *arguments);
	if (!arguments)
		return -ENOMEM;
	arguments->parameter = (struct shc_part){.kind = SHC_PART_PARAMETER,
		.range = command->for_.name_range,
		.parameter = (struct shc_parameter *)&at};
	arguments->quoted = (struct shc_part){.kind = SHC_PART_DOUBLE,
		.range = command->for_.name_range,
		.parts = &arguments->parameter};
	arguments->word =
		(struct shc_word){.range = command->for_.name_range, .parts = &arguments->quoted};
	return shc_expand_word(in, state, &arguments->word, fields);
}

/* Several values that are known: nobody lists them for the first one's sake. */
static bool is_list(const struct shc_fields *fields)
{
	for (uint32_t i = 0; i < fields->count; i++) {
		const struct shc_field *field = &fields->items[i];

		if (field->occurrence != SHC_ONCE || field->count != 1 ||
			field->pieces[0].piece.atom || field->pieces[0].glob)
			return false;
	}
	return fields->count > 1;
}

static int execute_for(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_fields fields = {0};
	struct shc_outcomes head = {0};
	bool always = false;
	int r;

	shc_begin_expansion(in);
	r = expand_for_words(in, command, state, &fields);
	if (r > 0 && in->may_end)
		r = shc_end_too(in, command, state, out) ? -ENOMEM : 1;
	if (r <= 0) {
		shc_set_status(state, command, 1, 2);
		shc_fields_finish(&fields);
		return r < 0 ? (shc_state_destroy(state), r)
			     : shc_outcomes_add(in, out, state, SHC_FLOW_EXIT, SHC_END_ERROR);
	}
	shc_check_for(in, command, state, &fields);
	if (is_list(&fields))
		in->seen[command->id] |= SHC_LISTED;
	r = shc_outcomes_add(in, &head, state, SHC_FLOW_NEXT, 0);
	for (uint32_t i = 0; i < fields.count && !r; i++) {
		struct shc_field *field = &fields.items[i];

		always |= field->occurrence == SHC_ONCE;
		if (i >= FOR_FIELDS_MAX)
			field->occurrence = SHC_ANY;
		if (field->occurrence != SHC_ANY)
			r = for_turn(in, command, field, field->occurrence != SHC_ONCE, &head, out);
		/* A pattern gives one field at least, and any number of them. */
		if (!r && (field->occurrence == SHC_ANY || is_pattern(field)))
			r = for_many(in, command, field, &head, out);
		if (head.count > 4)
			r = first_error(fold(in, &head, 0, command->range), r);
	}
	/* Without any turn the status is 0. */
	for (uint32_t i = 0; i < head.count && !always; i++) {
		head.items[i].state->status.low = 0;
		if (!fields.count)
			head.items[i].state->status.high = 0;
	}
	shc_fields_finish(&fields);
	return first_error(outcomes_move(in, out, &head), r);
}

/* for ((;;)) and select: the condition is unknown; any number of turns. */
static int execute_unknown_loop(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	const struct shc_list *list =
		command->kind == SHC_COMMAND_SELECT ? command->for_.body : command->for_arith.body;
	struct shc_outcomes head = {0};
	struct shc_state *before = NULL;
	bool stable = false;
	int r = shc_outcomes_add(in, &head, state, SHC_FLOW_NEXT, 0);

	shc_forget_assigned(in, command, state);
	for (uint32_t round = 0; !stable && !r; round++) {
		struct shc_outcomes body = {0};

		bool traced = false;

		/* It is left with or without the trap that runs before a turn. */
		for (uint32_t i = 0; i < head.count; i++)
			traced |= shc_trap_set(in, head.items[i].state, SHC_TRAP_DEBUG);
		r = add_copies(in, &head, out);
		if (!r && traced)
			r = trace_turn(in, &head, out);
		if (!r && traced)
			r = add_copies(in, &head, out);
		in->loops++;
		in->loop_depth++;
		r = first_error(list_on_each(in, list, &head, &body), r);
		in->loop_depth--;
		in->loops--;
		r = first_error(sort_body(in, command, &body, &head, out), r);
		for (uint32_t i = 0; i < head.count; i++)
			shc_forget_assigned(in, command, head.items[i].state);
		if (!r)
			r = close_round(in, &head, &before, round, command->range, &stable);
		if (round >= LOOP_ROUNDS_MAX) {
			in->exhausted = true;
			break;
		}
	}
	shc_outcomes_finish(&head);
	shc_state_destroy(before);
	return r;
}

/* ---- Functions ------------------------------------------------------------------------------------------------ */

/* bash: a function is left, or a sourced file; the trap of RETURN sees what is set there. Replaces @body. */
int shc_return_traps(struct shc_interpreter *in, struct shc_outcomes *body)
{
	struct shc_outcomes after = {0};
	int r = 0;

	for (uint32_t i = 0; i < body->count; i++) {
		struct shc_outcome *item = &body->items[i];

		if (r)
			shc_state_destroy(item->state);
		else if ((item->flow == SHC_FLOW_NEXT || item->flow == SHC_FLOW_RETURN) &&
			 shc_trap_set(in, item->state, SHC_TRAP_RETURN))
			r = shc_traps_between(in, item->state, SHC_TRAP_RETURN, &after);
		else
			r = shc_outcomes_add(in, &after, item->state, item->flow, item->levels);
	}
	body->count = 0;
	shc_outcomes_finish(body);
	*body = after;
	return r;
}

int shc_execute_function(struct shc_interpreter *in, const struct shc_command *function,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes body = {0};
	uint32_t outside = in->suppressed_outside, loops = in->loop_depth;
	const struct shc_command *arguments_loop = in->arguments_loop;
	const struct shc_traps *traps;
	int r = -ENOMEM;

	for (uint32_t i = 0; i < in->call_depth; i++) {
		if (in->calls[i] != function)
			continue;
		return shc_leave_out_call(
			in, function, in->current ? in->current : function, state, out);
	}
	if (in->call_depth == sizeof(in->calls) / sizeof(*in->calls))
		return shc_leave_out_call(
			in, function, in->current ? in->current : function, state, out);
	in->calls[in->call_depth++] = function;
	in->suppressed_outside = in->suppressed;
	in->loop_depth = 0;
	in->arguments_loop = NULL;
	traps = state->traps;
	if (shc_traps_enter_function(in, state))
		shc_state_destroy(state);
	else
		r = shc_execute_command(in, function->function.body, state, &body);
	r = first_error(shc_return_traps(in, &body), r);
	if (!r)
		r = shc_split_ends(in, &body);
	in->arguments_loop = arguments_loop;
	for (uint32_t i = 0; i < body.count; i++) {
		struct shc_outcome *item = &body.items[i];

		if (item->flow == SHC_FLOW_EXIT && !shc_end_restores(in, item->levels))
			shc_keep_hidden(item->state, in->call_depth);
		else
			shc_restore_hidden(item->state, in->call_depth);
		if (!r)
			r = shc_traps_leave_function(in, item->state, traps);
		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, out, item->state,
				item->flow == SHC_FLOW_RETURN && !MADE(RETURN_ENDS_SHELL)
					? SHC_FLOW_NEXT
				: item->flow == SHC_FLOW_RETURN ? SHC_FLOW_EXIT
								: item->flow,
				item->levels);
	}
	in->call_depth--;
	in->loop_depth = loops;
	in->suppressed_outside = outside;
	body.count = 0;
	shc_outcomes_finish(&body);
	return r;
}

static int define_function(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t number;
	int r = shc_name_number(in, command->function.name, &number);

	if (!r)
		r = shc_state_define(state, number, command);
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	shc_set_status(state, command, 0, 0);
	return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
}

/* ---- Dispatch ------------------------------------------------------------------------------------------------- */

static int execute_group(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes results = {0};
	bool exempt = in->exempt == command;
	int r;

	if (command->kind == SHC_COMMAND_GROUP)
		return shc_execute_list(in, command->list, state, out);
	r = shc_execute_subshell(in, command->list, NULL, state, &results);
	shc_state_destroy(state);
	if (exempt)
		return first_error(outcomes_move(in, out, &results), r);
	return first_error(apply_errexit(in, &results, out), r);
}

/* NAME, the descriptors of a co-process, and NAME_PID: they are unset whenever it has ended. 0 or -ENOMEM. */
static int set_coproc(
	struct shc_interpreter *in, const struct shc_command *command, struct shc_state *state)
{
	struct shc_text name = command->coproc.name, pid;
	const struct shc_dfa *numbers;
	const struct shc_term *term;
	uint32_t number;
	char *buffer;

	if (!name.length)
		name = (struct shc_text){.bytes = "COPROC", .length = 6};
	buffer = shc_arena_take(in->arena, name.length + 4u);
	if (!buffer || shc_array_forget(in, state, name, command->range))
		return -ENOMEM;
	memcpy(buffer, name.bytes, name.length);
	memcpy(buffer + name.length, "_PID", 4);
	pid = (struct shc_text){.bytes = buffer, .length = name.length + 4};
	if (shc_dfa_interval(in->pool, 1, INT_MAX, &numbers))
		numbers = shc_dfa_text(in->pool);
	/* Absent, it is empty. */
	if (shc_dfa_union(in->pool, numbers, shc_dfa_epsilon(in->pool), &numbers))
		numbers = shc_dfa_text(in->pool);
	term = shc_unknown(in, SHC_ORIGIN_NUMBER, numbers, command->range);
	if (!term || shc_assign(in, state, pid, term, command->range) ||
		shc_name_number(in, pid, &number))
		return -ENOMEM;
	state->variables[number].presence = SHC_PERHAPS;
	return 0;
}

/* coproc: the command runs beside the shell; when its variables go is not known, which is an obligation. */
static int execute_coproc(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes results = {0};
	int r = execute_background(in, command->coproc.body, state, &results);

	/* The last simple command of the body stands for it in the count. */
	shc_approximate(in, in->current ? in->current : command);
	for (uint32_t i = 0; i < results.count; i++) {
		struct shc_outcome *item = &results.items[i];

		if (!r && item->flow == SHC_FLOW_NEXT)
			r = set_coproc(in, command, item->state);
		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	results.count = 0;
	shc_outcomes_finish(&results);
	return r;
}

static int execute_kind(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	switch (command->kind) {
	case SHC_COMMAND_PIPELINE:
		return execute_pipeline(in, command, state, out);
	case SHC_COMMAND_AND_OR:
		shc_mark_guard(in, command);
		return execute_and_or(in, command, state, out);
	case SHC_COMMAND_GROUP:
	case SHC_COMMAND_SUBSHELL:
		return execute_group(in, command, state, out);
	case SHC_COMMAND_IF:
		return execute_if(in, command, state, out);
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
		return execute_while(in, command, state, out);
	case SHC_COMMAND_FOR:
		return execute_for(in, command, state, out);
	case SHC_COMMAND_FOR_ARITH:
	case SHC_COMMAND_SELECT:
		return execute_unknown_loop(in, command, state, out);
	case SHC_COMMAND_CASE:
		return execute_case(in, command, state, out);
	case SHC_COMMAND_FUNCTION:
		return define_function(in, command, state, out);
	case SHC_COMMAND_COPROC:
		return execute_coproc(in, command, state, out);
	default:
		shc_approximate(in, command);
		shc_set_status(state, command, 0, 255);
		return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
	}
}

/* `>&5`, where 5 may be the standard output of a substitution around this (exec 5>&1), or 2>&1. */
static bool may_leak(const struct shc_command *command)
{
	bool diverted = false;

	for (const struct shc_redirect *r = command->redirects; r; r = r->next) {
		struct shc_text target;

		if (r->kind != SHC_REDIRECT_DUP_OUTPUT || !r->target) {
			diverted |= r->kind >= SHC_REDIRECT_OUTPUT &&
				    r->kind <= SHC_REDIRECT_CLOBBER && r->fd <= 1;
			continue;
		}
		target = r->target->literal;
		if (!r->target->constant || target.length > 1 ||
			(target.length && target.bytes[0] >= '3' && target.bytes[0] <= '9') ||
			(shc_text_is(target, "1") && r->fd == 2 && !diverted))
			return true;
	}
	return false;
}

bool shc_diverts_output(const struct shc_command *command)
{
	for (const struct shc_redirect *redirect = command->redirects; redirect;
		redirect = redirect->next) {
		if (redirect->kind == SHC_REDIRECT_BOTH ||
			redirect->kind == SHC_REDIRECT_BOTH_APPEND)
			return true;
		if (redirect->fd > 1 || redirect->fd == 0 || redirect->fd_name.length)
			continue;
		if (redirect->kind == SHC_REDIRECT_OUTPUT ||
			redirect->kind == SHC_REDIRECT_APPEND ||
			redirect->kind == SHC_REDIRECT_CLOBBER ||
			redirect->kind == SHC_REDIRECT_DUP_OUTPUT)
			return true;
	}
	return false;
}

static int execute_prepared(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	switch (command->kind) {
	case SHC_COMMAND_SIMPLE:
		return shc_execute_simple(in, command, state, out);
	case SHC_COMMAND_TEST:
		return shc_execute_test(in, command, state, out);
	case SHC_COMMAND_ARITH:
		return shc_execute_arith(in, command, state, out);
	default:
		return execute_kind(in, command, state, out);
	}
}

/* Run @command on a prepared @state, with its output diverted where a redirection says so. Takes @state. */
static int execute_diverted(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	const struct shc_term *output = state->output;
	struct shc_outcomes results = {0};
	int r;

	if (!shc_diverts_output(command))
		return execute_prepared(in, command, state, out);
	state->output = NULL;
	r = execute_prepared(in, command, state, &results);
	for (uint32_t i = 0; i < results.count; i++)
		results.items[i].state->output = output;
	return first_error(outcomes_move(in, out, &results), r);
}

/*
 * The command is not run where a redirection was refused. Whether that counts for -e differs between shells where the
 * command is a compound one, so both are followed. Empties @refused.
 */
static int add_refused(struct shc_interpreter *in, struct shc_outcomes *refused, bool checked,
	struct shc_outcomes *results, struct shc_outcomes *out)
{
	struct shc_outcomes copies = {0};
	int r = 0;

	for (uint32_t i = 0; i < refused->count && !checked && !r; i++) {
		struct shc_state *copy = shc_state_clone(refused->items[i].state);

		r = copy ? shc_outcomes_add(in, &copies, copy, SHC_FLOW_NEXT, 0) : -ENOMEM;
	}
	r = first_error(apply_errexit(in, &copies, out), r);
	return first_error(outcomes_move(in, results, refused), r);
}

/* bash: does the trap of DEBUG run before @command? Before each turn of a `for` it does so, too. */
static bool is_traced(const struct shc_command *command)
{
	switch (command->kind) {
	case SHC_COMMAND_SIMPLE:
	case SHC_COMMAND_TEST:
	case SHC_COMMAND_ARITH:
	case SHC_COMMAND_CASE:
		return true;
	default:
		return false;
	}
}

static int execute_untraced(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out);

int shc_execute_command(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes traced = {0};
	int r;

	if (!state->traps || !is_traced(command) || !shc_trap_set(in, state, SHC_TRAP_DEBUG))
		return execute_untraced(in, command, state, out);
	r = shc_traps_between(in, state, SHC_TRAP_DEBUG, &traced);
	for (uint32_t i = 0; i < traced.count; i++) {
		struct shc_outcome *item = &traced.items[i];
		struct shc_state *skips = NULL;

		/* extdebug: where the action fails, the command is left out. */
		if (!r && in->debugging && item->flow == SHC_FLOW_NEXT) {
			skips = shc_state_clone(item->state);
			if (skips)
				shc_set_status(skips, command, 0, 255);
			r = skips ? shc_outcomes_add(in, out, skips, SHC_FLOW_NEXT, 0) : -ENOMEM;
		}
		if (r)
			shc_state_destroy(item->state);
		else if (item->flow == SHC_FLOW_NEXT)
			r = execute_untraced(in, command, item->state, out);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	traced.count = 0;
	shc_outcomes_finish(&traced);
	return r;
}

static int execute_untraced(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes prepared = {0}, refused = {0}, results = {0};
	uint32_t reads = in->read_count;
	bool exempt = in->exempt == command;
	bool checked = command->kind == SHC_COMMAND_SIMPLE || command->kind == SHC_COMMAND_TEST ||
		       command->kind == SHC_COMMAND_ARITH;
	int r;

	in->seen[command->id] |= SHC_SEEN;
	if (checked)
		in->current = command;
	if (checked && state->traps && shc_traps_note(in, state)) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	in->leaks |= in->substitutions && may_leak(command);
	in->steps += 1 + shc_state_bytes(state) / STEP_BYTES;
	if (!(in->steps & 255))
		shc_look_at_clock(in);
	if (shc_spent(in) > SHC_CAREFUL && shc_spent(in) <= 1000 && shc_may_leave_out(in, command))
		return shc_leave_out(in, command, state, out);
	if (shc_spent(in) > 1000) {
		in->exhausted = true;
		shc_state_destroy(state);
		return 0;
	}
	r = shc_prepare(in, command, state, &prepared, &refused);
	for (uint32_t i = 0; i < prepared.count; i++) {
		struct shc_outcome *item = &prepared.items[i];

		if (r)
			shc_state_destroy(item->state);
		else if (item->flow != SHC_FLOW_NEXT)
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
		else
			r = execute_diverted(in, command, item->state, &results);
	}
	prepared.count = 0;
	shc_outcomes_finish(&prepared);
	if (command->redirects)
		shc_widen_refused(in, command, &results);
	if (refused.count)
		r = first_error(add_refused(in, &refused, checked || exempt, &results, out), r);
	/* What a redirection reads is read by this command; what a stage reads, by the whole pipeline. */
	if (!in->piped)
		in->read_count = reads;
	for (uint32_t i = reads; i < in->read_count; i++)
		if (in->reads[i].stage == SHC_STAGE_OPEN)
			in->reads[i].stage = in->stage;
	if (checked && !exempt)
		return first_error(apply_errexit(in, &results, out), r);
	return first_error(outcomes_move(in, out, &results), r);
}
