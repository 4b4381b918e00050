/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program as a user calls it: JSON against recorded answers (keys and order to the byte, numbers to 1e-12, since
 * libm differs by processor), and what it says to bad input, with which exit code. The recorded numbers are those of
 * the design page where it has them; the library's tests check them against rationals and enumeration.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define TEXT_BYTES 65536

static char out[TEXT_BYTES];

/* Runs the program in the folder of test data; standard error comes after standard output. */
static int call(const char *arguments)
{
	char command[4096];
	FILE *pipe;
	size_t length;
	int status;

	(void)snprintf(
		command, sizeof(command), "cd '" DATA "' && '" PROGRAM "' %s 2>&1", arguments);
	pipe = popen(command, "r");
	cr_assert(pipe);
	length = fread(out, 1, sizeof(out) - 1, pipe);
	out[length] = '\0';
	status = pclose(pipe);
	cr_assert(WIFEXITED(status), "%s: ended by signal %d", arguments, WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void read_file(const char *name, char *ret)
{
	char path[4096];
	size_t length;
	FILE *file;

	(void)snprintf(path, sizeof(path), DATA "/%s", name);
	file = fopen(path, "r");
	cr_assert(file, "%s cannot be read", path);
	length = fread(ret, 1, TEXT_BYTES - 1, file);
	ret[length] = '\0';
	(void)fclose(file);
}

static void compare(const char *what, const char *expected, const char *got)
{
	const char *begin = got;

	while (*expected || *got) {
		char *end, *end_got;
		double a, b;

		if (*expected != *got && !(isdigit(*expected) && isdigit(*got)))
			cr_assert_fail("%s: at byte %td expected ...%.40s, got ...%.40s", what,
				got - begin, expected, got);
		if (!isdigit(*expected)) {
			expected++;
			got++;
			continue;
		}
		a = strtod(expected, &end);
		b = strtod(got, &end_got);
		cr_assert(fabs(a - b) <= 1e-12 * fabs(a), "%s: expected %.17g, got %.17g", what, a,
			b);
		expected = end;
		got = end_got;
	}
}

Test(program, json_is_as_recorded)
{
	static const struct {
		const char *file, *arguments;
	} cases[] = {
		{"raft3.json", "nines raft --nodes 3@1% --json"},
		{"pbft4.json",
			"nines pbft --nodes 4@1% --q-eq 3 --q-per 3 --q-vc 3 --q-vc-t 2 --json"},
		{"mixed3.json", "nines raft --nodes 3 --crash 4% --byz 0.01% --json"},
		{"flexible5.json", "nines raft --nodes 5@1% --q-per 2 --q-vc 4 --json"},
		{"apart4.json", "nines raft --nodes 4@1% --q-per 1 --q-vc 2 --json"},
		{"weights7.json",
			"nines raft --nodes 4@8%,3@1% --weights 2,2,2,2,3,3,3 --band 2 --json"},
		{"beta9.json", "nines raft --nodes 9@1% --beta 0.1 --json"},
		{"copula3.json", "nines raft --nodes 3@1% --copula gaussian:0.1 --json"},
		{"groups6.json", "nines raft --nodes 6@1% --groups "
				 "'rack1=0.1%:1-3;rack2=0.1%:4-6;zone=0.01%:1-6' --json"},
		{"repair5.json", "nines raft --nodes 5@8% --mission 1y --repair 1h --wipe 10% "
				 "--replace 8h --election 5s --json"},
		{"explain7.json", "explain raft --nodes 4@8%,3@1% --top 2 --json"},
		{"explain-groups6.json", "explain raft --nodes 6@1% --groups "
					 "'rack1=0.1%:1-3;rack2=0.1%:4-6' --top 3 --json"},
		{"optimum11.json",
			"optimize raft --types gold=1%:10,spot=8%:1 --target 2.98e-4 --json"},
		{"optimum-weights7.json", "optimize raft --nodes 4@8%,3@1% --weighted --json"},
		{"optimum-file.json",
			"optimize pbft --types-file types.csv --target 1e-4 --band 1.5 --json"},
		{"optimum-correlated7.json",
			"optimize raft --nodes 4@8%,3@1% --weighted --groups rack=0.1%:1-4 "
			"--copula gaussian:0.05 --target 1e-3 --json"},
		{"mttdl.json", "mttdl --chain chain.csv --start up --absorbing down --json"},
		{"curves.json", "curve --curves curves.csv --age 1y --mission 30d --json"},
		{"mission3.json",
			"nines raft --curves curves.csv --nodes 3@hdd~1y --mission 1y --json"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static char expected[TEXT_BYTES];

		cr_assert_eq(call(cases[i].arguments), 0, "%s: %s", cases[i].arguments, out);
		read_file(cases[i].file, expected);
		compare(cases[i].arguments, expected, out);
	}
}

Test(program, text_says_the_same)
{
	cr_assert_eq(call("nines raft --nodes 3@1%"), 0);
	cr_assert(strstr(out, "0.000298"), "%s", out);
	cr_assert(strstr(out, "3.526 nines"), "%s", out);
	cr_assert_eq(call("nines raft --nodes 4@1% --q-per 1 --q-vc 2"), 0);
	cr_assert(strstr(out, "need not intersect"), "%s", out);
	cr_assert_eq(call("optimize raft --types gold=1%:10,spot=8%:1 --target 2.98e-4"), 0);
	cr_assert(strstr(out, "cost       11, proven"), "%s", out);
	cr_assert_eq(call("explain raft --nodes 4@8%,3@1%"), 0);
	cr_assert(strstr(out, "improve first: a node at 8%"), "%s", out);
	cr_assert_eq(call("mttdl --chain chain.csv --start up --absorbing down"), 0);
	cr_assert_eq(call("--help"), 0);
	cr_assert_eq(call("--version"), 0);
	cr_assert_eq(call("nines --help"), 0);
	cr_assert(strstr(out, "--q-vc-t"), "%s", out);
}

static const struct {
	int code;
	const char *arguments, *says;
} faults[] = {
	{2, "", "which command"},
	{2, "nine raft", "unknown command nine"},
	{2, "nines", "raft or pbft"},
	{2, "nines paxos --nodes 3@1%", "unknown protocol 'paxos'"},
	{2, "nines raft", "--nodes LIST is needed"},
	{2, "nines raft --nodes 3", "no fault probability"},
	{2, "nines raft --nodes 3@101%", "outside [0, 1]"},
	{2, "nines raft --nodes 3@-0.1", "--nodes"},
	{2, "nines raft --nodes 3@x", "--nodes"},
	{2, "nines raft --nodes 0@1%", "--nodes"},
	{2, "nines raft --nodes 3@1% --crash 1%", "has one"},
	{2, "nines raft --nodes 3 --crash 70% --byz 40%", "more than 1"},
	{2, "nines raft --nodes 3@1% --weights 1,2", "2 weights for 3 nodes"},
	{2, "nines raft --nodes 3@1% --weights 0,0,0", "weight"},
	{2, "nines raft --nodes 3@1% --weights 1,x,1", "--weights"},
	{2, "nines raft --nodes 3@1% --q-per 4", "--q-per: '4'"},
	{2, "nines raft --nodes 3@1% --weights 1,1,2 --q-vc 5", "the fleet has 4 votes"},
	{2, "nines raft --nodes 3@1% --q-eq 2", "belong to pbft"},
	{2, "nines raft --nodes 3@1% --groups 'r=1%:'", "group `r` is empty"},
	{2, "nines raft --nodes 3@1% --groups 'r=1%:1-4'", "group"},
	{2, "nines raft --nodes 3@1% --beta 1.5", "--beta"},
	{2, "nines pbft --nodes 4@1% --beta 0.1", "--faults crash"},
	{2, "nines raft --nodes 3@1% --copula gauss:0.1", "--copula"},
	{2, "nines raft --nodes 3@1% --copula gaussian:1", "--copula"},
	{2, "nines raft --nodes 3@1% --faults both", "neither crash nor byz"},
	{2, "nines raft --nodes 3@1% --repair 20m", "--mission"},
	{2, "nines raft --nodes 3@1% --mission 1y --repair 20m --wipe 10%", "--replace"},
	{2, "nines raft --nodes 3@1% --mission 1y --wipe 10%", "without --repair"},
	{2, "nines raft --nodes 3@1% --election 5s", "without --repair"},
	{2, "nines raft --nodes 3@1% --bogus", "unknown option '--bogus'"},
	{2, "nines raft --nodes 3@1% --top 3", "unknown option '--top'"},
	{2, "nines raft --nodes 3@1% --json --json", "given twice"},
	{2, "nines raft --nodes", "needs a value"},
	{2, "nines raft extra --nodes 3@1%", "unexpected argument 'extra'"},
	{1, "nines raft --curves absent.csv --nodes 3@hdd", "absent.csv"},
	{2, "nines raft --curves curves.csv --nodes 3@hdd", "--mission"},
	{2, "nines raft --curves curves.csv --nodes 3@tape --mission 1y", "tape"},
	{1, "nines raft --curves gap.csv --nodes 3@hdd --mission 1y", "gap.csv:4:"},
	{1, "nines raft --curves back.csv --nodes 3@hdd --mission 1y", "back.csv:3:"},
	{1, "curve --curves curves.csv --curve tape", "has no curve 'tape'"},
	{1, "curve --curves curves.csv --curve hdd --age 9y", "not extrapolated"},
	{1, "mttdl --chain absent.csv --start a --absorbing b", "absent.csv"},
	{2, "mttdl --chain chain.csv --start up", "--absorbing"},
	{1, "mttdl --chain chain.csv --start up --absorbing lost", "`lost`"},
	{1, "mttdl --chain trapped.csv --start up --absorbing lost", "hole"},
	{1, "mttdl --chain rate.csv --start up --absorbing down", "rate.csv:3:"},
	{2, "optimize raft --types a=1%:1", "--target"},
	{2, "optimize raft --target 1e-3", "--types"},
	{2, "optimize raft --types a=1% --target 1e-3", "NAME=FAULT:COST"},
	{2, "optimize raft --types a=1%:x --target 1e-3", "cost 'x'"},
	{2, "optimize raft --types a=1%:1,a=2%:1 --target 1e-3", "listed twice"},
	{2, "optimize raft --types a=200%:1 --target 1e-3", "--types"},
	{2, "optimize pbft --types a=1%:1 --target 1e-3 --weighted", "Raft only"},
	{1, "optimize raft --types a=1%:1 --target 1e-90", "proven"},
	{1, "optimize raft --types-file types-bad.csv --target 1e-3", "types-bad.csv:3:"},
	{1, "optimize raft --types-file absent.csv --target 1e-3", "absent.csv"},
	{1, "optimize raft --types-file /dev/zero --target 1e-3", "more than 64 MiB"},
	{2, "optimize raft --types a=1%:1 --groups r=1%:1 --target 1e-3",
		"give the mix as --nodes"},
	{2, "optimize raft --nodes 3@1% --groups r=1%:1-4 --target 1e-3", "--groups"},
	{2, "optimize raft --nodes 3@1% --copula t:0.1 --target 1e-3", "--copula"},
	{2, "optimize raft --nodes 3@1%*2", "votes are chosen here"},
	{2, "optimize raft --nodes 3@1% --max-nodes 5", "all of --nodes are used"},
	{2, "optimize raft --types a=1%:1 --crash 5% --target 1e-3", "its own probability"},
	{2, "optimize raft --types a=1%:1e308 --target 1e-3", "no number from 0 to 1e+300"},
	{2, "optimize raft --types a=1%:1 --min-nodes 9 --max-nodes 5 --target 1e-3",
		"9 to 5 nodes"},
	{2, "estimate raft --nodes 3@1% --method splitting --relative-error 0.1", "particles"},
	{1, "optimize raft --nodes 65@1% --target 1e-3", "at most 64"},
	{1, "mttdl --chain /dev/zero --start a --absorbing b", "more than 64 MiB"},
	{1, "nines raft --nodes 3@hdd --curves / --mission 1y", "directory"},
	{2, "explain raft --nodes 3@1% --event never", "none of"},
	{2, "explain raft --nodes 3@1% --top 100000", "--top"},
};

Test(program, bad_input_is_named_with_its_rule)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		int code = call(faults[i].arguments);

		cr_assert_eq(code, faults[i].code, "%s: exit code %d, expected %d: %s",
			faults[i].arguments, code, faults[i].code, out);
		cr_assert(strstr(out, faults[i].says), "%s: '%s' expected in: %s",
			faults[i].arguments, faults[i].says, out);
		cr_assert(strstr(out, "probcons"), "%s: the message does not say whose it is: %s",
			faults[i].arguments, out);
	}
}

Test(program, the_manual_names_every_option)
{
	static const char *const commands[] = {
		"nines", "optimize", "explain", "estimate", "mttdl", "curve"};
	static char manual[TEXT_BYTES];
	int options = 0;

	read_file("../../../../docs/man/probcons.1.scd", manual);
	for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++) {
		char arguments[64];

		(void)snprintf(arguments, sizeof(arguments), "%s --help", commands[c]);
		cr_assert_eq(call(arguments), 0, "%s", out);
		for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
			char name[64];

			if (sscanf(line, "  %63s", name) != 1 || strncmp(name, "--", 2) != 0)
				continue;
			cr_assert(strstr(manual, name), "probcons(1) lacks %s of %s", name,
				commands[c]);
			options++;
		}
	}
	cr_assert(options > 40);
}

