/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The interpreter against the CPU, instruction by instruction. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <criterion/criterion.h>

#include <hotbed/rng.h>

#include "code/ops.h"
#include "differential.h"

static uint64_t chosen_seed(void)
{
	const char *given = getenv("HB_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

	printf("HB_SEED=%" PRIu64 "\n", seed);
	(void)fflush(stdout);
	return seed;
}

/* How many instructions are drawn: SPORK_INSTRUCTIONS, or what runs in a few seconds. */
static uint64_t draws(void)
{
	const char *given = getenv("SPORK_INSTRUCTIONS");

	return given ? strtoull(given, NULL, 0) : 60000;
}

Test(differential, random_instructions_do_what_the_cpu_does, .timeout = 3600)
{
	uint64_t seed = chosen_seed(), equal = 0, stubs = 0, differing = 0;
	static bool seen[SPORK_OP_COUNT];
	unsigned kinds = 0;
	struct hb_rng rng;

	if (!differential_init())
		cr_skip_test("skip: needs AVX-512");
	hb_rng_init(&rng, seed, 0);
	for (uint64_t n = 0, count = draws(); n < count; n++) {
		uint8_t bytes[15];
		const char *text;
		unsigned op = 0;
		enum differential result;

		differential_bytes(&rng, bytes);
		result = differential_run(bytes, hb_rng_u64(&rng), &text, &op);
		if (result == DIFFERENTIAL_DIFFERS && differing++ < 20)
			fprintf(stderr, "%s\n", text);
		if (result != DIFFERENTIAL_EQUAL)
			continue;
		equal++;
		stubs +=
			op == spork_op_stub || op == spork_op_stub_flags || op == spork_op_stub_x87;
		kinds += !seen[op];
		seen[op] = true;
	}
	printf("%" PRIu64 " equal, %" PRIu64 " of them stubs, %u operations\n", equal, stubs,
		kinds);
	cr_assert_eq(differing, 0, "%" PRIu64 " instructions differ", differing);
	cr_assert(equal > 5000 && stubs > 1000 && kinds > 100);
}
