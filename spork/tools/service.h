/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The helper of a run: translates the modules that the runtime asks for, while the programs go on. It belongs to
 * nobody (own session, no descriptor of the caller's) and ends when the program has ended and nothing is left to do.
 */
#ifndef SPORK_SERVICE_H
#define SPORK_SERVICE_H

struct hb_error;

struct service {
	const char *cache;  /* path of the cache folder */
	const char *folder; /* of the run; removed at the end */
	int socket_fd;
	int program_fd; /* pidfd */
	int alive_fd;   /* kept open while it lives, or -1 */
};

/*
 * service_socket - bind the socket that the runtime writes to, in the run's folder.
 * Returns a descriptor, or -errno with the reason.
 */
int service_socket(const char *folder, struct hb_error *reterr);

/* service_run - be the helper, in a process that has left its caller, until the program has ended. Blocks. */
void service_run(const struct service *service);

/* service_start - start the helper. Returns 0 or -errno; the caller has no child of it left. */
int service_start(const struct service *service, struct hb_error *reterr);

#endif
