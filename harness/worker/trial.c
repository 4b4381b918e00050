/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <hotbed/trial.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>

#include "state.h"

#define LINES_BYTES \
	65536 /* room for the messages of an ordinary trial without another allocation */
#define TEXT_BYTES 4096

const struct hb_params *hb_trial_params(const struct hb_trial *trial)
{
	return &trial->params;
}

uint64_t hb_trial_seed(const struct hb_trial *trial)
{
	return trial->seed;
}

bool hb_trial_is_quick(const struct hb_trial *trial)
{
	return trial->quick;
}

const char *hb_trial_tmpdir(const struct hb_trial *trial)
{
	return trial->tmpdir;
}

const void *hb_trial_data(const struct hb_trial *trial)
{
	return trial->variant->data;
}

void *hb_trial_state(const struct hb_trial *trial)
{
	return trial->state;
}

void hb_trial_set_state(struct hb_trial *trial, void *state)
{
	trial->state = state;
}

/* Start the message of kind @kind; end_message() ends its line. */
static struct hb_emit *begin_message(struct hb_trial *trial, const char *kind)
{
	hb_emit_open(&trial->lines, NULL, '{');
	hb_emit_text(&trial->lines, "t", kind);
	return &trial->lines;
}

static void end_message(struct hb_emit *lines)
{
	hb_emit_close(lines, '}');
	hb_emit_newline(lines);
}

void hb_trial_metric(struct hb_trial *trial, const char *name, double value, uint64_t n)
{
	struct hb_emit *lines = begin_message(trial, "metric");

	hb_emit_text(lines, "name", name);
	hb_emit_double(lines, "value", value);
	hb_emit_u64(lines, "n", n);
	end_message(lines);
}

void hb_trial_digest(struct hb_trial *trial, const void *bytes, size_t length_bytes)
{
	struct hb_emit *lines = begin_message(trial, "digest");
	char digest[17];

	(void)snprintf(digest, sizeof(digest), "%016llx",
		(unsigned long long)XXH3_64bits(bytes, length_bytes));
	hb_emit_text(lines, "value", digest);
	end_message(lines);
}

void hb_trial_figure(struct hb_trial *trial, const char *name, const char *spec)
{
	struct hb_emit *lines = begin_message(trial, "figure");

	hb_emit_text(lines, "name", name);
	hb_emit_text(lines, "spec", spec);
	end_message(lines);
}

void hb_trial_flag(struct hb_trial *trial, const char *flag)
{
	struct hb_emit *lines = begin_message(trial, "flag");

	hb_emit_text(lines, "flag", flag);
	end_message(lines);
}

/* The first failure is the cause; what follows from it is not reported. */
static int fail(struct hb_trial *trial, const char *text)
{
	struct hb_emit *lines;

	if (trial->failed)
		return -EBADMSG;
	trial->failed = true;
	lines = begin_message(trial, "fail");
	hb_emit_text(lines, "phase", trial->phase);
	hb_emit_text(lines, "text", text);
	end_message(lines);
	return -EBADMSG;
}

int hb_trial_fail(struct hb_trial *trial, const char *format, ...)
{
	char text[TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return fail(trial, text);
}

int hb_trial_skip(struct hb_trial *trial, const char *format, ...)
{
	struct hb_emit *lines;
	char text[TEXT_BYTES];
	va_list arguments;

	/* Once setup has begun, leaving the trial out would hide a failure. */
	hb_assert(strcmp(trial->phase, "probe") == 0);
	if (trial->skipped || trial->failed)
		return -ENOTSUP;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	trial->skipped = true;
	lines = begin_message(trial, "skip");
	hb_emit_text(lines, "reason", text);
	end_message(lines);
	return -ENOTSUP;
}

int hb_trial_invalid_load(struct hb_trial *trial, double adherence)
{
	struct hb_emit *lines;

	if (trial->failed)
		return -EBADMSG;
	trial->failed = true;
	lines = begin_message(trial, "invalid_load");
	hb_emit_double(lines, "adherence", adherence);
	end_message(lines);
	return -EBADMSG;
}

/* Written before the hook runs, so that a crash shows where it happened. */
static int announce(struct hb_trial *trial, const char *phase)
{
	struct hb_emit *lines = begin_message(trial, "phase");

	trial->phase = phase;
	hb_emit_text(lines, "phase", phase);
	end_message(lines);
	return hb_emit_flush(lines, trial->result_fd);
}

static int call(struct hb_trial *trial, int (*hook)(struct hb_trial *trial))
{
	char text[TEXT_BYTES];
	int err = hook(trial);

	if (err && !trial->failed && !trial->skipped) {
		(void)snprintf(text, sizeof(text), "%s returned %d (%s) and gave no reason",
			trial->phase, err, strerror(err < 0 ? -err : err));
		(void)fail(trial, text);
	}
	return trial->failed || trial->skipped ? -ECANCELED : 0;
}

static int run_hook(struct hb_trial *trial, const char *phase, int (*hook)(struct hb_trial *trial))
{
	int err = hook ? announce(trial, phase) : 0;

	return hook && !err ? call(trial, hook) : err;
}

/* Nothing is written between the two samples. */
static int run_measured(struct hb_trial *trial)
{
	struct hb_noise before, after;
	struct hb_emit *lines;
	int64_t start_ns, run_ns;
	int err;

	err = announce(trial, "run");
	if (err)
		return err;
	hb_noise_sample(&before);
	start_ns = hb_clock_now_ns();
	err = call(trial, trial->variant->run);
	run_ns = hb_clock_now_ns() - start_ns;
	hb_noise_sample(&after);
	lines = begin_message(trial, "usage");
	hb_noise_emit(&before, &after, run_ns, lines);
	end_message(lines);
	return err;
}

/* Sabotage is part of setup, which is announced once: it makes the variant wrong before it is measured. */
static int run_hooks(struct hb_trial *trial)
{
	const struct hb_variant *variant = trial->variant;
	int err;

	err = run_hook(trial, "probe", variant->probe);
	if (!err)
		err = run_hook(trial, "setup", variant->setup);
	if (!err && trial->sabotaged)
		err = variant->setup ? call(trial, variant->sabotage)
				     : run_hook(trial, "setup", variant->sabotage);
	if (!err)
		err = run_hook(trial, "warmup", variant->warmup);
	if (!err)
		err = run_measured(trial);
	if (!err)
		err = run_hook(trial, "verify", variant->verify);
	return err;
}

int hb_trial_execute(struct hb_trial *trial)
{
	struct hb_emit *lines;
	int err;

	(void)hb_emit_reserve(&trial->lines, LINES_BYTES);
	lines = begin_message(trial, "hello");
	hb_emit_small(lines, "v", 1);
	hb_emit_text(lines, "subproject", trial->subproject);
	hb_emit_text(lines, "experiment", trial->experiment->name);
	hb_emit_text(lines, "variant", trial->variant->name);
	end_message(lines);

	err = run_hooks(trial);
	if (!trial->skipped)
		(void)run_hook(trial, "teardown", trial->variant->teardown);
	hb_children_stop_all();
	end_message(begin_message(trial, "done"));
	if (err == -ECANCELED)
		err = 0;
	if (!err)
		err = hb_emit_flush(&trial->lines, trial->result_fd);
	hb_emit_finish(&trial->lines);
	return err;
}
