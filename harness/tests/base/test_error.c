/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

Test(error, set_returns_the_code_and_formats_the_text)
{
	struct hb_error error = {0};
	char line[256];

	cr_assert_eq(hb_error_set(&error, -ENOENT, "no %s among %d", "spoon", 7), -ENOENT);
	cr_assert_eq(error.code, -ENOENT);
	cr_assert_str_eq(error.text, "no spoon among 7");
	cr_assert_str_eq(hb_error_format(&error, line, sizeof(line)), "no spoon among 7");
}

Test(error, path_and_line_stand_before_the_text)
{
	struct hb_error error = {0};
	char line[256];

	(void)hb_error_set_at(&error, -EBADMSG, "a/b.csv", 12, "bad");
	cr_assert_str_eq(hb_error_format(&error, line, sizeof(line)), "a/b.csv:12: bad");
	(void)hb_error_set_at(&error, -EBADMSG, "a/b.csv", 0, "bad");
	cr_assert_str_eq(hb_error_format(&error, line, sizeof(line)), "a/b.csv: bad");
	(void)hb_error_set_at(&error, -EBADMSG, NULL, 0, "bad");
	cr_assert_str_eq(hb_error_format(&error, line, sizeof(line)), "bad");
}

Test(error, set_forgets_the_path_of_an_earlier_error)
{
	struct hb_error error = {0};

	(void)hb_error_set_at(&error, -EBADMSG, "old", 3, "old");
	(void)hb_error_set(&error, -EIO, "new");
	cr_assert_str_eq(error.path, "");
	cr_assert_eq(error.line, 0);
}

Test(error, null_only_returns_the_code)
{
	cr_assert_eq(hb_error_set(NULL, -EIO, "x"), -EIO);
	cr_assert_eq(hb_error_set_at(NULL, -EIO, "p", 1, "x"), -EIO);
	cr_assert_eq(hb_error_wrap(NULL, "x"), -EINVAL);
}

Test(error, wrap_puts_context_in_front_and_keeps_code_path_and_line)
{
	struct hb_error error = {0};

	(void)hb_error_set_at(&error, -EBADMSG, "plan.json", 4, "seed: is missing");
	cr_assert_eq(hb_error_wrap(&error, "block %d", 9), -EBADMSG);
	cr_assert_str_eq(error.text, "block 9: seed: is missing");
	cr_assert_str_eq(error.path, "plan.json");
	cr_assert_eq(error.line, 4);
}

Test(error, wrap_of_no_error_is_refused)
{
	struct hb_error error = {0};

	cr_assert_eq(hb_error_wrap(&error, "context"), -EINVAL);
	cr_assert_eq(error.code, 0);
	cr_assert_str_eq(error.text, "");
}

Test(error, arguments_may_point_into_the_struct_itself)
{
	struct hb_error error = {0};

	(void)hb_error_set_at(&error, -EIO, "first/path", 1, "cause");
	(void)hb_error_set_at(&error, -EIO, error.path, 2, "again: %s", error.text);
	cr_assert_str_eq(error.text, "again: cause");
	cr_assert_str_eq(error.path, "first/path");
}

Test(error, long_texts_are_cut_and_terminated)
{
	struct hb_error error;
	char longer[3000];
	char small[8];

	memset(&error, 0x55, sizeof(error));
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	(void)hb_error_set_at(&error, -EIO, longer, 0, "%s", longer);
	cr_assert_eq(strlen(error.text), HB_ERROR_TEXT_BYTES - 1);
	cr_assert_eq(strlen(error.path), HB_ERROR_PATH_BYTES - 1);
	(void)hb_error_wrap(&error, "in front");
	cr_assert_eq(strlen(error.text), HB_ERROR_TEXT_BYTES - 1);
	cr_assert_eq(strncmp(error.text, "in front: xxx", 13), 0);
	cr_assert_str_eq(hb_error_format(&error, small, sizeof(small)), "xxxxxxx");
}

Test(error, a_cut_falls_between_utf8_characters)
{
	/* Every offset of the cut within "a", two, three and four byte characters. */
	static const char *const characters[] = {
		"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};

	for (size_t c = 0; c < 4; c++) {
		size_t width = strlen(characters[c]);

		for (size_t shift = 0; shift < 4; shift++) {
			struct hb_error error = {0};
			char text[HB_ERROR_TEXT_BYTES + 64] = "";

			memset(text, '.', shift);
			for (size_t at = shift; at < HB_ERROR_TEXT_BYTES + 16; at += width)
				memcpy(text + at, characters[c], width);
			(void)hb_error_set(&error, -EIO, "%s", text);
			cr_assert_eq((strlen(error.text) - shift) % width, 0, "width %zu shift %zu",
				width, shift);
			cr_assert(strlen(error.text) + width > HB_ERROR_TEXT_BYTES - 1);
		}
	}
}
