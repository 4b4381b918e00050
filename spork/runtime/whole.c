/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "whole.h"

#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "arena.h"
#include "code_changes.h"
#include "hidden.h"
#include "ranges.h"
#include "raw_syscall.h"
#include "recipe.h"
#include "record.h"
#include "runtime.h"

#define FAULTS_MAX 8 /* guards that failed, before a recipe is only replayed */
#define POINTERS_MAX 65536

/* What the attempt looks at: the child's memory is the parent's, apart from what the child has written. */
struct view {
	struct arena *arena;
	const struct spork_whole *whole;
	uint64_t heap_end; /* 0: not asked yet */
	/* Other mappings, which are there at the moment. */
	struct spork_range asked[SPORK_WHOLE_ASKED];
	uint64_t asked_ends[SPORK_WHOLE_ASKED];
	size_t asked_count;
	uint64_t arguments[3];
	uint64_t list[SPORK_WHOLE_LIST + 1]; /* the second argument, if the child has made it */
};

SPORK_FAST static struct spork_whole *bytes_of(struct arena *arena, const struct whole_state *state)
{
	return (struct spork_whole *)(void *)arena->wholes[state - arena->whole_states];
}

/* The state of the attempt's recipe: the first ones of a process have one each. */
SPORK_FAST static struct whole_state *state_of(struct arena *arena)
{
	for (size_t i = 0; i < ARENA_DIGESTS; i++) {
		struct whole_state *state = &arena->whole_states[i];

		if (!state->recipe)
			state->recipe = arena->recipe;
		if (state->recipe == arena->recipe)
			return state;
	}
	return NULL;
}

SPORK_FAST static uint64_t heap_end(struct view *view)
{
	if (view->heap_end == 0)
		view->heap_end = (uint64_t)raw1(SYS_brk, 0);
	return view->heap_end;
}

/* The end of the memory from @address on in which the child has written nothing; 0 = none that is known. */
SPORK_FAST static uint64_t unwritten_until(struct view *view, uint64_t address)
{
	const struct session *session = view->arena->session;
	const struct session_range *range = session_range_at(session, address);
	uint64_t end = 0;

	if (range)
		end = range->end;
	else if (session->heap_start && address >= session->heap_start && address < heap_end(view))
		end = heap_end(view);
	for (size_t i = 0; end == 0 && i < view->asked_count; i++)
		if (address >= view->asked[i].start && address < view->asked_ends[i])
			end = view->asked_ends[i];
	return end && !spork_whole_writes(view->whole, address, end) ? end : 0;
}

/* A list that ends with NULL: it and its strings are what the parent has there. */
SPORK_FAST static bool list_is_unwritten(struct view *view, uint64_t address)
{
	uint64_t end = address % 8 ? 0 : unwritten_until(view, address), start = 0, stop = 0;
	const uint64_t *pointers = (const uint64_t *)address;

	for (size_t i = 0; i < POINTERS_MAX && address + (i + 1) * 8 <= end; i++) {
		if (pointers[i] == 0)
			return true;
		if (pointers[i] >= start && pointers[i] < stop)
			continue;
		start = pointers[i];
		stop = unwritten_until(view, start);
		if (stop == 0)
			return false;
	}
	return false;
}

/* The program's arguments: they stand in memory, or the child has put them together of strings that do. */
SPORK_FAST static bool find_list(struct view *view, const struct spork_registers *regs)
{
	size_t count = spork_whole_list(view->whole, regs, view->list);

	if (count == 0)
		return list_is_unwritten(view, view->arguments[1]);
	for (size_t i = 0; i < count && view->list[i]; i++)
		if (!unwritten_until(view, view->list[i]))
			return false;
	view->list[count] = 0;
	view->arguments[1] = (uint64_t)view->list;
	return true;
}

SPORK_FAST static bool holds(struct view *view, struct whole_state *state)
{
	struct arena *arena = view->arena;
	struct spork_registers *regs = &arena->attempt.machine.regs;
	const uint64_t changes = data_changes_count();

	memcpy(regs->gpr, arena->attempt.frame->gpr, sizeof(regs->gpr));
	regs->gpr[SPORK_RAX] = 0;
	regs->rip = regs->gpr[SPORK_RCX] = arena->attempt.resume;
	regs->rflags = regs->gpr[SPORK_R11] = arena->attempt.frame->rflags;
	__asm__("mov %%fs:0, %0" : "=r"(regs->fs_base));
	if (spork_whole_uses_vectors(view->whole)) {
		spork_vectors_restore(arena->vectors);
		spork_vectors_read(regs->zmm, regs->k, spork_vector_width());
	}
	if (spork_whole_heap_end(view->whole) > 0 &&
		spork_whole_heap_end(view->whole) > heap_end(view))
		return false;
	view->asked_count = spork_whole_asked(view->whole, view->asked);
	if (view->asked_count > 0 &&
		!ranges_are_there(view->asked, view->asked_count, view->asked_ends))
		return false;
	if (!spork_whole_holds(view->whole, regs, state->changes == changes, view->arguments))
		return false;
	state->changes = changes;
	return unwritten_until(view, view->arguments[0]) && find_list(view, regs) &&
	       list_is_unwritten(view, view->arguments[2]);
}

