/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hb_protocol_feed(): bounded memory, the same result whatever the portions, and no ok without a complete trial. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>

#include "protocol.h"

#include "fuzz.h"

static struct hb_plan_metric metrics[] = {
	{.name = "call_p50", .unit = "ns", .better = "lower", .basis = "wall"},
	{.name = "faults", .unit = "1", .better = "lower", .basis = "count", .optional = true},
};
static const struct hb_plan_experiment experiment = {.subproject = "spork",
	.experiment = "spawn-latency",
	.metrics = metrics,
	.metric_count = 2};

static enum hb_status run(struct hb_protocol *p, const char *bytes, size_t size, size_t part)
{
	const struct hb_protocol_end end = {0};

	hb_assert(hb_protocol_init(p, &experiment, "fork") == 0);
	for (size_t at = 0; at < size; at += part)
		hb_protocol_feed(p, bytes + at, size - at < part ? size - at : part);
	return hb_protocol_close(p, &end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hb_protocol whole, parts;
	char *bytes = malloc(size ? size : 1);

	hb_assert(bytes);
	if (size > 0)
		memcpy(bytes, data, size);
	enum hb_status a = run(&whole, bytes, size, size ? size : 1);
	enum hb_status b = run(&parts, bytes, size, 7);

	hb_assert(
		a == b && !strcmp(whole.detail, parts.detail) && !strcmp(whole.flags, parts.flags));
	hb_assert(whole.line_capacity <= 2 * HB_PROTOCOL_LINE_BYTES_MAX);
	hb_assert(strlen(whole.flags) < sizeof(whole.flags));
	hb_assert(strlen(whole.detail) < sizeof(whole.detail) && !strchr(whole.detail, '\n'));
	if (a == HB_STATUS_OK)
		hb_assert(whole.hello && whole.done && whole.values[0].seen &&
			  !isnan(whole.values[0].value) && whole.phase >= HB_PHASE_VERIFY);
	else
		hb_assert(a == HB_STATUS_SKIPPED || whole.detail[0] || whole.reported == a);
	hb_protocol_finish(&whole);
	hb_protocol_finish(&parts);
	free(bytes);
	return 0;
}
