/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "spork/analysis.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include "models.h"
#include "verdict.h"
#include "walk.h"

#define INSTRUCTIONS_DEFAULT UINT64_C(3000000)
#define STATES_DEFAULT 500000
#define REQUEST_MODULES_MAX 4096

static const char *const verdict_names[] = {
	[SPORK_SITE_UNKNOWN] = "unknown",
	[SPORK_SITE_FORK] = "fork",
	[SPORK_SITE_RECORD] = "record",
	[SPORK_SITE_RECIPE] = "recipe",
	[SPORK_SITE_SHARED] = "shared",
	[SPORK_SITE_LEAVE] = "leave",
};

static const struct {
	const char *name, *text;
} reasons[SPORK_BECAUSE_COUNT] = {
	[SPORK_BECAUSE_CLEAN] = {"clean",
		"every path executes a program or exits, with effects that can be replayed"},
	[SPORK_BECAUSE_EFFECTS] = {"effects",
		"a program is executed after effects that need a real child first"},
	[SPORK_BECAUSE_CALLS] = {"calls",
		"a program is executed, behind calls that were not resolved"},
	[SPORK_BECAUSE_RETURNS] = {"returns",
		"a program is executed, but some path returns beyond the known callers"},
	[SPORK_BECAUSE_UNRESOLVED] = {"unresolved",
		"no certain way to exec was found, and calls on the way were not resolved"},
	[SPORK_BECAUSE_BUDGET] = {"budget", "the analysis was cut short by its budget"},
	[SPORK_BECAUSE_UNDECODED] = {"undecoded",
		"a program is executed through code that no decoder knows"},
	[SPORK_BECAUSE_NO_EXEC] = {"no-exec", "no path executes a program"},
	[SPORK_BECAUSE_CALLERS] = {"callers", "the child returns to callers that are not known"},
	[SPORK_BECAUSE_BLOCKING] = {"blocking", "every way to exec waits for others first"},
	[SPORK_BECAUSE_UNSAFE] = {"unsafe",
		"every way to exec starts threads or processes or jumps out first"},
	[SPORK_BECAUSE_ALREADY_CHEAP] = {"already-cheap",
		"the call does not copy the address space"},
};

static const char *const effect_names[SPORK_EFFECT_COUNT] = {"query", "private", "descriptor",
	"signal", "group", "directory", "credentials", "environment", "limits", "external",
	"blocking", "unsafe", "unknown", "identity", "exec", "exit"};

const char *spork_site_verdict_name(enum spork_site_verdict verdict)
{
	return verdict_names[verdict];
}

const char *spork_site_reason_name(enum spork_site_reason reason)
{
	return reasons[reason].name;
}

const char *spork_site_reason_text(enum spork_site_reason reason)
{
	return reasons[reason].text;
}

const char *spork_effect_name(enum spork_effect effect)
{
	return effect_names[__builtin_ctz((unsigned)effect)];
}

int spork_analyser_create(const struct spork_decoder *decoder, struct spork_analyser **ret_analyser)
{
	struct spork_analyser *analyser = calloc(1, sizeof(*analyser));

	if (!analyser)
		return -ENOMEM;
	analyser->decoder = decoder ? decoder : &spork_decoder_both;
	if (analyser->decoder->create(&analyser->state)) {
		free(analyser);
		return -ENOMEM;
	}
	*ret_analyser = analyser;
	return 0;
}

void spork_analyser_destroy(struct spork_analyser *analyser)
{
	if (!analyser)
		return;
	for (size_t i = 0; i < analyser->cache_count; i++)
		code_cache_destroy(analyser->caches[i]);
	free(analyser->caches);
	free(analyser->summary_images);
	free(analyser->unfinished);
	analyser->decoder->destroy(analyser->state);
	free(analyser);
}

static void drop_summaries(struct spork_analyser *analyser)
{
	for (size_t i = 0; i < analyser->cache_count; i++)
		code_cache_drop_summaries(analyser->caches[i]);
	analyser->unfinished_count = 0;
	analyser->summary_image_count = 0;
}

