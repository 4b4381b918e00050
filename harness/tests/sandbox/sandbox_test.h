/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Short forms for tests of the sandbox, and a main() that skips where namespaces are not allowed.
 */
#ifndef HOTBED_TESTS_SANDBOX_TEST_H
#define HOTBED_TESTS_SANDBOX_TEST_H

#include <hotbed/error.h>
#include <hotbed/sandbox.h>

#define S INT64_C(1000000000)

/* Where the program of hostile.c stands inside. */
#define INSIDE_HOSTILE "/opt/hostile"

extern const struct hb_sandbox_mount hostile_mount;
extern const struct hb_sandbox_spec hostile_spec; /* with that mount only */

/* run_command - run @command in a new sandbox of @spec; a failure to do so fails the test. */
struct hb_sandbox_result run_command(
	const struct hb_sandbox_spec *spec, const struct hb_sandbox_command *command);

/* run_script - run sh -c @script, by default limits, in a sandbox of @spec (NULL: the default). */
struct hb_sandbox_result run_script(const struct hb_sandbox_spec *spec, const char *script);

/* expect_output - @script in a sandbox of @spec prints exactly @output and exits with 0. */
void expect_output(const struct hb_sandbox_spec *spec, const char *script, const char *output);

/* processes_count - processes on the host that have @argument as one of their arguments. */
unsigned processes_count(const char *argument);

/* folder_make - a new temporary folder that any user may enter; folder_remove() removes it and what is in it. */
char *folder_make(void);
void folder_remove(char *path);

/* file_make - a file @name in @folder with @text. file_is - does it hold exactly @text? */
void file_make(const char *folder, const char *name, const char *text);
bool file_is(const char *folder, const char *name, const char *text);

#endif
