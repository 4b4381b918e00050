/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable tip: the weakest trigger that should tip the real service, and the nearest that should not. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <hotbed/error.h>

#include <metastable/emulation.h>

#include "command.h"
#include "service_options.h"

static const struct option_row options[] = {
	{"runs", "N", "runs of each trigger (20, or more if the predictions are close)"},
	{"seed", "N", "of all random numbers (1)"},
	{"simulations", "N", "runs behind each prediction (200)"},
	{"ratio", "X", "between the two durations (1.25)"},
	{"after", "TIME", "down so long after the trigger is stuck (4 x the longest request)"},
	{"settle", "TIME", "before the trigger (50 requests)"},
	{"predict", NULL, "only predict, run nothing"},
	{"window", "TIME", "over which goodput is compared with demand (50 requests)"},
	{"share", "P", "of the demand that the goodput must reach (0.9)"},
	SERVICE_OPTION_ROWS,
	{NULL, NULL, NULL},
};

static void json_interval(cJSON *object, const char *key, const struct hb_interval *interval)
{
	cJSON *list = cJSON_AddArrayToObject(object, key);

	(void)cJSON_AddItemToArray(list, cJSON_CreateNumber(interval->lo));
	(void)cJSON_AddItemToArray(list, cJSON_CreateNumber(interval->estimate));
	(void)cJSON_AddItemToArray(list, cJSON_CreateNumber(interval->hi));
}

static void json_side(cJSON *object, const char *key, const struct ms_tip_side *side)
{
	cJSON *item = cJSON_AddObjectToObject(object, key);

	json_number(item, "duration_s", side->duration_s);
	json_interval(item, "predicted", &side->predicted);
	json_number(item, "runs", side->runs);
	json_number(item, "voided", side->voided);
	json_number(item, "stuck", side->stuck);
	if (side->measured.confidence > 0)
		json_interval(item, "measured", &side->measured);
	else
		(void)cJSON_AddNullToObject(item, "measured");
}

static int print_json(const struct ms_tip *tip, struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(json, "schema", "metastable.tip/1");
	(void)cJSON_AddStringToObject(json, "trigger", tip->trigger.name);
	json_number(json, "value", tip->trigger.value);
	json_number(json, "at_s", tip->at_s);
	json_number(json, "horizon_s", tip->horizon_s);
	json_side(json, "harmless", &tip->harmless);
	json_side(json, "tipping", &tip->tipping);
	(void)cJSON_AddBoolToObject(json, "disjoint", tip->disjoint);
	return json_print(json, reterr);
}

static void print_side(const char *name, const struct ms_tip_side *side)
{
	(void)printf("%s: %.4g s, predicted P(stuck) = %.3f [%.3f, %.3f]", name, side->duration_s,
		side->predicted.estimate, side->predicted.lo, side->predicted.hi);
	if (side->measured.confidence > 0)
		(void)printf("; measured %u of %u, %.3f [%.3f, %.3f], %u void", side->stuck,
			side->runs - side->voided, side->measured.estimate, side->measured.lo,
			side->measured.hi, side->voided);
	(void)printf("\n");
}

static void print_text(const struct ms_tip *tip, bool ran)
{
	(void)printf("%s at %.4g s; stuck is down for %.4g s after it\n", tip->trigger.name,
		tip->at_s, tip->horizon_s);
	print_side("harmless", &tip->harmless);
	print_side("tipping", &tip->tipping);
	if (ran)
		(void)printf("the intervals %s\n",
			tip->disjoint ? "are disjoint: the model tips the service"
				      : "are not disjoint: this shows nothing");
}

/* To standard error, so that the answer stays alone. */
static void on_run(const struct ms_tip *tip, void *user)
{
	(void)user;
	(void)fprintf(stderr, "\rharmless %u/%u tipping %u/%u ", tip->harmless.stuck,
		tip->harmless.runs - tip->harmless.voided, tip->tipping.stuck,
		tip->tipping.runs - tip->tipping.voided);
}

static int options_read(const struct arguments *arguments, struct ms_tip_options *ret,
	uint64_t *ret_seed, struct hb_error *reterr)
{
	uint64_t runs = 0;
	uint64_t simulations = 200;
	int code = service_options_read(arguments, &ret->emulation, reterr);

	if (code == 0)
		code = option_u64(arguments, "runs", 1, 10000, &runs, reterr);
	if (code == 0)
		code = option_u64(arguments, "simulations", 10, 100000, &simulations, reterr);
	if (code == 0)
		code = option_u64(arguments, "seed", 0, UINT64_MAX, ret_seed, reterr);
	if (code == 0)
		code = option_real(arguments, "ratio", 1.01, 2, &ret->ratio, reterr);
	if (code == 0)
		code = option_time(arguments, "after", &ret->horizon_s, reterr);
	if (code == 0)
		code = option_time(arguments, "settle", &ret->settle_s, reterr);
	ret->runs = (uint32_t)runs;
	ret->simulations = (uint32_t)simulations;
	return code;
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	bool predicts = option_value(arguments, "predict");
	struct ms_tip_options tip_options = {0};
	struct ms_model model, timed;
	struct ms_tip tip;
	uint64_t seed = 1;
	int code = options_read(arguments, &tip_options, &seed, reterr);

	if (code == 0)
		code = model_of(arguments, &model, reterr);
	if (code < 0)
		return code;
	if (predicts)
		code = ms_tip_predict(&model, &tip_options, seed, &tip, &timed, reterr);
	else
		code = ms_tip_run(&model, &tip_options, seed, on_run, NULL, &tip, reterr);
	if (!predicts)
		(void)fprintf(stderr, "\n");
	/* No such duration is an answer, not a file that is missing. */
	if (code == -ENOENT)
		return hb_error_set(reterr, -ERANGE, "%s", reterr->text);
	if (code < 0)
		return code;
	if (arguments->json)
		code = print_json(&tip, reterr);
	else
		print_text(&tip, !predicts);
	return code;
}

const struct command command_tip = {
	.name = "tip",
	.operands = "FILE.ms",
	.operands_min = 1,
	.operands_max = 1,
	.help = "find the weakest trigger that tips the real service, and show that it does",
	.options = options,
	.run = run,
};
