/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CPUs of a trial's process roles: --cpus system=0,load=1-3+5. Declared in state.h and
 * <hotbed/trial.h>.
 */
#include <hotbed/trial.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>

#include "state.h"

const struct hb_role_cpus *hb_role_find(const struct hb_trial *trial, const char *role)
{
	for (size_t i = 0; i < trial->role_count; i++) {
		if (strcmp(trial->roles[i].name, role) == 0)
			return &trial->roles[i];
	}
	return NULL;
}

int hb_trial_pin(struct hb_trial *trial, const char *role)
{
	const struct hb_role_cpus *found = hb_role_find(trial, role);

	if (found && sched_setaffinity(0, sizeof(found->cpus), &found->cpus))
		return -errno;
	return 0;
}

/* "3" or "0-2" into @cpus. */
static int parse_range(char *text, cpu_set_t *cpus)
{
	char *last = strchr(text, '-');
	int64_t from, to;
	int err;

	if (last)
		*last = '\0';
	err = hb_csv_parse_i64(text, &from);
	if (last)
		*last = '-'; /* whole again, for the message */
	if (err || hb_csv_parse_i64(last ? last + 1 : text, &to))
		return -EINVAL;
	if (from < 0 || from > to || to >= CPU_SETSIZE)
		return -EINVAL;
	for (int64_t cpu = from; cpu <= to; cpu++)
		CPU_SET((size_t)cpu, cpus);
	return 0;
}

static int parse_role(struct hb_trial *trial, char *text, struct hb_error *reterr)
{
	struct hb_role_cpus role = {.name = ""};
	char *rest = strchr(text, '=');

	if (!rest || rest == text || (size_t)(rest - text) >= sizeof(role.name))
		return hb_error_set(reterr, -EINVAL, "--cpus: '%.64s' is not ROLE=CPUS", text);
	*rest++ = '\0';
	memcpy(role.name, text, strlen(text) + 1);
	if (hb_role_find(trial, role.name))
		return hb_error_set(reterr, -EINVAL, "--cpus: role '%s' is given twice", role.name);
	if (trial->role_count == HB_ROLES_MAX)
		return hb_error_set(reterr, -EINVAL, "--cpus: more than %d roles", HB_ROLES_MAX);
	CPU_ZERO(&role.cpus);
	while (rest) {
		char *range = strsep(&rest, "+");

		if (parse_range(range, &role.cpus))
			return hb_error_set(reterr, -EINVAL,
				"--cpus: '%.64s' of role '%s' is no CPU; expected 0, 0-3 or 0-3+6",
				range, role.name);
	}
	trial->roles[trial->role_count++] = role;
	return 0;
}

int hb_roles_parse(struct hb_trial *trial, const char *text, struct hb_error *reterr)
{
	char *copy = strdup(text);
	char *rest = copy;
	int err = 0;

	if (!copy)
		return hb_error_set(reterr, -ENOMEM, "no memory for --cpus");
	while (rest && !err)
		err = parse_role(trial, strsep(&rest, ","), reterr);
	free(copy);
	return err;
}
