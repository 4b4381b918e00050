/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifest.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/json.h>

#include "capture.h"
#include "plan_limits.h"

#define DESCRIBE_MS 10000
#define POINTS_MS 60000
/* Tables are a few KiB; a million points are 70 MiB. */
#define DESCRIBE_BYTES_MAX ((size_t)16 << 20)
#define POINTS_BYTES_MAX ((size_t)256 << 20)

/* Run a driver and parse what it prints; a refusal (exit 2) is -EINVAL with the driver's own words. */
static int ask(const char *const *argv, int64_t timeout_ms, size_t bytes_max, const char *schema,
	cJSON **ret, struct hb_error *reterr)
{
	struct hb_capture answer;
	cJSON *json;
	const char *got;
	int error = hb_capture(argv, timeout_ms, bytes_max, &answer, reterr);

	if (error)
		return error;
	if (answer.status < 0)
		error = hb_error_set_at(reterr, -EBADMSG, argv[0], 0, "%s: killed by SIG%s%s%s",
			argv[1], sigabbrev_np(-answer.status), *answer.error_line ? ": " : "",
			answer.error_line);
	else if (answer.status > 0)
		error = hb_error_set_at(reterr, answer.status == 2 ? -EINVAL : -EBADMSG, argv[0], 0,
			"%s: exit code %d%s%s", argv[1], answer.status,
			*answer.error_line ? ": " : "", answer.error_line);
	if (!error)
		error = hb_json_parse(answer.output, answer.output_bytes, argv[0], &json, reterr);
	free(answer.output);
	if (error)
		return error;
	got = hb_json_text_or(json, "schema", "");
	if (strcmp(got, schema) != 0) {
		error = hb_error_set_at(reterr, -EBADMSG, argv[0], 0,
			"%s: the answer's schema is '%.40s', not %s; rebuild it", argv[1], got,
			schema);
		cJSON_Delete(json);
		return error;
	}
	*ret = json;
	return 0;
}

static void describe(struct hb_manifest_driver *driver)
{
	const char *const argv[] = {driver->path, "--describe", NULL};
	struct hb_error fault = {0};
	cJSON *json, *experiments;
	int error = ask(argv, DESCRIBE_MS, DESCRIBE_BYTES_MAX, "hotbed.describe/1", &json, &fault);

	if (!error) {
		error = hb_json_get_text(json, "subproject", &driver->subproject, &fault);
		if (!error)
			error = hb_json_get_array(json, "experiments", &experiments, &fault);
		if (error)
			cJSON_Delete(json);
	}
	if (error) {
		char line[HB_ERROR_TEXT_BYTES + HB_ERROR_PATH_BYTES];

		driver->subproject = driver->name;
		driver->fault = strdup(hb_error_format(&fault, line, sizeof(line)));
		return;
	}
	driver->describe = json;
}

static int add_driver(
	struct hb_manifest *manifest, const char *folder, const char *path, struct hb_error *reterr)
{
	struct hb_manifest_driver *driver = &manifest->drivers[manifest->count];
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (asprintf(&driver->path, "%s%s%s", *path == '/' ? "" : folder, *path == '/' ? "" : "/",
		    path) < 0) {
		driver->path = NULL;
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	}
	manifest->count++;
	driver->name = strdup(!strncmp(name, "hotbed-", 7) ? name + 7 : name);
	if (!driver->name)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	describe(driver);
	return 0;
}

static int add_drivers(
	struct hb_manifest *manifest, const char *file, const cJSON *json, struct hb_error *reterr)
{
	char folder[PATH_MAX];
	cJSON *array, *item;
	int error = hb_json_get_array(json, "drivers", &array, reterr);

	if (error)
		return error;
	if (!realpath(file, folder))
		return hb_error_set(reterr, -errno, "%s", strerror(errno));
	*strrchr(folder, '/') = '\0';
	int count = cJSON_GetArraySize(array);

	if (count > HB_PLAN_DRIVERS_MAX / 2)
		return hb_error_set(reterr, -EBADMSG, "%d drivers are too many", count);
	manifest->drivers = calloc((size_t)count + 1, sizeof(*manifest->drivers));
	if (!manifest->drivers)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, array)
	{
		if (!cJSON_IsString(item) || !*item->valuestring)
			return hb_error_set(reterr, -EBADMSG, "drivers: paths are expected");
		error = add_driver(manifest, folder, item->valuestring, reterr);
		if (error)
			return error;
	}
	return 0;
}

