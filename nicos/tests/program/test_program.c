/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program as a user calls it: its JSON by member, the same bytes for one seed, and answers to bad input. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cjson/cJSON.h>

#define TEXT_BYTES 65536

static char out[TEXT_BYTES];

/* Standard error comes after standard output. */
static int call(const char *arguments)
{
	char command[4096];
	FILE *pipe;
	size_t length;
	int status;

	(void)snprintf(command, sizeof(command), "'" PROGRAM "' %s 2>&1", arguments);
	pipe = popen(command, "r");
	cr_assert(pipe);
	length = fread(out, 1, sizeof(out) - 1, pipe);
	out[length] = '\0';
	status = pclose(pipe);
	cr_assert(WIFEXITED(status), "%s: ended by signal %d", arguments, WTERMSIG(status));
	return WEXITSTATUS(status);
}

static double number(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItem(object, key);

	cr_assert(cJSON_IsNumber(item), "%s is missing", key);
	return item->valuedouble;
}

Test(program, json_has_the_members_that_others_rely_on)
{
	static const char *const policies[] = {"nicos", "ideal", "rss", "dispatcher", "stealing",
		"kernel", "poll-yield", "jbsq:2"};
	static const char *const shares[] = {
		"useful", "switch", "spin", "stalled", "kernel", "idle"};

	for (size_t p = 0; p < sizeof(policies) / sizeof(policies[0]); p++) {
		char arguments[256];
		const cJSON *cpu, *latency;
		cJSON *json;
		double sum = 0;

		(void)snprintf(arguments, sizeof(arguments),
			"sim --policy %s --cores 16 --services 64 --arrival poisson --service "
			"exp:10us "
			"--load 0.4 --seed 1 --requests 20000 --json",
			policies[p]);
		cr_assert_eq(call(arguments), 0, "%s", out);
		json = cJSON_Parse(out);
		cr_assert(json, "%s", out);
		cr_assert_str_eq(cJSON_GetObjectItem(json, "schema")->valuestring, "nicos.sim/1");
		cr_assert_str_eq(
			cJSON_GetObjectItem(cJSON_GetObjectItem(json, "parameters"), "policy")
				->valuestring,
			policies[p]);
		latency = cJSON_GetObjectItem(json, "latency_us");
		cr_assert(number(latency, "mean") >= 9);
		cr_assert(number(latency, "p50") <= number(latency, "p99"));
		cr_assert(number(latency, "p99") <= number(latency, "p999"));
		cpu = cJSON_GetObjectItem(json, "cpu");
		for (int k = 0; k < 6; k++)
			sum += number(cpu, shares[k]);
		cr_assert_float_eq(sum, 1, 1e-9);
		cr_assert_eq(number(json, "in"), 20000);
		cr_assert_eq(number(json, "in"),
			number(json, "done") + number(json, "queued") + number(json, "dropped"));
		cr_assert_float_eq(number(json, "goodput_per_s"), 640000, 40000);
		cJSON_Delete(json);
	}
}

Test(program, live_says_what_it_counted_or_why_it_cannot)
{
	int code = call("live --services 3 --service exp:2us --load 0.2 --requests 1000 --json");
	cJSON *json;

	if (code == 77) {
		cr_assert(strstr(out, "needs two CPUs"), "%s", out);
		return;
	}
	cr_assert_eq(code, 0, "%s", out);
	json = cJSON_Parse(out);
	cr_assert(json, "%s", out);
	cr_assert_str_eq(cJSON_GetObjectItem(json, "schema")->valuestring, "nicos.live/1");
	cr_assert_str_eq(cJSON_GetObjectItem(json, "basis")->valuestring, "wall");
	cr_assert_eq(number(json, "in"), 1000);
	cr_assert_eq(number(json, "done"), 1000);
	cr_assert_eq(number(cJSON_GetObjectItem(json, "client"), "wrong"), 0);
	cr_assert(number(cJSON_GetObjectItem(json, "latency_us"), "p50") > 0);
	cJSON_Delete(json);
}

/* The device of DPDK carries the same frames, where DPDK is installed and starts. */
Test(program, live_runs_over_a_device_of_dpdk_or_says_what_is_missing)
{
	int code = call("live --wire net-ring --services 3 --service exp:2us --load 0.2 "
			"--requests 1000 --hostile 10");

	if (code == 77) {
		cr_assert(strstr(out, "needs "), "%s", out);
		return;
	}
	cr_assert_eq(code, 0, "%s", out);
	cr_assert(
		strstr(out, "requests   1100 in = 1000 done + 0 queued + 100 dropped"), "%s", out);
	cr_assert(strstr(out, "1000 answered, 0 wrong, 0 twice"), "%s", out);
}

Test(program, demo_shows_the_run_and_accounts_for_all_requests)
{
	int code = call("demo --services 20 --seconds 1 --load 0.1");
	unsigned long long in, done, dropped;
	const char *last;

	if (code == 77) {
		cr_assert(strstr(out, "needs two CPUs"), "%s", out);
		return;
	}
	cr_assert_eq(code, 0, "%s", out);
	cr_assert(strstr(out, " s  "), "no look: %s", out);
	last = strstr(out, " requests in = ");
	cr_assert(last, "%s", out);
	while (last > out && last[-1] != '\n')
		last--;
	cr_assert_eq(
		sscanf(last, "%llu requests in = %llu done + %llu dropped", &in, &done, &dropped),
		3);
	cr_assert_eq(in, 10000);
	cr_assert_eq(in, done + dropped);
}

