/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Results below 1e-308 become 0 at once where they never matter: denormal numbers are slow, and chains with rare states
 * make many of them. Per thread.
 */
#ifndef METASTABLE_DENORMALS_H
#define METASTABLE_DENORMALS_H

#include <stdint.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

/* Returns what denormals_restore() needs. */
static inline uint32_t denormals_flush(void)
{
#if defined(__SSE2__)
	uint32_t old = _mm_getcsr();

	_mm_setcsr(old | 0x8040U);
	return old;
#else
	return 0;
#endif
}

static inline void denormals_restore(uint32_t old)
{
#if defined(__SSE2__)
	_mm_setcsr(old);
#else
	(void)old;
#endif
}

#endif