Test(program, a_full_disk_is_reported)
{
	static const char *const calls[] = {"nines raft --nodes 3@1%",
		"nines raft --nodes 3@1% --json", "--help", "--version", "nines --help",
		"nines --version"};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		char arguments[128];
		int code;

		(void)snprintf(arguments, sizeof(arguments), "%s 2>&1 >/dev/full #", calls[i]);
		code = call(arguments);
		cr_assert_eq(code, 1, "%s: exit code %d: %s", calls[i], code, out);
		cr_assert(strstr(out, "cannot write"), "%s: %s", calls[i], out);
	}
}

/* Bytes that are no UTF-8 (alone, cut short, a surrogate, overlong) would make the JSON unreadable. */
Test(program, names_in_json_are_utf8)
{
	cr_assert_eq(call("optimize raft --types \"$(printf 'a\\377\\303\\355\\240\\200\\300\\200"
			  "\\303\\244\\342\\202\\254')=1%:1\" --target 1e-3 --json"),
		0, "%s", out);
	cr_assert(strstr(out, "\"type\":\"a\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"
			      "\303\244\342\202\254\""),
		"%s", out);
}

/* A mean over unequal votes under more common causes than can be told apart, and too many quorums to try each. */
Test(program, what_is_not_known_is_null_and_said)
{
	static const char fleet[] =
		"nines raft --nodes 20@1% --weights "
		"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20 "
		"--groups "
		"'a=1%:1;b=1%:2;c=1%:3;d=1%:4;e=1%:5;f=1%:6;g=1%:7;h=1%:8;i=1%:9;j=1%:10;k=1%:11;"
		"l=1%:12;m=1%:13;n=1%:14;o=1%:15;p=1%:16;q=1%:17'";
	char arguments[512];

	(void)snprintf(arguments, sizeof(arguments), "%s --json 2>/dev/null #", fleet);
	cr_assert_eq(call(arguments), 0, "%s", out);
	cr_assert(strstr(out, "\"mean\":null"), "%s", out);
	cr_assert(!strstr(out, "nan") && !strstr(out, "inf"), "%s", out);
	(void)snprintf(arguments, sizeof(arguments), "%s", fleet);
	cr_assert_eq(call(arguments), 0, "%s", out);
	cr_assert(strstr(out, "note: the mean loss"), "%s", out);
	cr_assert(strstr(out, "not known"), "%s", out);
	cr_assert_eq(call("nines raft --nodes 20@1%,20@2% --weights "
			  "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,"
			  "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20 "
			  "--copula gaussian:0.1"),
		0, "%s", out);
	cr_assert(strstr(out, "note: the loss of the worst quorum is an upper bound"), "%s", out);
	cr_assert(strstr(out, "at most: a commit is gone"), "%s", out);
}

