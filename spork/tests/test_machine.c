/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Functions of this program and of libc, interpreted and compared with what they do natively. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "modules.h"

static struct modules modules;
static struct call call;

static void set_up(void)
{
	modules_load(&modules);
	call_init(&call, &modules);
}

static void tear_down(void)
{
	call_finish(&call);
	modules_unload(&modules);
}

TestSuite(machine, .init = set_up, .fini = tear_down);

static uint64_t word(const void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

/* Branches, calls, multiplication, division. */
__attribute__((noinline)) static uint64_t collatz(uint64_t n)
{
	uint64_t steps = 0;

	while (n != 1) {
		n = n % 2 == 0 ? n / 2 : 3 * n + 1;
		steps += n % 7;
	}
	return steps;
}

Test(machine, a_loop_computes_what_it_computes_natively)
{
	for (uint64_t n = 1; n < 200; n++)
		cr_assert_eq(call_run(&call, ADDRESS(collatz), &n, 1), collatz(n));
	cr_assert(call.machine.executed > 10000);
}

static uint32_t sorted[500];

__attribute__((noinline)) static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

Test(machine, qsort_of_libc_sorts_in_the_overlay_only)
{
	uint32_t before[500], seen[500];
	const uint64_t args[] = {word(sorted), 500, 4, ADDRESS(by_value)};

	for (size_t i = 0; i < 500; i++)
		sorted[i] = (uint32_t)(i * 2654435761u);
	memcpy(before, sorted, sizeof(before));
	(void)call_run(&call, ADDRESS(qsort), args, 4);
	cr_assert_arr_eq(sorted, before, sizeof(before));
	cr_assert_eq(spork_overlay_read(call.machine.overlay, args[0], seen, sizeof(seen)), 0);
	qsort(before, 500, sizeof(before[0]), by_value);
	cr_assert_arr_eq(seen, before, sizeof(before));
}

/* snprintf with floating point, malloc, setenv and string functions, through lazily bound entries of the PLT. */
__attribute__((noinline)) static int many_functions(char *text, size_t size)
{
	char *copy = strdup("some/path/to/a/file");
	char *slash = strrchr(copy, '/');
	char *numbers = malloc(100);
	int length;

	*slash = '\0';
	setenv("SPORK_TEST_VARIABLE", copy, 1);
	snprintf(numbers, 100, "%ld %lx", strtol("-12345", NULL, 0), strtoul("ffff", NULL, 16));
	length = snprintf(text, size, "%s|%s|%d|%.10g|%s|%zu", getenv("SPORK_TEST_VARIABLE"),
		slash + 1, 42, 3.14159265 * 2, numbers, strlen(copy));
	free(numbers);
	free(copy);
	return length;
}

Test(machine, libc_formats_and_allocates_like_natively)
{
	static char text[200];
	char interpreted[200], native[200];
	const uint64_t args[] = {word(text), sizeof(text)};
	uint64_t length = call_run(&call, ADDRESS(many_functions), args, 2);

	cr_assert_eq(text[0], '\0');
	cr_assert_null(getenv("SPORK_TEST_VARIABLE"));
	cr_assert_eq(spork_overlay_read(
			     call.machine.overlay, word(text), interpreted, sizeof(interpreted)),
		0);
	cr_assert_eq((int)length, many_functions(native, sizeof(native)));
	cr_assert_str_eq(interpreted, native);
	unsetenv("SPORK_TEST_VARIABLE");
	fprintf(stderr, "%lu instructions, %zu pages: %s\n", (unsigned long)call.machine.executed,
		spork_overlay_dirty_pages(call.machine.overlay), interpreted);
}

/* Whether or not control is transferred behind it, and whatever the budget. */
Test(machine, code_that_is_not_what_was_decoded_stops_the_machine)
{
	static const uint64_t budgets[] = {50, 100000000};
	struct spork_patch patch = {.address = ADDRESS(collatz), .length = 2};
	struct spork_machine *m = &call.machine;
	uint64_t n = 27;

	m->patches = &patch;
	m->patch_count = 1;
	for (int at = 0; at < 2; at++) {
		patch.original[0] = ((const uint8_t *)(uintptr_t)patch.address)[0];
		patch.original[1] = ((const uint8_t *)(uintptr_t)patch.address)[1];
		modules_forget(&modules);
		cr_assert_eq(call_run(&call, ADDRESS(collatz), &n, 1), collatz(n));
		patch.original[at] ^= 1;
		modules_forget(&modules);
		for (int b = 0; b < 2; b++) {
			call_prepare(&call, ADDRESS(collatz), &n, 1);
			cr_assert_eq(spork_machine_run(m, budgets[b]), SPORK_STOP_OTHER_CODE);
			cr_assert(m->fault_address <= ADDRESS(collatz) &&
				  m->fault_address + SPORK_CODE_GRANULE > ADDRESS(collatz));
		}
	}
	m->patch_count = 0;
}
