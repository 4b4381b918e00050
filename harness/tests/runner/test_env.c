/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#include "env.h"

static char driver_a[] = "/tmp/hotbed-driver-a-XXXXXX";
static char driver_b[] = "/tmp/hotbed-driver-b-XXXXXX";

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	cr_assert(file);
	fputs(text, file);
	cr_assert_eq(fclose(file), 0);
}

static void make_drivers(void)
{
	int a = mkstemp(driver_a), b = mkstemp(driver_b);

	cr_assert(a >= 0 && b >= 0);
	close(a);
	close(b);
	write_file(driver_a, "first driver");
	write_file(driver_b, "second driver");
}

static void remove_drivers(void)
{
	(void)unlink(driver_a);
	(void)unlink(driver_b);
}

static void expect_id(const char *id)
{
	cr_assert_eq(strlen(id), 12, "'%s'", id);
	for (const char *at = id; *at; at++)
		cr_assert(isdigit((unsigned char)*at) || (*at >= 'a' && *at <= 'f'), "'%s'", id);
}

Test(env, ids_are_twelve_hex_digits_and_stand_in_the_json, .init = make_drivers,
	.fini = remove_drivers)
{
	const char *const paths[] = {driver_a, NULL};
	struct hb_error error = {0};
	struct hb_env env;
	cJSON *json = NULL;

	cr_assert_eq(hb_env_collect(paths, &json, &env, &error), 0, "%s", error.text);
	expect_id(env.host_id);
	expect_id(env.env_id);
	expect_id(env.build_id);
	cr_assert_str_eq(hb_json_text_or(json, "host_id", ""), env.host_id);
	cr_assert_str_eq(hb_json_text_or(json, "env_id", ""), env.env_id);
	cr_assert_str_eq(hb_json_text_or(json, "build_id", ""), env.build_id);
	cr_assert_str_eq(hb_json_text_or(json, "schema", ""), "hotbed.env/1");
	cJSON_Delete(json);
}

Test(env, collecting_twice_gives_the_same_bytes, .init = make_drivers, .fini = remove_drivers)
{
	const char *const paths[] = {driver_a, driver_b, NULL};
	struct hb_env first, second;
	cJSON *json[2] = {NULL, NULL};
	char *text[2];

	cr_assert_eq(hb_env_collect(paths, &json[0], &first, NULL), 0);
	cr_assert_eq(hb_env_collect(paths, &json[1], &second, NULL), 0);
	cr_assert_arr_eq(&first, &second, sizeof(first));
	for (int i = 0; i < 2; i++)
		text[i] = cJSON_Print(json[i]);
	cr_assert_str_eq(text[0], text[1]);
	for (int i = 0; i < 2; i++) {
		cJSON_free(text[i]);
		cJSON_Delete(json[i]);
	}
}

Test(env, the_build_id_follows_the_drivers_bytes_and_not_their_order, .init = make_drivers,
	.fini = remove_drivers)
{
	const char *const there[] = {driver_a, driver_b, NULL};
	const char *const back[] = {driver_b, driver_a, NULL};
	const char *const one[] = {driver_a, NULL};
	struct hb_env env[4];

	cr_assert_eq(hb_env_collect(there, NULL, &env[0], NULL), 0);
	cr_assert_eq(hb_env_collect(back, NULL, &env[1], NULL), 0);
	cr_assert_eq(hb_env_collect(one, NULL, &env[2], NULL), 0);
	write_file(driver_b, "second drivel");
	cr_assert_eq(hb_env_collect(there, NULL, &env[3], NULL), 0);
	cr_assert_str_eq(env[0].build_id, env[1].build_id);
	cr_assert_str_neq(env[0].build_id, env[2].build_id);
	cr_assert_str_neq(env[0].build_id, env[3].build_id);
	/* The machine is the same whatever was built on it. */
	cr_assert_str_eq(env[0].env_id, env[3].env_id);
	cr_assert_str_eq(env[0].host_id, env[3].host_id);
}

Test(env, a_missing_driver_is_named_and_leaves_the_outputs_alone)
{
	const char *const paths[] = {"/nonexistent/hotbed-ghost", NULL};
	struct hb_error error = {0};
	struct hb_env env = {.host_id = "untouched"};
	cJSON *json = NULL;

	cr_assert_eq(hb_env_collect(paths, &json, &env, &error), -ENOENT);
	cr_assert_str_eq(error.path, "/nonexistent/hotbed-ghost");
	cr_assert(strstr(error.text, "./hotbed build"), "%s", error.text);
	cr_assert_str_eq(env.host_id, "untouched");
	cr_assert_null(json);
}

Test(env, the_host_name_appears_only_as_a_hash)
{
	const char *const none[] = {NULL};
	char name[256] = "";
	struct hb_env env;
	cJSON *json = NULL;
	char *text;

	/* Short names occur inside other words by chance. */
	if (gethostname(name, sizeof(name) - 1) < 0 || strlen(name) < 6)
		cr_skip_test("the host's name is too short to look for");
	cr_assert_eq(hb_env_collect(none, &json, &env, NULL), 0);
	text = cJSON_Print(json);
	cr_assert_null(strstr(text, name));
	cJSON_free(text);
	cJSON_Delete(json);
}

Test(env, what_it_says_agrees_with_other_programs)
{
	const char *const none[] = {NULL};
	char release[256] = "";
	const cJSON *host, *cpu;
	struct hb_env env;
	cJSON *json = NULL;
	uint64_t count;
	FILE *file;

	cr_assert_eq(hb_env_collect(none, &json, &env, NULL), 0);
	host = cJSON_GetObjectItemCaseSensitive(json, "host");
	cpu = cJSON_GetObjectItemCaseSensitive(host, "cpu");
	cr_assert_eq(hb_json_get_u64(cpu, "count", &count, NULL), 0);
	cr_assert_eq(count, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	file = popen("uname -r", "r");
	cr_assert(file && fgets(release, sizeof(release), file));
	pclose(file);
	release[strcspn(release, "\n")] = '\0';
	cr_assert_str_eq(
		hb_json_text_or(cJSON_GetObjectItemCaseSensitive(json, "kernel"), "release", ""),
		release);
	cJSON_Delete(json);
}
