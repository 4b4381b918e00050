/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/sanitizer.h>

#include <nicos/check.h>

static struct nic_check_result search(enum nic_mutant mutant, uint32_t requests, FILE *trace)
{
	const struct nic_check_options options = {
		.mutant = mutant, .requests = requests, .threads = {2, 1}, .states_max = 4000000};
	struct nic_check_result result;
	struct hb_error error = {0};

	cr_assert_eq(nic_check_run(&options, trace, &result, &error), 0, "%s", error.text);
	return result;
}

Test(check, the_protocol_keeps_its_invariants_in_every_state)
{
	struct nic_check_result result = search(NIC_MUTANT_NONE, HB_IS_SANITIZED ? 2 : 4, NULL);

	cr_assert_null(result.violation, "%s", result.violation);
	cr_assert(result.states > 10000);
	cr_assert(result.transitions > result.states);
}

Test(check, every_mutant_breaks_the_invariant_that_it_should)
{
	static const char *const expected[NIC_MUTANT_COUNT] = {
		[NIC_MUTANT_LOST_IN_PREEMPTION] = "4: a request was lost",
		[NIC_MUTANT_POP_UNDERFLOW] = "4: a request was taken from an empty queue",
		[NIC_MUTANT_STARVED_QUEUE] = "5:",
		[NIC_MUTANT_COUNTED_AT_ACK] = "6: a service has more cores",
		[NIC_MUTANT_SWITCH_IN_SWITCH] = "6: the card believes",
		[NIC_MUTANT_BOOTSTRAP_PARITY] = "8:",
		[NIC_MUTANT_STALE_LINE] = "1:",
		[NIC_MUTANT_INTERRUPT_WHILE_BUSY] = "2:",
	};

	for (int m = 1; m < NIC_MUTANT_COUNT; m++) {
		struct nic_check_result result = search((enum nic_mutant)m, 2, NULL);

		cr_assert(
			result.violation, "%s is not noticed", nic_mutant_name((enum nic_mutant)m));
		cr_assert_eq(strncmp(result.violation, expected[m], strlen(expected[m])), 0,
			"%s: %s", nic_mutant_name((enum nic_mutant)m), result.violation);
		cr_assert(result.trace_length > 0);
	}
}

Test(check, a_counterexample_has_a_line_per_step_and_ends_in_the_breach)
{
	FILE *trace = tmpfile();
	struct nic_check_result result;
	char line[256] = "", last[256] = "";
	uint32_t lines = 0;

	cr_assert(trace);
	result = search(NIC_MUTANT_INTERRUPT_WHILE_BUSY, 2, trace);
	rewind(trace);
	while (fgets(line, sizeof(line), trace)) {
		lines++;
		memcpy(last, line, sizeof(last));
	}
	(void)fclose(trace);
	cr_assert_eq(lines, result.trace_length);
	cr_assert(strstr(last, "card: interrupts core"), "%s", last);
}

Test(check, too_many_states_and_bad_options_are_refused)
{
	struct nic_check_options options = {.requests = 2, .threads = {2, 1}, .states_max = 100};
	struct nic_check_result result;
	struct hb_error error = {0};

	cr_assert_eq(nic_check_run(&options, NULL, &result, &error), -E2BIG);
	cr_assert(strstr(error.text, "100 states"), "%s", error.text);
	options.requests = 5;
	cr_assert_eq(nic_check_run(&options, NULL, &result, &error), -EINVAL);
	options.requests = 2;
	options.threads[1] = 3;
	cr_assert_eq(nic_check_run(&options, NULL, &result, &error), -EINVAL);
	cr_assert_eq(nic_mutant_find("nothing"), NIC_MUTANT_COUNT);
}
