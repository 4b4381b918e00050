/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/log.h>

#include "session.h"

/* What `hotbed run` without arguments may take. */
#define HEADLINE_BUDGET_MS 300000
#define BLOCKS_MAX 100000

static int parse_duration(const char *text, int64_t *ret_ns)
{
	double total_s = 0;
	const char *at = text;

	if (!*at)
		return -EINVAL;
	while (*at) {
		char *end;
		double value;
		double unit_s = 1;

		if (*at < '0' || *at > '9')
			return -EINVAL;
		/* Decimal digits only: strtod() would take 0x10 and 1e3, too. */
		if (at[strspn(at, "0123456789.")] == 'e' || at[strspn(at, "0123456789.")] == 'x')
			return -EINVAL;
		value = strtod(at, &end);
		if (*end == 'h')
			unit_s = 3600;
		else if (*end == 'm')
			unit_s = 60;
		else if (*end && *end != 's')
			return -EINVAL;
		total_s += value * unit_s;
		at = *end ? end + 1 : end;
	}
	if (!(total_s >= 0.001 && total_s <= 366.0 * 86400))
		return -EINVAL;
	*ret_ns = (int64_t)(total_s * 1e9);
	return 0;
}

int hb_run_max_time(const struct hb_arguments *arguments, int64_t fallback_ns, int64_t *ret)
{
	const char *text = hb_arguments_text(arguments, "max-time");

	if (!text) {
		*ret = fallback_ns;
		return 0;
	}
	int error = parse_duration(text, ret);

	if (error)
		hb_log(HB_LOG_ERROR,
			"--max-time '%s': a time such as 90s, 5m or 1h30m is expected, up to a "
			"year",
			text);
	return error;
}

enum hb_exit hb_run_exit_code(int error)
{
	switch (error) {
	case 0:
		return HB_EXIT_DONE;
	case -EINVAL:
	case -ENOENT:
	case -E2BIG:
	case -EEXIST:
		return HB_EXIT_USAGE;
	case -ENODATA:
		return HB_EXIT_NOTHING;
	case -EBUSY:
	case -ESTALE:
		return HB_EXIT_LOCKED;
	default:
		return HB_EXIT_FAULT;
	}
}

static enum hb_exit choose_mode(const struct hb_arguments *arguments, enum hb_plan_mode *ret)
{
	bool all = hb_arguments_flag(arguments, "all");
	bool quick = hb_arguments_flag(arguments, "quick");
	bool full = hb_arguments_flag(arguments, "full");
	size_t operands;

	(void)hb_arguments_operands(arguments, &operands);
	if (quick && full) {
		hb_log(HB_LOG_ERROR, "--quick and --full exclude each other");
		return HB_EXIT_USAGE;
	}
	if (all && operands > 0) {
		hb_log(HB_LOG_ERROR, "--all and names of experiments exclude each other");
		return HB_EXIT_USAGE;
	}
	if (quick && hb_arguments_flag(arguments, "until-ci")) {
		hb_log(HB_LOG_ERROR,
			"--quick gives no verdicts, so --until-ci has nothing to wait for");
		return HB_EXIT_USAGE;
	}
	*ret = quick      ? HB_PLAN_QUICK
	       : full     ? HB_PLAN_FULL
	       : all      ? HB_PLAN_DEFAULT
	       : operands ? HB_PLAN_DEFAULT
			  : HB_PLAN_HEADLINE;
	/* Two builds are compared on everything that was asked for, not on headline claims. */
	if (*ret == HB_PLAN_HEADLINE && hb_arguments_flag(arguments, "against"))
		*ret = HB_PLAN_DEFAULT;
	return HB_EXIT_DONE;
}

static int choose_seed(const struct hb_arguments *arguments, uint64_t *ret)
{
	uint64_t drawn = 0;

	if (getrandom(&drawn, sizeof(drawn), 0) != sizeof(drawn))
		drawn = (uint64_t)hb_clock_wall_ns();
	/* Small enough to be typed again. */
	return hb_arguments_u64(arguments, "seed", 0, UINT64_MAX, drawn % 1000000000, ret);
}