Test(program, one_seed_gives_the_same_bytes_and_another_does_not)
{
	static char first[TEXT_BYTES];
	const char *arguments = "sim --services 300 --popularity zipf:0.9 --quantum 20us --cost "
				"switch=lognormal:2us,1us --requests 20000 --json --seed ";
	char with_seed[512];

	for (int seed = 7; seed <= 8; seed++) {
		(void)snprintf(with_seed, sizeof(with_seed), "%s%d", arguments, seed);
		cr_assert_eq(call(with_seed), 0, "%s", out);
		cr_assert(strcmp(first, out) != 0);
		memcpy(first, out, sizeof(first));
		cr_assert_eq(call(with_seed), 0);
		cr_assert_str_eq(first, out);
	}
}

Test(program, an_overload_is_null_in_json_and_inf_in_text)
{
	cr_assert_eq(call("sim --load 2 --requests 20000 --json"), 0);
	cr_assert(strstr(out, "\"p99\":null"), "%s", out);
	cr_assert_eq(call("sim --load 2 --requests 20000"), 0);
	cr_assert(strstr(out, "p99 inf us"), "%s", out);
}

Test(program, bad_input_is_named_and_the_exit_code_says_whose_it_is)
{
	static const struct {
		const char *arguments, *expected;
		int code;
	} cases[] = {
		{"", "which command?", 2},
		{"smi", "did you mean 'sim'", 2},
		{"sim --polcy nicos", "did you mean '--policy'", 2},
		{"sim --policy kernal", "did you mean 'kernel'", 2},
		{"sim --policy jbsq", "jbsq:1", 2},
		{"sim --policy jbsq:0", "not '0'", 2},
		{"sim --policy jbsq:65", "at most 64", 2},
		{"sim --load 0", "load: above 0", 2},
		{"sim --load x", "--load needs a number, not 'x'", 2},
		{"sim --cores 0", "cores: from 1 to 1024", 2},
		{"sim --cores 4294967297", "--cores is too large", 2},
		{"sim --cores 1 --policy dispatcher", "2 cores at least", 2},
		{"sim --service exp:10", "--service: '10' is no time", 2},
		{"sim --service const:0", "mean time is above 0", 2},
		{"sim --service trace:/nonexistent", "/nonexistent: cannot be opened", 1},
		{"sim --arrival burst:9,1ms,1ms", "F <= (ON + OFF) / ON", 2},
		{"sim --arrival burst:1ms", "burst:4,1ms,3ms", 2},
		{"sim --arrival uniform", "unknown arrivals", 2},
		{"sim --popularity zipf", "zipf:0.9", 2},
		{"sim --cost swich=1us", "did you mean 'switch'", 2},
		{"sim --cost switch=2", "cost switch: '2' is no time", 2},
		{"sim --policy rss --quantum 5us", "preempt", 2},
		{"sim --warm-up 10 --requests 10", "warm-up", 2},
		{"sim --seed 1 --seed 2", "given twice", 2},
		{"live --system nikos", "did you mean 'nicos'", 2},
		{"live --mode proces", "did you mean 'process'", 2},
		{"live --fault exit", "exit@N", 2},
		{"live --fault hang@3", "killed", 2},
		{"live --load 0.1 --rate 5", "give one of them", 2},
		{"live --service const:0", "use --rate", 2},
		{"live --bytes 18", "multiple of 4", 2},
		{"live --kill 3", "--kill: '3' is no time", 2},
		{"live --arrival burst:1ms", "burst:4,1ms,3ms", 2},
		{"sim extra", "unexpected argument 'extra'", 2},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(
			call(cases[i].arguments), cases[i].code, "%s: %s", cases[i].arguments, out);
		cr_assert(strstr(out, cases[i].expected), "%s: %s", cases[i].arguments, out);
	}
}

/* What follows "examples:" in the help is executed, with fewer requests. */
static int examples(const char *subcommand)
{
	static char help[TEXT_BYTES];
	int count = 0;

	(void)snprintf(help, sizeof(help), "%s --help", subcommand);
	cr_assert_eq(call(help), 0);
	memcpy(help, out, sizeof(help));
	for (char *line = strstr(help, "examples:"); (line = strstr(line, "\n  nicos ")) != NULL;) {
		char arguments[512];
		int code;

		line += strlen("\n  nicos ");
		(void)snprintf(arguments, sizeof(arguments), "%.*s --requests 2000",
			(int)strcspn(line, "#\n"), line);
		code = call(arguments);
		cr_assert(code == 0 || (code == 77 && strcmp(subcommand, "live") == 0), "%s: %s",
			arguments, out);
		count++;
	}
	return count;
}

Test(program, examples_of_the_help_work)
{
	cr_assert_geq(examples("sim"), 4);
	cr_assert_geq(examples("live"), 3);
	cr_assert_eq(call("--help"), 0);
	cr_assert(strstr(out, "sim"));
	cr_assert_eq(call("--version"), 0);
}
