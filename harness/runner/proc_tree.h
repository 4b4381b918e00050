/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which processes descend from which, read from /proc. What it returns is a moment's view: processes come and go while
 * it is read. Linux only; without CONFIG_PROC_CHILDREN all of /proc is read. Thread-safe. Source: proc(5).
 */
#ifndef HOTBED_RUNNER_PROC_TREE_H
#define HOTBED_RUNNER_PROC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* hb_proc_children - children of @pid, zombies included. @ret: shape [max]. Returns how many were stored. */
size_t hb_proc_children(pid_t pid, pid_t *ret, size_t max);

/*
 * hb_proc_tree_rss - resident bytes of all descendants of @pid, without @pid itself; shared pages count each time.
 * Looks at 4,096 processes at most.
 */
uint64_t hb_proc_tree_rss(pid_t pid);

/* hb_proc_has_environment - was @pid started with the variable @assignment ("KEY=value")? Zombies: false. */
bool hb_proc_has_environment(pid_t pid, const char *assignment);

#endif
