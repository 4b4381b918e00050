/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program as a user calls it: JSON to the byte where it is exact, by its members where it is simulated, and what it
 * says to bad input, with which exit code.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cjson/cJSON.h>

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

Test(program, answers_that_are_exact_are_so_to_the_byte)
{
	static const struct {
		const char *arguments, *expected;
	} cases[] = {
		{"model --n 3 --alpha 2 --beta 4 --c 1 --json",
			"{\"schema\":\"batching.model/"
			"1\",\"unbatched\":{\"mean\":13,\"finish\":19},"
			"\"batched\":{\"mean\":12,\"finish\":13},\"verdict\":\"both\","
			"\"boundaries\":{\"mean\":2,\"finish\":4}}\n"},
		{"estimate --trace round-trip.csv --from-ns -1 --to-ns 100 --json",
			"{\"schema\":\"batching.estimate/1\",\"unit\":\"bytes\",\"in_order\":true,"
			"\"queues\":{"
			"\"unacked_a\":{\"integral\":\"640\",\"departed\":\"64\",\"mean_wait_ns\":"
			"10},"
			"\"unread_a\":{\"integral\":\"128\",\"departed\":\"64\",\"mean_wait_ns\":2}"
			","
			"\"unread_b\":{\"integral\":\"192\",\"departed\":\"64\",\"mean_wait_ns\":3}"
			","
			"\"ackdelay_b\":{\"integral\":\"256\",\"departed\":\"64\",\"mean_wait_ns\":"
			"4}},"
			"\"end_to_end_ns\":11}\n"},
		{"estimate --trace round-trip.csv --from-ns -1 --to-ns 9 --json",
			"{\"schema\":\"batching.estimate/1\",\"unit\":\"bytes\",\"in_order\":true,"
			"\"queues\":{"
			"\"unacked_a\":{\"integral\":\"576\",\"departed\":\"0\",\"mean_wait_ns\":"
			"null},"
			"\"unread_a\":{\"integral\":\"0\",\"departed\":\"0\",\"mean_wait_ns\":null}"
			","
			"\"unread_b\":{\"integral\":\"192\",\"departed\":\"64\",\"mean_wait_ns\":3}"
			","
			"\"ackdelay_b\":{\"integral\":\"256\",\"departed\":\"64\",\"mean_wait_ns\":"
			"4}},"
			"\"end_to_end_ns\":null}\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(call(cases[i].arguments), 0, "%s", out);
		cr_assert_str_eq(out, cases[i].expected);
	}
}

Test(program, verdicts_by_the_clients_cost)
{
	static const struct {
		const char *c, *verdict;
	} cases[] = {{"1", "\"both\""}, {"3", "\"throughput\""}, {"5", "\"neither\""}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char arguments[64];

		(void)snprintf(arguments, sizeof(arguments), "model --c %s --json", cases[i].c);
		cr_assert_eq(call(arguments), 0);
		cr_assert(strstr(out, cases[i].verdict), "%s", out);
	}
}

Test(program, a_simulated_queue_contains_its_closed_form)
{
	static const char *const members[] = {
		"mean_in_system", "mean_in_queue", "mean_wait", "mean_sojourn"};
	cJSON *json;

	cr_assert_eq(
		call("queue --discipline closed --lambda 2 --mu 1 --k 4 --level 0.9999 --json"), 0,
		"%s", out);
	json = cJSON_Parse(out);
	cr_assert(json, "%s", out);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		cJSON *exact =
			cJSON_GetObjectItem(cJSON_GetObjectItem(json, "closed_form"), members[i]);
		cJSON *interval =
			cJSON_GetObjectItem(cJSON_GetObjectItem(json, "simulation"), members[i]);

		cr_assert(exact && cJSON_GetArraySize(interval) == 3);
		cr_assert(cJSON_GetArrayItem(interval, 0)->valuedouble <= exact->valuedouble);
		cr_assert(cJSON_GetArrayItem(interval, 2)->valuedouble >= exact->valuedouble);
	}
	cJSON_Delete(json);
}

