/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The analyser on damaged code: it ends within its budget, and what it says is one of the known answers. */
#include <stdlib.h>

#include <hotbed/assert.h>
#include <spork/analysis.h>
#include <spork/image.h>

#include "fuzz.h"

#define INSTRUCTIONS_MAX 20000
#define STATES_MAX 2000
#define SITES_MAX 8

static void check(struct spork_analyser *analyser, const struct spork_image *image,
	const struct spork_site *site)
{
	const struct spork_analysis_module module = {.image = image, .bias = UINT64_C(1) << 40};
	const struct spork_analysis_frame frame = {.address = site->address};
	const struct spork_analysis_request request = {
		.modules = &module,
		.module_count = 1,
		.frames = &frame,
		.frame_count = 1,
		.callers_unknown = true,
		.instruction_max = INSTRUCTIONS_MAX,
		.state_max = STATES_MAX,
	};
	struct spork_analysis analysis = {0};

	if (spork_analyse_site(analyser, &request, &analysis, NULL))
		return;
	hb_assert(analysis.instructions <= INSTRUCTIONS_MAX + 8192);
	hb_assert(analysis.states <= STATES_MAX);
	hb_assert(analysis.verdict <= SPORK_SITE_SHARED);
	hb_assert(spork_site_reason_name(analysis.reason));
	spork_analysis_finish(&analysis);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spork_analyser *analyser;
	struct spork_image *image = NULL;
	struct spork_site *sites = NULL;
	size_t count = 0;

	if (spork_image_from_bytes(data, size, "fuzz", &image, NULL))
		return 0;
	hb_assert(spork_analyser_create(NULL, &analyser) == 0);
	hb_assert(spork_sites_find(analyser, image, &sites, &count) == 0);
	for (size_t i = 0; i < count && i < SITES_MAX; i++) {
		if (sites[i].copies && !sites[i].tail)
			check(analyser, image, &sites[i]);
	}
	free(sites);
	spork_analyser_destroy(analyser);
	spork_image_close(image);
	return 0;
}
