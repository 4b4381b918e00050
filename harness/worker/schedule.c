/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Schedules of the load generator. Declared in <hotbed/load.h>. */
#include <hotbed/load.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>

#define SCHEDULE_STREAM UINT64_C(0x6c6f6164)
#define SEGMENT_NS_MIN 1000
#define DURATION_NS_MAX (INT64_C(86400) * 1000000000)
#define LINE_BYTES 256

/* A schedule that grows. */
struct drawing {
	struct hb_load_schedule schedule;
	size_t capacity;
	struct hb_rng rng;
	double owed; /* unit exponential still to run down, carried over a change of rate */
};

static int append(struct drawing *drawing, int64_t at_ns, struct hb_error *reterr)
{
	struct hb_load_schedule *schedule = &drawing->schedule;

	if (schedule->count == HB_LOAD_REQUESTS_MAX)
		return hb_error_set(reterr, -E2BIG,
			"the schedule has more than %d requests; "
			"lower the rate or the duration",
			HB_LOAD_REQUESTS_MAX);
	if (schedule->count == drawing->capacity) {
		size_t capacity = drawing->capacity ? 2 * drawing->capacity : 1024;
		int64_t *grown = reallocarray(schedule->at_ns, capacity, sizeof(*grown));

		if (!grown)
			return hb_error_set(reterr, -ENOMEM, "no memory for the schedule");
		schedule->at_ns = grown;
		drawing->capacity = capacity;
	}
	schedule->at_ns[schedule->count++] = at_ns;
	return 0;
}

static int draw_constant(
	const struct hb_load_profile *profile, struct drawing *drawing, struct hb_error *reterr)
{
	double gap_ns = 1e9 / profile->rate_per_s;
	int err = 0;

	/* The product, not a running sum: rounding must not add up. */
	for (uint64_t i = 0; !err && (double)i * gap_ns < (double)profile->duration_ns; i++)
		err = append(drawing, (int64_t)((double)i * gap_ns), reterr);
	return err;
}

/* Poisson arrivals of one rate in [from_ns, to_ns). */
static int draw_segment(struct drawing *drawing, double rate_per_s, int64_t from_ns, int64_t to_ns,
	struct hb_error *reterr)
{
	double per_ns = rate_per_s / 1e9;
	double at_ns = (double)from_ns;
	int err = 0;

	while (!err) {
		double left = ((double)to_ns - at_ns) * per_ns;

		if (drawing->owed >= left) {
			drawing->owed -= left;
			return 0;
		}
		at_ns += drawing->owed / per_ns;
		drawing->owed = hb_rng_exponential(&drawing->rng, 1);
		err = append(drawing, (int64_t)at_ns, reterr);
	}
	return err;
}

static int draw_poisson(
	const struct hb_load_profile *profile, struct drawing *drawing, struct hb_error *reterr)
{
	int64_t end_ns = profile->duration_ns;
	int64_t at_ns = 0;
	bool is_on = true;
	int err = 0;

	while (at_ns < end_ns && !err) {
		int64_t until_ns = end_ns;

		if (profile->shape == HB_LOAD_STEP && is_on)
			until_ns = profile->step_ns;
		if (profile->shape == HB_LOAD_BURST)
			until_ns = at_ns + (is_on ? profile->on_ns : profile->off_ns);
		if (until_ns > end_ns)
			until_ns = end_ns;
		err = draw_segment(drawing, is_on ? profile->rate_per_s : profile->other_rate_per_s,
			at_ns, until_ns, reterr);
		at_ns = until_ns;
		is_on = !is_on;
	}
	return err;
}

static int take_line(const struct hb_load_profile *profile, char *line, int number,
	struct drawing *drawing, struct hb_error *reterr)
{
	size_t count = drawing->schedule.count;
	int64_t at_ns;

