/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One measurement at a time: a lock for the whole machine, held while wall-time trials run, by whichever user. It is
 * a flock() on an empty file in a folder that everybody may write to; the kernel knows the holder (/proc/locks) and
 * gives it up with the process, so nothing stale can remain. Not thread-safe. Source: flock(2), proc(5),
 * fs.protected_regular.
 */
#ifndef HOTBED_RUNNER_LOCK_H
#define HOTBED_RUNNER_LOCK_H

struct hb_error;

/*
 * hb_lock_machine - try to get the machine's lock.
 * @ret_fd: the lock; closing it gives it up. @reterr: who has it, when it is taken.
 *
 * Returns 0, -EBUSY, or -errno when the lock file cannot be used. Never blocks.
 */
int hb_lock_machine(int *ret_fd, struct hb_error *reterr);

/*
 * hb_lock_holder - who holds the flock of @fd's file: "process 123 of alice (hotbed run ...)", or "another process".
 * @buffer: HB_LOCK_HOLDER_BYTES bytes. Returns @buffer.
 */
#define HB_LOCK_HOLDER_BYTES 256
char *hb_lock_holder(int fd, char *buffer);

#endif
