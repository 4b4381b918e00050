/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a run ran on: the machine, its settings and the build, as env.json and as three short ids for the CSV. Facts
 * that change from one moment to the next (load, free memory, clock speed) are left out, so that the same machine with
 * the same settings always gives the same ids. Nothing that identifies a person is recorded; the host's name only as a
 * hash.
 *
 * Thread-safe. Linux: reads /proc and /sys, where a missing file becomes an empty value. Source of the selection:
 * pyperf.
 */
#ifndef HOTBED_RUNNER_ENV_H
#define HOTBED_RUNNER_ENV_H

#include <cjson/cJSON.h>

struct hb_error;

/* Each 12 lower-case hex digits. */
struct hb_env {
	char host_id[13];  /* CPU model and number, memory in GiB, virtualisation */
	char env_id[13];   /* everything in env.json but the build */
	char build_id[13]; /* compiler, flags and the drivers' bytes */
};

/*
 * hb_env_collect - describe machine, settings and build.
 * @driver_paths: the drivers whose bytes make the build_id, NULL-terminated, in any order.
 * @ret_json: the content of env.json, freed by the caller; may be NULL. @ret: the ids, also members of the JSON.
 *
 * Returns 0, -ENOENT or another -errno if a driver cannot be read (its path in @reterr) or -ENOMEM. Blocks on the disk;
 * about 10 ms, at most a second longer if git hangs.
 */
int hb_env_collect(const char *const *driver_paths, cJSON **ret_json, struct hb_env *ret,
	struct hb_error *reterr);

#endif
