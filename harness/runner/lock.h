/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One measurement at a time: a lock for the whole machine, held while wall-time trials run, by whichever user. It is
 * a flock() on an empty file in each folder that everybody may write to; the kernel knows the holder (/proc/locks) and
 * gives it up with the process, so nothing stale can remain. Not thread-safe. Source: flock(2), proc(5),
 * fs.protected_regular.
 */
#ifndef HOTBED_RUNNER_LOCK_H
#define HOTBED_RUNNER_LOCK_H

struct hb_error;

#define HB_LOCK_FILES 2

/* Held while count > 0; zeroed to begin with. */
struct hb_lock {
	int fds[HB_LOCK_FILES];
	int count;
};

/*
 * hb_lock_machine - try to get the machine's lock.
 * @ret: the lock, given up by hb_lock_release(). @reterr: who has it, when it is taken.
 *
 * Returns 0, -EBUSY, or -errno when no lock file can be used. Never blocks.
 */
int hb_lock_machine(struct hb_lock *ret, struct hb_error *reterr);

/* hb_lock_release - give up the lock; one that is not held is accepted. */
void hb_lock_release(struct hb_lock *lock);

/*
 * hb_lock_holder - who holds the flock of @fd's file: "process 123 of alice (hotbed run ...)", or "another process".
 * @buffer: HB_LOCK_HOLDER_BYTES bytes. Returns @buffer.
 */
#define HB_LOCK_HOLDER_BYTES 256
char *hb_lock_holder(int fd, char *buffer);

#endif
