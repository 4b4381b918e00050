/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <batching/resp.h>

static int count(enum bat_resp_direction direction, const char *text, uint64_t *ret_values,
	bool *ret_between)
{
	struct bat_resp resp;
	int err;

	bat_resp_init(&resp, direction);
	err = bat_resp_feed(&resp, text, strlen(text), ret_values);
	*ret_between = bat_resp_between(&resp);
	return err;
}

struct expectation {
	enum bat_resp_direction direction;
	const char *text;
	int err;
	uint64_t values;
	bool between;
};

Test(resp, values_are_counted_and_faults_found)
{
	static const struct expectation cases[] = {
		{BAT_RESP_REQUESTS, "", 0, 0, true},
		{BAT_RESP_REQUESTS, "*1\r\n$4\r\nPING\r\n", 0, 1, true},
		{BAT_RESP_REQUESTS, "*1\r\n$4\r\nPING\r", 0, 0, false},
		{BAT_RESP_REQUESTS, "*2\r\n$3\r\nGET\r\n$6\r\n\r\n*1\r\n\r\n", 0, 1, true},
		{BAT_RESP_REQUESTS, "PING\r\nGET k\n\r\n\n", 0, 2, true},
		{BAT_RESP_REQUESTS, "*0\r\n*-1\r\nPING\r\n", 0, 1, true},
		{BAT_RESP_REQUESTS, "*1\r\n:4\r\n", -EBADMSG, 0, false},
		{BAT_RESP_REQUESTS, "*1\r\n$-1\r\n", -EBADMSG, 0, false},
		{BAT_RESP_REQUESTS, "*x\r\n", -EBADMSG, 0, false},
		{BAT_RESP_REQUESTS, "*\r\n", -EBADMSG, 0, false},
		{BAT_RESP_REQUESTS, "*1\r\n$536870913\r\n", -EBADMSG, 0, false},
		{BAT_RESP_REQUESTS, "*18446744073709551617\r\n", -EBADMSG, 0, false},
		{BAT_RESP_ANSWERS, "+OK\r\n-ERR\r\n:5\r\n$-1\r\n$0\r\n\r\n*-1\r\n*0\r\n", 0, 7,
			true},
		{BAT_RESP_ANSWERS, "*2\r\n*2\r\n:1\r\n:2\r\n$1\r\nx\r\n", 0, 1, true},
		{BAT_RESP_ANSWERS, "*2\r\n*2\r\n:1\r\n:2\r\n", 0, 0, false},
		{BAT_RESP_ANSWERS, ">2\r\n+message\r\n+x\r\n+OK\r\n", 0, 1, true},
		{BAT_RESP_ANSWERS, "|1\r\n+ttl\r\n:5\r\n+OK\r\n", 0, 1, true},
		{BAT_RESP_ANSWERS, "%2\r\n+a\r\n:1\r\n+b\r\n#t\r\n_\r\n", 0, 2, true},
		{BAT_RESP_ANSWERS, "OK\r\n", -EBADMSG, 0, false},
		{BAT_RESP_ANSWERS, "+OK\r+", -EBADMSG, 0, false},
		{BAT_RESP_ANSWERS, ":1\r\n?", -EBADMSG, 1, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t values = 99;
		bool between;

		cr_assert_eq(count(cases[i].direction, cases[i].text, &values, &between),
			cases[i].err, "case %zu", i);
		cr_assert_eq(
			values, cases[i].values, "case %zu: %llu", i, (unsigned long long)values);
		cr_assert_eq(between, cases[i].between, "case %zu", i);
	}
}

Test(resp, nesting_and_lines_are_bounded)
{
	struct bat_resp resp;
	uint64_t values;
	int err = 0;

	bat_resp_init(&resp, BAT_RESP_ANSWERS);
	for (unsigned int i = 0; i < BAT_RESP_DEPTH_MAX; i++)
		cr_assert_eq(bat_resp_feed(&resp, "*1\r\n", 4, &values), 0);
	cr_assert_eq(bat_resp_feed(&resp, "*1\r\n", 4, &values), -EBADMSG);
	bat_resp_init(&resp, BAT_RESP_REQUESTS);
	for (unsigned int i = 0; i < BAT_RESP_LINE_MAX + 2 && !err; i++)
		err = bat_resp_feed(&resp, "x", 1, &values);
	cr_assert_eq(err, -EBADMSG);
	err = 0;
	bat_resp_init(&resp, BAT_RESP_REQUESTS);
	(void)bat_resp_feed(&resp, "*", 1, &values);
	for (unsigned int i = 0; i < BAT_RESP_LINE_MAX + 2 && !err; i++)
		err = bat_resp_feed(&resp, "0", 1, &values);
	cr_assert_eq(err, -EBADMSG);
}
