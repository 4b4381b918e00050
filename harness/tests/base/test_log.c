/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/log.h>

/* Run @function with standard error in a memory file; returns what it wrote. Each test is its own process. */
static char *captured(void (*function)(void))
{
	static char text[16384];
	int saved = dup(STDERR_FILENO);
	int file = memfd_create("stderr", 0);
	ssize_t length;

	cr_assert(file >= 0);
	cr_assert_eq(dup2(file, STDERR_FILENO), STDERR_FILENO);
	function();
	cr_assert_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	length = pread(file, text, sizeof(text) - 1, 0);
	cr_assert(length >= 0);
	text[length] = '\0';
	(void)close(file);
	(void)close(saved);
	return text;
}

static void all_levels(void)
{
	hb_log(HB_LOG_ERROR, "one %d", 1);
	hb_log(HB_LOG_WARNING, "two");
	hb_log(HB_LOG_INFO, "three");
	hb_log(HB_LOG_DEBUG, "four");
}

Test(log, lines_name_program_and_level)
{
	hb_log_init("hotbed", HB_LOG_DEBUG);
	cr_assert_str_eq(captured(all_levels),
		"hotbed: error: one 1\nhotbed: warning: two\nhotbed: three\nhotbed: debug: four\n");
}

Test(log, levels_above_the_chosen_one_are_silent)
{
	hb_log_init("hotbed", HB_LOG_WARNING);
	cr_assert_str_eq(captured(all_levels), "hotbed: error: one 1\nhotbed: warning: two\n");
}

static void hostile(void)
{
	hb_log(HB_LOG_INFO, "a\nb\x1b[31mred\r\tend");
}

Test(log, control_characters_cannot_start_lines_or_drive_the_terminal)
{
	hb_log_init("hotbed", HB_LOG_INFO);
	cr_assert_str_eq(captured(hostile), "hotbed: a b?[31mred?\tend\n");
}

static void very_long(void)
{
	char text[9000];

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	hb_log(HB_LOG_INFO, "%s", text);
}

Test(log, long_lines_are_cut_at_4_kib)
{
	const char *text;

	hb_log_init("hotbed", HB_LOG_INFO);
	text = captured(very_long);
	cr_assert(strlen(text) <= 4096);
	cr_assert(strlen(text) > 4000);
	cr_assert_eq(text[strlen(text) - 1], '\n');
}

static void with_errno(void)
{
	errno = ENOSPC;
	hb_log(HB_LOG_INFO, "x");
	cr_assert_eq(errno, ENOSPC);
}

Test(log, errno_survives)
{
	hb_log_init("hotbed", HB_LOG_INFO);
	cr_assert_str_eq(captured(with_errno), "hotbed: x\n");
}

static void one_error(void)
{
	struct hb_error error = {0};

	(void)hb_error_set_at(&error, -EBADMSG, "x.csv", 3, "odd");
	hb_log_error(&error);
}

Test(log, errors_are_printed_with_their_place)
{
	hb_log_init("hotbed", HB_LOG_ERROR);
	cr_assert_str_eq(captured(one_error), "hotbed: error: x.csv:3: odd\n");
}

static void fail_in_child(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int two = 2;

		hb_assert(two + two == 5);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status), SIGABRT);
}

Test(assert, failing_prints_file_line_and_expression_and_aborts)
{
	const char *text = captured(fail_in_child);

	cr_assert(strstr(text, "test_log.c:"), "%s", text);
	cr_assert(strstr(text, ": assertion failed: two + two == 5\n"), "%s", text);
}

Test(assert, evaluates_its_expression_once)
{
	int calls = 0;

	hb_assert(++calls == 1);
	cr_assert_eq(calls, 1);
}
