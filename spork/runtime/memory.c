/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the compiler may call although nothing is linked: the memory functions, byte by byte in the CPU's
 * string unit.
 */
#include <stddef.h>
#include <stdint.h>

#include "spork/fast.h"

#include "text.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes);
void *memmove(void *to, const void *from, size_t size_bytes);
void *memset(void *to, int byte, size_t size_bytes);
int memcmp(const void *a, const void *b, size_t size_bytes);
int bcmp(const void *a, const void *b, size_t size_bytes);
void *memchr(const void *bytes, int byte, size_t size_bytes);
size_t strlen(const char *text);

SPORK_FAST void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size_bytes) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t size_bytes)
{
	char *target = to;
	const char *source = from;

	if ((uintptr_t)to - (uintptr_t)from >= size_bytes)
		return memcpy(to, from, size_bytes);
	while (size_bytes > 0) {
		size_bytes--;
		((volatile char *)target)[size_bytes] = source[size_bytes];
	}
	return to;
}

SPORK_FAST void *memset(void *to, int byte, size_t size_bytes)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(size_bytes) : "a"(byte) : "memory");
	return to;
}

SPORK_FAST int memcmp(const void *a, const void *b, size_t size_bytes)
{
	const volatile uint8_t *left = a, *right = b;
	size_t i = 0;

	while (i + 8 <= size_bytes && *(const volatile uint64_t *)(uintptr_t)(left + i) ==
					      *(const volatile uint64_t *)(uintptr_t)(right + i))
		i += 8;
	for (; i < size_bytes; i++) {
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	}
	return 0;
}

void *memchr(const void *bytes, int byte, size_t size_bytes)
{
	const volatile uint8_t *at = bytes;
	const uint64_t ones = 0x0101010101010101ULL;
	size_t i = 0;

	/* Eight at a time: the highest bit of a byte remains where the difference was zero. */
	for (; i + 8 <= size_bytes; i += 8) {
		uint64_t word =
			*(const volatile uint64_t *)(uintptr_t)(at + i) ^ (uint8_t)byte * ones;

		if ((word - ones) & ~word & (ones << 7))
			break;
	}
	for (; i < size_bytes; i++) {
		if (at[i] == (uint8_t)byte)
			return (void *)(uintptr_t)&at[i];
	}
	return NULL;
}

size_t strlen(const char *text)
{
	const volatile char *at = text;

	while (*at)
		at++;
	return (size_t)(at - text);
}

SPORK_START bool text_starts(const char *text, const char *prefix)
{
	while (*prefix) {
		if (*text++ != *prefix++)
			return false;
	}
	return true;
}

SPORK_START bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

SPORK_START const char *text_base(const char *path)
{
	const char *base = path;

	for (; *path; path++) {
		if (*path == '/')
			base = path + 1;
	}
	return base;
}

SPORK_START size_t text_append(char *buffer, size_t capacity, size_t at, const char *text)
{
	while (*text && at + 1 < capacity)
		buffer[at++] = *text++;
	if (at < capacity)
		buffer[at] = '\0';
	return at;
}

size_t text_append_number(char *buffer, size_t capacity, size_t at, uint64_t value, unsigned base)
{
	char digits[24];
	int count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (count > 0 && at + 1 < capacity)
		buffer[at++] = digits[--count];
	if (at < capacity)
		buffer[at] = '\0';
	return at;
}

const char *text_number(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (value > (UINT64_MAX - 9) / 10)
			return NULL;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	*ret = value;
	return text;
}

int bcmp(const void *a, const void *b, size_t size_bytes)
{
	return memcmp(a, b, size_bytes);
}
