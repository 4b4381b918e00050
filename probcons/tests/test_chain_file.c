/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/markov.h>
#include <probcons/chain_file.h>

static int parse(const char *text, struct pc_chain_file *file, struct hb_error *error)
{
	return pc_chain_file_parse(text, strlen(text), "chain.csv", file, error);
}

/* MTTF of a majority of three: (5 a + b) / (6 a^2) with a = 1/12 and b = 6 per hour. */
static const char three[] = "# three nodes\n"
			    "from,to,rate_per_hour\n"
			    "up,one down,0.25\n"
			    "one down,up,6\n"
			    "one down,lost,0.16666666666666666\n";

Test(chain_file, mean_time_of_three_nodes)
{
	struct pc_chain_file file = {0};
	double hours;

	cr_assert_eq(parse(three, &file, NULL), 0);
	cr_assert_eq(file.state_count, 3);
	cr_assert_eq(hb_markov_transition_count(file.chain), 3);
	cr_assert_eq(pc_chain_file_mttdl(&file, "up", "lost", &hours, NULL), 0);
	cr_assert(fabs(hours / 154 - 1) < 1e-14);
	cr_assert_eq(pc_chain_file_mttdl(&file, "up", "lost,one down", &hours, NULL), 0);
	cr_assert_eq(hours, 4);
	cr_assert_eq(pc_chain_file_mttdl(&file, "lost", "lost", &hours, NULL), 0);
	cr_assert_eq(hours, 0);
	pc_chain_file_finish(&file);
}

/* As spreadsheets write it: a byte order mark, lines that end with CR LF, and none at the end of the last. */
Test(chain_file, spreadsheets_are_read)
{
	struct pc_chain_file file = {0};
	double hours;

	cr_assert_eq(parse("\xef\xbb\xbf"
			   "from,to,rate_per_hour\r\na,b,0.5\r\nb,c,0.25",
			     &file, NULL),
		0);
	cr_assert_eq(pc_chain_file_mttdl(&file, "a", "c", &hours, NULL), 0);
	cr_assert_eq(hours, 6);
	pc_chain_file_finish(&file);
}

Test(chain_file, a_missing_column_is_named_with_those_that_are_needed)
{
	struct pc_chain_file file = {0};
	struct hb_error error = {0};

	cr_assert_eq(parse("# a comment\nfrom,rate_per_hour\na,1\n", &file, &error), -EBADMSG);
	cr_assert_eq(error.line, 2);
	cr_assert(strstr(error.text, "`to`") && strstr(error.text, "from,to,rate_per_hour"), "%s",
		error.text);
}

Test(chain_file, unknown_and_unreachable_states_are_named)
{
	struct pc_chain_file file = {0};
	struct hb_error error = {0};
	double hours = 7;

	cr_assert_eq(parse(three, &file, NULL), 0);
	cr_assert_eq(pc_chain_file_mttdl(&file, "start", "lost", &hours, &error), -ENOENT);
	cr_assert(strstr(error.text, "start") && strstr(error.text, "one down"), "%s", error.text);
	cr_assert_eq(pc_chain_file_mttdl(&file, "up", "lost,", &hours, &error), -ENOENT);
	/* From lost nothing leads anywhere. */
	cr_assert_eq(pc_chain_file_mttdl(&file, "lost", "up", &hours, &error), -EDOM);
	cr_assert(strstr(error.text, "lost"), "%s", error.text);
	cr_assert_eq(hours, 7);
	pc_chain_file_finish(&file);
}

Test(chain_file, faults_name_file_line_and_rule)
{
	static const struct {
		const char *rows;
		int line;
		const char *rule;
	} bad[] = {
		{"", 0, "no row"},
		{"a,b,-1\n", 2, "finite number > 0"},
		{"a,b,0\n", 2, "finite number > 0"},
		{"a,b,inf\n", 2, "finite number > 0"},
		{"a,b,x\n", 2, "finite number > 0"},
		{"a,b,\n", 2, "finite number > 0"},
		{"a,b,1\na,a,1\n", 3, "itself"},
		{"a,b,1\nb,a,1\na,b,2\n", 4, "line 2"},
		{",b,1\n", 2, "state name"},
		{"a,\"b,c\",1\n", 2, "state name"},
		{"a,b\n", 2, "2 fields"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pc_chain_file file = {.state_count = 7};
		struct hb_error error = {0};
		char text[512];

		(void)snprintf(text, sizeof(text), "from,to,rate_per_hour\n%s", bad[i].rows);
		cr_assert_eq(parse(text, &file, &error), -EBADMSG, "%s", bad[i].rows);
		cr_assert(strstr(error.text, bad[i].rule), "%s: %s", bad[i].rows, error.text);
		cr_assert_eq(error.line, bad[i].line, "%s: line %d", bad[i].rows, error.line);
		cr_assert_eq(file.state_count, 7);
	}
}

Test(chain_file, many_states_keep_their_names)
{
	enum { STATES = 5000 };
	char *text = malloc(STATES * 40), *at = text;
	struct pc_chain_file file = {0};
	double hours;

	at += snprintf(at, 40, "from,to,rate_per_hour\n");
	for (int i = 0; i < STATES; i++)
		at += snprintf(at, 40, "s%d,s%d,0.5\n", i, i + 1);
	cr_assert_eq(pc_chain_file_parse(text, (size_t)(at - text), "chain.csv", &file, NULL), 0);
	cr_assert_eq(file.state_count, STATES + 1);
	cr_assert_eq(pc_chain_file_mttdl(&file, "s0", "s5000", &hours, NULL), 0);
	cr_assert(fabs(hours / (2.0 * STATES) - 1) < 1e-13);
	pc_chain_file_finish(&file);
	free(text);
}

Test(chain_file, missing_file_is_named)
{
	struct pc_chain_file file = {0};
	struct hb_error error = {0};

	cr_assert_eq(pc_chain_file_read("/nonexistent/chain.csv", &file, &error), -ENOENT);
	cr_assert_str_eq(error.path, "/nonexistent/chain.csv");
	pc_chain_file_finish(&file);
}
