/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/rng.h>

#include "seed.h"

/* A folder of this test alone; paths in it; removed with what the test left there. */
static char folder[] = "/tmp/hotbed-test-json-XXXXXX";

static void folder_create(void)
{
	cr_assert_not_null(mkdtemp(folder));
}

static const char *in_folder(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* Number of entries; removes them all when @remove is set. */
static int folder_entries(int remove)
{
	DIR *listing = opendir(folder);
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(listing))) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		if (remove)
			(void)unlinkat(dirfd(listing), entry->d_name, 0);
	}
	(void)closedir(listing);
	return count;
}

static void folder_remove(void)
{
	(void)folder_entries(1);
	cr_assert_eq(rmdir(folder), 0);
}

static cJSON *parse(const char *text)
{
	cJSON *json = NULL;

	cr_assert_eq(hb_json_parse(text, strlen(text), "t.json", &json, NULL), 0, "%s", text);
	return json;
}

Test(json, integers_of_64_bits_and_doubles_survive_the_round_trip)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 0);
	for (int i = 0; i < 20000; i++) {
		uint64_t u = i == 0 ? UINT64_MAX : i == 1 ? 0 : hb_rng_u64(&rng) >> (i % 64);
		int64_t s = i == 0 ? INT64_MIN : (int64_t)hb_rng_u64(&rng) >> (i % 64);
		double d = i == 0 ? -INFINITY : ldexp(hb_rng_normal(&rng), i % 2000 - 1000);
		cJSON *json = cJSON_CreateObject();
		uint64_t u_back = 1;
		int64_t s_back = 1;
		double d_back = 1;
		char *text;

		cr_assert_eq(hb_json_add_u64(json, "u", u), 0);
		cr_assert_eq(hb_json_add_i64(json, "s", s), 0);
		cr_assert_eq(hb_json_add_double(json, "d", d), 0);
		text = cJSON_PrintUnformatted(json);
		cJSON_Delete(json);
		json = parse(text);
		cJSON_free(text);
		cr_assert_eq(hb_json_get_u64(json, "u", &u_back, NULL), 0);
		cr_assert_eq(hb_json_get_i64(json, "s", &s_back, NULL), 0);
		cr_assert_eq(hb_json_get_double(json, "d", &d_back, NULL), 0);
		cr_assert(u_back == u && s_back == s && d_back == d);
		cJSON_Delete(json);
	}
}

Test(json, plain_numbers_are_taken_only_while_they_are_exact)
{
	cJSON *json =
		parse("{\"a\": 12, \"b\": -3, \"c\": 1.5, \"d\": 9007199254740993, \"e\": 1e400, "
		      "\"f\": 9007199254740991}");
	uint64_t u = 7;
	int64_t i = 7;
	double d = 7;

	cr_assert_eq(hb_json_get_u64(json, "a", &u, NULL), 0);
	cr_assert_eq(u, 12);
	cr_assert_eq(hb_json_get_i64(json, "b", &i, NULL), 0);
	cr_assert_eq(i, -3);
	cr_assert_eq(hb_json_get_double(json, "c", &d, NULL), 0);
	cr_assert_eq(d, 1.5);
	cr_assert_eq(hb_json_get_u64(json, "b", &u, NULL), -EBADMSG);
	cr_assert_eq(hb_json_get_i64(json, "c", &i, NULL), -EBADMSG);
	/* 2^53 + 1 has become 2^53 in the parser: passing it on would be a silent change. */
	cr_assert_eq(hb_json_get_u64(json, "d", &u, NULL), -EBADMSG);
	cr_assert_eq(hb_json_get_i64(json, "d", &i, NULL), -EBADMSG);
	cr_assert_eq(hb_json_get_double(json, "d", &d, NULL), -EBADMSG);
	cr_assert_eq(hb_json_get_double(json, "e", &d, NULL), -EBADMSG);
	cr_assert(u == 12 && i == -3 && d == 1.5, "outputs stay untouched");
	cr_assert_eq(hb_json_get_u64(json, "f", &u, NULL), 0);
	cr_assert_eq(u, 9007199254740991u);
	cJSON_Delete(json);
}