Test(program, bad_command_lines_are_named)
{
	static const struct {
		const char *arguments;
		int code;
		const char *says;
	} cases[] = {
		{"", 2, "which command"},
		{"modle", 2, "did you mean 'model'"},
		{"model --n 0", 2, "0 requests"},
		{"model --n 3.5", 2, "--n needs a whole number"},
		{"model --alpha nan", 2, "--alpha needs a number"},
		{"model --n 3 --n 4", 2, "given twice"},
		{"model --betta 3", 2, "did you mean '--beta'"},
		{"model --c", 2, "needs a value"},
		{"model extra", 2, "unexpected argument"},
		{"queue --discipline full --lambda 2 --mu 1", 2, "--k is missing"},
		{"queue --discipline odd --lambda 2 --mu 1 --k 4", 2, "unknown discipline"},
		{"queue --discipline full --lambda 9 --mu 1 --k 4", 2, "grows without bound"},
		{"estimate --trace no.csv --from-ns 0 --to-ns 1", 1, "no.csv"},
		{"estimate --trace round-trip.csv --from-ns 1 --to-ns 1", 2, "window"},
		{"link --delay 1", 2, "--delay needs a number with its unit"},
		{"link --delay 1fortnight", 2, "1fortnight"},
		{"link --delay -1ms", 2, "delay"},
		{"link --delay 1ms --jitter 2ms", 2, "jitter"},
		{"link --rate 100", 2, "--rate needs"},
		{"link --rate 1bit", 2, "rate"},
		{"link --loss 101%", 2, "loss"},
		{"link --loss nan", 2, "--loss needs"},
		{"link --mtu 100", 2, "mtu"},
		{"link --queue 99999999999", 2, "queue"},
		{"link --dealy 1ms -- true", 2, "did you mean '--delay'"},
		{"link --delay 1ms --", 2, "no command"},
		{"link true", 2, "unexpected argument"},
		{"serve --backend kqueue", 2, "give epoll, uring or uv"},
		{"serve --port 65536", 2, "above 65535"},
		{"serve --policy naggle", 2, "unknown policy"},
		{"serve --alpha-ns -1", 2, "alpha and beta"},
		{"serve --policy oracle", 2, "1 to 4096 phases"},
		{"serve --policy oracle --phases 0:1,", 2, "'' is no phase"},
		{"serve --policy oracle --phases 0:2", 2, "'0:2' is no phase"},
		{"serve --policy oracle --phases 5:1,5:0", 2, "out of order"},
		{"serve --limit 4294967297", 2, "too large"},
		{"serve --address localhost", 2, "numeric IPv4"},
		{"load --rate 1", 2, "--port is missing"},
		{"load --port 1 --rate 0", 2, "rate"},
		{"load --port 1 --rate 1 --connections 4294967297", 2, "above 1024"},
		{"load --port 1 --rate 1 --reply-bytes 1048577", 2, "above 1048576"},
		{"run --policy nagle", 2, "which program"},
		{"run -- true", 2, "--policy is missing"},
		{"run --policy toggle -- true", 2, "use attach"},
		{"attach", 2, "--pid is missing"},
		{"attach --pid 0", 2, "no process's number"},
		{"attach --pid 1 --policy fixed", 2, "cannot be done from outside"},
		{"attach --pid 1 --period-ns 0", 2, "above 0"},
		{"attach --pid 4194305", 1, "no process has number 4194305"},
		{"model --json 2>&1 >/dev/full #", 1, "cannot write the answer"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(
			call(cases[i].arguments), cases[i].code, "%s: %s", cases[i].arguments, out);
		cr_assert(strstr(out, cases[i].says), "%s: %s", cases[i].arguments, out);
	}
}

/* Where there are no namespaces, it says so instead. */
static void link_ends_with(const char *arguments, int code, const char *says)
{
	int found = call(arguments);

	if (found == 77) {
		cr_assert(strstr(out, "namespace") || strstr(out, "/dev/net/tun") ||
				  strstr(out, "TAP device"),
			"%s", out);
		cr_skip("skip: needs namespaces and TAP devices");
	}
	cr_assert_eq(found, code, "%s: %s", arguments, out);
	cr_assert(strstr(out, says), "%s: %s", arguments, out);
}

Test(program, a_link_ends_with_its_command)
{
	link_ends_with("link --delay 1ms -- sh -c 'grep -c link0 /proc/net/dev; exit 7'", 7, "1\n");
	link_ends_with("link --right 'kill -9 $$' -- sleep 0.3", 0, "ended with 137 before");
	link_ends_with("link -- /no/such/program --help", 127, "cannot run '/no/such/program'");
	link_ends_with("link --loss 10% --stats /dev/stdout -- sh -c 'kill -9 $$'", 137,
		"{\"schema\":\"batching.link/1\",\"left_to_right\":{\"frames\":0,");
	link_ends_with("link --congestion nonsense -- true", 1, "congestion control 'nonsense'");
}

Test(program, every_command_has_help)
{
	static const char *const commands[] = {"", "model", "queue", "estimate", "serve", "load",
		"attach", "proxy", "run", "link"};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char arguments[64];

		(void)snprintf(arguments, sizeof(arguments), "%s --help", commands[i]);
		cr_assert_eq(call(arguments), 0);
		cr_assert(strstr(out, "usage: batching"), "%s", out);
	}
}
