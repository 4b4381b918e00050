/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include <shcheck/parse.h>

static struct shc_source *make(const char *name, const char *text)
{
	struct shc_source *source;

	cr_assert(shc_source_create(name, text, strlen(text), &source) == 0);
	return source;
}

Test(source, places_count_lines_and_bytes_from_one)
{
	struct shc_source *source = make("x", "ab\n\n\xc3\xa4z");

	cr_assert(source->line_count == 3);
	cr_assert(shc_source_place(source, 0).line == 1 && shc_source_place(source, 0).column == 1);
	cr_assert(shc_source_place(source, 2).line == 1 && shc_source_place(source, 2).column == 3);
	cr_assert(shc_source_place(source, 3).line == 2);
	cr_assert(shc_source_place(source, 6).column == 3);
	cr_assert(shc_source_place(source, 7).line == 3);
	cr_assert(shc_source_line(source, 1).end == 2 && shc_source_line(source, 3).end == 7);
	shc_source_destroy(source);
}

Test(source, empty_source_has_one_line)
{
	struct shc_source *source = make("x", "");

	cr_assert(source->line_count == 1 && shc_source_place(source, 0).column == 1);
	shc_source_destroy(source);
}

Test(source, longer_than_the_limit_is_refused)
{
	char *bytes = calloc(1, SHC_SOURCE_BYTES_MAX + 1);
	struct shc_source *source;

	cr_assert(bytes != NULL);
	cr_assert(shc_source_create("x", bytes, SHC_SOURCE_BYTES_MAX + 1, &source) == -EFBIG);
	cr_assert(shc_source_create("x", bytes, SHC_SOURCE_BYTES_MAX, &source) == 0);
	shc_source_destroy(source);
	free(bytes);
}

Test(source, unreadable_paths_are_told)
{
	struct hb_error error = {0};
	struct shc_source *source;

	cr_assert(shc_source_read("/nonexistent/x", &source, &error) == -ENOENT);
	cr_assert_str_eq(error.path, "/nonexistent/x");
	cr_assert(shc_source_read("/", &source, &error) == -EISDIR);
	/* An endless file ends at the limit. */
	cr_assert(shc_source_read("/dev/zero", &source, &error) == -EFBIG);
}

Test(source, dialect_comes_from_the_first_line)
{
	static const struct {
		const char *name, *text;
		int code;
		enum shc_dialect dialect;
	} rows[] = {
		{"x", "#!/bin/sh\n", 0, SHC_POSIX},
		{"x", "#! /bin/sh -e\n", 0, SHC_POSIX},
		{"x", "#!/bin/dash\n", 0, SHC_DASH},
		{"x", "#!/usr/bin/bash\n", 0, SHC_BASH},
		{"x", "#!/usr/bin/env bash\n", 0, SHC_BASH},
		{"x", "#!/usr/bin/env -S A=b bash -e\n", 0, SHC_BASH},
		{"x", "#!/bin/busybox sh\n", 0, SHC_POSIX},
		{"x", "#!/bin/sh\r\n", 0, SHC_POSIX},
		{"x", "#!/bin/zsh\n", -ENOTSUP, SHC_POSIX},
		{"x", "#!/bin/ksh93\n", -ENOTSUP, SHC_POSIX},
		{"x", "#!/usr/bin/perl\n", -ENOTSUP, SHC_POSIX},
		{"x", "# shellcheck shell=dash\n", 0, SHC_DASH},
		{"x", "# -*- mode: sh; sh-shell: sh -*-\n", 0, SHC_POSIX},
		{"x.sh", "echo\n", 0, SHC_BASH},
		{"x.dash", "echo\n", 0, SHC_DASH},
		{"x.zsh", "echo\n", -ENOTSUP, SHC_POSIX},
		{"x", "", 0, SHC_BASH},
		{"x.sh", "#compdef x\n", -ENOTSUP, SHC_POSIX},
		{"x", "# what it does\n\nautoload -U colors\n", -ENOTSUP, SHC_POSIX},
		{"x", "#!/bin/sh\nsetopt x\n", 0, SHC_POSIX},
		{"x", "echo setopt\n", 0, SHC_BASH},
		{"x", "[ -n \"$ZSH_VERSION\" ] &&\nsetopt sh_word_split\n", 0, SHC_BASH},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shc_source *source = make(rows[i].name, rows[i].text);
		struct hb_error error = {0};
		enum shc_dialect dialect;
		int code = shc_dialect_detect(source, &dialect, &error);

		cr_assert(code == rows[i].code, "%s%s", rows[i].name, rows[i].text);
		if (code == 0)
			cr_assert(dialect == rows[i].dialect, "%s%s", rows[i].name, rows[i].text);
		else
			cr_assert(error.text[0] != '\0');
		shc_source_destroy(source);
	}
}
