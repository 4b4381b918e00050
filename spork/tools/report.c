/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>

#include <hotbed/json.h>

static bool add_command(cJSON *root, const char *const *command)
{
	cJSON *list = cJSON_AddArrayToObject(root, "command");

	for (; list && *command; command++) {
		cJSON *text = cJSON_CreateString(*command);

		if (!text || !cJSON_AddItemToArray(list, text))
			return false;
	}
	return list != NULL;
}

static bool add_status(cJSON *root, int status)
{
	if (WIFSIGNALED(status))
		return hb_json_add_i64(root, "signal", WTERMSIG(status)) == 0;
	return hb_json_add_i64(root, "exit_status", WEXITSTATUS(status)) == 0;
}

static bool add_totals(cJSON *root, const struct spork_statistics *statistics)
{
	uint64_t forks = 0, converted = 0, executed = 0;

	for (int i = 0; i < SPORK_REASON_COUNT; i++) {
		forks += statistics->reasons[i];
		executed += statistics->executed[i];
		if (i <= SPORK_CONVERTED_SHARED)
			converted += statistics->reasons[i];
	}
	return !hb_json_add_u64(root, "forks", forks) &&
	       !hb_json_add_u64(root, "converted", converted) &&
	       !hb_json_add_u64(root, "exec_forks", converted + executed);
}

static bool add_counts(cJSON *root, const struct spork_statistics *statistics)
{
	cJSON *reasons = cJSON_AddObjectToObject(root, "reasons");
	cJSON *executed = cJSON_AddObjectToObject(root, "executed");
	cJSON *notices = cJSON_AddObjectToObject(root, "notices");
	cJSON *syscalls = cJSON_AddObjectToObject(root, "syscalls");
	bool good = reasons && executed && notices && syscalls;

	for (int i = 0; good && i < SPORK_REASON_COUNT; i++) {
		if (statistics->reasons[i])
			good = !hb_json_add_u64(reasons, spork_reason_name((enum spork_reason)i),
				statistics->reasons[i]);
		if (good && statistics->executed[i])
			good = !hb_json_add_u64(executed, spork_reason_name((enum spork_reason)i),
				statistics->executed[i]);
	}
	for (int i = 0; good && i < SPORK_NOTICE_COUNT; i++) {
		if (statistics->notices[i])
			good = !hb_json_add_u64(notices, spork_notice_name((enum spork_notice)i),
				statistics->notices[i]);
	}
	for (int i = 0; good && i < SPORK_STATISTICS_SYSCALLS; i++) {
		char number[16];

		(void)snprintf(number, sizeof(number), "%d", i);
		if (statistics->syscalls[i])
			good = !hb_json_add_u64(syscalls, number, statistics->syscalls[i]);
	}
	return good;
}

static bool add_site(cJSON *list, const struct spork_site_count *site)
{
	cJSON *item = cJSON_CreateObject();
	char label[SPORK_SITE_LABEL_BYTES], detail[SPORK_SITE_DETAIL_BYTES];

	(void)snprintf(label, sizeof(label), "%.*s", SPORK_SITE_LABEL_BYTES - 1, site->label);
	(void)snprintf(detail, sizeof(detail), "%.*s", SPORK_SITE_DETAIL_BYTES - 1, site->detail);
	if (!item || hb_json_add_text(item, "site", label) ||
		hb_json_add_u64(item, "forks", site->attempts) ||
		hb_json_add_u64(item, "converted", site->converted) ||
		hb_json_add_u64(item, "exec_forks", site->converted + site->executed) ||
		hb_json_add_text(
			item, "last", spork_reason_name((enum spork_reason)site->last_reason)) ||
		(site->detail[0] && hb_json_add_text(item, "detail", detail)) ||
		!cJSON_AddItemToArray(list, item)) {
		cJSON_Delete(item);
		return false;
	}
	return true;
}

static bool add_sites(cJSON *root, const struct spork_statistics *statistics)
{
	cJSON *list = cJSON_AddArrayToObject(root, "sites");

	for (int i = 0; list && i < SPORK_STATISTICS_SITES; i++) {
		if (statistics->sites[i].state == 2 && !add_site(list, &statistics->sites[i]))
			return false;
	}
	return list && !hb_json_add_u64(root, "sites_lost", statistics->sites_lost);
}

cJSON *report_json(const struct spork_statistics *statistics, const struct report_head *head)
{
	cJSON *root = cJSON_CreateObject();

	if (root && !hb_json_add_text(root, "schema", "spork.stats/1") &&
		add_command(root, head->command) && !hb_json_add_text(root, "mode", head->mode) &&
		!hb_json_add_u64(root, "min_rss_bytes", head->min_rss) &&
		!hb_json_add_text(root, "program", head->program) &&
		add_status(root, head->status) &&
		!hb_json_add_u64(root, "processes", statistics->processes) &&
		add_totals(root, statistics) && add_counts(root, statistics) &&
		add_sites(root, statistics))
		return root;
	cJSON_Delete(root);
	return NULL;
}
