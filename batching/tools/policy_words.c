/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy_words.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/json_out.h>

#define NUMBER_BYTES 24

/* One phase, "FROM_NS:ARM", from @text up to @length. */
static int read_phase(const char *text, size_t length, int64_t start_ns,
	struct bat_oracle_phase *ret, struct hb_error *reterr)
{
	char number[NUMBER_BYTES];
	int64_t from_ns;

	if (length < 3 || length >= sizeof(number) + 2 || text[length - 2] != ':' ||
		(text[length - 1] != '0' && text[length - 1] != '1'))
		goto bad;
	memcpy(number, text, length - 2);
	number[length - 2] = '\0';
	if (hb_csv_parse_i64(number, &from_ns) || from_ns < 0 || from_ns > INT64_MAX - start_ns)
		goto bad;
	*ret = (struct bat_oracle_phase){start_ns + from_ns, text[length - 1] == '1'};
	return 0;
bad:
	return hb_error_set(reterr, -EINVAL,
		"--phases: '%.*s' is no phase; give FROM_NS:ARM with arm 0 or 1, as in "
		"0:0,1000000:1",
		length > 80 ? 80 : (int)length, text);
}

static int read_phases(struct policy_words *words, int64_t start_ns, struct bat_policy_options *ret,
	struct hb_error *reterr)
{
	const char *at = words->phases;

	for (;;) {
		size_t length = strcspn(at, ",");
		int err;

		if (ret->phase_count == POLICY_PHASES_MAX)
			return hb_error_set(reterr, -EINVAL, "--phases: more than %d phases",
				POLICY_PHASES_MAX);
		err = read_phase(at, length, start_ns, &words->read[ret->phase_count], reterr);
		if (err)
			return err;
		ret->phase_count++;
		if (at[length] == '\0')
			break;
		at += length + 1;
	}
	ret->phases = words->read;
	return 0;
}

int policy_words_read(struct policy_words *words, int64_t start_ns, struct bat_policy_options *ret,
	struct hb_error *reterr)
{
	struct bat_policy_options options = {
		.timer_ns = words->timer_ns,
		.hold_max_ns = words->hold_ns,
		.kernel_arm = words->nagle_arm,
		.slo_ns = words->slo_ns,
		.epsilon = words->epsilon,
		.confidence = words->confidence,
		.seed = words->seed,
	};
	int err = 0;

	if (words->limit > BAT_LIMIT_MAX)
		return hb_error_set(reterr, -EINVAL,
			"--limit %" PRIu64 " is too large; 1 to %d are possible", words->limit,
			BAT_LIMIT_MAX);
	options.limit = (uint32_t)words->limit;
	if (words->name)
		err = bat_policy_find(words->name, &options.kind, reterr);
	if (!err && words->phases)
		err = read_phases(words, start_ns, &options, reterr);
	if (!err)
		*ret = options;
	return err;
}

void policy_words_put(
	struct hb_json_out *out, enum bat_policy_kind kind, const struct bat_policy_record *record)
{
	hb_json_open(out, "policy", '{');
	hb_json_put_text(out, "name", bat_policy_name(kind));
	hb_json_put_u64(out, "windows", record->windows);
	hb_json_put_u64(out, "switches", record->switches);
	hb_json_put_u64(out, "explored", record->explored);
	hb_json_put_u64(out, "arm", record->arm);
	hb_json_close(out, '}');
}

void exchange_put(struct hb_json_out *out, const struct bat_exchange_result *result)
{
	if (!result->tracking)
		return;
	hb_json_open(out, "exchange", '{');
	hb_json_put_text(out, "tracking", result->tracking);
	hb_json_put_u64(out, "windows", result->windows);
	hb_json_put_u64(out, "undefined", result->undefined);
	if (result->departed > 0)
		hb_json_put_number(out, "end_to_end_ns", result->estimate_ns);
	else
		hb_json_put_null(out, "end_to_end_ns");
	hb_json_close(out, '}');
}
