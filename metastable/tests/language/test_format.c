/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The formatter writes every model in one way, keeps comments, and changes nothing the second time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include <metastable/format.h>
#include <metastable/model.h>

#define REST "\nclient c -> db {\n\trate poisson 5/s;\n}\n"

static void becomes(const char *text, const char *expected)
{
	struct hb_error error = {0};
	char *once = NULL, *twice = NULL;
	size_t length = 0;

	cr_assert_eq(
		ms_format(text, strlen(text), "t.ms", &once, &length, &error), 0, "%s", error.text);
	cr_assert_str_eq(once, expected);
	cr_assert_eq(strlen(once), length);
	cr_assert_eq(ms_format(once, length, "t.ms", &twice, &length, &error), 0, "%s", error.text);
	cr_assert_str_eq(twice, once);
	free(once);
	free(twice);
}

Test(format, one_statement_per_line)
{
	becomes("server   db{threads 1;;queue 150   fifo\n;service exp 10/s}client c->db{rate "
		"poisson 5/s}",
		"server db {\n\tthreads 1;\n\tqueue 150 fifo;\n\tservice exp 10/s;\n}\n" REST);
}

Test(format, comments_stay_where_they_are)
{
	becomes("# head\n\n\n# second\nserver db { # open\n\n  # own line\n  service exp 10/s # "
		"last\n"
		"  # end\n} # closed\n" REST "# tail",
		"# head\n\n# second\nserver db { # open\n\t# own line\n\tservice exp 10/s; # last\n"
		"\t# end\n} # closed\n" REST "\n# tail\n");
}

Test(format, a_comment_within_a_statement_breaks_the_line)
{
	becomes("server db { service # mean\n exp 10/s; }\n" REST,
		"server db {\n\tservice # mean\n\t\texp 10/s;\n}\n" REST);
	becomes("server db\n# odd\n{ service exp 10/s }\n" REST,
		"server db\n\t# odd\n\t{\n\tservice exp 10/s;\n}\n" REST);
}

Test(format, signs_are_set_without_blanks)
{
	becomes("server db { service exp 10/s }" REST
		"protect c { }trigger{at 1s for 2s latency db + 5ms} horizon 60s sweep { db . "
		"queue 20 .. "
		"90 step .5;c.rate 1 , 2,3 }",
		"server db {\n\tservice exp 10/s;\n}\n" REST
		"\nprotect c {}\n\ntrigger {\n\tat 1s for 2s latency db +5ms;\n}\n\nhorizon "
		"60s;\n\n"
		"sweep {\n\tdb.queue 20..90 step .5;\n\tc.rate 1, 2, 3;\n}\n");
}

Test(format, a_file_that_is_no_model_is_refused)
{
	struct hb_error error = {0};
	char *text = NULL;
	size_t length;

	cr_assert_eq(ms_format("server {", 8, "t.ms", &text, &length, &error), -EBADMSG);
	cr_assert_null(text);
	cr_assert_eq(error.line, 1);
}
