/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a subproject registers what it measures: const tables of experiments, parameters, metrics, variants and claims,
 * handed to hb_driver_main(). The driver prints them (--describe, --points) and runs one trial per process (--trial);
 * the runner never links a driver. Formats: docs/reference/formats.md.
 *
 * All structs are const data with static lifetime; arrays end with an entry whose name is NULL.
 */
#ifndef HOTBED_EXPERIMENT_H
#define HOTBED_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_trial;
struct hb_params;

enum hb_role {
	HB_ROLE_BASELINE, /* exactly one per experiment */
	HB_ROLE_RIVAL,    /* another system worth comparing */
	HB_ROLE_IDEA,     /* the paper's */
	HB_ROLE_CONTROL,  /* the runner's second run of the baseline; no variant declares it */
	HB_ROLE_NEGATIVE, /* must not differ from the baseline */
};

enum hb_better {
	HB_BETTER_NONE,
	HB_BETTER_LOWER,
	HB_BETTER_HIGHER,
};

/* What a value rests on; values of different basis are never compared. */
enum hb_basis {
	HB_BASIS_WALL,  /* wall-clock time on this machine */
	HB_BASIS_CPU,   /* CPU time */
	HB_BASIS_COUNT, /* events counted */
	HB_BASIS_MODEL, /* computed or simulated */
};

enum hb_param_type {
	HB_PARAM_TEXT, /* one of the listed values, characters [A-Za-z0-9._+-] */
	HB_PARAM_INT,  /* decimal int64; on the command line also 64K, 1M, 1G (powers of 1024) */
	HB_PARAM_REAL, /* decimal double */
};

/*
 * A parameter and the values it sweeps over. Sweep strings: "a,b,c" (list), "linear(from,to,count)",
 * "log2(from,to)" (from, 2 from, 4 from ... <= to). Points are the cross product of all parameters' sweeps.
 */
struct hb_param {
	const char *name;
	enum hb_param_type type;
	const char *unit; /* "B", "ns", "1/s", "1" */
	const char *help;
	const char *sweep;       /* default run */
	const char *sweep_quick; /* smoke run, usually one value; NULL = first of @sweep */
	const char *sweep_full;  /* --full; NULL = @sweep */
	/* HB_PARAM_TEXT: "a,b,c" accepted by --set; NULL = those of the sweeps */
	const char *allowed;
	double min, max; /* INT, REAL: accepted range, inclusive; both 0 = any */
};

struct hb_metric {
	const char *name; /* lower_case_with_underscores */
	const char *unit; /* base units only: ns, B, 1, 1/s, J */
	const char *help;
	enum hb_better better;
	enum hb_basis basis;
	bool exact;        /* repeats bit for bit for one build, host and seed */
	bool optional;     /* a variant may leave it out */
	double min_effect; /* smallest relative change of interest, e.g. 0.03; 0 = 0.03 (exact: 0) */
};

/*
 * Hooks run in this order in one fresh process: probe, setup, [sabotage], warmup, run, verify, teardown. Each returns
 * 0 or -errno after hb_trial_fail() gave the reason; NULL hooks are skipped (run and verify are required).
 * probe calls hb_trial_skip() when the host cannot run the variant. teardown runs even when an earlier hook failed.
 */
struct hb_variant {
	const char *name;
	enum hb_role role;
	const char *help;
	/* Variants of one class must give one digest per block; NULL = none */
	const char *digest_class;
	int (*probe)(struct hb_trial *trial);
	int (*setup)(struct hb_trial *trial);
	int (*warmup)(struct hb_trial *trial);
	int (*run)(struct hb_trial *trial);
	int (*verify)(struct hb_trial *trial);
	int (*teardown)(struct hb_trial *trial);
	/* Makes the variant wrong, so that verify must fail. Required. */
	int (*sabotage)(struct hb_trial *trial);
	const void *data; /* for hooks shared by several variants: hb_trial_data() */
};

/*
 * A statement of a paper (or ours) as data: the ratio of one metric between two sides, paired by block, lies in
 * [lo, hi]. Sides differ in variant, in point, or both: "posix_spawn / fork at 1 GiB", or "posix_spawn at 1 GiB /
 * posix_spawn at 1 MiB" (flat in memory). The baseline side is the mean log of baseline and control.
 */
struct hb_claim {
	const char *name;    /* lower-case-with-dashes, unique in the driver */
	const char *text;    /* one sentence a reader understands without the paper */
	const char *paper;   /* "A fork() in the road, HotOS'19" */
	const char *section; /* "5", "Fig. 1"; "" */
	const char *metric;
	const char *variant; /* numerator */
	/* Numerator's point, "k=v;k=v"; parameters not named take any value, and the claim is then about the
	 * geometric mean over the points. */
	const char *where;
	const char *against_variant; /* NULL = the baseline */
	const char *against_where;   /* NULL = the same point */
	double lo, hi;               /* expected ratio, INFINITY allowed in hi */
	const char *needs;           /* hardware or software beyond the ordinary; NULL = nothing */
	int headline;                /* 1: part of `hotbed run` without arguments */
};

/* How the report draws the experiment; everything optional. */
struct hb_chart {
	const char *x;      /* parameter on the x axis; NULL = the first with several values */
	const char *facet;  /* parameter that splits into panels; NULL = none */
	const char *metric; /* metric on the y axis; NULL = the first */
	bool log_x, log_y;
};

struct hb_experiment {
	const char *name;              /* lower-case-with-dashes */
	const char *question;          /* ends with a question mark */
	const struct hb_param *params; /* may be NULL: one point, params "" */
	const struct hb_metric *metrics;
	const struct hb_variant *variants;
	const struct hb_claim *claims; /* may be NULL */
	struct hb_chart chart;
	int blocks;    /* default number of blocks; 0 = 12 (6 ... 1000, or 1 if @unseeded) */
	bool unseeded; /* closed forms: no randomness, one block is enough */
	bool quiet;    /* only exact metrics: trials may run one per CPU, no machine lock */
	/* Process roles beyond "system", NULL-terminated: "load", "peer"; may be NULL */
	const char *const *roles;
	/* Bytes a trial at this point needs; NULL = 64 MiB. Points above the free memory are skipped and named. */
	uint64_t (*memory_bytes)(const struct hb_params *params);
	/* Estimated wall time of one trial in ms; NULL = 500. The deadline is max(10 s, 20 x that). */
	uint64_t (*trial_ms)(const struct hb_params *params);
	/* Constraint: false leaves the point out of sweeps, and makes --set refuse it; NULL = all are valid. */
	bool (*valid)(const struct hb_params *params, const char **ret_why);
};

struct hb_driver {
	const char *subproject; /* "spork" */
	const char *version;
	const struct hb_experiment *const *experiments; /* NULL-terminated */
};

/*
 * hb_driver_main - the whole main() of a driver: parses the command line, prints tables or runs one trial.
 *
 * Returns the process's exit code: 0, or 2 for a usage error. A faulty table (no or several baselines, unknown metric
 * in a claim, missing sabotage ...) is reported on standard error and gives 2. Blocks as the trial does.
 */
int hb_driver_main(const struct hb_driver *driver, int argc, char **argv);

/* hb_params_* - value of a parameter of the point at hand; the name must be declared with that type (asserted). */
int64_t hb_params_i64(const struct hb_params *params, const char *name);
double hb_params_real(const struct hb_params *params, const char *name);
const char *hb_params_text(const struct hb_params *params, const char *name);

#endif
