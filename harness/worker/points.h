/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parameter values: sweep strings and --set lists from the command line, the points of an
 * experiment (the cross product of its sweeps, less what its constraint leaves out), and the
 * "k=v;k=v" text that names one point.
 *
 * All input may come from outside: every list and product is bounded, every refusal names
 * parameter, value and what is accepted. Not thread-safe.
 */
#ifndef HOTBED_WORKER_POINTS_H
#define HOTBED_WORKER_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotbed/experiment.h>

struct hb_error;

#define HB_PARAMS_MAX 16         /* parameters of an experiment */
#define HB_SWEEP_VALUES_MAX 4096 /* values of one parameter */
#define HB_POINTS_MAX 20000      /* points of an experiment */
#define HB_VALUE_BYTES 64        /* text of one value, its NUL included */

enum hb_sweep {
	HB_SWEEP_QUICK,
	HB_SWEEP_DEFAULT,
	HB_SWEEP_FULL,
};

/* One value in canonical text ("1048576", never "1M") and as a number. */
struct hb_value {
	char text[HB_VALUE_BYTES];
	int64_t integer; /* HB_PARAM_INT */
	double real;     /* HB_PARAM_REAL */
};

struct hb_values {
	struct hb_value *values;
	size_t count;
};

/* One point: a value for each parameter, in the order of the table. */
struct hb_params {
	const struct hb_param *table;
	size_t count;
	struct hb_value values[HB_PARAMS_MAX];
};

struct hb_points {
	struct hb_params *points;
	size_t count;
};

/*
 * hb_value_parse - @text as a value of @param: type, range, and (@listed) membership in its
 * accepted texts.
 *
 * Returns 0, or -EINVAL with parameter, value and what is accepted in @reterr.
 */
int hb_value_parse(const struct hb_param *param, const char *text, bool listed,
	struct hb_value *ret, struct hb_error *reterr);

/*
 * hb_values_expand - the values of a sweep string: "a,b,c", "linear(from,to,count)" or
 * "log2(from,to)".
 * @listed: texts must be among those @param accepts. hb_values_finish() frees @ret.
 *
 * Returns 0, -EINVAL, -E2BIG (more than HB_SWEEP_VALUES_MAX) or -ENOMEM.
 */
int hb_values_expand(const struct hb_param *param, const char *sweep, bool listed,
	struct hb_values *ret, struct hb_error *reterr);
void hb_values_finish(struct hb_values *values);

/*
 * hb_param_sweep - the sweep string of @param in a run of size @sweep, by the defaults of struct
 * hb_param.
 */
const char *hb_param_sweep(const struct hb_param *param, enum hb_sweep sweep);

/*
 * hb_param_values - its expanded values in a run of size @sweep (quick without a sweep of its own:
 * the first).
 * Returns as hb_values_expand().
 */
int hb_param_values(const struct hb_param *param, enum hb_sweep sweep, struct hb_values *ret,
	struct hb_error *reterr);

/*
 * hb_points_expand - all points of @experiment.
 * @sets: NULL-terminated --set arguments "k=v,v2,k2=v" that replace sweeps; NULL = none.
 * hb_points_finish() frees @ret.
 *
 * Returns 0, -EINVAL (unknown parameter, refused value, a set value that the constraint leaves
 * without any point),
 * -E2BIG (more than HB_POINTS_MAX) or -ENOMEM.
 */
int hb_points_expand(const struct hb_experiment *experiment, enum hb_sweep sweep,
	const char *const *sets, struct hb_points *ret, struct hb_error *reterr);
void hb_points_finish(struct hb_points *points);

/*
 * hb_params_parse - the point that "k=v;k=v" names; every parameter of @experiment must be there
 * once.
 * @partial: parameters may be left out (a claim's where); *@ret then holds only those named, the
 * others have text "".
 *
 * Returns 0 or -EINVAL.
 */
int hb_params_parse(const struct hb_experiment *experiment, const char *text, bool partial,
	struct hb_params *ret, struct hb_error *reterr);

/*
 * hb_params_format - "k=v;k=v", keys sorted, into a new string that the caller frees; NULL = no
 * memory.
 */
char *hb_params_format(const struct hb_params *params);

/* hb_params_count - entries of a parameter table; NULL = 0. */
size_t hb_params_count(const struct hb_param *table);

#endif
