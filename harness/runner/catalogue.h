/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The experiments of a build as one flat list, and choosing from it by what a user typed: SUB or SUB/EXPERIMENT.
 * Not thread-safe.
 */
#ifndef HOTBED_RUNNER_CATALOGUE_H
#define HOTBED_RUNNER_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manifest.h"

struct hb_error;

struct hb_catalogue_entry {
	const struct hb_manifest_driver *driver;
	const cJSON *describe; /* the experiment's member of the driver's description */
	const char *experiment;
	char *name; /* "SUB/EXPERIMENT" */
	bool selected;
};

struct hb_catalogue {
	struct hb_manifest manifest;
	struct hb_catalogue_entry *entries; /* in the order of the manifest and its tables */
	size_t count;
};

/*
 * hb_catalogue_load - ask every driver of the build at @build_root. @ret: freed by hb_catalogue_finish().
 * A driver that does not answer has no entries; its fault stays in the manifest.
 *
 * Returns 0 or what hb_manifest_load() returns. Blocks as that does.
 */
int hb_catalogue_load(const char *build_root, struct hb_catalogue *ret, struct hb_error *reterr);

void hb_catalogue_finish(struct hb_catalogue *catalogue);

/*
 * hb_catalogue_select - mark the entries that @operands (NULL-terminated) name; none at all marks every entry.
 *
 * Returns 0, -EINVAL (unknown name, with a suggestion; a driver that does not answer) or -ENOMEM.
 */
int hb_catalogue_select(
	struct hb_catalogue *catalogue, const char *const *operands, struct hb_error *reterr);

/* What running an entry takes. */
struct hb_estimate {
	size_t points, blocks, trials;
	uint64_t time_ms;      /* of all trials one after another */
	uint64_t memory_bytes; /* of the largest point */
};

/*
 * hb_catalogue_estimate - ask the driver for the points of @entry and add up.
 * @sweep: "quick", "default" or "full". Returns 0 or what hb_manifest_points() returns. Blocks as that does.
 */
int hb_catalogue_estimate(const struct hb_catalogue_entry *entry, const char *sweep,
	struct hb_estimate *ret, struct hb_error *reterr);

/* hb_estimate_format - "12 s", "5 min", "1 h 20 min" into @buffer of 32 bytes. Returns @buffer. */
char *hb_estimate_format(uint64_t time_ms, char *buffer);

#endif