void spork_analyser_forget(struct spork_analyser *analyser, const struct spork_image *image)
{
	drop_summaries(analyser);
	for (size_t i = 0; i < analyser->cache_count; i++) {
		if (analyser->caches[i]->image == image) {
			code_cache_destroy(analyser->caches[i]);
			analyser->caches[i] = analyser->caches[--analyser->cache_count];
			return;
		}
	}
}

int analyser_cache_of(
	struct spork_analyser *analyser, const struct spork_image *image, struct code_cache **ret)
{
	int err;

	for (size_t i = 0; i < analyser->cache_count; i++) {
		if (analyser->caches[i]->image == image) {
			*ret = analyser->caches[i];
			return 0;
		}
	}
	if (analyser->cache_count == analyser->cache_room) {
		size_t room = analyser->cache_room ? 2 * analyser->cache_room : 16;
		struct code_cache **caches = realloc(analyser->caches, room * sizeof(*caches));

		if (!caches)
			return -ENOMEM;
		analyser->caches = caches;
		analyser->cache_room = room;
	}
	err = code_cache_create(image, ret);
	if (!err)
		analyser->caches[analyser->cache_count++] = *ret;
	return err;
}

/* Summaries of another list of modules resolved names differently. */
static int keep_summaries(
	struct spork_analyser *analyser, const struct spork_analysis_request *request)
{
	bool same = analyser->summary_image_count == request->module_count;
	const struct spork_image **images;

	for (size_t i = 0; same && i < request->module_count; i++)
		same = analyser->summary_images[i] == request->modules[i].image;
	if (same)
		return 0;
	drop_summaries(analyser);
	images = realloc(analyser->summary_images, (request->module_count + 1) * sizeof(*images));
	if (!images)
		return -ENOMEM;
	analyser->summary_images = images;
	for (size_t i = 0; i < request->module_count; i++)
		images[i] = request->modules[i].image;
	analyser->summary_image_count = request->module_count;
	return 0;
}

static int check_request(const struct spork_analysis_request *request, struct hb_error *reterr)
{
	if (request->frame_count == 0 || request->frame_count > SPORK_FRAMES_MAX ||
		request->module_count == 0 || request->module_count > REQUEST_MODULES_MAX)
		return hb_error_set(reterr, -EINVAL,
			"a request has 1 to %d frames and 1 to %d modules", SPORK_FRAMES_MAX,
			REQUEST_MODULES_MAX);
	for (size_t i = 0; i < request->frame_count; i++) {
		const struct spork_analysis_frame *frame = &request->frames[i];
		size_t available;
		bool executable;

		if (frame->module >= request->module_count ||
			!spork_image_bytes(request->modules[frame->module].image, frame->address,
				&available, &executable) ||
			!executable)
			return hb_error_set(reterr, -EINVAL,
				"frame %zu at %#" PRIx64 " is not in the code of a module", i,
				frame->address);
	}
	return 0;
}

/* Is this frame inside of libc's own fork? */
static bool is_inside_fork(
	const struct question *question, const struct spork_analysis_frame *frame)
{
	const struct spork_symbol *symbol;
	const struct starter *starter;

	if (!question->caches[frame->module]->is_libc)
		return false;
	symbol = spork_image_symbol_at(
		question->request->modules[frame->module].image, frame->address - 1);
	starter = symbol ? starter_of(symbol->name) : NULL;
	return starter && starter->copies && starter->effects == 0;
}

static int collect_modules(const struct question *question, const struct walk *walk, size_t skipped,
	const struct spork_analysis_frame *frames, struct spork_analysis *ret)
{
	size_t count = question->request->module_count;

	ret->modules_needed = calloc(count, sizeof(*ret->modules_needed));
	if (!ret->modules_needed)
		return -ENOMEM;
	if (ret->verdict == SPORK_SITE_FORK)
		return 0;
	for (size_t i = 0; i < count; i++)
		ret->modules_needed[i] =
			module_set_has(&walk->modules, i) || question->caches[i]->is_libc;
	for (size_t i = 0; i < skipped; i++)
		ret->modules_needed[frames[i].module] = true;
	return 0;
}