Test(program, quorum_answers_a_file_of_questions)
{
	cr_assert_eq(call("quorum quorum.txt"), 0, "%s", out);
	cr_assert_str_eq(out, "100\n_\n5\n6\nwon\nlost\npending\npending\n4\n");
	cr_assert_eq(call("quorum"), 2);
	cr_assert(strstr(out, "which FILE?"), "%s", out);
	cr_assert_eq(call("quorum no-such-file"), 1);
	cr_assert_eq(call("quorum curves.csv"), 1);
	cr_assert(strstr(out, "curves.csv:2: commit or vote is expected"), "%s", out);
}

Test(program, linearizable_says_by_its_exit_code)
{
	cr_assert_eq(call("linearizable history.jsonl"), 0, "%s", out);
	cr_assert_eq(call("linearizable stale.jsonl"), 1, "%s", out);
	cr_assert(strstr(out, "no order explains the answer to stale.jsonl:7"), "%s", out);
	cr_assert_eq(call("linearizable stale.jsonl --json"), 1, "%s", out);
	cr_assert(strstr(out, "\"verdict\":\"not linearizable\""), "%s", out);
	cr_assert(strstr(out, "\"line\":7"), "%s", out);
	cr_assert_eq(call("linearizable curves.csv"), 2, "%s", out);
	cr_assert_eq(call("linearizable no-such-file"), 2, "%s", out);
}

Test(program, sim_repeats_to_the_byte)
{
	static char first[TEXT_BYTES];

	cr_assert_eq(
		call("sim --variant V3 --nodes 5 --schedules 20 --seed 3 --json"), 0, "%s", out);
	cr_assert(strstr(out, "{\"schema\":\"probcons.sim/1\",\"schedules\":20,\"events\":") == out,
		"%s", out);
	cr_assert(strstr(out, "\"violations\":[],\"trace_hash\":\""), "%s", out);
	memcpy(first, out, sizeof(first));
	cr_assert_eq(call("sim --variant V3 --nodes 5 --schedules 20 --seed 3 --json"), 0);
	cr_assert_str_eq(out, first);
	cr_assert_eq(call("sim --nodes 3 --schedules 1 --trace | grep 'leads term'"), 0, "%s", out);
	cr_assert(strstr(out, "leads term"), "%s", out);
	cr_assert_eq(call("sim --variant V6"), 2);
	cr_assert_eq(call("sim --variant V1 --q-per 2 --q-vc 3"), 2);
	cr_assert(strstr(out, "need not meet"), "%s", out);
	cr_assert_eq(call("sim --nodes 3 --weights 1,2"), 2);
	cr_assert_eq(call("sim --nodes 17"), 2);
}