static enum hb_exit load_manifests(const struct hb_arguments *arguments, struct hb_run_plan *plan)
{
	const char *drivers = hb_arguments_text(arguments, "drivers");
	const char *against = hb_arguments_text(arguments, "against");
	struct hb_error error = {0};
	int failed = hb_manifest_load(drivers ? drivers : hb_build_root(), &plan->manifest, &error);

	if (!failed && against)
		failed = hb_manifest_load(against, &plan->against, &error);
	if (failed) {
		hb_log_error(&error);
		return failed == -ENOENT && (drivers || against) ? HB_EXIT_USAGE
		       : failed == -ENOENT                       ? HB_EXIT_NOTHING
								 : HB_EXIT_FAULT;
	}
	for (size_t d = 0; d < plan->manifest.count; d++)
		if (plan->manifest.drivers[d].fault)
			hb_log(HB_LOG_WARNING, "driver of %s is left out: %s",
				plan->manifest.drivers[d].subproject,
				plan->manifest.drivers[d].fault);
	if (plan->manifest.count == 0) {
		hb_log(HB_LOG_ERROR, "this build has no drivers: there is nothing to run");
		return HB_EXIT_NOTHING;
	}
	return HB_EXIT_DONE;
}

static int identify(
	const char *const *driver_paths, void *user, struct hb_env *ret, struct hb_error *reterr)
{
	struct hb_run_plan *plan = user;
	int error = hb_env_collect(driver_paths, &plan->env_json, &plan->env, reterr);

	if (!error)
		*ret = plan->env;
	return error;
}

static enum hb_exit build(
	const struct hb_arguments *arguments, struct hb_run_plan *plan, uint64_t blocks)
{
	char utc[HB_CLOCK_UTC_BYTES];
	struct hb_error error = {0};
	const struct hb_plan_request request = {
		.mode = plan->mode,
		.operands = hb_arguments_operands(arguments, NULL),
		.sets = hb_arguments_texts(arguments, "set"),
		.filters = hb_arguments_texts(arguments, "filter"),
		.seed = plan->seed,
		.blocks = (uint32_t)blocks,
		.until_ci = hb_arguments_flag(arguments, "until-ci"),
		.manifest = &plan->manifest,
		.against = hb_arguments_text(arguments, "against") ? &plan->against : NULL,
		.free_bytes = hb_plan_free_bytes(),
		.budget_ms = HEADLINE_BUDGET_MS,
		.run_id = plan->run_id,
		.created_utc = hb_clock_format_utc(hb_clock_wall_ns(), utc),
		.sabotage = hb_arguments_flag(arguments, "sabotage"),
		.identify = identify,
		.user = plan,
	};
	int failed = hb_plan_build(&request, &plan->text, &error);

	if (failed)
		hb_log_error(&error);
	return hb_run_exit_code(failed);
}

enum hb_exit hb_run_plan_make(const struct hb_arguments *arguments, struct hb_run_plan *ret)
{
	struct hb_error error = {0};
	uint64_t blocks;

	*ret = (struct hb_run_plan){0};
	enum hb_exit code = choose_mode(arguments, &ret->mode);

	if (code)
		return code;
	if (choose_seed(arguments, &ret->seed) ||
		hb_arguments_u64(arguments, "blocks", 1, BLOCKS_MAX, 0, &blocks))
		return HB_EXIT_USAGE;
	if (hb_session_make_id(ret->run_id, &error)) {
		hb_log_error(&error);
		return HB_EXIT_FAULT;
	}
	code = load_manifests(arguments, ret);
	return code ? code : build(arguments, ret, blocks);
}

void hb_run_plan_finish(struct hb_run_plan *plan)
{
	hb_manifest_finish(&plan->manifest);
	hb_manifest_finish(&plan->against);
	free(plan->text.text);
	cJSON_Delete(plan->env_json);
	*plan = (struct hb_run_plan){0};
}
