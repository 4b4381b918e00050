/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>

#include "loader.h"
#include "runtime.h"

SPORK_FAST uint32_t spork_vector_width(void)
{
	enum { AVX = 6, AVX512 = 0xe6, FEATURES_ECX = 2, OSXSAVE_BIT = 27 };
	static uint32_t known = UINT32_MAX;
	const uint32_t *leaf;
	const void *(*get_leaf)(unsigned);
	uint32_t low, high;

	if (known != UINT32_MAX)
		return known;
	/* libc's start-up has asked the CPU already, which takes long in a virtual machine. */
	get_leaf = (const void *(*)(unsigned))loader_symbol(
		loader_find("libc.so.6"), "__x86_get_cpuid_feature_leaf");
	leaf = get_leaf ? get_leaf(0) : NULL;
	if (!leaf || !(leaf[FEATURES_ECX] >> OSXSAVE_BIT & 1)) {
		known = 0;
		return known;
	}
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	known = (low & AVX512) == AVX512 ? 64 : (low & AVX) == AVX ? 32 : 16;
	return known;
}
