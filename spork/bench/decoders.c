/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork/decoders: what decoding one instruction costs, by Capstone and by Zydis, over the functions of one program.
 * Each fills the analyser's own view of an instruction, operands and accesses included.
 */
#include "experiments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <spork/decoder.h>
#include <spork/image.h>

#define INSTRUCTIONS_QUICK 20000

struct decoding {
	const struct spork_decoder *decoder;
	struct spork_decoder_state *state;
	struct spork_image *image;
	uint64_t instructions, unknown;
	uint64_t lengths; /* sum of the lengths, and of unknown bytes */
	uint64_t bytes;   /* of the functions */
	bool sabotaged;
};

static const char *path_of(const struct hb_trial *trial)
{
	return strcmp(hb_params_text(hb_trial_params(trial), "code"), "bash") == 0
		       ? "/bin/bash"
		       : "/lib/x86_64-linux-gnu/libc.so.6";
}

static int probe(struct hb_trial *trial)
{
	if (access(path_of(trial), R_OK))
		return hb_trial_skip(trial, "needs %s", path_of(trial));
	return 0;
}

static int setup(struct hb_trial *trial)
{
	struct decoding *decoding = calloc(1, sizeof(*decoding));
	struct hb_error error = {0};

	if (!decoding)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, decoding);
	decoding->decoder = hb_trial_data(trial);
	if (decoding->decoder->create(&decoding->state))
		return hb_trial_fail(trial, "no memory for %s", decoding->decoder->name);
	if (spork_image_open(path_of(trial), &decoding->image, &error))
		return hb_trial_fail(trial, "%s", error.text);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	struct decoding *decoding = hb_trial_state(trial);

	decoding->sabotaged = true;
	return 0;
}

static void decode_function(struct decoding *decoding, const struct spork_function *function)
{
	uint64_t at = function->start;
	size_t available = 0;
	const uint8_t *bytes = spork_image_bytes(decoding->image, at, &available, NULL);

	decoding->bytes += function->end - function->start;
	while (at < function->end) {
		struct spork_instruction instruction;
		size_t left = function->end - at;

		if (decoding->decoder->decode(decoding->state, bytes + (at - function->start), left,
			    at, &instruction)) {
			decoding->unknown++;
			instruction.length = 1;
		}
		decoding->instructions++;
		decoding->lengths += instruction.length;
		at += instruction.length;
	}
}

static int run(struct hb_trial *trial)
{
	struct decoding *decoding = hb_trial_state(trial);
	const struct spork_function *functions;
	size_t count = spork_image_functions(decoding->image, &functions);
	int64_t start_ns = hb_clock_now_ns();
	double elapsed_ns;

	for (size_t i = 0; i < count; i++) {
		decode_function(decoding, &functions[i]);
		if (hb_trial_is_quick(trial) && decoding->instructions > INSTRUCTIONS_QUICK)
			break;
	}
	elapsed_ns = (double)(hb_clock_now_ns() - start_ns);
	if (decoding->sabotaged)
		decoding->lengths++;
	if (decoding->instructions == 0)
		return hb_trial_fail(trial, "%s has no functions", path_of(trial));
	hb_trial_metric(trial, "per_instruction", elapsed_ns / (double)decoding->instructions,
		decoding->instructions);
	hb_trial_metric(trial, "unknown",
		(double)decoding->unknown / (double)decoding->instructions, decoding->instructions);
	return 0;
}

/* Every byte of the functions belongs to one instruction, and little is unknown. */
static int verify(struct hb_trial *trial)
{
	const struct decoding *decoding = hb_trial_state(trial);

	if (decoding->lengths != decoding->bytes)
		return hb_trial_fail(trial, "instructions of %llu bytes in %llu bytes",
			(unsigned long long)decoding->lengths, (unsigned long long)decoding->bytes);
	if (decoding->unknown * 20 > decoding->instructions)
		return hb_trial_fail(trial, "more than a twentieth is unknown");
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	struct decoding *decoding = hb_trial_state(trial);

	if (!decoding)
		return 0;
	if (decoding->state)
		decoding->decoder->destroy(decoding->state);
	spork_image_close(decoding->image);
	free(decoding);
	return 0;
}

static const struct hb_param params[] = {
	{
		.name = "code",
		.type = HB_PARAM_TEXT,
		.help = "whose functions are decoded",
		.sweep = "bash,libc",
		.sweep_quick = "libc",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "per_instruction",
		.unit = "ns",
		.help = "mean time of decoding an instruction",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{
		.name = "unknown",
		.unit = "1",
		.help = "share of instructions that are not known; bytes behind them are tried one "
			"by one",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_COUNT,
		.min_effect = 0.01,
	},
	{.name = NULL},
};

#define VARIANT(role_, help_, decoder_)                                              \
	{                                                                            \
		.name = #decoder_, .role = (role_), .help = (help_), .probe = probe, \
		.setup = setup, .run = run, .verify = verify, .teardown = teardown,  \
		.sabotage = sabotage, .data = &spork_decoder_##decoder_,             \
	}

static const struct hb_variant variants[] = {
	VARIANT(HB_ROLE_BASELINE, "Capstone 4.0.2 with details", capstone),
	VARIANT(HB_ROLE_RIVAL, "Zydis 4.0", zydis),
	VARIANT(HB_ROLE_IDEA, "Capstone, and Zydis for what it does not know", both),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "zydis-decodes-faster",
		.text = "Zydis decodes an instruction in at most three quarters of Capstone's "
			"time.",
		.paper = "Hotbed",
		.section = "",
		.metric = "per_instruction",
		.variant = "zydis",
		.where = "code=libc",
		.lo = 0,
		.hi = 0.75,
	},
	{.name = NULL},
};

const struct hb_experiment spork_decoders = {
	.name = "decoders",
	.question = "What does decoding an instruction cost the analyser?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "code", .metric = "per_instruction"},
};
