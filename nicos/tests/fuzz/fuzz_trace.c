/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nic_distribution_trace(), and the same bytes as a distribution and as a list of costs: an error has a text and
 * leaves the result alone; what is accepted has finite moments and draws finite times.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <nicos/des.h>
#include <nicos/distribution.h>

#include "fuzz.h"

static void check(int rc, struct nic_distribution *d, const struct hb_error *error)
{
	struct hb_rng rng;

	hb_assert((rc < 0) == (error->text[0] != '\0'));
	if (rc) {
		hb_assert(!d->trace_ns && d->kind == NIC_CONST && d->a == 0);
		return;
	}
	hb_assert(isfinite(nic_distribution_mean_ns(d)) && nic_distribution_mean_ns(d) >= 0);
	hb_rng_init(&rng, 1, 0);
	for (int i = 0; i < 8; i++) {
		double time_ns = nic_distribution_draw(d, &rng);

		hb_assert(isfinite(time_ns) && time_ns >= 0);
	}
	nic_distribution_finish(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nic_distribution d = {0};
	struct nic_des_options options;
	struct hb_error error = {0};
	char *text = malloc(size + 1);
	int rc;

	hb_assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	rc = nic_distribution_trace(text, size, "fuzz", &d, &error);
	hb_assert(rc == 0 || rc == -EBADMSG || rc == -E2BIG || rc == -ENOMEM);
	check(rc, &d, &error);
	/* Files of this machine are none of the fuzzer's. */
	if (!strstr(text, "trace:")) {
		error = (struct hb_error){0};
		d = (struct nic_distribution){0};
		rc = nic_distribution_parse(text, &d, &error);
		check(rc, &d, &error);
		error = (struct hb_error){0};
		nic_des_defaults(&options);
		rc = nic_cost_parse(text, options.costs, &error);
		hb_assert((rc < 0) == (error.text[0] != '\0'));
		nic_des_finish(&options);
	}
	free(text);
	return 0;
}
