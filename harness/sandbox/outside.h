/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The caller's side of a sandbox: checks of what the caller asks for, the request's layout, and the reading of
 * listings.
 */
#ifndef SANDBOX_OUTSIDE_H
#define SANDBOX_OUTSIDE_H

#include <stddef.h>

#include "inside.h"

struct hb_error;

/* The id of a caller that is root, on the host: nobody. */
#define NOBODY 65534

/* spec_check, command_check - refuse what makes no sense, with the entry at fault in @reterr. Return 0 or -EINVAL. */
int spec_check(const struct hb_sandbox_spec *spec, struct hb_error *reterr);
int command_check(const struct hb_sandbox_command *command, struct hb_error *reterr);

/* spec_copy, spec_finish - a copy in one piece of the heap, whose pointers go into it. */
struct hb_sandbox_spec *spec_copy(const struct hb_sandbox_spec *spec);

/* limits_complete - @limits with a default in place of each 0. */
struct hb_sandbox_limits limits_complete(const struct hb_sandbox_limits *limits);

/* request_write - @command in a new memory file. Returns its descriptor or -errno. */
int request_write(const struct hb_sandbox_command *command);

/* fault_describe - turn what PID 1 reported into code and text. Returns the code. */
int fault_describe(const struct fault *fault, const struct hb_sandbox_spec *spec,
	const struct hb_sandbox_command *command, struct hb_error *reterr);

/* listing_read - canaries and changes from the reply's memory file into @ret. Returns 0 or -errno. */
int listing_read(int fd, const struct hb_sandbox_spec *spec,
	const struct hb_sandbox_command *command, struct hb_sandbox_result *ret);

/*
 * mapped_open - a detached read-only mount of the folder or file @path (what is mounted below it is left out), on
 * which the files of its owner appear as nobody's. Returns a descriptor, or -errno, also where the kernel or the file
 * system cannot do it.
 */
int mapped_open(const char *path);

/* map_write - write @text to /proc/@pid/@name. Returns 0 or -errno. */
int map_write(pid_t pid, const char *name, const char *text);

#endif
