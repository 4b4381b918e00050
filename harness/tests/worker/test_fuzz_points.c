/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fuzz target over a fixed corpus and mutations of it, for builds without libFuzzer. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hotbed/rng.h>

#include "fuzz_points.h"

#define MUTATIONS 30000

static const char *const corpus[] = {
	"\x00size=1,2,3",
	"\x00size=1K,kind=a,b,rate=0.5",
	"\x00size=log2(1,1M),kind=a,rate=linear(0,1,11)",
	"\x00size=linear(1,4096,4096),rate=linear(0,1,4096)",
	"\x00size=,=,,=",
	"\x00size=9223372036854775807T",
	"\x01kind=a;rate=0.25;size=12",
	"\x01kind=b;rate=1e-300;size=2048",
	"\x01;;size==1;kind",
	"\x02log2(1,1099511627776)",
	"\x02-10,-9,1K,1M,1G",
	"\x02linear(-10,1000000000000000,4096)",
	"\x03a,b",
	"\x03linear(1,2,3)",
	"\x04log2(4.9e-324,1.7e308)",
	"\x04linear(-1e308,1e308,3)",
	"\x04nan,inf,-0,0x10",
};

/* The first byte may be NUL, so the length is taken from the text after it. */
static size_t length_of(const char *entry)
{
	return 1 + strlen(entry + 1);
}

static void mutate(struct hb_rng *rng, uint8_t *bytes, size_t *length)
{
	static const char alphabet[] = "=,;()KMGT0123456789.eE+-abklnorstuvyz \x80\xff";
	size_t at = hb_rng_below(rng, *length);

	switch (hb_rng_below(rng, 3)) {
	case 0:
		bytes[at] = (uint8_t)alphabet[hb_rng_below(rng, sizeof(alphabet))];
		break;
	case 1:
		memmove(bytes + at + 1, bytes + at, *length - at);
		bytes[at] = (uint8_t)alphabet[hb_rng_below(rng, sizeof(alphabet))];
		++*length;
		break;
	default:
		memmove(bytes + at, bytes + at + 1, *length - at - 1);
		*length -= *length > 1;
	}
}

Test(fuzz_points, corpus_and_its_mutations_are_read_or_refused)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
	size_t entries = sizeof(corpus) / sizeof(corpus[0]);
	struct hb_rng rng;

	(void)fprintf(stderr, "HB_SEED=%llu\n", (unsigned long long)seed);
	hb_rng_init(&rng, seed, 0);
	for (size_t i = 0; i < entries; i++)
		cr_assert_eq(
			LLVMFuzzerTestOneInput((const uint8_t *)corpus[i], length_of(corpus[i])),
			0);
	for (int i = 0; i < MUTATIONS; i++) {
		const char *entry = corpus[hb_rng_below(&rng, entries)];
		uint8_t bytes[256];
		size_t length = length_of(entry);
		uint64_t steps = 1 + hb_rng_below(&rng, 8);

		memcpy(bytes, entry, length);
		for (uint64_t step = 0; step < steps; step++)
			mutate(&rng, bytes, &length);
		cr_assert_eq(LLVMFuzzerTestOneInput(bytes, length), 0);
	}
}