/* In the child's process. */
SPORK_FAST static void run_child(void *argument)
{
	struct view *view = argument;
	struct kernel *k = &view->arena->kernel;

	k->child = true;
	kernel_exec_at_once(k, (const char *)view->arguments[0], (char **)view->arguments[1],
		(char **)view->arguments[2]);
	view->arena->attempt.outcome = RECORD_ABORTED;
	(void)raw1(SYS_exit_group, 127);
	__builtin_unreachable();
}

SPORK_FAST static bool may_be_tried(const struct arena *arena)
{
	const struct session *session = arena->session;

	return arena->entry && arena->entry->verdict == SPORK_VERDICT_RECIPE &&
	       !arena->attempt.caller.threaded && !hidden_any() && session->range_count > 0 &&
	       session->range_modules == session->count;
}

SPORK_FAST int64_t whole_attempt(struct arena *arena)
{
	struct spork_attempt *attempt = &arena->attempt;
	struct view view;
	struct whole_state *state;
	int64_t pid;

	if (!may_be_tried(arena))
		return 0;
	arena->recipe = recipe_find(arena->session, arena->chain.key, &arena->recipe_bytes);
	state = arena->recipe ? state_of(arena) : NULL;
	if (!state || !state->ready || !recipe_known(arena))
		return 0;
	view.arena = arena;
	view.whole = bytes_of(arena, state);
	view.heap_end = 0;
	attempt->outcome = RECORD_RUNS;
	kernel_begin(&arena->kernel, attempt);
	if (state->generation != arena->session->range_generation || !holds(&view, state)) {
		state->ready = false;
		state->faults++;
		return 0;
	}
	pid = record_run_child(arena, run_child, &view);
	if (pid <= 0) {
		state->ready = false;
		state->faults++;
		return 0;
	}
	spork_notice(SPORK_NOTICE_INSTRUCTIONS, spork_whole_steps(view.whole));
	spork_notice(SPORK_NOTICE_WHOLE, 1);
	attempt->converted = SPORK_CONVERTED_RECIPE;
	return pid;
}

void whole_begin(struct arena *arena)
{
	struct whole_state *state = arena->recipe_on ? state_of(arena) : NULL;

	arena->whole_records = NULL;
	/* The first run may be the only one. */
	if (!state || state->ready || state->faults >= FAULTS_MAX || state->runs++ == 0 ||
		!may_be_tried(arena))
		return;
	if (state->runs > 2)
		state->runs = 2;
	state->made = false;
	arena->whole_records = state;
}

/* The machine stands at execve: what was touched until then has to be memory that stays. */
static bool finish(struct arena *arena, const struct whole_state *state)
{
	const struct session *session = arena->session;
	struct spork_range ranges[SESSION_RANGES + 1];
	size_t count = 0;

	for (; count < session->range_count; count++)
		ranges[count] = (struct spork_range){session->ranges[count].start,
			session->ranges[count].end, session->ranges[count].writable, false};
	if (session->heap_start)
		ranges[count++] = (struct spork_range){
			session->heap_start, session->kept_heap_end, true, true};
	return spork_whole_end(bytes_of(arena, state), &arena->attempt.machine, ranges, count);
}

int whole_step(struct arena *arena)
{
	struct spork_machine *machine = &arena->attempt.machine;
	struct whole_state *state = arena->whole_records;
	int stop = spork_whole_step(bytes_of(arena, state), machine, arena->recipe,
		arena->recipe_bytes, &arena->recipe_position);
	uint64_t nr = machine->regs.gpr[SPORK_RAX];

	if (stop == SPORK_STOP_SYSCALL && !arena->kernel.child && kernel_is_nothing(nr))
		return stop;
	arena->whole_records = NULL;
	/* After any other call the child has its own state, which is not made here. */
	if (stop != SPORK_STOP_SYSCALL || nr != SYS_execve || arena->kernel.child ||
		arena->kernel.changed || !spork_trace_ends(arena->recipe, arena->recipe_position) ||
		!finish(arena, state)) {
		state->faults = FAULTS_MAX;
		return stop;
	}
	state->made = true;
	return stop;
}

void whole_keep(struct arena *arena, bool led)
{
	struct whole_state *state = arena->recipe ? state_of(arena) : NULL;

	if (!state || !state->made)
		return;
	state->made = false;
	state->generation = arena->session->range_generation;
	state->changes = data_changes_count();
	state->ready = led;
}
