/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The drivers of a build and what they say about themselves. The build writes drivers.json, whose paths are relative to
 * the folder it stands in; each driver is then asked with --describe and --points (docs/reference/formats.md).
 * A driver that does not answer is kept with its fault, so that the others can still be used. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_MANIFEST_H
#define HOTBED_RUNNER_MANIFEST_H

#include <stddef.h>

#include <cjson/cJSON.h>

struct hb_error;

struct hb_manifest_driver {
	char *path;             /* absolute */
	cJSON *describe;        /* hotbed.describe/1; NULL = see @fault */
	const char *subproject; /* owned by @describe; from the file's name if that is NULL */
	char *fault;            /* why it could not be asked; NULL = nothing */
	char *name;             /* file name without "hotbed-" */
};

struct hb_manifest {
	struct hb_manifest_driver *drivers;
	size_t count;
};

/*
 * hb_manifest_load - read drivers.json and ask every driver.
 * @path: the file, or the build folder that holds drivers.json. @ret: freed by hb_manifest_finish().
 *
 * Returns 0 (an empty manifest too), -ENOENT, -EBADMSG or -ENOMEM. Blocks at most 10 s per driver.
 */
int hb_manifest_load(const char *path, struct hb_manifest *ret, struct hb_error *reterr);

void hb_manifest_finish(struct hb_manifest *manifest);

/* hb_manifest_find - the driver of @subproject, or NULL. */
const struct hb_manifest_driver *hb_manifest_find(
	const struct hb_manifest *manifest, const char *subproject);

/*
 * hb_manifest_points - the points of an experiment.
 * @sweep: "quick", "default" or "full". @set: "k=v,v2,k2=v", or NULL.
 * @ret: the array "points" of hotbed.points/1, each entry checked; freed by the caller.
 *
 * Returns 0, -EINVAL (the driver refused @set; its words in @reterr), -EBADMSG or another -errno. Blocks at most 60 s.
 */
int hb_manifest_points(const struct hb_manifest_driver *driver, const char *experiment,
	const char *sweep, const char *set, cJSON **ret, struct hb_error *reterr);

#endif
