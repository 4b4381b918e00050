/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any instruction: if the CPU executes it, the interpreter gives the same state. Eight bytes choose the state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "differential.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int ready = -1;
	uint8_t bytes[15] = {0};
	const char *text;
	uint64_t seed = 0;
	unsigned op;

	if (ready < 0) {
		ready = differential_init();
		if (!ready)
			(void)fprintf(stderr, "skip: needs AVX-512\n");
	}
	if (!ready || size < 8)
		return 0;
	memcpy(&seed, data, 8);
	memcpy(bytes, data + 8, size - 8 < 15 ? size - 8 : 15);
	if (differential_run(bytes, seed, &text, &op) == DIFFERENTIAL_DIFFERS) {
		(void)fprintf(stderr, "%s\n", text);
		abort();
	}
	return 0;
}