	line[strcspn(line, "#\r\n")] = '\0';
	for (size_t length = strlen(line); length > 0 && strchr(" \t", line[length - 1]); length--)
		line[length - 1] = '\0';
	if (line[0] == '\0')
		return 0;
	if (hb_csv_parse_i64(line, &at_ns) || at_ns < 0)
		return hb_error_set_at(reterr, -EBADMSG, profile->trace_path, number,
			"'%.40s' is no time; expected nanoseconds from the start", line);
	if (count > 0 && at_ns < drawing->schedule.at_ns[count - 1])
		return hb_error_set_at(reterr, -EBADMSG, profile->trace_path, number,
			"time runs back; sort the trace");
	return at_ns < profile->duration_ns ? append(drawing, at_ns, reterr) : 0;
}

static int read_trace(
	const struct hb_load_profile *profile, struct drawing *drawing, struct hb_error *reterr)
{
	FILE *file = fopen(profile->trace_path, "re");
	char line[LINE_BYTES];
	int number = 0, err = 0;

	if (!file)
		return hb_error_set_at(
			reterr, -errno, profile->trace_path, 0, "%s", strerror(errno));
	while (!err && fgets(line, sizeof(line), file)) {
		number++;
		if (!strchr(line, '\n') && !feof(file))
			err = hb_error_set_at(reterr, -EBADMSG, profile->trace_path, number,
				"the line is longer than %d bytes", LINE_BYTES - 2);
		else
			err = take_line(profile, line, number, drawing, reterr);
	}
	if (!err && ferror(file))
		err = hb_error_set_at(reterr, -EIO, profile->trace_path, number, "cannot be read");
	(void)fclose(file);
	return err;
}

static int check_profile(const struct hb_load_profile *profile, struct hb_error *reterr)
{
	if (profile->duration_ns <= 0 || profile->duration_ns > DURATION_NS_MAX)
		return hb_error_set(reterr, -EINVAL, "a load lasts from 1 ns to a day");
	if (profile->shape == HB_LOAD_TRACE)
		return profile->trace_path ? 0
					   : hb_error_set(reterr, -EINVAL,
						     "a trace load needs the path of its trace");
	if (!(profile->rate_per_s > 0) || !isfinite(profile->rate_per_s) ||
		!(profile->other_rate_per_s >= 0) || !isfinite(profile->other_rate_per_s))
		return hb_error_set(reterr, -EINVAL, "a load's rate must be finite and above 0");
	if (profile->shape == HB_LOAD_BURST &&
		(profile->on_ns < SEGMENT_NS_MIN || profile->off_ns < SEGMENT_NS_MIN))
		return hb_error_set(
			reterr, -EINVAL, "bursts and pauses last at least %d ns", SEGMENT_NS_MIN);
	if (profile->shape == HB_LOAD_STEP &&
		(profile->step_ns < 0 || profile->step_ns > profile->duration_ns))
		return hb_error_set(reterr, -EINVAL, "the step lies outside the load's duration");
	return 0;
}

int hb_load_schedule_draw(const struct hb_load_profile *profile, uint64_t seed,
	struct hb_load_schedule *ret, struct hb_error *reterr)
{
	struct drawing drawing = {.schedule.duration_ns = profile->duration_ns};
	int err = check_profile(profile, reterr);

	if (err)
		return err;
	hb_rng_init(&drawing.rng, seed, SCHEDULE_STREAM);
	drawing.owed = hb_rng_exponential(&drawing.rng, 1);
	switch (profile->shape) {
	case HB_LOAD_CONSTANT:
		err = draw_constant(profile, &drawing, reterr);
		break;
	case HB_LOAD_POISSON:
	case HB_LOAD_BURST:
	case HB_LOAD_STEP:
		err = draw_poisson(profile, &drawing, reterr);
		break;
	case HB_LOAD_TRACE:
		err = read_trace(profile, &drawing, reterr);
		break;
	default:
		err = hb_error_set(reterr, -EINVAL, "unknown shape of load");
	}
	if (err)
		hb_load_schedule_finish(&drawing.schedule);
	else
		*ret = drawing.schedule;
	return err;
}

void hb_load_schedule_finish(struct hb_load_schedule *schedule)
{
	free(schedule->at_ns);
	*schedule = (struct hb_load_schedule){0};
}