Test(json, look_ups_name_the_key_and_what_is_wrong)
{
	cJSON *json = parse(
		"{\"text\": \"x\", \"list\": [], \"map\": {}, \"flag\": true, \"none\": null}");
	struct hb_error error = {0};
	const char *text = NULL;
	bool flag = false;
	cJSON *item = NULL;
	uint64_t u;

	cr_assert_eq(hb_json_get_text(json, "text", &text, &error), 0);
	cr_assert_str_eq(text, "x");
	cr_assert_eq(hb_json_get_array(json, "list", &item, &error), 0);
	cr_assert_eq(hb_json_get_object(json, "map", &item, &error), 0);
	cr_assert_eq(hb_json_get_bool(json, "flag", &flag, &error), 0);
	cr_assert(flag);
	cr_assert_eq(error.code, 0);
	cr_assert_eq(hb_json_get_text(json, "absent", &text, &error), -ENOENT);
	cr_assert_str_eq(error.text, "absent: is missing");
	cr_assert_eq(hb_json_get_text(json, "Text", &text, &error), -ENOENT, "keys have case");
	cr_assert_eq(hb_json_get_text(json, "list", &text, &error), -EBADMSG);
	cr_assert_str_eq(error.text, "list: must be a string");
	cr_assert_eq(hb_json_get_array(json, "map", &item, &error), -EBADMSG);
	cr_assert_eq(hb_json_get_object(json, "list", &item, &error), -EBADMSG);
	cr_assert_eq(hb_json_get_bool(json, "none", &flag, &error), -EBADMSG);
	cr_assert_eq(hb_json_get_u64(json, "text", &u, &error), -EBADMSG);
	cr_assert_eq(strncmp(error.text, "text: ", 6), 0);
	cr_assert_eq(hb_json_get_u64(item, "x", &u, &error), -ENOENT);
	cr_assert_eq(hb_json_get_u64(NULL, "x", &u, &error), -EBADMSG);
	cr_assert_str_eq(hb_json_text_or(json, "text", "y"), "x");
	cr_assert_str_eq(hb_json_text_or(json, "flag", "y"), "y");
	cr_assert_str_eq(hb_json_text_or(NULL, "flag", "y"), "y");
	cJSON_Delete(json);
}

Test(json, added_texts_may_be_null)
{
	cJSON *json = cJSON_CreateObject();

	cr_assert_eq(hb_json_add_text(json, "a", NULL), 0);
	cr_assert_eq(hb_json_add_bool(json, "b", false), 0);
	cr_assert_str_eq(hb_json_text_or(json, "a", "x"), "");
	cr_assert(cJSON_IsFalse(cJSON_GetObjectItem(json, "b")));
	cJSON_Delete(json);
}

