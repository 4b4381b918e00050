/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a trial says on its result pipe (docs/reference/formats.md, "Trial protocol"), checked as it arrives: bytes
 * go in, in any portions; out comes what was measured, or the first thing that broke the rules. Memory is bounded by
 * HB_PROTOCOL_LINE_BYTES_MAX and HB_PROTOCOL_TOTAL_BYTES_MAX whatever the driver sends. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_PROTOCOL_H
#define HOTBED_RUNNER_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"
#include "row.h"

#define HB_PROTOCOL_LINE_BYTES_MAX ((size_t)1 << 20)
#define HB_PROTOCOL_TOTAL_BYTES_MAX ((size_t)32 << 20)
#define HB_PROTOCOL_HISTS_MAX 32
#define HB_PROTOCOL_FIGURES_MAX 4
#define HB_PROTOCOL_DETAIL_BYTES 400
#define HB_PROTOCOL_FLAGS_BYTES 256
#define HB_PROTOCOL_DIGEST_BYTES 65

enum hb_phase {
	HB_PHASE_NONE, /* before the first hook */
	HB_PHASE_PROBE,
	HB_PHASE_SETUP,
	HB_PHASE_WARMUP,
	HB_PHASE_RUN,
	HB_PHASE_VERIFY,
	HB_PHASE_TEARDOWN,
	HB_PHASE_COUNT,
};

extern const char *const hb_phase_names[HB_PHASE_COUNT];

struct hb_protocol_value {
	double value; /* finite or +infinity */
	uint64_t n;
	bool seen;
};

struct hb_protocol_hist {
	char *name;
	char *data; /* HdrHistogram V2, base64; decodes */
	int64_t max;
};

struct hb_protocol_figure {
	char *name; /* [a-z0-9_-] */
	char *spec; /* as hb_figure_check() took it */
};

struct hb_protocol {
	/* What is expected; kept by reference. */
	const struct hb_plan_experiment *experiment;
	const char *variant; /* the driver's name for it */

	/* What came. */
	struct hb_protocol_value *values; /* shape [experiment->metric_count] */
	struct hb_protocol_hist hists[HB_PROTOCOL_HISTS_MAX];
	size_t hist_count;
	struct hb_protocol_figure figures[HB_PROTOCOL_FIGURES_MAX];
	size_t figure_count;
	char digest[HB_PROTOCOL_DIGEST_BYTES];
	char flags[HB_PROTOCOL_FLAGS_BYTES]; /* separated by ';' */
	uint64_t run_ns, steal_ppm, psi_ppm, switches_involuntary, migrations;
	enum hb_phase phase; /* of the hook that started last */
	bool hello, done, usage;
	/* HB_STATUS_OK unless the driver itself reported skip, fail or invalid_load. */
	enum hb_status reported;
	char detail[HB_PROTOCOL_DETAIL_BYTES]; /* the driver's words, or what broke the protocol */
	bool broken;                           /* nothing is read any more */

	char *line; /* of the line that is not complete yet */
	size_t line_bytes, line_capacity, total_bytes;
};

/* How the process ended, as far as the runner saw. */
struct hb_protocol_end {
	int signal; /* that killed it; 0 = none */
	int exit_code;
};

/* hb_protocol_init - expect a trial of @variant. Returns 0 or -ENOMEM; hb_protocol_finish() frees. */
int hb_protocol_init(struct hb_protocol *protocol, const struct hb_plan_experiment *experiment,
	const char *variant);
void hb_protocol_finish(struct hb_protocol *protocol);

/*
 * hb_protocol_feed - take @length_bytes of the pipe. The first violation sets @broken and @detail; the rest is
 * ignored. Never blocks.
 */
void hb_protocol_feed(struct hb_protocol *protocol, const char *bytes, size_t length_bytes);

/*
 * hb_protocol_close - the process has ended: the trial's status, with the reason in @detail unless it is ok.
 * Call once.
 */
enum hb_status hb_protocol_close(struct hb_protocol *protocol, const struct hb_protocol_end *end);

/* hb_protocol_add_flag - append @flag unless it is there; a full list drops it. */
void hb_protocol_add_flag(struct hb_protocol *protocol, const char *flag);

/* hb_protocol_sanitise - make outside text fit for one CSV field and one line: valid UTF-8, no control characters. */
void hb_protocol_sanitise(char *text);

#endif
