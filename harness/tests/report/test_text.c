/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include <criterion/criterion.h>

#include <cjson/cJSON.h>

#include "text.h"

static void expect_html(const char *in, const char *out)
{
	struct hb_text text = {0};

	hb_text_put(&text, "");
	hb_text_put_html(&text, in);
	cr_expect_str_eq(text.bytes, out);
	hb_text_finish(&text);
}

Test(text, markup_characters_become_entities)
{
	expect_html("<b a=\"1\" b='2'>&amp;", "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;amp;");
}

Test(text, utf8_passes_and_anything_else_is_replaced)
{
	expect_html("µs ∞ 𝄞", "µs ∞ 𝄞");
	expect_html("a\x80z", "a\xef\xbf\xbdz");
	expect_html("a\xc3", "a\xef\xbf\xbd");
	/* An overlong '<' and a surrogate are no characters. */
	expect_html("\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd");
	expect_html("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	expect_html("a\x01\x7f\xc2\x85z\t\n", "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\t\n");
}

Test(text, json_in_a_script_cannot_end_it_and_keeps_its_value)
{
	static const char value[] = "</script><!-- & \xe2\x80\xa8\xe2\x80\xa9";
	cJSON *json = cJSON_CreateString(value), *back;
	char *printed = cJSON_PrintUnformatted(json);
	struct hb_text text = {0};

	hb_text_put_script_json(&text, printed);
	cr_expect_null(strpbrk(text.bytes, "<>&"));
	cr_expect_null(strstr(text.bytes, "\xe2\x80"));
	back = cJSON_Parse(text.bytes);
	cr_assert_not_null(back);
	cr_expect_str_eq(back->valuestring, value);
	cJSON_Delete(json);
	cJSON_Delete(back);
	cJSON_free(printed);
	hb_text_finish(&text);
}

Test(text, grows_to_any_length)
{
	struct hb_text text = {0};

	for (int i = 0; i < 100000; i++)
		hb_text_format(&text, "%d,", i % 10);
	cr_expect_eq(text.length_bytes, (size_t)200000);
	cr_expect_eq(strlen(text.bytes), text.length_bytes);
	cr_expect_eq(text.failed, 0);
	hb_text_finish(&text);
}