int hb_manifest_load(const char *path, struct hb_manifest *ret, struct hb_error *reterr)
{
	char file[PATH_MAX];
	struct stat info;
	struct hb_manifest manifest = {0};
	struct hb_error fault = {0};
	const char *schema;
	cJSON *json;

	hb_assert(path);
	bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
	int length = snprintf(file, sizeof(file), "%s%s", path, folder ? "/drivers.json" : "");

	if (length < 0 || (size_t)length >= sizeof(file))
		return hb_error_set_at(reterr, -ENAMETOOLONG, path, 0, "the path is too long");
	int error = hb_json_read_file(file, 1 << 20, &json, &fault);

	if (error == -ENOENT)
		return hb_error_set_at(
			reterr, error, file, 0, "no list of drivers; build first: ./hotbed build");
	if (error) {
		if (reterr)
			*reterr = fault;
		return error;
	}
	error = hb_json_get_text(json, "schema", &schema, &fault);
	if (!error && strcmp(schema, "hotbed.drivers/1") != 0)
		error = hb_error_set(&fault, -EBADMSG, "schema '%.40s' is not known", schema);
	if (!error)
		error = add_drivers(&manifest, file, json, &fault);
	cJSON_Delete(json);
	if (error) {
		hb_manifest_finish(&manifest);
		return hb_error_set_at(
			reterr, error == -ENOENT ? -EBADMSG : error, file, 0, "%s", fault.text);
	}
	*ret = manifest;
	return 0;
}

void hb_manifest_finish(struct hb_manifest *manifest)
{
	for (size_t i = 0; i < manifest->count; i++) {
		free(manifest->drivers[i].path);
		free(manifest->drivers[i].fault);
		free(manifest->drivers[i].name);
		cJSON_Delete(manifest->drivers[i].describe);
	}
	free(manifest->drivers);
	*manifest = (struct hb_manifest){0};
}

const struct hb_manifest_driver *hb_manifest_find(
	const struct hb_manifest *manifest, const char *subproject)
{
	for (size_t i = 0; i < manifest->count; i++)
		if (!strcmp(manifest->drivers[i].subproject, subproject))
			return &manifest->drivers[i];
	return NULL;
}

static int check_points(const cJSON *points, struct hb_error *reterr)
{
	const cJSON *item;
	size_t count = 0;

	cJSON_ArrayForEach(item, points)
	{
		const char *params;
		uint64_t value;
		int error = hb_json_get_text(item, "params", &params, reterr);

		if (!error)
			error = hb_json_get_u64(item, "memory_bytes", &value, reterr);
		if (!error)
			error = hb_json_get_u64(item, "trial_ms", &value, reterr);
		if (!error && (value > HB_PLAN_TRIAL_MS_MAX || !hb_plan_params_valid(params)))
			error = hb_error_set(reterr, -EBADMSG, "'%.80s' is no valid point", params);
		if (!error && ++count > HB_PLAN_POINTS_MAX)
			error = hb_error_set(reterr, -E2BIG,
				"more than %d points; narrow the sweep with --set",
				HB_PLAN_POINTS_MAX);
		if (error)
			return error;
	}
	return 0;
}

int hb_manifest_points(const struct hb_manifest_driver *driver, const char *experiment,
	const char *sweep, const char *set, cJSON **ret, struct hb_error *reterr)
{
	const char *const argv[] = {driver->path, "--points", experiment, "--sweep", sweep,
		set ? "--set" : NULL, set, NULL};
	struct hb_error fault = {0};
	cJSON *json, *points;
	int error = ask(argv, POINTS_MS, POINTS_BYTES_MAX, "hotbed.points/1", &json, reterr);

	if (error)
		return error;
	error = hb_json_get_array(json, "points", &points, &fault);
	if (!error)
		error = check_points(points, &fault);
	if (error) {
		cJSON_Delete(json);
		return hb_error_set_at(reterr, error == -ENOENT ? -EBADMSG : error, driver->path, 0,
			"--points %s: %s", experiment, fault.text);
	}
	*ret = cJSON_DetachItemViaPointer(json, points);
	cJSON_Delete(json);
	return 0;
}