Test(json, malformed_texts_are_refused_with_their_line)
{
	static const struct {
		const char *text;
		int line;
	} cases[] = {
		{"", 1},
		{"{\n\"a\": 1,\n}", 3},
		{"[1,\n2\n", 2},
		{"{}\n\nx", 3},
		{"nul", 1},
		{"{\"a\" 1}", 1},
		{"\"open", 1},
		{"{\"1\":1,", 1},
		{"[", 1},
		{"{\"k\"", 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hb_error error = {0};
		cJSON *json = NULL;
		size_t length = strlen(cases[i].text);
		/* An exact copy, so that a sanitizer sees a look behind the end. */
		char *copy = malloc(length ? length : 1);

		memcpy(copy, cases[i].text, length);
		cr_assert_eq(
			hb_json_parse(copy, length, "t.json", &json, &error), -EBADMSG, "%zu", i);
		cr_assert_null(json);
		cr_assert_eq(error.line, cases[i].line, "%zu: %d", i, error.line);
		cr_assert_str_eq(error.path, "t.json");
		free(copy);
	}
}

Test(json, zeros_behind_the_text_are_damage)
{
	cJSON *json = NULL;

	cr_assert_eq(hb_json_parse("{}\0\0\0", 5, "t", &json, NULL), -EBADMSG);
	cr_assert_eq(hb_json_parse("{} \r\n\t", 6, "t", &json, NULL), 0);
	cJSON_Delete(json);
}

Test(json, depth_is_bounded)
{
	static char text[200001];
	cJSON *json = NULL;

	memset(text, '[', 100000);
	memset(text + 100000, ']', 100000);
	cr_assert_eq(hb_json_parse(text, 200000, "t", &json, NULL), -EBADMSG);
	cr_assert_eq(hb_json_parse(text + 100000 - 900, 1800, "t", &json, NULL), 0);
	cJSON_Delete(json);
}

Test(json, too_long_a_text_is_refused_before_it_is_copied)
{
	cJSON *json = NULL;

	cr_assert_eq(hb_json_parse("{}", ((size_t)1 << 30) + 1, "t", &json, NULL), -E2BIG);
}

Test(json_file, written_files_read_back_and_replace_old_ones, .init = folder_create,
	.fini = folder_remove)
{
	const char *path = in_folder("x.json");
	char text[64] = "";
	cJSON *json = NULL;
	int fd;

	for (int i = 0; i < 3; i++) {
		json = cJSON_CreateObject();
		cr_assert_eq(hb_json_add_u64(json, "i", (uint64_t)i), 0);
		cr_assert_eq(hb_json_write_file(path, json, NULL), 0);
		cJSON_Delete(json);
		json = NULL;
	}
	cr_assert_eq(hb_json_read_file(path, 0, &json, NULL), 0);
	cr_assert_str_eq(hb_json_text_or(json, "i", ""), "2");
	cJSON_Delete(json);
	cr_assert_eq(folder_entries(0), 1, "no temporary file is left");
	fd = open(path, O_RDONLY);
	cr_assert(read(fd, text, sizeof(text) - 1) > 0);
	cr_assert_eq(text[strlen(text) - 1], '\n');
	(void)close(fd);
}

Test(json_file, relative_paths_without_a_slash_work, .init = folder_create, .fini = folder_remove)
{
	cr_assert_eq(chdir(folder), 0);
	cr_assert_eq(hb_json_write_bytes_file("bytes", "a\0b", 3, NULL), 0);
	cr_assert_eq(folder_entries(0), 1);
	cr_assert_eq(chdir("/"), 0);
}

Test(json_file, failures_leave_the_old_state, .init = folder_create, .fini = folder_remove)
{
	struct hb_error error = {0};
	char target[256];

	(void)snprintf(target, sizeof(target), "%s", in_folder("folder"));
	cr_assert_eq(mkdir(target, 0755), 0);
	cr_assert_eq(hb_json_write_bytes_file(target, "x", 1, &error), -EISDIR);
	cr_assert_str_eq(error.path, target);
	cr_assert_eq(folder_entries(0), 1, "the temporary file is gone");
	cr_assert_eq(rmdir(target), 0);
	cr_assert_eq(hb_json_write_bytes_file(in_folder("no/such"), "x", 1, &error), -ENOENT);
	cr_assert_eq(hb_json_write_bytes_file("/dev/full/x", "x", 1, &error), -ENOTDIR);
	cr_assert_eq(folder_entries(0), 0);
}

Test(json_file, devices_pipes_and_links_are_written_into_and_stay, .init = folder_create,
	.fini = folder_remove)
{
	char target[256], link[256], text[8] = "";
	struct stat info;
	int fd;

	(void)snprintf(target, sizeof(target), "%s", in_folder("target"));
	(void)snprintf(link, sizeof(link), "%s", in_folder("link"));
	cr_assert_eq(hb_json_write_bytes_file(target, "older", 5, NULL), 0);
	cr_assert_eq(symlink("target", link), 0);
	cr_assert_eq(hb_json_write_bytes_file(link, "new", 3, NULL), 0);
	cr_assert_eq(lstat(link, &info), 0);
	cr_assert(S_ISLNK(info.st_mode));
	fd = open(target, O_RDONLY);
	cr_assert_eq(read(fd, text, sizeof(text)), 3);
	cr_assert_eq(memcmp(text, "new", 3), 0);
	(void)close(fd);
	cr_assert_eq(mkfifo(in_folder("fifo"), 0600), 0);
	fd = open(in_folder("fifo"), O_RDWR);
	cr_assert(fd >= 0);
	cr_assert_eq(hb_json_write_bytes_file(in_folder("fifo"), "piped", 5, NULL), 0);
	cr_assert_eq(read(fd, text, sizeof(text)), 5);
	cr_assert_eq(lstat(in_folder("fifo"), &info), 0);
	cr_assert(S_ISFIFO(info.st_mode));
	(void)close(fd);
	/* Through a link of our own: should this ever fail, it must not cost the machine its device. */
	cr_assert_eq(symlink("/dev/full", in_folder("full")), 0);
	cr_assert_eq(hb_json_write_bytes_file(in_folder("full"), "x", 1, NULL), -ENOSPC);
	cr_assert_eq(lstat(in_folder("full"), &info), 0);
	cr_assert(S_ISLNK(info.st_mode));
}

Test(json_file, a_leftover_of_an_earlier_crash_is_no_obstacle, .init = folder_create,
	.fini = folder_remove)
{
	char leftover[300];
	int fd;

	(void)snprintf(leftover, sizeof(leftover), "%s.tmp-%ld-0", in_folder("x"), (long)getpid());
	fd = open(leftover, O_CREAT | O_WRONLY, 0600);
	cr_assert(fd >= 0);
	(void)close(fd);
	cr_assert_eq(hb_json_write_bytes_file(in_folder("x"), "1", 1, NULL), 0);
	cr_assert_eq(folder_entries(0), 2);
}

Test(json_file, what_is_no_regular_file_or_too_large_is_refused, .init = folder_create,
	.fini = folder_remove)
{
	struct hb_error error = {0};
	cJSON *json = NULL;

	cr_assert_eq(hb_json_read_file(in_folder("absent"), 0, &json, &error), -ENOENT);
	cr_assert(strstr(error.text, "No such file"));
	cr_assert_eq(hb_json_read_file(folder, 0, &json, &error), -EISDIR);
	cr_assert_eq(mkfifo(in_folder("fifo"), 0600), 0);
	cr_assert_eq(hb_json_read_file(in_folder("fifo"), 0, &json, &error), -EINVAL);
	cr_assert_eq(hb_json_write_bytes_file(in_folder("x"), "[1, 2]", 6, NULL), 0);
	cr_assert_eq(hb_json_read_file(in_folder("x"), 5, &json, &error), -E2BIG);
	cr_assert_eq(hb_json_read_file(in_folder("x"), 6, &json, &error), 0);
	cJSON_Delete(json);
}