static int answer(struct question *question, size_t skipped,
	const struct spork_analysis_frame *frames, struct spork_analysis *ret)
{
	struct walk walk = {.question = question};
	int err = walk_from_frames(&walk);

	if (!err)
		err = verdict_of(&walk, ret);
	if (!err)
		err = collect_modules(question, &walk, skipped, frames, ret);
	walk_finish(&walk);
	ret->guards = question->guards;
	ret->guard_count = question->guard_count;
	question->guards = NULL;
	return err;
}

int spork_analyse_site(struct spork_analyser *analyser,
	const struct spork_analysis_request *request, struct spork_analysis *ret,
	struct hb_error *reterr)
{
	struct spork_analysis_request inner = *request;
	struct question question = {.analyser = analyser, .request = &inner};
	struct spork_analysis result = {0};
	size_t skipped = 0;
	int err = check_request(request, reterr);

	if (err)
		return err;
	question.instruction_max =
		request->instruction_max ? request->instruction_max : INSTRUCTIONS_DEFAULT;
	question.state_max = request->state_max ? request->state_max : STATES_DEFAULT;
	question.caches = calloc(request->module_count, sizeof(*question.caches));
	question.guards = calloc(GUARDS_MAX, sizeof(*question.guards));
	err = question.caches && question.guards ? keep_summaries(analyser, request) : -ENOMEM;
	for (size_t i = 0; i < request->module_count && !err; i++)
		err = analyser_cache_of(analyser, request->modules[i].image, &question.caches[i]);
	if (!err) {
		while (inner.frame_count > 1 && is_inside_fork(&question, &inner.frames[0])) {
			inner.frames++;
			inner.frame_count--;
			skipped++;
		}
		err = answer(&question, skipped, request->frames, &result);
	}
	/* What was found when the budget had ended is incomplete. */
	if (question.exhausted || err)
		drop_summaries(analyser);
	free(question.caches);
	free(question.guards);
	table_finish(&question.read_index);
	free(question.read_values);
	if (err) {
		spork_analysis_finish(&result);
		return hb_error_set(reterr, err, "no memory for the analysis");
	}
	*ret = result;
	return 0;
}

void spork_analysis_finish(struct spork_analysis *analysis)
{
	free(analysis->steps);
	free(analysis->guards);
	free(analysis->modules_needed);
	*analysis = (struct spork_analysis){0};
}

size_t spork_frames_unwind(const struct spork_analysis_module *modules, size_t module_count,
	uint64_t rip, uint64_t rsp, uint64_t rbp,
	int (*read)(void *data, uint64_t address, void *buffer, size_t size_bytes), void *data,
	struct spork_analysis_frame *ret_frames)
{
	struct spork_analysis_request request = {.modules = modules, .module_count = module_count};
	struct question question = {.request = &request};
	size_t count = 0, module;

	while (count < SPORK_FRAMES_MAX && question_module_at(&question, rip, &module)) {
		uint64_t address = rip - modules[module].bias, cfa;
		const struct spork_unwind_row *row =
			spork_image_unwind_at(modules[module].image, address);

		ret_frames[count++] =
			(struct spork_analysis_frame){.module = module, .address = address};
		if (!row || (row->cfa_register != 6 && row->cfa_register != 7))
			break;
		cfa = (row->cfa_register == 6 ? rbp : rsp) + (uint64_t)(int64_t)row->cfa_offset;
		ret_frames[count - 1].cfa = cfa;
		/* Stacks grow down: a frame that does not lead up is damaged. */
		if (cfa <= rsp || read(data, cfa - 8, &rip, sizeof(rip)))
			break;
		if (row->rbp_offset &&
			read(data, cfa + (uint64_t)(int64_t)row->rbp_offset, &rbp, sizeof(rbp)))
			break;
		rsp = cfa;
	}
	return count;
}
